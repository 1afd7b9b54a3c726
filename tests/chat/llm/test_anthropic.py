"""The Messages API through Anthropic's own client, against a server that replays its documented events."""

from typing import Any

import pytest

from chalicelib.chat import llm
from tests.chat.llm import servers
from tests.chat.llm.servers import Server, fails, named_events, responds, serving

KEY = "sk-ant-api03-0123456789abcdef"
REQUEST = (
    llm.Turn("system", "Be brief."),
    llm.Turn("user", "What is the notice period?"),
)
SEARCH = llm.Tool("search", "Searches.", {"type": "object", "properties": {"query": {"type": "string"}}})


def _start() -> dict[str, Any]:
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-served",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 25, "cache_read_input_tokens": 5, "output_tokens": 1},
    }
    return {"type": "message_start", "message": message}


def _block(index: int, block: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": block},
        {"type": "ping"},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def _text(index: int, *texts: str) -> list[dict[str, Any]]:
    return _block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": text} for text in texts))


def _end(reason: str, tokens: int = 15) -> list[dict[str, Any]]:
    delta = {"stop_reason": reason, "stop_sequence": None}
    return [{"type": "message_delta", "delta": delta, "usage": {"output_tokens": tokens}}, {"type": "message_stop"}]


HELLO = named_events([_start(), *_text(0, "Three ", "months."), *_end("end_turn")])


def _model(server: Server, **timeouts: float) -> llm.ModelEndpoint:
    return llm.ModelEndpoint("anthropic", "claude-asked", server.url, KEY, llm.Timeouts(**timeouts))


def _failure(server: Server) -> llm.LlmError:
    with pytest.raises(llm.LlmError) as failed:
        llm.complete(_model(server), REQUEST)
    assert KEY not in failed.value.sentence
    return failed.value


def test_an_answer_streams_with_its_usage() -> None:
    with serving(responds(HELLO)) as server, llm.stream(_model(server), REQUEST) as answer:
        assert list(answer) == [
            llm.Token("Three "),
            llm.Token("months."),
            llm.Usage(30, 15),
            llm.Finish("stop", "claude-served"),
        ]
    (request,) = server.requests
    assert request.line == "POST /v1/messages HTTP/1.1"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["anthropic-version"] == "2026-10-21"
    assert request.json == {
        "model": "claude-asked",
        "max_tokens": 4096,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "What is the notice period?"}]}],
        "stream": True,
    }


def test_options_that_the_api_refuses_are_not_sent() -> None:
    """Version 2026-10-21 answers 400 to any of them, at any value."""
    options = llm.SamplingOptions(temperature=0.0, max_tokens=9, top_p=0.5, top_k=3, repetition_penalty=1.1)
    with serving(responds(HELLO)) as server:
        llm.complete(_model(server), REQUEST, options)
    assert set(server.requests[0].json) == {"model", "max_tokens", "system", "messages", "stream"}
    assert server.requests[0].json["max_tokens"] == 9


def test_tools_are_offered_called_and_answered() -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "search", "input": {}}
    parts = ({"type": "input_json_delta", "partial_json": part} for part in ("", '{"query"', ': "notice"}'))
    data = named_events([_start(), *_text(0, "Let me look."), *_block(1, call, *parts), *_end("tool_use")])
    with serving(responds(data)) as server, llm.stream(_model(server), REQUEST, tools=[SEARCH]) as answer:
        _, called, _, finish = answer
    assert called == llm.Call(llm.ToolCall("toolu_1", "search", '{"query": "notice"}'))
    assert finish == llm.Finish("tool_calls", "claude-served")
    assert server.requests[0].json["tools"] == [
        {"name": "search", "description": "Searches.", "input_schema": SEARCH.parameters}
    ]


def test_results_of_tools_are_one_message_of_the_user() -> None:
    calls = (llm.ToolCall("t1", "search", '{"query": "a"}'), llm.ToolCall("t2", "search", "{oops"))
    turns = (
        *REQUEST,
        llm.Turn("assistant", "", calls),
        llm.Turn("tool", "Three months.", tool_call_id="t1"),
        llm.Turn("tool", "That was no JSON.", tool_call_id="t2"),
        llm.Turn("user", "Go on."),
    )
    with serving(responds(HELLO)) as server:
        llm.complete(_model(server), turns, tools=[SEARCH])
    _, called, answered = server.requests[0].json["messages"]
    assert called == {
        "role": "assistant",
        "content": [
            {"type": "tool_use", "id": "t1", "name": "search", "input": {"query": "a"}},
            {"type": "tool_use", "id": "t2", "name": "search", "input": {"invalid": "{oops"}},
        ],
    }
    assert answered == {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": "Three months."},
            {"type": "tool_result", "tool_use_id": "t2", "content": "That was no JSON."},
            {"type": "text", "text": "Go on."},
        ],
    }


