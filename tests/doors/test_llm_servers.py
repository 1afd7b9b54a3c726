"""Servers of language models that others make, against the adapters: two makes, OpenAI's and Anthropic's API each.

llama.cpp's server, the third make, has `tests/chat/llm/test_real_server.py`.
"""

import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.chat import llm
from infra.local.postgres import free_port
from tests.doors.conftest import PREPARED

_PROGRAMS = PREPARED / "servers" / "bin"
_START_SECONDS = 60
# The adapter's API, and where a server has it.
APIS = [("vllm", "/v1"), ("anthropic", "")]
QUESTION = (llm.Turn("system", "You answer briefly."), llm.Turn("user", "When is the pump inspected?"))
SEARCH = llm.Tool(
    "search_documents",
    "Search the documents.",
    {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
)
ANSWER = "Every ninety days. 每九十天一次。 🙂"
FAKELLM = f"""
rules:
  - name: answer to a result
    when: {{tool_result_contains: ninety}}
    respond: {{content: {json.dumps(ANSWER)}}}
  - name: call
    when: {{messages_contain: documents}}
    respond: {{tool_calls: [{{name: search_documents, arguments: {{query: pump}}}}]}}
  - name: answer
    when: {{messages_contain: pump}}
    respond: {{content: {json.dumps(ANSWER)}}}
"""


@dataclass(frozen=True)
class Server:
    """A running server. `prefix` is where it has Anthropic's API."""

    url: str
    prefix: str

    def model(self, provider: str, path: str, **changes: Any) -> llm.ModelEndpoint:
        """A model of this server behind one of APIS."""
        prefix = self.prefix if provider == "anthropic" else ""
        params = {"model_id": "a-model", "base_url": f"{self.url}{prefix}{path}", "api_key": "sk-not-checked"} | changes
        return llm.ModelEndpoint(provider, **params)

    def will(self, *behaviours: dict[str, object]) -> None:
        """Tell llmock what comes next, and forget what was before."""
        scenario = [("scenario", {"behaviors": behaviours})] if behaviours else []
        for path, body in [("reset", {}), *scenario]:
            request = urllib.request.Request(f"{self.url}/_llmock/{path}", json.dumps(body).encode(), method="POST")
            request.add_header("Content-Type", "application/json")
            urllib.request.urlopen(request, timeout=10).close()

    def requests(self) -> list[dict[str, Any]]:
        """The requests that llmock got since the reset."""
        with urllib.request.urlopen(f"{self.url}/_llmock/requests", timeout=10) as reply:
            loaded = json.load(reply)
        result: list[dict[str, Any]] = loaded["requests"] if isinstance(loaded, dict) else loaded
        return result


@contextmanager
def _running(prefix: str, program: str, *arguments: str) -> Iterator[Server]:
    """A program of the environment on a free port, until the block ends."""
    port = free_port()
    command = [str(_PROGRAMS / program), "serve", "--host", "127.0.0.1", "--port", str(port), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await_listener(process, port)
        yield Server(f"http://127.0.0.1:{port}", prefix)
    finally:
        process.kill()
        process.wait(_START_SECONDS)


def _await_listener(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"{process.args!r} ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"{process.args!r} does not listen after {_START_SECONDS} s")


@pytest.fixture(scope="module")
def llmock(prepared: None) -> Iterator[Server]:
    with _running("/anthropic", "llmock") as server:
        yield server


@pytest.fixture(scope="module")
def fakellm(prepared: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("fakellm")
    (folder / "rules.yaml").write_text(FAKELLM)
    with _running("", "fakellm", "--config", str(folder / "rules.yaml")) as server:
        yield server


@pytest.fixture(autouse=True)
def _waits_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.chat.llm.generation.FIRST_DELAY_SECONDS", 0.01)


@pytest.mark.parametrize(("provider", "path"), APIS)
def test_an_answer_streams_whole(llmock: Server, fakellm: Server, provider: str, path: str) -> None:
    llmock.will({"type": "reply", "text": ANSWER})
    for server in (llmock, fakellm):
        completion = llm.complete(server.model(provider, path), QUESTION)
        assert completion.text == ANSWER
        assert completion.finish.reason == "stop"
        assert completion.usage.completion_tokens > 0


@pytest.mark.parametrize(("provider", "path"), APIS)
def test_a_tool_is_called_and_its_result_is_answered(llmock: Server, fakellm: Server, provider: str, path: str) -> None:
    llmock.will()
    for server in (llmock, fakellm):
        model = server.model(provider, path)
        # fakellm takes two conversations that begin alike for one.
        question = (llm.Turn("user", f"Search the documents for the pump, {provider}."),)
        first = llm.complete(model, question, tools=[SEARCH])
        (call,) = first.calls
        assert (call.name, list(json.loads(call.arguments))) == ("search_documents", ["query"])
        assert first.finish.reason == "tool_calls"
        turns = (*question, llm.Turn("assistant", "", (call,)), llm.Turn("tool", "ninety days", tool_call_id=call.id))
        second = llm.complete(model, turns, tools=[SEARCH])
        assert second.text
        assert second.calls == ()


@pytest.mark.parametrize(("provider", "path"), APIS)
@pytest.mark.parametrize(
    ("behaviour", "code", "requests"),
    [
        ({"type": "fail", "status": 401}, "wrong_key", 1),
        ({"type": "fail", "status": 404}, "model_missing", 1),
        ({"type": "fail", "status": 400}, "request_rejected", 1),
        ({"type": "fail", "status": 500, "times": 3}, "unavailable", 3),
        ({"type": "stream_fault", "kind": "truncate", "after_chunks": 6}, "disconnected", 1),
        ({"type": "stream_fault", "kind": "disconnect", "after_chunks": 6}, "disconnected", 1),
        ({"type": "stream_fault", "kind": "malformed", "after_chunks": 6}, "bad_answer", 1),
        ({"type": "stream_fault", "kind": "stall", "after_chunks": 6, "stall_seconds": 30}, "timed_out", 1),
    ],
)
def test_every_fault_has_its_code(
    llmock: Server, provider: str, path: str, behaviour: dict[str, object], code: str, requests: int
) -> None:
    llmock.will(behaviour, {"type": "reply", "text": f"{ANSWER} " * 5})
    model = llmock.model(provider, path, timeouts=llm.Timeouts(first_byte=5, idle=1))
    with pytest.raises(llm.LlmError) as failed:
        llm.complete(model, QUESTION)
    assert failed.value.code == code, failed.value.sentence
    assert len(llmock.requests()) == requests


@pytest.mark.parametrize(("provider", "path"), APIS)
def test_a_passing_failure_is_waited_for_and_repeated(llmock: Server, provider: str, path: str) -> None:
    llmock.will({"type": "fail", "status": 429, "retry_after": 1}, {"type": "reply", "text": ANSWER})
    assert llm.complete(llmock.model(provider, path), QUESTION).text == ANSWER
    assert len(llmock.requests()) == 2
    with urllib.request.urlopen(f"{llmock.url}/_llmock/verdict", timeout=10) as reply:
        verdict = reply.read().decode()
    assert "retry_after_ignored" not in verdict


@pytest.mark.parametrize(("provider", "path"), APIS)
def test_both_servers_models_are_checked_as_an_administrator_does(
    llmock: Server, fakellm: Server, provider: str, path: str
) -> None:
    llmock.will({"type": "reply", "text": "Hello."})
    for server in (llmock, fakellm):
        checked = llm.check(server.model(provider, path))
        assert checked.sample
        assert checked.model
