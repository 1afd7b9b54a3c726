"""Who a transaction runs as: one identity per transaction, fixed when it begins.

    with identity.as_caller() as conn:      # the user whose credential the request carries
    with identity.as_user(user_id) as conn: # a worker that continues this user's own work
    with identity.as_owner(user_id) as conn: # the same for documents, also those that this user's connectors brought
    with identity.as_nobody() as conn:      # before identity exists: only the named definer functions answer

To begin costs one round trip (the request's rate limit, `begin` and the identity in one message), to commit another
(with the deferred statements, such as entries of the audit log). core/http.py begins the request's first transaction
before the view (admit()), and the view's first transaction continues it: so the caller is known and the rate limit is
charged before any work, without a round trip of its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString, NewType
from uuid import UUID

from chalicelib.core import connection, errors, tick_requests
from chalicelib.core.connection import Params

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

UserId = NewType("UserId", UUID)
SessionId = NewType("SessionId", UUID)


@dataclass(frozen=True, slots=True)
class Credential:
    """The credential of a request: the session of a verified access token, or the hash of an API key."""

    session_id: SessionId | None = None
    api_key_hash: bytes | None = None


@dataclass(slots=True)
class Caller:
    """The caller of the request being served: the credential, if the route requires one, and the route's scope.

    `limit` names the rate limit that the request's first transaction charges. `proof`: a session must have a recent
    proof of who the caller is. `user_id` is set when Postgres has accepted the credential. `waiting` is the transaction
    that admit() began and no view has continued yet.
    """

    credential: Credential | None
    scope: str
    limit: str | None = None
    address: str | None = None
    user_id: UserId | None = None
    waiting: "Conn | None" = None
    proof: bool = False


caller: ContextVar[Caller | None] = ContextVar("caller", default=None)

# The rate limit is charged in a transaction of its own: its row must not stay locked, or be rolled back, with the
# request's.
_CHARGE = (
    "begin; set local synchronous_commit = off; "
    "select charge(%(limit)s, %(session)s, %(api_key)s, %(address)s::inet); commit; "
)
# These release the locks of a statement that does not end, and of a function that is frozen inside a transaction.
_BEGIN = "begin; set local statement_timeout = '20s'; set local idle_in_transaction_session_timeout = '30s'; "
_WITHOUT_IDENTITY = _BEGIN + "select true"
_AS_SESSION = _BEGIN + "select * from begin_session(%(session)s, %(scope)s, %(proof)s)"  # noqa: S608 — both are constants
_AS_API_KEY = _BEGIN + "select * from begin_api_key(%(api_key)s, %(scope)s)"  # noqa: S608 — both are constants
_AS_USER = _BEGIN + "select assume_user(%(user)s)"
_AS_OWNER = _BEGIN + "select assume_owner(%(user)s)"


class InactiveUserError(Exception):
    """The user whose work a worker continues is deleted or deactivated."""


@contextmanager
def _transaction(
    statement: LiteralString, params: Params, refuse: type[Exception] | Exception, request: Caller | None = None
) -> "Iterator[Conn]":
    conn = _continued(request) or _begin(statement, params, refuse, request)
    try:
        yield conn
        tick_requests.request()
    except BaseException as error:
        if not conn.closed:
            conn.rollback()
        if (problem := errors.of_database(error, in_request=request is not None)) is not None:
            raise problem from error
        raise
    connection.commit(conn)


def _begin(
    statement: LiteralString, params: Params, refuse: type[Exception] | Exception, request: Caller | None
) -> "Conn":
    settle()
    conn, answers = connection.begin(_charged(request) + statement, params)
    try:
        _admit(request, answers)
        _identify(request, answers[0], refuse)
    except BaseException:
        if not conn.closed:
            conn.rollback()
        raise
    return conn


def _continued(request: Caller | None) -> "Conn | None":
    """The transaction that admit() began for this request, once, if it still stands."""
    if request is None or request.waiting is None:
        return None
    conn, request.waiting = request.waiting, None
    return None if conn.closed else conn


def admit() -> None:
    """Charge the current request's rate limit and judge its credential, before its view does any work.

    The transaction that this begins waits for the view's first one, which continues it. Raises Unauthorized, Forbidden
    and TooManyRequests as as_caller() does. A route that requires neither a credential nor a limit costs nothing here.
    """
    request = caller.get()
    if request is None or (request.credential is None and request.limit is None):
        return
    request.waiting = _begin(*_judgement(request), request)


def require(scope: str, limit: str | None) -> None:
    """From its next transaction on, the current request requires `scope`, and charges `limit` once.

    For a route that carries operations of several kinds. The route's own scope and limit were judged before.
    """
    request = caller.get()
    if request is None:
        raise errors.Unauthorized
    settle()
    request.scope, request.limit = scope, limit


def settle() -> None:
    """Commit the transaction that admit() began, if it still waits: before work that takes long, and after the view.

    Otherwise the row of the session could stay locked while a password is hashed or another server answers.
    """
    conn = _continued(caller.get())
    if conn is not None:
        connection.commit(conn)


def _charged(request: Caller | None) -> LiteralString:
    return _CHARGE if request is not None and request.limit is not None else ""


def _admit(request: Caller | None, answers: list[tuple[Any, ...] | None]) -> None:
    """Remove the rate limit's answer from `answers`, once for each request. Raises TooManyRequests."""
    if request is None or request.limit is None:
        return
    charged = answers.pop(0)
    if charged and charged[0] is not None:
        raise errors.TooManyRequests(
            f"Too many requests of this kind. Try again in {charged[0]} seconds.",
            code="rate_limited",
            retry_after=charged[0],
        )
    request.limit = None