def test_thinking_is_no_part_of_the_answer() -> None:
    thought = _block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "Hm, three."},
        {"type": "signature_delta", "signature": "EqQBCgIYAhIM"},
    )
    data = named_events([_start(), *thought, *_text(1, "Three."), *_end("end_turn")])
    with serving(responds(data)) as server:
        completion = llm.complete(_model(server), REQUEST)
    assert (completion.thinking, completion.text) == ("Hm, three.", "Three.")


@pytest.mark.parametrize(
    ("stop_reason", "reason"),
    [
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("refusal", "refused"),
    ],
)
def test_why_it_ended(stop_reason: str, reason: str) -> None:
    with serving(responds(named_events([_start(), *_text(0, "So"), *_end(stop_reason)]))) as server:
        assert llm.complete(_model(server), REQUEST).finish.reason == reason


def _error(kind: str, message: str = "It failed.") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


@pytest.mark.parametrize(
    ("status", "document", "code"),
    [
        ("401 Unauthorized", _error("authentication_error", f"invalid x-api-key {KEY}"), "wrong_key"),
        ("403 Forbidden", _error("permission_error"), "not_allowed"),
        ("402 Payment Required", _error("billing_error"), "quota_exhausted"),
        ("400 Bad Request", _error("invalid_request_error", "Your credit balance is too low"), "quota_exhausted"),
        ("404 Not Found", _error("not_found_error", "model: claude-asked"), "model_missing"),
        ("400 Bad Request", _error("invalid_request_error", "prompt is too long: 9 tokens > 8"), "context_overflow"),
        ("413 Request Too Large", _error("request_too_large"), "context_overflow"),
        ("400 Bad Request", _error("invalid_request_error", "temperature: must be at most 1"), "request_rejected"),
        ("429 Too Many Requests", _error("rate_limit_error"), "rate_limited"),
        ("529 Overloaded", _error("overloaded_error"), "overloaded"),
        ("500 Internal Server Error", _error("api_error"), "unavailable"),
        ("504 Gateway Timeout", _error("timeout_error"), "timed_out"),
        ("502 Bad Gateway", "<html>", "unavailable"),
    ],
)
def test_what_a_refusal_is_called(status: str, document: Any, code: str) -> None:
    with serving(fails(status, document, "Retry-After: 0")) as server:
        assert _failure(server).code == code
    assert len(server.requests) == (3 if code in {"rate_limited", "overloaded", "unavailable"} else 1)


def test_an_error_inside_the_stream_before_the_first_word_is_tried_again() -> None:
    with serving(responds(named_events([_start(), _error("overloaded_error")])), responds(HELLO)) as server:
        assert llm.complete(_model(server), REQUEST).text == "Three months."
    assert len(server.requests) == 2


def test_an_error_inside_the_stream_after_it_is_not() -> None:
    data = named_events([_start(), *_text(0, "Three "), _error("overloaded_error")])
    with serving(responds(data)) as server, llm.stream(_model(server), REQUEST) as answer:
        assert answer.next() == llm.Token("Three ")
        with pytest.raises(llm.LlmError) as failed:
            answer.next()
        # The first event said how many tokens were read; how many were written, only the last would have.
        assert answer.usage() == llm.Usage(30, llm.estimate_tokens("Three "), estimated=True)
    assert (failed.value.code, len(server.requests)) == ("overloaded", 1)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (responds(named_events([_start(), *_text(0, "So")])), "disconnected"),
        (responds(b"event: message_start\ndata: {not json\n\n"), "bad_answer"),
        (responds(b'event: message_start\ndata: {"type": "message_start"}\n\n'), "bad_answer"),
        (responds(b"<html>Log in</html>", "text/html"), "bad_answer"),
        (servers.stalls(named_events([_start(), *_text(0, "So")])), "timed_out"),
    ],
)
def test_a_stream_that_breaks(script: servers.Script, code: str) -> None:
    timeouts = {"idle": 0.2} if code == "timed_out" else {}
    with serving(script) as server, pytest.raises(llm.LlmError) as failed:
        llm.complete(_model(server, **timeouts), REQUEST)
    assert failed.value.code == code


def test_no_key_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-environment")
    with serving(responds(HELLO)) as server:
        llm.complete(llm.ModelEndpoint("anthropic", "m", server.url), REQUEST)
        llm.complete(_model(server), REQUEST)
    without, with_key = server.requests
    assert not {"authorization", "x-api-key"} & set(without.headers)
    assert with_key.headers["authorization"] == f"Bearer {KEY}"


def test_check_needs_few_tokens() -> None:
    with serving(responds(HELLO)) as server:
        checked = llm.check(_model(server))
    assert (checked.model, checked.sample, checked.usage) == ("claude-served", "Three months.", llm.Usage(30, 15))
    assert server.requests[0].json["max_tokens"] == 16
