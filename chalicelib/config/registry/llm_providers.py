"""The LLM providers: one entry each. Every other place derives from this table, or a test compares it with this table.

A provider that speaks a client API which chat/llm already has takes these steps:

1. an entry in `_TABLE` below;
2. its name in migrations/functions/for_tables/llm_providers.sql;
3. `python -m infra.pages`, which writes the table of docs/llms.md, and docs/api.md; `make client`.

tests/config/test_llm_providers.py compares them. A new client API is a module `chat/llm/<api>.py` in addition.
The built-in reader (llms.EXTRACTIVE) has no entry: it calls no API, and a migration registers its only model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

# The modules of chat/llm that speak an API, by name.
ClientApi = Literal["openai_compatible", "anthropic_messages", "bedrock_converse"]
# Whether a registered model has an address of its own (`endpoint`).
EndpointRule = Literal["required", "optional", "refused"]


@dataclass(frozen=True, slots=True)
class LlmProvider:
    """What distinguishes a provider from the others that speak the same client API."""

    name: str
    api: ClientApi
    # The provider's public address, as its client library expects it.
    base_url: str | None
    endpoint: EndpointRule
    # Whether the public address accepts no request without a key.
    requires_key: bool
    # Where a user's own key is checked: the path below `base_url` that answers 200 to a valid key only, by the
    # provider's documentation. None: users cannot store a key of their own for this provider.
    key_check_path: str | None = None
    # The headers of that request, by name; `{key}` is the user's key.
    key_check_headers: tuple[tuple[str, str], ...] = (("Authorization", "Bearer {key}"),)
    # The name of the request's limit of tokens, and further sampling options of the request: openai_compatible only.
    max_tokens_field: str = "max_tokens"
    extra_options: tuple[str, ...] = ()


_TABLE = (
    LlmProvider(
        name="openai",
        api="openai_compatible",
        base_url="https://api.openai.com/v1",
        endpoint="optional",
        requires_key=True,
        key_check_path="/models",
        max_tokens_field="max_completion_tokens",
    ),
    LlmProvider(
        name="openrouter",
        api="openai_compatible",
        base_url="https://openrouter.ai/api/v1",
        endpoint="optional",
        requires_key=True,
        key_check_path="/key",  # OpenRouter lists its models without a key, too.
        extra_options=("top_k", "repetition_penalty"),
    ),
    LlmProvider(
        name="vllm",
        api="openai_compatible",
        base_url=None,
        endpoint="required",
        requires_key=False,
        extra_options=("top_k", "repetition_penalty"),
    ),
    LlmProvider(name="tgi", api="openai_compatible", base_url=None, endpoint="required", requires_key=False),
    LlmProvider(name="ollama", api="openai_compatible", base_url=None, endpoint="required", requires_key=False),
    LlmProvider(
        name="anthropic",
        api="anthropic_messages",
        base_url="https://api.anthropic.com",
        endpoint="optional",
        requires_key=True,
        key_check_path="/v1/models",
        key_check_headers=(("x-api-key", "{key}"), ("anthropic-version", "2023-06-01")),
    ),
    # boto3 derives Bedrock's address from the function's region. Without a key the function's role signs the request.
    LlmProvider(name="bedrock", api="bedrock_converse", base_url=None, endpoint="refused", requires_key=False),
)

LLM_PROVIDERS: Mapping[str, LlmProvider] = MappingProxyType({provider.name: provider for provider in _TABLE})
# Providers for which users may store a key of their own.
OWN_KEY_PROVIDERS = tuple(provider.name for provider in _TABLE if provider.key_check_path is not None)


def base_url(provider: str, replaced: Mapping[str, str | None]) -> str | None:
    """Where users' own keys are checked and used, in a deployment that replaced addresses (`provider_base_urls`).

    None for a provider without a public address, and where the deployment has null: users' own keys are then neither
    checked nor used.
    """
    known = LLM_PROVIDERS.get(provider)
    return replaced.get(provider, known.base_url if known else None)


def called_at(provider: str, endpoint: str | None, replaced: Mapping[str, str | None]) -> str | None:
    """Where a model of `provider` is called: at its own endpoint, the deployment's address or the public one.

    A null in `provider_base_urls` is no address, so the public one is called: it is about users' own keys only. None
    for a provider whose client library derives the address (bedrock).
    """
    known = LLM_PROVIDERS.get(provider)
    return endpoint or replaced.get(provider) or (known.base_url if known else None)


def endpoint_error(provider: str, endpoint: str | None) -> str | None:
    """Why a model of `provider` cannot have this endpoint, as a sentence about the field; None when it can."""
    rule = LLM_PROVIDERS[provider].endpoint
    if rule == "required" and endpoint is None:
        return f"endpoint is required: {provider} has no public address"
    if rule == "refused" and endpoint is not None:
        return f"{provider} uses this deployment's region and accepts no endpoint"
    return None
