"""Requests and responses of the routes of A/B comparisons."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from chalicelib.chat.comparisons.statistics import Verdict
from chalicelib.chat.messages.models import FinishReason, Source
from chalicelib.chat.queue.models import JobStatus, Question
from chalicelib.config.settings.models import SettingChanges
from chalicelib.core.models import STORABLE, Changes, Failure, PageQuery, Request, Resource, Timestamp

VariantName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), STORABLE]
Weight = Annotated[float, Field(ge=0.001, le=1000)]
Preference = Literal["first", "second", "tie", "both_bad"]
# The settings that an answer does not require.
_DISPENSABLE = frozenset(
    {"temperature", "max_tokens", "top_p", "top_k", "repetition_penalty", "system_prompt", "task_prompt"}
)


class VariantSettings(SettingChanges):
    """The settings of a variant, by name. Null removes an optional setting."""

    @model_validator(mode="after")
    def _whole(self) -> "VariantSettings":
        for name in sorted(self.model_fields_set - _DISPENSABLE):
            if getattr(self, name) is None:
                raise ValueError(f"`{name}` must not be null")
        if ("bm25_weight" in self.model_fields_set) != ("semantic_weight" in self.model_fields_set):
            raise ValueError("`bm25_weight` and `semantic_weight` must be set together")
        if self.bm25_weight == 0 and self.semantic_weight == 0:
            raise ValueError("`bm25_weight` and `semantic_weight` must not both be 0")
        return self


class NewVariant(Request):
    """A variant of the pool. Without settings and assistant it answers with the settings of the service.

    The assistant's model and prompts are copied into the variant; `settings` override them. The probability that a
    challenger is drawn is its share of the sum of all weights.
    """

    name: VariantName
    settings: VariantSettings | None = None
    assistant_id: UUID | None = None
    weight: Weight = 1
    is_champion: bool = False
    is_active: bool = True

    @model_validator(mode="after")
    def _active_champion(self) -> "NewVariant":
        if self.is_champion and not self.is_active:
            raise ValueError("a champion must be active")
        return self


class VariantChanges(Changes):
    """Changes of a variant. Its settings never change; create another variant for other settings."""

    name: VariantName | None = None
    weight: Weight | None = None
    is_active: bool | None = None


class Variant(Resource):
    """A variant. `is_usable` is true when its model, pipeline and prompts exist and are enabled."""

    id: UUID
    name: str
    settings: dict[str, Any]
    assistant_id: UUID | None
    weight: float
    is_champion: bool
    is_active: bool
    is_usable: bool
    archived_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class VariantQuery(PageQuery):
    """Selects the variants of the pool, or the archived ones."""

    archived: bool = False


class NewPairwiseComparison(Question):
    """A question for two variants. It follows the message `parent_message_id`, by default the conversation's last
    message. An explicit null starts a thread branch of its own."""


class ComparedAnswer(Resource):
    """One of two answers. It is whole only with the `finish_reason` `stop`."""

    id: UUID
    content: str
    sources: list[Source]
    finish_reason: FinishReason


class VariantOfAnswer(Resource):
    """The variant of an answer."""

    id: UUID
    name: str
    is_champion: bool
    pipeline: str
    model: str


class ComparisonSide(Resource):
    """One side of a comparison. `variant` is null until the vote."""

    job_id: UUID
    status: JobStatus
    error: Failure | None
    answer: ComparedAnswer | None
    variant: VariantOfAnswer | None


class ComparisonOffer(Resource):
    """Whether a question can be compared: the pool has a champion and a challenger that can answer."""

    is_offered: bool


class PairwiseComparison(Resource):
    """Two answers to one question.

    The status is `answering` until both jobs have ended, then `open` for a vote, then `voted`. A comparison with a
    failed or cancelled job is `void`.
    """

    id: UUID
    conversation_id: UUID
    message_id: UUID
    status: Literal["answering", "open", "voted", "void"]
    first: ComparisonSide
    second: ComparisonSide
    preference: Preference | None
    preferred_at: Timestamp | None
    created_at: Timestamp


class ComparisonVote(Request):
    """The better answer."""

    preference: Preference


class ConfidenceInterval(Resource):
    """A confidence interval; both bounds belong to it."""

    low: float
    high: float


class SideMetrics(Resource):
    """The jobs of one variant. Latencies are milliseconds of the worker; tokens and cost are sums."""

    id: UUID
    name: str
    jobs: int
    completed: int
    failed: int
    cancelled: int
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    cost_usd: float
    prompt_tokens: int
    completion_tokens: int


class SequentialTest(Resource):
    """A sequential test of the votes so far, valid at every moment. docs/comparisons.md explains it."""

    e_value: float
    p_value: float
    interval: ConfidenceInterval
    verdict: Verdict
    enough_votes: bool


class ComparisonMetrics(Resource):
    """One challenger against one champion. `wins` are the challenger's; `win_rate` is wins / (wins + losses)."""

    champion: SideMetrics
    challenger: SideMetrics
    is_current: bool
    comparisons: int
    open: int
    void: int
    votes: int
    wins: int
    losses: int
    ties: int
    both_bad: int
    first_preferred: int
    win_rate: float | None
    win_rate_interval: ConfidenceInterval
    sequential_test: SequentialTest


class ComparisonReport(Resource):
    """At most 100 pairs of champion and challenger: those of the present champion first, then the newest."""

    alpha: float
    minimum_effect: float
    items: list[ComparisonMetrics]
