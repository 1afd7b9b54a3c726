"""Where documents go is confirmed by an administrator, audited with its extent, and visible to every user."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.config.registry import llms
from chalicelib.core import identity
from chalicelib.knowledge.embedding import data_processors
from tests.chat.llm.servers import Server, serving
from tests.knowledge.test_reembedding import _embeds_all_but
from tests.service import Service, User

PAGE = "/data-processors"
CONFIRMED = "?sends_private_documents=true"


@pytest.fixture
def processor() -> Iterator[Server]:
    """A server of an embedding model, which records what it receives."""
    with serving(_embeds_all_but("nothing", "")) as running:
        yield running


def _people(service: Service) -> tuple[User, User]:
    """An administrator with a document of the organisation, and a user with a private one."""
    admin, user = service.administrator(), service.user()
    admin.add("Manual", "The coolant pump is inspected every ninety days.", scope="org")
    user.add("Diary", "Dear diary, today the turbine sang.")
    return admin, user


def _register(admin: User, server: Server, **more: Any) -> int:
    body = {"name": "away", "provider": "openai", "model": "m", "base_url": server.url, "dimension": 8}
    created = admin.post("/embedding-models", body | more)
    assert created.status == 201, created.body
    return int(created.json["id"])


def _received(server: Server) -> str:
    return json.dumps([request.json for request in server.requests])


def _audited(service: Service, action: str) -> list[Any]:
    rows = service.rows("select details from audit_logs where action = %s order by id", f"embedding_model.{action}")
    return [row[0] for row in rows]


def test_no_private_document_is_sent_before_an_administrator_confirms_it(fresh: Service, processor: Server) -> None:
    admin, _ = _people(fresh)
    model = _register(admin, processor)
    refused = admin.post(f"/embedding-models/{model}/activate")
    assert (refused.status, refused.json["code"]) == (409, "confirmation_required")
    assert "127.0.0.1 would receive 2 chunks of 2 documents, 1 of them private" in refused.json["detail"]
    fresh.pump_ingest()
    fresh.tick()
    assert "diary" not in _received(processor)
    assert admin.post(f"/embedding-models/{model}/activate{CONFIRMED}").status == 202
    fresh.pump_ingest()
    assert "diary" in _received(processor), "the confirmation is about something"


def test_the_activation_is_audited_with_the_host_and_the_extent(fresh: Service, processor: Server) -> None:
    admin, _ = _people(fresh)
    model = _register(admin, processor)
    admin.post(f"/embedding-models/{model}/activate{CONFIRMED}")
    fresh.pump_ingest()
    assert _audited(fresh, "registered")[0]["host"] == "127.0.0.1"
    (activated,) = _audited(fresh, "activated")
    assert activated == {
        "model_id": model,
        "provider": "openai",
        "host": "127.0.0.1",
        "documents": 2,
        "private_documents": 1,
        "chunks": 2,
    }
    assert _audited(fresh, "switched") == [{"model_id": model, "host": "127.0.0.1"}]


def test_a_model_in_use_moves_to_another_host_only_with_a_confirmation(fresh: Service, processor: Server) -> None:
    admin, _ = _people(fresh)
    model = _register(admin, processor)
    admin.post(f"/embedding-models/{model}/activate{CONFIRMED}")
    other = processor.url.replace("127.0.0.1", "localhost")
    refused = admin.request("PATCH", f"/embedding-models/{model}", {"base_url": other})
    assert (refused.status, refused.json["code"]) == (409, "confirmation_required")
    moved = {"base_url": other, "sends_private_documents": True}
    assert admin.request("PATCH", f"/embedding-models/{model}", moved).json["base_url"] == other
    (changed,) = _audited(fresh, "changed")
    assert (changed["host"], changed["private_documents"], changed["fields"]) == ("localhost", 1, ["base_url"])


def test_a_built_in_model_needs_no_confirmation(fresh: Service) -> None:
    admin, user = _people(fresh)
    created = admin.post("/embedding-models", {"name": "short", "model": "all-minilm-l6-v2", "dimension": 64})
    assert admin.post(f"/embedding-models/{created.json['id']}/activate").status == 202
    assert user.get(PAGE).json["items"] == []


def test_every_user_sees_where_documents_and_questions_go(fresh: Service, processor: Server) -> None:
    admin, user = _people(fresh)
    model = _register(admin, processor)
    assert user.get(PAGE).json["items"] == [], "a model that is only registered receives nothing"
    for name, more in {
        "internal": {"provider": "vllm", "endpoint": "http://10.1.2.3:8000/v1"},
        "public": {"provider": "openai"},
        "account": {"provider": "bedrock"},
        "off": {"provider": "vllm", "endpoint": "http://10.9.9.9/v1"},
    }.items():
        created = admin.post("/llms", {"name": name, "model_id": "m", **more})
        assert created.status == 201, created.body
    assert admin.request("PATCH", f"/llms/{created.json['id']}", {"is_enabled": False}).status == 200
    admin.post(f"/embedding-models/{model}/activate{CONFIRMED}")
    shown = user.get(PAGE)
    assert shown.status == 200, shown.body
    assert [(item["kind"], item["name"], item["host"], item["status"]) for item in shown.json["items"]] == [
        ("embedding_model", "away", "127.0.0.1", "preparing"),
        ("language_model", "account", None, "on_offer"),
        ("language_model", "internal", "10.1.2.3", "on_offer"),
        ("language_model", "public", "api.openai.com", "on_offer"),
    ]
    assert shown.json["items"][0]["receives"] == ["documents", "questions"]
    fresh.pump_ingest()
    assert user.get(PAGE).json["items"][0]["status"] == "in_use"
    assert "8000" not in str(shown.body), "the address itself stays the administrators'"


def test_a_provider_without_users_own_keys_is_displayed_with_the_address_that_is_called(fresh: Service) -> None:
    admin, user = fresh.administrator(), fresh.user()
    for provider in ("openai", "anthropic"):
        body = {"name": provider, "provider": provider, "model_id": "m"}
        assert admin.post("/llms", body).status == 201
    urls = {"openai": None, "anthropic": "https://models.inside.example"}
    fresh.rows("update static_config set provider_base_urls = %s::jsonb returning 1", json.dumps(urls))
    hosts = {item["name"]: item["host"] for item in user.get(PAGE).json["items"]}
    assert hosts == {"openai": "api.openai.com", "anthropic": "models.inside.example"}
    with identity.as_user(user.id) as conn:
        called = {name: data_processors.host(llms.connect(conn, name).base_url) for name in hosts}
    assert called == hosts, "what users see is what is called"


def test_no_stored_address_of_a_model_is_left_out(fresh: Service) -> None:
    """The tables with an address of a server: a new one has to be shown to users, too."""
    columns = fresh.rows(
        "select table_name from information_schema.columns where table_schema = 'public'"
        " and column_name in ('base_url', 'endpoint', 'endpoint_url', 'server_url', 'provider_base_urls')"
        " and table_name not like 'pg%%' order by table_name"
    )
    assert [row[0] for row in columns] == ["embedding_models", "llms", "rerankers", "static_config"]
