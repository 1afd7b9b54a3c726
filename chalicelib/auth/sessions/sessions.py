"""Sessions: opened by a login, kept alive by refreshing, listed, ended by logging out."""

from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.auth.accounts import passwords
from chalicelib.auth.sessions import tokens
from chalicelib.auth.sessions.models import LoginRequest, Session, Tokens
from chalicelib.core import errors, identity, rows, sql
from chalicelib.core.http import Origin
from chalicelib.core.identity import SessionId, UserId
from chalicelib.core.models import Page, PageQuery, page_of

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

# A password changes seldom, and each judgement takes tens of milliseconds.
_MOST_JUDGEMENTS = 3


def log_in(login: LoginRequest, origin: Origin) -> Tokens:
    """Open a session. Raises Unauthorized (bad_credentials), the same for every reason.

    The password is judged between two transactions, because that takes tens of milliseconds on purpose;
    finish_login() locks the account, so parallel guesses still count one by one, and a password that was
    changed meanwhile is judged anew.
    """
    identifier = login.email or login.username or ""
    for _ in range(_MOST_JUDGEMENTS):
        user_id, stored = identity.ask(queries.find_login, {"identifier": identifier}, again=True) or (None, None)
        matches = passwords.verify(stored, login.password)
        is_outdated = matches and stored and passwords.needs_rehash(stored, login.password)
        rehashed = passwords.hash_password(login.password) if is_outdated else None
        opened = _finish(user_id, identifier, origin, verified_hash=stored, matches=matches, rehashed=rehashed)
        if opened is not None:
            return opened
    raise errors.Unauthorized(code="bad_credentials")


def open_proved(user_id: UUID, identifier: str, origin: Origin) -> Tokens:
    """Open a session for somebody who has proved to be `user_id` otherwise. Raises Unauthorized (bad_credentials)."""
    opened = _finish(user_id, identifier, origin, verified_hash=None, matches=True, rehashed=None)
    if opened is None:
        raise errors.Unauthorized(code="bad_credentials")
    return opened


def refresh(presented: str, origin: Origin) -> Tokens:
    """Spend a refresh token for new tokens of its session. Raises Unauthorized (bad_refresh_token).

    A token that was spent before ends its whole session: one of its two users stole it.
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


def list_page(conn: "Conn", query: PageQuery, current: UUID) -> Page[Session]:
    """The caller's sessions that still hold, newest first; `current` is the one that asks."""
    params = {"current": current, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Session, queries.list, params), query.limit)


def revoke(conn: "Conn", session_id: UUID) -> None:
    """End one of the caller's sessions, for every token of it, from the next request on. Raises NotFound."""
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
) -> Tokens | None:
    """The session's tokens, or None when the password was changed since it was judged. Raises Unauthorized."""
    refresh_token, refresh_hash = tokens.new_refresh_token()
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
        },
        again=False,
    )
    if opened is not None and opened[1]:
        return None
    if user_id is None or opened is None or opened[0] is None:
        raise errors.Unauthorized(code="bad_credentials")
    return tokens.for_session(SessionId(opened[0]), UserId(user_id), refresh_token)
