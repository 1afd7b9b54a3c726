"""Language models of every provider behind one interface. Importing this loads no client library.

    with llm.stream(model, turns, options, tools) as answer:
        while True:
            piece = answer.next(timeout=0.2)   # None: nothing came yet; raises LlmError
            ...
            if isinstance(piece, Finish): break

    stream(model, turns, options=SamplingOptions(), tools=()) -> Stream     next, usage, close; a context manager, iterable
    complete(model, turns, options=SamplingOptions(), tools=()) -> Completion
    check(model) -> Checked                                         a real small call
    check_address(url) -> str                                       whether a `base_url` is acceptable
    estimate_tokens(text) -> int                                    never needs the tokenizer; estimate_turns too

`next` gives the same Finish again after the end. Usage comes once, just before it; `answer.usage()` is what is known
(or estimated) at any time, also of an answer that was broken off.

Leaving the `with` block closes the model's connection at once, also while the model is silent. docs/llms.md describes
the providers.
"""

from chalicelib.chat.llm.addresses import check_address
from chalicelib.chat.llm.completion import check, complete
from chalicelib.chat.llm.estimation import estimate_tokens, estimate_turns
from chalicelib.chat.llm.failures import CODES, LlmError
from chalicelib.chat.llm.interface import (
    Call,
    Completion,
    Delta,
    EndpointCheck,
    Finish,
    ModelEndpoint,
    SamplingOptions,
    Thinking,
    Timeouts,
    Token,
    Tool,
    ToolCall,
    Turn,
    Usage,
)
from chalicelib.chat.llm.streaming import LlmStream, stream

__all__ = [
    "CODES",
    "Call",
    "Completion",
    "Delta",
    "EndpointCheck",
    "Finish",
    "LlmError",
    "LlmStream",
    "ModelEndpoint",
    "SamplingOptions",
    "Thinking",
    "Timeouts",
    "Token",
    "Tool",
    "ToolCall",
    "Turn",
    "Usage",
    "check",
    "check_address",
    "complete",
    "estimate_tokens",
    "estimate_turns",
    "stream",
]
