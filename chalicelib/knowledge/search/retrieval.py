"""Finding passages: true BM25 and cosine similarity, fused by configured weights, in one statement under RLS.

A query is embedded by the model that is active as far as this process knows, and the statement itself says whether it
still is: nothing is found with one model's query among another model's vectors.

How it works, why this fusion, and what was measured: docs/retrieval.md.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, LiteralString
from uuid import UUID

from chalicelib.core import errors, rows, sql
from chalicelib.knowledge.embedding import builtin, embedding_models
from chalicelib.knowledge.embedding.embedding_models import Recipe
from chalicelib.knowledge.embedding.remote import EmbeddingProviderError
from chalicelib.knowledge.search.models import (
    Explanation,
    Hit,
    Neighbour,
    ScorePart,
    Scores,
    SearchRequest,
    SearchResult,
)
from chalicelib.knowledge.text import lexemes as lexical

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


def _statement(*parts: LiteralString) -> LiteralString:
    return "with " + ",\n".join((queries.setting, queries.active, queries.excluded, *parts, queries.hits))


_EVERYTHING: Mapping[str, LiteralString] = {
    "semantic": _statement(queries.nearest, queries.by_cosine),
    "lexical": _statement(queries.unfiltered, queries.matching, queries.by_bm25),
    "hybrid": _statement(queries.nearest, queries.unfiltered, queries.matching, queries.by_fusion),
}
_FILTERED: Mapping[str, LiteralString] = {
    "semantic": _statement(queries.filtered_documents, queries.nearest_filtered, queries.by_cosine),
    "lexical": _statement(queries.filtered_documents, queries.matching, queries.by_bm25),
    "hybrid": _statement(queries.filtered_documents, queries.nearest_filtered, queries.matching, queries.by_fusion),
}

# How many chunks each side proposes. Both scores of all of them are computed before they are fused. A list that is to
# show many documents needs more, because neighbouring chunks of one document are alike.
CANDIDATES = 100
CANDIDATES_PER_DOCUMENT = 300
# A filter that keeps at most so many chunks is answered exactly, through its documents; one that keeps more by index.
EXACT_CHUNKS = 20_000
# Private spaces are ranked exactly up to so many chunks, and beyond while they are less than this part of all vectors
# and at most EXACT_CHUNKS (docs/retrieval.md).
EXACT_PRIVATE = 5_000
WIDE_SHARE = 50
# The rarest of a query's lexemes, up to so many postings, set the floor for the others (docs/retrieval.md).
SEED_POSTINGS = 4_000
# Lexemes that together add less than this part of that floor to a score are left for the end.
SPARE = 0.7
# Looking a passage up costs as much as reading so many in order.
LOOKUP_COST = 8
# Up to so many vectors, hnsw.ef_search 200 finds 0.99 of the ten best; beyond it takes 400, and 1,000 for those who see
# a part of very many.
SMALL_GRAPH = 50_000
LARGE_GRAPH = 400_000
# The best cosine below which nothing is like the query at all. The best of each of 3,015 judged questions was above
# 0.17; random letters reach 0.2 in a large collection, so only what is foreign for certain is cut (docs/retrieval.md).
SEMANTIC_FLOOR = 0.1


# What a plan for any search of everything may depend on.
_PLANNED = (
    "candidates",
    "exact_chunks",
    "exact_private",
    "wide_share",
    "small_graph",
    "large_graph",
    "seed_postings",
    "spare",
    "lookup_cost",
    "floor",
    "model",
    "dimension",
    "filtered",
)

# How often a search may meet a model that is no longer the active one: models change once in months.
_ATTEMPTS = 3


class StaleModelError(Exception):
    """Another embedding model has become active: the query must be embedded by that one."""


class IncompleteIndexError(RuntimeError):
    """A live chunk lacks its vector or its lexical weights: the result would silently rank it wrong."""


@dataclass(frozen=True, slots=True)
class QueryVector:
    """The embedding of a query: `numbers`, L2-normalised, and the model whose they are."""

    model: Recipe
    numbers: Sequence[float]


@dataclass(frozen=True, slots=True)
class Row:
    """A hit; or, when `found` is false, the only row, which says of the model alone."""

    is_current: bool
    is_match: bool
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
    score: float | None
    semantic: float | None
    lexical: float | None
    semantic_rank: int | None
    lexical_rank: int | None
    semantic_scaled: float | None
    lexical_scaled: float | None
    semantic_weight: float
    lexical_weight: float
    neighbours: list[dict[str, Any]] | None


def find(
    query: SearchRequest,
    transaction: "Callable[[], AbstractContextManager[Conn]]",
    *,
    settings: Mapping[str, object] | None = None,
) -> SearchResult:
    """Embed `query` and search in the transaction that `transaction` opens; see `search`.

    When another model has become active, it does both again. Raises BadGateway (embedding_failed) when the model's
    provider does not embed, Unavailable when models change faster than that.
    """
    for _ in range(_ATTEMPTS):
        vector = embed_query(query)
        try:
            with transaction() as conn:
                return search(conn, query, vector, settings=settings)
        except StaleModelError:
            embedding_models.look_again()
    raise errors.Unavailable("The embedding model is being changed; try again.")


def embed_query(query: SearchRequest) -> QueryVector:
    """The embedding of the query's text by the model that this process takes for the active one.

    What the model cannot read is cut. Raises BadGateway (embedding_failed).
    """
    model = embedding_models.active()
    try:
        return _embedded(query, model)
    except EmbeddingProviderError as error:
        # Its address or key may have been changed since this process looked.
        renewed = embedding_models.look_again()
        if renewed == model:
            raise errors.BadGateway(str(error), code="embedding_failed") from error
    try:
        return _embedded(query, renewed)
    except EmbeddingProviderError as error:
        raise errors.BadGateway(str(error), code="embedding_failed") from error


def _embedded(query: SearchRequest, model: Recipe) -> QueryVector:
    return QueryVector(model, model.embed([query.query], truncate=True)[0].tolist())


def search(
    conn: "Conn",
    query: SearchRequest,
    vector: QueryVector | None,
    *,
    settings: Mapping[str, object] | None = None,
) -> SearchResult:
    """The passages that fit `query` best, best first, of documents that the transaction's identity may read and uses.

    What a user opted out of is left out, and `query.conversation_id` may overrule that either way.

    `vector` is what `embed_query` gives; only mode lexical goes without, and then knows no cosine. What `query` leaves
    open is decided by `settings`, or by what holds for the caller in that conversation. The list is full whenever
    enough chunks are visible, selected and pass the filters, with two exceptions. In mode lexical every hit shares a
    lexeme with the query. Without filters, nothing at all is returned when no chunk shares a lexeme and the best cosine
    is below `SEMANTIC_FLOOR`. A side whose configured weight is 0 has no say at all.

    Raises StaleModelError when the vector's model is not the active one, ValueError for a vector that is missing or of
    another dimension, `IncompleteIndexError` for a broken index.
    """
    if vector is None and query.mode != "lexical":
        raise ValueError(f"Mode {query.mode or 'hybrid'} needs the query's embedding.")
    if vector is not None and len(vector.numbers) != vector.model.dimension:
        raise ValueError(f"The query has {len(vector.numbers)} dimensions and the index has {vector.model.dimension}.")
    fetched = fetch(conn, query, parameters(query, vector, settings))
    if not fetched[0].is_current:
        raise StaleModelError
    found = [row for row in fetched if row.is_match]
    return SearchResult(items=[_hit(query, row, rank) for rank, row in enumerate(found, 1)])


def fetch(conn: "Conn", query: SearchRequest, params: Mapping[str, object]) -> list[Row]:
    """The rows of the one statement that answers `query` with these `parameters`.

    Planning takes as long as a quick search, so a search of everything is planned once a connection. Filters decide
    about the plan: a statement with them is planned for each search.
    """
    run = rows.many_literal if query.filters.any() else rows.many_prepared
    return run(conn, Row, statement(query, params), params)


def statement(query: SearchRequest, params: Mapping[str, object]) -> LiteralString:
    """The one statement that answers `query`; those of the `parameters` that any plan depends on stand in it."""
    if query.filters.any():
        return _FILTERED[query.mode or "hybrid"]
    return _planned(query.mode or "hybrid", *(params[name] for name in _PLANNED))


@lru_cache(maxsize=64)
def _planned(mode: str, *values: object) -> LiteralString:
    return sql.inline(_EVERYTHING[mode], dict(zip(_PLANNED, values, strict=True)))


def parameters(
    query: SearchRequest, vector: QueryVector | None, settings: Mapping[str, object] | None = None
) -> dict[str, object]:
    """The parameters of `statement`."""
    from psycopg.types.json import Jsonb

    model = embedding_models.active() if vector is None else vector.model
    lexemes, frequencies = lexical.query_terms(query.query)
    filters = query.filters
    return {
        "settings": None if settings is None else Jsonb(settings),
        "conversation_id": query.conversation_id,
        "mode": query.mode,
        "top_k": query.top_k,
        "per_document": query.per_document,
        "explain": query.explain,
        "neighbours": query.neighbours,
        "candidates": CANDIDATES if query.per_document is None else CANDIDATES_PER_DOCUMENT,
        "exact_chunks": EXACT_CHUNKS,
        "exact_private": EXACT_PRIVATE,
        "wide_share": WIDE_SHARE,
        "small_graph": SMALL_GRAPH,
        "large_graph": LARGE_GRAPH,
        "seed_postings": SEED_POSTINGS,
        "spare": SPARE,
        "lookup_cost": LOOKUP_COST,
        "floor": SEMANTIC_FLOOR,
        "model": model.id,
        "dimension": model.dimension,
        "vector": None if vector is None else builtin.vector_text(vector.numbers),
        "lexemes": lexemes,
        "frequencies": frequencies,
        "words": lexical.query_words(query.query),
        "filtered": filters.any(),
        "documents": filters.documents,
        "source_types": filters.source_types,
        "tags": filters.tags,
        "repositories": filters.repositories,
        "created_after": filters.created_after,
        "created_before": filters.created_before,
    }


def _hit(query: SearchRequest, row: Row, rank: int) -> Hit:
    mode = query.mode or "hybrid"
    if row.score is None or row.lexical is None or (row.semantic is None and mode != "lexical"):
        raise IncompleteIndexError(f"Chunk {row.chunk_id} is live without its vector or its lexical weights.")
    score = (
        row.score if mode == "hybrid" else row.lexical if row.semantic is None or mode == "lexical" else row.semantic
    )
    return Hit(
        chunk_id=row.chunk_id,
        document_id=row.document_id,
        title=row.title,
        text=row.text,
        page=row.page,
        section=row.section,
        columns=row.columns,
        start_char=row.start_char,
        end_char=row.end_char,
        chunk_index=row.chunk_index,
        score=score,
        scores=Scores(semantic=row.semantic, lexical=row.lexical),
        explanation=_explanation(row, rank, score) if query.explain else None,
        neighbours=None if row.neighbours is None else [Neighbour.model_validate(other) for other in row.neighbours],
    )


def _explanation(row: Row, rank: int, score: float) -> Explanation:
    return Explanation(
        rank=rank,
        score=score,
        semantic=ScorePart(
            rank=row.semantic_rank, score=row.semantic, scaled=row.semantic_scaled, weight=row.semantic_weight
        ),
        lexical=ScorePart(
            rank=row.lexical_rank, score=row.lexical, scaled=row.lexical_scaled, weight=row.lexical_weight
        ),
    )
