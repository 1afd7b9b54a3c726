"""The errors of language models: a stable code and a sentence for users."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from chalicelib.core.retry_after import seconds

Code = Literal[
    "wrong_key",
    "not_allowed",
    "quota_exhausted",
    "model_missing",
    "context_overflow",
    "request_rejected",
    "refused",
    "rate_limited",
    "overloaded",
    "unavailable",
    "timed_out",
    "disconnected",
    "bad_answer",
    "bad_address",
]
CODES: tuple[Code, ...] = get_args(Code)

SENTENCES: Mapping[Code, str] = {
    "wrong_key": "The provider does not accept the key.",
    "not_allowed": "The key may not use this model.",
    "quota_exhausted": "The account at the provider has no remaining credit.",
    "model_missing": "The provider does not know this model, or its address is wrong.",
    "context_overflow": "The question, its history and its documents exceed the model's context window.",
    "request_rejected": "The provider does not accept the request.",
    "refused": "The provider refuses this content.",
    "rate_limited": "The provider limits the rate of requests. Try again later.",
    "overloaded": "The provider is overloaded. Try again later.",
    "unavailable": "The model's server is not available.",
    "timed_out": "The model's server took too long.",
    "disconnected": "The model's server broke the connection.",
    "bad_answer": "The answer of the model's server is invalid.",
    "bad_address": "The address of the model's server is not permitted.",
}
# The codes of temporary errors: another attempt at the same request may succeed.
RETRYABLE: frozenset[Code] = frozenset({"rate_limited", "overloaded", "unavailable", "timed_out", "disconnected"})


class LlmError(Exception):
    """A model did not answer, or not to the end. `sentence` is for users and contains no key.

    `retry_after` is the provider's requested delay in seconds, if any.
    """

    def __init__(self, code: Code, detail: str | None = None, *, retry_after: float | None = None) -> None:
        """`detail` is a sentence about this case."""
        self.code: Code = code
        self.sentence = f"{SENTENCES[code]} {detail}" if detail else SENTENCES[code]
        self.retryable = code in RETRYABLE
        self.retry_after = retry_after
        super().__init__(self.sentence)


MAX_DETAIL_CHARS = 300

_BY_STATUS: Mapping[int, Code] = {
    401: "wrong_key",
    402: "quota_exhausted",
    403: "not_allowed",
    404: "model_missing",
    408: "timed_out",
    413: "context_overflow",
    429: "rate_limited",
    503: "overloaded",
    529: "overloaded",
}
# The providers' names: `code` and `type` of OpenAI's and Anthropic's errors, the exceptions of Bedrock.
_BY_KIND: Mapping[str, Code] = {
    "invalid_api_key": "wrong_key",
    "authentication_error": "wrong_key",
    "unrecognizedclientexception": "wrong_key",
    "invalidsignatureexception": "wrong_key",
    "expiredtokenexception": "wrong_key",
    "permission_error": "not_allowed",
    "accessdeniedexception": "not_allowed",
    "insufficient_quota": "quota_exhausted",
    "billing_error": "quota_exhausted",
    "model_not_found": "model_missing",
    "not_found_error": "model_missing",
    "resourcenotfoundexception": "model_missing",
    "context_length_exceeded": "context_overflow",
    "exceed_context_size_error": "context_overflow",
    "request_too_large": "context_overflow",
    "content_filter": "refused",
    "content_policy_violation": "refused",
    "rate_limit_exceeded": "rate_limited",
    "rate_limit_error": "rate_limited",
    "throttlingexception": "rate_limited",
    "servicequotaexceededexception": "rate_limited",
    "overloaded_error": "overloaded",
    "server_overloaded": "overloaded",
    "serviceunavailableexception": "overloaded",
    "modelnotreadyexception": "overloaded",
    "timeout_error": "timed_out",
    "modeltimeoutexception": "timed_out",
    "api_error": "unavailable",
    "server_error": "unavailable",
    "internalserverexception": "unavailable",
    "modelerrorexception": "unavailable",
    "modelstreamerrorexception": "unavailable",
}
# Errors that only the message identifies, in the words of vLLM, TGI, llama.cpp, Anthropic, Bedrock and OpenRouter.
_BY_WORDS: tuple[tuple[Code, re.Pattern[str]], ...] = (
    (
        "context_overflow",
        re.compile(
            r"context.?(length|size|window)|(prompt|input) is too long|too many (input )?tokens|maximum context"
            r"|context limit|`?inputs`? (must have less|tokens \+)",
            re.IGNORECASE,
        ),
    ),
    ("quota_exhausted", re.compile(r"credit balance|insufficient (credit|quota|balance)", re.IGNORECASE)),
    (
        "model_missing",
        re.compile(r"model identifier is invalid|model .{0,200}(not found|does not exist)", re.IGNORECASE),
    ),
)
_KEY_LIKE = re.compile(r"\b(?:sk|gsk|hf|key|Bearer|AKIA|ASIA)[-_ ]?[\w*.+/=-]{6,}", re.IGNORECASE)
# Codes whose provider messages add nothing to the sentence and may quote the key.
_SILENT: frozenset[Code] = frozenset({"wrong_key", "rate_limited", "overloaded", "quota_exhausted"})


def from_answer(
    status: int | None, kinds: Iterable[str | None], message: str | None, retry_after: str | None, key: str | None
) -> LlmError:
    """The LlmError for an error of a provider.

    `status` is HTTP's, None inside a stream; `kinds` are the provider's names of it, most specific first; `message` is
    its sentence, which is shortened and stripped of anything like `key`; `retry_after` is the header.
    """
    code = _code(status, [kind.lower() for kind in kinds if kind], message or "")
    detail = None if code in _SILENT else _detail(status, message, key)
    return LlmError(code, detail, retry_after=seconds(retry_after))


def _code(status: int | None, kinds: Iterable[str], message: str) -> Code:
    named = next((_BY_KIND[kind] for kind in kinds if kind in _BY_KIND), None)
    if named is not None:
        return named
    if status != 429:  # "too many tokens" in a 429 means: in this minute
        for code, words in _BY_WORDS:
            if words.search(message):
                return code
    if status is None or status >= 500:
        return _BY_STATUS.get(status or 0, "unavailable")
    if status < 400:
        return "bad_answer"
    return _BY_STATUS.get(status, "request_rejected")


def _detail(status: int | None, message: str | None, key: str | None) -> str | None:
    if status is not None and 300 <= status < 400:
        return "It redirects to another address, which is not followed."
    words = " ".join((message or "").split())
    if key:
        words = words.replace(key, "…")
    words = _KEY_LIKE.sub("…", words)
    if not words:
        return f"Status {status}." if status else None
    return f"It says: {words[:MAX_DETAIL_CHARS]}"