def _identify(request: Caller | None, identity: tuple[Any, ...] | None, refuse: type[Exception] | Exception) -> None:
    """Store the user whom Postgres identifies. Raises `refuse` without a user, Forbidden without the permission."""
    if not identity or not identity[0]:
        raise refuse
    if request is not None and request.credential is not None:
        user_id, refusal = identity
        if refusal is not None:
            raise errors.Forbidden(_refusal(refusal, request.scope), code=refusal)
        request.user_id = user_id


def _refusal(code: str, scope: str) -> str | None:
    """The sentence for a caller whose credential does not permit the operation; None for the code's own sentence."""
    if code == "forbidden":
        return "Only an administrator can do this."
    if code in {"recent_login_required", "second_factor_required"}:
        return None
    if scope == "account":
        return "API keys cannot do this. Log in instead."
    return f"This operation requires the scope `{scope}`."


def _params(request: Caller | None) -> Params:
    if request is None:
        return {}
    credential = request.credential or Credential()
    return {
        "session": credential.session_id,
        "api_key": credential.api_key_hash,
        "scope": request.scope,
        "proof": request.proof,
        "limit": request.limit,
        "address": request.address,
    }


@contextmanager
def as_caller() -> "Iterator[Conn]":
    """A transaction as the user who sent the current request.

    Raises Unauthorized when the session or key was revoked, Forbidden when it does not permit the operation,
    TooManyRequests when its rate limit is used up.
    """
    request = caller.get()
    if request is None or request.credential is None:
        raise errors.Unauthorized
    with _transaction(*_judgement(request), request) as conn:
        yield conn


def _judgement(request: Caller) -> tuple[LiteralString, Params, type[Exception] | Exception]:
    """The statement that begins a transaction of this request, its parameters, and what to raise without a user."""
    if request.credential is None:
        return _WITHOUT_IDENTITY, _params(request), RuntimeError
    if request.credential.session_id is None:
        return _AS_API_KEY, _params(request), errors.Unauthorized("The API key is not valid or was revoked.")
    return _AS_SESSION, _params(request), errors.Unauthorized("The session has ended. Log in again.")


def carries_credential() -> bool:
    """Whether the current request carries a credential, which as_caller() requires."""
    request = caller.get()
    return request is not None and request.credential is not None


def caller_id() -> UserId:
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
def as_owner(user_id: UUID) -> "Iterator[Conn]":
    """A transaction of a worker on documents of this user, whoever reads them: also those of the user's connectors.

    Never for what a person sees. Raises InactiveUserError.
    """
    with _transaction(_AS_OWNER, {"user": user_id}, InactiveUserError) as conn:
        yield conn


@contextmanager
def as_nobody() -> "Iterator[Conn]":
    """A transaction without identity: every table is empty, only granted definer functions answer.

    Raises TooManyRequests when the rate limit of the current request, if its route requires no credential, is used up.
    """
    request = _unauthenticated()
    with _transaction(_WITHOUT_IDENTITY, _params(request), RuntimeError, request) as conn:
        yield conn


def ask(query: LiteralString, params: Params, *, again: bool) -> tuple[Any, ...] | None:
    """The first row of one statement without identity, in one round trip: a transaction of its own.

    `again` allows it to run twice, when the warm connection turns out to be dead; without `again` that raises
    Unavailable. Raises TooManyRequests like as_nobody().
    """
    import psycopg

    request = _unauthenticated()
    waiting = _continued(request)
    try:
        if waiting is not None:
            return connection.send(waiting, query + "; commit", params)[0]
        settle()
        statement = _charged(request) + _BEGIN + query + "; commit"
        _, answers = connection.begin(statement, {**_params(request), **params}, again=again)
    except psycopg.OperationalError as error:
        connection.close()
        raise errors.Unavailable("The database connection was lost before the change was confirmed.") from error
    except psycopg.Error:
        connection.close()  # it is inside a failed transaction
        raise
    _admit(request, answers)
    return answers[0]


def _unauthenticated() -> Caller | None:
    """The current request, if its route requires no credential."""
    request = caller.get()
    return request if request is not None and request.credential is None else None
