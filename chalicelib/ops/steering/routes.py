"""Reports, storage limits and announcements over HTTP."""

from uuid import UUID

from chalicelib.auth.audit import audit
from chalicelib.core import idempotency, identity
from chalicelib.core.http import Reply, Routes
from chalicelib.core.models import Page
from chalicelib.ops.steering import steering
from chalicelib.ops.steering.models import (
    Announcement,
    AnnouncementQuery,
    NewAnnouncement,
    StorageLimit,
    StorageReport,
    UsageQuery,
    UsageReport,
)

routes = Routes(__name__)


@routes.get("/reports/usage", admin=True)
def get_usage_report(query: UsageQuery) -> UsageReport:
    """Answers, cost, feedback and failures by user, group, model or day. Numbers only.

    A user counts for each of their groups.
    """
    with identity.as_caller() as conn:
        return steering.usage(conn, query)


@routes.get("/reports/storage", admin=True)
def get_storage_report() -> StorageReport:
    """What the spaces of users, groups and the organisation hold, and how many documents failed or were read in part.

    Numbers only.
    """
    with identity.as_caller() as conn:
        return steering.storage(conn)


@routes.put("/users/{user_id}/storage-limit", admin=True)
def set_user_storage_limit(user_id: UUID, body: StorageLimit) -> None:
    """Set what one user's space may hold, in place of the settings' limit."""
    with identity.as_caller() as conn:
        steering.limit_user(conn, user_id, body)
        audit.record(conn, "storage_limit.set", "user", user_id, megabytes=body.megabytes)


@routes.put("/groups/{group_id}/storage-limit", admin=True)
def set_group_storage_limit(group_id: UUID, body: StorageLimit) -> None:
    """Set what one group's space may hold, in place of the settings' limit."""
    with identity.as_caller() as conn:
        steering.limit_group(conn, group_id, body)
        audit.record(conn, "storage_limit.set", "group", group_id, megabytes=body.megabytes)


@routes.get("/announcements")
def list_announcements(query: AnnouncementQuery) -> Page[Announcement]:
    """What administrators tell everybody now, or with `all` ever, newest first."""
    with identity.as_caller() as conn:
        return steering.announcements(conn, query)


@routes.post("/announcements", admin=True, status=201)
def create_announcement(body: NewAnnouncement) -> Reply[Announcement]:
    """Tell everybody something, from now or a later time on."""
    with identity.as_caller() as conn:

        def create() -> Announcement:
            created = steering.announce(conn, body)
            audit.record(conn, "announcement.created", "announcement", created.id)
            return created

        created = idempotency.once(conn, create, lambda earlier: steering.announcement(conn, earlier))
    return Reply(created, headers={"Location": f"/announcements/{created.id}"})


@routes.get("/announcements/{announcement_id}")
def get_announcement(announcement_id: UUID) -> Announcement:
    """One announcement."""
    with identity.as_caller() as conn:
        return steering.announcement(conn, announcement_id)


@routes.delete("/announcements/{announcement_id}", admin=True)
def delete_announcement(announcement_id: UUID) -> None:
    """Delete an announcement."""
    with identity.as_caller() as conn:
        steering.withdraw(conn, announcement_id)
        audit.record(conn, "announcement.deleted", "announcement", announcement_id)
