"""Closing a stream ends its connection at once and leaves no thread, whatever the server is doing."""

import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.chat import llm
from chalicelib.core import process
from tests.chat.llm import servers
from tests.chat.llm.servers import Connection, chunk, event_frame, events, fails, named_events, serving, stalls

REQUEST = (llm.Turn("user", "What is the notice period?"),)
_STARTED = events(chunk(content="So"), done=False)
_ANTHROPIC = named_events([{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "So"}}])
_BEDROCK = event_frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "So"}})


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test-secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")


def _model(provider: str, url: str) -> llm.ModelEndpoint:
    return llm.ModelEndpoint(provider, "some-model", url, "sk-test-0123456789")


def _no_threads() -> bool:
    return not [thread for thread in threading.enumerate() if thread.name == "llm-stream"]


@pytest.mark.parametrize(
    ("provider", "data", "content_type"),
    [
        ("vllm", _STARTED, servers.SSE),
        ("anthropic", _ANTHROPIC, servers.SSE),
        ("bedrock", _BEDROCK, servers.EVENT_STREAM),
    ],
)
def test_while_the_server_is_silent_in_the_middle(provider: str, data: bytes, content_type: str) -> None:
    with serving(stalls(data, content_type)) as server:
        for count in range(1, 4):
            with llm.stream(_model(provider, server.url), REQUEST) as answer:
                assert answer.next() == llm.Token("So")
                assert answer.next(timeout=0.01) is None
            assert _no_threads()
            server.wait_for(removed=count)


@pytest.mark.parametrize("provider", ["vllm", "anthropic", "bedrock"])
def test_before_the_server_has_said_a_word(provider: str) -> None:
    with serving(servers.silent) as server:
        for count in range(1, 4):
            with llm.stream(_model(provider, server.url), REQUEST) as answer:
                server.wait_for(requests=count)
                assert answer.next(timeout=0.01) is None
            assert _no_threads()
            server.wait_for(removed=count)


def test_while_the_server_speaks_and_nobody_reads() -> None:
    def serve_stream(connection: Connection) -> None:
        connection.head()
        try:
            while True:
                connection.send(_STARTED)
        except OSError:
            server.record_disconnect()

    with serving(serve_stream) as server:
        with llm.stream(_model("vllm", server.url), REQUEST) as answer:
            assert answer.next() == llm.Token("So")
        assert _no_threads()
        server.wait_for(removed=1)


def test_while_a_connection_is_being_made() -> None:
    with servers.deaf_port() as port:
        with llm.stream(_model("vllm", f"http://127.0.0.1:{port}"), REQUEST) as answer:
            while answer._wire is None or not answer._wire._sockets:
                assert answer.next(timeout=0.01) is None
        assert _no_threads()


def test_while_it_waits_to_try_again() -> None:
    with serving(fails("429 Too Many Requests", {}, "Retry-After: 9")) as server:
        with llm.stream(_model("vllm", server.url), REQUEST) as answer:
            server.wait_for(requests=1)
            assert answer.next(timeout=0.05) is None
        assert _no_threads()
        assert len(server.requests) == 1


def test_before_anything_has_begun() -> None:
    with serving(servers.silent) as server:
        for _ in range(20):
            llm.stream(_model("vllm", server.url), REQUEST).close()
        deadline = time.monotonic() + 60
        while not _no_threads():
            assert time.monotonic() < deadline


def test_a_closed_stream_says_so() -> None:
    with serving(servers.silent) as server:
        answer = llm.stream(_model("vllm", server.url), REQUEST)
        answer.close()
        answer.close()
        with pytest.raises(RuntimeError, match="closed"):
            answer.next()
        assert answer.usage() == llm.Usage(llm.estimate_turns(REQUEST), 0, estimated=True)


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssl.SSLContext]:
    """A server's side of TLS, whose certificate is trusted through SSL_CERT_FILE."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    process.forget()  # the certificates that were trusted before
    yield servers.self_signed(tmp_path)
    process.forget()


def test_under_tls(tls: ssl.SSLContext) -> None:
    with serving(stalls(_STARTED), tls=tls) as server:
        for count in range(1, 4):
            with llm.stream(_model("vllm", server.url), REQUEST) as answer:
                assert answer.next() == llm.Token("So")
                assert answer.next(timeout=0.01) is None
            assert _no_threads()
            server.wait_for(removed=count)


def test_a_certificate_without_a_trusted_issuer_is_refused(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    process.forget()
    with serving(stalls(_STARTED), tls=tls) as server:
        with pytest.raises(llm.LlmError) as failed:
            llm.check(_model("vllm", server.url))
        assert failed.value.code == "unavailable"
        assert "certificate" in failed.value.sentence
        with pytest.raises(llm.LlmError) as failed:
            llm.check(_model("vllm", f"https://127.0.0.1:{servers.refusing_port()}"))
        assert failed.value.code == "unavailable"
    with serving(stalls(b"no TLS at all")) as plain:
        with pytest.raises(llm.LlmError) as failed:
            llm.check(replace(_model("vllm", plain.url.replace("http:", "https:")), timeouts=llm.Timeouts(connect=0.2)))
        assert failed.value.code == "timed_out"
