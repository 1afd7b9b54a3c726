"""One's own account over HTTP: coming in, going out, and what is one's own."""

from uuid import UUID

from chalice.app import Blueprint

from chalicelib.auth import api_keys, audit, erasure, export, passwords, sessions, users
from chalicelib.auth.models import (
    ApiKeyPage,
    ExportPage,
    ExportQuery,
    Login,
    NewApiKey,
    NewlyMadeApiKey,
    PasswordChange,
    ProfileChanges,
    Refresh,
    Registration,
    SessionPage,
    Tokens,
    User,
)
from chalicelib.core import db, errors, http
from chalicelib.core.http import Reply, endpoint
from chalicelib.core.models import PageQuery

routes = Blueprint(__name__)


def _origin() -> sessions.Origin:
    return sessions.Origin(http.client_address(), http.user_agent(), http.request_id())


@routes.route("/auth/register", methods=["POST"], content_types=["*/*"])
@endpoint(auth=False, limit="register", status=201)
def register(body: Registration) -> Reply[User]:
    """Make a local account.

    409 `email_taken` when the e-mail address or username is in use, 403 `registration_closed` when only
    administrators make accounts.
    """
    password_hash = passwords.hash_password(body.password)
    with db.as_nobody() as conn:
        return Reply(users.register(conn, body, password_hash, _origin()), headers={"Location": "/me"})


@routes.route("/auth/login", methods=["POST"], content_types=["*/*"])
@endpoint(auth=False, limit="login")
def login(body: Login) -> Tokens:
    """Open a session. 401 `bad_credentials` whatever was wrong."""
    return sessions.log_in(body, _origin())


@routes.route("/auth/refresh", methods=["POST"], content_types=["*/*"])
@endpoint(auth=False, limit="refresh")
def refresh(body: Refresh) -> Tokens:
    """Spend a refresh token for new tokens. Spending one twice ends its session."""
    return sessions.refresh(body.refresh_token, _origin())


@routes.route("/auth/logout", methods=["POST"], content_types=["*/*"])
@endpoint(scope="account")
def logout() -> None:
    """End the session of this access token, at once and on every function."""
    with db.as_caller() as conn:
        sessions.revoke(conn, http.session_id())
        audit.record(conn, "session.closed", "session", http.session_id())


@routes.route("/auth/logout-all", methods=["POST"], content_types=["*/*"])
@endpoint(scope="account")
def logout_all() -> None:
    """End every session of the caller, at once and on every function."""
    with db.as_caller() as conn:
        closed = sessions.revoke_all(conn)
        audit.record(conn, "session.all_closed", "user", db.caller_id(), closed=closed)


@routes.route("/me", methods=["GET"])
@endpoint()
def me() -> User:
    """The caller's own account."""
    with db.as_caller() as conn:
        return users.me(conn)


@routes.route("/me", methods=["PATCH"], content_types=["*/*"])
@endpoint(scope="account")
def change_me(body: ProfileChanges) -> User:
    """Change one's display name or username. 409 `email_taken` when the username is in use."""
    with db.as_caller() as conn:
        changed = users.change(conn, body)
        audit.record(conn, "user.changed", "user", changed.id, fields=sorted(body.model_fields_set))
    return changed


@routes.route("/me", methods=["DELETE"])
@endpoint(scope="account", limit="password")
def erase_me() -> None:
    """Erase one's account and everything in it, for good.

    It takes a login of the last fifteen minutes (403 `stale_session`). Documents in a group's or the organisation's
    space stay there. The bucket's objects follow within minutes.
    """
    erasure.erase()


@routes.route("/me/password", methods=["PUT"], content_types=["*/*"])
@endpoint(scope="account", limit="password")
def change_password(body: PasswordChange) -> None:
    """Replace one's password and end every other session.

    403 `wrong_password`, 422 `password_reused` for one of the last five, 409 `conflict` when it was changed meanwhile.
    """
    with db.as_caller() as conn:
        recent = users.recent_passwords(conn)
    replacement = users.judge_password(body, recent)
    with db.as_caller() as conn:
        user_id = db.caller_id()
        replaced = users.replace_password(
            conn, user_id, replacement, expected=recent[0], kept_session=http.session_id(), origin=_origin()
        )
        if not replaced:
            raise errors.Conflict("The password was changed meanwhile.")
        audit.record(conn, "user.password_changed", "user", user_id)


@routes.route("/me/sessions", methods=["GET"])
@endpoint(scope="account")
def list_sessions(query: PageQuery) -> SessionPage:
    """The sessions that hold, newest first."""
    with db.as_caller() as conn:
        return sessions.list_page(conn, query, http.session_id())


@routes.route("/me/sessions/{session_id}", methods=["DELETE"])
@endpoint(scope="account")
def revoke_session(session_id: UUID) -> None:
    """End a session, at once and on every function."""
    with db.as_caller() as conn:
        sessions.revoke(conn, session_id)
        audit.record(conn, "session.closed", "session", session_id)


@routes.route("/me/export", methods=["GET"])
@endpoint(scope="account")
def export_account(query: ExportQuery) -> ExportPage:
    """Every row that is the caller's own: account, settings, documents, conversations and all the rest."""
    with db.as_caller() as conn:
        return export.page(conn, query)


@routes.route("/me/api-keys", methods=["GET"])
@endpoint(scope="account")
def list_api_keys(query: PageQuery) -> ApiKeyPage:
    """One's API keys, newest first, without the keys themselves."""
    with db.as_caller() as conn:
        return api_keys.list_page(conn, query)


@routes.route("/me/api-keys", methods=["POST"], content_types=["*/*"])
@endpoint(scope="account", status=201)
def create_api_key(body: NewApiKey) -> Reply[NewlyMadeApiKey]:
    """Make an API key. `key` is shown this once."""
    with db.as_caller() as conn:
        made = api_keys.create(conn, body)
        audit.record(conn, "api_key.created", "api_key", made.id, scopes=made.scopes)
    return Reply(made, headers={"Location": f"/me/api-keys/{made.id}"})


@routes.route("/me/api-keys/{key_id}", methods=["DELETE"])
@endpoint(scope="account")
def revoke_api_key(key_id: UUID) -> None:
    """End an API key, at once and on every function."""
    with db.as_caller() as conn:
        api_keys.revoke(conn, key_id)
        audit.record(conn, "api_key.revoked", "api_key", key_id)
