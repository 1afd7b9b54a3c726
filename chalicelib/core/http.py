"""HTTP in and out. A view takes typed arguments and returns a model; `Routes` does the rest.

The rest is authentication, validation (core/validation.py), problem documents, request ids, one log line for each
request, and the entry in the OpenAPI document. One module because no other one may know Chalice.
"""

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypedDict, TypeVar, get_args, get_origin, get_type_hints

from chalice.app import Blueprint, Chalice, Response
from pydantic import BaseModel

from chalicelib.core import (
    cors,
    cursors,
    errors,
    identity,
    request,
    request_log,
    routing,
    streamed,
    tick_requests,
    validation,
)
from chalicelib.core.log import logger

if TYPE_CHECKING:
    from typing import Unpack


# The scopes of API keys, and `account`, which requires a session.
Scope = Literal["read", "write", "chat", "admin", "metrics", "account"]

# A route that names no rate limit has that of all routes like it; see Operation.charged_limit.
_BY_SHAPE = "by shape"

# Nothing of a response is run, loaded or framed, and its type is the declared one.
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_PROTECTION = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"}
_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_PAGE_POLICY = f"{_POLICY}; style-src 'unsafe-inline'"

# AWS Lambda takes 6,291,556 bytes: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html; the headers
# need some.
_MOST_BYTES = 6_200_000

# The gateway's path of every request that no route serves (infra/template.yaml).
UNROUTED = "/{proxy+}"

