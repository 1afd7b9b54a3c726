"""What the conversation routes take and give."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from chalicelib.config.models import ConversationSettings, ModelName, PromptName
from chalicelib.core.models import STORABLE, Changes, Page, Request, Resource, Text, Timestamp

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


class Conversation(Resource):
    """A conversation and how much was said in it."""

    id: UUID
    title: str
    assistant_id: UUID | None
    settings: dict[str, Any]
    message_count: int
    last_message_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class ConversationPage(Page):
    """One page of a list."""

    items: list[Conversation]


class NewMessage(Request):
    """A question. It follows the conversation's last message unless `parent_message_id` says otherwise.

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


class Message(Resource):
    """One message. An answer lists its sources."""

    id: UUID
    conversation_id: UUID
    parent_message_id: UUID | None
    role: Role
    content: str
    sources: list[Source]
    pipeline: str | None
    model: str | None
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
