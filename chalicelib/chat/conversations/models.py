"""Requests and responses of the routes of conversations, analytics and message search."""

import base64
import binascii
import struct
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from chalicelib.chat.messages.models import Message, Role
from chalicelib.config.registry.filters import SearchFilters
from chalicelib.config.settings.models import ConversationSettings
from chalicelib.core import errors
from chalicelib.core.metadata import MetadataConditions, MetadataText, ShortMetadata, ShownMetadata
from chalicelib.core.models import STORABLE, Changes, Moment, Page, Request, Resource, Text, Timestamp
from chalicelib.knowledge.documents.names import NameQuery, Rank

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255), STORABLE]


class NewConversation(Request):
    """A new conversation. The default title is its first question, the default assistant is the service's.

    Its answers use only documents that fulfil its `filters` and those of its assistant.
    """

    title: Title | None = None
    assistant_id: UUID | None = None
    settings: ConversationSettings | None = None
    filters: SearchFilters = Field(default_factory=SearchFilters)
    metadata: ShortMetadata = Field(default_factory=dict)


class ConversationChanges(Changes):
    """Changes of a conversation. A null `assistant_id` removes the assistant; `settings` are merged (RFC 7396);
    `filters` and `metadata` are replaced: `{}` removes them.
    """

    _nullable = frozenset({"assistant_id"})

    title: Title | None = None
    assistant_id: UUID | None = None
    settings: ConversationSettings | None = None
    filters: SearchFilters | None = None
    metadata: ShortMetadata | None = None
    is_archived: bool | None = None


_ACTIVE = struct.Struct(">q16s")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class ConversationQuery(NameQuery):
    """Selects the conversations in use, the archived or the deleted ones: the last active first.

    With `q`, those with a similar title, best first. A conversation is active when a message is written in it.
    `metadata` is a name and a value, as in `project:P-17`.
    """

    archived: bool = False
    deleted: bool = False
    tag: UUID | None = None
    assistant_id: UUID | None = None
    metadata: MetadataText | None = None
    active_after: Moment | None = None
    active_before: Moment | None = None
    created_after: Moment | None = None
    created_before: Moment | None = None

    def place(self) -> dict[str, object]:
        """The parameters of the page, also the time `before` which its conversations were active."""
        if self.q is not None:
            return super().place() | {"before": None}
        before, after = (None, None) if self.cursor is None else self._active(self.cursor)
        first = self.model_copy(update={"cursor": None})
        return super(ConversationQuery, first).place() | {"before": before, "after": after}

    def _active(self, cursor: str) -> tuple[datetime, UUID]:
        try:
            microseconds, key = _ACTIVE.unpack(base64.urlsafe_b64decode(cursor.encode("ascii")))
            return _EPOCH + microseconds * _MICROSECOND, UUID(bytes=key)
        except (ValueError, binascii.Error, struct.error, OverflowError) as error:
            raise errors.BadRequest(code="bad_cursor") from error

    def page_of_active(self, rows: "Sequence[ConversationRow]") -> Page[Any]:
        """The page from up to `limit + 1` rows."""
        if self.q is not None or len(rows) <= self.limit:
            return self.page(rows)
        last = rows[self.limit - 1]
        packed = _ACTIVE.pack((last.active_at - _EPOCH) // _MICROSECOND, last.id.bytes)
        return Page.model_construct(
            items=list(rows[: self.limit]), next_cursor=base64.urlsafe_b64encode(packed).decode()
        )


class Conversation(Resource):
    """A conversation and the number of its messages."""

    id: UUID
    title: str
    assistant_id: UUID | None
    settings: dict[str, Any]
    filters: SearchFilters
    metadata: ShownMetadata
    is_archived: bool
    message_count: int
    last_message_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class ConversationRow(Conversation):
    """A row of the list, with what decides its place."""

    rank: Rank
    active_at: Annotated[datetime, Field(exclude=True)]


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
    """The messages of a conversation: the first 1,000 at most, and 1.5 million characters."""

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
    role: Role | None = None
    metadata: MetadataConditions | None = None
    tag: UUID | None = None
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
    role: Role
    excerpt: str
    created_at: Timestamp
    score: float
    scores: MessageScores
