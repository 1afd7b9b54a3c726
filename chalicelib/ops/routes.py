"""Health, readiness and the API's own description."""

from chalicelib.config.settings import static
from chalicelib.core import identity, openapi
from chalicelib.core.http import Routes
from chalicelib.ops.models import Health, Readiness

routes = Routes(__name__)


@routes.get("/health", auth=False)
def get_health() -> Health:
    """The function runs."""
    return Health()


@routes.get("/ready", auth=False)
def get_readiness() -> Readiness:
    """The function reaches its database. 503 `unavailable` when it does not."""
    with identity.as_nobody():
        return Readiness()


@routes.get("/openapi.json", auth=False)
def get_openapi() -> str:
    """This API as an OpenAPI 3.1 document."""
    return openapi.document_json(_deployment_name())


@routes.get("/docs", auth=False, media_type="text/html; charset=utf-8")
def get_docs() -> str:
    """This API as a page to read."""
    return openapi.page(_deployment_name())


def _deployment_name() -> str:
    with identity.as_nobody() as conn:
        return static.get(conn).deployment_name
