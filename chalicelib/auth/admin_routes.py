"""Users, the audit log and groups over HTTP."""

from uuid import UUID

from chalice.app import Blueprint

from chalicelib.auth import administration, audit, groups, passwords, sessions, users
from chalicelib.auth.models import (
    AuditEntryPage,
    AuditQuery,
    Group,
    GroupPage,
    ManagedUser,
    ManagedUserPage,
    MemberPage,
    MemberRole,
    NewGroup,
    NewUser,
    UserChanges,
    UserQuery,
)
from chalicelib.core import db, errors, http, idempotency
from chalicelib.core.http import Reply, endpoint
from chalicelib.core.models import PageQuery

routes = Blueprint(__name__)


@routes.route("/users", methods=["GET"])
@endpoint(admin=True)
def list_users(query: UserQuery) -> ManagedUserPage:
    """Accounts, newest first."""
    with db.as_caller() as conn:
        return administration.list_page(conn, query)


@routes.route("/users", methods=["POST"], content_types=["*/*"])
@endpoint(admin=True, status=201)
def create_user(body: NewUser) -> Reply[ManagedUser]:
    """Make an account, also while registration is closed. 409 `email_taken`."""
    password_hash = passwords.hash_password(body.password) if body.password else None

    with db.as_caller() as conn:

        def create() -> ManagedUser:
            made = administration.create(conn, body, password_hash)
            audit.record(conn, "user.created", "user", made.id, is_admin=made.is_admin)
            return made

        made = idempotency.once(conn, create, lambda user_id: administration.get(conn, user_id))
    return Reply(made, headers={"Location": f"/users/{made.id}"})


@routes.route("/users/{user_id}", methods=["GET"])
@endpoint(admin=True)
def get_user(user_id: UUID) -> ManagedUser:
    """One account."""
    with db.as_caller() as conn:
        return administration.get(conn, user_id)


@routes.route("/users/{user_id}", methods=["PATCH"], content_types=["*/*"])
@endpoint(admin=True)
def change_user(user_id: UUID, body: UserChanges) -> ManagedUser:
    """Change an account. Deactivating it, or giving it a new password, ends its sessions at once.

    409 `last_administrator` when nobody else could manage the service, 422 `password_reused` for one of the account's
    last five passwords.
    """
    replacement = _judged(user_id, body.password) if body.password else None
    with db.as_caller() as conn:
        if replacement is not None:
            origin = sessions.Origin(http.client_address(), http.user_agent(), http.request_id())
            administration.replace_password(conn, user_id, replacement, origin)
        changed = administration.change(conn, user_id, body)
        shown = {"is_active", "is_admin", "queue_weight"}
        details = {name: value for name, value in body.given().items() if name in shown}
        audit.record(conn, "user.changed", "user", user_id, fields=sorted(body.model_fields_set), **details)
    return changed


@routes.route("/users/{user_id}/unlock", methods=["POST"], content_types=["*/*"])
@endpoint(admin=True)
def unlock_user(user_id: UUID) -> ManagedUser:
    """Let a locked account try its password again at once."""
    with db.as_caller() as conn:
        unlocked = administration.unlock(conn, user_id)
        audit.record(conn, "user.unlocked", "user", user_id)
    return unlocked


@routes.route("/audit-logs", methods=["GET"])
@endpoint(admin=True)
def list_audit_logs(query: AuditQuery) -> AuditEntryPage:
    """Who did what, to which thing, when and from where; newest first."""
    with db.as_caller() as conn:
        return audit.list_page(conn, query)


@routes.route("/groups", methods=["GET"])
@endpoint()
def list_groups(query: PageQuery) -> GroupPage:
    """The groups that the caller belongs to, or, for an administrator, all; newest first."""
    with db.as_caller() as conn:
        return groups.list_page(conn, query)


@routes.route("/groups", methods=["POST"], content_types=["*/*"])
@endpoint(admin=True, status=201)
def create_group(body: NewGroup) -> Reply[Group]:
    """Make a group, without members. 409 `conflict` for a name in use."""
    with db.as_caller() as conn:

        def create() -> Group:
            made = groups.create(conn, body)
            audit.record(conn, "group.created", "group", made.id)
            return made

        made = idempotency.once(conn, create, lambda group_id: groups.get(conn, group_id))
    return Reply(made, headers={"Location": f"/groups/{made.id}"})


@routes.route("/groups/{group_id}", methods=["GET"])
@endpoint()
def get_group(group_id: UUID) -> Group:
    """One group."""
    with db.as_caller() as conn:
        return groups.get(conn, group_id)


@routes.route("/groups/{group_id}", methods=["PATCH"], content_types=["*/*"])
@endpoint(admin=True)
def rename_group(group_id: UUID, body: NewGroup) -> Group:
    """Rename a group. Claims put people into groups by name, so this is the service's administrators' to do."""
    with db.as_caller() as conn:
        renamed = groups.rename(conn, group_id, body)
        audit.record(conn, "group.changed", "group", group_id)
    return renamed


@routes.route("/groups/{group_id}", methods=["DELETE"])
@endpoint()
def delete_group(group_id: UUID) -> None:
    """Delete a group that has no documents. 403 for a mere member, 409 `not_empty`."""
    with db.as_caller() as conn:
        groups.delete(conn, group_id)
        audit.record(conn, "group.deleted", "group", group_id)


@routes.route("/groups/{group_id}/members", methods=["GET"])
@endpoint()
def list_members(group_id: UUID, query: PageQuery) -> MemberPage:
    """The members of a group."""
    with db.as_caller() as conn:
        return groups.members(conn, group_id, query)


@routes.route("/groups/{group_id}/members/{user_id}", methods=["PUT"], content_types=["*/*"])
@endpoint()
def set_member(group_id: UUID, user_id: UUID, body: MemberRole) -> None:
    """Make somebody a member, or change a member's role. 403 for a mere member."""
    with db.as_caller() as conn:
        groups.set_member(conn, group_id, user_id, body.role)
        audit.record(conn, "membership.set", "user", user_id, group_id=str(group_id), role=body.role)


@routes.route("/groups/{group_id}/members/{user_id}", methods=["DELETE"])
@endpoint()
def remove_member(group_id: UUID, user_id: UUID) -> None:
    """End a membership. One's own ends whenever one likes; 403 for another's, to a mere member."""
    with db.as_caller() as conn:
        groups.remove_member(conn, group_id, user_id)
        audit.record(conn, "membership.removed", "user", user_id, group_id=str(group_id))


def _judged(user_id: UUID, password: str) -> str:
    """The hash of another's new password. A refusal says something of the old ones, so it is audited."""
    with db.as_caller() as conn:
        recent = administration.recent_passwords(conn, user_id)
    try:
        return users.judge_replacement(password, recent)
    except errors.Unprocessable:
        with db.as_caller() as conn:
            audit.record(conn, "user.password_refused", "user", user_id)
        raise
