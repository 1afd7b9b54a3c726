"""Sessions: opened by a login, kept alive by refreshing, ended by logging out."""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.auth import passwords, tokens
from chalicelib.auth.models import Login, Tokens
from chalicelib.core import db, errors, sql

if TYPE_CHECKING:
    from chalicelib.core.db import Conn

queries = sql.load(__file__)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from, as sessions, login attempts and the audit log record it."""

    ip_address: str | None
    user_agent: str
    request_id: str


@dataclass(frozen=True, slots=True)
class _Account:
    user_id: UUID
    password_hash: str | None


def log_in(login: Login, origin: Origin) -> Tokens:
    """Open a session. Raises Unauthorized (bad_credentials), the same for every reason.

    The password is judged between two transactions, because that takes tens of milliseconds on purpose;
    finish_login() locks the account, so parallel guesses still count one by one.
    """
    identifier = login.email or login.username or ""
    with db.as_nobody() as conn:
        account = db.one(conn, _Account, queries.find_login, {"identifier": identifier})
    stored = account.password_hash if account else None
    matches = passwords.verify(stored, login.password)
    rehashed = passwords.hash_password(login.password) if matches and stored and passwords.needs_rehash(stored) else None
    refresh_token, refresh_hash = tokens.new_refresh_token()
    with db.as_nobody() as conn:
        session_id = db.value(
            conn,
            queries.finish_login,
            {
                "user_id": account.user_id if account else None,
                "identifier": identifier,
                "matches": matches,
                "rehashed": rehashed,
                "refresh_hash": refresh_hash,
                "ip_address": origin.ip_address,
                "user_agent": origin.user_agent,
                "request_id": origin.request_id,
            },
        )
    if account is None or session_id is None:
        raise errors.Unauthorized(code="bad_credentials")
    return _tokens(account.user_id, session_id, refresh_token)


def refresh(presented: str) -> Tokens:
    """Spend a refresh token for new tokens of its session. Raises Unauthorized (bad_refresh_token).

    A token that was spent before ends its whole session: one of its two users stole it.
    """
    successor, successor_hash = tokens.new_refresh_token()
    with db.as_nobody() as conn:
        row = conn.execute(
            queries.rotate, {"presented": tokens.refresh_hash(presented), "successor": successor_hash}
        ).fetchone()
    if row is None:
        raise errors.Unauthorized(code="bad_refresh_token")
    session_id, user_id = row
    return _tokens(user_id, session_id, successor)


def revoke(conn: "Conn", session_id: UUID) -> None:
    """End one of the caller's sessions, for every token of it, from the next request on."""
    conn.execute(queries.revoke, {"session_id": session_id})


def _tokens(user_id: UUID, session_id: UUID, refresh_token: str) -> Tokens:
    return Tokens(
        access_token=tokens.issue_access_token(user_id, session_id),
        expires_in=tokens.ACCESS_SECONDS,
        refresh_token=refresh_token,
    )
