"""Request and response models of settings and preferences. The settings themselves are in declarations.py."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, RootModel

from chalicelib.config.registry.models import ModelName, PromptName
from chalicelib.config.settings.declarations import (
    AdministratorSettings,
    Amount,
    DeclaredSettings,
    MaxTokens,
    Switch,
    Temperature,
    TopK,
    TopP,
)
from chalicelib.core.metadata import ShortMetadata, ShownMetadata
from chalicelib.core.models import Changes, PageQuery, Request, Resource, Text, Timestamp

Level = Literal["static", "dynamic", "user", "conversation"]
ConfigType = Literal["static", "dynamic", "user_pref"]
Theme = Literal["system", "light", "dark"]
# A response holds every value, null included.
_ALWAYS_PRESENT = ConfigDict(json_schema_serialization_defaults_required=True)


class StaticConfig(AdministratorSettings, Resource):
    """The deployment's level of every setting, and the settings that no other level can change."""

    model_config = _ALWAYS_PRESENT

    deployment_name: str
    session_lifetime_days: int
    anonymous_allowed: bool
    anonymous_reads_organisation: bool
    provider_base_urls: dict[str, str | None]
    chunk_size: int
    chunk_overlap: int
    gpu_threshold_chunks: int
    available_pipelines: list[str]
    available_providers: list[str] | None


class DynamicConfig(AdministratorSettings, Resource):
    """The administrators' level. Null means: this level does not set the value.

    `revision` counts the changes; the header `ETag` carries it.
    """

    model_config = _ALWAYS_PRESENT

    revision: int
    updated_by: UUID | None
    updated_at: Timestamp


class SettingChanges(DeclaredSettings, Changes):
    """Changes of settings (RFC 7396). Null removes a value, so that the level below applies again."""

    _nullable = None


class DynamicChanges(AdministratorSettings, Changes):
    """Changes of the administrators' settings (RFC 7396). Null removes a value: the deployment's applies again."""

    _nullable = None


class ConversationSettings(SettingChanges):
    """Changes of one conversation's own settings."""


class PassedOver(Resource):
    """A level's value that cannot be used now: a disabled model, or something that this deployment does not offer."""

    value: Any
    level: Level


class EffectiveValue(Resource):
    """A setting's value and the level that it comes from. `passed_over` are the unusable values of higher levels."""

    value: Any
    level: Level
    passed_over: list[PassedOver]


class EffectiveConfig(RootModel[dict[str, EffectiveValue]]):
    """Every setting by its name."""

    model_config = ConfigDict(defer_build=True)


class EffectiveQuery(Request):
    """The conversation; without one, the values of a new conversation without an assistant."""

    conversation_id: UUID | None = None


class ConfigChange(Resource):
    """A change of one field: of the static or the dynamic level, or of a preference of the user who changed it."""

    id: UUID
    config_type: ConfigType
    field_name: str
    old_value: Any
    new_value: Any
    user_id: UUID | None
    changed_at: Timestamp


class ConfigAuditQuery(PageQuery):
    """Filters of a list of changes."""

    field_name: Annotated[Text, Field(max_length=100)] | None = None
    config_type: ConfigType | None = None


class _PreferredSettings(BaseModel):
    """The settings that a user sets, by the names of the preferences."""

    model_config = ConfigDict(defer_build=True)

    preferred_model: ModelName | None = None
    preferred_temperature: Temperature | None = None
    preferred_max_tokens: MaxTokens | None = None
    preferred_num_documents: Amount | None = None
    preferred_top_p: TopP | None = None
    preferred_top_k: TopK | None = None
    preferred_condense_prompt: PromptName | None = None
    preferred_chat_prompt: PromptName | None = None
    preferred_system_prompt: PromptName | None = None


class Preferences(_PreferredSettings, Resource):
    """A user's preferences. Null means: the service's configuration applies.

    New conversations begin with the assistant `default_assistant_id`, if it is there and visible, else with the
    service's. `interface` are names and values that a client keeps for its user; the service does not read them.
    """

    theme: Theme = "system"
    use_memories: bool = True
    learn_from_conversations: bool = False
    title_by_model: bool = False
    notify_by_email: bool = False
    default_assistant_id: UUID | None = None
    interface: ShownMetadata = Field(default_factory=dict)


class PreferenceChanges(_PreferredSettings, Changes):
    """Changes of preferences (RFC 7396). Null removes a preference; `interface` is replaced."""

    _nullable = None

    theme: Theme | None = None
    use_memories: Switch | None = None
    learn_from_conversations: Switch | None = None
    title_by_model: Switch | None = None
    notify_by_email: Switch | None = None
    default_assistant_id: UUID | None = None
    interface: ShortMetadata | None = None
