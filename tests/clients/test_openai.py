"""The OpenAI-compatible API through OpenAI's own Python SDK, against the running service."""

from __future__ import annotations

import struct
from base64 import b64decode
from collections.abc import Iterator

import openai
import pytest

from alcove import Alcove
from chalicelib.doors.openai import model_cards
from infra.local import instances
from tests.service import Service

TEXT = "The coolant pump P-17 is inspected every ninety days by the shift engineer."


@pytest.fixture
def sdk(client: Alcove, place: instances.Place) -> Iterator[openai.OpenAI]:
    key = client.create_api_key(name="sdk", scopes=["read", "chat"])
    with openai.OpenAI(base_url=f"{place.api_url}/openai/v1", api_key=key.key, max_retries=0) as sdk:
        yield sdk


@pytest.fixture
def document(client: Alcove) -> str:
    return str(client.wait_for_document(client.create_document(title="Pump manual", content=TEXT).id).id)


def test_models_are_listed_and_found(sdk: openai.OpenAI) -> None:
    names = [model.id for model in sdk.models.list()]

    assert names[0] == "alcove"
    assert "extractive" in names
    assert sdk.models.retrieve("extractive").owned_by == "extractive"
    with pytest.raises(openai.NotFoundError) as refused:
        sdk.models.retrieve("gpt-9")
    assert refused.value.code == "model_not_found"


def test_a_question_is_answered_with_citations(sdk: openai.OpenAI, document: str) -> None:
    answer = sdk.chat.completions.create(
        model="alcove", messages=[{"role": "user", "content": "How often is the coolant pump inspected?"}]
    )

    (choice,) = answer.choices
    assert choice.finish_reason == "stop"
    assert choice.message.content is not None
    assert "ninety days" in choice.message.content
    assert choice.message.annotations
    citation = choice.message.annotations[0].url_citation
    assert citation.title == "Pump manual"
    assert citation.url.endswith(f"/documents/{document}")
    assert choice.message.content[citation.start_index : citation.end_index] == "[1]"


def test_a_streamed_answer_is_the_same(sdk: openai.OpenAI, document: str) -> None:
    stream = sdk.chat.completions.create(
        model="alcove",
        messages=[{"role": "user", "content": "How often is the coolant pump inspected?"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    parts = list(stream)

    assert "ninety days" in "".join(part.choices[0].delta.content or "" for part in parts if part.choices)
    assert parts[-2].choices[0].finish_reason == "stop"
    assert parts[-1].usage is not None


def test_a_stateless_request_leaves_no_conversation(sdk: openai.OpenAI, client: Alcove, document: str) -> None:
    sdk.chat.completions.create(
        model="alcove",
        messages=[
            {"role": "system", "content": "Answer briefly."},
            {"role": "user", "content": "What is P-17?"},
            {"role": "assistant", "content": "A coolant pump."},
            {"role": "user", "content": [{"type": "text", "text": "How often is the coolant pump inspected?"}]},
        ],
        temperature=0.1,
    )

    assert client.list_conversations().items == []
    assert client.list_conversations(archived=True).items == []
    [deleted] = client.list_conversations(deleted=True).items
    assert deleted.message_count == 4  # its history came with the request


def test_a_kept_conversation_goes_on(sdk: openai.OpenAI, client: Alcove, document: str) -> None:
    conversation = str(client.create_conversation().id)
    for question in ("How often is the coolant pump inspected?", "By whom?"):
        sdk.chat.completions.create(
            model="alcove",
            messages=[{"role": "user", "content": question}],
            metadata={"conversation_id": conversation},
        )

    assert [m.role for m in client.list_messages(conversation).items] == ["user", "assistant"] * 2


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("tools", [{"type": "function", "function": {"name": "f", "parameters": {}}}]),
        ("n", 2),
        ("response_format", {"type": "json_object"}),
        ("stop", ["."]),
    ],
)
def test_what_is_not_supported_is_refused_by_name(sdk: openai.OpenAI, parameter: str, value: object) -> None:
    with pytest.raises(openai.BadRequestError, match=parameter) as refused:
        sdk.chat.completions.create(
            model="alcove",
            messages=[{"role": "user", "content": "Anything?"}],
            **{parameter: value},  # type: ignore[call-overload]
        )
    assert refused.value.code == "unsupported_parameter"


def test_images_are_refused(sdk: openai.OpenAI) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    with pytest.raises(openai.BadRequestError, match="image_url"):
        sdk.chat.completions.create(
            model="alcove",
            messages=[{"role": "user", "content": [image]}],  # type: ignore[list-item, misc]
        )


def test_errors_have_the_form_that_the_sdk_knows(sdk: openai.OpenAI, place: instances.Place) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        sdk.chat.completions.create(model="gpt-9", messages=[{"role": "user", "content": "Anything?"}])
    assert missing.value.code == "model_not_found"
    with (
        openai.OpenAI(base_url=f"{place.api_url}/openai/v1", api_key="alc_wrong", max_retries=0) as anonymous,
        pytest.raises(openai.AuthenticationError) as refused,
    ):
        anonymous.models.list()
    assert refused.value.code == "invalid_api_key"


def test_texts_are_embedded(sdk: openai.OpenAI) -> None:
    model = next(model.id for model in sdk.models.list() if model.owned_by == "embedding")
    both = sdk.embeddings.create(model=model, input=["coolant pump", "holiday"], encoding_format="float")
    packed = sdk.embeddings.create(model=model, input="coolant pump", encoding_format="base64")

    assert [len(vector.embedding) for vector in both.data] == [384, 384]
    assert both.usage.total_tokens > 0
    raw: object = packed.data[0].embedding
    numbers = struct.unpack("<384f", b64decode(raw)) if isinstance(raw, str) else raw
    assert numbers == pytest.approx(both.data[0].embedding, abs=1e-5)


def test_a_key_without_the_scope_is_refused(client: Alcove, place: instances.Place) -> None:
    key = client.create_api_key(name="reader", scopes=["read"])
    with (
        openai.OpenAI(base_url=f"{place.api_url}/openai/v1", api_key=key.key, max_retries=0) as sdk,
        pytest.raises(openai.PermissionDeniedError) as refused,
    ):
        sdk.chat.completions.create(model="alcove", messages=[{"role": "user", "content": "Anything?"}])
    assert refused.value.code == "insufficient_scope"


def test_a_list_of_models_is_read_to_its_end(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_cards, "_PAGE", 1)
    administrator = service.administrator()
    for name in ("One", "Two", "Three"):
        assert administrator.post("/assistants", {"name": name}).status == 201

    listed = {model["id"] for model in administrator.get("/openai/v1/models").json["data"]}

    assert {"assistant/One", "assistant/Two", "assistant/Three"} <= listed
