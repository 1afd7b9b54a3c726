"""Groups and their members. The policies of the tables decide who may change them."""

from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.auth.groups.models import Group, GroupMember, NewGroup, Role
from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Page, PageQuery, page_of

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

_MANAGED = "Only an administrator of the group or of the service can do this."


def create(conn: "Conn", new: NewGroup) -> Group:
    """Create a group, without members. Raises Conflict for a name in use."""
    import psycopg

    try:
        return _group_or_404(rows.one(conn, Group, queries.create, {"name": new.name}))
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict("Another group has this name.") from error


def get(conn: "Conn", group_id: UUID) -> Group:
    """A group of which the caller is a member; for an administrator, any group. Raises NotFound."""
    return _group_or_404(rows.one(conn, Group, queries.get, {"id": group_id}))


def list_page(conn: "Conn", query: PageQuery) -> Page[Group]:
    """The groups of which the caller is a member; for an administrator, all. Newest first."""
    params = {"after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Group, queries.list, params), query.limit)


def rename(conn: "Conn", group_id: UUID, new: NewGroup) -> Group:
    """Rename a group, as an administrator of the service. Raises NotFound, Conflict for a name in use."""
    import psycopg

    try:
        return _group_or_404(rows.one(conn, Group, queries.rename, {"id": group_id, "name": new.name}))
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict("Another group has this name.") from error


def retitle(conn: "Conn", group_id: UUID, title: str | None) -> Group:
    """Change what members call a group. Raises NotFound, Forbidden without the role `admin`."""
    if not rows.value(conn, queries.retitle, {"id": group_id, "title": title}):
        get(conn, group_id)
        raise errors.Forbidden(_MANAGED)
    return get(conn, group_id)


def delete(conn: "Conn", group_id: UUID) -> None:
    """Delete a group. Raises NotFound, Forbidden without the role `admin`, Conflict (not_empty)."""
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
        raise errors.Conflict("Delete the documents of the group first.", code="not_empty")


def members(conn: "Conn", group_id: UUID, query: PageQuery) -> Page[GroupMember]:
    """The members of a group that the caller may see. Raises NotFound."""
    get(conn, group_id)
    params = {"id": group_id, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, GroupMember, queries.members, params), query.limit)


def set_member(conn: "Conn", group_id: UUID, user_id: UUID, role: Role) -> None:
    """Add a member, or change a member's role. Raises NotFound, Forbidden without the role `admin`."""
    import psycopg

    params = {"id": group_id, "user_id": user_id, "role": role}
    try:
        row = conn.execute(queries.set_member, params).fetchone()
    except psycopg.errors.InsufficientPrivilege as error:
        raise errors.Forbidden(_MANAGED) from error
    except psycopg.errors.ForeignKeyViolation as error:
        raise errors.NotFound("The user does not exist.") from error
    if row is None:
        raise errors.NotFound


def remove_member(conn: "Conn", group_id: UUID, user_id: UUID) -> None:
    """End a membership, from the next request on. Raises NotFound, Forbidden for another's without the role `admin`."""
    if conn.execute(queries.remove_member, {"id": group_id, "user_id": user_id}).fetchone() is None:
        if get(conn, group_id).role in {"member", "editor"}:
            raise errors.Forbidden(_MANAGED)
        raise errors.NotFound


def _group_or_404(group: Group | None) -> Group:
    if group is None:
        raise errors.NotFound
    return group
