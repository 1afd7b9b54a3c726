"""Generations without streaming: a whole answer, and the check of an endpoint."""

from __future__ import annotations

import time
from collections.abc import Sequence

from chalicelib.chat.llm.generation import DEFAULTS, stream
from chalicelib.chat.llm.interface import (
    Call,
    Completion,
    EndpointCheck,
    Finish,
    ModelEndpoint,
    SamplingOptions,
    Thinking,
    Token,
    Tool,
    ToolCall,
    Turn,
)

_SAMPLE_TOKENS = 16
_SAMPLE_CHARS = 200


def complete(
    model: ModelEndpoint, turns: Sequence[Turn], options: SamplingOptions = DEFAULTS, tools: Sequence[Tool] = ()
) -> Completion:
    """Generate a whole answer and wait for it. Raises LlmError."""
    text, thinking = [], []
    calls: list[ToolCall] = []
    with stream(model, turns, options, tools) as answer:
        for delta in answer:
            match delta:
                case Token():
                    text.append(delta.text)
                case Thinking():
                    thinking.append(delta.text)
                case Call(call):
                    calls.append(call)
                case Finish():
                    return Completion("".join(text), "".join(thinking), tuple(calls), answer.usage(), delta)
    raise RuntimeError("a stream ended without Finish")


def check(model: ModelEndpoint) -> EndpointCheck:
    """Generate a few words, to verify address, key and model name. Raises LlmError."""
    started = time.monotonic()
    first: float | None = None
    texts = []
    with stream(model, [Turn("user", "Say hello.")], SamplingOptions(max_tokens=_SAMPLE_TOKENS)) as answer:
        for delta in answer:
            first = first or time.monotonic()
            if isinstance(delta, Token):
                texts.append(delta.text)
            if isinstance(delta, Finish):
                return EndpointCheck(
                    first_piece_ms=round((first - started) * 1000),
                    latency_ms=round((time.monotonic() - started) * 1000),
                    model=delta.model or model.model_id,
                    sample="".join(texts).strip()[:_SAMPLE_CHARS],
                    usage=answer.usage(),
                )
    raise RuntimeError("a stream ended without Finish")
