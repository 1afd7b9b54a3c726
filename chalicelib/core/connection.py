"""The connection to Postgres: one warm connection for each thread, opened on first use and again when it is dead.

Only core/identity.py begins transactions on it; `connect` is for migrate, which connects as the owner.
"""

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, LiteralString

from chalicelib.core import errors, logins, process
from chalicelib.core.logins import Login
from chalicelib.core.settings import settings

if TYPE_CHECKING:
    from psycopg import Connection, OperationalError
    from psycopg.rows import TupleRow

    Conn = Connection[TupleRow]

Params = Mapping[str, Any]

# Each prepared statement keeps its plan in the memory of the server's process: 1.4 MB for a search.
_PREPARED = 4

# One attempt to connect: a database that wakes may drop an attempt that came before it was ready.
_ATTEMPT_SECONDS = 10
_PAUSE_SECONDS = 0.25

# A database that may pause ends idle connections after two minutes, and a network device may do so after six.
_TRUSTED_SECONDS = 60
_warm = threading.local()


# The login of elsewhere(), for the whole process.
_replaced: list[Login] = []


@process.cached
def _login() -> Login:
    if _replaced:
        return _replaced[-1]
    login = logins.of(logins.APP, settings().database_secret)
    return login | ({"host": settings().database_host} if settings().database_host else {})


@contextmanager
def elsewhere(login: Login) -> Iterator[None]:
    """Within the block the application works in another database: for migrate, which serves nobody meanwhile."""
    close()
    _replaced.append(login)
    _login.cache_clear()
    try:
        yield
    finally:
        _replaced.pop()
        close()
        _login.cache_clear()


def connect(login: Login, *, seconds: float = 5) -> "Conn":
    """A new connection with a login of core/logins.py, in one attempt.

    The attempt ends after `seconds`, two at least. Only statements that say so are prepared. Raises
    OperationalError; is_refusal() tells whether the server refused the role.
    """
    import psycopg

    conn = psycopg.connect(
        host=login["host"],
        port=login["port"],
        dbname=login["dbname"],
        user=login["username"],
        password=logins.password(login),
        sslmode=login.get("sslmode", "prefer"),
        sslrootcert=login.get("sslrootcert"),
        application_name="alcove",
        connect_timeout=max(2, round(seconds)),
        autocommit=True,
        prepare_threshold=sys.maxsize,
    )
    conn.prepared_max = _PREPARED
    return conn


def is_refusal(error: "OperationalError") -> bool:
    """Whether a server judged the password and refused, rather than not being reached or not being ready.

    libpq keeps no SQLSTATE of a failed connection, but whether the server asked for the password.
    """
    return error.pgconn is not None and error.pgconn.used_password


def await_server(login: Login, seconds: float) -> None:
    """Wait until the server answers, even if it refuses the role. Raises Waking after `seconds`."""
    import psycopg

    deadline = time.monotonic() + seconds
    while True:
        try:
            connect(login, seconds=min(_ATTEMPT_SECONDS, deadline - time.monotonic())).close()
        except psycopg.OperationalError as error:
            if is_refusal(error):
                return
            _pause(deadline, error)
        else:
            return


def _connect_when_awake(login_of: Callable[[], Login], seconds: float) -> "Conn":
    """A connection to a server that may be waking. Raises Waking after `seconds`, OperationalError for other failures.

    A server that refuses connections, or that cannot be found, is not waited for.
    """
    import psycopg

    deadline = time.monotonic() + seconds
    while True:
        try:
            return connect(login_of(), seconds=min(_ATTEMPT_SECONDS, deadline - time.monotonic()))
        except psycopg.errors.ConnectionTimeout as error:
            _pause(deadline, error)
        except psycopg.OperationalError as error:
            if is_refusal(error) or not _listens(login_of()):
                raise
            _pause(deadline, error)


def _pause(deadline: float, error: "OperationalError") -> None:
    # Another attempt takes two seconds at least.
    if time.monotonic() + _PAUSE_SECONDS + 1 > deadline:
        raise errors.Waking from error
    time.sleep(_PAUSE_SECONDS)


def _listens(login: Login) -> bool:
    try:
        socket.create_connection((login["host"], int(login["port"])), timeout=2).close()
    except TimeoutError:
        return True
    except OSError:
        return False
    return True


def _fresh() -> "Conn":
    import psycopg

    close()
    seconds = float(settings().database_wait_seconds)
    try:
        conn = _connect_when_awake(_login, seconds)
    except errors.Waking:
        _login.cache_clear()
        raise
    except psycopg.OperationalError:
        # The password may have been rotated since this process read it, or the database restored elsewhere.
        _login.cache_clear()
        conn = _connect_when_awake(_login, seconds)
    _warm.connection = conn
    return conn


@process.on_forget
def close() -> None:
    """Close this thread's connection, if there is one."""
    conn: Conn | None = getattr(_warm, "connection", None)
    if conn is not None:
        conn.close()
        _warm.connection = None


def begin(
    statement: LiteralString, params: Params, *, again: bool = True
) -> tuple["Conn", list[tuple[Any, ...] | None]]:
    """Begin a transaction; with `again`, reconnect once when the warm connection turns out to be dead.

    Returns the first row, or None, of each statement that returns rows.
    """
    import psycopg

    conn: Conn | None = getattr(_warm, "connection", None)
    if conn is not None and not conn.closed and (again or _is_trusted()):
        try:
            return conn, _open(conn, statement, params)
        except psycopg.OperationalError as error:
            if not again:
                raise errors.Unavailable("The database connection was lost before the change was confirmed.") from error
    try:
        conn = _fresh()
        return conn, _open(conn, statement, params)
    except psycopg.OperationalError as error:
        close()
        raise errors.Unavailable("The database cannot be reached.") from error


def _is_trusted() -> bool:
    """Whether the warm connection was used so recently that it cannot have been ended for being idle.

    By the wall clock: the monotonic clock may stop while Lambda freezes a function.
    """
    used_at: float = _warm.used_at
    return time.time() - used_at < _TRUSTED_SECONDS


def _open(conn: "Conn", statement: LiteralString, params: Params) -> list[tuple[Any, ...] | None]:
    import psycopg

    if conn.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
        conn.rollback()
    _warm.deferred = []
    return send(conn, statement, params)


def send(conn: "Conn", statement: LiteralString, params: Params) -> list[tuple[Any, ...] | None]:
    """Several statements in one message: the first row, or None, of each one that returns rows."""
    import psycopg

    _warm.used_at = time.time()
    # Several statements in one message need values bound by the client, which ClientCursor quotes.
    cursor = psycopg.ClientCursor(conn)
    cursor.execute(statement, params)
    answers = [cursor.fetchone()] if cursor.description else []
    while cursor.nextset():
        if cursor.description:
            answers.append(cursor.fetchone())
    return answers


def commit(conn: "Conn") -> None:
    """Commit, with the deferred statements in the same message."""
    import psycopg

    deferred: list[tuple[LiteralString, Params]] = _warm.deferred
    try:
        if deferred:
            cursor = psycopg.ClientCursor(conn)
            statements = [cursor.mogrify(query, params) for query, params in deferred]
            cursor.execute("; ".join([*statements, "commit"]).encode())
        else:
            conn.commit()
    except psycopg.OperationalError as error:
        raise errors.Unavailable("The database connection was lost before the change was confirmed.") from error
    except BaseException:
        conn.rollback()
        raise


def defer(query: LiteralString, params: Params) -> None:
    """Run a statement as the last of this transaction, without a result and without a round trip of its own."""
    _warm.deferred.append((query, params))
