"""Groups and their members over HTTP."""

from uuid import UUID

from chalicelib.auth.audit import audit
from chalicelib.auth.groups import groups
from chalicelib.auth.groups.models import (
    Group,
    GroupMember,
    GroupTitle,
    MemberRole,
    NewGroup,
)
from chalicelib.core import idempotency, identity
from chalicelib.core.http import Reply, Routes
from chalicelib.core.models import Page, PageQuery

routes = Routes(__name__)


@routes.get("/groups")
def list_groups(query: PageQuery) -> Page[Group]:
    """The groups of which the caller is a member; for an administrator, all. Newest first."""
    with identity.as_caller() as conn:
        return groups.list_page(conn, query)


@routes.post("/groups", admin=True, status=201)
def create_group(body: NewGroup) -> Reply[Group]:
    """Create a group, without members. 409 `conflict` for a name in use."""
    with identity.as_caller() as conn:

        def create() -> Group:
            created = groups.create(conn, body)
            audit.record(conn, "group.created", "group", created.id)
            return created

        created = idempotency.once(conn, create, lambda group_id: groups.get(conn, group_id))
    return Reply(created, headers={"Location": f"/groups/{created.id}"})


@routes.get("/groups/{group_id}")
def get_group(group_id: UUID) -> Group:
    """One group."""
    with identity.as_caller() as conn:
        return groups.get(conn, group_id)


@routes.patch("/groups/{group_id}", admin=True)
def update_group(group_id: UUID, body: NewGroup) -> Group:
    """Rename a group. For administrators of the service, because claims of a login provider name groups."""
    with identity.as_caller() as conn:
        renamed = groups.rename(conn, group_id, body)
        audit.record(conn, "group.changed", "group", group_id)
    return renamed


@routes.put("/groups/{group_id}/title")
def set_group_title(group_id: UUID, body: GroupTitle) -> Group:
    """Change what members call a group. 403 without the role `admin`."""
    with identity.as_caller() as conn:
        changed = groups.retitle(conn, group_id, body.title)
        audit.record(conn, "group.changed", "group", group_id)
    return changed


@routes.delete("/groups/{group_id}")
def delete_group(group_id: UUID) -> None:
    """Delete a group that has no documents. 403 without the role `admin`, 409 `not_empty`."""
    with identity.as_caller() as conn:
        groups.delete(conn, group_id)
        audit.record(conn, "group.deleted", "group", group_id)


@routes.get("/groups/{group_id}/members")
def list_group_members(group_id: UUID, query: PageQuery) -> Page[GroupMember]:
    """The members of a group."""
    with identity.as_caller() as conn:
        return groups.members(conn, group_id, query)


@routes.put("/groups/{group_id}/members/{user_id}")
def set_group_member(group_id: UUID, user_id: UUID, body: MemberRole) -> None:
    """Add a member, or change a member's role. 403 without the role `admin`."""
    with identity.as_caller() as conn:
        groups.set_member(conn, group_id, user_id, body.role)
        audit.record(conn, "membership.set", "user", user_id, group_id=str(group_id), role=body.role)


@routes.delete("/groups/{group_id}/members/{user_id}")
def remove_group_member(group_id: UUID, user_id: UUID) -> None:
    """End a membership. Every member can end their own; 403 for another member's without the role `admin`."""
    with identity.as_caller() as conn:
        groups.remove_member(conn, group_id, user_id)
        audit.record(conn, "membership.removed", "user", user_id, group_id=str(group_id))
