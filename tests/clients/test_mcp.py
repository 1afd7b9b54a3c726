"""The Model Context Protocol through the official SDK's client, against the running service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import httpx
import httpx2
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from alcove import Alcove
from infra.local import instances

TEXT = "The coolant pump P-17 is inspected every ninety days by the shift engineer."


@asynccontextmanager
async def connected(url: str, key: str) -> AsyncIterator[ClientSession]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60) as http,
        streamable_http_client(f"{url}/mcp", http_client=http) as streams,
        ClientSession(streams[0], streams[1]) as session,
    ):
        await session.initialize()
        yield session


@pytest.fixture
def use(client: Alcove, place: instances.Place) -> Callable[..., Any]:
    def run(work: Callable[[ClientSession], Coroutine[Any, Any, Any]], *scopes: str) -> Any:
        key = client.create_api_key(name="agent", scopes=list(scopes or ("read", "write", "chat"))).key  # type: ignore[arg-type]

        async def connect() -> Any:
            async with connected(place.api_url, key) as session:
                return await work(session)

        return asyncio.run(connect())

    return run


@pytest.fixture
def document(client: Alcove) -> str:
    return str(client.wait_for_document(client.create_document(title="Pump manual", content=TEXT).id).id)


async def called(session: ClientSession, name: str, **arguments: Any) -> Any:
    result = await session.call_tool(name, arguments)
    assert not result.is_error, result
    (content,) = result.content
    assert content.type == "text"
    assert json.loads(content.text) == result.structured_content
    return result.structured_content


def test_an_agent_searches_reads_lists_and_asks(use: Any, document: str) -> None:
    async def work(session: ClientSession) -> None:
        tools = {tool.name for tool in (await session.list_tools()).tools}
        assert tools == {"search", "ask", "read_document", "list_documents", "add_document", "recall"}
        [chunk] = (await called(session, "search", query="coolant pump", limit=1))["chunks"]
        assert (chunk["document_id"], chunk["text"]) == (document, TEXT)
        assert (await called(session, "read_document", document_id=document))["chunks"][0]["text"] == TEXT
        assert [d["id"] for d in (await called(session, "list_documents"))["documents"]] == [document]
        answer = await called(session, "ask", question="How often is the coolant pump inspected?")
        assert "ninety days" in answer["answer"]
        assert answer["sources"][0]["document_id"] == document
        assert (await called(session, "recall", query="anything"))["memories"] == []

    use(work)


def test_documents_are_resources(use: Any, document: str) -> None:
    async def work(session: ClientSession) -> None:
        [resource] = (await session.list_resources()).resources
        assert (str(resource.uri), resource.name) == (f"alcove://documents/{document}", "Pump manual")
        [content] = (await session.read_resource(resource.uri)).contents
        assert content.text == TEXT  # type: ignore[union-attr]

    use(work)


def test_an_agent_adds_a_document(use: Any, client: Alcove) -> None:
    async def work(session: ClientSession) -> str:
        added = await called(session, "add_document", title="Note", content="The valve V-4 opens at eleven bar.")
        return str(added["document_id"])

    document = client.wait_for_document(use(work))
    assert (document.status, document.scope) == ("completed", "user")


def test_what_a_person_opted_out_of_is_not_there(use: Any, client: Alcove, document: str) -> None:
    client.select_document(document, enabled=False)

    async def work(session: ClientSession) -> None:
        assert (await called(session, "search", query="coolant pump"))["chunks"] == []
        assert (await called(session, "list_documents"))["documents"] == []
        assert (await session.list_resources()).resources == []
        assert (await session.call_tool("read_document", {"document_id": document})).is_error

    use(work)


def test_a_tool_requires_its_own_scope(use: Any) -> None:
    async def work(session: ClientSession) -> None:
        for name, arguments in (
            ("ask", {"question": "Anything?"}),
            ("add_document", {"title": "Note", "content": "Text"}),
        ):
            result = await session.call_tool(name, arguments)
            assert result.is_error
            assert "insufficient_scope" in str(result.content)

    use(work, "read")


def test_wrong_messages_get_errors_of_the_protocol(client: Alcove, place: instances.Place) -> None:
    assert client.tokens is not None
    headers = {"Authorization": f"Bearer {client.tokens.access_token}"}

    def post(**message: Any) -> httpx.Response:
        return httpx.post(f"{place.api_url}/mcp", json={"jsonrpc": "2.0"} | message, headers=headers, timeout=60)

    assert post(id=1, method="no/such").json()["error"]["code"] == -32601
    assert post(id=1, method="tools/call", params={"name": "no"}).json()["error"]["code"] == -32602
    wrong = post(id=1, method="tools/call", params={"name": "search", "arguments": {"query": ""}})
    assert wrong.json()["error"]["code"] == -32602
    assert post(method="notifications/initialized").status_code == 202
    assert post(id=1, method="ping").json() == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert httpx.post(f"{place.api_url}/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "ping"}).status_code == 401
