"""Requests and results of the search."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, computed_field

from chalicelib.config.registry.filters import SearchFilters as SearchFilters
from chalicelib.core.metadata import ShownMetadata
from chalicelib.core.models import DocumentWarning, Request, Resource, Text
from chalicelib.knowledge.documents import originals
from chalicelib.knowledge.documents.models import ChunkContent, DocumentTag

MAX_NEIGHBOURS = 5


class SearchRequest(Request):
    """A search. Mode `hybrid` fuses both scores by the configured weights; the other modes use one score.

    With `conversation_id`, the filters of the conversation and of its assistant hold as well.

    The settings decide `mode` and `top_k` when they are left out: the settings of the conversation when
    `conversation_id` is set, else the caller's. With `per_document`, the best `per_document` hits of each document
    stand before all other hits. `explain` adds to each hit an explanation of its rank, and to the result the words that
    no hit holds. `neighbours` is the number of
    chunks before and after each hit that are returned with it.
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
    """The two scores of a hit: the cosine of the embeddings (-1 to 1) and BM25 (0 and above)."""

    semantic: float | None
    lexical: float


class ScorePart(Resource):
    """One of the two scores of a hit.

    `rank` is the hit's place, from 1, among the candidates of this score; null when only the other score proposed the
    hit. `scaled` is the score on a scale from its theoretical minimum (0) to the best score of this query (1). The
    scaled lexical score of a chunk of table rows is lower when the query's words are scattered over several rows.
    `weight` is the configured share of this score. `scaled` is null when the list is ordered by a single score. `score`
    is null when it is unknown.
    """

    rank: int | None
    score: float | None
    scaled: float | None
    weight: float


class RerankingPart(Resource):
    """What the reranker made of a hit: `score` is (1 - `weight`) x `fused` + `weight` x `relevance`.

    `rank` is its place in the fused list, and `fused` its score there. `relevance`, 0 to 1, is null for a hit that the
    reranker did not read, and counts as 0.
    """

    rank: int
    fused: float
    relevance: float | None
    weight: float


class Explanation(Resource):
    """Why a hit stands at place `rank` of the list.

    In a list of fused scores, `score` is the sum of weight x scaled of both scores, unless it was reranked. With
    `per_document`, a hit may stand before a hit with a higher score.
    """

    rank: int
    score: float
    semantic: ScorePart
    lexical: ScorePart
    reranking: RerankingPart | None = None


class Neighbour(ChunkContent):
    """A chunk before or after a hit in its document. Chunks may overlap, as their offsets show."""

    chunk_id: UUID


class Hit(ChunkContent):
    """A chunk that matches the query. `score` orders the list.

    In mode `semantic`, `score` is the cosine; in mode `lexical`, BM25; in mode `hybrid`, their fusion from 0 to 1,
    where 1 is the best by both scores, mixed with the reranker's judgement where the settings choose a reranker.
    `warnings` are those of the document. `explanation` and `neighbours` (in the document's order) are null unless
    requested.
    """

    # A new column of a chunk in every hit: `chunk_columns` in retrieval.sql and `ChunkContent` in documents/models.py.
    # A new column of a hit alone: `shown` in retrieval.sql and this class. Nothing between the two names the columns.
    # The reader, the agent's tools and prompts see a hit as chat/reader's RetrievedChunk: a field of that name there.
    chunk_id: UUID
    document_id: UUID
    title: str
    metadata: ShownMetadata
    tags: list[DocumentTag]
    original_url: str | None
    score: float
    scores: Scores
    warnings: list[DocumentWarning]
    explanation: Explanation | None = None
    neighbours: list[Neighbour] | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def original(self) -> str:
        """The path of the request that returns a link to the original file, at the hit's page."""
        return originals.path(self.document_id, self.page)


class Reranking(Resource):
    """How a list was reranked: by which reranker, how many chunks it read, and how long that took.

    `error` says why it did not succeed; the list is then as it was before.
    """

    reranker: str
    chunks: int
    milliseconds: float
    error: str | None


class SearchResult(Resource):
    """The hits, best first. `reranking` is null where the settings choose no reranker, and outside of mode `hybrid`.

    `missing_terms` are the words of the query that no hit holds, in any spelling; null unless `explain` is set.
    """

    items: list[Hit]
    missing_terms: list[str] | None = None
    reranking: Reranking | None = None
