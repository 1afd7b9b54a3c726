"""Routes of prompts, LLMs, assistants and users' own keys for LLM providers."""

from uuid import UUID

from chalicelib.auth.audit import audit
from chalicelib.config.registry import assistants, llms, prompts, provider_keys
from chalicelib.config.registry.models import (
    Assistant,
    AssistantChanges,
    Llm,
    LlmChanges,
    LlmProviderKey,
    LlmProviderKeys,
    NewAssistant,
    NewLlm,
    NewLlmProviderKey,
    NewPrompt,
    OwnKeyProviderName,
    Prompt,
    PromptContent,
    PromptQuery,
    PromptVersion,
)
from chalicelib.core import idempotency, identity
from chalicelib.core.http import Reply, Routes
from chalicelib.core.models import Page, PageQuery

routes = Routes(__name__)


@routes.get("/me/provider-keys", scope="account")
def list_llm_provider_keys() -> LlmProviderKeys:
    """The caller's own keys for LLM providers, each without the key."""
    with identity.as_caller() as conn:
        return LlmProviderKeys(items=provider_keys.list_own(conn))


@routes.put("/me/provider-keys/{provider}", scope="account", proof=True, limit="provider_key")
def set_llm_provider_key(provider: OwnKeyProviderName, body: NewLlmProviderKey) -> LlmProviderKey:
    """Store the caller's own key, once its provider has accepted it; 422 `provider_key_rejected` otherwise."""
    return provider_keys.store(provider, body.key)


@routes.delete("/me/provider-keys/{provider}", scope="account")
def delete_llm_provider_key(provider: OwnKeyProviderName) -> None:
    """Delete the caller's own key for a provider."""
    with identity.as_caller() as conn:
        provider_keys.remove(conn, provider)


@routes.get("/prompts")
def list_prompts(query: PromptQuery) -> Page[Prompt]:
    """Prompts, newest first."""
    with identity.as_caller() as conn:
        return prompts.list_page(conn, query)


@routes.post("/prompts", admin=True, status=201)
def create_prompt(body: NewPrompt) -> Reply[Prompt]:
    """Create a prompt."""
    with identity.as_caller() as conn:

        def create() -> Prompt:
            created = prompts.create(conn, body)
            audit.record(conn, "prompt.created", "prompt", created.id, kind=created.kind, name=created.name)
            return created

        created = idempotency.once(conn, create, lambda prompt_id: prompts.get(conn, prompt_id))
    return Reply(created, headers={"Location": f"/prompts/{created.id}"})


@routes.get("/prompts/{prompt_id}")
def get_prompt(prompt_id: UUID) -> Prompt:
    """A prompt and its newest version."""
    with identity.as_caller() as conn:
        return prompts.get(conn, prompt_id)


@routes.patch("/prompts/{prompt_id}", admin=True)
def update_prompt(prompt_id: UUID, body: PromptContent) -> Prompt:
    """Create a prompt's next version, which every later answer uses."""
    with identity.as_caller() as conn:
        revised = prompts.revise(conn, prompt_id, body)
        audit.record(conn, "prompt.revised", "prompt", revised.id, version=revised.version)
        return revised


@routes.delete("/prompts/{prompt_id}", admin=True)
def delete_prompt(prompt_id: UUID) -> None:
    """Delete a prompt. 409 `in_use` while the settings name it. For users who chose it, the settings apply again."""
    with identity.as_caller() as conn:
        prompts.delete(conn, prompt_id)
        audit.record(conn, "prompt.deleted", "prompt", prompt_id)


@routes.get("/prompts/{prompt_id}/versions")
def list_prompt_versions(prompt_id: UUID, query: PageQuery) -> Page[PromptVersion]:
    """Every version of a prompt, newest first."""
    with identity.as_caller() as conn:
        return prompts.versions(conn, prompt_id, query)


@routes.get("/llms")
def list_llms(query: PageQuery) -> Page[Llm]:
    """Language models, newest first."""
    with identity.as_caller() as conn:
        return llms.list_page(conn, query)


@routes.post("/llms", admin=True, status=201)
def create_llm(body: NewLlm) -> Reply[Llm]:
    """Register a language model. Its key is stored encrypted and never returned."""
    with identity.as_caller() as conn:

        def create() -> Llm:
            created = llms.create(conn, body)
            llms.record(conn, "llm.created", created)
            return created

        created = idempotency.once(conn, create, lambda llm_id: llms.get(conn, llm_id))
    return Reply(created, headers={"Location": f"/llms/{created.id}"})


@routes.get("/llms/{llm_id}")
def get_llm(llm_id: UUID) -> Llm:
    """A language model."""
    with identity.as_caller() as conn:
        return llms.get(conn, llm_id)


@routes.patch("/llms/{llm_id}", admin=True)
def update_llm(llm_id: UUID, body: LlmChanges) -> Llm:
    """Change a language model. `is_default: true` makes it the model that answers where no other is chosen."""
    with identity.as_caller() as conn:
        changed = llms.change(conn, llm_id, body)
        llms.record(conn, "llm.changed", changed)
        return changed


@routes.delete("/llms/{llm_id}", admin=True)
def delete_llm(llm_id: UUID) -> None:
    """Delete a language model. 409 `in_use` while the settings or an assistant name it."""
    with identity.as_caller() as conn:
        llms.delete(conn, llm_id)
        audit.record(conn, "llm.deleted", "llm", llm_id)


@routes.get("/assistants")
def list_assistants(query: PageQuery) -> Page[Assistant]:
    """Assistants, newest first. Administrators also get hidden ones."""
    with identity.as_caller() as conn:
        return assistants.list_page(conn, query)


@routes.post("/assistants", admin=True, status=201)
def create_assistant(body: NewAssistant) -> Reply[Assistant]:
    """Create an assistant."""
    with identity.as_caller() as conn:

        def create() -> Assistant:
            created = assistants.create(conn, body)
            audit.record(conn, "assistant.created", "assistant", created.id, name=created.name)
            return created

        created = idempotency.once(conn, create, lambda assistant_id: assistants.get(conn, assistant_id))
    return Reply(created, headers={"Location": f"/assistants/{created.id}"})


@routes.get("/assistants/{assistant_id}")
def get_assistant(assistant_id: UUID) -> Assistant:
    """An assistant."""
    with identity.as_caller() as conn:
        return assistants.get(conn, assistant_id)


@routes.patch("/assistants/{assistant_id}", admin=True)
def update_assistant(assistant_id: UUID, body: AssistantChanges) -> Assistant:
    """Change an assistant. The change applies to its conversations at once."""
    with identity.as_caller() as conn:
        changed = assistants.change(conn, assistant_id, body)
        audit.record(conn, "assistant.changed", "assistant", assistant_id, fields=sorted(body.model_fields_set))
        return changed


@routes.delete("/assistants/{assistant_id}", admin=True)
def delete_assistant(assistant_id: UUID) -> None:
    """Delete an assistant. Its conversations continue without one."""
    with identity.as_caller() as conn:
        assistants.delete(conn, assistant_id)
        audit.record(conn, "assistant.deleted", "assistant", assistant_id)
