"""Requests and responses of the routes of jobs, the queue and budgets."""

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field, model_validator

from chalicelib.chat.messages.models import Message
from chalicelib.config.registry.filters import SearchFilters
from chalicelib.config.registry.models import ModelName, PromptName
from chalicelib.core.metadata import ShortMetadata
from chalicelib.core.models import Failure, PageQuery, Request, Resource, Shape, Text, TicketQuery, Timestamp

MAX_QUESTION_CHARS = 20_000

JobStatus = Literal["pending", "processing", "completed", "failed", "cancelled"]


class Question(Request):
    """A question. It follows the message `parent_message_id`, by default the conversation's last message. An explicit
    null starts a thread branch of its own, beside the conversation's first question. Its answer uses only documents
    that fulfil `filters`, and those of the conversation and its assistant.
    """

    content: Annotated[Text, Field(min_length=1, max_length=MAX_QUESTION_CHARS, pattern=r"\S")]
    parent_message_id: UUID | None = None
    filters: SearchFilters = Field(default_factory=SearchFilters)
    metadata: ShortMetadata = Field(default_factory=dict)

    def is_first(self) -> bool:
        """Whether the question starts a thread branch of its own: `parent_message_id` is explicitly null."""
        return "parent_message_id" in self.model_fields_set and self.parent_message_id is None


class NewMessage(Question):
    """A question. It follows the message `parent_message_id`, by default the conversation's last message. An explicit
    null starts a thread branch of its own, beside the conversation's first question. Its answer uses only documents
    that fulfil `filters`, and those of the conversation and its assistant.

    `pipeline` and `model` apply to this question only. Their defaults come from the settings.
    """

    pipeline: PromptName | None = None
    model: ModelName | None = None


class Job(Resource):
    """A job that answers one question.

    The status is `processing` only while a worker holds the job. Only `GET /jobs/{id}` returns `position`, which counts
    from 1 while the job can be claimed, and, while another attempt waits or runs, `last_error`: why the last attempt
    failed, and `next_attempt_at`: when the next one starts at the earliest.
    """

    id: UUID
    conversation_id: UUID
    message_id: UUID
    answer_id: UUID | None
    pipeline: str
    model: str
    status: JobStatus
    priority: int
    position: int | None
    error: Failure | None
    last_error: Failure | None
    next_attempt_at: Timestamp | None
    cancelled_by: str | None = None
    cancellation_reason: str | None = None
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None


class JobReport(Resource):
    """A job of any user as an administrator sees it: numbers, times and codes, and no word of a conversation."""

    id: UUID
    user_id: UUID
    status: JobStatus
    model: str
    pipeline: str
    priority: int
    attempts: int
    error_code: str | None
    last_error_code: str | None
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None


class JobQuery(PageQuery):
    """A filter of jobs: every condition must hold."""

    status: JobStatus | None = None
    model: ModelName | None = None


class Cancellation(Request):
    """Why a job is cancelled, in the caller's words."""

    reason: Annotated[Text, Field(min_length=1, max_length=2000)] | None = None


class QueuedMessage(Resource):
    """A stored question and its job."""

    message: Message
    job: Job

    @property
    def id(self) -> UUID:
        """The question's id, which is stored with the Idempotency-Key."""
        return self.message.id


class EventQuery(TicketQuery):
    """`?after=` replaces the header `Last-Event-ID` for clients that cannot set headers."""

    after: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None


class JobEvent(Resource):
    """One numbered event of a job's stream."""

    number: int
    event: str
    data: dict[str, object]


class Regeneration(Request):
    """Another answer to the same question, optionally by another pipeline or model."""

    pipeline: PromptName | None = None
    model: ModelName | None = None


ReplayDifferenceKind = Literal["document_unavailable", "document_changed", "prompt_deleted", "embedding_model_changed"]


class ReplayDifference(Resource):
    """Something that an answer saw and that a replay cannot see as it was. `id` is a document's."""

    kind: ReplayDifferenceKind
    id: UUID | None
    name: str


class AnswerReplay(Resource):
    """A question that is answered once more as of `as_of`, when it was asked first.

    The settings, the model and the versions of the prompts are those of that time, and documents that were added later
    are left out. `differences` are what is no longer as it was.
    """

    message: Message
    job: Job
    as_of: Timestamp
    differences: list[ReplayDifference]


class JobPriority(Request):
    """A job's new priority. A higher priority is answered first."""

    priority: Annotated[int, Field(ge=-10, le=10)]


class QueueStatistics(Resource):
    """The queue in numbers. `mine` are the caller's jobs. Waits are milliseconds of jobs started in the last hour."""

    waiting: int
    processing: int
    mine: int
    oldest_wait_ms: float | None
    wait_p50_ms: float | None
    wait_p95_ms: float | None
    started_last_hour: int
    finished_last_hour: int
    failed_last_hour: int


class NewBudget(Request):
    """The limits for a calendar month (UTC). At least one is required."""

    _shapes: ClassVar = {
        "CostBudget": Shape("A limit of the cost.", frozenset({"monthly_cost_usd"}), frozenset({"monthly_tokens"})),
        "TokenBudget": Shape("A limit of the tokens.", frozenset({"monthly_tokens"}), frozenset({"monthly_cost_usd"})),
        "CostAndTokenBudget": Shape("A limit of both.", frozenset({"monthly_cost_usd", "monthly_tokens"})),
    }

    monthly_cost_usd: Annotated[float, Field(ge=0, le=10_000_000)] | None = None
    monthly_tokens: Annotated[int, Field(ge=0, le=10**15)] | None = None

    @model_validator(mode="after")
    def _some_limit(self) -> "NewBudget":
        if self.monthly_cost_usd is None and self.monthly_tokens is None:
            raise ValueError("`monthly_cost_usd` or `monthly_tokens` is required")
        return self


class Budget(Resource):
    """The budget of a user, or of each member of a group."""

    id: UUID
    user_id: UUID | None
    group_id: UUID | None
    monthly_cost_usd: float | None
    monthly_tokens: int | None
    created_at: Timestamp
    updated_at: Timestamp


class Spending(Resource):
    """The caller's cost and tokens of this month, without the cost under the caller's own keys. Null means no limit."""

    cost_usd: float
    tokens: int
    allowed_cost_usd: float | None
    allowed_tokens: int | None
