"""What is longer than a Lambda function's response may be: the emulator passes it on, and AWS does not."""

from uuid import UUID, uuid4

import pytest

from chalicelib.core import http
from chalicelib.core.models import Resource, page_of
from tests.chat.test_sharing import _long
from tests.service import Service

MOST_BYTES = 6 * 2**20


def test_a_page_with_much_text_has_fewer_messages_and_the_pages_have_all(service: Service) -> None:
    user = service.user()
    conversation = _long(user, 101, 60_000)
    page = user.get(f"/conversations/{conversation}/messages?limit=100")
    assert len(page.body) < MOST_BYTES / 2, "each character may have four bytes"
    assert 1 < len(page.json["items"]) < 100
    listed = [message["content"].split(".")[0] for message in user.items(f"/conversations/{conversation}/messages")]
    assert listed == [f"Message {number}" for number in range(1, 102)]
    share = user.post("/shares", {"conversation_id": conversation}).json
    opened = service.user()
    assert opened.post("/shared-conversations", {"token": share["token"]}).status == 200
    assert len(list(opened.items(f"/shared-conversations/{share['id']}/messages"))) == 101


def test_a_page_has_one_item_however_long_and_counts_the_text_within_values() -> None:
    class Item(Resource):
        id: UUID
        parts: list[dict[str, str]]

    items = [Item(id=uuid4(), parts=[{"text": "x" * 800_000}] * 2) for _ in range(3)]
    page = page_of(items, 10)
    assert page.items == items[:1]
    assert page.next_cursor is not None


@pytest.mark.parametrize("is_thought", [False, True])
def test_a_replay_ends_where_a_response_does(service: Service, *, is_thought: bool) -> None:
    user = service.user()
    conversation = _long(user, 101, 60_000)
    if is_thought:
        service.rows(
            "update messages set thinking = repeat(content, 2), "
            "                    content = split_part(content, ' ', 1) || ' ' || split_part(content, ' ', 2) "
            " where conversation_id = %s and role = 'assistant' returning 1",
            conversation,
        )
    replayed = user.get(f"/conversations/{conversation}/replay")
    assert len(replayed.body) < MOST_BYTES / 2
    assert [message["content"][:10] for message in replayed.json["messages"]][:2] == ["Message 1.", "Message 2."]


def test_a_response_that_the_gateway_would_not_pass_on_is_a_problem_that_says_so(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = service.user()
    user.post("/documents", {"title": 'Pump "A" of C:\\pumps', "content": "The pump leaks."})
    whole = user.get("/documents")
    escaped = len(whole.body) + whole.body.count(b'"') + whole.body.count(b"\\")
    monkeypatch.setattr(http, "_MOST_BYTES", escaped)
    assert user.get("/documents").status == 200
    monkeypatch.setattr(http, "_MOST_BYTES", escaped - 1)
    refused = user.get("/documents")
    assert (refused.status, refused.json["code"]) == (422, "response_too_large")


def test_a_long_document_is_read_part_by_part_over_mcp(service: Service) -> None:
    user = service.user()
    document = user.add("Pump", "The pump leaks.")["id"]
    read = {"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": f"alcove://documents/{document}"}}
    assert user.post("/mcp", read).json["result"]["contents"][0]["text"] == "The pump leaks."
    service.rows(
        "update document_texts set content = repeat('x', 1500001) where document_id = %s returning 1", document
    )
    assert "read_document" in user.post("/mcp", read).json["error"]["message"]


def test_a_document_too_long_for_a_response_is_refused_with_the_way_to_its_parts(service: Service) -> None:
    user = service.user()
    document = user.add("Pump", "The pump leaks.")["id"]
    change = "update document_texts set content = repeat('\u6c34', 2000001) where document_id = %s returning 1"
    service.rows(change, document)
    refused = user.get(f"/documents/{document}/content")
    assert (refused.status, refused.json["code"]) == (422, "response_too_large")
    assert "/chunks" in refused.json["detail"]
    assert len(user.get(f"/documents/{document}/chunks").json["items"]) == 1
