"""Health, readiness and the API's own description."""

import hashlib
from functools import cache

from chalicelib.core import identity, openapi, request
from chalicelib.core.http import Reply, Routes
from chalicelib.ops.models import Health, Readiness

routes = Routes(__name__)


# The descriptions change with a deploy alone. Clients, and a cache in front of the API, need not load them again.
_CACHED = "public, max-age=300"


@routes.get("/health", auth=False, limit=None)
def get_health() -> Health:
    """The function runs."""
    return Health()


@routes.get("/ready", auth=False)
def get_readiness() -> Readiness:
    """The function reaches its database. 503 `unavailable` when it does not."""
    with identity.as_nobody():
        return Readiness()


@routes.get("/openapi.json", auth=False, limit=None, also=(304,))
def get_openapi() -> Reply[str | None]:
    """This API as an OpenAPI 3.1 document. 304 when `If-None-Match` has its `ETag`."""
    return _unless_known(openapi.document_json())


@routes.get("/docs", auth=False, limit=None, also=(304,), media_type="text/html; charset=utf-8")
def get_docs() -> Reply[str | None]:
    """This API as a page to read. 304 when `If-None-Match` has its `ETag`."""
    return _unless_known(openapi.page())


def _unless_known(text: str) -> Reply[str | None]:
    """The text with its entity tag, or 304 for a client that has it (RFC 9110, section 13.1.2)."""
    tag = _entity_tag(text)
    known = {part.strip().removeprefix("W/") for part in (request.header("if-none-match") or "").split(",")}
    headers = {"ETag": tag, "Cache-Control": _CACHED}
    return Reply(None, 304, headers) if known & {tag, "*"} else Reply(text, headers=headers)


@cache
def _entity_tag(text: str) -> str:
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
