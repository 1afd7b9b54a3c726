"""Accounts over HTTP: registering, one's own account, and every account for administrators."""

from uuid import UUID

from chalicelib.auth.accounts import administration, erasure, leaving, password_hashes, users
from chalicelib.auth.accounts.models import (
    Heir,
    Holdings,
    ManagedUser,
    Me,
    NewUser,
    PasswordChange,
    PersonMatch,
    PersonQuery,
    ProfileChanges,
    Registration,
    User,
    UserChanges,
    UserQuery,
)
from chalicelib.auth.audit import audit
from chalicelib.auth.mail import configuration
from chalicelib.core import errors, idempotency, identity, request
from chalicelib.core.http import Reply, Routes
from chalicelib.core.models import Page

routes = Routes(__name__)


@routes.get("/users", admin=True)
def list_users(query: UserQuery) -> Page[ManagedUser]:
    """Accounts, newest first."""
    with identity.as_caller() as conn:
        return administration.list_page(conn, query)


@routes.post("/users", admin=True, proof=True, status=201)
def create_user(body: NewUser) -> Reply[ManagedUser]:
    """Create an account, also while registration is closed. 409 `email_taken`."""
    password_hash = password_hashes.hash_password(body.password) if body.password else None

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


@routes.patch("/users/{user_id}", admin=True, proof=True)
def update_user(user_id: UUID, body: UserChanges) -> ManagedUser:
    """Change an account. Its deactivation and a new password end its sessions and API keys at once.

    `keep_api_keys` keeps the keys.

    409 `last_administrator` when no other administrator would remain, 422 `password_reused` for one of the account's
    last five passwords.
    """
    replacement = _replacement_hash(user_id, body.password) if body.password else None
    with identity.as_caller() as conn:
        if replacement is not None:
            origin = request.origin()
            administration.replace_password(conn, user_id, replacement, origin, keep_api_keys=body.keep_api_keys)
        changed = administration.change(conn, user_id, body)
        audited_fields = {"is_active", "is_admin", "queue_weight"}
        details = {name: value for name, value in body.changed_fields().items() if name in audited_fields}
        audit.record(conn, "user.changed", "user", user_id, fields=sorted(body.model_fields_set), **details)
    return changed


@routes.get("/users/{user_id}/holdings", admin=True)
def get_user_holdings(user_id: UUID) -> Holdings:
    """What an account holds, in numbers alone: what a leaver leaves."""
    with identity.as_caller() as conn:
        return leaving.holdings(conn, user_id)


@routes.delete("/users/{user_id}", admin=True, proof=True, status=202)
def delete_user(user_id: UUID) -> ManagedUser:
    """Deactivate an account, and have it erased after a wait (`delete_after`); until then it can be restored.

    409 `conflict` for the own account: DELETE /me erases it at once.
    """
    with identity.as_caller() as conn:
        leaver = leaving.schedule_deletion(conn, user_id)
        audit.record(conn, "user.deletion_scheduled", "user", user_id)
    return leaver


@routes.post("/users/{user_id}/restore", admin=True, proof=True)
def restore_user(user_id: UUID) -> ManagedUser:
    """Keep an account that was to be erased, and activate it. 404 for an account that was not."""
    with identity.as_caller() as conn:
        restored = leaving.cancel_deletion(conn, user_id)
        audit.record(conn, "user.restored", "user", user_id)
    return restored


@routes.post("/users/{user_id}/handover", admin=True, proof=True)
def hand_over_user(user_id: UUID, body: Heir) -> None:
    """Give the private documents and repositories of a deactivated user to another one, without reading them.

    Conversations and memories stay private, and are erased with the account. 409 `conflict` for an account in use, and
    for an administrator who would get them; 503 `unavailable` when it takes longer than a request may: repeat it.
    """
    leaving.hand_over(user_id, body.heir_id)
    with identity.as_caller() as conn:
        audit.record(conn, "user.handed_over", "user", user_id, to=body.heir_id)


@routes.post("/users/{user_id}/unlock", admin=True)
def unlock_user(user_id: UUID) -> ManagedUser:
    """End every lock of an account."""
    with identity.as_caller() as conn:
        unlocked = administration.unlock(conn, user_id)
        audit.record(conn, "user.unlocked", "user", user_id)
    return unlocked


def _replacement_hash(user_id: UUID, password: str) -> str:
    """The hash of another user's new password. A refusal reveals something about the old ones: it is audited."""
    with identity.as_caller() as conn:
        recent = administration.recent_passwords(conn, user_id)
    try:
        return users.replacement_hash(password, recent)
    except errors.Unprocessable:
        with identity.as_caller() as conn:
            audit.record(conn, "user.password_refused", "user", user_id)
        raise


@routes.post("/groups/{group_id}/people", limit="invitation")
def find_person(group_id: UUID, body: PersonQuery) -> PersonMatch:
    """Find a person to add to a group, by the whole verified e-mail address or username.

    403 without the role `admin`, 404 for nobody.
    """
    with identity.as_caller() as conn:
        return users.find_person(conn, group_id, body)


@routes.post("/auth/register", auth=False, limit="register", status=201)
def register_user(body: Registration) -> Reply[User]:
    """Create a local account.

    409 `email_taken` when the e-mail address or username is in use, 403 `registration_closed` when accounts are only
    made by administrators and invitations, 403 `domain_refused` for an address of another domain than may register.
    Where the address must be verified first, `awaits_verification` says so, and an e-mail has the link.
    """
    users.check_registration(body.email)
    language = configuration.language(body.language)
    password_hash = password_hashes.hash_password(body.password)
    with identity.as_nobody() as conn:
        created = users.register(conn, body, password_hash, language, request.origin())
    return Reply(created, headers={"Location": "/me"})


@routes.get("/me")
def get_me() -> Me:
    """The caller's own account, and how it can log in."""
    with identity.as_caller() as conn:
        return users.me(conn)


@routes.patch("/me", scope="account")
def update_me(body: ProfileChanges) -> Me:
    """Change the caller's display name or username. 409 `email_taken` when the username is in use."""
    with identity.as_caller() as conn:
        changed = users.change(conn, body)
        audit.record(conn, "user.changed", "user", changed.id, fields=sorted(body.model_fields_set))
    return changed


@routes.delete("/me", scope="account", limit="password")
def delete_me() -> None:
    """Erase the caller's account and everything in it, permanently.

    A login, or another proof, within the last fifteen minutes is required (403 `stale_session`). Documents in a group's
    or the organisation's space stay there. The objects in the bucket are deleted within minutes.
    """
    erasure.erase()


@routes.put("/me/password", scope="account", limit="password")
def update_password(body: PasswordChange) -> None:
    """Replace the caller's password; end every other session and, unless `keep_api_keys` is true, every API key.

    403 `wrong_password`, 422 `password_reused` for one of the last five, 409 `conflict` when another request replaces
    the password.
    """
    with identity.as_caller() as conn:
        recent = users.recent_passwords(conn)
    replacement = users.verified_hash(body, recent)
    with identity.as_caller() as conn:
        user_id = identity.caller_id()
        replaced = users.replace_password(
            conn,
            user_id,
            replacement,
            expected=recent[0],
            current_session=request.session_id(),
            origin=request.origin(),
            keep_api_keys=body.keep_api_keys,
        )
        if not replaced:
            raise errors.Conflict("Another request changed the password.")
        audit.record(conn, "user.password_changed", "user", user_id, keep_api_keys=body.keep_api_keys)
