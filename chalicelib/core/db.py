"""The only way to Postgres: one warm connection per thread, one identity per transaction.

    with db.as_caller() as conn:      # the session of the request being served
    with db.as_user(user_id) as conn: # a worker continuing that user's own work
    with db.as_nobody() as conn:      # before identity exists: only the named definer functions answer

Opening costs one round trip (`begin` and the identity travel together), closing one more.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any, LiteralString, TypeVar
from uuid import UUID

from chalicelib.core import aws, errors
from chalicelib.core.settings import settings

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    Conn = Connection[TupleRow]

T = TypeVar("T")
Params = Mapping[str, Any]

# The session that core/http.py verified a token for.
caller_session: ContextVar[UUID | None] = ContextVar("caller_session", default=None)

# A statement that runs away, or a function frozen inside a transaction, gives its locks back by itself.
_BEGIN = "begin; set local statement_timeout = '20s'; set local idle_in_transaction_session_timeout = '30s'; "
_AS_NOBODY = _BEGIN + "select true"
_AS_SESSION = _BEGIN + "select * from begin_session(%s)"
_AS_USER = _BEGIN + "select assume_user(%s)"

_warm = threading.local()


class InactiveUserError(Exception):
    """The user whose work a worker wants to continue is gone or deactivated."""


@cache
def _secret() -> dict[str, Any]:
    value = aws.secrets().get_secret_value(SecretId=settings().database_secret)["SecretString"]
    document: dict[str, Any] = json.loads(value)
    return document


def connect(secret: Mapping[str, Any]) -> "Conn":
    """A new connection from a secret `{host, port, dbname, username, password, sslmode?}`.

    Named prepared statements are off: they pin a connection of RDS Proxy to one client.
    """
    import psycopg

    return psycopg.connect(
        host=secret["host"],
        port=secret["port"],
        dbname=secret["dbname"],
        user=secret["username"],
        password=secret["password"],
        sslmode=secret.get("sslmode", "prefer"),
        application_name="alcove",
        connect_timeout=5,
        autocommit=True,
        prepare_threshold=None,
    )


def _fresh() -> "Conn":
    import psycopg

    close()
    try:
        conn = connect(_secret())
    except psycopg.OperationalError:
        # The password may have been rotated since this process read it.
        _secret.cache_clear()
        conn = connect(_secret())
    _warm.connection = conn
    return conn


def close() -> None:
    """Close this thread's connection, if there is one."""
    conn: Conn | None = getattr(_warm, "connection", None)
    if conn is not None:
        conn.close()
        _warm.connection = None


def _begin(statement: LiteralString, params: tuple[Any, ...]) -> tuple["Conn", tuple[Any, ...] | None]:
    """Begin a transaction, reconnecting once when the warm connection turns out to be dead."""
    import psycopg

    conn: Conn | None = getattr(_warm, "connection", None)
    if conn is not None and not conn.closed:
        try:
            return conn, _open(conn, statement, params)
        except psycopg.OperationalError:
            conn = None
    try:
        conn = _fresh()
        return conn, _open(conn, statement, params)
    except psycopg.OperationalError as error:
        close()
        raise errors.Unavailable("The database cannot be reached.") from error


def _open(conn: "Conn", statement: LiteralString, params: tuple[Any, ...]) -> tuple[Any, ...] | None:
    import psycopg

    if conn.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
        conn.rollback()
    # Several statements in one message need values bound by the client, which ClientCursor quotes.
    cursor = psycopg.ClientCursor(conn)
    cursor.execute(statement, params or None)
    while cursor.nextset():
        pass
    return cursor.fetchone()


@contextmanager
def _transaction(statement: LiteralString, *params: Any, refuse: type[Exception]) -> "Iterator[Conn]":
    import psycopg

    conn, identity = _begin(statement, params)
    try:
        if not identity or not identity[0]:
            raise refuse
        yield conn
    except BaseException:
        if not conn.closed:
            conn.rollback()
        raise
    try:
        conn.commit()
    except psycopg.OperationalError as error:
        raise errors.Unavailable("The database went away before it confirmed the change.") from error


@contextmanager
def as_caller() -> "Iterator[Conn]":
    """A transaction as the session of the current request. Raises Unauthorized when it was revoked."""
    session = caller_session.get()
    if session is None:
        raise errors.Unauthorized
    with _transaction(_AS_SESSION, session, refuse=errors.Unauthorized) as conn:
        yield conn


@contextmanager
def as_user(user_id: UUID) -> "Iterator[Conn]":
    """A transaction of a worker that continues this user's own work. Raises InactiveUserError."""
    with _transaction(_AS_USER, user_id, refuse=InactiveUserError) as conn:
        yield conn


@contextmanager
def as_nobody() -> "Iterator[Conn]":
    """A transaction without identity: every table is empty, only granted definer functions answer."""
    with _transaction(_AS_NOBODY, refuse=RuntimeError) as conn:
        yield conn


def one(conn: "Conn", kind: type[T], query: LiteralString, params: Params | None = None) -> T | None:
    """The first row as a `kind` built from its columns, or None."""
    from psycopg.rows import class_row

    with conn.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(query, params).fetchone()


def many(conn: "Conn", kind: type[T], query: LiteralString, params: Params | None = None) -> list[T]:
    """Every row as a `kind` built from its columns."""
    from psycopg.rows import class_row

    with conn.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(query, params).fetchall()


def value(conn: "Conn", query: LiteralString, params: Params | None = None) -> Any:
    """The first column of the first row, or None."""
    row = conn.execute(query, params).fetchone()
    return row[0] if row else None
