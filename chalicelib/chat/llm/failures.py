"""What can go wrong with a model, under a stable code and in words for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

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

_SENTENCES: Mapping[Code, str] = {
    "wrong_key": "The provider does not accept the key.",
    "not_allowed": "The key may not use this model.",
    "quota_exhausted": "The account at the provider has no credit left.",
    "model_missing": "The provider does not know this model.",
    "context_overflow": "The question, its history and its documents are more than the model can read at once.",
    "request_rejected": "The provider does not accept the request.",
    "refused": "The provider refuses this content.",
    "rate_limited": "The provider limits how often it may be asked; try again later.",
    "overloaded": "The provider is overloaded; try again later.",
    "unavailable": "The model's server cannot be reached.",
    "timed_out": "The model's server took too long.",
    "disconnected": "The model's server broke off in the middle of the answer.",
    "bad_answer": "The model's server answered with something that cannot be understood.",
    "bad_address": "The address of the model's server is not acceptable.",
}
# Another attempt at the same request may succeed.
RETRYABLE: frozenset[Code] = frozenset({"rate_limited", "overloaded", "unavailable", "timed_out", "disconnected"})


class LlmError(Exception):
    """A model did not answer, or not to the end. `sentence` is for people and holds no key.

    `retry_after` is in seconds, when the provider said so.
    """

    def __init__(self, code: Code, detail: str | None = None, *, retry_after: float | None = None) -> None:
        """`detail` says what is special about this case, in a sentence."""
        self.code: Code = code
        self.sentence = f"{_SENTENCES[code]} {detail}" if detail else _SENTENCES[code]
        self.retryable = code in RETRYABLE
        self.retry_after = retry_after
        super().__init__(self.sentence)
