"""Against llama.cpp's own OpenAI-compatible server with SmolLM2: protocol, never quality."""

import threading
import time
from typing import Any

import httpx
import pytest

from chalicelib.chat import llm
from infra.local import model as model_server
from infra.local.model import ModelServer

STORY = (llm.Turn("system", "You tell stories."), llm.Turn("user", "Tell me a very long story about a ship."))


def _model(server: ModelServer, **changes: object) -> llm.ModelEndpoint:
    provided = {"provider": "vllm", "model_id": server.model_id, "base_url": server.base_url, "api_key": server.api_key}
    return llm.ModelEndpoint(**(provided | changes))  # type: ignore[arg-type]


def _threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "llm-stream"}


def _slots(server: ModelServer) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {server.api_key}"}
    result: list[dict[str, Any]] = httpx.get(f"{server.base_url.removesuffix('/v1')}/slots", headers=headers).json()
    return result


def test_an_answer_streams_with_its_usage(llamacpp: ModelServer) -> None:
    with llm.stream(_model(llamacpp), STORY, llm.SamplingOptions(max_tokens=24, temperature=0.0)) as answer:
        *tokens, usage, finish = answer
        assert answer.next() == finish
    assert len(tokens) > 10
    assert all(isinstance(token, llm.Token) for token in tokens)
    assert isinstance(usage, llm.Usage)
    assert (usage.completion_tokens, usage.estimated) == (24, False)
    assert usage.prompt_tokens > 15
    assert finish == llm.Finish("length", llamacpp.model_id)
    assert not _threads()


def test_the_same_request_is_the_same_whole_or_streamed(llamacpp: ModelServer) -> None:
    options = llm.SamplingOptions(max_tokens=24, temperature=0.0)
    queued = {
        "model": llamacpp.model_id,
        "messages": [{"role": turn.role, "content": turn.content} for turn in STORY],
        "max_tokens": 24,
        "temperature": 0.0,
    }
    headers = {"Authorization": f"Bearer {llamacpp.api_key}"}
    whole = httpx.post(f"{llamacpp.base_url}/chat/completions", json=queued, headers=headers, timeout=20).json()
    completion = llm.complete(_model(llamacpp), STORY, options)
    assert completion.text == whole["choices"][0]["message"]["content"]
    assert completion.usage.prompt_tokens == whole["usage"]["prompt_tokens"]


def test_nothing_came_yet_is_none(llamacpp: ModelServer) -> None:
    with llm.stream(_model(llamacpp), STORY) as answer:
        assert answer.next(timeout=0) is None


def test_check_reports_latency_and_who_answered(llamacpp: ModelServer) -> None:
    checked = llm.check(_model(llamacpp))
    assert checked.model == llamacpp.model_id
    assert 0 < checked.first_piece_ms <= checked.latency_ms
    assert checked.sample
    assert checked.usage.completion_tokens <= 16


@pytest.mark.parametrize("key", ["sk-wrong-0123456789", None])
def test_a_wrong_key_is_reported_without_the_key(llamacpp: ModelServer, key: str | None) -> None:
    with pytest.raises(llm.LlmError) as failed:
        llm.check(_model(llamacpp, api_key=key))
    assert (failed.value.code, failed.value.retryable) == ("wrong_key", False)
    assert "0123456789" not in failed.value.sentence


def test_a_context_that_is_too_long_is_reported(llamacpp: ModelServer) -> None:
    with pytest.raises(llm.LlmError) as failed:
        llm.complete(_model(llamacpp), [llm.Turn("user", "ship " * 600)])
    assert (failed.value.code, failed.value.retryable) == ("context_overflow", False)


def test_a_wrong_path_is_reported(llamacpp: ModelServer) -> None:
    with pytest.raises(llm.LlmError) as failed:
        llm.check(_model(llamacpp, base_url=llamacpp.base_url.replace("/v1", "/nowhere")))
    assert failed.value.code == "model_missing"


def test_a_cancelled_answer_frees_the_server(llamacpp: ModelServer) -> None:
    for _ in range(3):
        with llm.stream(_model(llamacpp), STORY) as answer:
            assert isinstance(answer.next(), llm.Token)
        assert not _threads()
        assert answer.usage().estimated
        assert answer.usage().completion_tokens > 0
    # An answer that went on would take a slot for hundreds of tokens.
    deadline = time.monotonic() + 60
    while any(slot["is_processing"] for slot in _slots(llamacpp)):
        assert time.monotonic() < deadline


def test_answers_at_the_same_time_do_not_mix(llamacpp: ModelServer) -> None:
    alone = [
        llm.complete(
            _model(llamacpp), [llm.Turn("user", f"Count to {n}.")], llm.SamplingOptions(max_tokens=12, temperature=0.0)
        )
        for n in (3, 7)
    ]
    streams = [
        llm.stream(
            _model(llamacpp), [llm.Turn("user", f"Count to {n}.")], llm.SamplingOptions(max_tokens=12, temperature=0.0)
        )
        for n in (3, 7)
    ]
    texts = []
    for answer in streams:
        with answer:
            texts.append("".join(part.text for part in answer if isinstance(part, llm.Token)))
    assert texts == [whole.text for whole in alone]


def test_a_server_that_hangs_and_one_that_dies() -> None:
    with model_server.serve(slots=1, context_tokens=512) as server:
        patient = _model(server)
        with server.paused():
            with pytest.raises(llm.LlmError) as failed:
                llm.complete(_model(server, timeouts=llm.Timeouts(first_byte=0.2)), STORY)
            assert (failed.value.code, failed.value.retryable) == ("timed_out", True)
            with llm.stream(patient, STORY) as answer:
                assert answer.next(timeout=0.05) is None
            assert not _threads()
        with llm.stream(patient, STORY) as answer:
            assert isinstance(answer.next(), llm.Token)
            server.stop()
            with pytest.raises(llm.LlmError) as failed:
                list(answer)
            assert (failed.value.code, failed.value.retryable) == ("disconnected", True)
        with pytest.raises(llm.LlmError) as failed:
            llm.check(patient)
        assert failed.value.code == "unavailable"
