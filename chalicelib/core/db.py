"""The only way to Postgres: one warm connection per thread, one identity per transaction.

    with db.as_caller() as conn:      # whose credential the request being served carries
    with db.as_user(user_id) as conn: # a worker continuing that user's own work
    with db.as_nobody() as conn:      # before identity exists: only the named definer functions answer

Opening costs one round trip (the request's rate limit, `begin` and the identity travel together), closing one more
(with it travels what was deferred, such as the audit log's entries).
"""

import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString, TypeVar
from uuid import UUID

from chalicelib.core import aws, errors, process
from chalicelib.core.settings import settings

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    Conn = Connection[TupleRow]

T = TypeVar("T")
Params = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Credential:
    """What a request proves who it is with: the session that an access token was verified for, or an API key."""

    session_id: UUID | None = None
    api_key_hash: bytes | None = None


@dataclass(slots=True)
class Caller:
    """The request being served: its credential (None when it needs none), and what its route asks of it.

    `limit` names the rate limit that the request's first transaction takes from; `user_id` is there once Postgres knew
    the credential.
    """

    credential: Credential | None
    scope: str
    limit: str | None = None
    address: str | None = None
    user_id: UUID | None = None


caller: ContextVar[Caller | None] = ContextVar("caller", default=None)

# The bucket is another transaction: its row must not stay locked, nor be given back, with the request's own.
_CHARGE = (
    "begin; set local synchronous_commit = off; "
    "select charge(%(limit)s, %(session)s, %(api_key)s, %(address)s::inet); commit; "
)
# A statement that runs away, or a function frozen inside a transaction, gives its locks back by itself.
_BEGIN = "begin; set local statement_timeout = '20s'; set local idle_in_transaction_session_timeout = '30s'; "
_AS_NOBODY = _BEGIN + "select true"
_AS_SESSION = _BEGIN + "select * from begin_session(%(session)s, %(scope)s)"  # noqa: S608 — both are constants
_AS_API_KEY = _BEGIN + "select * from begin_api_key(%(api_key)s, %(scope)s)"  # noqa: S608 — both are constants
_AS_USER = _BEGIN + "select assume_user(%(user)s)"

_REFUSALS = {
    "forbidden": "Only an administrator may do this.",
    "insufficient_scope": "This API key does not have the scope that this needs.",
}

# Each keeps its plan in the memory of the connection's server process: 1.4 MB for a search.
_PREPARED = 4

# A database that may pause ends idle connections after two minutes, and what lies between may do so after six.
_TRUSTED_SECONDS = 60

_warm = threading.local()


class InactiveUserError(Exception):
    """The user whose work a worker wants to continue is gone or deactivated."""


@process.cached
def _secret() -> dict[str, Any]:
    value = aws.secrets().get_secret_value(SecretId=settings().database_secret)["SecretString"]
    document: dict[str, Any] = json.loads(value)
    return document | ({"host": settings().database_host} if settings().database_host else {})


def connect(secret: Mapping[str, Any]) -> "Conn":
    """A new connection from a secret `{host, port, dbname, username, password, sslmode?, connect_timeout?}` (seconds).

    Only what `many_prepared` is asked is prepared.
    """
    import psycopg

    conn = psycopg.connect(
        host=secret["host"],
        port=secret["port"],
        dbname=secret["dbname"],
        user=secret["username"],
        password=secret["password"],
        sslmode=secret.get("sslmode", "prefer"),
        application_name="alcove",
        connect_timeout=secret.get("connect_timeout", 5),
        autocommit=True,
        prepare_threshold=sys.maxsize,
    )
    conn.prepared_max = _PREPARED
    return conn


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


@process.on_forget
def close() -> None:
    """Close this thread's connection, if there is one."""
    conn: Conn | None = getattr(_warm, "connection", None)
    if conn is not None:
        conn.close()
        _warm.connection = None


