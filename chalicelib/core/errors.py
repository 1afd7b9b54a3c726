"""The problems that Alcove tells its callers about, as RFC 9457 problem details.

    Problem                  carries status, code, title; becomes application/problem+json
    ├── BadRequest 400       ├── NotFound 404        ├── TooLarge 413
    ├── Unauthorized 401     ├── Conflict 409        ├── Unprocessable 422
    ├── Forbidden 403        └── Unavailable 503     └── TooManyRequests 429

Domain code raises one of these with a stable code from CODES; core/http.py turns it into a response.
"""

from collections.abc import Mapping
from typing import Any

# code → what happened, in a sentence. docs/errors.md lists the same; a test holds the two together.
CODES: Mapping[str, str] = {
    "bad_request": "The request could not be understood.",
    "bad_cursor": "The page cursor is not one that this list gave.",
    "unauthorized": "The request needs a valid access token.",
    "bad_credentials": "The account or the password is wrong, or the account is locked.",
    "bad_refresh_token": "The refresh token is unknown, expired, revoked or was used before.",
    "forbidden": "The caller may not do this.",
    "not_found": "There is no such thing, or it is not the caller's.",
    "method_not_allowed": "This address does not take this method.",
    "not_acceptable": "The response cannot be given in the wanted form.",
    "conflict": "The request does not fit the present state.",
    "email_taken": "The e-mail address or the username belongs to an account already.",
    "job_finished": "The job has ended and cannot be changed.",
    "idempotency_mismatch": "The Idempotency-Key was used before for another request.",
    "too_large": "The request body is larger than this address takes.",
    "unsupported_media_type": "The request body must be application/json.",
    "validation_failed": "The request has the right shape of JSON but wrong contents.",
    "queue_full": "Too many questions are waiting; try again later.",
    "unavailable": "A part of the service cannot be reached; try again.",
    "internal_error": "The service failed. The request id finds the reason in its log.",
}


class Problem(Exception):
    """A problem with an HTTP status, a stable code and a sentence for people."""

    status = 500
    code = "internal_error"

    def __init__(
        self,
        detail: str | None = None,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        """`detail` says what is special about this case; `members` extend the problem document."""
        self.code = code or type(self).code
        self.title = CODES[self.code]
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members
        super().__init__(detail or self.title)

    def document(self, request_id: str) -> dict[str, Any]:
        """The RFC 9457 problem document."""
        document: dict[str, Any] = {
            "type": f"about:blank#{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "request_id": request_id,
        }
        if self.detail:
            document["detail"] = self.detail
        return document | self.members


class BadRequest(Problem):
    status, code = 400, "bad_request"


class Unauthorized(Problem):
    status, code = 401, "unauthorized"

    def __init__(self, detail: str | None = None, *, code: str | None = None) -> None:
        super().__init__(detail, code=code, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(Problem):
    status, code = 403, "forbidden"


class NotFound(Problem):
    status, code = 404, "not_found"


class Conflict(Problem):
    status, code = 409, "conflict"


class TooLarge(Problem):
    status, code = 413, "too_large"


class UnsupportedMediaType(Problem):
    status, code = 415, "unsupported_media_type"


class Unprocessable(Problem):
    status, code = 422, "validation_failed"


class TooManyRequests(Problem):
    status, code = 429, "queue_full"

    def __init__(self, detail: str | None = None, *, code: str | None = None, retry_after: int) -> None:
        """`retry_after` is in seconds."""
        super().__init__(detail, code=code, headers={"Retry-After": str(retry_after)})


class Unavailable(Problem):
    status, code = 503, "unavailable"

    def __init__(self, detail: str | None = None, *, retry_after: int = 1) -> None:
        """`retry_after` is in seconds."""
        super().__init__(detail, headers={"Retry-After": str(retry_after)})
