"""What the service says about itself."""

from typing import Literal

from chalicelib.core.models import Resource


class Health(Resource):
    """The function runs."""

    status: Literal["ok"] = "ok"


class Readiness(Resource):
    """The function reaches what it needs."""

    status: Literal["ready"] = "ready"
    database: Literal["ok"] = "ok"