View = TypeVar("View", bound=Callable[..., Any])
T = TypeVar("T")
ProblemMembers = Callable[[errors.Problem], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Operation:
    """The parameters and the result of an endpoint; core/openapi.py reads it."""

    view: Callable[..., Any]
    authenticated: bool
    optional: bool
    admin: bool
    scope: str | None
    proof: bool
    goes_on: "Callable[[identity.Credential | None, str], bool] | None"
    limit: str | None
    status: int
    also: tuple[int, ...]
    path: dict[str, Any]
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    result: Any
    media_type: str
    events: Callable[[], Mapping[str, Iterable[type[BaseModel]]]] | None
    ticket: bool
    streams: bool

    def charged_limit(self, method: str) -> str | None:
        """The rate limit that a request by `method` charges: the route's own, or that of all routes like it."""
        if self.limit != _BY_SHAPE:
            return self.limit
        if not self.authenticated:
            return "public"
        return "read" if method in {"GET", "HEAD"} else "write"

    def required_scope(self, method: str) -> str:
        """The scope that a request by `method` requires: the route's own, or the method's."""
        if self.admin:
            return self.scope or "admin"
        return self.scope or ("read" if method in {"GET", "HEAD"} else "write")


class Options(TypedDict, total=False):
    """The options of a route; see Routes."""

    auth: bool | Literal["optional"]
    admin: bool
    scope: Scope
    proof: bool
    goes_on: "Callable[[identity.Credential | None, str], bool]"
    limit: str | None
    status: int
    also: tuple[int, ...]
    media_type: str
    events: Callable[[], Mapping[str, Iterable[type[BaseModel]]]]
    ticket: bool
    streams: bool


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """A result with its own status or headers, which replace the endpoint's."""

    body: T
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Binding:
    app: Chalice | None = None
    authenticate: Callable[[str], identity.Credential] | None = None
    accept_ticket: Callable[[str, str], identity.Credential] | None = None


_bound = _Binding()


def bind(
    app: Chalice,
    authenticate: Callable[[str], identity.Credential],
    accept_ticket: Callable[[str, str], identity.Credential],
) -> None:
    """Set the app, and the functions that turn a bearer token, or a ticket and its request, into a credential."""
    _bound.app = app
    _bound.authenticate = authenticate
    _bound.accept_ticket = accept_ticket
    request.bind(lambda: app.current_request)
    app.register_middleware(_serve_unrouted, "http")


class Routes(Blueprint):
    """The routes of a wing: a typed function becomes a view by one decorator.

        @routes.get("/documents/{document_id}")
        def get_document(document_id: UUID) -> Document:

    Of the function's parameters, `body` and `query` are pydantic models, and every other one is a part of the path.
    Its return annotation is the response; None means 204.

    Options of every method:
    `auth=False`: no credential is required; `auth="optional"`: a request may bring one. `admin=True`: administrators
    only; a key requires the scope `admin`, or the one that the route names.
    `scope`: the scope that an API key requires; by default `read` for GET and `write` for other methods. No key has the
    scope `account`, which requires a session.
    `proof=True`: a session must have a recent proof of who the caller is (403 recent_login_required): for what would
    give a person with a stolen token more than the token.
    `goes_on`: whether a list's cursor continues what this credential began with such a proof, and so requires none.
    `limit`: a row of the table rate_limits, counted for each user, or for each address where no user is known yet. By
    default `read` for GET, `write` for other methods, and `public` without a credential. None, for routes without a
    credential alone, means that the route does not use the database: the limits in front of the API are its only ones.
    `status`: of a success (default 200, or 204 without a result); `also`: other statuses that a Reply may have.
    `media_type`: of the response. `events`: for an event stream, what returns the payloads of each event's name.
    `ticket`: the parameter `?ticket=` of the query replaces the header Authorization (auth/sessions/tickets.py).
    `streams`: the function `stream` serves it where there is one, and sends its response part by part.
    """

    def __init__(self, import_name: str, problem_members: ProblemMembers = lambda _: {}) -> None:
        """`problem_members` gives what problem documents hold besides, for clients that expect another form."""
        super().__init__(import_name)
        self._problem_members = problem_members

    def get(self, path: str, **options: "Unpack[Options]") -> Callable[[View], View]:
        """A view for GET."""
        return self._view("GET", path, options)

    def post(self, path: str, **options: "Unpack[Options]") -> Callable[[View], View]:
        """A view for POST."""
        return self._view("POST", path, options)

    def put(self, path: str, **options: "Unpack[Options]") -> Callable[[View], View]:
        """A view for PUT."""
        return self._view("PUT", path, options)

    def patch(self, path: str, **options: "Unpack[Options]") -> Callable[[View], View]:
        """A view for PATCH."""
        return self._view("PATCH", path, options)

    def delete(self, path: str, **options: "Unpack[Options]") -> Callable[[View], View]:
        """A view for DELETE."""
        return self._view("DELETE", path, options)

    def _view(self, method: str, path: str, options: "Options") -> Callable[[View], View]:
        def decorate(view: View) -> View:
            operation = _describe(view, options)

            @functools.wraps(view)
            def serve(**parts: str) -> Response:
                return _serve(operation, parts, self._problem_members)

            serve.__dict__["operation"] = operation
            # Which media types a body may have is decided by validation.json_body, with a problem document.
            self.route(path, methods=[method], content_types=["*/*"])(serve)
            return view

        return decorate


def _describe(view: Callable[..., Any], options: "Options") -> Operation:
    hints = get_type_hints(view)
    result = hints.pop("return", None)
    if get_origin(result) is Reply:
        (result,) = get_args(result)
    body, query = hints.pop("body", None), hints.pop("query", None)
    return Operation(
        view=view,
        authenticated=options.get("auth", True) is True,
        optional=options.get("auth") == "optional",
        admin=options.get("admin", False),
        scope=options.get("scope"),
        proof=options.get("proof", False),
        goes_on=options.get("goes_on"),
        limit=options.get("limit", _BY_SHAPE),
        status=204 if result is type(None) else options.get("status", 200),
        also=options.get("also", ()),
        path=hints,
        body=body,
        query=query,
        result=result,
        media_type=options.get("media_type", "text/event-stream" if "events" in options else "application/json"),
        events=options.get("events"),
        ticket=options.get("ticket", False),
        streams=options.get("streams", False),
    )


def operations() -> Iterator[tuple[str, str, Operation]]:
    """Every route of the app: its path, its method and its operation."""
    if _bound.app is None:
        raise RuntimeError("no app is bound")
    for path, methods in sorted(_bound.app.routes.items()):
        for method, entry in sorted(methods.items()):
            yield path, method, entry.view_function.__dict__["operation"]


def _serve_unrouted(sent: Any, get_response: Callable[[Any], Response]) -> Response:
    """Chalice's middleware: a request that no route serves is answered here, any other by its route."""
    if _bound.app is None or (sent.path != UNROUTED and sent.method in _bound.app.routes[sent.path]):
        return get_response(sent)
    return _serve(_describe(_refuse_unrouted, {"auth": False, "limit": None}), {}, lambda _: {})


def _refuse_unrouted() -> Reply[None]:
    """A browser's preflight (OPTIONS) gets the permissions, whatever its path; then it can read the problem, too."""
    methods = routing.methods(_bound.app, request.path()) if _bound.app else []
    if request.method() == "OPTIONS":
        return Reply(None, headers={"Allow": ", ".join(methods), **cors.permissions(request.header("origin"))})
    if methods:
        raise errors.MethodNotAllowed(methods)
    raise errors.NotFound("No route has this path. GET /openapi.json lists the routes.")


def _serve(operation: Operation, parts: dict[str, str], members: ProblemMembers) -> Response:
    started = time.perf_counter()
    log = logger()
    log.append_keys(request_id=request.request_id(), route=request.route())
    token = identity.caller.set(None)
    code: str | None = None
    try:
        with tick_requests.suppressed(request.method() in _READING):
            response = _answer(operation, parts)
    except errors.Problem as problem:
        streamed.abandon()
        code = problem.code
        response = _problem_response(problem, members)
    except Exception:
        streamed.abandon()
        log.exception("request failed", extra=request_log.subject(parts))
        code = errors.Problem.code
        response = _problem_response(errors.Problem(), members)
    finally:
        subject = request_log.subject(parts)
        identity.caller.reset(token)
    response.headers["X-Request-Id"] = request.request_id()
    response.headers.setdefault("Cache-Control", "no-store")
    _protect(response)
    response.headers.update(cors.headers(request.header("origin")))
    request_log.write(response.status_code, code, response.headers, subject, time.perf_counter() - started)
    return response


def _protect(response: Response) -> None:
    """Say to browsers what they may do with a response. A view that serves a page can send a policy of its own."""
    is_page = str(response.headers.get("Content-Type", "")).startswith("text/html")
    response.headers.setdefault("Content-Security-Policy", _PAGE_POLICY if is_page else _POLICY)
    for name, value in _PROTECTION.items():
        response.headers[name] = value


def _answer(operation: Operation, parts: dict[str, str]) -> Response:
    credential = _authenticate(operation) if operation.authenticated or _brings_credential(operation) else None
    caller = identity.Caller(
        credential,
        operation.required_scope(request.method()),
        operation.charged_limit(request.method()),
        request.client_address(),
        proof=operation.proof and not _goes_on(operation, credential),
    )
    identity.caller.set(caller)
    # Before the path, the query and the body are looked at, and before the view: authorisation errors take precedence.
    identity.admit()
    try:
        arguments = _arguments(operation, parts)
        result = operation.view(**cursors.read(request.route(), arguments))
    finally:
        identity.settle()
    reply = result if isinstance(result, Reply) else Reply(result)
    body = cursors.mark(request.route(), arguments, reply.body)
    headers: dict[str, str | list[str]] = {"Content-Type": operation.media_type, **reply.headers}
    if reply.headers.get("Location", "").startswith("/"):
        headers["Location"] = request.base_url() + reply.headers["Location"]
    if body is None:
        headers.pop("Content-Type")
        return Response("", status_code=reply.status or 204, headers=headers)
    return Response(_bounded(_render(body)), status_code=reply.status or operation.status, headers=headers)


def _bounded(text: str) -> str:
    """The text of a response that a Lambda function can give. Raises ResponseTooLarge.

    Its response is JSON that holds the text, which therefore has each quotation mark and backslash twice.
    """
    if len(text) * 4 > _MOST_BYTES and len(text.encode()) + text.count('"') + text.count("\\") > _MOST_BYTES:
        raise errors.ResponseTooLarge
    return text


def _render(body: Any) -> str:
    return body.model_dump_json() if isinstance(body, BaseModel) else str(body)


def _brings_credential(operation: Operation) -> bool:
    return operation.optional and request.header("authorization") is not None


def _goes_on(operation: Operation, credential: identity.Credential | None) -> bool:
    cursor = request.query().get("cursor")
    if operation.goes_on is None or not cursor:
        return False
    return operation.goes_on(credential, cursors.unmarked(cursor))


def _authenticate(operation: Operation) -> identity.Credential:
    ticket = request.query().get("ticket")
    if operation.ticket and ticket and request.header("authorization") is None and _bound.accept_ticket is not None:
        return _bound.accept_ticket(ticket, f"{request.method()} {request.path()}")
    scheme, _, token = (request.header("authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or not token or _bound.authenticate is None:
        raise errors.Unauthorized("Send `Authorization: Bearer <access token or API key>`.")
    return _bound.authenticate(token.strip())


def _arguments(operation: Operation, parts: dict[str, str]) -> dict[str, Any]:
    arguments = {name: validation.path_part(kind, parts[name]) for name, kind in operation.path.items()}
    if operation.query is not None:
        arguments["query"] = validation.validate(operation.query, request.query())
    if operation.body is not None:
        arguments["body"] = validation.validate(operation.body, validation.json_body())
    return arguments


def _problem_response(problem: errors.Problem, members: ProblemMembers) -> Response:
    """The problem as application/problem+json."""
    from pydantic_core import to_json

    return Response(
        to_json(problem.document(request.request_id(), request.base_url()) | members(problem)).decode(),
        status_code=problem.status,
        headers={"Content-Type": "application/problem+json", **problem.headers},
    )
