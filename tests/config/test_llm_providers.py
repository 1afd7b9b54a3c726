"""One table declares the LLM providers; the schema and the adapters agree with it."""

import importlib
import json
import re
from pathlib import Path
from typing import Any, get_args

import psycopg
import pytest

from chalicelib.chat import llm
from chalicelib.config.registry import llms
from chalicelib.config.registry.llm_providers import LLM_PROVIDERS, OWN_KEY_PROVIDERS, ClientApi, base_url
from tests.chat.llm.servers import Connection, serving
from tests.service import Database, Service

ROOT = Path(__file__).parents[2]


def test_the_schema_accepts_the_same_providers(database: Database) -> None:
    with database.connect("owner") as conn:
        assert conn.execute("select llm_providers(), own_key_providers()").fetchone() == (
            [llms.EXTRACTIVE, *LLM_PROVIDERS],
            list(OWN_KEY_PROVIDERS),
        )
        for table, function in (("llms", "llm_providers()"), ("provider_keys", "own_key_providers()")):
            row = conn.execute(
                "select pg_get_constraintdef(oid) from pg_constraint where conrelid = %s::regclass and conname = %s",
                [table, f"{table}_provider_check"],
            ).fetchone()
            assert row == (f"CHECK ((provider = ANY ({function})))",)


def test_every_provider_is_offered_until_a_deployment_lists_some(database: Database) -> None:
    with database.connect("owner") as conn:
        offered = "select array_agg(name) from unnest(llm_providers()) name where is_offered(name)"
        assert conn.execute(offered).fetchone() == ([llms.EXTRACTIVE, *LLM_PROVIDERS],)
        conn.execute("update static_config set available_providers = '{extractive,ollama}'")
        assert conn.execute(offered).fetchone() == ([llms.EXTRACTIVE, "ollama"],)


def test_the_api_offers_the_same_providers(service: Service) -> None:
    document = service.request("GET", "/openapi.json").json
    schemas = document["components"]["schemas"]

    def choices(schema: dict[str, Any]) -> list[str]:
        named = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        return list(named["enum"])

    assert choices(schemas["NewLlm"]["properties"]["provider"]) == list(LLM_PROVIDERS)
    parameters = document["paths"]["/me/provider-keys/{provider}"]["put"]["parameters"]
    (provider,) = (parameter for parameter in parameters if parameter.get("in") == "path")
    assert choices(provider["schema"]) == list(OWN_KEY_PROVIDERS)


@pytest.mark.parametrize("api", get_args(ClientApi))
def test_every_client_api_has_an_adapter_and_a_provider(api: str) -> None:
    adapter = importlib.import_module(f"chalicelib.chat.llm.{api}")
    assert callable(adapter.deltas)
    assert callable(adapter.explain)
    assert api in {provider.api for provider in LLM_PROVIDERS.values()}


def test_a_provider_without_a_public_address_requires_an_endpoint_or_refuses_every_endpoint() -> None:
    for provider in LLM_PROVIDERS.values():
        assert (provider.base_url is not None) == (provider.endpoint == "optional"), provider.name
        assert provider.base_url is not None or provider.key_check_path is None, provider.name


def test_a_key_is_checked_below_the_address_that_a_deployment_can_replace() -> None:
    for name in OWN_KEY_PROVIDERS:
        provider = LLM_PROVIDERS[name]
        assert str(provider.key_check_path).startswith("/")
        assert base_url(name, {}) == provider.base_url
        assert base_url(name, {name: "https://models.example"}) == "https://models.example"
        assert base_url(name, {name: None}) is None


@pytest.mark.parametrize(
    "urls",
    [
        '{"OpenAI": null}',
        '{"openai": 5}',
        '{"openai": ""}',
        '{"openai": "api.openai.com"}',
        '{"openai": "https://a b"}',
        '{"openai": ["https://models.example"]}',
        '{"extractive": null}',
        '["openai"]',
        "null",
    ],
)
def test_a_deployment_replaces_only_addresses_of_providers_by_addresses(database: Database, urls: str) -> None:
    """A name with a mistake would forbid nothing."""
    with database.connect("owner") as conn, pytest.raises(psycopg.errors.CheckViolation):
        conn.execute("update static_config set provider_base_urls = %s::jsonb", [urls])


def test_a_deployment_replaces_the_address_of_every_provider_or_forbids_keys(database: Database) -> None:
    for value in (None, "http://10.1.2.3:8000/v1"):
        with database.connect("owner") as conn:
            urls = json.dumps(dict.fromkeys(LLM_PROVIDERS, value))
            assert conn.execute("update static_config set provider_base_urls = %s::jsonb", [urls]).rowcount == 1


def test_a_provider_is_removed_as_the_page_says(service: Service) -> None:
    """docs/migrations.md has the statements: after them no row has the provider's name."""
    administrator = service.administrator()
    model = administrator.post("/llms", {"name": "away", "provider": "openrouter", "model_id": "m"}).json
    assert administrator.post("/assistants", {"name": "a", "llm_id": model["id"]}).status == 201
    page = (ROOT / "docs" / "migrations.md").read_text("utf-8")
    (statements,) = re.findall(r"```sql\n(-- The models of the provider.*?)```", page, re.DOTALL)
    with service.database.connect("owner") as conn:
        conn.execute("update dynamic_config set active_model = 'away'")
        conn.execute(
            """update static_config set available_providers = '{extractive,openrouter}', active_model = 'away',
                      provider_base_urls = '{"openrouter": null}'"""
        )
        functions = (ROOT / "migrations/functions/for_tables/llm_providers.sql").read_text("utf-8")
        conn.execute(functions.replace("openrouter,", "").encode())
        conn.execute(statements.replace("'gone'", "'openrouter'").encode())
        conn.execute("update llms set model_id = model_id")
        assert conn.execute("select name from llms where provider <> all (llm_providers())").fetchall() == []
        assert conn.execute("select active_model, available_providers from static_config").fetchone() == (
            "extractive",
            ["extractive"],
        )
        conn.rollback()


@pytest.mark.parametrize(("name", "path"), [("openai", "/chat/completions"), ("anthropic", "/v1/messages")])
def test_requests_and_key_checks_use_one_address(name: str, path: str) -> None:
    """One setting, provider_base_urls, serves both."""

    def answers(connection: Connection) -> None:
        connection.head()

    with serving(answers) as server:
        with pytest.raises(llm.LlmError):
            llm.complete(llm.ModelEndpoint(name, "m", server.url, "sk-test-0123456789"), [llm.Turn("user", "Hello")])
        assert server.requests[0].line.split()[1] == path