def _begin(
    statement: LiteralString, params: Params, *, again: bool = True
) -> tuple["Conn", list[tuple[Any, ...] | None]]:
    """Begin a transaction; `again` says to reconnect once when the warm connection turns out to be dead.

    Returns the first row, or None, of each of the statements that give rows.
    """
    import psycopg

    conn: Conn | None = getattr(_warm, "connection", None)
    if conn is not None and not conn.closed and (again or _is_trusted()):
        try:
            return conn, _open(conn, statement, params)
        except psycopg.OperationalError as error:
            if not again:
                raise errors.Unavailable("The database went away before it confirmed the change.") from error
    try:
        conn = _fresh()
        return conn, _open(conn, statement, params)
    except psycopg.OperationalError as error:
        close()
        raise errors.Unavailable("The database cannot be reached.") from error


def _is_trusted() -> bool:
    """Whether the warm connection was used so lately that nobody has ended it for being idle.

    By the clock on the wall: the other one may stand still while Lambda freezes a function.
    """
    used_at: float = _warm.used_at
    return time.time() - used_at < _TRUSTED_SECONDS


def _open(conn: "Conn", statement: LiteralString, params: Params) -> list[tuple[Any, ...] | None]:
    import psycopg

    if conn.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
        conn.rollback()
    _warm.deferred = []
    _warm.used_at = time.time()
    # Several statements in one message need values bound by the client, which ClientCursor quotes.
    cursor = psycopg.ClientCursor(conn)
    cursor.execute(statement, params)
    answers = [cursor.fetchone()] if cursor.description else []
    while cursor.nextset():
        if cursor.description:
            answers.append(cursor.fetchone())
    return answers


def _commit(conn: "Conn") -> None:
    """Commit, sending what was deferred in the same message."""
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
        raise errors.Unavailable("The database went away before it confirmed the change.") from error
    except BaseException:
        conn.rollback()
        raise


def defer(query: LiteralString, params: Params) -> None:
    """Run a statement whose result nobody needs as the last of this transaction, without a round trip of its own."""
    _warm.deferred.append((query, params))


@contextmanager
def _transaction(
    statement: LiteralString, params: Params, refuse: type[Exception], request: Caller | None = None
) -> "Iterator[Conn]":
    conn, answers = _begin(_charged(request) + statement, params)
    try:
        _admit(request, answers)
        _identify(request, answers[0], refuse)
        yield conn
    except BaseException:
        if not conn.closed:
            conn.rollback()
        raise
    _commit(conn)


def _charged(request: Caller | None) -> LiteralString:
    return _CHARGE if request is not None and request.limit is not None else ""


def _admit(request: Caller | None, answers: list[tuple[Any, ...] | None]) -> None:
    """Take the rate limit's answer off `answers`, once a request. Raises TooManyRequests."""
    if request is None or request.limit is None:
        return
    charged = answers.pop(0)
    if charged and charged[0] is not None:
        raise errors.TooManyRequests(
            f"Too many requests of this kind; try again in {charged[0]} seconds.",
            code="rate_limited",
            retry_after=charged[0],
        )
    request.limit = None


def _identify(request: Caller | None, identity: tuple[Any, ...] | None, refuse: type[Exception]) -> None:
    """Note who Postgres says that the caller is. Raises `refuse` for nobody, Forbidden for one who may not do this."""
    if not identity or not identity[0]:
        raise refuse
    if request is not None and request.credential is not None:
        user_id, refusal = identity
        if refusal is not None:
            raise errors.Forbidden(_REFUSALS[refusal], code=refusal)
        request.user_id = user_id


def _params(request: Caller | None) -> Params:
    if request is None:
        return {}
    held = request.credential or Credential()
    return {
        "session": held.session_id,
        "api_key": held.api_key_hash,
        "scope": request.scope,
        "limit": request.limit,
        "address": request.address,
    }


@contextmanager
def as_caller() -> "Iterator[Conn]":
    """A transaction as whoever sent the current request.

    Raises Unauthorized when the session or key was revoked, Forbidden when it may not do what the route does,
    TooManyRequests when its rate limit is used up.
    """
    request = caller.get()
    if request is None or request.credential is None:
        raise errors.Unauthorized
    statement = _AS_API_KEY if request.credential.session_id is None else _AS_SESSION
    with _transaction(statement, _params(request), errors.Unauthorized, request) as conn:
        yield conn


def carries_credential() -> bool:
    """Whether the current request came with a credential: then as_caller() will answer for it."""
    request = caller.get()
    return request is not None and request.credential is not None


