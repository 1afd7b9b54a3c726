"""Requests and responses of the routes of second factors."""

from typing import Annotated

from pydantic import BeforeValidator

from chalicelib.core.models import Request, Resource, Timestamp, matching

CODE = "^([0-9]{6}|[a-z2-7]{16})$"


def _compact(value: object) -> object:
    return "".join(value.lower().split()).replace("-", "") if isinstance(value, str) and len(value) <= 100 else value


Code = Annotated[str, BeforeValidator(_compact), matching(CODE, "must be six digits, or a recovery code")]


class SecondFactor(Resource):
    """The caller's second factor. It counts when `is_on`."""

    is_on: bool
    confirmed_at: Timestamp | None
    recovery_codes_left: int


class NewSecondFactor(Resource):
    """A key for an app of one-time passwords, as text and as the address that the app reads as a QR code."""

    secret: str
    uri: str


class CodeProof(Request):
    """A code that the app shows."""

    code: Code


class RecoveryCodes(Resource):
    """Codes that each replace the second factor once. No other response contains them."""

    codes: list[str]
