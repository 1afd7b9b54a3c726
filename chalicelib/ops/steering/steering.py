"""What administrators see of the use of the service, in numbers; limits of spaces; and what they tell everybody."""

from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Page, page_of
from chalicelib.ops.steering.models import (
    Announcement,
    AnnouncementQuery,
    NewAnnouncement,
    SpaceReport,
    StorageLimit,
    StorageReport,
    UsageEntry,
    UsageQuery,
    UsageReport,
)

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


def usage(conn: "Conn", query: UsageQuery) -> UsageReport:
    """The use of the service by user, group, model or day."""
    return UsageReport(items=rows.many(conn, UsageEntry, queries.usage, query.model_dump()))


def storage(conn: "Conn") -> StorageReport:
    """What the spaces hold."""
    return StorageReport(items=rows.many(conn, SpaceReport, queries.storage))


def limit_user(conn: "Conn", user_id: UUID, limit: StorageLimit) -> None:
    """Set what one user's space may hold. Raises NotFound."""
    if not rows.value(conn, queries.limit_user, {"id": user_id, "megabytes": limit.megabytes}):
        raise errors.NotFound


def limit_group(conn: "Conn", group_id: UUID, limit: StorageLimit) -> None:
    """Set what one group's space may hold. Raises NotFound."""
    if not rows.value(conn, queries.limit_group, {"id": group_id, "megabytes": limit.megabytes}):
        raise errors.NotFound


def announce(conn: "Conn", new: NewAnnouncement) -> Announcement:
    """Tell everybody something."""
    created = rows.one(conn, Announcement, queries.announce, new.model_dump())
    if created is None:
        raise errors.NotFound
    return created


def announcement(conn: "Conn", announcement_id: UUID) -> Announcement:
    """One announcement. Raises NotFound."""
    row = rows.one(conn, Announcement, queries.announcement, {"id": announcement_id})
    if row is None:
        raise errors.NotFound
    return row


def announcements(conn: "Conn", query: AnnouncementQuery) -> Page[Announcement]:
    """Announcements of this moment, or all, newest first."""
    params = {"all": query.all, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Announcement, queries.announcements, params), query.limit)


def withdraw(conn: "Conn", announcement_id: UUID) -> None:
    """Delete an announcement. Raises NotFound."""
    if conn.execute(queries.withdraw, {"id": announcement_id}).fetchone() is None:
        raise errors.NotFound
