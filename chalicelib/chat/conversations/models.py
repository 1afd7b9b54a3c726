"""Requests and responses of the routes of conversations, analytics and message search."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from chalicelib.chat.messages.models import Message
from chalicelib.config.registry.filters import SearchFilters
from chalicelib.config.settings.models import ConversationSettings
from chalicelib.core.models import STORABLE, Changes, Moment, PageQuery, Request, Resource, Text, Timestamp

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255), STORABLE]


class NewConversation(Request):
    """A new conversation. The default title is its first question, the default assistant is the service's.

    Its answers use only documents that fulfil its `filters` and those of its assistant.
    """

    title: Title | None = None
    assistant_id: UUID | None = None
    settings: ConversationSettings | None = None
    filters: SearchFilters = Field(default_factory=SearchFilters)


class ConversationChanges(Changes):
    """Changes of a conversation. A null `assistant_id` removes the assistant; `settings` are merged (RFC 7396), and
    `filters` are replaced: `{}` removes them.
    """

    _nullable = frozenset({"assistant_id"})

    title: Title | None = None
    assistant_id: UUID | None = None
    settings: ConversationSettings | None = None
    filters: SearchFilters | None = None
    is_archived: bool | None = None


class ConversationQuery(PageQuery):
    """Selects the conversations in use, the archived or the deleted ones."""

    archived: bool = False
    deleted: bool = False


class Conversation(Resource):
    """A conversation and the number of its messages."""

    id: UUID
    title: str
    assistant_id: UUID | None
    settings: dict[str, Any]
    filters: SearchFilters
    is_archived: bool
    message_count: int
    last_message_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class TokenQuery(Request):
    """Selects the answers to count."""

    since: Moment | None = None
    until: Moment | None = None
    model: Annotated[Text, Field(max_length=200)] | None = None


class TokenUsage(Resource):
    """Tokens and cost of one day and model."""

    day: date
    model: str
    provider: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    answers: int


class TokenAnalytics(Resource):
    """Tokens and cost: the totals, and `items` by day and model, at most the newest 1,000."""

    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    answers: int
    items: list[TokenUsage]


class ReplayedMessage(Message):
    """A message with the milliseconds since the message before it."""

    delay_ms: float


class Replay(Resource):
    """The messages of a conversation, at most the first 1,000."""

    conversation_id: UUID
    title: str
    messages: list[ReplayedMessage]


class ConversationPair(Request):
    """Two of the caller's conversations."""

    first: UUID
    second: UUID


class ComparedConversation(Resource):
    """A conversation in numbers. `answer_ms` is the median duration of an answer in milliseconds."""

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


class ConversationComparison(Resource):
    """Two conversations side by side."""

    first: ComparedConversation
    second: ComparedConversation


class MessageSearch(Request):
    """A search over the caller's own messages. Every optional field except `limit` and `cursor` is a filter."""

    query: Annotated[Text, StringConstraints(min_length=1, max_length=2000, pattern=r"\S")]
    conversation_id: UUID | None = None
    role: Literal["user", "assistant"] | None = None
    created_after: Moment | None = None
    created_before: Moment | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[str, Field(max_length=200)] | None = None


class MessageScores(Resource):
    """The cosine similarity of the embeddings, and BM25. Both are null for a message that is not indexed yet."""

    semantic: float | None
    lexical: float | None


class MessageHit(Resource):
    """A message that matches the query, with an excerpt. `score` orders the list; 1 is the best by both scores."""

    message_id: UUID
    conversation_id: UUID
    conversation_title: str
    role: Literal["user", "assistant"]
    excerpt: str
    created_at: Timestamp
    score: float
    scores: MessageScores
