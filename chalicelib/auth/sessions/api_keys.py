"""API keys: for programs, with scopes and an expiry. The key itself is returned once; its SHA-256 is stored."""

import secrets
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.auth.accounts import administration
from chalicelib.auth.sessions import credentials
from chalicelib.auth.sessions.models import ApiKey, CreatedApiKey, NewApiKey
from chalicelib.core import errors, identity, rows, sql
from chalicelib.core.models import Page, PageQuery, page_of

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

MAX_KEYS = 50
_PREFIX_CHARS = 12


def create(conn: "Conn", new: NewApiKey) -> CreatedApiKey:
    """Create a key for the caller.

    Raises Forbidden for a scope that the caller lacks, and for a key without an end that the settings do not allow;
    Conflict (too_many).
    """
    import psycopg

    if new.expires_in_days is None and not rows.value(conn, queries.may_last):
        raise errors.Forbidden("API keys must expire. Administrators can allow others: `api_keys_may_last`.")

    key = credentials.API_KEY_PREFIX + secrets.token_urlsafe(32)
    params = {
        "name": new.name,
        "prefix": key[:_PREFIX_CHARS],
        "key_hash": credentials.api_key_hash(key),
        "scopes": sorted(new.scopes),
        "days": new.expires_in_days,
        "most": MAX_KEYS,
    }
    rows.hold_limit(conn, "api_keys", identity.caller_id())
    try:
        created = rows.one(conn, ApiKey, queries.create, params)
    except psycopg.errors.InsufficientPrivilege as error:
        raise errors.Forbidden("Only an administrator can create a key with the scope admin.") from error
    if created is None:
        raise errors.Conflict(f"You have {MAX_KEYS} API keys, the maximum. Delete one first.", code="too_many")
    return CreatedApiKey(**created.model_dump(), key=key)


def list_page(conn: "Conn", query: PageQuery) -> Page[ApiKey]:
    """The caller's keys except revoked ones, newest first; expired ones too."""
    params = {"after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, ApiKey, queries.list, params), query.limit)


def revoke(conn: "Conn", key_id: UUID) -> None:
    """Revoke a key, from the next request on. Raises NotFound."""
    if conn.execute(queries.revoke, {"id": key_id}).fetchone() is None:
        raise errors.NotFound


def revoke_all(conn: "Conn") -> int:
    """Revoke every key of the caller; returns how many there were."""
    return conn.execute(queries.revoke_all).rowcount


def list_page_of(conn: "Conn", user_id: UUID, query: PageQuery) -> Page[ApiKey]:
    """A user's keys for an administrator, newest first. Raises NotFound."""
    administration.get(conn, user_id)
    params = {"user_id": user_id, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, ApiKey, queries.list_of_user, params), query.limit)


def revoke_of(conn: "Conn", user_id: UUID, key_id: UUID) -> None:
    """Revoke a user's key for an administrator, from the next request on. Raises NotFound."""
    if not rows.value(conn, queries.revoke_of_user, {"user_id": user_id, "id": key_id}):
        raise errors.NotFound
