"""Settings, preferences, prompts, models and assistants over HTTP."""

import re
from uuid import UUID

from chalice.app import Blueprint

from chalicelib.auth import audit
from chalicelib.config import assistants, configuration, llms, prompts
from chalicelib.config.models import (
    Assistant,
    AssistantChanges,
    AssistantPage,
    ConfigAuditQuery,
    ConfigChangePage,
    DynamicChanges,
    DynamicConfig,
    EffectiveConfig,
    EffectiveQuery,
    Llm,
    LlmChanges,
    LlmPage,
    NewAssistant,
    NewLlm,
    NewPrompt,
    PreferenceChanges,
    Preferences,
    Prompt,
    PromptContent,
    PromptPage,
    PromptQuery,
    PromptVersionPage,
    StaticConfig,
)
from chalicelib.core import db, errors, http, idempotency
from chalicelib.core.http import Reply, endpoint
from chalicelib.core.models import PageQuery

routes = Blueprint(__name__)

_ETAG = re.compile(r'"([0-9]{1,18})"')


@routes.route("/config/static", methods=["GET"])
@endpoint(admin=True)
def get_static_config() -> StaticConfig:
    """What the deployment set. It changes by a deploy only."""
    with db.as_caller() as conn:
        return configuration.static(conn)


@routes.route("/config/dynamic", methods=["GET"])
@endpoint(admin=True)
def get_dynamic_config() -> Reply[DynamicConfig]:
    """What administrators set; null follows the deployment."""
    with db.as_caller() as conn:
        return _versioned(configuration.dynamic(conn))


@routes.route("/config/dynamic", methods=["PATCH"], content_types=["*/*"])
@endpoint(admin=True)
def change_dynamic_config(body: DynamicChanges) -> Reply[DynamicConfig]:
    """Change some settings; null takes one back.

    With `If-Match: <ETag>`, 412 `stale_update` when somebody else changed them since. Each changed field is audited.
    """
    with db.as_caller() as conn:
        changed = configuration.change(conn, body, _expected_revision())
        fields = sorted(body.model_fields_set)
        audit.record(conn, "config.changed", "config", None, fields=fields, revision=changed.revision)
        return _versioned(changed)


@routes.route("/config/effective", methods=["GET"])
@endpoint()
def get_effective_config(query: EffectiveQuery) -> EffectiveConfig:
    """Every setting's value for the caller, and the level that it comes from.

    Where providers are asked (`provider_base_urls`) is shown to administrators only.
    """
    with db.as_caller() as conn:
        return configuration.effective(conn, query.conversation_id)


@routes.route("/config/audit", methods=["GET"])
@endpoint(admin=True)
def list_config_changes(query: ConfigAuditQuery) -> ConfigChangePage:
    """Every changed field with its old and new value, newest first."""
    with db.as_caller() as conn:
        return configuration.audit_page(conn, query)


@routes.route("/me/preferences", methods=["GET"])
@endpoint()
def get_preferences() -> Preferences:
    """One's preferences."""
    with db.as_caller() as conn:
        return configuration.preferences(conn)


@routes.route("/me/preferences", methods=["PATCH"], content_types=["*/*"])
@endpoint(scope="account")
def change_preferences(body: PreferenceChanges) -> Preferences:
    """Change some preferences; null takes one back."""
    with db.as_caller() as conn:
        return configuration.change_preferences(conn, body)


@routes.route("/prompts", methods=["GET"])
@endpoint()
def list_prompts(query: PromptQuery) -> PromptPage:
    """Prompts, newest first."""
    with db.as_caller() as conn:
        return prompts.list_page(conn, query)


@routes.route("/prompts", methods=["POST"], content_types=["*/*"])
@endpoint(admin=True, status=201)
def create_prompt(body: NewPrompt) -> Reply[Prompt]:
    """Make a prompt."""
    with db.as_caller() as conn:

        def create() -> Prompt:
            made = prompts.create(conn, body)
            audit.record(conn, "prompt.created", "prompt", made.id, kind=made.kind, name=made.name)
            return made

        made = idempotency.once(conn, create, lambda prompt_id: prompts.get(conn, prompt_id))
    return Reply(made, headers={"Location": f"/prompts/{made.id}"})


@routes.route("/prompts/{prompt_id}", methods=["GET"])
@endpoint()
def get_prompt(prompt_id: UUID) -> Prompt:
    """A prompt and its newest version."""
    with db.as_caller() as conn:
        return prompts.get(conn, prompt_id)


@routes.route("/prompts/{prompt_id}", methods=["PATCH"], content_types=["*/*"])
@endpoint(admin=True)
def revise_prompt(prompt_id: UUID, body: PromptContent) -> Prompt:
    """Give a prompt its next version, which every later answer uses."""
    with db.as_caller() as conn:
        revised = prompts.revise(conn, prompt_id, body)
        audit.record(conn, "prompt.revised", "prompt", revised.id, version=revised.version)
        return revised


