"""Health, readiness, and what the service says about itself: the API's description, its pages, its error codes."""

import hashlib
from functools import lru_cache

from chalicelib.core import identity, openapi, request
from chalicelib.core.http import Reply, Routes
from chalicelib.ops import console, reference
from chalicelib.ops.models import Health, Readiness, Root

routes = Routes(__name__)

_HTML = "text/html; charset=utf-8"
# The descriptions change with a deploy alone. Clients, and a cache in front of the API, need not load them again.
_CACHED = "public, max-age=300"


@routes.get("/", auth=False, limit=None)
def get_root() -> Root:
    """Get the service's name, its version, and the addresses of its description."""
    base = request.base_url()
    return Root(
        name=openapi.NAME,
        version=openapi.VERSION,
        documentation_url=f"{base}/docs",
        openapi_url=f"{base}/openapi.json",
        login_providers_url=f"{base}/auth/providers",
        health_url=f"{base}/health",
    )


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
    return _unless_known(openapi.text(request.base_url()), {})


@routes.get("/docs", auth=False, limit=None, also=(304,), media_type=_HTML)
def get_docs() -> Reply[str | None]:
    """This API as a page: searchable, and every route can be tried. 304 when `If-None-Match` has its `ETag`."""
    return _unless_known(*reference.page())


@routes.get("/docs/{file_name}", auth=False, limit=None, also=(304,), media_type="text/javascript")
def get_docs_file(file_name: str) -> Reply[str | None]:
    """A script or a style of the page. 304 when `If-None-Match` has its `ETag`."""
    return _unless_known(*reference.part(file_name))


@routes.get("/console", auth=False, limit=None, also=(304,), media_type=_HTML)
def get_console() -> Reply[str | None]:
    """The console, the page for people: ask, add documents, search, administer. 304 when `If-None-Match` fits."""
    return _unless_known(*console.page())


@routes.get("/console/{asset_name}", auth=False, limit=None, also=(304,), media_type="text/javascript")
def get_console_file(asset_name: str) -> Reply[str | None]:
    """A script, a style or an icon of the console. 304 when `If-None-Match` has its `ETag`."""
    return _unless_known(*console.part(asset_name))


@routes.get("/problems/{code}", auth=False, limit=None, also=(304,), media_type=_HTML)
def get_problem(code: str) -> Reply[str | None]:
    """The page about an error code: where the `type` of a problem document leads."""
    return _unless_known(*reference.problem_page(code))


def _unless_known(text: str, headers: dict[str, str]) -> Reply[str | None]:
    """The text with its entity tag, or 304 for a client that has it (RFC 9110, section 13.1.2)."""
    tag = _entity_tag(text)
    known = {part.strip().removeprefix("W/") for part in (request.header("if-none-match") or "").split(",")}
    headers = {"ETag": tag, "Cache-Control": _CACHED, **headers}
    return Reply(None, 304, headers) if known & {tag, "*"} else Reply(text, headers=headers)


@lru_cache(maxsize=64)
def _entity_tag(text: str) -> str:
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
