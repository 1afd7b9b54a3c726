"""What goes to a language model and what comes back, whatever its provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]
Reason = Literal["stop", "length", "tool_calls", "refused"]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `first_byte` runs from the sent request, `idle` between bytes, `total` over everything with retries."""

    connect: float = 5.0
    first_byte: float = 60.0
    idle: float = 30.0
    total: float = 240.0


@dataclass(frozen=True, slots=True)
class ModelEndpoint:
    """A model, its address and its key.

    `provider` is a name in config/registry/llm_providers.py. `base_url` None is the provider's public address, which
    some providers lack. `api_key` None sends no key; for bedrock it means the function's own role, and a key is a
    Bedrock API key.
    """

    provider: str
    model_id: str
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    timeouts: Timeouts = Timeouts()


@dataclass(frozen=True, slots=True)
class SamplingOptions:
    """How to sample. None leaves it to the provider; docs/llms.md says which provider knows which."""

    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    top_k: int | None = None
    repetition_penalty: float | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may ask for. `parameters` is a JSON Schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What the model asks for. `arguments` is the JSON text as the model wrote it, which may not be JSON."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the conversation. A `tool` turn answers the call with `tool_call_id`."""

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the answer; the answer is the concatenation of all."""

    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """A piece of what the model thinks before it answers; no part of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A whole tool call: its streamed arguments are assembled."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of the request and of the answer. `estimated` when the provider did not say."""

    prompt_tokens: int
    completion_tokens: int
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """The last piece. `model` is the name that the server gave itself."""

    reason: Reason
    model: str | None = None


Delta = Token | Thinking | Call | Usage | Finish


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer."""

    text: str
    thinking: str
    calls: tuple[ToolCall, ...]
    usage: Usage
    finish: Finish


@dataclass(frozen=True, slots=True)
class EndpointCheck:
    """A model that answered: milliseconds to its first piece and to its last, who it says it is, what it said."""

    first_piece_ms: int
    latency_ms: int
    model: str
    sample: str
    usage: Usage
