"""Accounts over HTTP: registering, one's own account, and every account for administrators."""

from uuid import UUID

from chalicelib.auth.accounts import administration, erasure, export, passwords, users
from chalicelib.auth.accounts.models import (
    ExportedRow,
    ExportQuery,
    ManagedUser,
    NewUser,
    PasswordChange,
    ProfileChanges,
    Registration,
    User,
    UserChanges,
    UserQuery,
)
from chalicelib.auth.audit import audit
from chalicelib.core import errors, http, idempotency, identity
from chalicelib.core.http import Reply, Routes
from chalicelib.core.models import Page

routes = Routes(__name__)


@routes.get("/users", admin=True)
def list_users(query: UserQuery) -> Page[ManagedUser]:
    """Accounts, newest first."""
    with identity.as_caller() as conn:
        return administration.list_page(conn, query)


@routes.post("/users", admin=True, status=201)
def create_user(body: NewUser) -> Reply[ManagedUser]:
    """Make an account, also while registration is closed. 409 `email_taken`."""
    password_hash = passwords.hash_password(body.password) if body.password else None

    with identity.as_caller() as conn:

        def create() -> ManagedUser:
            created = administration.create(conn, body, password_hash)
            audit.record(conn, "user.created", "user", created.id, is_admin=created.is_admin)
            return created

        created = idempotency.once(conn, create, lambda user_id: administration.get(conn, user_id))
    return Reply(created, headers={"Location": f"/users/{created.id}"})


@routes.get("/users/{user_id}", admin=True)
def get_user(user_id: UUID) -> ManagedUser:
    """One account."""
    with identity.as_caller() as conn:
        return administration.get(conn, user_id)


@routes.patch("/users/{user_id}", admin=True)
def update_user(user_id: UUID, body: UserChanges) -> ManagedUser:
    """Change an account. Deactivating it, or giving it a new password, ends its sessions at once.

    409 `last_administrator` when nobody else could manage the service, 422 `password_reused` for one of the account's
    last five passwords.
    """
    replacement = _checked_hash(user_id, body.password) if body.password else None
    with identity.as_caller() as conn:
        if replacement is not None:
            origin = http.origin()
            administration.replace_password(conn, user_id, replacement, origin)
        changed = administration.change(conn, user_id, body)
        audited_fields = {"is_active", "is_admin", "queue_weight"}
        details = {name: value for name, value in body.changed_fields().items() if name in audited_fields}
        audit.record(conn, "user.changed", "user", user_id, fields=sorted(body.model_fields_set), **details)
    return changed


@routes.post("/users/{user_id}/unlock", admin=True)
def unlock_user(user_id: UUID) -> ManagedUser:
    """Let a locked account try its password again at once."""
    with identity.as_caller() as conn:
        unlocked = administration.unlock(conn, user_id)
        audit.record(conn, "user.unlocked", "user", user_id)
    return unlocked


def _checked_hash(user_id: UUID, password: str) -> str:
    """The hash of another's new password. A refusal says something of the old ones, so it is audited."""
    with identity.as_caller() as conn:
        recent = administration.recent_passwords(conn, user_id)
    try:
        return users.judge_replacement(password, recent)
    except errors.Unprocessable:
        with identity.as_caller() as conn:
            audit.record(conn, "user.password_refused", "user", user_id)
        raise


@routes.post("/auth/register", auth=False, limit="register", status=201)
def register_user(body: Registration) -> Reply[User]:
    """Make a local account.

    409 `email_taken` when the e-mail address or username is in use, 403 `registration_closed` when only
    administrators make accounts.
    """
    password_hash = passwords.hash_password(body.password)
    with identity.as_nobody() as conn:
        return Reply(users.register(conn, body, password_hash, http.origin()), headers={"Location": "/me"})


@routes.get("/me")
def get_me() -> User:
    """The caller's own account."""
    with identity.as_caller() as conn:
        return users.me(conn)


@routes.patch("/me", scope="account")
def update_me(body: ProfileChanges) -> User:
    """Change one's display name or username. 409 `email_taken` when the username is in use."""
    with identity.as_caller() as conn:
        changed = users.change(conn, body)
        audit.record(conn, "user.changed", "user", changed.id, fields=sorted(body.model_fields_set))
    return changed


@routes.delete("/me", scope="account", limit="password")
def delete_me() -> None:
    """Erase one's account and everything in it, for good.

    It takes a login of the last fifteen minutes (403 `stale_session`). Documents in a group's or the organisation's
    space stay there. The bucket's objects follow within minutes.
    """
    erasure.erase()


@routes.put("/me/password", scope="account", limit="password")
def update_password(body: PasswordChange) -> None:
    """Replace one's password and end every other session.

    403 `wrong_password`, 422 `password_reused` for one of the last five, 409 `conflict` when it was changed meanwhile.
    """
    with identity.as_caller() as conn:
        recent = users.recent_passwords(conn)
    replacement = users.judge_password(body, recent)
    with identity.as_caller() as conn:
        user_id = identity.caller_id()
        replaced = users.replace_password(
            conn, user_id, replacement, expected=recent[0], current_session=http.session_id(), origin=http.origin()
        )
        if not replaced:
            raise errors.Conflict("The password was changed meanwhile.")
        audit.record(conn, "user.password_changed", "user", user_id)


@routes.get("/me/export", scope="account")
def export_account(query: ExportQuery) -> Page[ExportedRow]:
    """Every row that is the caller's own, table by table: account, settings, documents, conversations and all the rest.

    A page may hold fewer rows than `limit`.
    """
    with identity.as_caller() as conn:
        return export.page(conn, query)
