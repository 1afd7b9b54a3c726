"""Request and response models of settings and preferences. A setting is one line here.

To add a setting that administrators and conversations may set:

1. a line in `_Settings` below: an existing type, such as `Ratio`, or a new one;
2. a column in `static_config` (with its default) and one in `dynamic_config`
   (migrations/0003_configuration.sql until 1.0, a new migration afterwards);
3. a row in docs/settings.md, and `python -m infra.pages`;
4. a test with `@changes("the_setting")` that shows what it changes (tests/config/test_every_setting.py);
5. the code that reads it: `effective_config()` of the database returns it under its name.

The levels, the audit log, the export and the validation tests go over the rows and models themselves. A setting of a
new type, or one whose values name something, needs examples in tests/config/setting_values.py. A setting that only a
deploy sets is a column of `static_config` and a field of `StaticConfig`. A user sets a setting through a preference: a
line in `_PreferredSettings`, and one in `preferred_settings()` (migrations/functions/settings.sql).
"""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel, StringConstraints

from chalicelib.config.registry.models import AnswerTokens, ModelName, PromptName, PromptText
from chalicelib.core.models import STORABLE, Changes, PageQuery, Request, Resource, Text, Timestamp

Level = Literal["static", "dynamic", "user", "conversation"]
Theme = Literal["system", "light", "dark"]

# Strict: true is not a number, and "0.5" is text.
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
        next_time = next(CronSim(expression, datetime.now(UTC)), None)
    except CronSimError:
        next_time = None
    # CronSim accepts a sixth field, seconds.
    if next_time is None or len(expression.split()) != 5:
        raise ValueError("must be empty, or a cron expression of five fields that some date matches")
    return expression


Cron = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100), STORABLE, AfterValidator(_cron)]

# A response holds every value, null included.
_ALWAYS_PRESENT = ConfigDict(json_schema_serialization_defaults_required=True)


class _Settings(BaseModel):
    """The settings that resolve over the levels."""

    model_config = ConfigDict(defer_build=True)

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


class SettingValues(_Settings, Resource):
    """The settings of one level. None means: this level does not set it."""

    model_config = _ALWAYS_PRESENT


class StaticConfig(SettingValues):
    """The deployment's level of every setting, and the settings that no other level can change."""

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
    """The administrators' level. `revision` counts the changes; the header `ETag` carries it."""

    ingestion_schedule: str | None
    revision: int
    updated_by: UUID | None
    updated_at: Timestamp


class SettingChanges(_Settings, Changes):
    """Changes of settings (RFC 7396). Null removes a value, so that the level below applies again."""

    _nullable = None


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
    """The conversation; without one, the values of a new conversation without an assistant."""

    conversation_id: UUID | None = None


class ConfigChange(Resource):
    """A change of one field."""

    id: UUID
    config_type: Literal["static", "dynamic"]
    field_name: str
    old_value: Any
    new_value: Any
    user_id: UUID | None
    changed_at: Timestamp


class ConfigAuditQuery(PageQuery):
    """Filters of a list of changes."""

    field_name: Annotated[Text, Field(max_length=100)] | None = None
    config_type: Literal["static", "dynamic"] | None = None


class _PreferredSettings(BaseModel):
    """The settings that a user sets, by the names of the preferences."""

    model_config = ConfigDict(defer_build=True)

    preferred_model: ModelName | None = None
    preferred_temperature: Temperature | None = None
    preferred_max_tokens: AnswerTokens | None = None
    preferred_num_documents: Amount | None = None
    preferred_top_p: Ratio | None = None
    preferred_top_k: Choices | None = None
    preferred_condense_prompt: PromptName | None = None
    preferred_chat_prompt: PromptName | None = None
    preferred_system_prompt: PromptName | None = None


class Preferences(_PreferredSettings, Resource):
    """A user's preferences. Null means: the service's configuration applies."""

    theme: Theme = "system"
    use_memories: bool = True
    learn_from_conversations: bool = False
    title_by_model: bool = False


class PreferenceChanges(_PreferredSettings, Changes):
    """Changes of preferences (RFC 7396). Null removes a preference."""

    _nullable = None

    theme: Theme | None = None
    use_memories: Switch | None = None
    learn_from_conversations: Switch | None = None
    title_by_model: Switch | None = None
