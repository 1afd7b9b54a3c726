"""The errors of the API, as problem details (RFC 9457).

    Problem                  carries status, code, title; becomes application/problem+json
    ├── BadRequest 400       ├── NotFound 404        ├── TooLarge 413
    ├── Unauthorized 401     ├── Conflict 409        ├── Unprocessable 422
    ├── Forbidden 403        ├── BadGateway 502      ├── TooManyRequests 429
    ├── PreconditionFailed 412                       ├── MethodNotAllowed 405
    ├── PaymentRequired 402  └── Unavailable 503, Waking 503

Domain code raises one of these with a stable code. The generic codes stand here; a wing registers its own:

    # chalicelib/<floor>/<wing>/problems.py
    errors.register(job_finished=(409, "The job has ended and cannot be changed."))

Modules called `problems` are found by their name (core/wings.py). docs/errors.md is made of all codes.
"""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

from chalicelib.core import wings
from chalicelib.core.log import logger

# code → HTTP status and a sentence.
_codes: dict[str, tuple[int, str]] = {
    "bad_request": (400, "The request is malformed."),
    "bad_cursor": (400, "The page cursor does not come from this list."),
    "unauthorized": (401, "A valid access token is required."),
    "forbidden": (403, "The caller has no permission for this operation."),
    "recent_login_required": (
        403,
        "This requires a recent login. Send the password to POST /me/session/proof, or log in again, and retry.",
    ),
    "second_factor_required": (403, "Administrators need a second factor here. Add one: POST /me/second-factor."),
    "insufficient_scope": (403, "The API key does not have the scope that this operation requires."),
    "not_found": (404, "Not found."),
    "method_not_allowed": (405, "The path has no such method. The header Allow lists its methods."),
    "conflict": (409, "The request conflicts with the present state."),
    "not_empty": (409, "It is not empty. Delete its contents first."),
    "too_many": (409, "The maximum number is reached. Delete one first."),
    "in_use": (409, "It is in use. Change what uses it first."),
    "idempotency_mismatch": (409, "The Idempotency-Key was used before with another request."),
    "stale_update": (412, "It was changed by another request. Read it again and retry."),
    "too_large": (413, "The request body is too large."),
    "response_too_large": (
        422,
        "The response would have more than 6 MB, which the gateway does not pass on. Ask for fewer items with `limit`.",
    ),
    "unsupported_media_type": (415, "The request body must be application/json."),
    "validation_failed": (422, "The request is valid JSON, but its contents are not valid."),
    "rate_limited": (429, "Too many requests of this kind. Retry after the number of seconds in Retry-After."),
    "internal_error": (500, "The service failed. The request id leads to the reason in the log."),
    "unavailable": (503, "A part of the service is not available. Try again."),
    "waking": (503, "The database was paused and is waking. Try again in ten seconds."),
    "timeout": (504, "The answer took longer than 29 seconds. The request may have been carried out."),
}

# Why a document or a job failed: code → a sentence. The code stands in the `error` of the document or the job.
_failures: dict[str, str] = {
    "timed_out": "Reading the file, or waiting for the model, took too long.",
    "gave_up": "The work ended unexpectedly several times.",
}


# SQLSTATE → what makes a problem of the database's error and its detail. The states of this service begin with AL.
_refusals: "dict[str, Callable[[str], Problem]]" = {}


# SQLSTATE → what another transaction did at the same moment. A foreign key that is missing from the beginning is found
# before a row is written: these are of a row that was there then.
_CONTENTION = {
    "23503": "Another request deleted what this one needs.",
    "40001": "Another request changed the same thing at the same moment.",
    "40P01": "Another request changed the same things at the same moment.",
    "57014": "The database took too long.",
}


def refusals() -> "Iterable[Callable[[str], Problem]]":
    """What builds the problems of the database's own refusals."""
    _load()
    return _refusals.values()


def register_refusal(sqlstate: str, build: "Callable[[str], Problem]") -> None:
    """Have an error that the database raises with `sqlstate` become the problem that `build` makes of its detail."""
    _refusals[sqlstate] = build


def of_database(error: BaseException, *, in_request: bool) -> "Problem | None":
    """The problem that a trigger or a function of the database raised on purpose; in a request also of contention.

    None for any other error.
    """
    sqlstate, diagnosis = getattr(error, "sqlstate", None), getattr(error, "diag", None)
    if in_request and sqlstate in _CONTENTION:
        return _of_contention(error, _CONTENTION[sqlstate])
    if diagnosis is None or not str(sqlstate).startswith("AL"):
        return None
    _load()
    build = _refusals.get(str(sqlstate))
    return build(diagnosis.message_detail or "") if build else None


