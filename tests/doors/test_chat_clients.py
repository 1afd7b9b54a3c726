"""Chat programs and agents that people have already, unchanged, against the running stack."""

import json
from typing import Any

import pytest

from alcove import Alcove
from infra.local import stack
from infra.local.api_session import ApiSession
from tests.doors.conftest import HERE, Doors

TEXT = "The coolant pump P-17 is inspected every ninety days by the shift engineer."
QUESTION = "How often is the coolant pump inspected?"


@pytest.fixture(scope="module")
def reach(running: stack.StackInfo) -> dict[str, str]:
    """The service's address and a key of somebody who has a document."""
    user = ApiSession.register(running.api_url, "chat@example.org", "a long enough password")
    key = user.create_api_key(name="chat", scopes=["read", "write", "chat"])
    with Alcove(running.api_url, api_key=key.key) as client:
        client.wait_for_document(client.create_document(title="Pump manual", content=TEXT).id)
    user.close()
    return {"API": running.api_url, "KEY": key.key}


def _last_line(printed: str) -> Any:
    return json.loads(printed.strip().splitlines()[-1])


def test_langchain_and_litellm_ask_and_embed(doors: Doors, reach: dict[str, str]) -> None:
    (doors.folder / "chat_clients.py").write_bytes((HERE / "chat_clients.py").read_bytes())
    # LiteLLM would fetch a list of prices.
    printed = doors.chat("python", "chat_clients.py", LITELLM_LOCAL_MODEL_COST_MAP="True", **reach)
    result = _last_line(printed)
    for name in ("langchain", "langchain streamed", "litellm"):
        assert "ninety days" in result[name], name
    assert result["langchain with history"]
    assert result["litellm embedding"] == 384


def test_a_chat_page_asks(doors: Doors, reach: dict[str, str]) -> None:
    (doors.folder / "chat_page.py").write_bytes((HERE / "chat_page.py").read_bytes())
    printed = doors.chat("python", "chat_page.py", GRADIO_ANALYTICS_ENABLED="False", **reach)
    assert "ninety days" in _last_line(printed)


def test_the_command_llm_asks(doors: Doors, reach: dict[str, str]) -> None:
    folder = doors.folder / "llm"
    folder.mkdir()
    names = {"model_id": "alcove", "model_name": "alcove", "api_key_name": "alcove"}
    entry = names | {"api_base": f"{reach['API']}/openai/v1"}
    (folder / "extra-openai-models.yaml").write_text(json.dumps([entry]))
    (folder / "keys.json").write_text(json.dumps({"alcove": reach["KEY"]}))
    for options in ((), ("--no-stream",)):
        printed = doors.chat("llm", "-m", "alcove", *options, QUESTION, LLM_USER_PATH=str(folder))
        assert "ninety days" in printed


def test_openais_sdk_for_node_asks_streams_and_embeds(doors: Doors, reach: dict[str, str]) -> None:
    result = _last_line(doors.node("openai_sdk.mjs", **reach))
    assert result["models"][0] == "alcove"
    assert "ninety days" in result["whole"]
    assert "ninety days" in result["streamed"]
    assert result["annotations"] >= 1
    assert result["usage"]["total_tokens"] >= 0
    assert result["dimensions"] == 384
    assert result["refused"] == ["NotFoundError", "model_not_found"]


def test_the_inspector_of_the_model_context_protocol_lists_calls_and_reads(doors: Doors, reach: dict[str, str]) -> None:
    def inspect(method: str, *options: str) -> Any:
        target = (f"{reach['API']}/mcp", "--transport", "http", "--header", f"Authorization: Bearer {reach['KEY']}")
        printed = doors.npm("mcp-inspector", "--cli", *target, "--method", method, *options)
        return json.loads(printed[printed.index("{") :])

    tools = {tool["name"] for tool in inspect("tools/list")["tools"]}
    assert tools == {"search", "ask", "read_document", "list_documents", "add_document", "recall"}
    matches = inspect("tools/call", "--tool-name", "search", "--tool-arg", "query=coolant pump")
    assert matches["structuredContent"]["chunks"][0]["title"] == "Pump manual"
    answered = inspect("tools/call", "--tool-name", "ask", "--tool-arg", f"question={QUESTION}")
    assert "ninety days" in answered["structuredContent"]["answer"]
    resource = inspect("resources/list")["resources"][0]
    assert "ninety days" in inspect("resources/read", "--uri", resource["uri"])["contents"][0]["text"]
