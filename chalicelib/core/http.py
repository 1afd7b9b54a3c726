"""HTTP in and out. A view takes typed arguments and returns a model; `Routes` does the rest:

authentication, validation, problem documents, request ids, one log line a request, and what the
OpenAPI document says about it.
"""

import functools
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypedDict, TypeVar, get_args, get_origin, get_type_hints
from uuid import UUID, uuid4

from chalice.app import Blueprint, Chalice, Response
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from chalicelib.core import errors, identity
from chalicelib.core.log import logger, user_hash

if TYPE_CHECKING:
    from typing import Unpack

    from pydantic import TypeAdapter

MAX_BODY_BYTES = 2 * 1024 * 1024
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,200}")

# What an API key may be given, and `account`, which it may not.
Scope = Literal["read", "write", "chat", "admin", "account"]

View = TypeVar("View", bound=Callable[..., Any])
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Operation:
    """What an endpoint takes and gives; core/openapi.py reads it."""

    view: Callable[..., Any]
    authenticated: bool
    admin: bool
    scope: str | None
    limit: str | None
    status: int
    also: tuple[int, ...]
    path: dict[str, Any]
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    result: Any
    media_type: str

    def needed_scope(self, method: str) -> str:
        """The scope that a request by `method` needs: the route's own, or what follows from the method."""
        if self.admin:
            return "admin"
        return self.scope or ("read" if method in {"GET", "HEAD"} else "write")


class Options(TypedDict, total=False):
    """What a route may declare; see Routes."""

    auth: bool
    admin: bool
    scope: Scope
    limit: str
    status: int
    also: tuple[int, ...]
    media_type: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from, as sessions, login attempts and the audit log record it."""

    ip_address: str | None
    user_agent: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """A result with its own status or headers, where the endpoint's are not enough."""

    body: T
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Binding:
    app: Chalice | None = None
    authenticate: Callable[[str], identity.Credential] | None = None


_bound = _Binding()


def bind(app: Chalice, authenticate: Callable[[str], identity.Credential]) -> None:
    """Join the app whose requests are served and the function that turns a bearer token into a credential."""
    _bound.app = app
    _bound.authenticate = authenticate


class Routes(Blueprint):
    """The routes of a wing: a typed function becomes a view by one decorator.

        @routes.get("/documents/{document_id}")
        def get_document(document_id: UUID) -> Document:

    The function's parameters say what it takes: `body` and `query` are pydantic models, every other parameter is a
    part of the path. Its return annotation is the response; None means 204.

    Options of every method:
    `auth=False`: no credential is needed. `admin=True`: administrators only.
    `scope`: what an API key needs; by default `read` for GET and `write` for everything else. No key has the scope
    `account`: it takes a session.
    `limit`: a row of the table rate_limits, counted for each user, or for each address where nobody is known yet.
    `status`: of a success (default 200, or 204 without a result); `also`: further statuses that a Reply may have.
    `media_type`: of the response.
    """

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
                return _serve(operation, parts)

            serve.__dict__["operation"] = operation
            # Which media types a body may have is judged by _json_body, with a problem document.
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
        authenticated=options.get("auth", True),
        admin=options.get("admin", False),
        scope=options.get("scope"),
        limit=options.get("limit"),
        status=204 if result is type(None) else options.get("status", 200),
        also=options.get("also", ()),
        path=hints,
        body=body,
        query=query,
        result=result,
        media_type=options.get("media_type", "application/json"),
    )


def operations() -> Iterator[tuple[str, str, Operation]]:
    """Every route of the app: its path, its method and what it takes and gives."""
    if _bound.app is None:
        raise RuntimeError("no app is bound")
    for path, methods in sorted(_bound.app.routes.items()):
        for method, entry in sorted(methods.items()):
            yield path, method, entry.view_function.__dict__["operation"]


def header(name: str) -> str | None:
    """A header of the current request."""
    header_value: str | None = _request().headers.get(name)
    return header_value


def session_id() -> identity.SessionId:
    """The session of the current request's access token, for routes of the scope `account`."""
    request = identity.caller.get()
    if request is None or request.credential is None or request.credential.session_id is None:
        raise errors.Unauthorized
    return request.credential.session_id


def request_target() -> str:
    """The method and path of the current request."""
    context = _request().context
    return f"{_request().method} {context.get('path') or context.get('resourcePath')}"


def raw_body() -> bytes:
    """The body of the current request as it came."""
    body: bytes = _request().raw_body
    return body


def client_address() -> str | None:
    """The address the request came from, as the gateway saw it."""
    header_value: str | None = _request().context.get("identity", {}).get("sourceIp")
    return header_value


def user_agent() -> str:
    """The client's name for itself, cut to what is stored, and storable."""
    return (header("user-agent") or "").replace("\x00", "")[:512]


def request_id() -> str:
    """The id of the current request: the client's `X-Request-Id` when it is a sensible one."""
    raw_value = header("x-request-id")
    if raw_value and _REQUEST_ID.fullmatch(raw_value):
        return raw_value
    context = _request().context
    return str(context.setdefault("alcove_request_id", context.get("requestId") or str(uuid4())))


def origin() -> Origin:
    """Where the current request came from."""
    return Origin(client_address(), user_agent(), request_id())


