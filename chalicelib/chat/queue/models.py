"""What the routes of jobs, the queue and budgets take and give."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from chalicelib.chat.messages.models import Message
from chalicelib.config.registry.models import ModelName, PromptName
from chalicelib.core.models import Failure, Request, Resource, Text, Timestamp

MAX_QUESTION_CHARS = 20_000


JobStatus = Literal["pending", "processing", "completed", "failed", "cancelled"]


class Question(Request):
    """A question. It follows the conversation's last message unless `parent_message_id` says otherwise: null begins
    the conversation anew, beside its first question.
    """

    content: Annotated[Text, Field(min_length=1, max_length=MAX_QUESTION_CHARS, pattern=r"\S")]
    parent_message_id: UUID | None = None

    def is_first(self) -> bool:
        """Whether the question begins a thread branch of its own: `parent_message_id` is explicitly null."""
        return "parent_message_id" in self.model_fields_set and self.parent_message_id is None


class NewMessage(Question):
    """A question. It follows the conversation's last message unless `parent_message_id` says otherwise: null begins
    the conversation anew, beside its first question.

    `pipeline` and `model` hold for this question alone; without them the settings decide.
    """

    pipeline: PromptName | None = None
    model: ModelName | None = None


class Job(Resource):
    """The work of answering one question. `position` counts from 1 while it waits; ask for the job to learn it."""

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
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None


class QueuedMessage(Resource):
    """A stored question and the job that will answer it."""

    message: Message
    job: Job

    @property
    def id(self) -> UUID:
        """The question's id, under which an Idempotency-Key remembers it."""
        return self.message.id


class EventQuery(Request):
    """`?after=` does what the Last-Event-ID header does, for clients that cannot set headers."""

    after: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None


class JobEvent(Resource):
    """One numbered event of a job's stream."""

    number: int
    event: str
    data: dict[str, object]


class Regeneration(Request):
    """Another answer to the same question, perhaps by another pipeline or model."""

    pipeline: PromptName | None = None
    model: ModelName | None = None


class JobPriority(Request):
    """A job's new priority; higher goes first."""

    priority: Annotated[int, Field(ge=-10, le=10)]


class QueueStatistics(Resource):
    """The queue in numbers; waits are milliseconds, of jobs that were started in the last hour."""

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
    """What may be spent in a calendar month (UTC). At least one limit."""

    monthly_cost_usd: Annotated[float, Field(ge=0, le=10_000_000)] | None = None
    monthly_tokens: Annotated[int, Field(ge=0, le=10**15)] | None = None

    @model_validator(mode="after")
    def _some_limit(self) -> "NewBudget":
        if self.monthly_cost_usd is None and self.monthly_tokens is None:
            raise ValueError("give monthly_cost_usd, monthly_tokens or both")
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
    """What the caller used this month. Cost under the caller's own keys is not counted; null means no limit."""

    cost_usd: float
    tokens: int
    allowed_cost_usd: float | None
    allowed_tokens: int | None
