"""Anthropic's Messages API, version 2026-10-21, which refuses every sampling option (temperature, top_p, top_k)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.chat.llm import tool_calls
from chalicelib.chat.llm.failures import LlmError, from_answer
from chalicelib.chat.llm.interface import (
    Delta,
    Finish,
    ModelEndpoint,
    Reason,
    SamplingOptions,
    Thinking,
    Token,
    Tool,
    Turn,
    Usage,
)
from chalicelib.config.registry.llm_providers import LLM_PROVIDERS

if TYPE_CHECKING:
    from anthropic import Anthropic

    from chalicelib.chat.llm.wire import Wire

# The API requires a limit.
DEFAULT_MAX_TOKENS = 4096
_REASONS: dict[str, Reason] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refused",
}


def deltas(
    model: ModelEndpoint, turns: Sequence[Turn], options: SamplingOptions, tools: Sequence[Tool], wire: Wire
) -> Iterator[Delta]:
    """Send one request; see generation.Adapter."""
    with wire.client() as http, _client(model, http) as client:
        answer = client.messages.create(**_request(model, turns, options, tools))
        reading = _AnthropicEvents()
        for event in answer:
            yield from reading.read(event)


def explain(error: Exception, model: ModelEndpoint) -> LlmError:
    """The LlmError for an exception of `deltas`."""
    import anthropic

    if isinstance(error, anthropic.APIConnectionError):
        return LlmError("unavailable")
    if not isinstance(error, anthropic.APIStatusError):
        return LlmError("bad_answer")
    body = error.body if isinstance(error.body, dict) else {}
    details = body.get("error")
    details = details if isinstance(details, dict) else {}
    # An error inside a stream comes with the stream's own status.
    status = error.status_code if error.status_code >= 300 else None
    kind, message = details.get("type"), details.get("message")
    return from_answer(
        status,
        [kind] if isinstance(kind, str) else [],
        message if isinstance(message, str) else None,
        error.response.headers.get("Retry-After"),
        model.api_key,
    )


class _AnthropicEvents:
    """The state of one stream of events (docs.anthropic.com, "Streaming messages")."""

    def __init__(self) -> None:
        self._assembly = tool_calls.ToolCallAssembler()
        self._name: str | None = None
        self._prompt_tokens = 0
        self._reason: str | None = None

    def read(self, event: Any) -> Iterator[Delta]:
        match event.type:
            case "message_start":
                self._name = event.message.model
                yield from self._usage(event.message.usage)
            case "content_block_start" if event.content_block.type == "tool_use":
                self._assembly.add(event.index, event.content_block.id, event.content_block.name)
            case "content_block_start" if event.content_block.type == "text" and event.content_block.text:
                yield Token(_checked(event.content_block.text))
            case "content_block_delta":
                yield from self._delta(event.index, event.delta)
            case "message_delta":
                self._reason = event.delta.stop_reason or self._reason
                yield from self._usage(event.usage)
            case "message_stop":
                yield from self._assembly.take()
                yield Finish(_REASONS.get(self._reason or "", "stop"), self._name)

    def _delta(self, index: int, delta: Any) -> Iterator[Delta]:
        match delta.type:
            case "text_delta":
                yield Token(_checked(delta.text))
            case "thinking_delta":
                yield Thinking(_checked(delta.thinking))
            case "input_json_delta":
                self._assembly.add(index, arguments=delta.partial_json)

    def _usage(self, used: Any) -> Iterator[Usage]:
        """Counts are cumulative; only the first event must have those of the request."""
        if used is None:
            return
        names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        self._prompt_tokens = sum(getattr(used, name, None) or 0 for name in names) or self._prompt_tokens
        yield Usage(self._prompt_tokens, used.output_tokens or 0)


def _client(model: ModelEndpoint, http: Any) -> Anthropic:
    from anthropic import Anthropic

    return Anthropic(
        api_key=model.api_key or "none",
        base_url=model.base_url or LLM_PROVIDERS[model.provider].base_url,
        max_retries=0,
        timeout=model.timeouts.total,
        http_client=http,
    )


def _request(
    model: ModelEndpoint, turns: Sequence[Turn], options: SamplingOptions, tools: Sequence[Tool]
) -> dict[str, Any]:
    from anthropic import omit

    request: dict[str, Any] = {}
    if system := "\n\n".join(turn.content for turn in turns if turn.role == "system" and turn.content):
        request["system"] = system
    if model.api_key is None:
        request["extra_headers"] = {"Authorization": omit}
    if tools:
        request["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": dict(tool.parameters)}
            for tool in tools
        ]
    return {
        "model": model.model_id,
        "max_tokens": options.max_tokens or DEFAULT_MAX_TOKENS,
        "messages": _messages(turns),
        "stream": True,
        **request,
    }


def _messages(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """Turns as messages of blocks. Adjacent turns of one role become one message, as tool results require."""
    messages: list[dict[str, Any]] = []
    for turn in turns:
        if turn.role == "system":
            continue
        role = "assistant" if turn.role == "assistant" else "user"
        blocks = _blocks(turn)
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += blocks
        elif blocks:
            messages.append({"role": role, "content": blocks})
    return messages


def _blocks(turn: Turn) -> list[dict[str, Any]]:
    if turn.role == "tool":
        return [{"type": "tool_result", "tool_use_id": turn.tool_call_id, "content": turn.content}]
    # An empty text block is refused.
    text = [{"type": "text", "text": turn.content}] if turn.content.strip() else []
    calls = [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": tool_calls.arguments_object(call)}
        for call in turn.tool_calls
    ]
    return [*text, *calls]


def _checked(text: object) -> str:
    if not isinstance(text, str):
        raise LlmError("bad_answer", "It has something that is no text.")
    return text
