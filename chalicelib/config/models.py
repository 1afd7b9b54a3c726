"""What the routes of settings and registries take and give."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, RootModel, StringConstraints, model_validator

from chalicelib.core.models import STORABLE, Changes, Page, PageQuery, Request, Resource, Text, Timestamp

MAX_PROMPT_CHARS = 20_000

Level = Literal["static", "dynamic", "user", "conversation"]
PromptKind = Literal["condense", "chat", "system"]
PromptName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$")]
ModelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$")]
PromptText = Annotated[Text, Field(max_length=MAX_PROMPT_CHARS)]
# Strict: true is no number, and "0.5" is text.
Temperature = Annotated[float, Field(ge=0, le=2, strict=True)]
AnswerTokens = Annotated[int, Field(ge=1, le=100_000, strict=True)]
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


class Settings(Resource):
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


class StaticConfig(Settings):
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


class DynamicConfig(Settings):
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


class ConfigChangePage(Page):
    """One page of a list."""

    items: list[ConfigChange]


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


class NewPrompt(Request):
    """A prompt's first version. docs/settings.md lists the placeholders of each kind."""

    kind: PromptKind
    name: PromptName
    content: Annotated[PromptText, Field(min_length=1)]


class PromptContent(Request):
    """A prompt's next version."""

    content: Annotated[PromptText, Field(min_length=1)]


class Prompt(Resource):
    """A prompt and its version in use, the newest."""

    id: UUID
    kind: PromptKind
    name: str
    version: int
    content: str
    created_at: Timestamp
    updated_at: Timestamp


class PromptPage(Page):
    """One page of a list."""

    items: list[Prompt]


class PromptQuery(PageQuery):
    """Which prompts to list."""

    kind: PromptKind | None = None


class PromptVersion(Resource):
    """One version of a prompt."""

    id: UUID
    version: int
    content: str
    created_by: UUID | None
    created_at: Timestamp


class PromptVersionPage(Page):
    """One page of a list."""

    items: list[PromptVersion]


Provider = Literal["openai", "openrouter", "vllm", "tgi", "ollama", "anthropic", "bedrock"]
ModelId = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), STORABLE]
Endpoint = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2048), STORABLE]
ApiKey = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,500}$")]
Window = Annotated[int, Field(ge=256, le=10_000_000)]
Price = Annotated[float, Field(ge=0, le=100_000)]


class NewLlm(Request):
    """A language model. `prompt_price` and `completion_price` are US dollars for a million tokens."""

    name: ModelName
    provider: Provider
    model_id: ModelId
    endpoint: Endpoint | None = None
    api_key: ApiKey | None = None
    context_tokens: Window = 8192
    max_tokens: AnswerTokens | None = None
    prompt_price: Price = 0
    completion_price: Price = 0
    is_default: bool = False

    @model_validator(mode="after")
    def _reachable(self) -> "NewLlm":
        if self.endpoint is None and self.provider in {"vllm", "tgi", "ollama"}:
            raise ValueError(f"endpoint must say where {self.provider} listens")
        if self.endpoint is not None and self.provider == "bedrock":
            raise ValueError("bedrock is asked in this deployment's own region and takes no endpoint")
        return self


class LlmChanges(Changes):
    """Changes of a language model. A null `endpoint`, `api_key` or `max_tokens` takes it away."""

    _nullable = frozenset({"endpoint", "api_key", "max_tokens"})

    model_id: ModelId | None = None
    endpoint: Endpoint | None = None
    api_key: ApiKey | None = None
    context_tokens: Window | None = None
    max_tokens: AnswerTokens | None = None
    prompt_price: Price | None = None
    completion_price: Price | None = None
    is_enabled: bool | None = None
    is_default: Literal[True] | None = None


class Llm(Resource):
    """A language model, without its key. Administrators see `endpoint` and how the key ends."""

    id: UUID
    name: str
    provider: str
    model_id: str
    endpoint: str | None
    key_last_four: str | None
    context_tokens: int
    max_tokens: int | None
    prompt_price: float
    completion_price: float
    is_enabled: bool
    is_default: bool
    created_at: Timestamp
    updated_at: Timestamp


class LlmPage(Page):
    """One page of a list."""

    items: list[Llm]


AssistantName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), STORABLE]
StarterMessages = Annotated[list[Annotated[Text, Field(min_length=1, max_length=1000)]], Field(max_length=20)]


class NewAssistant(Request):
    """A persona. `task_prompt` takes `{context}` and `{query}`; what is null follows the settings."""

    name: AssistantName
    description: Annotated[Text, Field(max_length=2000)] = ""
    llm_id: UUID | None = None
    system_prompt: PromptText | None = None
    task_prompt: PromptText | None = None
    starter_messages: StarterMessages = Field(default_factory=list)
    is_default: bool = False
    is_visible: bool = True


class AssistantChanges(Changes):
    """Changes of an assistant."""

    _nullable = frozenset({"llm_id", "system_prompt", "task_prompt"})

    name: AssistantName | None = None
    description: Annotated[Text, Field(max_length=2000)] | None = None
    llm_id: UUID | None = None
    system_prompt: PromptText | None = None
    task_prompt: PromptText | None = None
    starter_messages: StarterMessages | None = None
    is_default: bool | None = None
    is_visible: bool | None = None


class Assistant(Resource):
    """A persona that conversations may be held with."""

    id: UUID
    name: str
    description: str
    llm_id: UUID | None
    system_prompt: str | None
    task_prompt: str | None
    starter_messages: list[str]
    is_default: bool
    is_visible: bool
    created_by: UUID | None
    created_at: Timestamp
    updated_at: Timestamp


class AssistantPage(Page):
    """One page of a list."""

    items: list[Assistant]
