"""ConverseStream through boto3, against a server that replays its documented frames."""

from typing import Any

import pytest

from chalicelib.chat import llm
from tests.chat.llm import servers
from tests.chat.llm.servers import EVENT_STREAM, Server, event_frame, fails, frame, serving, stalls

REQUEST = (
    llm.Turn("system", "Be brief."),
    llm.Turn("user", "What is the notice period?"),
)
SEARCH = llm.Tool("search", "Searches.", {"type": "object", "properties": {"query": {"type": "string"}}})
MODEL_ID = "anthropic.claude-test-v1:0"


@pytest.fixture(autouse=True)
def _role(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Lambda gives a function that has a role."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test-secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it remembers what an earlier test gave it


def responds(*frames: bytes) -> servers.Script:
    return servers.responds(b"".join(frames), EVENT_STREAM)


def _delta(index: int, **delta: Any) -> bytes:
    return event_frame("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})


def _start() -> bytes:
    return event_frame("messageStart", {"role": "assistant"})


def _end(reason: str = "end_turn") -> tuple[bytes, bytes, bytes]:
    usage = {"inputTokens": 20, "outputTokens": 12, "totalTokens": 37, "cacheReadInputTokens": 5}
    return (
        event_frame("contentBlockStop", {"contentBlockIndex": 0}),
        event_frame("messageStop", {"stopReason": reason}),
        event_frame("metadata", {"usage": usage, "metrics": {"latencyMs": 321}}),
    )


HELLO = (_start(), _delta(0, text="Three "), _delta(0, text="months."), *_end())


def _model(server: Server, key: str | None = None, **timeouts: float) -> llm.ModelEndpoint:
    return llm.ModelEndpoint("bedrock", MODEL_ID, server.url, key, llm.Timeouts(**timeouts))


def _failure(server: Server) -> llm.LlmError:
    with pytest.raises(llm.LlmError) as failed:
        llm.complete(_model(server), REQUEST)
    return failed.value


def test_an_answer_streams_with_its_usage() -> None:
    with serving(responds(*HELLO)) as server, llm.stream(_model(server), REQUEST) as answer:
        assert list(answer) == [
            llm.Token("Three "),
            llm.Token("months."),
            llm.Usage(25, 12),
            llm.Finish("stop", MODEL_ID),
        ]
    (request,) = server.requests
    assert request.line == "POST /model/anthropic.claude-test-v1%3A0/converse-stream HTTP/1.1"
    assert request.json == {
        "system": [{"text": "Be brief."}],
        "messages": [{"role": "user", "content": [{"text": "What is the notice period?"}]}],
    }


def test_requests_are_signed_by_the_role_or_carry_the_key() -> None:
    with serving(responds(*HELLO)) as server:
        llm.complete(_model(server), REQUEST)
        llm.complete(_model(server, "bedrock-api-key-0123456789"), REQUEST)
    signed, keyed = server.requests
    assert signed.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIATESTTESTTESTTEST/")
    assert "/eu-central-1/bedrock/aws4_request" in signed.headers["authorization"]
    assert keyed.headers["authorization"] == "Bearer bedrock-api-key-0123456789"
    assert "x-amz-date" not in keyed.headers


def test_only_the_options_that_it_knows_are_sent() -> None:
    options = llm.SamplingOptions(temperature=0.0, max_tokens=9, top_p=0.5, top_k=3, repetition_penalty=1.1)
    with serving(responds(*HELLO)) as server:
        llm.complete(_model(server), REQUEST, options)
        llm.complete(llm.ModelEndpoint("bedrock", "amazon.nova-lite-v1:0", server.url), REQUEST, options)
    claude, nova = (request.json for request in server.requests)
    assert claude["inferenceConfig"] == nova["inferenceConfig"] == {"maxTokens": 9, "temperature": 0.0, "topP": 0.5}
    assert claude["additionalModelRequestFields"] == {"top_k": 3}
    assert "additionalModelRequestFields" not in nova


def test_tools_are_offered_called_and_answered() -> None:
    start = {"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "t1", "name": "search"}}}
    data = (
        _start(),
        _delta(0, text="Let me look."),
        event_frame("contentBlockStart", start),
        _delta(1, toolUse={"input": '{"query"'}),
        _delta(1, toolUse={"input": ': "notice"}'}),
        *_end("tool_use"),
    )
    turns = (
        *REQUEST,
        llm.Turn("assistant", " ", (llm.ToolCall("t0", "search", '{"query": "a"}'),)),
        llm.Turn("tool", "Nothing.", tool_call_id="t0"),
    )
    with serving(responds(*data)) as server, llm.stream(_model(server), turns, tools=[SEARCH]) as answer:
        _, called, _, finish = answer
    assert called == llm.Call(llm.ToolCall("t1", "search", '{"query": "notice"}'))
    assert finish == llm.Finish("tool_calls", MODEL_ID)
    sent = server.requests[0].json
    assert sent["toolConfig"] == {
        "tools": [
            {"toolSpec": {"name": "search", "description": "Searches.", "inputSchema": {"json": SEARCH.parameters}}}
        ]
    }
    assert sent["messages"][1:] == [
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t0", "name": "search", "input": {"query": "a"}}}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "t0", "content": [{"text": "Nothing."}]}}]},
    ]


def test_thinking_is_no_part_of_the_answer() -> None:
    data = (
        _start(),
        _delta(0, reasoningContent={"text": "Hm, three."}),
        _delta(0, reasoningContent={"signature": "EqQB"}),
        _delta(1, text="Three."),
        *_end(),
    )
    with serving(responds(*data)) as server:
        completion = llm.complete(_model(server), REQUEST)
    assert (completion.thinking, completion.text) == ("Hm, three.", "Three.")


@pytest.mark.parametrize(
    ("stop_reason", "reason"),
    [
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("stop_sequence", "stop"),
        ("guardrail_intervened", "refused"),
        ("content_filtered", "refused"),
    ],
)
def test_why_it_ended(stop_reason: str, reason: str) -> None:
    with serving(responds(_start(), _delta(0, text="So"), *_end(stop_reason))) as server:
        assert llm.complete(_model(server), REQUEST).finish.reason == reason


@pytest.mark.parametrize(
    ("status", "kind", "message", "code"),
    [
        ("403 Forbidden", "UnrecognizedClientException", "The security token is invalid.", "wrong_key"),
        ("403 Forbidden", "ExpiredTokenException", "Expired.", "wrong_key"),
        ("403 Forbidden", "AccessDeniedException", "You don't have access to the model.", "not_allowed"),
        ("404 Not Found", "ResourceNotFoundException", "No such model.", "model_missing"),
        ("400 Bad Request", "ValidationException", "The provided model identifier is invalid.", "model_missing"),
        ("400 Bad Request", "ValidationException", "Input is too long for requested model.", "context_overflow"),
        ("400 Bad Request", "ValidationException", "temperature must be at most 1", "request_rejected"),
        ("429 Too Many Requests", "ThrottlingException", "Too many tokens, please wait.", "rate_limited"),
        ("400 Bad Request", "ServiceQuotaExceededException", "Over quota.", "rate_limited"),
        ("429 Too Many Requests", "ModelNotReadyException", "Not ready.", "overloaded"),
        ("503 Service Unavailable", "ServiceUnavailableException", "Busy.", "overloaded"),
        ("408 Request Timeout", "ModelTimeoutException", "Slow.", "timed_out"),
        ("500 Internal Server Error", "InternalServerException", "Oops.", "unavailable"),
        ("424 Failed Dependency", "ModelErrorException", "Oops.", "unavailable"),
    ],
)
def test_what_a_refusal_is_called(status: str, kind: str, message: str, code: str) -> None:
    with serving(fails(status, {"message": message}, f"x-amzn-ErrorType: {kind}:http://internal/")) as server:
        assert _failure(server).code == code
    assert len(server.requests) == (3 if code in {"rate_limited", "overloaded", "unavailable"} else 1)


def _exception(kind: str) -> bytes:
    headers = {":message-type": "exception", ":exception-type": kind, ":content-type": "application/json"}
    return frame(headers, {"message": "It failed."})


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("throttlingException", "rate_limited"),
        ("modelStreamErrorException", "unavailable"),
        ("internalServerException", "unavailable"),
        ("serviceUnavailableException", "overloaded"),
        ("validationException", "unavailable"),
    ],
)
def test_an_exception_inside_the_stream(kind: str, code: str) -> None:
    with serving(responds(_start(), _delta(0, text="So"), _exception(kind))) as server:
        assert _failure(server).code == code
    assert len(server.requests) == 1


def test_an_exception_before_the_first_word_is_tried_again() -> None:
    with serving(responds(_start(), _exception("throttlingException")), responds(*HELLO)) as server:
        assert llm.complete(_model(server), REQUEST).text == "Three months."


_BROKEN = bytearray(b"".join(HELLO))
_BROKEN[len(HELLO[0]) + 40] ^= 1


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (responds(_start(), _delta(0, text="So")), "disconnected"),
        (responds(_start(), _delta(0, text="So")[:-9]), "disconnected"),
        (responds(bytes(_BROKEN)), "bad_answer"),
        (responds(_start(), *_end("malformed_model_output")), "bad_answer"),
        (responds(_start(), _delta(0, toolUse={"input": "x" * 300_000}), *_end("tool_use")), "bad_answer"),
        (servers.responds(b"<html>Log in</html>", "text/html"), "bad_answer"),
        (stalls(_start(), EVENT_STREAM), "timed_out"),
        (servers.silent, "timed_out"),
    ],
)
def test_a_stream_that_breaks(script: servers.Script, code: str) -> None:
    timeouts = {"first_byte": 0.3, "idle": 0.2} if code == "timed_out" else {}
    with serving(script) as server, pytest.raises(llm.LlmError) as failed:
        llm.complete(_model(server, None, **timeouts), REQUEST)
    assert failed.value.code == code


def test_a_server_that_is_not_there() -> None:
    absent = llm.ModelEndpoint("bedrock", MODEL_ID, f"http://127.0.0.1:{servers.refusing_port()}")
    with pytest.raises(llm.LlmError) as failed:
        llm.check(absent)
    assert failed.value.code == "unavailable"


def test_a_function_without_a_role_gets_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with serving(responds(*HELLO)) as server:
        assert _failure(server).code == "wrong_key"
    assert not server.requests


def test_the_region_is_that_of_the_address() -> None:
    """No such name resolves here, and nothing is sent: the request is signed before it would be."""
    queued = llm.ModelEndpoint("bedrock", MODEL_ID, "https://bedrock-runtime.ap-south-1.amazonaws.invalid")
    with pytest.raises(llm.LlmError) as failed:
        llm.check(queued)
    assert failed.value.code == "unavailable"
