"""Requests and responses about retention."""

from typing import Annotated

from pydantic import Field

from chalicelib.core.models import Request, Resource


class RetentionPeriod(Resource):
    """How long rows of one kind are kept."""

    name: str
    days: int


class RetentionPeriods(Resource):
    """Every kind of rows that is kept for a limited time."""

    items: list[RetentionPeriod]


class NewRetentionPeriod(Request):
    """How many days rows of one kind are kept."""

    days: Annotated[int, Field(ge=1, le=36500)]
