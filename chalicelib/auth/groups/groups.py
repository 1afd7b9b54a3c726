"""Groups and their members. Policies decide who may change what; this only asks."""

from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.auth.groups.models import Group, GroupMember, NewGroup, Role
from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Page, PageQuery, page_of

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

_MANAGED = "Only an administrator of the group or of the service may do this."


def create(conn: "Conn", new: NewGroup) -> Group:
    """Make a group, without members. Raises Conflict for a name in use."""
    import psycopg

    try:
        return _group_or_404(rows.one(conn, Group, queries.create, {"name": new.name}))
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict("Another group has this name.") from error


def get(conn: "Conn", group_id: UUID) -> Group:
    """A group that the caller belongs to, or, for an administrator, any. Raises NotFound."""
    return _group_or_404(rows.one(conn, Group, queries.get, {"id": group_id}))


def list_page(conn: "Conn", query: PageQuery) -> Page[Group]:
    """The groups that the caller belongs to, or, for an administrator, all; newest first."""
    params = {"after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Group, queries.list, params), query.limit)


def rename(conn: "Conn", group_id: UUID, new: NewGroup) -> Group:
    """Rename a group, as the service's administrator. Raises NotFound, Conflict for a name in use."""
    import psycopg

    try:
        return _group_or_404(rows.one(conn, Group, queries.rename, {"id": group_id, "name": new.name}))
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict("Another group has this name.") from error


def delete(conn: "Conn", group_id: UUID) -> None:
    """Delete a group. Raises NotFound, Forbidden for a mere member, Conflict (not_empty) while it has documents."""
    import psycopg

    try:
        outcome = rows.value(conn, queries.delete, {"id": group_id})
    except psycopg.errors.ForeignKeyViolation:
        outcome = "not_empty"
    if outcome is None:
        raise errors.NotFound
    if outcome == "forbidden":
        raise errors.Forbidden(_MANAGED)
    if outcome == "not_empty":
        raise errors.Conflict("Delete what is in the group's space first.", code="not_empty")


def members(conn: "Conn", group_id: UUID, query: PageQuery) -> Page[GroupMember]:
    """The members of a group that the caller may see. Raises NotFound."""
    get(conn, group_id)
    params = {"id": group_id, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, GroupMember, queries.members, params), query.limit)


def set_member(conn: "Conn", group_id: UUID, user_id: UUID, role: Role) -> None:
    """Make somebody a member, or change a member's role. Raises NotFound, Forbidden for a mere member."""
    import psycopg

    params = {"id": group_id, "user_id": user_id, "role": role}
    try:
        row = conn.execute(queries.set_member, params).fetchone()
    except psycopg.errors.InsufficientPrivilege as error:
        raise errors.Forbidden(_MANAGED) from error
    except psycopg.errors.ForeignKeyViolation as error:
        raise errors.NotFound("There is no such user.") from error
    if row is None:
        raise errors.NotFound


def remove_member(conn: "Conn", group_id: UUID, user_id: UUID) -> None:
    """End a membership, from the next request on. Raises NotFound, Forbidden for a mere member and another's."""
    if conn.execute(queries.remove_member, {"id": group_id, "user_id": user_id}).fetchone() is None:
        if get(conn, group_id).role in {"member", "editor"}:
            raise errors.Forbidden(_MANAGED)
        raise errors.NotFound


def _group_or_404(group: Group | None) -> Group:
    if group is None:
        raise errors.NotFound
    return group
