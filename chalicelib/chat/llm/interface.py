"""What an adapter of a client API implements, its requests and its deltas: the same for every provider.

A new client API or provider starts in config/registry/llm_providers.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from chalicelib.chat.llm.failures import LlmError
    from chalicelib.chat.llm.wire import Wire

Role = Literal["system", "user", "assistant", "tool"]
Reason = Literal["stop", "length", "tool_calls", "refused"]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `first_byte` starts with the sent request, `idle` is between bytes, `total` includes retries."""

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
    """Sampling options. None leaves an option to the provider; docs/llms.md lists the options of each provider."""

    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    top_k: int | None = None
    repetition_penalty: float | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call. `parameters` is a JSON Schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool by the model. `arguments` is text of the model, which may be invalid JSON."""

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
    """A part of the answer's text; the text is the concatenation of all parts."""

    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """A part of the model's thinking, which is not part of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A whole tool call, assembled from its streamed parts."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of the request and of the answer; `estimated` without a report of the provider."""

    prompt_tokens: int
    completion_tokens: int
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """The last delta. `model` is the name that the server reports."""

    reason: Reason
    model: str | None = None


Delta = Token | Thinking | Call | Usage | Finish


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole generation."""

    text: str
    thinking: str
    calls: tuple[ToolCall, ...]
    usage: Usage
    finish: Finish


@dataclass(frozen=True, slots=True)
class EndpointCheck:
    """A successful check: milliseconds to the first and to the last delta, the reported model name, a sample."""

    first_piece_ms: int
    latency_ms: int
    model: str
    sample: str
    usage: Usage


class Adapter(Protocol):
    """A client API: the module of this package that has the API's name in config/registry/llm_providers.py."""

    def deltas(
        self, model: ModelEndpoint, turns: Sequence[Turn], options: SamplingOptions, tools: Sequence[Tool], wire: Wire
    ) -> Iterator[Delta]:
        """Send one request. Raises the client library's exceptions; a stream that breaks off may just end."""

    def explain(self, error: Exception, model: ModelEndpoint) -> LlmError:
        """The LlmError for an exception of `deltas`."""
