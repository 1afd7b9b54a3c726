"""The request being served: its headers, its body and where it came from."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from chalicelib.core import errors, identity

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_MAX_USER_AGENT_CHARS = 512


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from, as sessions, login attempts and the audit log record it."""

    ip_address: str | None
    user_agent: str
    request_id: str


@dataclass(slots=True)
class _CurrentRequest:
    current: Callable[[], Any] | None = None


_bound = _CurrentRequest()


def bind(current: Callable[[], Any]) -> None:
    """`current` returns Chalice's current request, or None."""
    _bound.current = current


def _request() -> Any:
    request = _bound.current() if _bound.current else None
    if request is None:
        raise RuntimeError("there is no current request")
    return request


def method() -> str:
    """The HTTP method."""
    text: str = _request().method
    return text


def route() -> str:
    """The method and the route, with the names of its parameters: `GET /jobs/{job_id}`."""
    return f"{method()} {_request().context.get('resourcePath')}"


def target() -> str:
    """The method and the path: `GET /jobs/0198…`."""
    context = _request().context
    return f"{method()} {context.get('path') or context.get('resourcePath')}"


def path() -> str:
    """The path below the API's address: `/jobs/0198…`, also where no route serves it."""
    parts = _request().uri_params or {}
    path: str = _request().path
    for name, value in parts.items():
        path = path.replace(f"{{{name}}}", value).replace(f"{{{name}+}}", value)
    return path


def base_url() -> str:
    """The API's address, without a slash at its end: `https://answers.example.org`, or with the stage, `…/v1`.

    The gateway says it with each request, so that no setting is required. Empty where no gateway is (chalice.test).
    """
    context = _request().context
    host = context.get("domainName")
    if not host:
        return ""
    scheme = header("x-forwarded-proto") or "https"
    return f"{scheme}://{host}{str(context.get('path', '')).removesuffix('/').removesuffix(path().removesuffix('/'))}"


def header(name: str) -> str | None:
    """A header, by its name in any case."""
    text: str | None = _request().headers.get(name)
    return text


def query() -> dict[str, str]:
    """The query's parameters."""
    return dict(_request().query_params or {})


def raw_body() -> bytes:
    """The body as it came."""
    body: bytes = _request().raw_body
    return body


def client_address() -> str | None:
    """The address that the request came from, as the gateway saw it."""
    address: str | None = _request().context.get("identity", {}).get("sourceIp")
    return address


def user_agent() -> str:
    """The header User-Agent as it is stored: at most 512 characters, without NUL."""
    return (header("user-agent") or "").replace("\x00", "")[:_MAX_USER_AGENT_CHARS]


def request_id() -> str:
    """The client's `X-Request-Id` when it is well-formed, else the gateway's id of the request."""
    presented = header("x-request-id")
    if presented and _REQUEST_ID.fullmatch(presented):
        return presented
    context = _request().context
    return str(context.setdefault("alcove_request_id", context.get("requestId") or str(uuid4())))


def origin() -> Origin:
    """Where the request came from."""
    return Origin(client_address(), user_agent(), request_id())


def idempotency_key() -> str | None:
    """The header `Idempotency-Key`. Raises BadRequest unless it is 1 to 200 visible ASCII characters."""
    key = header("idempotency-key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise errors.BadRequest("Idempotency-Key must be 1 to 200 visible ASCII characters.")
    return key


def session_id() -> identity.SessionId:
    """The session of the access token, for routes of the scope `account`. Raises Unauthorized."""
    caller = identity.caller.get()
    if caller is None or caller.credential is None or caller.credential.session_id is None:
        raise errors.Unauthorized
    return caller.credential.session_id
