"""Language models of every provider behind one interface. Importing this loads no client library.

    with llm.stream(model, turns, options, tools) as generation:
        while True:
            delta = generation.next(timeout=0.2)   # None: no delta yet; raises LlmError
            ...
            if isinstance(delta, Finish): break

    stream(model, turns, options, tools) -> LlmStream           next, usage, close; a context manager, iterable
    complete(model, turns, options, tools) -> Completion
    check(model) -> EndpointCheck                               a small real call
    estimate_tokens(text) -> int                                works without the model's tokenizer; estimate_turns too

`next` returns Finish again after the end. Usage comes once, just before Finish; `usage()` is the reported or estimated
usage at any time, also of a generation that broke off.

Leaving the `with` block closes the model's connection at once, also while the model sends nothing. docs/llms.md
describes the providers.
"""

from chalicelib.chat.llm.completion import check, complete
from chalicelib.chat.llm.estimation import estimate_tokens, estimate_turns
from chalicelib.chat.llm.failures import CODES, LlmError
from chalicelib.chat.llm.generation import LlmStream, stream
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
    "complete",
    "estimate_tokens",
    "estimate_turns",
    "stream",
]
