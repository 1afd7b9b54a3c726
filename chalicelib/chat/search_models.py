"""What the search over one's own messages takes and gives."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints

from chalicelib.core.models import Page, Request, Resource, Text, Timestamp


class MessageSearch(Request):
    """A search over one's own messages; what is given restricts it."""

    query: Annotated[Text, StringConstraints(min_length=1, max_length=2000, pattern=r"\S")]
    conversation_id: UUID | None = None
    role: Literal["user", "assistant"] | None = None
    created_after: AwareDatetime | None = None
    created_before: AwareDatetime | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[str, Field(max_length=200)] | None = None


class MessageScores(Resource):
    """The cosine of the embeddings and BM25; null for a message that is not indexed yet."""

    semantic: float | None
    lexical: float | None


class MessageHit(Resource):
    """A message that was found, with what of it fits. `score` orders the list; 1 is the best by both scores."""

    message_id: UUID
    conversation_id: UUID
    conversation_title: str
    role: Literal["user", "assistant"]
    excerpt: str
    created_at: Timestamp
    score: float
    scores: MessageScores


class MessageHitPage(Page):
    """One page of hits. Messages that come meanwhile may move what the next page begins with."""

    items: list[MessageHit]
