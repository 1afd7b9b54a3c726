"""Sessions: opened by a login, refreshed, listed, and ended by a logout or at the end that the login set."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.auth.accounts import password_hashes
from chalicelib.auth.second_factors.second_factors import ReadCode, read_code
from chalicelib.auth.sessions import tokens
from chalicelib.auth.sessions.models import LoginRequest, Session, SessionProof, Tokens
from chalicelib.core import errors, identity, rows, sql
from chalicelib.core.identity import SessionId, UserId
from chalicelib.core.models import Page, PageQuery, page_of
from chalicelib.core.request import Origin

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

# A password that changes during a login is rare, and each verification takes tens of milliseconds.
_VERIFICATIONS = 3


def log_in(login: LoginRequest, origin: Origin) -> Tokens:
    """Open a session. Raises Unauthorized (bad_credentials), the same for every reason.

    After a right password also Unauthorized (code_required) without a code of the account's second factor, and
    Forbidden (email_unverified) for an account that waits for its address to be verified.

    The password is verified between two transactions, because a verification takes tens of milliseconds.
    finish_login() locks the account's row, so that parallel guesses are counted one by one, by device or address. A
    password that another request
    changed in between is verified again.
    """
    identifier = login.email or login.username or ""
    for _ in range(_VERIFICATIONS):
        user_id, stored = identity.ask(queries.find_login, {"identifier": identifier}, again=True) or (None, None)
        matches = password_hashes.verify(stored, login.password)
        is_outdated = matches and stored and password_hashes.needs_rehash(stored, login.password)
        rehashed = password_hashes.hash_password(login.password) if is_outdated else None
        opened = _finish(
            user_id,
            identifier,
            origin,
            verified_hash=stored,
            matches=matches,
            rehashed=rehashed,
            device_token=login.device_token,
            code=read_code(user_id, login.code) if matches and user_id and login.code else ReadCode(),
        )
        if opened is not None:
            return opened
    raise errors.Unauthorized(code="bad_credentials")


def refresh(presented: str, origin: Origin) -> Tokens:
    """Exchange a refresh token for new tokens of its session. Raises Unauthorized (bad_refresh_token).

    A used token gets new tokens for 30 seconds more (refresh_grace), because answers get lost and clients race. A later
    use ends its session: one of the two users stole it (RFC 9700, section 4.14.2).
    """
    successor, successor_hash = tokens.new_refresh_token()
    params = {
        "presented": tokens.refresh_hash(presented),
        "successor": successor_hash,
        "ip_address": origin.ip_address,
        "request_id": origin.request_id,
    }
    with identity.as_nobody() as conn:
        row = conn.execute(queries.rotate, params).fetchone()
    if row is None:
        raise errors.Unauthorized(code="bad_refresh_token")
    session_id, user_id = row
    return tokens.for_session(SessionId(session_id), UserId(user_id), successor)


def prove(conn: "Conn", session_id: UUID, verified_hash: str | None, code: ReadCode) -> SessionProof:
    """Renew the proof of a session of the caller, whose password matched `verified_hash`.

    Raises Forbidden (wrong_code) for a wrong code, and without one for an account with a second factor; also when
    another request changed the password meanwhile.
    """
    params = {"session_id": session_id, "verified_hash": verified_hash, "step": code.step, "recovery": code.recovery}
    expires_at = rows.value(conn, queries.renew_proof, params)
    if expires_at is None:
        raise errors.Forbidden(code="wrong_code")
    return SessionProof(expires_at=expires_at)


def list_page(conn: "Conn", query: PageQuery, current: UUID) -> Page[Session]:
    """The caller's active sessions, newest first; `current` is the session of this request."""
    params = {"current": current, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Session, queries.list, params), query.limit)


def store_data(conn: "Conn", session_id: UUID, data: Mapping[str, Any]) -> Session:
    """Keep `data` with one of the caller's sessions, in place of what it kept; returns it. Raises NotFound."""
    from psycopg.types.json import Jsonb

    conn.execute(queries.store_data, {"session_id": session_id, "data": Jsonb(dict(data))})
    session = rows.one(conn, Session, queries.one, {"session_id": session_id})
    if session is None:
        raise errors.NotFound
    return session


def revoke(conn: "Conn", session_id: UUID) -> None:
    """End one of the caller's sessions with all its tokens, from the next request on. Raises NotFound."""
    if conn.execute(queries.revoke, {"session_id": session_id}).fetchone() is None:
        raise errors.NotFound


def revoke_all(conn: "Conn") -> int:
    """End every session of the caller; returns how many there were."""
    return conn.execute(queries.revoke_all).rowcount


def _finish(
    user_id: UUID | None,
    identifier: str,
    origin: Origin,
    *,
    verified_hash: str | None,
    matches: bool,
    rehashed: str | None,
    device_token: str | None = None,
    code: ReadCode = ReadCode(),  # noqa: B008 — it is frozen
) -> Tokens | None:
    """The session's tokens, or None when the password changed meanwhile. Raises Unauthorized, Forbidden."""
    refresh_token, refresh_hash = tokens.new_refresh_token()
    new_device_token, new_device = tokens.new_device_token()
    opened = identity.ask(
        queries.finish_login,
        {
            "user_id": user_id,
            "identifier": identifier,
            "verified_hash": verified_hash,
            "matches": matches,
            "rehashed": rehashed,
            "refresh_hash": refresh_hash,
            "ip_address": origin.ip_address,
            "user_agent": origin.user_agent,
            "request_id": origin.request_id,
            "device": tokens.refresh_hash(device_token) if device_token else None,
            "new_device": new_device,
            "step": code.step,
            "recovery": code.recovery,
        },
        again=False,
    )
    if opened is not None and opened[1]:
        return None
    refusal = opened[3] if opened is not None else None
    if refusal == "code_required":
        raise errors.Unauthorized(code="code_required")
    if refusal == "email_unverified":
        raise errors.Forbidden(code="email_unverified")
    if user_id is None or opened is None or opened[0] is None:
        raise errors.Unauthorized(code="bad_credentials")
    issued = tokens.for_session(SessionId(opened[0]), UserId(user_id), refresh_token)
    return issued.model_copy(update={"device_token": device_token if opened[2] else new_device_token})