@routes.route("/prompts/{prompt_id}", methods=["DELETE"])
@endpoint(admin=True)
def delete_prompt(prompt_id: UUID) -> None:
    """Delete a prompt. 409 `in_use` while the settings name it; users who chose it follow the settings again."""
    with db.as_caller() as conn:
        prompts.delete(conn, prompt_id)
        audit.record(conn, "prompt.deleted", "prompt", prompt_id)


@routes.route("/prompts/{prompt_id}/versions", methods=["GET"])
@endpoint()
def list_prompt_versions(prompt_id: UUID, query: PageQuery) -> PromptVersionPage:
    """Every version of a prompt, newest first."""
    with db.as_caller() as conn:
        return prompts.versions(conn, prompt_id, query)


@routes.route("/llms", methods=["GET"])
@endpoint()
def list_llms(query: PageQuery) -> LlmPage:
    """Language models, newest first."""
    with db.as_caller() as conn:
        return llms.list_page(conn, query)


@routes.route("/llms", methods=["POST"], content_types=["*/*"])
@endpoint(admin=True, status=201)
def create_llm(body: NewLlm) -> Reply[Llm]:
    """Register a language model. Its key is stored encrypted and never returned."""
    with db.as_caller() as conn:

        def create() -> Llm:
            made = llms.create(conn, body)
            llms.record(conn, "llm.created", made)
            return made

        made = idempotency.once(conn, create, lambda llm_id: llms.get(conn, llm_id))
    return Reply(made, headers={"Location": f"/llms/{made.id}"})


@routes.route("/llms/{llm_id}", methods=["GET"])
@endpoint()
def get_llm(llm_id: UUID) -> Llm:
    """A language model."""
    with db.as_caller() as conn:
        return llms.get(conn, llm_id)


@routes.route("/llms/{llm_id}", methods=["PATCH"], content_types=["*/*"])
@endpoint(admin=True)
def change_llm(llm_id: UUID, body: LlmChanges) -> Llm:
    """Change a language model; `is_default: true` makes it the one that answers where nothing else is chosen."""
    with db.as_caller() as conn:
        changed = llms.change(conn, llm_id, body)
        llms.record(conn, "llm.changed", changed)
        return changed


@routes.route("/llms/{llm_id}", methods=["DELETE"])
@endpoint(admin=True)
def delete_llm(llm_id: UUID) -> None:
    """Take a language model out of the registry. 409 `in_use` while the settings or an assistant name it."""
    with db.as_caller() as conn:
        llms.delete(conn, llm_id)
        audit.record(conn, "llm.deleted", "llm", llm_id)


@routes.route("/assistants", methods=["GET"])
@endpoint()
def list_assistants(query: PageQuery) -> AssistantPage:
    """Assistants to choose from, newest first. Administrators see hidden ones too."""
    with db.as_caller() as conn:
        return assistants.list_page(conn, query)


@routes.route("/assistants", methods=["POST"], content_types=["*/*"])
@endpoint(admin=True, status=201)
def create_assistant(body: NewAssistant) -> Reply[Assistant]:
    """Make an assistant."""
    with db.as_caller() as conn:

        def create() -> Assistant:
            made = assistants.create(conn, body)
            audit.record(conn, "assistant.created", "assistant", made.id, name=made.name)
            return made

        made = idempotency.once(conn, create, lambda assistant_id: assistants.get(conn, assistant_id))
    return Reply(made, headers={"Location": f"/assistants/{made.id}"})


@routes.route("/assistants/{assistant_id}", methods=["GET"])
@endpoint()
def get_assistant(assistant_id: UUID) -> Assistant:
    """An assistant."""
    with db.as_caller() as conn:
        return assistants.get(conn, assistant_id)


@routes.route("/assistants/{assistant_id}", methods=["PATCH"], content_types=["*/*"])
@endpoint(admin=True)
def change_assistant(assistant_id: UUID, body: AssistantChanges) -> Assistant:
    """Change an assistant; its conversations follow at once."""
    with db.as_caller() as conn:
        changed = assistants.change(conn, assistant_id, body)
        audit.record(conn, "assistant.changed", "assistant", assistant_id, fields=sorted(body.model_fields_set))
        return changed


@routes.route("/assistants/{assistant_id}", methods=["DELETE"])
@endpoint(admin=True)
def delete_assistant(assistant_id: UUID) -> None:
    """Delete an assistant; its conversations go on without one."""
    with db.as_caller() as conn:
        assistants.delete(conn, assistant_id)
        audit.record(conn, "assistant.deleted", "assistant", assistant_id)


def _versioned(config: DynamicConfig) -> Reply[DynamicConfig]:
    return Reply(config, headers={"ETag": f'"{config.revision}"'})


def _expected_revision() -> int | None:
    given = http.header("if-match")
    if given is None or given.strip() == "*":
        return None
    found = _ETAG.fullmatch(given.strip())
    if found is None:
        raise errors.PreconditionFailed
    return int(found[1])
