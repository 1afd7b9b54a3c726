"""Request and response models of prompts, LLMs, assistants and users' own keys for LLM providers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from chalicelib.config.registry import llm_providers
from chalicelib.config.registry.filters import SearchFilters
from chalicelib.core.models import STORABLE, Changes, PageQuery, Request, Resource, Text, Timestamp, matching

AnswerTokens = Annotated[int, Field(ge=1, le=100_000, strict=True)]

# The kinds of prompts, and the placeholders that a prompt of the kind contains exactly once.
PLACEHOLDERS: Mapping[str, tuple[str, ...]] = {
    "condense": ("history", "query"),
    "chat": ("context", "query"),
    "system": (),
}

# mypy accepts no computed Literal; pydantic, and the OpenAPI document with it, does.
if TYPE_CHECKING:
    LlmProviderName = str
    OwnKeyProviderName = str
    PromptKind = str
else:
    LlmProviderName = Literal[tuple(llm_providers.LLM_PROVIDERS)]
    OwnKeyProviderName = Literal[llm_providers.OWN_KEY_PROVIDERS]
    PromptKind = Literal[tuple(PLACEHOLDERS)]


class NewLlmProviderKey(Request):
    """The caller's own key for an LLM provider."""

    key: Annotated[
        str, matching(r"^[\x21-\x7e]{8,512}$", "must have 8 to 512 printable ASCII characters, without blanks")
    ]


class LlmProviderKey(Resource):
    """A stored key, without the key itself."""

    provider: OwnKeyProviderName
    last_four: str
    created_at: Timestamp
    last_used_at: Timestamp | None


class LlmProviderKeys(Resource):
    """The caller's keys, at most one for each provider."""

    items: list[LlmProviderKey]


MAX_PROMPT_CHARS = 20_000


PromptName = Annotated[
    str,
    matching(
        r"^[a-z0-9][a-z0-9_-]{0,99}$",
        "must have 1 to 100 of the characters a-z, 0-9, '_', '-', and begin with a letter or digit",
    ),
]
ModelName = Annotated[
    str,
    matching(
        r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$",
        "must have 1 to 100 of the characters A-Z, a-z, 0-9, '.', '_', ':', '/', '-', and begin with a letter or digit",
    ),
]
PromptText = Annotated[Text, Field(max_length=MAX_PROMPT_CHARS)]


class NewPrompt(Request):
    """A prompt's first version. docs/settings.md lists the placeholders of each kind."""

    kind: PromptKind
    name: PromptName
    content: Annotated[PromptText, Field(min_length=1)]


class PromptContent(Request):
    """A prompt's next version."""

    content: Annotated[PromptText, Field(min_length=1)]


class Prompt(Resource):
    """A prompt and its newest version, which is the one in use."""

    id: UUID
    kind: PromptKind
    name: str
    version: int
    content: str
    created_at: Timestamp
    updated_at: Timestamp


class PromptQuery(PageQuery):
    """Filters of a list of prompts."""

    kind: PromptKind | None = None


class PromptVersion(Resource):
    """One version of a prompt."""

    id: UUID
    version: int
    content: str
    created_by: UUID | None
    created_at: Timestamp


ModelId = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), STORABLE]
Endpoint = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2048), STORABLE]
ApiKey = Annotated[
    str, matching(r"^[\x21-\x7e]{1,500}$", "must have 1 to 500 printable ASCII characters, without blanks")
]
ModelTemperature = Annotated[float, Field(ge=0, le=2, strict=True)]
Window = Annotated[int, Field(ge=256, le=10_000_000)]
Price = Annotated[float, Field(ge=0, le=100_000)]


class NewLlm(Request):
    """A language model. `prompt_price` and `completion_price` are US dollars for a million tokens."""

    name: ModelName
    provider: LlmProviderName
    model_id: ModelId
    endpoint: Endpoint | None = None
    api_key: ApiKey | None = None
    context_tokens: Window = 8192
    max_tokens: AnswerTokens | None = None
    temperature: ModelTemperature | None = None
    prompt_price: Price = 0
    completion_price: Price = 0
    is_default: bool = False

    @model_validator(mode="after")
    def _reachable(self) -> "NewLlm":
        if error := llm_providers.endpoint_error(self.provider, self.endpoint):
            raise ValueError(error)
        return self


class LlmChanges(Changes):
    """Changes of a language model. Null removes `endpoint`, `api_key`, `max_tokens` or `temperature`."""

    _nullable = frozenset({"endpoint", "api_key", "max_tokens", "temperature"})

    model_id: ModelId | None = None
    endpoint: Endpoint | None = None
    api_key: ApiKey | None = None
    context_tokens: Window | None = None
    max_tokens: AnswerTokens | None = None
    temperature: ModelTemperature | None = None
    prompt_price: Price | None = None
    completion_price: Price | None = None
    is_enabled: bool | None = None
    is_default: Literal[True] | None = None


class Llm(Resource):
    """A language model, without its key. `endpoint` and `key_last_four` are null unless the caller administers."""

    id: UUID
    name: str
    provider: str
    model_id: str
    endpoint: str | None
    key_last_four: str | None
    context_tokens: int
    max_tokens: int | None
    temperature: float | None
    prompt_price: float
    completion_price: float
    is_enabled: bool
    is_default: bool
    created_at: Timestamp
    updated_at: Timestamp


AssistantName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), STORABLE]
StarterMessages = Annotated[list[Annotated[Text, Field(min_length=1, max_length=1000)]], Field(max_length=20)]


class NewAssistant(Request):
    """A persona. `task_prompt` contains `{context}` and `{query}`. Where a field is null, the settings apply.

    Its conversations use only documents that fulfil its `filters`.
    """

    name: AssistantName
    description: Annotated[Text, Field(max_length=2000)] = ""
    llm_id: UUID | None = None
    system_prompt: PromptText | None = None
    task_prompt: PromptText | None = None
    starter_messages: StarterMessages = Field(default_factory=list)
    filters: SearchFilters = Field(default_factory=SearchFilters)
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
    filters: SearchFilters | None = None
    is_default: bool | None = None
    is_visible: bool | None = None


class Assistant(Resource):
    """A persona that a conversation can have."""

    id: UUID
    name: str
    description: str
    llm_id: UUID | None
    system_prompt: str | None
    task_prompt: str | None
    starter_messages: list[str]
    filters: SearchFilters
    is_default: bool
    is_visible: bool
    created_by: UUID | None
    created_at: Timestamp
    updated_at: Timestamp