def caller_id() -> UUID:
    """The user who sent the current request, inside as_caller()."""
    request = caller.get()
    if request is None or request.user_id is None:
        raise errors.Unauthorized
    return request.user_id


@contextmanager
def as_user(user_id: UUID) -> "Iterator[Conn]":
    """A transaction of a worker that continues this user's own work. Raises InactiveUserError."""
    with _transaction(_AS_USER, {"user": user_id}, InactiveUserError) as conn:
        yield conn


@contextmanager
def as_nobody() -> "Iterator[Conn]":
    """A transaction without identity: every table is empty, only granted definer functions answer.

    Raises TooManyRequests when the rate limit of the current request, if it needs no credential, is used up.
    """
    request = _stranger()
    with _transaction(_AS_NOBODY, _params(request), RuntimeError, request) as conn:
        yield conn


def ask(query: LiteralString, params: Params, *, again: bool) -> tuple[Any, ...] | None:
    """The first row of one statement without identity, in one round trip: a transaction of its own.

    `again` says that it may run twice, when the warm connection turns out to be dead; without it that is an
    Unavailable. Raises TooManyRequests like as_nobody().
    """
    import psycopg

    request = _stranger()
    try:
        statement = _charged(request) + _BEGIN + query + "; commit"
        _, answers = _begin(statement, {**_params(request), **params}, again=again)
    except psycopg.Error:
        close()  # it stands inside a failed transaction
        raise
    _admit(request, answers)
    return answers[0]


def _stranger() -> Caller | None:
    """The current request, if it is one that needs no credential."""
    request = caller.get()
    return request if request is not None and request.credential is None else None


def hold_limit(conn: "Conn", kind: str, of: object) -> None:
    """Let nobody else count or add things of this kind that belong to `of`, until the transaction ends.

    Call it before the statement that counts: at READ COMMITTED that sees what whoever had to be waited for added.
    """
    conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"alcove.limit:{kind}:{of}"])


def one(conn: "Conn", kind: type[T], query: LiteralString, params: Params | None = None) -> T | None:
    """The first row as a `kind` built from its columns, or None."""
    from psycopg.rows import class_row

    with conn.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(query, params).fetchone()


def many_literal(conn: "Conn", kind: type[T], query: LiteralString, params: Params) -> list[T]:
    """Every row, with the parameters quoted into the statement: a type's modifier cannot be bound by the server."""
    import psycopg
    from psycopg.rows import class_row

    with psycopg.ClientCursor(conn, row_factory=class_row(kind)) as cursor:
        return cursor.execute(query, params).fetchall()


def many_prepared(conn: "Conn", kind: type[T], query: LiteralString, params: Params) -> list[T]:
    """Every row, in one round trip, of a statement that is planned once a connection and not once a call.

    It is planned without knowing the parameters: what the plan should depend on stands in the statement (sql.inline),
    which casts every other one. They go as text without a type, since each combination of types would be one more plan.
    An error closes the connection: what fails when it runs first is forgotten by psycopg and kept by the server.
    """
    import psycopg
    from psycopg.rows import class_row

    texts = _texts(conn, params)
    try:
        with conn.cursor(row_factory=class_row(kind)) as cursor:
            with conn.pipeline():
                conn.execute("set local plan_cache_mode = force_generic_plan")
                cursor.execute(query, texts, prepare=True)
                conn.execute("set local plan_cache_mode to default")
            return cursor.fetchall()
    except psycopg.Error:
        conn.close()
        raise


def _texts(conn: "Conn", params: Params) -> dict[str, str | None]:
    from psycopg.adapt import PyFormat, Transformer

    adapt = Transformer(conn)

    def text(value: object) -> str | None:
        dumped = None if value is None else adapt.get_dumper(value, PyFormat.TEXT).dump(value)
        return None if dumped is None else bytes(dumped).decode()

    return {name: text(value) for name, value in params.items()}


def many(conn: "Conn", kind: type[T], query: LiteralString, params: Params | None = None) -> list[T]:
    """Every row as a `kind` built from its columns."""
    from psycopg.rows import class_row

    with conn.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(query, params).fetchall()


def value(conn: "Conn", query: LiteralString, params: Params | None = None) -> Any:
    """The first column of the first row, or None."""
    row = conn.execute(query, params).fetchone()
    return row[0] if row else None
