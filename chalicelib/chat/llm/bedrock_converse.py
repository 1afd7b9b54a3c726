"""Amazon Bedrock's ConverseStream, for every model that it serves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

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
from chalicelib.core import aws

if TYPE_CHECKING:
    import httpx2

    from chalicelib.chat.llm.wire import Wire

_REASONS: dict[str, Reason] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "refused",
    "content_filtered": "refused",
}
_MALFORMED = {"malformed_model_output", "malformed_tool_use"}
_REGION = re.compile(r"^bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.")


def deltas(
    model: ModelEndpoint, turns: Sequence[Turn], options: SamplingOptions, tools: Sequence[Tool], wire: Wire
) -> Iterator[Delta]:
    """Send one request; see generation.Adapter."""
    with wire.client() as http:

        def send(method: str, url: str, headers: Mapping[str, str], body: bytes) -> aws.HttpResponse:
            return _send(http, method, url, _authorised(headers, model.api_key), body)

        region = _REGION.match(urlsplit(model.base_url).hostname or "") if model.base_url else None
        client = aws.bedrock(
            send, endpoint_url=model.base_url, region=region and region[1], is_signed=model.api_key is None
        )
        answer = client.converse_stream(**_request(model, turns, options, tools))
        reading = _BedrockEvents(model.model_id)
        for event in answer["stream"]:
            yield from reading.read(event)


def explain(error: Exception, model: ModelEndpoint) -> LlmError:
    """The LlmError for an exception of `deltas`."""
    from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError, PartialCredentialsError

    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return LlmError("wrong_key", "There is none, and the function has no role.")
    if isinstance(error, NoRegionError):
        return LlmError("bad_address", "It does not say which region.")
    if not isinstance(error, ClientError):
        return LlmError("bad_answer")
    details = error.response.get("Error", {})
    metadata = error.response.get("ResponseMetadata", {})
    # An exception inside a stream comes without a status of its own.
    status = metadata.get("HTTPStatusCode")
    headers: Mapping[str, str] = metadata.get("HTTPHeaders", {})
    return from_answer(
        status if isinstance(status, int) and status >= 300 else None,
        [str(details.get("Code", ""))],
        str(details.get("Message", "")),
        headers.get("retry-after"),
        model.api_key,
    )


class _BedrockEvents:
    """The state of one stream of events (Amazon Bedrock API reference, ConverseStream)."""

    def __init__(self, name: str) -> None:
        self._assembly = tool_calls.ToolCallAssembler()
        self._name = name

    def read(self, event: Mapping[str, Any]) -> Iterator[Delta]:
        for kind, value in event.items():
            match kind:
                case "contentBlockStart" if "toolUse" in value.get("start", {}):
                    started = value["start"]["toolUse"]
                    self._assembly.add(value["contentBlockIndex"], started["toolUseId"], started["name"])
                case "contentBlockDelta":
                    yield from self._delta(value["contentBlockIndex"], value["delta"])
                case "messageStop":
                    yield from self._stop(value["stopReason"])
                case "metadata":
                    used = value["usage"]
                    cached = used.get("cacheReadInputTokens", 0) + used.get("cacheWriteInputTokens", 0)
                    yield Usage(used["inputTokens"] + cached, used["outputTokens"])

    def _delta(self, index: int, delta: Mapping[str, Any]) -> Iterator[Delta]:
        if delta.get("text"):
            yield Token(delta["text"])
        if thought := delta.get("reasoningContent", {}).get("text"):
            yield Thinking(thought)
        if "toolUse" in delta:
            self._assembly.add(index, arguments=delta["toolUse"].get("input"))

    def _stop(self, reason: str) -> Iterator[Delta]:
        if reason in _MALFORMED:
            raise LlmError("bad_answer", "The model wrote something that Bedrock does not understand.")
        yield from self._assembly.take()
        yield Finish(_REASONS.get(reason, "stop"), self._name)


def _send(http: httpx2.Client, method: str, url: str, headers: Mapping[str, str], body: bytes) -> aws.HttpResponse:
    request = http.build_request(method, url, headers=dict(headers), content=body)
    response = http.send(request, stream=True)
    return aws.HttpResponse(response.status_code, dict(response.headers), response.iter_raw, response.close)


def _authorised(headers: Mapping[str, str], key: str | None) -> Mapping[str, str]:
    return headers if key is None else {**headers, "Authorization": f"Bearer {key}"}


def _request(
    model: ModelEndpoint, turns: Sequence[Turn], options: SamplingOptions, tools: Sequence[Tool]
) -> dict[str, Any]:
    inference_config = {"maxTokens": options.max_tokens, "temperature": options.temperature, "topP": options.top_p}
    inference = {name: value for name, value in inference_config.items() if value is not None}
    request: dict[str, Any] = {"inferenceConfig": inference} if inference else {}
    if options.top_k is not None and "anthropic." in model.model_id:
        request["additionalModelRequestFields"] = {"top_k": options.top_k}
    if system := [{"text": turn.content} for turn in turns if turn.role == "system" and turn.content.strip()]:
        request["system"] = system
    if tools:
        request["toolConfig"] = {"tools": [{"toolSpec": _specification(tool)} for tool in tools]}
    return {"modelId": model.model_id, "messages": _messages(turns), **request}


def _specification(tool: Tool) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "inputSchema": {"json": dict(tool.parameters)}}


def _messages(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """Turns as messages of blocks. Roles must alternate, so adjacent turns of one role become one message."""
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
        return [{"toolResult": {"toolUseId": turn.tool_call_id, "content": [{"text": turn.content}]}}]
    # An empty text block is refused.
    text = [{"text": turn.content}] if turn.content.strip() else []
    calls = [
        {"toolUse": {"toolUseId": call.id, "name": call.name, "input": tool_calls.arguments_object(call)}}
        for call in turn.tool_calls
    ]
    return [*text, *calls]
