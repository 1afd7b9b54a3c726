"""The settings that resolve over the levels: one line each.

To add a setting:

1. a line below, in `DeclaredSettings` when conversations may set it too, else in `AdministratorSettings`: an existing
   type, such as `Ratio`, or a new one, with examples in tests/config/setting_values.py;
2. what it means, for users: its entry in models.toml;
3. a column in `static_config` (with its default) and one in `dynamic_config`
   (migrations/0003_configuration.sql until 1.0, a new migration afterwards);
4. the code that reads it: `effective_config()` of the database returns it under its name;
5. a test with `@changes("the_setting")` that shows what it changes (tests/config/test_every_setting.py);
6. `python -m infra.pages`, which writes the tables of docs/settings.md and docs/api.md; `make client`.

The levels, the audit log, the export and the validation tests go over the rows and models themselves. A setting that
only a deploy sets is a column of `static_config` and a field of `StaticConfig` (models.py). A user sets a setting
through a preference: a line in `_PreferredSettings` (models.py), and one in `preferred_settings()`
(migrations/functions/settings.sql).
"""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    WrapValidator,
)

from chalicelib.config.registry.models import AnswerTokens, ModelName, PromptName, PromptText
from chalicelib.core.models import STORABLE, matching

# Strict: true is not a number, and "0.5" is text.
PromptTokens = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]
Ratio = Annotated[float, Field(ge=0, le=1, strict=True)]
Amount = Annotated[int, Field(ge=1, le=100, strict=True)]
Bound = Annotated[int, Field(ge=0, le=1_000_000_000, strict=True)]  # 0: no limit
UploadMegabytes = Annotated[int, Field(ge=1, le=1000, strict=True)]
Switch = Annotated[bool, Field(strict=True)]


# The value of an option of a model's call that a level leaves to the provider, whatever the levels below set.
UNSET = "unset"


def _or_unset(value: object, number: Callable[[object], object]) -> object:
    return value if value == UNSET else number(value)


def _option(kind: Any, **schema: object) -> Any:
    """A number of this kind, or `UNSET`. An error has the field's own name, which a union's would not have."""
    shown = WithJsonSchema({"anyOf": [schema, {"const": UNSET, "type": "string"}]})
    return Annotated[kind, WrapValidator(_or_unset), PlainSerializer(lambda value: value), shown]


if TYPE_CHECKING:
    Temperature = float | Literal["unset"]
    TopP = float | Literal["unset"]
    TopK = int | Literal["unset"]
    Penalty = float | Literal["unset"]
    MaxTokens = int | Literal["unset"]
else:
    Temperature = _option(Annotated[float, Field(ge=0, le=2, strict=True)], type="number", minimum=0, maximum=2)
    TopP = _option(Ratio, type="number", minimum=0, maximum=1)
    TopK = _option(Annotated[int, Field(ge=1, le=1000, strict=True)], type="integer", minimum=1, maximum=1000)
    Penalty = _option(Annotated[float, Field(gt=0, le=2, strict=True)], type="number", exclusiveMinimum=0, maximum=2)
    MaxTokens = _option(AnswerTokens, type="integer", minimum=1, maximum=100_000)


_DOMAIN = re.compile(r"(?=.{4,253}$)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")


def _domains(names: object) -> object:
    """The names in small letters. One error for the whole list, like that of any setting."""
    if not isinstance(names, list) or not all(isinstance(name, str) and _DOMAIN.fullmatch(name) for name in names):
        raise ValueError("must be a list of domains, such as example.org")
    return [name.lower() for name in names]


Domains = Annotated[list[Annotated[str, Field(max_length=253)]], Field(max_length=100), BeforeValidator(_domains)]


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


# Tesseract's names of languages and scripts, as in `eng+deu` or `script/Latin`; empty: text is not recognised.
Languages = Annotated[
    str,
    matching(
        r"^([A-Za-z]+([_/][A-Za-z]+){0,3}(\+[A-Za-z]+([_/][A-Za-z]+){0,3}){0,7})?$",
        "must be empty, or names of Tesseract's languages with + between, such as eng+deu",
        max_length=100,
    ),
    STORABLE,
]


class DeclaredSettings(BaseModel):
    """The settings that resolve over the levels."""

    model_config = ConfigDict(defer_build=True)

    active_pipeline: PromptName | None = None
    active_model: ModelName | None = None
    temperature: Temperature | None = None
    max_tokens: MaxTokens | None = None
    top_p: TopP | None = None
    top_k: TopK | None = None
    repetition_penalty: Penalty | None = None
    system_prompt: PromptText | None = None
    task_prompt: PromptText | None = None
    active_condense_prompt: PromptName | None = None
    active_chat_prompt: PromptName | None = None
    active_system_prompt: PromptName | None = None
    num_documents_to_retrieve: Amount | None = None
    use_hybrid_search: Switch | None = None
    use_cross_encoder: Switch | None = None
    bm25_weight: Ratio | None = None
    semantic_weight: Ratio | None = None
    active_reranker: PromptName | None = None
    reranked_chunks: Amount | None = None
    history_tokens: PromptTokens | None = None
    context_tokens: PromptTokens | None = None


class AdministratorSettings(DeclaredSettings):
    """Those settings, and the settings that only a deployment and its administrators set."""

    registration_open: Switch | None = None
    registration_domains: Domains | None = None
    registration_requires_verification: Switch | None = None
    invitations_open: Switch | None = None
    api_keys_may_last: Switch | None = None
    administrators_need_second_factor: Switch | None = None
    ingestion_schedule: Cron | None = None
    ocr_languages: Languages | None = None
    max_upload_mb: UploadMegabytes | None = None
    jobs_per_user: Bound | None = None
    streams_per_user: Bound | None = None
    storage_mb_per_user: Bound | None = None
    storage_mb_per_group: Bound | None = None
    storage_mb_of_organisation: Bound | None = None


def option(settings: Mapping[str, Any], name: str) -> Any:
    """An option of a model's call by the resolved `settings`; None where it is not to be sent."""
    value = settings[name]
    return None if value == UNSET else value
