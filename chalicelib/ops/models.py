"""Responses about the state of the service."""

from typing import Literal

from chalicelib.core.models import Resource


class Health(Resource):
    """The function runs."""

    status: Literal["ok"] = "ok"


class Readiness(Resource):
    """The function reaches its database."""

    status: Literal["ready"] = "ready"
    database: Literal["ok"] = "ok"


class Root(Resource):
    """What the service is, and where its description is."""

    name: str
    version: str
    documentation_url: str
    openapi_url: str
    login_providers_url: str
    health_url: str
