"""Health, readiness and the API's own description."""

from chalice.app import Blueprint

from chalicelib.config import configuration
from chalicelib.core import db, openapi
from chalicelib.core.http import endpoint
from chalicelib.ops.models import Health, Readiness

routes = Blueprint(__name__)


@routes.route("/health", methods=["GET"])
@endpoint(auth=False)
def health() -> Health:
    """The function runs."""
    return Health()


@routes.route("/ready", methods=["GET"])
@endpoint(auth=False)
def ready() -> Readiness:
    """The function reaches its database. 503 `unavailable` when it does not."""
    with db.as_nobody():
        return Readiness()


@routes.route("/openapi.json", methods=["GET"])
@endpoint(auth=False)
def openapi_document() -> str:
    """This API as an OpenAPI 3.1 document."""
    return openapi.document_json(_deployment_name())


@routes.route("/docs", methods=["GET"])
@endpoint(auth=False, media_type="text/html; charset=utf-8")
def docs() -> str:
    """This API as a page to read."""
    return openapi.page(_deployment_name())


def _deployment_name() -> str:
    with db.as_nobody() as conn:
        return configuration.static(conn).deployment_name
