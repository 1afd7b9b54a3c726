"""What the search takes and gives."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints

from chalicelib.core.models import Request, Resource, Text
from chalicelib.knowledge.documents.models import SourceType

MAX_NEIGHBOURS = 5


class SearchFilters(Request):
    """Which documents to search; all that are given must hold. None means no such condition.

    A list holds for a document that is, or has, one of its entries. A document has its own tags and those of the
    repositories that it is in.
    """

    documents: Annotated[list[UUID], Field(min_length=1, max_length=1000)] | None = None
    source_types: Annotated[list[SourceType], Field(min_length=1, max_length=10)] | None = None
    tags: Annotated[list[UUID], Field(min_length=1, max_length=100)] | None = None
    repositories: Annotated[list[UUID], Field(min_length=1, max_length=100)] | None = None
    created_after: AwareDatetime | None = None
    created_before: AwareDatetime | None = None

    def any(self) -> bool:
        """Whether there is a condition at all."""
        return any(value is not None for _, value in self)


class SearchRequest(Request):
    """A search. `hybrid` fuses both scores by the configured weights, the other modes follow one of them.

    Without `mode` it is hybrid unless the settings say otherwise, without `top_k` they say how many hits come back;
    those of a conversation hold when it is named. With `per_document`, the best so many hits of each document come
    before all others. `explain` says of each hit why it stands where it does, `neighbours` how many passages before and
    after it come with it.
    """

    query: Annotated[Text, StringConstraints(min_length=1, max_length=2000, pattern=r"\S")]
    mode: Literal["hybrid", "semantic", "lexical"] | None = None
    top_k: Annotated[int, Field(ge=1, le=100)] | None = None
    per_document: Annotated[int, Field(ge=1, le=100)] | None = None
    conversation_id: UUID | None = None
    explain: bool = False
    neighbours: Annotated[int, Field(ge=0, le=MAX_NEIGHBOURS)] = 0
    filters: SearchFilters = Field(default_factory=SearchFilters)


class Scores(Resource):
    """What a hit's score is made of: the cosine of the embeddings (-1 to 1) and BM25 (0 and above)."""

    semantic: float | None
    lexical: float


class ScorePart(Resource):
    """What one of the two scores says of a hit.

    `rank` is its place, from 1, among what this side proposed; null when it was proposed by the other side only.
    `scaled` is the score between its theoretical minimum (0) and the best of this query (1); the lexical one of a
    passage of table rows is less where the query's words are scattered over them. `weight` is this side's configured
    share. Null is `scaled` where one score alone orders the list, and `score` where it is not known.
    """

    rank: int | None
    score: float | None
    scaled: float | None
    weight: float


class Explanation(Resource):
    """Why a hit stands at place `rank` of the list.

    In a list of fused scores, `score` is the sum of weight x scaled of both sides. With `per_document` a lower score
    may stand before a higher one.
    """

    rank: int
    score: float
    semantic: ScorePart
    lexical: ScorePart


class Neighbour(Resource):
    """A passage that stands before or after a hit in its document. They may overlap, as their offsets say."""

    chunk_id: UUID
    chunk_index: int
    text: str
    page: int | None
    section: str | None
    columns: str | None
    start_char: int
    end_char: int


class Hit(Resource):
    """A passage that was found. `score` orders the list.

    In mode `semantic` it is the cosine, in mode `lexical` BM25, in mode `hybrid` their fusion: 0 to 1, where 1 is the
    best by both scores. `explanation` and `neighbours`, in the document's order, are null unless they were asked for.
    """

    chunk_id: UUID
    document_id: UUID
    title: str
    text: str
    page: int | None
    section: str | None
    columns: str | None
    start_char: int
    end_char: int
    chunk_index: int
    score: float
    scores: Scores
    explanation: Explanation | None = None
    neighbours: list[Neighbour] | None = None


class SearchResult(Resource):
    """The hits, best first."""

    items: list[Hit]
