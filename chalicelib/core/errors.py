"""The problems that Alcove tells its callers about, as RFC 9457 problem details.

    Problem                  carries status, code, title; becomes application/problem+json
    ├── BadRequest 400       ├── NotFound 404        ├── TooLarge 413
    ├── Unauthorized 401     ├── Conflict 409        ├── Unprocessable 422
    ├── Forbidden 403        ├── BadGateway 502      ├── TooManyRequests 429
    ├── PreconditionFailed 412
    ├── PaymentRequired 402  └── Unavailable 503

Domain code raises one of these with a stable code from CODES, which also says the status; core/http.py turns it
into a response.
"""

from collections.abc import Mapping
from typing import Any

# code → HTTP status and what happened, in a sentence. docs/errors.md is made from it.
CODES: Mapping[str, tuple[int, str]] = {
    "bad_request": (400, "The request could not be understood."),
    "bad_cursor": (400, "The page cursor is not one that this list gave."),
    "unauthorized": (401, "The request needs a valid access token."),
    "bad_credentials": (401, "The account or the password is wrong, or the account is locked."),
    "bad_refresh_token": (401, "The refresh token is unknown, expired, revoked or was used before."),
    "budget_exhausted": (402, "This month's budget is used up; the built-in reader still answers."),
    "forbidden": (403, "The caller may not do this."),
    "insufficient_scope": (403, "The API key does not have the scope that this needs."),
    "registration_closed": (403, "New accounts are made by an administrator only."),
    "stale_session": (403, "This needs a login of the last few minutes: log in again, then repeat it."),
    "wrong_password": (403, "The current password is wrong."),
    "not_found": (404, "There is no such thing, or it is not the caller's."),
    "conflict": (409, "The request does not fit the present state."),
    "email_taken": (409, "The e-mail address or the username belongs to an account already."),
    "last_administrator": (409, "The service would be left without an active administrator."),
    "not_empty": (409, "It still holds something; delete that first."),
    "too_many": (409, "The caller has as many of these as one may have."),
    "name_taken": (409, "Another one has this name."),
    "path_taken": (409, "Another document of the repository has this path."),
    "job_finished": (409, "The job has ended and cannot be changed."),
    "in_use": (409, "Something else names it; change that first."),
    "comparisons_off": (409, "There is no champion and no challenger that could answer side by side."),
    "comparison_unfinished": (409, "Both answers must have ended before one of them is preferred."),
    "comparison_void": (409, "An answer of this comparison failed or was stopped, so there is nothing to prefer."),
    "already_voted": (409, "This comparison has another vote already; a vote stays."),
    "idempotency_mismatch": (409, "The Idempotency-Key was used before for another request."),
    "stale_update": (412, "Somebody else changed it since it was read; read it again."),
    "too_large": (413, "The request body is larger than this address takes."),
    "unsupported_media_type": (415, "The request body must be application/json."),
    "validation_failed": (422, "The request has the right shape of JSON but wrong contents."),
    "password_reused": (422, "The password is one of the account's last five."),
    "queue_full": (429, "Too many questions are waiting; try again later."),
    "provider_off": (404, "This way of logging in is not configured."),
    "redirect_uri_refused": (400, "The redirect address is not one that the provider's settings list."),
    "login_state_invalid": (400, "This login was begun elsewhere, took over ten minutes, or was finished already."),
    "provider_refused": (401, "The provider does not vouch for this person, or they have no account here."),
    "provider_failed": (502, "The provider cannot be reached, or its answer cannot be trusted."),
    "anonymous_off": (403, "Use without an account is closed."),
    "account_required": (403, "An anonymous user may not do this; become an account first."),
    "not_anonymous": (409, "The caller has an account already."),
    "model_failed": (502, "The language model did not answer."),
    "provider_key_rejected": (422, "The provider does not take this key."),
    "provider_unreachable": (502, "The provider could not be asked about the key, which was not stored."),
    "model_active": (409, "The embedding model is the active one."),
    "model_preparing": (409, "An embedding model is being prepared; cancel that first."),
    "embedding_model_refused": (422, "The embedding model does not give the vectors that were asked for."),
    "embedding_failed": (502, "The embedding model's provider cannot be reached or refuses to embed."),
    "rate_limited": (429, "Too many requests of this kind; Retry-After says when to come again."),
    "unavailable": (503, "A part of the service cannot be reached; try again."),
    "internal_error": (500, "The service failed. The request id finds the reason in its log."),
}