def _of_contention(error: BaseException, sentence: str) -> "Unavailable":
    """What to tell a client whose request another one got in the way of: its transaction was rolled back.

    A second try finds what the other request left, and gets its proper answer: often that something is not there.
    """
    # A program that names a row which never was would be found by this line.
    logger().warning("another request got in the way", exc_info=error)
    return Unavailable(f"{sentence} Try again.")


def register(**codes: tuple[int, str]) -> None:
    """Add the codes of a wing: the HTTP status and a sentence for each. ValueError for a code that exists."""
    _add(_codes, codes)


def register_failures(**codes: str) -> None:
    """Add reasons why a document or a job fails: a sentence for each code. ValueError for a code that exists."""
    _add(_failures, codes)


def codes() -> Mapping[str, tuple[int, str]]:
    """Every error code of the service, with its HTTP status and its sentence."""
    _load()
    return _codes


def failures() -> Mapping[str, str]:
    """Every reason why a document or a job fails, with its sentence."""
    _load()
    return _failures


def _add(registry: dict[str, Any], codes: Mapping[str, Any]) -> None:
    if twice := registry.keys() & codes.keys():
        raise ValueError(f"error codes are registered twice: {', '.join(sorted(twice))}")
    registry.update(codes)


def _load() -> None:
    for name in wings.names("problems"):
        import_module(name)


class Problem(Exception):  # noqa: N818 — the RFC's own name
    """A problem with an HTTP status, a stable code and a sentence."""

    code = "internal_error"

    def __init__(
        self,
        detail: str | None = None,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        """`detail` is a sentence about this case; `members` extend the problem document."""
        self.code = code or type(self).code
        self.status, self.title = _codes.get(self.code) or codes()[self.code]
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members
        super().__init__(detail or self.title)

    def document(self, request_id: str, base_url: str) -> dict[str, Any]:
        """The RFC 9457 problem document. Its type is the address of the page about the code, below `base_url`."""
        document: dict[str, Any] = {
            "type": f"{base_url}/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "request_id": request_id,
        }
        if self.detail:
            document["detail"] = self.detail
        return document | self.members


class BadRequest(Problem):
    code = "bad_request"


class Unauthorized(Problem):
    code = "unauthorized"

    def __init__(self, detail: str | None = None, *, code: str | None = None) -> None:
        super().__init__(detail, code=code, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(Problem):
    code = "forbidden"


class NotFound(Problem):
    code = "not_found"


class MethodNotAllowed(Problem):
    code = "method_not_allowed"

    def __init__(self, methods: Iterable[str]) -> None:
        """`methods` are those that the path has."""
        super().__init__(headers={"Allow": ", ".join(methods)})


class Conflict(Problem):
    code = "conflict"


class PreconditionFailed(Problem):
    code = "stale_update"


class TooLarge(Problem):
    code = "too_large"


class ResponseTooLarge(Problem):
    code = "response_too_large"


class UnsupportedMediaType(Problem):
    code = "unsupported_media_type"


class Unprocessable(Problem):
    code = "validation_failed"


def invalid_field(field: str, message: str) -> Unprocessable:
    """validation_failed for one field of the request."""
    return Unprocessable(errors=[{"field": field, "message": message}])


class TooManyRequests(Problem):
    code = "rate_limited"

    def __init__(self, detail: str | None = None, *, code: str | None = None, retry_after: int) -> None:
        """`retry_after` is in seconds."""
        super().__init__(detail, code=code, headers={"Retry-After": str(retry_after)})


class PaymentRequired(Problem):
    """The caller names the code."""


class BadGateway(Problem):
    """The caller names the code."""


class Unavailable(Problem):
    code = "unavailable"

    def __init__(self, detail: str | None = None, *, retry_after: int = 1) -> None:
        """`retry_after` is in seconds."""
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class Waking(Problem):
    code = "waking"

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "10"})


class LeaseLostError(Exception):
    """A worker's lease expired and another worker holds it, or the row is gone: this worker must write no more.

    Not a problem of a request. The periods of leases stand with their nouns: JOB_LEASE, DOCUMENT_LEASE, MODEL_LEASE,
    CHUNK_LEASE.
    """
