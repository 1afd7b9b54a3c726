"""Accounts as administrators manage them. Administrators never see the contents of an account."""

from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.auth.accounts import users
from chalicelib.auth.accounts.models import ManagedUser, NewUser, UserChanges, UserQuery
from chalicelib.core import errors, identity, rows, sql
from chalicelib.core.models import Page, page_of
from chalicelib.core.request import Origin

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__, shared=users.queries)


def create(conn: "Conn", new: NewUser, password_hash: str | None) -> ManagedUser:
    """Create an account. Raises Conflict (email_taken)."""
    import psycopg

    params = new.model_dump(exclude={"password"}) | {
        "display_name": new.display_name or new.username or new.email.partition("@")[0],
        "password_hash": password_hash,
    }
    try:
        created = rows.one(conn, ManagedUser, queries.create, params)
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict(code="email_taken") from error
    if created is None:
        raise errors.NotFound
    return created


def get(conn: "Conn", user_id: UUID) -> ManagedUser:
    """An account. Raises NotFound."""
    return _managed_user_or_404(rows.one(conn, ManagedUser, queries.get, {"id": user_id}))


def list_page(conn: "Conn", query: UserQuery) -> Page[ManagedUser]:
    """Accounts, newest first."""
    params = {"q": query.q, "is_active": query.is_active, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, ManagedUser, queries.list, params), query.limit)


def change(conn: "Conn", user_id: UUID, changes: UserChanges) -> ManagedUser:
    """Change an account. Deactivating one ends its sessions, and its API keys unless they are kept.

    Raises NotFound, Conflict (last_administrator).
    """
    import psycopg

    params = changes.model_dump(exclude={"password", "keep_api_keys"}) | {"id": user_id}
    try:
        if changes.keep_api_keys:
            conn.execute(queries.keep_api_keys)
        return _managed_user_or_404(rows.one(conn, ManagedUser, queries.change, params))
    except psycopg.errors.CheckViolation as error:
        raise errors.Conflict(code="last_administrator") from error


def recent_passwords(conn: "Conn", user_id: UUID) -> list[str | None]:
    """The hashes that another user's new password must not match. Raises NotFound, Conflict for the caller's own."""
    if user_id == identity.caller_id():
        raise errors.Conflict("Use PUT /me/password for your own password.")
    hashes: list[str | None] | None = rows.value(conn, queries.recent_passwords, {"id": user_id})
    if hashes is None:
        raise errors.NotFound
    return hashes


def replace_password(
    conn: "Conn", user_id: UUID, replacement: str, origin: Origin, *, keep_api_keys: bool = False
) -> None:
    """Set another account's password; end its sessions, and its API keys unless they are kept. Raises NotFound."""
    if not users.replace_password(
        conn,
        user_id,
        replacement,
        expected=None,
        current_session=None,
        origin=origin,
        keep_api_keys=keep_api_keys,
    ):
        raise errors.NotFound


def unlock(conn: "Conn", user_id: UUID) -> ManagedUser:
    """End every lock of an account. Raises NotFound."""
    conn.execute(queries.unlock, {"id": user_id})
    return get(conn, user_id)


def _managed_user_or_404(user: ManagedUser | None) -> ManagedUser:
    if user is None:
        raise errors.NotFound
    return user