# Why a document or a job failed: it stands in its `error`, not in a response's problem document.
FAILURES: Mapping[str, str] = {
    "encrypted": "The file needs a password.",
    "no_text_layer": "The file has only pictures of text; it needs OCR first.",
    "corrupt": "The file is damaged, or is not what it says it is.",
    "empty": "The file has no text.",
    "too_large": "The file, its text or what it unpacks to is larger than is taken, or needs too much memory.",
    "unsupported": "This kind of file is not read.",
    "timed_out": "Reading the file, or waiting for the model, took too long.",
    "upload_missing": "The upload was announced, but no file arrived within a day.",
    "upload_failed": "The bucket did not take the posted text.",
    "object_missing": "The bucket no longer holds the file; what was read from it still answers.",
    "owner_left": "Whoever the document belongs to may not write to its space any more; who may has it read again.",
    "gave_up": "Working on it ended unexpectedly several times.",
    "failed": "Answering failed several times.",
    "budget_exhausted": "A budget of the asker was used up while the question waited.",
    "asker_inactive": "The account that asked was deactivated while the question waited.",
    "pipeline_missing": "This deployment does not offer the pipeline that was chosen.",
    "needs_model": "The pipeline needs a language model, and the built-in reader was chosen.",
    "model_missing": "The model or the prompt that was chosen is gone, or the provider does not know the model.",
    "wrong_key": "The provider does not accept the key.",
    "not_allowed": "The key may not use this model.",
    "quota_exhausted": "The account at the provider has no credit left.",
    "context_overflow": "The question, its history and its documents are more than the model can read at once.",
    "request_rejected": "The provider does not accept the request.",
    "refused": "The provider refuses this content.",
    "rate_limited": "The provider limited how often it may be asked, at every attempt.",
    "overloaded": "The provider was overloaded at every attempt.",
    "unavailable": "The model's server was not available at any attempt.",
    "disconnected": "The model's server broke the connection at every attempt.",
    "bad_answer": "The model's server answered with something that cannot be understood.",
    "bad_address": "The address of the model's server is not acceptable.",
}


class Problem(Exception):  # noqa: N818 — the RFC's own name
    """A problem with an HTTP status, a stable code and a sentence for people."""

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
        self.status, self.title = CODES[self.code]
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
    code = "bad_request"


class Unauthorized(Problem):
    code = "unauthorized"

    def __init__(self, detail: str | None = None, *, code: str | None = None) -> None:
        super().__init__(detail, code=code, headers={"WWW-Authenticate": "Bearer"})


class PaymentRequired(Problem):
    code = "budget_exhausted"


class Forbidden(Problem):
    code = "forbidden"


class NotFound(Problem):
    code = "not_found"


class Conflict(Problem):
    code = "conflict"


class PreconditionFailed(Problem):
    code = "stale_update"


class TooLarge(Problem):
    code = "too_large"


class UnsupportedMediaType(Problem):
    code = "unsupported_media_type"


class Unprocessable(Problem):
    code = "validation_failed"


class TooManyRequests(Problem):
    code = "queue_full"

    def __init__(self, detail: str | None = None, *, code: str | None = None, retry_after: int) -> None:
        """`retry_after` is in seconds."""
        super().__init__(detail, code=code, headers={"Retry-After": str(retry_after)})


class BadGateway(Problem):
    code = "provider_failed"


class Unavailable(Problem):
    code = "unavailable"

    def __init__(self, detail: str | None = None, *, retry_after: int = 1) -> None:
        """`retry_after` is in seconds."""
        super().__init__(detail, headers={"Retry-After": str(retry_after)})
