"""Anonymous users: a client's secret identifies them, and an anonymous user can become an account with all its data.

An anonymous user has a space, documents and conversations like any other user. It sees the organisation's documents
only if the deployment allows it, and cannot store keys of its own.
"""

import hashlib

from chalicelib.auth.accounts import password_hashes
from chalicelib.auth.accounts.models import Registration
from chalicelib.auth.sessions import credentials, sessions, tokens
from chalicelib.auth.sessions.models import LoginRequest, Tokens
from chalicelib.core import errors, identity, sql
from chalicelib.core.identity import SessionId, UserId
from chalicelib.core.request import Origin

queries = sql.load(__file__)

_DOMAIN = b"alcove anonymous client\0"


def open_session(client_id: str, origin: Origin) -> Tokens:
    """Open a session of the anonymous user with this `client_id`. Raises Forbidden (anonymous_off)."""
    refresh_token, refresh_hash = tokens.new_refresh_token()
    params = {"client_hash": client_hash(client_id), "refresh_hash": refresh_hash, **_from(origin)}
    opened = identity.ask(queries.open, params, again=False)
    if opened is None:
        raise errors.Forbidden(code="anonymous_off")
    session_id, user_id = opened
    return tokens.for_session(SessionId(session_id), UserId(user_id), refresh_token)


def client_hash(client_id: str) -> bytes:
    """The stored hash of a client's secret. SHA-256 is enough: the secret is random, not chosen by a person."""
    return hashlib.sha256(_DOMAIN + client_id.encode()).digest()


def register(new: Registration, origin: Origin) -> Tokens:
    """Turn the caller, an anonymous user, into a local account; its anonymous sessions end.

    Raises Conflict: not_anonymous, or email_taken, which changes nothing; Forbidden (registration_closed).
    """
    import psycopg

    if not _require_anonymous():
        raise errors.Forbidden(code="registration_closed")
    password_hash = password_hashes.hash_password(new.password)
    refresh_token, refresh_hash = tokens.new_refresh_token()
    params = {
        "email": new.email,
        "username": new.username,
        "display_name": new.display_name or new.username or new.email.partition("@")[0],
        "password_hash": password_hash,
        "refresh_hash": refresh_hash,
        **_from(origin),
    }
    try:
        with identity.as_caller() as conn:
            opened = conn.execute(queries.upgrade, params).fetchone()
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict(code="email_taken") from error
    if opened is None:
        raise errors.Conflict(code="not_anonymous")
    session_id, user_id = opened
    return tokens.for_session(SessionId(session_id), UserId(user_id), refresh_token)


def log_in(login: LoginRequest, anonymous_session: SessionId, origin: Origin) -> Tokens:
    """Log in to an existing account and move the anonymous caller's data into it, in one transaction.

    Raises Conflict (not_anonymous) and Unauthorized (bad_credentials).
    """
    _require_anonymous()
    opened = sessions.log_in(login, origin)
    before = identity.caller.set(identity.Caller(credentials.authenticate(opened.access_token), "account"))
    try:
        with identity.as_caller() as conn:
            params = {"session_id": anonymous_session, "ip_address": origin.ip_address, "request_id": origin.request_id}
            conn.execute(queries.absorb, params)
    finally:
        identity.caller.reset(before)
    return opened


def _require_anonymous() -> bool:
    """Whether registration is open. Raises Conflict (not_anonymous) for a caller who has an account."""
    with identity.as_caller() as conn:
        row = conn.execute(queries.is_anonymous).fetchone()
    if row is None or not row[0]:
        raise errors.Conflict(code="not_anonymous")
    return bool(row[1])


def _from(origin: Origin) -> dict[str, str | None]:
    return {"ip_address": origin.ip_address, "user_agent": origin.user_agent, "request_id": origin.request_id}
