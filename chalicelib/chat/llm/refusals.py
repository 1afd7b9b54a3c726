"""The options that a model refuses, learned from its refusals.

A model that refuses a request because of an option is asked again without it, and no later call of this process sends
it to that model. The list of such models changes with every release of a provider, so nobody keeps it.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace

from chalicelib.chat.llm.failures import LlmError
from chalicelib.chat.llm.interface import ModelEndpoint, SamplingOptions
from chalicelib.core import process

# The names of the options in the requests and refusals of all client APIs.
_NAMES: Mapping[str, re.Pattern[str]] = {
    "temperature": re.compile(r"\btemperature\b", re.IGNORECASE),
    "top_p": re.compile(r"\btop_?p\b", re.IGNORECASE),
    "top_k": re.compile(r"\btop_?k\b", re.IGNORECASE),
    "repetition_penalty": re.compile(r"\b(?:repetition|repeat)_?penalty\b", re.IGNORECASE),
    "max_tokens": re.compile(r"\bmax_?(?:completion_?|output_?|new_?)?tokens\b", re.IGNORECASE),
}
_MOST_MODELS = 1_000

_Key = tuple[str, str | None, str]
_refused: OrderedDict[_Key, frozenset[str]] = OrderedDict()


def permitted(model: ModelEndpoint, options: SamplingOptions) -> SamplingOptions:
    """The options without those that the model refused."""
    return replace(options, **dict.fromkeys(refused(model), None))


def refused(model: ModelEndpoint) -> frozenset[str]:
    """The names of the options that the model refused."""
    return _refused.get(_key(model), frozenset())


def learn(model: ModelEndpoint, options: SamplingOptions, error: LlmError) -> bool:
    """Whether the refusal names options that were sent; they are remembered."""
    if error.code != "request_rejected":
        return False
    named = {name for name, words in _NAMES.items() if getattr(options, name) is not None and words.search(str(error))}
    if not named:
        return False
    _refused[_key(model)] = refused(model) | named
    _refused.move_to_end(_key(model))
    while len(_refused) > _MOST_MODELS:
        _refused.popitem(last=False)
    return True


process.on_forget(_refused.clear)


def _key(model: ModelEndpoint) -> _Key:
    return model.provider, model.base_url, model.model_id
