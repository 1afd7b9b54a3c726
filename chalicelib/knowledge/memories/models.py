"""Requests and responses of memories."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from chalicelib.core.metadata import MetadataText, ShortMetadata, ShownMetadata
from chalicelib.core.models import REAL, STORABLE, Changes, PageQuery, Request, Resource, Text, Timestamp

MAX_MEMORY_CHARS = 4_000

Kind = Literal["fact", "preference", "instruction", "event"]
MemorySource = Literal["written", "learned", "document"]
Content = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_MEMORY_CHARS), STORABLE]
Importance = Annotated[float, Field(ge=0, le=1), REAL]


class NewMemory(Request):
    """A new memory. The default `kind` is fact; the default `importance` is 0.5.

    `document_id` is the document that it was taken from, one that the caller can read.
    """

    content: Content
    kind: Kind | None = None
    importance: Importance | None = None
    document_id: UUID | None = None
    metadata: ShortMetadata = Field(default_factory=dict)


class MemoryChanges(Changes):
    """Changes of a memory. `metadata` replaces what was there."""

    content: Content | None = None
    kind: Kind | None = None
    importance: Importance | None = None
    metadata: ShortMetadata | None = None


class MemoryQuery(PageQuery):
    """Which memories to list. `metadata` is a name and a value, as in `project:P-17`."""

    kind: Kind | None = None
    source: MemorySource | None = None
    tag: UUID | None = None
    metadata: MetadataText | None = None


class Memory(Resource):
    """Something remembered. What was `learned` names the user's message that it came from, and what was taken from a
    `document` names that document, while they are there.

    `access_count` and `last_accessed_at` say how often and when it was recalled.
    """

    id: UUID
    content: str
    kind: Kind
    importance: float
    source: MemorySource
    conversation_id: UUID | None
    message_id: UUID | None
    document_id: UUID | None
    metadata: ShownMetadata
    access_count: int
    last_accessed_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class WrittenMemory(Memory):
    """A memory as it is after writing; `merged` when the same was remembered already."""

    merged: bool = False


class MemorySearch(Request):
    """A question to one's memory. `kinds` and `tag` restrict what is recalled."""

    query: Annotated[Text, StringConstraints(min_length=1, max_length=2000, pattern=r"\S")]
    top_k: Annotated[int, Field(ge=1, le=100)] = 10
    kinds: Annotated[list[Kind], Field(min_length=1, max_length=4)] | None = None
    tag: UUID | None = None


class RecalledMemory(Memory):
    """A memory that was recalled: `score` = `relevance` × `recency` × `weight` (docs/memory.md), each 0 to 1."""

    score: float
    relevance: float
    recency: float
    weight: float


class RecalledMemories(Resource):
    """What was recalled, best first."""

    items: list[RecalledMemory]