def idempotency_key() -> str | None:
    """The current request's `Idempotency-Key`. Raises BadRequest unless it is 1 to 200 visible ASCII characters."""
    key = header("idempotency-key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise errors.BadRequest("Idempotency-Key must be 1 to 200 visible ASCII characters.")
    return key


def _request() -> Any:
    if _bound.app is None or _bound.app.current_request is None:
        raise RuntimeError("there is no current request")
    return _bound.app.current_request


def _serve(operation: Operation, parts: dict[str, str]) -> Response:
    started = time.perf_counter()
    log = logger()
    log.append_keys(request_id=request_id(), route=f"{_request().method} {_request().context.get('resourcePath')}")
    token = identity.caller.set(None)
    try:
        response = _answer(operation, parts)
    except errors.Problem as problem:
        response = problem_response(problem)
    except Exception:
        log.exception("request failed", extra=_subject(parts))
        response = problem_response(errors.Problem())
    finally:
        subject = _subject(parts)
        identity.caller.reset(token)
    response.headers["X-Request-Id"] = request_id()
    response.headers.setdefault("Cache-Control", "no-store")
    if response.status_code == 201 and "Location" in response.headers:
        subject["made"] = str(response.headers["Location"])
    milliseconds = round((time.perf_counter() - started) * 1000, 1)
    log.info("request", status=response.status_code, milliseconds=milliseconds, extra=subject)
    return response


def _subject(parts: dict[str, str]) -> dict[str, str]:
    """For the log: who asks, as a hash, and the ids in the path; whatever else stands there may be anything."""
    request = identity.caller.get()
    subject = {name: value.lower() for name, value in parts.items() if _ID.fullmatch(value)}
    if "user_id" in subject:  # of whom an administrator speaks
        subject["user_id"] = user_hash(UUID(subject["user_id"]))
    if request is not None and request.user_id is not None:
        subject["user"] = user_hash(request.user_id)
    return subject


def _answer(operation: Operation, parts: dict[str, str]) -> Response:
    request = identity.Caller(
        _authenticate() if operation.authenticated else None,
        operation.needed_scope(_request().method),
        operation.limit,
        client_address(),
    )
    identity.caller.set(request)
    try:
        arguments = _arguments(operation, parts)
    except errors.Problem:
        if operation.authenticated:
            with identity.as_caller():  # who may not ask at all is told so first
                pass
        raise
    result = operation.view(**arguments)
    if operation.authenticated and request.user_id is None:
        raise RuntimeError("this view answered without asking Postgres whether the credential still holds")
    reply = result if isinstance(result, Reply) else Reply(result)
    headers: dict[str, str | list[str]] = {"Content-Type": operation.media_type, **reply.headers}
    if reply.body is None:
        headers.pop("Content-Type")
        return Response("", status_code=reply.status or 204, headers=headers)
    return Response(_render(reply.body), status_code=reply.status or operation.status, headers=headers)


def _render(body: Any) -> str:
    return body.model_dump_json() if isinstance(body, BaseModel) else str(body)


def _authenticate() -> identity.Credential:
    scheme, _, token = (header("authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or not token or _bound.authenticate is None:
        raise errors.Unauthorized("Send `Authorization: Bearer <access token or API key>`.")
    return _bound.authenticate(token.strip())


def _arguments(operation: Operation, parts: dict[str, str]) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for name, kind in operation.path.items():
        try:
            arguments[name] = adapter(kind).validate_python(parts[name])
        except ValidationError as error:
            raise errors.NotFound from error
    if operation.query is not None:
        arguments["query"] = _validated(operation.query, dict(_request().query_params or {}))
    if operation.body is not None:
        arguments["body"] = _validated(operation.body, _json_body())
    return arguments


@functools.cache
def adapter(kind: Any) -> "TypeAdapter[Any]":
    """The validator of a part of the path, made when it is first needed."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _json_body() -> Any:
    kind = (header("content-type") or "application/json").split(";")[0].strip().lower()
    if kind != "application/json":
        raise errors.UnsupportedMediaType
    raw = raw_body()
    if len(raw) > MAX_BODY_BYTES:
        raise errors.TooLarge(f"A request body may have {MAX_BODY_BYTES} bytes; this one has {len(raw)}.")
    if not raw:
        raise errors.BadRequest("There is no body; a JSON object is expected.")
    try:
        return from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise errors.BadRequest("The body is not valid JSON.") from error


def _validated(model: type[BaseModel], raw_value: Any) -> BaseModel:
    try:
        return model.model_validate(raw_value)
    except ValidationError as error:
        details = [
            {
                "field": ".".join(str(part) for part in detail["loc"]),
                "message": _sentence(detail["type"], detail["msg"], detail.get("ctx", {})),
            }
            for detail in error.errors(include_url=False, include_input=False)[:20]
        ]
        raise errors.Unprocessable(errors=details) from error


# For those of pydantic's sentences that speak of Python.
_SENTENCES = {
    "dict_type": "must be a JSON object",
    "extra_forbidden": "there is no such field",
    "missing": "is needed",
    "model_attributes_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "too_long": "may have a length of {max_length} at most, not of {actual_length}",
    "too_short": "must have a length of {min_length} at least, not of {actual_length}",
}


def _sentence(kind: str, message: str, context: dict[str, Any]) -> str:
    if kind == "string_pattern_mismatch" and context["pattern"] == r"\S":
        return "must not be blank"
    if kind in _SENTENCES:
        return _SENTENCES[kind].format(**context)
    return message.removeprefix("Value error, ")


def problem_response(problem: errors.Problem) -> Response:
    """The problem as application/problem+json."""
    from pydantic_core import to_json

    return Response(
        to_json(problem.document(request_id())).decode(),
        status_code=problem.status,
        headers={"Content-Type": "application/problem+json", **problem.headers},
    )
