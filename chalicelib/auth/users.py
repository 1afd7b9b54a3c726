"""Accounts: making one, reading one's own."""

from typing import TYPE_CHECKING, cast
from uuid import UUID

from chalicelib.auth.models import Registration, User
from chalicelib.core import db, errors, sql

if TYPE_CHECKING:
    from chalicelib.core.db import Conn

queries = sql.load(__file__)


def register(conn: "Conn", new: Registration, password_hash: str, ip_address: str | None, request_id: str) -> UUID:
    """Make a local account, before identity exists; returns its id. Raises Conflict (email_taken).

    The hash comes from outside because making it takes a while, and no transaction should wait for it.
    """
    import psycopg

    try:
        made = db.value(
            conn,
            queries.register,
            {
                "email": new.email,
                "username": new.username,
                "display_name": new.display_name or new.username or new.email.partition("@")[0],
                "password_hash": password_hash,
                "ip_address": ip_address,
                "request_id": request_id,
            },
        )
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict(code="email_taken") from error
    return cast("UUID", made)


def me(conn: "Conn") -> User:
    """The caller's own account."""
    found = db.one(conn, User, queries.me)
    if found is None:
        raise errors.NotFound
    return found
