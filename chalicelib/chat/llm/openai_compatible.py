"""The Chat Completions API, as OpenAI, OpenRouter, vLLM, TGI, Ollama and llama.cpp implement it."""

from __future__ import annotations

import json
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
    from openai import OpenAI
    from openai.types.chat import ChatCompletionChunk
    from openai.types.chat.chat_completion_chunk import Choice

    from chalicelib.chat.llm.wire import Wire

_REASONS: dict[str, Reason] = {"length": "length", "content_filter": "refused"}


def deltas(
    model: ModelEndpoint, turns: Sequence[Turn], options: SamplingOptions, tools: Sequence[Tool], wire: Wire
) -> Iterator[Delta]:
    """Send one request; see generation.Adapter."""
    with wire.client() as http, _client(model, http) as client:
        answer = client.chat.completions.create(**_request(model, turns, options, tools))
        assembly, refused, name = tool_calls.ToolCallAssembler(), False, None
        for chunk in answer:
            name = name or chunk.model
            for choice in chunk.choices or ():
                refused = refused or bool(choice.delta.refusal)
                yield from _error_message(choice, assembly)
                if choice.finish_reason is not None:
                    calls = list(assembly.take())
                    yield from calls
                    reason = _REASONS.get(choice.finish_reason, "tool_calls" if calls else "stop")
                    yield Finish("refused" if refused else reason, _text(name))
            yield from _usage(chunk)


def explain(error: Exception, model: ModelEndpoint) -> LlmError:
    """The LlmError for an exception of `deltas`."""
    import openai

    if isinstance(error, openai.APIConnectionError):
        return LlmError("unavailable")
    if not isinstance(error, openai.APIError) or isinstance(error, openai.APIResponseValidationError):
        return LlmError("bad_answer")
    status = error.status_code if isinstance(error, openai.APIStatusError) else None
    if status is None and error.code is not None and error.code.isdecimal():
        status = int(error.code)  # OpenRouter, inside a stream
    retry_after = error.response.headers.get("Retry-After") if isinstance(error, openai.APIStatusError) else None
    return from_answer(status, _kinds(error), _message(error.body), retry_after, model.api_key)


def _kinds(error: Any) -> tuple[str | None, ...]:
    return tuple(kind for kind in (error.code, error.type) if isinstance(kind, str))


def _client(model: ModelEndpoint, http: Any) -> OpenAI:
    from openai import OpenAI

    # Every setting is explicit, because the library would read a missing one from the environment.
    return OpenAI(
        api_key=model.api_key or "none",
        base_url=model.base_url or LLM_PROVIDERS[model.provider].base_url,
        max_retries=0,
        timeout=model.timeouts.total,
        http_client=http,
    )


def _request(
    model: ModelEndpoint, turns: Sequence[Turn], options: SamplingOptions, tools: Sequence[Tool]
) -> dict[str, Any]:
    from openai import omit

    provider = LLM_PROVIDERS[model.provider]
    sampling = {
        provider.max_tokens_field: options.max_tokens,
        "temperature": options.temperature,
        "top_p": options.top_p,
    }
    request: dict[str, Any] = {name: value for name, value in sampling.items() if value is not None}
    extra = {name: getattr(options, name) for name in provider.extra_options}
    if any(value is not None for value in extra.values()):
        request["extra_body"] = {name: value for name, value in extra.items() if value is not None}
    if model.api_key is None:
        request["extra_headers"] = {"Authorization": omit}
    if tools:
        request["tools"] = [{"type": "function", "function": _function(tool)} for tool in tools]
    return {
        "model": model.model_id,
        "messages": [_message_of(turn) for turn in turns],
        "stream": True,
        "stream_options": {"include_usage": True},
        **request,
    }


def _function(tool: Tool) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}


def _message_of(turn: Turn) -> dict[str, Any]:
    message: dict[str, Any] = {"role": turn.role, "content": turn.content}
    if turn.role == "tool":
        message["tool_call_id"] = turn.tool_call_id
    if turn.tool_calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(tool_calls.arguments_object(call))},
            }
            for call in turn.tool_calls
        ]
    return message


def _error_message(choice: Choice, assembly: tool_calls.ToolCallAssembler) -> Iterator[Delta]:
    delta = choice.delta
    # vLLM, llama.cpp and DeepSeek use the first name, OpenRouter and Ollama the second.
    thought = getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None)
    if thought:
        yield Thinking(_checked(thought))
    for text in (delta.content, delta.refusal):
        if text:
            yield Token(_checked(text))
    for position, part in enumerate(delta.tool_calls or ()):
        function = part.function
        index = part.index if part.index is not None else position
        assembly.add(index, part.id, function.name if function else None, function.arguments if function else None)


def _usage(chunk: ChatCompletionChunk) -> Iterator[Usage]:
    used = chunk.usage
    if used is not None and isinstance(used.prompt_tokens, int) and isinstance(used.completion_tokens, int):
        yield Usage(used.prompt_tokens, used.completion_tokens)


def _checked(text: object) -> str:
    if not isinstance(text, str):
        raise LlmError("bad_answer", "It has something that is no text.")
    return text


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _message(body: object) -> str | None:
    """The sentence in an error's body: OpenAI's `message`, FastAPI's `detail`, TGI's bare string."""
    if isinstance(body, dict):
        body = body.get("message") or body.get("detail") or body.get("error")
    return body if isinstance(body, str) else None
