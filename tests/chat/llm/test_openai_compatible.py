"""The Chat Completions API through OpenAI's own client: what is sent, what is read, what every failure is called."""

import itertools
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.chat import llm
from chalicelib.chat.llm import generation, wire
from tests.chat.llm import servers
from tests.chat.llm.servers import Connection, Server, chunk, events, fails, responds, serving, usage

KEY = "sk-test-0123456789abcdef"
REQUEST = (llm.Turn("user", "What is the notice period?"),)
HELLO = events(chunk(role="assistant", content="Hel"), chunk(content="lo"), chunk(finish="stop"), usage(7, 2))
SEARCH = llm.Tool("search", "Searches.", {"type": "object", "properties": {"query": {"type": "string"}}})


def _model(server: Server, provider: str = "vllm", /, **timeouts: float) -> llm.ModelEndpoint:
    return llm.ModelEndpoint(provider, "some-model", f"{server.url}/v1", KEY, llm.Timeouts(**timeouts))


def _failure(model: llm.ModelEndpoint, turns: tuple[llm.Turn, ...] = REQUEST) -> llm.LlmError:
    with pytest.raises(llm.LlmError) as failed:
        llm.complete(model, turns)
    assert KEY not in failed.value.sentence
    return failed.value


def test_tokens_usage_and_finish_come_in_this_order() -> None:
    with serving(responds(HELLO)) as server, llm.stream(_model(server), REQUEST) as answer:
        assert list(answer) == [
            llm.Token("Hel"),
            llm.Token("lo"),
            llm.Usage(7, 2),
            llm.Finish("stop", "served-model"),
        ]


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        ("openai", {"max_completion_tokens": 9, "temperature": 0.0, "top_p": 0.5}),
        ("ollama", {"max_tokens": 9, "temperature": 0.0, "top_p": 0.5}),
        ("tgi", {"max_tokens": 9, "temperature": 0.0, "top_p": 0.5}),
        ("vllm", {"max_tokens": 9, "temperature": 0.0, "top_p": 0.5, "top_k": 3, "repetition_penalty": 1.1}),
        ("openrouter", {"max_tokens": 9, "temperature": 0.0, "top_p": 0.5, "top_k": 3, "repetition_penalty": 1.1}),
    ],
)
def test_each_provider_is_sent_the_options_that_it_knows(provider: str, expected: dict[str, Any]) -> None:
    options = llm.SamplingOptions(temperature=0.0, max_tokens=9, top_p=0.5, top_k=3, repetition_penalty=1.1)
    with serving(responds(HELLO)) as server:
        llm.complete(_model(server, provider), REQUEST, options)
    sent = server.requests[0].json
    fixed = {name: sent.pop(name) for name in ("model", "messages", "stream", "stream_options")}
    assert fixed == {
        "model": "some-model",
        "messages": [{"role": "user", "content": "What is the notice period?"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert sent == expected


def test_nothing_is_sent_that_nobody_chose() -> None:
    with serving(responds(HELLO)) as server:
        llm.complete(_model(server), REQUEST)
    assert set(server.requests[0].json) == {"model", "messages", "stream", "stream_options"}
    assert server.requests[0].headers["accept-encoding"] == "identity"
    assert server.requests[0].headers["connection"] == "close"


def test_tools_and_their_results_are_sent_in_the_form_of_the_api() -> None:
    turns = (
        *REQUEST,
        llm.Turn(
            "assistant",
            "",
            (llm.ToolCall("c1", "search", '{"query": "notice"}'), llm.ToolCall("c2", "search", "{oops")),
        ),
        llm.Turn("tool", "Three months.", tool_call_id="c1"),
        llm.Turn("tool", "Not JSON.", tool_call_id="c2"),
    )
    with serving(responds(HELLO)) as server:
        llm.complete(_model(server), turns, tools=[SEARCH])
    sent = server.requests[0].json
    assert sent["tools"] == [
        {
            "type": "function",
            "function": {"name": "search", "description": "Searches.", "parameters": SEARCH.parameters},
        }
    ]
    called, first, second = sent["messages"][1:]
    assert [call["id"] for call in called["tool_calls"]] == ["c1", "c2"]
    assert [json.loads(call["function"]["arguments"]) for call in called["tool_calls"]] == [
        {"query": "notice"},
        {"invalid": "{oops"},
    ]
    assert first == {"role": "tool", "content": "Three months.", "tool_call_id": "c1"}
    assert second["tool_call_id"] == "c2"


def _call(index: int | None, arguments: str, **more: Any) -> dict[str, Any]:
    name = {"name": more.pop("name")} if "name" in more else {}
    return chunk(
        tool_calls=[{"index": index, "type": "function", "function": {"arguments": arguments, **name}, **more}]
    )


@pytest.mark.parametrize("reason", ["tool_calls", "stop"])  # Ollama says stop
def test_streamed_tool_calls_are_put_together(reason: str) -> None:
    data = events(
        _call(0, "", id="a", name="search"),
        _call(0, '{"query": "no'),
        _call(1, '{"query": "x"}', id="b", name="search"),
        _call(0, 'tice"}'),
        chunk(finish=reason),
    )
    with serving(responds(data)) as server, llm.stream(_model(server), REQUEST, tools=[SEARCH]) as answer:
        first, second, _, finish = answer
    assert first == llm.Call(llm.ToolCall("a", "search", '{"query": "notice"}'))
    assert second == llm.Call(llm.ToolCall("b", "search", '{"query": "x"}'))
    assert finish == llm.Finish("tool_calls", "served-model")


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thinking_is_no_part_of_the_answer(name: str) -> None:
    data = events(chunk(**{name: "Hm, "}), chunk(**{name: "three."}), chunk(content="Three."), chunk(finish="stop"))
    with serving(responds(data)) as server:
        completion = llm.complete(_model(server), REQUEST)
    assert (completion.thinking, completion.text) == ("Hm, three.", "Three.")


def test_usage_that_the_server_does_not_report_is_estimated() -> None:
    with serving(responds(events(chunk(content="Three months."), chunk(finish="stop")))) as server:
        counted = llm.complete(_model(server), REQUEST).usage
    assert counted == llm.Usage(llm.estimate_turns(REQUEST), llm.estimate_tokens("Three months."), estimated=True)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (events(chunk(content="So"), chunk(finish="length")), "length"),
        (events(chunk(content="So"), chunk(finish="content_filter")), "refused"),
        (events(chunk(refusal="I will not."), chunk(finish="stop")), "refused"),
        (events(chunk(content="So"), chunk(finish="eos_token")), "stop"),
    ],
)
def test_why_it_ended(data: bytes, reason: str) -> None:
    with serving(responds(data)) as server:
        assert llm.complete(_model(server), REQUEST).finish.reason == reason


def _openai(message: str, kind: str = "invalid_request_error", code: Any = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


_FAILURES: list[tuple[str, Any, str]] = [
    ("401 Unauthorized", _openai(f"Incorrect API key provided: {KEY}", code="invalid_api_key"), "wrong_key"),
    ("401 Unauthorized", {"detail": "no"}, "wrong_key"),
    ("403 Forbidden", _openai("Country not supported", code="unsupported_country"), "not_allowed"),
    ("402 Payment Required", _openai("Insufficient credits", code=402), "quota_exhausted"),
    ("429 Too Many Requests", _openai("Over quota", code="insufficient_quota"), "quota_exhausted"),
    ("404 Not Found", _openai("The model `x` does not exist", code="model_not_found"), "model_missing"),
    ("404 Not Found", {"error": "model 'x' not found"}, "model_missing"),
    ("400 Bad Request", _openai("Too long.", code="context_length_exceeded"), "context_overflow"),
    ("400 Bad Request", _openai("maximum context length is 4096 tokens", "BadRequestError", 400), "context_overflow"),
    ("422 Unprocessable Entity", {"error": "`inputs` tokens + `max_new_tokens` must be <= 4096"}, "context_overflow"),
    ("413 Payload Too Large", {}, "context_overflow"),
    ("400 Bad Request", _openai("temperature must be at most 2"), "request_rejected"),
    ("422 Unprocessable Entity", {"detail": [{"loc": ["body"], "msg": "bad"}]}, "request_rejected"),
    ("400 Bad Request", _openai("Flagged", code="content_policy_violation"), "refused"),
    ("302 Found", {}, "bad_answer"),
    ("408 Request Timeout", {}, "timed_out"),
    ("429 Too Many Requests", _openai("Rate limit reached", code="rate_limit_exceeded"), "rate_limited"),
    ("429 Too Many Requests", _openai("Too many tokens in this minute"), "rate_limited"),
    ("503 Service Unavailable", {"error": {"message": "Loading model", "code": 503}}, "overloaded"),
    ("500 Internal Server Error", {}, "unavailable"),
    ("502 Bad Gateway", "<html>", "unavailable"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "document", "code"), _FAILURES)
def test_what_a_refusal_is_called(status: str, document: Any, code: str) -> None:
    with serving(fails(status, document)) as server:
        failure = _failure(_model(server))
    assert failure.code == code
    assert failure.retryable == (code in {"rate_limited", "overloaded", "unavailable", "timed_out"})
    retried = code in {"rate_limited", "overloaded", "unavailable"}
    assert len(server.requests) == (generation.MAX_ATTEMPTS if retried else 1)


def test_a_request_that_is_rejected_says_why_without_anything_like_a_key() -> None:
    phrase = f"No key like {KEY} or sk-proj-****cdef or Bearer abcdefghijkl may have\n temperature 3 {'x' * 1000}"
    with serving(fails("400 Bad Request", _openai(phrase))) as server:
        sentence = _failure(_model(server)).sentence
    assert "temperature 3" in sentence
    assert not [secret for secret in ("0123456789", "****cdef", "abcdefghijkl") if secret in sentence]
    assert len(sentence) < 400


def test_a_key_of_any_shape_is_taken_out() -> None:
    with serving(fails("400 Bad Request", _openai("You sent 7f3a91c2 and a bad temperature"))) as server:
        sentence = _failure(replace(_model(server), api_key="7f3a91c2")).sentence
    assert "7f3a91c2" not in sentence
    assert "bad temperature" in sentence


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (_openai("The server had an error", "server_error"), "unavailable"),
        ({"error": {"code": 502, "message": "Provider returned error"}}, "unavailable"),
        ({"error": {"code": 429, "message": "slow down"}}, "rate_limited"),
        (_openai("This endpoint's maximum context length is 8192 tokens"), "context_overflow"),
    ],
)
def test_an_error_inside_the_stream(error: dict[str, Any], code: str) -> None:
    with serving(responds(events(chunk(content="So"), error))) as server, llm.stream(_model(server), REQUEST) as answer:
        assert answer.next() == llm.Token("So")
        with pytest.raises(llm.LlmError) as failed:
            list(answer)
    assert failed.value.code == code
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "script",
    [
        responds(b"data: {not json\n\n"),
        responds(b"data: [1, 2]\n\n"),
        responds(b'data: {"choices": [{"delta": {"content": {"a": 1}}, "index": 0}]}\n\n'),
        responds(b'data: {"choices": [{"delta": {"tool_calls": [{"index": 0, "id": 5}]}}]}\n\n'),
        responds(b'data: {"choices": 5}\n\n'),
        responds(b"<html>Log in</html>", "text/html"),
        responds(b'{"choices": []}', "application/json"),
        responds(b"\xff\xfe\x00data: \xff\n\n"),
        lambda connection: connection.send(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"),
        lambda connection: connection.head("200 OK", servers.SSE, "Content-Encoding: gzip"),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_understood(script: servers.Script) -> None:
    with serving(script) as server:
        assert _failure(_model(server)).code == "bad_answer"
    assert len(server.requests) == 1


def _resets(connection: Connection) -> None:
    connection.chunked(events(chunk(content="So"), done=False), ends=False)
    connection.reset()


@pytest.mark.parametrize(
    "script",
    [
        lambda connection: connection.chunked(events(chunk(content="So"), done=False), ends=False),
        responds(events(chunk(content="So"), done=False)),
        _resets,
    ],
    ids=["in a chunk", "at an end without a reason", "reset"],
)  # fmt: skip
def test_a_connection_that_breaks_in_the_middle_is_no_answer(script: servers.Script) -> None:
    with serving(script) as server:
        failure = _failure(_model(server))
    assert (failure.code, failure.retryable, len(server.requests)) == ("disconnected", True, 1)


def test_a_server_may_end_as_it_likes_after_the_last_word() -> None:
    whole = events(chunk(content="Three."), chunk(finish="stop"), done=False)

    def breaks(connection: Connection) -> None:
        connection.chunked(whole, ends=False)
        connection.reset()

    with serving(breaks, servers.stalls(whole)) as server:
        for _ in range(2):
            completion = llm.complete(_model(server, idle=1.0), REQUEST)
            assert (completion.text, completion.usage.estimated) == ("Three.", True)


def test_what_may_succeed_is_tried_again_until_it_does() -> None:
    def closes(connection: Connection) -> None:
        """Take the request and end without a word."""

    with serving(fails("503 Service Unavailable", {}), closes, responds(HELLO)) as server:
        assert llm.complete(_model(server), REQUEST).text == "Hello"
    assert len(server.requests) == 3
    assert len({request.body for request in server.requests}) == 1


@pytest.mark.parametrize(
    ("header", "attempts"), [("Retry-After: 0", 2), ("Retry-After: 60", 1), ("Retry-After: soon", 2)]
)
def test_retry_after_is_honoured_and_bounded(header: str, attempts: int) -> None:
    with serving(fails("429 Too Many Requests", {}, header), responds(HELLO)) as server:
        if attempts == 1:
            assert _failure(_model(server)).retry_after == 60
        else:
            assert llm.complete(_model(server), REQUEST).text == "Hello"
    assert len(server.requests) == attempts


def test_a_wait_that_does_not_fit_into_the_time_is_not_begun() -> None:
    with serving(fails("429 Too Many Requests", {}, "Retry-After: 5")) as server:
        failure = _failure(_model(server, total=2.0))
    assert (failure.code, failure.retry_after, len(server.requests)) == ("rate_limited", 5.0, 1)


def _drips(connection: Connection) -> None:
    connection.head()
    for number in itertools.count():
        connection.send(events(chunk(content=f"{number} "), done=False))


def _keeps_alive(connection: Connection) -> None:
    connection.head()
    while True:
        connection.send(b": still here\n\n")


@pytest.mark.parametrize(
    ("script", "timeouts", "phrase"),
    [
        (servers.silent, {"first_byte": 0.2}, "no answer within 0.2 seconds"),
        (servers.stalls(events(chunk(content="So"), done=False)), {"idle": 0.2}, "nothing more within 0.2 seconds"),
        (_keeps_alive, {"total": 0.5}, "time limit of an answer"),
    ],
)
def test_every_wait_has_an_end(script: servers.Script, timeouts: dict[str, float], phrase: str) -> None:
    with serving(script) as server:
        failure = _failure(_model(server, "vllm", **timeouts))
    assert (failure.code, failure.retryable) == ("timed_out", True)
    assert phrase in failure.sentence
    assert len(server.requests) == 1


def test_a_server_that_takes_no_connection() -> None:
    with servers.deaf_port() as port:
        deaf = llm.ModelEndpoint("vllm", "m", f"http://127.0.0.1:{port}", KEY, llm.Timeouts(connect=0.2))
        assert _failure(deaf).code == "timed_out"
    refusing = llm.ModelEndpoint("vllm", "m", f"http://127.0.0.1:{servers.refusing_port()}", KEY)
    assert _failure(refusing).code == "unavailable"
    unknown = llm.ModelEndpoint("vllm", "m", "http://no-such-host.invalid/v1", KEY)
    assert _failure(unknown).code == "unavailable"


@pytest.mark.parametrize(
    ("bound", "value", "script"),
    [
        ("chalicelib.chat.llm.ledger.MAX_CHARS", 100, _drips),
        ("chalicelib.chat.llm.ledger.MAX_DELTAS", 100, _drips),
        ("chalicelib.chat.llm.wire.MAX_BYTES", 10_000, _keeps_alive),
        ("chalicelib.chat.llm.wire.MAX_LINE_BYTES", 10_000, responds(b"data: " + b"x" * 20_000)),
        (
            "chalicelib.chat.llm.tool_calls.MAX_CALLS",
            2,
            responds(events(*(_call(n, "{}", name="f") for n in range(5)))),
        ),
        (
            "chalicelib.chat.llm.tool_calls.MAX_ARGUMENT_CHARS",
            9,
            responds(events(*(_call(0, "x" * 5) for _ in range(5)))),
        ),
        ("chalicelib.chat.llm.tool_calls.MAX_NAME_CHARS", 9, responds(events(_call(0, "", name="f" * 20)))),
    ],
)
def test_nothing_that_a_server_says_is_without_bound(
    bound: str, value: int, script: servers.Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bound, value)
    with serving(script) as server:
        assert _failure(_model(server)).code == "bad_answer"


def test_a_slow_consumer_gets_everything_and_little_of_it_is_kept_meanwhile() -> None:
    numbers = range(5 * generation._QUEUED_DELTAS)
    data = events(*(chunk(content=f"{number} ") for number in numbers), chunk(finish="stop"))
    with serving(responds(data)) as server, llm.stream(_model(server), REQUEST) as answer:
        while len(answer._queue) < generation._QUEUED_DELTAS:
            assert answer._thread.is_alive()
        texts = []
        for part in answer:
            assert len(answer._queue) <= generation._QUEUED_DELTAS
            texts.extend([part.text] if isinstance(part, llm.Token) else [])
    assert "".join(texts).split() == [str(number) for number in numbers]


def test_the_key_goes_nowhere_but_into_its_header(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = servers.refusing_port()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{elsewhere}")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-environment-000000")
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{elsewhere}")
    with serving(responds(HELLO)) as other:
        moved = fails("307 Temporary Redirect", {}, f"Location: {other.url}/v1/chat/completions")
        with caplog.at_level(logging.DEBUG), serving(responds(HELLO), moved) as server:
            model = _model(server)
            llm.complete(model, REQUEST)
            assert _failure(model).code == "bad_answer"
            llm_without = llm.ModelEndpoint("vllm", "m", f"{server.url}/v1")
            assert _failure(llm_without).code == "bad_answer"
        assert not other.requests
    first, second, third = server.requests
    assert first.headers["authorization"] == second.headers["authorization"] == f"Bearer {KEY}"
    assert "authorization" not in third.headers
    for request in server.requests:
        assert KEY not in request.line + request.body.decode()
        assert "sk-environment" not in str(request.headers)
    assert KEY not in repr(model)
    assert caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize("provider", ["openai", "openrouter", "anthropic", "vllm", "tgi", "ollama"])
def test_what_is_missing_is_reported_without_a_request(provider: str) -> None:
    expected = "bad_address" if provider in {"vllm", "tgi", "ollama"} else "wrong_key"
    with pytest.raises(llm.LlmError) as failed:
        llm.stream(llm.ModelEndpoint(provider, "m"), REQUEST)
    assert failed.value.code == expected


def test_a_name_is_judged_by_what_it_resolves_to() -> None:
    """Written as a number, the address of the metadata service is a name to everybody but the resolver."""
    for host in ("2852039166", "0xA9FEA9FE", "0251.0376.0251.0376"):
        failure = _failure(llm.ModelEndpoint("vllm", "m", f"http://{host}/v1", KEY))
        assert failure.code == "bad_address"


def test_an_adapter_that_fails_unexpectedly_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(self: wire.Wire) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(wire.Wire, "client", breaks)
    with serving(responds(HELLO)) as server:
        assert _failure(_model(server)).code == "bad_answer"


def test_the_whole_interface_loads_without_a_client_library(run_fresh: Callable[[str], str]) -> None:
    loaded = run_fresh("import sys, chalicelib.chat.llm; print(*sys.modules)").split()
    assert "chalicelib.chat.llm.generation" in loaded
    assert not {"openai", "anthropic", "httpx2", "httpcore2", "boto3", "ssl"} & set(loaded)
