"""What the routes of settings and preferences take and give."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, RootModel, StringConstraints

from chalicelib.config.registry.models import AnswerTokens, ModelName, PromptName, PromptText
from chalicelib.core.models import STORABLE, Changes, PageQuery, Request, Resource, Text, Timestamp

Level = Literal["static", "dynamic", "user", "conversation"]


# Strict: true is no number, and "0.5" is text.
Temperature = Annotated[float, Field(ge=0, le=2, strict=True)]


PromptTokens = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]


Ratio = Annotated[float, Field(ge=0, le=1, strict=True)]


Amount = Annotated[int, Field(ge=1, le=100, strict=True)]


Choices = Annotated[int, Field(ge=1, le=1000, strict=True)]


Penalty = Annotated[float, Field(gt=0, le=2, strict=True)]


Switch = Annotated[bool, Field(strict=True)]


def _cron(expression: str) -> str:
    if not expression:
        return expression
    from datetime import UTC, datetime

    from cronsim import CronSim, CronSimError

    try:
        comes_round = next(CronSim(expression, datetime.now(UTC)), None)
    except CronSimError:
        comes_round = None
    # CronSim would take a sixth field, seconds.
    if comes_round is None or len(expression.split()) != 5:
        raise ValueError("must be a cron expression of five fields that comes round, or empty")
    return expression


Cron = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100), STORABLE, AfterValidator(_cron)]


class SettingValues(Resource):
    """The settings that resolve over the levels. None means: not set at this level."""

    active_pipeline: str | None
    active_model: str | None
    temperature: float | None
    max_tokens: int | None
    top_p: float | None
    top_k: int | None
    repetition_penalty: float | None
    system_prompt: str | None
    task_prompt: str | None
    active_condense_prompt: str | None
    active_chat_prompt: str | None
    active_system_prompt: str | None
    num_documents_to_retrieve: int | None
    use_hybrid_search: bool | None
    bm25_weight: float | None
    semantic_weight: float | None
    history_tokens: int | None
    context_tokens: int | None


class StaticConfig(SettingValues):
    """What a deploy sets: the bottom level of every setting, and what no other level may change."""

    deployment_name: str
    session_lifetime_days: int
    registration_open: bool
    anonymous_allowed: bool
    anonymous_reads_organisation: bool
    provider_base_urls: dict[str, str]
    chunk_size: int
    chunk_overlap: int
    gpu_threshold_chunks: int
    available_pipelines: list[str]
    available_providers: list[str]
    ingestion_schedule: str


class DynamicConfig(SettingValues):
    """What administrators set. `revision` counts the changes; the header `ETag` carries it."""

    ingestion_schedule: str | None
    revision: int
    updated_by: UUID | None
    updated_at: Timestamp


class SettingChanges(Changes):
    """Changes of settings (RFC 7396): null takes one back, so that the level below holds again."""

    _nullable = None

    active_pipeline: PromptName | None = None
    active_model: ModelName | None = None
    temperature: Temperature | None = None
    max_tokens: AnswerTokens | None = None
    top_p: Ratio | None = None
    top_k: Choices | None = None
    repetition_penalty: Penalty | None = None
    system_prompt: PromptText | None = None
    task_prompt: PromptText | None = None
    active_condense_prompt: PromptName | None = None
    active_chat_prompt: PromptName | None = None
    active_system_prompt: PromptName | None = None
    num_documents_to_retrieve: Amount | None = None
    use_hybrid_search: Switch | None = None
    bm25_weight: Ratio | None = None
    semantic_weight: Ratio | None = None
    history_tokens: PromptTokens | None = None
    context_tokens: PromptTokens | None = None


class DynamicChanges(SettingChanges):
    """Changes of the administrators' settings."""

    ingestion_schedule: Cron | None = None


class ConversationSettings(SettingChanges):
    """Changes of one conversation's own settings."""


class EffectiveValue(Resource):
    """A setting's value and the level that it comes from."""

    value: Any
    level: Level


class EffectiveConfig(RootModel[dict[str, EffectiveValue]]):
    """Every setting by its name."""

    model_config = ConfigDict(defer_build=True)


class EffectiveQuery(Request):
    """Without a conversation, what holds in a new one without an assistant."""

    conversation_id: UUID | None = None


class ConfigChange(Resource):
    """One field that was changed."""

    id: UUID
    config_type: Literal["static", "dynamic"]
    field_name: str
    old_value: Any
    new_value: Any
    user_id: UUID | None
    changed_at: Timestamp


class ConfigAuditQuery(PageQuery):
    """Which changes to list."""

    field_name: Annotated[Text, Field(max_length=100)] | None = None
    config_type: Literal["static", "dynamic"] | None = None


class Preferences(Resource):
    """How a user likes things. None means: as the service is configured."""

    theme: Literal["system", "light", "dark"] = "system"
    preferred_model: str | None = None
    preferred_temperature: float | None = None
    preferred_max_tokens: int | None = None
    preferred_num_documents: int | None = None
    preferred_top_p: float | None = None
    preferred_top_k: int | None = None
    preferred_condense_prompt: str | None = None
    preferred_chat_prompt: str | None = None
    preferred_system_prompt: str | None = None
    use_memories: bool = True
    learn_from_conversations: bool = False
    title_by_model: bool = False


class PreferenceChanges(Changes):
    """Changes of preferences; null takes one back."""

    _nullable = None

    theme: Literal["system", "light", "dark"] | None = None
    preferred_model: ModelName | None = None
    preferred_temperature: Temperature | None = None
    preferred_max_tokens: AnswerTokens | None = None
    preferred_num_documents: Amount | None = None
    preferred_top_p: Ratio | None = None
    preferred_top_k: Choices | None = None
    preferred_condense_prompt: PromptName | None = None
    preferred_chat_prompt: PromptName | None = None
    preferred_system_prompt: PromptName | None = None
    use_memories: Switch | None = None
    learn_from_conversations: Switch | None = None
    title_by_model: Switch | None = None
