"""One table declares the LLM providers; the schema, the adapters and docs/llms.md agree with it."""

import importlib
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from chalicelib.chat import llm
from chalicelib.config.registry import llms
from chalicelib.config.registry.llm_providers import LLM_PROVIDERS, OWN_KEY_PROVIDERS, ClientApi
from tests.chat.llm.servers import Connection, serving
from tests.service import Database, Service

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "llms.md"
# Where each provider's documentation says that a key can be checked.
KEY_CHECKS = {
    "openai": "https://api.openai.com/v1/models",
    "openrouter": "https://openrouter.ai/api/v1/key",
    "anthropic": "https://api.anthropic.com/v1/models",
}


def _checked_names(conn: Any, table: str) -> set[str]:
    """The names that the CHECK of `table.provider` accepts."""
    (definition,) = conn.execute(
        "select pg_get_constraintdef(oid) from pg_constraint where conrelid = %s::regclass and conname = %s",
        [table, f"{table}_provider_check"],
    ).fetchone()
    return set(re.findall(r"'([^']*)'", definition))


def test_the_schema_names_the_same_providers(database: Database) -> None:
    with database.connect("owner") as conn:
        assert _checked_names(conn, "llms") == {llms.EXTRACTIVE, *LLM_PROVIDERS}
        assert _checked_names(conn, "provider_keys") == set(OWN_KEY_PROVIDERS)
        row = conn.execute("select available_providers, provider_base_urls from static_config").fetchone()
    assert row is not None
    assert set(row[0]) == {llms.EXTRACTIVE, *LLM_PROVIDERS}
    assert row[1] == {name: LLM_PROVIDERS[name].base_url for name in OWN_KEY_PROVIDERS}


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


@pytest.mark.parametrize(
    ("page", "names"), [("administer/models.tsx", list(LLM_PROVIDERS)), ("account/keys.tsx", list(OWN_KEY_PROVIDERS))]
)
def test_the_console_offers_the_same_providers(page: str, names: list[str]) -> None:
    text = (ROOT / "console" / "src" / "pages" / page).read_text("utf-8")
    (listed,) = re.findall(r"const providers = \[(.*?)\] as const", text)

    assert sorted(re.findall(r'"(.*?)"', listed)) == sorted(names)


def test_keys_are_checked_where_the_providers_document_it() -> None:
    checks = {name: f"{LLM_PROVIDERS[name].base_url}{LLM_PROVIDERS[name].key_check_path}" for name in OWN_KEY_PROVIDERS}
    assert checks == KEY_CHECKS


@pytest.mark.parametrize(("name", "path"), [("openai", "/chat/completions"), ("anthropic", "/v1/messages")])
def test_requests_and_key_checks_use_one_address(name: str, path: str) -> None:
    """One setting, provider_base_urls, serves both."""

    def answers(connection: Connection) -> None:
        connection.head()

    with serving(answers) as server:
        with pytest.raises(llm.LlmError):
            llm.complete(llm.ModelEndpoint(name, "m", server.url, "sk-test-0123456789"), [llm.Turn("user", "Hello")])
        assert server.requests[0].line.split()[1] == path


def test_the_table_of_providers_is_documented() -> None:
    section = PAGE.read_text("utf-8").split("## Providers\n", 1)[1].strip().split("\n\n", 1)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines()[2:]]
    documented = {row[0].strip("`"): row[1:] for row in rows}
    assert list(documented) == list(LLM_PROVIDERS)
    for name, (api, address, endpoint, key, own_keys, options) in documented.items():
        provider = LLM_PROVIDERS[name]
        assert (api, endpoint) == (f"`{provider.api}`", provider.endpoint), name
        assert re.findall("`(.*?)`", address) == ([provider.base_url] if provider.base_url else []), name
        assert (key == "required") == provider.requires_key, name
        assert (own_keys == "yes") == (name in OWN_KEY_PROVIDERS), name
        assert tuple(re.findall("`(.*?)`", options)) == provider.extra_options, name
