"""Retrieval of chunks: BM25 and cosine similarity, fused by configured weights, in one statement under RLS.

The query is embedded by the model that this process takes for the active one. The statement checks that this model is
still active, so a query's vector is never compared with another model's vectors.

How it works, why this fusion, and what was measured: docs/retrieval.md.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any, LiteralString

from chalicelib.config.registry.filters import SearchFilters
from chalicelib.core import errors, rows, sql
from chalicelib.knowledge.collections import scopes
from chalicelib.knowledge.embedding import embedding_models, halfvec
from chalicelib.knowledge.search.models import SearchRequest, SearchResult
from chalicelib.knowledge.search.query_embedding import QueryVector, embed_query
from chalicelib.knowledge.search.results import IncompleteIndexError as IncompleteIndexError
from chalicelib.knowledge.search.results import SearchMatches
from chalicelib.knowledge.text import lexemes as lexical

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


# Mode by mode: the scans of a search without filters and with filters, the ranking, and what explains the ranking.
_SCANS: Mapping[str, tuple[LiteralString, ...]] = {
    "semantic": (queries.nearest,),
    "lexical": (queries.unfiltered, queries.matching),
    "hybrid": (queries.nearest, queries.unfiltered, queries.matching),
}
_FILTERED_SCANS: Mapping[str, tuple[LiteralString, ...]] = {
    "semantic": (queries.filtered_documents, queries.nearest_filtered),
    "lexical": (queries.filtered_documents, queries.matching),
    "hybrid": (queries.filtered_documents, queries.nearest_filtered, queries.matching),
}
_RANKING: Mapping[str, tuple[LiteralString, LiteralString]] = {
    "semantic": (queries.by_cosine, queries.explained_by_cosine),
    "lexical": (queries.by_bm25, queries.explained_by_bm25),
    "hybrid": (queries.by_fusion, queries.explained_by_fusion),
}


def _statement(mode: str, filtered: bool, per_document: bool, explain: bool) -> LiteralString:
    scans = (_FILTERED_SCANS if filtered else _SCANS)[mode]
    ranking, explanation = _RANKING[mode]
    cut = queries.best_per_document if per_document else queries.best
    parts = (queries.setting, queries.active, queries.excluded, *scans, ranking, cut, queries.shown)
    if explain:
        return "with " + ",\n".join((*parts, explanation)) + "\n" + queries.explained_hits
    return "with " + ",\n".join(parts) + "\n" + queries.hits


# By mode, whether there are filters, whether a document has its share of the list, and whether to explain.
_STATEMENTS: Mapping[tuple[str, bool, bool, bool], LiteralString] = {
    kind: _statement(*kind) for kind in product(_RANKING, (False, True), (False, True), (False, True))
}

# How many chunks each score proposes. Both scores of every proposed chunk are computed before the fusion. A search with
# `per_document` takes more, because neighbouring chunks of one document are alike.
CANDIDATES = 100
CANDIDATES_PER_DOCUMENT = 300
# A filter with at most this many chunks is answered exactly, through its documents; a filter with more, by index.
EXACT_CHUNKS = 20_000
# Private spaces are ranked exactly up to EXACT_PRIVATE chunks. Larger ones are ranked exactly up to EXACT_CHUNKS
# chunks, while they are less than 1/WIDE_SHARE of all vectors (docs/retrieval.md).
EXACT_PRIVATE = 5_000
WIDE_SHARE = 50
# The rarest lexemes of a query, up to this many postings, set the threshold for the others (docs/retrieval.md).
SEED_POSTINGS = 4_000
# Lexemes that together add less than this share of the threshold to a score are not essential.
SPARE = 0.7
# One look-up of a chunk costs as much as this many chunks of a sequential scan.
LOOKUP_COST = 8
# Up to SMALL_GRAPH vectors, hnsw.ef_search 200 has a recall@10 of 0.99; larger graphs require 400, and from LARGE_GRAPH
# vectors on 1,000 for callers who see only a part of them.
SMALL_GRAPH = 50_000
LARGE_GRAPH = 400_000

# The parameters that stand as literals in a statement, because its plan may depend on them.
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
    "unrelated",
    "model",
    "dimension",
    "filtered",
)

# How often a search is tried when its model is no longer the active one; models change once in months.
_ATTEMPTS = 3


class StaleModelError(Exception):
    """Another embedding model has become active: the query must be embedded again."""


def find(
    query: SearchRequest,
    transaction: "Callable[[], AbstractContextManager[Conn]]",
    *,
    settings: Mapping[str, object] | None = None,
) -> SearchResult:
    """Embed `query` and search in the transaction that `transaction` opens; see `search`.

    Both are repeated when another model has become active. A fused list is then reranked as the settings say, with no
    transaction open (reranking.py). Raises BadGateway (embedding_failed) when the embedding provider fails,
    Unavailable after too many changes of the active model.
    """
    for _ in range(_ATTEMPTS):
        vector = embed_query(query)
        try:
            with transaction() as conn:
                matches = _search(conn, query, vector, settings)
        except StaleModelError:
            embedding_models.look_again()
        else:
            return matches.reranked(query)
    raise errors.Unavailable("The embedding model is being changed. Retry.")


def search(
    conn: "Conn",
    query: SearchRequest,
    vector: QueryVector | None,
    *,
    settings: Mapping[str, object] | None = None,
) -> SearchResult:
    """The chunks that match `query`, best first, of documents that the transaction's identity may read and selects.

    They are not reranked.

    `vector` is the result of `embed_query`; it may be None in mode lexical only, and then there are no cosines.
    `settings` decide what `query` leaves open; by default the caller's settings, or the conversation's. Their filters,
    or the conversation's, hold together with the query's own.

    Documents that the user opted out of are left out; the selection of `query.conversation_id` takes precedence. The
    list is full whenever enough chunks are visible, selected and pass the filters, with two exceptions: in mode
    lexical every hit shares a lexeme with the query; and without filters, the list is empty when no chunk shares a
    lexeme and the best cosine is below the model's floor. A score whose configured weight is 0 has no effect.

    Raises NotFound for a conversation that is not the caller's, StaleModelError when the vector's model is not the
    active one, ValueError for a vector that is missing or of another dimension, IncompleteIndexError for a broken
    index.
    """
    return _search(conn, query, vector, settings).as_ranked(query)


def _search(
    conn: "Conn", query: SearchRequest, vector: QueryVector | None, settings: Mapping[str, object] | None
) -> SearchMatches:
    if vector is None and query.mode != "lexical":
        raise ValueError(f"Mode {query.mode or 'hybrid'} needs the query's embedding.")
    if vector is not None and len(vector.numbers) != vector.model.dimension:
        raise ValueError(f"The query has {len(vector.numbers)} dimensions and the index has {vector.model.dimension}.")
    if settings is None:
        scope = scopes.of_conversation(conn, query.conversation_id)
    else:
        scope = scopes.of_settings(settings)
    fetched = fetch(conn, query, parameters(query, vector, settings, scope))
    if not fetched[0]["is_current"]:
        raise StaleModelError
    return SearchMatches.of_rows(query, [row for row in fetched if row["is_match"]], fetched[0])


def fetch(conn: "Conn", query: SearchRequest, params: Mapping[str, object]) -> list[dict[str, Any]]:
    """The rows of the one statement that answers `query` with these `parameters`, as columns by name.

    There is one row at least. Without `is_match` it is the only row, and only `is_current` counts: whether the model of
    the query's vector is the active one.

    Planning takes as long as a quick search, so a statement without filters is planned once per connection. A statement
    with filters is planned for each search, because its plan depends on the filters.
    """
    run = rows.many_planned if params["filtered"] else rows.many_prepared
    return run(conn, dict, statement(query, params), params)


def statement(query: SearchRequest, params: Mapping[str, object]) -> LiteralString:
    """The one statement that answers `query`. Parameters that a plan depends on are literals in it (`_PLANNED`)."""
    kind = query.mode or "hybrid", bool(params["filtered"]), query.per_document is not None, query.explain
    return _inlined(*kind, *(params[name] for name in _PLANNED))


@lru_cache(maxsize=64)
def _inlined(mode: str, filtered: bool, per_document: bool, explain: bool, *values: object) -> LiteralString:
    statement = _STATEMENTS[mode, filtered, per_document, explain]
    return sql.inline(statement, dict(zip(_PLANNED, values, strict=True)))


def parameters(
    query: SearchRequest,
    vector: QueryVector | None,
    settings: Mapping[str, object] | None = None,
    scope: Sequence[SearchFilters] = (),
) -> dict[str, object]:
    """The parameters of `statement`, which searches within the query's filters and `scope`."""
    from psycopg.types.json import Jsonb

    model = embedding_models.active() if vector is None else vector.model
    lexemes, frequencies = lexical.query_terms(query.query)
    filters = [*scope, query.filters]
    candidates = CANDIDATES if query.per_document is None else CANDIDATES_PER_DOCUMENT
    return {
        "settings": None if settings is None else Jsonb(settings),
        "conversation_id": query.conversation_id,
        "mode": query.mode,
        "top_k": query.top_k,
        "per_document": query.per_document,
        "neighbours": query.neighbours,
        "candidates": candidates,
        # A list that is ordered by one score requires no more candidates than results.
        "length": query.top_k if query.top_k is not None and _is_by_one_score(query) else candidates,
        "exact_chunks": EXACT_CHUNKS,
        "exact_private": EXACT_PRIVATE,
        "wide_share": WIDE_SHARE,
        "small_graph": SMALL_GRAPH,
        "large_graph": LARGE_GRAPH,
        "seed_postings": SEED_POSTINGS,
        "spare": SPARE,
        "lookup_cost": LOOKUP_COST,
        "floor": model.training.floor,
        "unrelated": model.training.unrelated,
        "model": model.id,
        "dimension": model.dimension,
        "vector": None if vector is None else rows.Binary(halfvec.binary(vector.numbers)),
        "lexemes": lexemes,
        "frequencies": frequencies,
        # Only a fused list looks at the rows of tables.
        "words": lexical.query_words(query.query) if query.mode in (None, "hybrid") else [],
        "filtered": scopes.are_set(filters),
        **scopes.parameters(filters),
    }


def _is_by_one_score(query: SearchRequest) -> bool:
    return query.mode in ("semantic", "lexical") and query.per_document is None
