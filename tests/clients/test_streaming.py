"""The function `stream`: answers reach OpenAI's SDK and the readers of events while they are generated."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from urllib.parse import urlsplit

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

import app
from alcove import Alcove
from chalicelib.core import http
from infra.local import instances
from tests.chat.llm import servers
from tests.peers import streaming_lambda

_QUESTION = "How often is the coolant pump inspected?"
_MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": _QUESTION}]


@pytest.fixture(scope="module")
def function(place: instances.Place) -> Iterator[streaming_lambda.Function]:
    with streaming_lambda.function(list(app.app.routes), place.environment) as running:
        yield running


class Paused:
    """A model whose answer has two halves: the second comes when the test releases it."""

    def __init__(self) -> None:
        self.name = ""
        self.release = threading.Event()

    def script(self, connection: servers.Connection) -> None:
        connection.head()
        connection.send(servers.events(servers.chunk(role="assistant", content="Every "), done=False))
        connection.send(servers.events(servers.chunk(content="ninety days, "), done=False))
        assert self.release.wait(servers.WAIT_SECONDS)
        rest = (servers.chunk(content="says the manual."), servers.chunk(finish="stop"), servers.usage(10, 5))
        connection.send(servers.events(*rest))


@pytest.fixture
def model(place: instances.Place) -> Iterator[Paused]:
    paused = Paused()
    with servers.serving(paused.script) as server, Alcove(place.api_url) as administrator:
        administrator.sign_in(place.administrator["email"], place.administrator["password"])
        name = f"paused-{server.url.rpartition(':')[2]}"
        administrator.create_llm(
            name=name, provider="vllm", model_id="served", endpoint=f"{server.url}/v1", context_tokens=32768
        )
        paused.name = name
        yield paused
        paused.release.set()


@pytest.fixture
def key(client: Alcove) -> str:
    return client.create_api_key(name="stream", scopes=["read", "chat", "write"]).key


def test_a_chat_completion_comes_while_it_is_generated(
    function: streaming_lambda.Function, key: str, client: Alcove, model: Paused
) -> None:
    with openai.OpenAI(base_url=f"{function.url}/openai/v1", api_key=key, max_retries=0) as sdk:
        stream = sdk.chat.completions.create(
            model=model.name,
            messages=_MESSAGES,
            stream=True,
            stream_options={"include_usage": True},
        )
        text, finish, usage = "", None, None
        for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                text += chunk.choices[0].delta.content
                model.release.set()  # the second half is generated because the first one arrived
            finish = (chunk.choices[0].finish_reason if chunk.choices else None) or finish
            usage = chunk.usage or usage

    assert text == "Every ninety days, says the manual."
    assert finish == "stop"
    assert usage is not None
    assert usage.completion_tokens == 5
    assert not list(client.list_conversations().items)
    assert not function.errors


def test_events_come_while_the_answer_is_generated(
    function: streaming_lambda.Function, key: str, client: Alcove, model: Paused
) -> None:
    conversation = client.create_conversation()
    queued = client.create_message(conversation.id, content=_QUESTION, model=model.name)
    connection = HTTPConnection(urlsplit(function.url).netloc, timeout=servers.WAIT_SECONDS)
    connection.request("GET", f"/jobs/{queued.job.id}/events", headers={"Authorization": f"Bearer {key}"})
    response = connection.getresponse()
    lines = []
    while line := response.readline().decode():
        lines.append(line.strip())
        if "ninety" in line:
            model.release.set()
    connection.request("GET", f"/jobs/{queued.job.id}/events?after=10000", headers={"Authorization": f"Bearer {key}"})
    ended = connection.getresponse()
    connection.close()

    assert response.status == 200
    assert response.headers["Content-Type"] == "text/event-stream"
    assert [line for line in lines if line.startswith("event: ")][-1] == "event: done"
    assert ended.status == 204


def test_a_refusal_is_a_response_of_its_own(function: streaming_lambda.Function, key: str) -> None:
    with (
        openai.OpenAI(base_url=f"{function.url}/openai/v1", api_key=key, max_retries=0) as sdk,
        pytest.raises(openai.NotFoundError) as refused,
    ):
        sdk.chat.completions.create(model="gpt-9", messages=_MESSAGES, stream=True)

    assert refused.value.code == "model_not_found"


def test_a_client_that_goes_away_ends_its_answer(
    function: streaming_lambda.Function, key: str, client: Alcove, model: Paused
) -> None:
    with openai.OpenAI(base_url=f"{function.url}/openai/v1", api_key=key, max_retries=0) as sdk:
        stream = sdk.chat.completions.create(model=model.name, messages=_MESSAGES, stream=True)
        for chunk in stream:
            if chunk.choices[0].delta.content:
                break
        stream.close()
    model.release.set()

    # The next request is served by the same process: the first one has ended.
    with (
        openai.OpenAI(base_url=f"{function.url}/openai/v1", api_key=key, max_retries=0) as sdk,
        pytest.raises(openai.NotFoundError),
    ):
        sdk.chat.completions.create(model="gpt-9", messages=_MESSAGES, stream=True)
    assert not list(client.list_conversations().items)


def test_the_routes_that_stream_are_those_that_take_long() -> None:
    streamed = {f"{method} {path}" for path, method, operation in http.operations() if operation.streams}

    assert streamed == {"GET /jobs/{job_id}/events", "POST /openai/v1/chat/completions"}
