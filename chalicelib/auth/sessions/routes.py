"""Sessions and API keys over HTTP."""

from uuid import UUID

from chalicelib.auth.accounts import users
from chalicelib.auth.audit import audit
from chalicelib.auth.second_factors.second_factors import ReadCode, read_code
from chalicelib.auth.sessions import api_keys, sessions
from chalicelib.auth.sessions.models import (
    ApiKey,
    CreatedApiKey,
    LoginRequest,
    LogoutQuery,
    NewApiKey,
    PasswordProof,
    RefreshRequest,
    Session,
    SessionData,
    SessionProof,
    Tokens,
)
from chalicelib.core import errors, identity, request
from chalicelib.core.http import Reply, Routes
from chalicelib.core.models import Page, PageQuery

routes = Routes(__name__)


@routes.post("/auth/login", auth=False, limit="login")
def log_in(body: LoginRequest) -> Tokens:
    """Open a session. 401 `bad_credentials` for every reason.

    After the right password, 401 `code_required` without a code of the account's second factor, and 403
    `email_unverified` while the address must be verified first.
    """
    return sessions.log_in(body, request.origin())


@routes.post("/auth/refresh", auth=False, limit="refresh")
def refresh_tokens(body: RefreshRequest) -> Tokens:
    """Exchange a refresh token for new tokens. The same token works again for 30 seconds, for a retry or a race.

    A later use ends its session.
    """
    return sessions.refresh(body.refresh_token, request.origin())


@routes.post("/auth/logout", scope="account")
def log_out() -> None:
    """End the session of this access token, at once."""
    with identity.as_caller() as conn:
        sessions.revoke(conn, request.session_id())
        audit.record(conn, "session.closed", "session", request.session_id())


@routes.post("/auth/logout-all", scope="account")
def log_out_everywhere(query: LogoutQuery) -> None:
    """End every session of the caller and, unless `keep_api_keys` is true, every API key, at once."""
    with identity.as_caller() as conn:
        ended = 0 if query.keep_api_keys else api_keys.revoke_all(conn)
        closed = sessions.revoke_all(conn)
        details = {"closed": closed} | ({"api_keys_ended": ended} if ended else {})
        audit.record(conn, "session.all_closed", "user", identity.caller_id(), **details)


@routes.post("/me/session/proof", scope="account", limit="password")
def prove_identity(body: PasswordProof) -> SessionProof:
    """Prove with the password who is there: for 15 minutes, the session may do what requires a recent login.

    403 `wrong_password`; for an account with a second factor 403 `wrong_code`, also without `code`. An account without
    a password logs in through its provider again: a login is such a proof, and a refresh is none.
    """
    with identity.as_caller() as conn:
        present = users.recent_passwords(conn)[0]
    try:
        users.check_password(present, body.password)
    except errors.Forbidden:
        with identity.as_caller() as conn:
            audit.record(conn, "session.proof_refused", "session", request.session_id())
        raise
    code = read_code(identity.caller_id(), body.code) if body.code else ReadCode()
    with identity.as_caller() as conn:
        proof = sessions.prove(conn, request.session_id(), present, code)
        audit.record(conn, "session.proven", "session", request.session_id())
    return proof


@routes.get("/me/sessions", scope="account")
def list_sessions(query: PageQuery) -> Page[Session]:
    """The caller's active sessions, newest first."""
    with identity.as_caller() as conn:
        return sessions.list_page(conn, query, request.session_id())


@routes.put("/me/session/data", scope="account", status=200)
def store_session_data(body: SessionData) -> Session:
    """Keep names and values with this session, such as where a client left off. The service does not read them."""
    with identity.as_caller() as conn:
        return sessions.store_data(conn, request.session_id(), body.data)


@routes.delete("/me/sessions/{session_id}", scope="account")
def revoke_session(session_id: UUID) -> None:
    """End a session of the caller, at once."""
    with identity.as_caller() as conn:
        sessions.revoke(conn, session_id)
        audit.record(conn, "session.closed", "session", session_id)


@routes.get("/me/api-keys", scope="account")
def list_api_keys(query: PageQuery) -> Page[ApiKey]:
    """The caller's API keys, newest first, without the keys themselves."""
    with identity.as_caller() as conn:
        return api_keys.list_page(conn, query)


@routes.post("/me/api-keys", scope="account", proof=True, status=201)
def create_api_key(body: NewApiKey) -> Reply[CreatedApiKey]:
    """Create an API key. No other response contains `key`."""
    with identity.as_caller() as conn:
        created = api_keys.create(conn, body)
        audit.record(conn, "api_key.created", "api_key", created.id, scopes=created.scopes)
    return Reply(created, headers={"Location": f"/me/api-keys/{created.id}"})


@routes.delete("/me/api-keys/{key_id}", scope="account")
def revoke_api_key(key_id: UUID) -> None:
    """Revoke an API key, at once."""
    with identity.as_caller() as conn:
        api_keys.revoke(conn, key_id)
        audit.record(conn, "api_key.revoked", "api_key", key_id)


@routes.get("/users/{user_id}/api-keys", admin=True)
def list_user_api_keys(user_id: UUID, query: PageQuery) -> Page[ApiKey]:
    """The API keys of a user, newest first, without the keys themselves."""
    with identity.as_caller() as conn:
        return api_keys.list_page_of(conn, user_id, query)


@routes.delete("/users/{user_id}/api-keys/{key_id}", admin=True)
def revoke_user_api_key(user_id: UUID, key_id: UUID) -> None:
    """Revoke an API key of a user, at once."""
    with identity.as_caller() as conn:
        api_keys.revoke_of(conn, user_id, key_id)
        audit.record(conn, "api_key.revoked", "api_key", key_id, user_id=str(user_id))
