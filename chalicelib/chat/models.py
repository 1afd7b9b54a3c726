"""What the conversation routes take and give."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from chalicelib.config.models import ConversationSettings, ModelName, PromptName
from chalicelib.core.models import STORABLE, Changes, Page, PageQuery, Request, Resource, Text, Timestamp

MAX_QUESTION_CHARS = 20_000

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255), STORABLE]
Role = Literal["user", "assistant"]
JobStatus = Literal["pending", "processing", "completed", "failed", "cancelled"]


class NewConversation(Request):
    """A new conversation. Without a title, its first question becomes one; without an assistant, the default one's."""

    title: Title | None = None
    assistant_id: UUID | None = None
    settings: ConversationSettings | None = None


class ConversationChanges(Changes):
    """Changes of a conversation. A null `assistant_id` takes the assistant away; `settings` are merged (RFC 7396)."""

    _nullable = frozenset({"assistant_id"})

    title: Title | None = None
    assistant_id: UUID | None = None
    settings: ConversationSettings | None = None
    is_archived: bool | None = None


class ConversationQuery(PageQuery):
    """Which conversations to list: those in use, unless `archived` or `deleted` ones are asked for."""

    archived: bool = False
    deleted: bool = False


class Conversation(Resource):
    """A conversation and how much was said in it."""

    id: UUID
    title: str
    assistant_id: UUID | None
    settings: dict[str, Any]
    is_archived: bool
    message_count: int
    last_message_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class ConversationPage(Page):
    """One page of a list."""

    items: list[Conversation]


class NewMessage(Request):
    """A question. It follows the conversation's last message unless `parent_message_id` says otherwise: null begins
    the conversation anew, beside its first question.

    `pipeline` and `model` hold for this question alone; without them the settings decide.
    """

    content: Annotated[Text, Field(min_length=1, max_length=MAX_QUESTION_CHARS, pattern=r"\S")]
    pipeline: PromptName | None = None
    model: ModelName | None = None
    parent_message_id: UUID | None = None


class Source(Resource):
    """What a citation `[number]` points at: `quote` stands word for word in the chunk."""

    number: int
    document_id: UUID
    chunk_id: UUID
    title: str
    page: int | None
    section: str | None
    quote: str
    score: float


class UsedPrompt(Resource):
    """The version of a prompt that an answer was asked with. Without a name it stood in the settings."""

    kind: str
    name: str | None
    version: int | None


class Message(Resource):
    """One message. A question says what was understood of it, an answer lists its sources and what it cost."""

    id: UUID
    conversation_id: UUID
    parent_message_id: UUID | None
    role: Role
    content: str
    sources: list[Source]
    pipeline: str | None
    model: str | None
    rephrased_query: str | None
    tone: str | None
    behavior: str | None
    context_type: str | None
    signal_strength: float | None
    context_clarity: float | None
    needs_knowledge: bool | None
    thinking: str | None
    prompts: list[UsedPrompt]
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: float | None
    invented_citations: int
    is_mistake: bool
    mistake_note: str | None
    created_at: Timestamp


class MessagePage(Page):
    """One page of a list."""

    items: list[Message]


class Failure(Resource):
    """Why a job failed: a stable code and a sentence."""

    code: str
    message: str


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


class Asked(Resource):
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


class Priority(Request):
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


class Mistake(Request):
    """Whether a message is a mistake, and why."""

    is_mistake: bool
    note: Annotated[Text, Field(max_length=2000)] | None = None


Reason = Literal["incorrect", "unhelpful", "inappropriate", "incomplete", "wrong_source", "other"]


class NewFeedback(Request):
    """A like, a dislike or a comment; a comment needs words."""

    kind: Literal["like", "dislike", "comment"]
    reasons: Annotated[frozenset[Reason], Field(max_length=6)] = frozenset()
    comment: (
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000), STORABLE] | None
    ) = None

    @model_validator(mode="after")
    def _words(self) -> "NewFeedback":
        if self.kind == "comment" and self.comment is None:
            raise ValueError("a comment needs words")
        return self


class Feedback(Resource):
    """What its reader said about an answer."""

    id: UUID
    message_id: UUID
    kind: str
    reasons: list[str]
    comment: str | None
    created_at: Timestamp


class FeedbackPage(Page):
    """One page of a list."""

    items: list[Feedback]


class Stage(Resource):
    """One stage of answering. `total` spans those of the worker, `waiting` is the queue's."""

    stage: str
    started_at: Timestamp
    milliseconds: float


class Timing(Resource):
    """How long an answer took, stage by stage."""

    job_id: UUID
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None
    stages: list[Stage]


class ToolCallRecord(Resource):
    """One call of a tool."""

    step_number: int
    tool_name: str
    tool_args: Any
    tool_result: str
    failed: bool
    milliseconds: float
    started_at: Timestamp


class Trace(Resource):
    """What was done for an answer, and with which settings."""

    id: UUID
    job_id: UUID
    message_id: UUID | None
    pipeline: str
    model: str
    status: str
    settings: dict[str, Any]
    events: list[dict[str, Any]]
    tool_calls: list[ToolCallRecord]
    total_tool_calls: int
    total_tokens_used: int
    total_duration_ms: float
    started_at: Timestamp
    completed_at: Timestamp


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


class BudgetPage(Page):
    """One page of a list."""

    items: list[Budget]


class Spending(Resource):
    """What the caller used this month. Cost under the caller's own keys is not counted; null means no limit."""

    cost_usd: float
    tokens: int
    allowed_cost_usd: float | None
    allowed_tokens: int | None


class TokenQuery(Request):
    """Which answers to count."""

    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    model: Annotated[Text, Field(max_length=200)] | None = None


class TokenUse(Resource):
    """Tokens and cost of one day and model."""

    day: str
    model: str
    provider: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    answers: int


class TokenAnalytics(Resource):
    """Tokens and cost: in all, and by day and model, at most the newest 1,000 of these."""

    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    answers: int
    items: list[TokenUse]


class ReplayedMessage(Message):
    """A message, and how many milliseconds after the one before it came."""

    delay_ms: float


class Replay(Resource):
    """A conversation as it went, at most its first 1,000 messages."""

    conversation_id: UUID
    title: str
    messages: list[ReplayedMessage]


class ConversationPair(Request):
    """Two conversations of the caller's."""

    first: UUID
    second: UUID


class ComparedConversation(Resource):
    """A conversation in numbers. `answer_ms` is the median time of an answer."""

    conversation_id: UUID
    title: str
    message_count: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    likes: int
    dislikes: int
    models: list[str]
    answer_ms: float | None


class Comparison(Resource):
    """Two conversations side by side."""

    first: ComparedConversation
    second: ComparedConversation


class TestedLlm(Resource):
    """What a model said to a small question, in milliseconds to its first and last piece."""

    first_piece_ms: int
    latency_ms: int
    model: str
    sample: str
