"""Search on a real Postgres: true scores, configured fusion, visibility, full lists, and the indexes behind them."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, LiteralString
from uuid import UUID, uuid4

import numpy as np
import psycopg
import pytest
from numpy.typing import NDArray
from psycopg import sql
from pydantic import ValidationError

from chalicelib.core import sql as named_queries
from chalicelib.core.rows import Binary
from chalicelib.knowledge.embedding.recipe import BUILT_IN
from chalicelib.knowledge.search import retrieval
from chalicelib.knowledge.search.models import Hit, SearchFilters, SearchRequest
from chalicelib.knowledge.search.query_embedding import QueryVector, embed_query
from chalicelib.knowledge.text import bm25
from tests.service import Database

Vectors = NDArray[np.float32]

DIMENSION = BUILT_IN.dimension
ORGANISATION = 1
NONSENSE = "qzxv wpfjk zzyx"

HOSTILE = [
    "'; drop table documents; --",
    '" or 1=1',
    "%s %(mode)s {0} {query} $1 :x ?",
    "\\",
    "\\x00 \\u0000",
    "(((((((((",
    "a:* & !b | <-> 'c",
    "{1:1}/5",
    "<script>alert(1)</script>",
    "\u202e\u200b\ufeff\ufffe",
    "👩‍👩‍👧‍👦 🎉",
    "٣ ½ Ⅷ ﷺ",
    "𝕬𝖑𝖈𝖔𝖛𝖊 Z̸̢a̷lg̶o",
    "-",
    "w1 " * 660,
    "中" * 2000,
    "9" * 2000,
]


def query_vector(vector: Vectors) -> QueryVector:
    """A query whose embedding by the built-in model this is."""
    return QueryVector(BUILT_IN, vector.ravel().tolist())


def unit(rows: Any) -> Vectors:
    """The rows, L2-normalised, as halfvec stores them."""
    provided = np.atleast_2d(np.asarray(rows, dtype=np.float32))
    scaled: Vectors = (provided / np.linalg.norm(provided, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)
    return scaled


def clustered(rng: np.random.Generator, count: int, clusters: int = 60) -> Vectors:
    """Vectors like real embeddings: of few intrinsic dimensions, in clusters of uneven size."""
    basis = rng.normal(size=(24, DIMENSION))
    centres = rng.normal(size=(clusters, 24))
    shares = rng.dirichlet(np.ones(clusters))
    points = centres[rng.choice(clusters, size=count, p=shares)] + 0.6 * rng.normal(size=(count, 24))
    return unit(points @ basis + 0.5 * rng.normal(size=(count, DIMENSION)))


@dataclass
class Library:
    """Documents written as ingestion writes them, each chunk with its vector and its lexical weights."""

    owner: "psycopg.Connection[Any]"
    app: "psycopg.Connection[Any]"
    spaces: dict[UUID, int] = field(default_factory=dict)
    # Whether every passage is in a segment of the inverted index before anybody searches.
    is_indexed: bool = False

    @classmethod
    @contextmanager
    def of(cls, database: Database, *, is_indexed: bool = False) -> "Iterator[Library]":
        with database.connect("owner") as owner, database.connect() as app:
            yield cls(owner, app, is_indexed=is_indexed)

    def value(self, statement: str, *params: Any) -> Any:
        row = self.owner.execute(statement, params or None).fetchone()
        assert row is not None
        return row[0]

    def user(self) -> UUID:
        name = uuid4().hex
        created: UUID = self.value(
            "insert into users (username, display_name) values (%s, 'Somebody') returning id", name
        )
        self.spaces[created] = self.value("select id from spaces where user_id = %s", created)
        return created

    def group(self, *members: UUID) -> int:
        created = self.value("insert into groups (name) values (%s) returning id", uuid4().hex)
        for member in members:
            self.owner.execute("insert into memberships (group_id, user_id) values (%s, %s)", [created, member])
        space: int = self.value("select id from spaces where group_id = %s", created)
        return space

    def add(
        self,
        owner: UUID,
        texts: Sequence[str],
        vectors: Vectors,
        space: int | None = None,
        title: str = "untitled",
        source_type: str = "upload",
        created_at: datetime | None = None,
    ) -> tuple[UUID, list[UUID]]:
        """One document in `space` (default: its owner's). Returns its id and its chunks'."""
        space = space or self.spaces[owner]
        with self.owner.transaction(), self.owner.cursor() as cursor:
            document: UUID = self.value(
                "insert into documents (space_id, owner_id, title, filename, source_type, object_key, status,"
                " chunk_count, created_at) values (%s, %s, %s, 'file.txt', %s, %s, 'completed', %s, %s) returning id",
                *(space, owner, title, source_type, uuid4().hex, len(texts), created_at or datetime.now(UTC)),
            )
            chunks = [uuid4() for _ in texts]
            cursor.executemany(
                "insert into document_chunks (id, document_id, space_id, chunk_index, chunk_text, start_char, end_char,"
                " page, section, token_count) values (%s, %s, %s, %s, %s, %s, %s, 3, 'Part', 10)",
                [
                    (chunk, document, space, index, text, index * 100, index * 100 + len(text))
                    for index, (chunk, text) in enumerate(zip(chunks, texts, strict=True))
                ],
            )
            cursor.executemany(
                "insert into embeddings (chunk_id, model_id, document_id, space_id, embedding)"
                " values (%s, 1, %s, %s, %s)",
                [(chunk, document, space, str(vector.tolist())) for chunk, vector in zip(chunks, vectors, strict=True)],
            )
            cursor.executemany(
                "insert into chunk_terms (chunk_id, document_id, space_id, weights) values (%s, %s, %s, %s)",
                [
                    (chunk, document, space, bm25.to_sparsevec(bm25.document_weights(text, title)))
                    for chunk, text in zip(chunks, texts, strict=True)
                ],
            )
            cursor.execute("select set_config('app.writable_spaces', %s, true)", [f"{{{space}}}"])
            cursor.execute("select count_lexemes(%s, 1)", [document])
        return document, chunks

    def configure(self, **values: float) -> None:
        for name, value in values.items():
            self.owner.execute(f"update dynamic_config set {name} = %s", [value])

    def search(self, caller: UUID, query: str, vector: Vectors | None = None, **more: Any) -> list[Hit]:
        request = SearchRequest(query=query, **more)
        while self.is_indexed and self.value("select extend_segments(1, 1000)"):
            pass
        with self.app.transaction():
            self.app.execute("select assume_user(%s)", [caller])
            return retrieval.search(self.app, request, None if vector is None else query_vector(vector)).items


@pytest.fixture(params=["by weights", "by postings"])
def library(database: Database, request: pytest.FixtureRequest) -> Iterator[Library]:
    with Library.of(database, is_indexed=request.param == "by postings") as created:
        yield created


def ids(hits: Sequence[Hit]) -> list[UUID]:
    return [hit.chunk_id for hit in hits]


def bm25_scores(query: str, document: str, collection: Sequence[str]) -> float:
    """The textbook's BM25 of one document, written without the product's code."""
    tf = Counter(document.split())
    total = 0.0
    for term in query.split():
        df = sum(term in other.split() for other in collection)
        idf = math.log(1 + (len(collection) - df + 0.5) / (df + 0.5))
        length = len(document.split())
        total += idf * tf[term] / (tf[term] + 1.2 * (1 - 0.75 + 0.75 * length / 70))
    return total


def some_texts(rng: np.random.Generator, count: int) -> list[str]:
    """Texts of words that are one term each, rare and frequent as in a language (Zipf)."""
    return [" ".join(f"w{min(n, 80)}" for n in rng.zipf(1.3, size=rng.integers(5, 60))) for _ in range(count)]


def test_k7_both_scores_are_the_true_ones(library: Library) -> None:
    rng = np.random.default_rng(7)
    texts, vectors = some_texts(rng, 60), clustered(rng, 60)
    a, b = library.user(), library.user()
    _, first = library.add(a, texts[:30], vectors[:30], title="w3 w90")
    _, second = library.add(b, texts[30:50], vectors[30:50], space=ORGANISATION, title="w91")
    library.add(b, texts[50:], vectors[50:], title="w92")
    # What others' documents contain counts in how rare a term is, as Lucene's index over everything would.
    collection = [f"w3 w90 {text}" for text in texts[:30]]
    collection += [f"w91 {text}" for text in texts[30:50]] + [f"w92 {text}" for text in texts[50:]]
    visible = dict(zip(first + second, range(50), strict=True))
    query, vector = "w1 w3 w3 w7 w40 w99", unit(vectors[4] + 0.3 * rng.normal(size=384) / 20)
    cosine = (vectors[:50] @ vector[0]) / np.linalg.norm(vectors[:50], axis=1) / np.linalg.norm(vector)
    for mode in ("hybrid", "semantic", "lexical"):
        hits = library.search(a, query, vector, mode=mode, top_k=50)
        assert len(hits) == 50, "every text has the term w3 or w1"
        for hit in hits:
            place = visible[hit.chunk_id]
            assert hit.scores.semantic == pytest.approx(cosine[place], abs=2e-4)
            assert hit.scores.lexical == pytest.approx(bm25_scores(query, collection[place], collection), rel=1e-4)


def test_k7_hybrid_is_the_documented_fusion(library: Library) -> None:
    rng = np.random.default_rng(8)
    texts, vectors = some_texts(rng, 40), clustered(rng, 40)
    a = library.user()
    _, chunks = library.add(a, texts, vectors, title="t")
    library.configure(bm25_weight=0.45, semantic_weight=0.8)
    query, vector = "w2 w5 w9", vectors[3:4]
    cosine = vectors @ vector[0] / np.linalg.norm(vectors, axis=1) / np.linalg.norm(vector)
    words = np.array([bm25_scores(query, f"t {text}", [f"t {text}" for text in texts]) for text in texts])
    fused = (0.8 * (1 + cosine) / (1 + cosine.max()) + 0.45 * words / words.max()) / 1.25
    hits = library.search(a, query, vector, top_k=40)
    assert ids(hits) == [chunks[place] for place in np.argsort(-fused)]
    assert [hit.score for hit in hits] == pytest.approx(sorted(fused, reverse=True), abs=2e-4)
    assert {hit.chunk_id: hit.text for hit in hits} == dict(zip(chunks, texts, strict=True))


def _two_sides(library: Library) -> tuple[UUID, UUID, UUID, Vectors]:
    """A user, a chunk that only its words recommend, one that only its meaning does, and the query's vector."""
    axis = np.eye(DIMENSION, dtype=np.float32)
    a = library.user()
    _, [words] = library.add(a, ["w1 w2 w3"], unit(0.5 * axis[0] + axis[1]))
    _, [meaning] = library.add(a, ["w7 w8 w9"], unit(axis[0] + 0.1 * axis[2]))
    library.add(a, ["w1 w8"], unit(axis[0] + axis[3]))
    return a, words, meaning, axis[:1]


def test_k7_configured_weights_change_the_order(library: Library) -> None:
    a, words, meaning, vector = _two_sides(library)
    library.configure(bm25_weight=0.9, semantic_weight=0.1)
    assert ids(library.search(a, "w1 w2 w3", vector))[0] == words
    library.configure(bm25_weight=0.1, semantic_weight=0.9)
    assert ids(library.search(a, "w1 w2 w3", vector))[0] == meaning


def test_k7_a_weight_of_zero_means_no_say(library: Library) -> None:
    a, words, meaning, vector = _two_sides(library)
    library.configure(bm25_weight=0)
    hits = library.search(a, "w1 w2 w3", vector)
    assert ids(hits) == ids(library.search(a, "w1 w2 w3", vector, mode="semantic"))
    assert ids(hits)[0] == meaning
    assert len(hits) == 3
    library.configure(bm25_weight=1, semantic_weight=0)
    hits = library.search(a, "w1 w2 w3", vector)
    assert ids(hits) == ids(library.search(a, "w1 w2 w3", vector, mode="lexical"))
    assert ids(hits)[0] == words
    assert len(hits) == 2


def test_scores_of_each_mode_order_its_list(library: Library) -> None:
    a, _, _, vector = _two_sides(library)
    for mode in ("semantic", "lexical"):
        hits = library.search(a, "w1 w2 w8", vector, mode=mode)
        scores = [getattr(hit.scores, mode) for hit in hits]
        assert [hit.score for hit in hits] == scores == sorted(scores, reverse=True)
        assert len(set(scores)) == len(scores)
    scores = [hit.score for hit in library.search(a, "w1 w2 w8", vector)]
    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[-1] < scores[0] <= 1


def test_a_hit_says_where_it_is(library: Library) -> None:
    a = library.user()
    document, [_, chunk] = library.add(a, ["w1", "w2 w3"], unit(np.eye(384)[:2]), title="On terms")
    [hit] = library.search(a, "w3", mode="lexical")
    assert (hit.chunk_id, hit.document_id, hit.title, hit.text) == (chunk, document, "On terms", "w2 w3")
    assert (hit.page, hit.section, hit.chunk_index, hit.start_char, hit.end_char) == (3, "Part", 1, 100, 105)
    assert hit.scores.semantic is None


def test_k7_explained_scores_add_up(library: Library) -> None:
    rng = np.random.default_rng(9)
    texts, vectors = some_texts(rng, 40), clustered(rng, 40)
    a, b = library.user(), library.user()
    library.add(a, texts[:30], vectors[:30], title="t")
    library.add(b, texts[30:], vectors[30:], title="t", space=ORGANISATION)
    library.configure(bm25_weight=0.3, semantic_weight=0.7)
    query, vector = "w2 w5 w9", vectors[3:4]
    hits = library.search(a, query, vector, top_k=40, explain=True)
    assert len(hits) == 40
    for place, hit in enumerate(hits, 1):
        why = hit.explanation
        assert why is not None
        assert (why.rank, why.score) == (place, hit.score)
        assert (why.semantic.score, why.lexical.score) == (hit.scores.semantic, hit.scores.lexical)
        assert (why.semantic.weight, why.lexical.weight) == (0.7, 0.3)
        assert why.semantic.scaled is not None
        assert why.lexical.scaled is not None
        assert 0.7 * why.semantic.scaled + 0.3 * why.lexical.scaled == pytest.approx(hit.score, abs=1e-9)
        assert (why.lexical.rank is None) == (hit.scores.lexical == 0)
    for side in ("semantic", "lexical"):
        sides = [getattr(hit.explanation, side) for hit in hits]
        ranked = sorted((side for side in sides if side.rank), key=lambda side: side.rank)
        assert [side.rank for side in ranked] == list(range(1, len(ranked) + 1))
        assert [side.score for side in ranked] == sorted((side.score for side in ranked), reverse=True)
        assert max(side.scaled for side in sides) == 1


def test_words_scattered_over_the_rows_of_a_table_do_not_count_together(library: Library) -> None:
    a = library.user()
    texts = {
        "scattered": "Olga Braun | Legal\nFelix Klein | Sales\nHugo Wolf | Sales",
        "meant": "Ana Wolf | Legal\nOlga Klein | Sales\nHugo Braun | Sales",
        "none": "Ana Wolf | Legal\nOtto Kleinert | Sales\nPaul Lang | Sales",
        "prose": "Olga wrote to Felix.\nMany things | were said.\nKlein was not there, and Hugo was.",
    }
    vector = unit(np.eye(384)[:1])
    _, chunks = library.add(a, list(texts.values()), np.repeat(vector, len(texts), axis=0), title="t")
    names = dict(zip(chunks, texts, strict=True))

    def scaled(query: str, **more: Any) -> dict[str, float]:
        hits = library.search(a, query, vector, explain=True, **more)
        best = max(hit.scores.lexical for hit in hits)
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        created = {}
        for hit in hits:
            assert hit.explanation is not None
            part = hit.explanation.lexical
            assert part.scaled is not None
            created[names[hit.chunk_id]] = part.scaled * best / hit.scores.lexical if hit.scores.lexical else 1.0
        return created

    for filters in (SearchFilters(), SearchFilters(source_types=["upload"])):
        result = scaled("Who is Olga Klein?", filters=filters)
        assert result == pytest.approx({"meant": 1, "scattered": 0.5, "none": 1, "prose": 1})
        assert list(result).index("meant") < list(result).index("scattered")
    # Where no row holds more than another, or there is only one word, nothing is taken off.
    for query in ("Olga Lang", "Klein"):
        assert list(scaled(query).values()) == pytest.approx([1] * 4)
    library.configure(bm25_weight=0, semantic_weight=1)
    hits = library.search(a, "Olga Klein", vector, mode="hybrid")
    assert [hit.score for hit in hits] == pytest.approx([1] * 4)


def test_k7_explained_by_one_score(library: Library) -> None:
    a, words, _, vector = _two_sides(library)
    for mode, other in (("semantic", "lexical"), ("lexical", "semantic")):
        hits = library.search(a, "w1 w2 w8", vector, mode=mode, explain=True)
        assert [getattr(hit.explanation, mode).rank for hit in hits] == list(range(1, len(hits) + 1))
        for hit in hits:
            by, unused = getattr(hit.explanation, mode), getattr(hit.explanation, other)
            assert (by.score, by.weight, unused.weight, unused.rank) == (hit.score, 1, 0, None)
    [hit] = library.search(a, "w2", mode="lexical", explain=True)
    assert hit.chunk_id == words
    assert hit.explanation is not None
    assert hit.explanation.semantic.score is None
    assert library.search(a, "w1", vector)[0].explanation is None


def test_neighbours_are_the_chunks_around_a_hit(library: Library) -> None:
    a, b = library.user(), library.user()
    rows = unit(np.eye(384)[:7])
    for owner in (a, b):
        library.add(owner, [f"w{n} x" for n in range(7)], rows)
    _, chunks = library.add(a, [f"w{n}" for n in range(10, 17)], rows)
    for middle, n, expected in (
        (13, 2, [1, 2, 4, 5]),
        (10, 1, [1]),
        (16, 3, [3, 4, 5]),
        (11, 5, [0, 2, 3, 4, 5, 6]),
    ):
        [hit] = library.search(a, f"w{middle}", mode="lexical", neighbours=n)
        assert hit.neighbours is not None
        assert [other.chunk_id for other in hit.neighbours] == [chunks[place] for place in expected]
        for other, place in zip(hit.neighbours, expected, strict=True):
            assert (other.text, other.chunk_index) == (f"w{10 + place}", place)
            assert (other.page, other.section, other.start_char) == (3, "Part", place * 100)
            assert other.end_char == place * 100 + 3
    [hit] = library.search(a, "w13", mode="lexical")
    assert hit.neighbours is None
    _, [alone] = library.add(a, ["w99"], rows[:1])
    for mode in ("hybrid", "semantic", "lexical"):
        result = {hit.chunk_id: hit for hit in library.search(a, "w99", rows[:1], mode=mode, neighbours=5)}
        assert result[alone].neighbours == []


def test_lexical_needs_a_common_lexeme_and_works_without_a_vector(library: Library) -> None:
    a, words, _, vector = _two_sides(library)
    assert ids(library.search(a, "w2", mode="lexical")) == [words]
    assert library.search(a, NONSENSE, vector, mode="lexical") == []
    assert library.search(a, "!!!", mode="lexical") == []


def test_what_is_foreign_to_everything_finds_nothing(library: Library) -> None:
    a, words, _, _ = _two_sides(library)
    foreign = np.eye(DIMENSION, dtype=np.float32)[99:100]
    assert library.search(a, NONSENSE, foreign, mode="semantic") == []
    assert library.search(a, NONSENSE, foreign) == []
    # One common lexeme is enough, and so are documents that the caller chose.
    assert ids(library.search(a, "w2", foreign))[0] == words
    assert len(library.search(a, "w2", foreign)) == 3
    selected = SearchFilters(source_types=["upload"])
    assert len(library.search(a, NONSENSE, foreign, mode="semantic", filters=selected)) == 3
    assert len(library.search(a, NONSENSE, foreign, filters=selected)) == 3


def test_nothing_is_found_where_nothing_is(library: Library) -> None:
    a = library.user()
    for mode in ("hybrid", "semantic", "lexical"):
        assert library.search(a, "w1", unit(np.ones(384)), mode=mode) == []


def test_k9_a_users_document_is_private_and_the_organisations_is_read_by_all(library: Library) -> None:
    rng = np.random.default_rng(9)
    vectors = clustered(rng, 40)
    a, b, member = library.user(), library.user(), library.user()
    group = library.group(a, member)
    document_of_b, of_b = library.add(b, ["w1 w2"] * 10, vectors[:10])
    _, of_a = library.add(a, ["w1 w2"] * 10, vectors[10:20])
    _, shared = library.add(b, ["w1 w2"] * 10, vectors[20:30], space=ORGANISATION)
    _, grouped = library.add(a, ["w1 w2"] * 10, vectors[30:], space=group)
    readable = {a: of_a + shared + grouped, b: of_b + shared, member: shared + grouped}
    for mode in ("hybrid", "semantic", "lexical"):
        for caller, chunks in readable.items():
            assert set(ids(library.search(caller, "w1", vectors[:1], mode=mode, top_k=100))) == set(chunks)
        queued = SearchFilters(documents=[document_of_b])
        assert library.search(a, "w1", vectors[:1], mode=mode, filters=queued) == []
    with library.app.transaction():  # nobody
        assert retrieval.search(library.app, SearchRequest(query="w1"), query_vector(vectors[0])).items == []


def test_k9_a_failing_part_is_an_error(library: Library, database: Database) -> None:
    a, words, meaning, vector = _two_sides(library)
    with pytest.raises(ValueError, match="hybrid needs"):
        library.search(a, "w1")
    with pytest.raises(ValueError, match="3 dimensions and the index has 384"):
        library.search(a, "w1", vector[:, :3])
    # What fails in Postgres takes its connection along.
    with closing(library.app), pytest.raises(psycopg.DataError):
        library.search(a, "w1", vector * np.nan)
    library.app = database.connect()
    library.owner.execute("delete from embeddings where chunk_id = %s", [words])
    with pytest.raises(retrieval.IncompleteIndexError, match=str(words)):
        library.search(a, "w1 w2 w3", vector)
    library.owner.execute("delete from chunk_terms where chunk_id = %s", [meaning])
    with pytest.raises(retrieval.IncompleteIndexError, match=str(meaning)):
        library.search(a, "w1", vector, mode="semantic")
    library.owner.execute("drop function bm25_weights")
    for mode in ("hybrid", "lexical"):
        with closing(library.app), pytest.raises(psycopg.errors.UndefinedFunction):
            library.search(a, "w1", vector, mode=mode)
        library.app = database.connect()
    library.app.close()


def test_only_what_is_live_is_found(library: Library) -> None:
    a = library.user()
    removed, _ = library.add(a, ["w1", "w1"], unit(np.eye(384)[:2]))
    _, [remaining] = library.add(a, ["w1"], unit(np.eye(384)[:1]))
    for table in ("embeddings", "chunk_terms"):
        library.owner.execute(f"update {table} set live = false where document_id = %s", [removed])
    for mode in ("hybrid", "semantic", "lexical"):
        assert ids(library.search(a, "w1", unit(np.eye(384)[0]), mode=mode)) == [remaining]
        selected = SearchFilters(documents=[removed])
        assert library.search(a, "w1", unit(np.eye(384)[0]), mode=mode, filters=selected) == []


def test_the_number_of_hits_is_configured_or_requested(library: Library) -> None:
    a = library.user()
    library.add(a, ["w1"] * 30, clustered(np.random.default_rng(1), 30))
    vector = unit(np.ones(384))
    for mode in ("hybrid", "semantic", "lexical"):
        selected = SearchFilters(source_types=["upload"])
        assert len(library.search(a, "w1", vector, mode=mode, filters=selected)) == 10
        library.configure(num_documents_to_retrieve=7)
        assert len(library.search(a, "w1", vector, mode=mode, filters=selected)) == 7
        assert len(library.search(a, "w1", vector, mode=mode, filters=selected, top_k=25)) == 25
        library.configure(num_documents_to_retrieve=10)


def test_per_document_puts_other_documents_first(library: Library) -> None:
    a = library.user()
    axis = np.eye(384, dtype=np.float32)
    near, far = unit(axis[0] + 0.1 * axis[1]), unit(axis[0] + axis[2])
    first, chunks = library.add(a, ["w1 w1"] * 5, np.repeat(near, 5, axis=0))
    others = [library.add(a, ["w1 w2 w3"], far)[0] for _ in range(2)]
    for mode in ("hybrid", "semantic", "lexical"):
        plain = [hit.document_id for hit in library.search(a, "w1", axis[:1], mode=mode)]
        assert plain[:5] == [first] * 5
        spread = library.search(a, "w1", axis[:1], mode=mode, per_document=2)
        assert [hit.document_id for hit in spread[:2]] == [first] * 2
        assert {hit.document_id for hit in spread[2:4]} == set(others)
        assert {hit.chunk_id for hit in spread} >= set(chunks), "the list stays full"
        assert len(library.search(a, "w1", axis[:1], mode=mode, per_document=2, top_k=5)) == 5


def test_filters_hold_together(library: Library) -> None:
    a = library.user()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    vector = unit(np.ones(384))
    created = [
        library.add(a, ["w1"], vector, source_type=kind, created_at=start + timedelta(days=day))[0]
        for day, kind in enumerate(["upload", "inline", "upload", "inline"])
    ]
    cases: list[tuple[dict[str, Any], list[int]]] = [
        ({"documents": [created[1], created[2], uuid4()]}, [1, 2]),
        ({"source_types": ["inline"]}, [1, 3]),
        ({"source_types": ["inline", "upload"]}, [0, 1, 2, 3]),
        ({"created_after": start}, [1, 2, 3]),
        ({"created_before": start + timedelta(days=2)}, [0, 1]),
        ({"source_types": ["upload"], "created_after": start + timedelta(hours=1)}, [2]),
        ({"documents": [created[0]], "source_types": ["inline"]}, []),
    ]
    for mode in ("hybrid", "semantic", "lexical"):
        for provided, expected in cases:
            hits = library.search(a, "w1", vector, mode=mode, filters=SearchFilters(**provided))
            assert {hit.document_id for hit in hits} == {created[place] for place in expected}, provided


@pytest.mark.parametrize("query", HOSTILE)
def test_hostile_queries_are_only_words(library: Library, query: str) -> None:
    a, *_, vector = _two_sides(library)
    for mode in ("hybrid", "semantic", "lexical"):
        hits = library.search(a, query, vector, mode=mode)
        assert len(hits) == 3 or mode == "lexical"
    assert library.value("select count(*) from documents") == 3


def test_text_without_spaces_is_found_by_its_words(library: Library) -> None:
    a = library.user()
    chunk_list = [
        "黑豹队的防守只丢了308分，同时也领先国家橄榄球联盟。",
        "沃尔玛的总部位于本顿维尔。",
        "한국어 문서를 찾는다",
    ]
    _, chunks = library.add(a, chunk_list, clustered(np.random.default_rng(3), 3), title="文")
    assert ids(library.search(a, "黑豹队的防守丢了多少分？", mode="lexical")) == [chunks[0]]
    assert ids(library.search(a, "总部在哪里", mode="lexical")) == [chunks[1]]
    assert ids(library.search(a, "문서", mode="lexical")) == [chunks[2]]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": ""},
        {"query": " \n\u3000"},
        {"query": "a\x00"},
        {"query": "\ud800"},
        {"query": "a" * 2001},
        {"query": "a", "mode": "fuzzy"},
        {"query": "a", "top_k": 0},
        {"query": "a", "top_k": 101},
        {"query": "a", "per_document": 0},
        {"query": "a", "neighbours": -1},
        {"query": "a", "neighbours": 6},
        {"query": "a", "explain": None},
        {"query": "a", "more": 1},
        {"query": "a", "filters": {"documents": []}},
        {"query": "a", "filters": {"documents": [str(UUID(int=n)) for n in range(1001)]}},
        {"query": "a", "filters": {"source_types": ["nowhere"]}},
        {"query": "a", "filters": {"created_after": "2026-01-01T00:00:00"}},
        {"query": "a", "filters": {"tags": ["x"]}},
    ],
)
def test_requests_are_bounded(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SearchRequest.model_validate(body)


@dataclass
class Crowd:
    """Many organisation rows, a caller with some of his own, and another user's that he must not see."""

    shelf: Library
    caller: UUID
    vectors: Vectors
    queries: Vectors
    chunks: list[UUID]
    documents: list[UUID]

    def nearest(self, query: Vectors, among: Sequence[int], k: int = 10) -> set[UUID]:
        """The exact answer."""
        places = np.asarray(among)
        cosine = self.vectors[places] @ query / np.linalg.norm(self.vectors[places], axis=1)
        return {self.chunks[place] for place in places[np.argsort(-cosine)[:k]]}

    def recall(self, among: Sequence[int], **more: Any) -> float:
        """Mean recall@10 of mode semantic against the exact answer; every list must be full."""
        result = 0.0
        for query in self.queries:
            hits = ids(self.shelf.search(self.caller, "w1", query, mode="semantic", top_k=10, **more))
            assert len(hits) == min(10, len(among))
            result += len(set(hits) & self.nearest(query, among)) / min(10, len(among))
        return result / len(self.queries)


SHARED, OWN, FOREIGN, PER_DOCUMENT = 8000, 600, 600, 20


@pytest.fixture(scope="module")
def crowd(server: Any, template: str) -> Iterator[Crowd]:
    from infra.local import postgres
    from tests import conftest

    name = f"test_{uuid4().hex}"
    postgres.create_database(server, name, template)
    with Library.of(conftest._database(server, name)) as library:
        yield _crowd(library)
    postgres.drop_database(server, name)


def _crowd(library: Library) -> Crowd:
    rng = np.random.default_rng(11)
    vectors = clustered(rng, SHARED + OWN + FOREIGN)
    queries = unit(vectors[rng.choice(SHARED + OWN, 40)] + 0.03 * rng.normal(size=(40, DIMENSION)))
    a, b = library.user(), library.user()
    # One build is far quicker than 8,000 insertions.
    names = ("embeddings_organisation_1", "embeddings_1_private_graph")
    definitions = [library.value("select indexdef from pg_indexes where indexname = %s", name) for name in names]
    library.owner.execute(f"drop index {', '.join(names)}")
    chunks: list[UUID] = []
    documents: list[UUID] = []
    with library.owner.transaction():
        for start in range(0, len(vectors), PER_DOCUMENT):
            owner, space = (a, ORGANISATION) if start < SHARED else (a if start < SHARED + OWN else b, None)
            kind = "inline" if len(documents) % 4 == 0 else "upload"
            part = vectors[start : start + PER_DOCUMENT]
            document, created = library.add(owner, ["w1"] * len(part), part, space=space, source_type=kind)
            chunks += created
            documents.append(document)
    for definition in definitions:
        library.owner.execute(definition)
    library.owner.execute("analyze")
    return Crowd(library, a, vectors, queries, chunks, documents)


def _places(documents: Sequence[int]) -> list[int]:
    return [place for document in documents for place in range(document * PER_DOCUMENT, (document + 1) * PER_DOCUMENT)]


def test_k10_recall_over_everything_visible(crowd: Crowd) -> None:
    assert crowd.recall(range(SHARED + OWN)) >= 0.95


def test_k10_a_filter_that_keeps_little_is_exact_and_full(crowd: Crowd) -> None:
    for remaining in ([3], [5, 17, 399], [2, (SHARED + 40) // PER_DOCUMENT]):
        selected = SearchFilters(documents=[crowd.documents[number] for number in remaining])
        assert crowd.recall(_places(remaining), filters=selected) == 1
        for mode in ("hybrid", "lexical"):
            hits = crowd.shelf.search(crowd.caller, "w1", crowd.queries[0], mode=mode, top_k=20, filters=selected)
            assert len(hits) == 20


@pytest.mark.parametrize("exact_chunks", [0, 20_000])
def test_k10_a_filter_that_keeps_much(crowd: Crowd, monkeypatch: pytest.MonkeyPatch, exact_chunks: int) -> None:
    monkeypatch.setattr(retrieval, "EXACT_CHUNKS", exact_chunks)
    remaining = [number for number in range((SHARED + OWN) // PER_DOCUMENT) if number % 4 == 0]
    assert crowd.recall(_places(remaining), filters=SearchFilters(source_types=["inline"])) >= 0.95


def test_k10_what_the_index_gives_up_on_is_completed(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two documents of 400, through an index that may look at no more rows than its first list."""
    monkeypatch.setattr(retrieval, "EXACT_CHUNKS", 0)
    request = SearchRequest(
        query="w1", mode="semantic", top_k=10, filters=SearchFilters(documents=[crowd.documents[7], crowd.documents[8]])
    )
    app = crowd.shelf.app
    for query in crowd.queries[:10]:
        with app.transaction():
            app.execute("select assume_user(%s)", [crowd.caller])
            app.execute("set local hnsw.iterative_scan = off")
            hits = retrieval.search(app, request, query_vector(query)).items
        assert set(ids(hits)) == crowd.nearest(query, _places([7, 8]))


def _explained(app: "psycopg.Connection[Any]", text: LiteralString, queued: Mapping[str, object], mode: str) -> Any:
    """The plan that the product has: for any parameters, or for these where there are filters; as it ran with these."""
    numbered, names = named_queries.numbered(text)
    values = sql.SQL(", ").join(sql.Literal(queued[name]) for name in names)
    app.execute(f"set local plan_cache_mode = {mode}".encode())
    app.execute(f"prepare search as {numbered}".encode())
    try:
        return app.execute(sql.SQL("explain (analyze, format json) execute search({})").format(values)).fetchone()
    finally:
        app.execute("deallocate search")


def planned(
    library: Library, caller: UUID, vector: Vectors, request: SearchRequest, spaces: Sequence[int] = ()
) -> list[dict[str, Any]]:
    """All nodes of the plan that ran."""
    app = library.app
    with app.transaction():
        app.execute("select assume_user(%s)", [caller])
        if spaces:
            app.execute("select set_config('app.spaces', %s, true)", [f"{{{','.join(map(str, spaces))}}}"])
        queued = retrieval.parameters(request, query_vector(vector))
        queued["vector"] = str(vector.tolist())
        mode = "force_custom_plan" if request.filters.any() else "force_generic_plan"
        row = _explained(app, retrieval.statement(request, queued), queued, mode)
    assert row is not None

    def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield node
        for child in node.get("Plans", []):
            yield from nodes(child)

    return list(nodes(row[0][0]["Plan"]))


def _plan(crowd: Crowd, request: SearchRequest, spaces: Sequence[int] = ()) -> list[dict[str, Any]]:
    """The nodes of the plan that ran, those that were never reached left out."""
    nodes = planned(crowd.shelf, crowd.caller, crowd.queries[0], request, spaces)
    return [node for node in nodes if node["Actual Loops"]]


def test_a_connection_plans_a_search_of_everything_once(crowd: Crowd) -> None:
    app = crowd.shelf.app
    counted = "select sum(generic_plans), sum(custom_plans) from pg_prepared_statements where statement like %s"
    remaining = app.execute(counted, ["%lexical_segments%"]).fetchone() or (0, 0)
    request = SearchRequest(query="w1", mode="hybrid", top_k=10)
    for query, spaces in ((0, "{1}"), (1, "{}"), (2, "{1}")):
        with app.transaction():
            app.execute("select assume_user(%s)", [crowd.caller])
            app.execute("select set_config('app.spaces', %s, true)", [spaces])
            hits = retrieval.search(app, request, query_vector(crowd.queries[query])).items
            assert len(hits) == (10 if spaces == "{1}" else 0)  # a plan is kept, and no right with it
            assert app.execute("show plan_cache_mode").fetchone() == ("auto",)
    generic, custom = (count or 0 for count in remaining)
    assert app.execute(counted, ["%lexical_segments%"]).fetchone() == (generic + 3, custom)


def test_both_indexes_serve_a_search(crowd: Crowd) -> None:
    for mode in ("semantic", "hybrid"):
        nodes = _plan(crowd, SearchRequest(query="w1", mode=mode, top_k=10))
        by_index = [n for n in nodes if n.get("Index Name") == "embeddings_organisation_1"]
        assert len(by_index) == 1
        assert "<=>" in by_index[0]["Order By"]
        private = [n for n in nodes if n.get("Index Name") == "embeddings_1_private"]
        # The caller's rows, counted, then ranked: by the statement's own condition and by the policy's, and no other
        # row is read to find them.
        assert [n["Actual Rows"] for n in private] == [OWN, OWN]
        assert all(n["Index Cond"].count("space_id = ANY") == 2 for n in private)
        assert all("current_setting('app.spaces'" in n["Index Cond"] for n in private)
        assert not any(n.get("Rows Removed by Filter") for n in (*private, *by_index))
        assert not [n for n in nodes if n.get("Index Name") == "embeddings_1_private_graph"]
        assert not [n for n in nodes if n["Node Type"] == "Seq Scan" and n["Relation Name"] == "embeddings_1"]


def test_a_hybrid_search_reads_little_more_than_its_candidates(crowd: Crowd) -> None:
    """Counts of rows, not times: what is looked up for candidates that are not shown, and what is read of the shown.

    The query has two words: rows of tables are not asked for one.
    """
    nodes = _plan(crowd, SearchRequest(query="w1 w2", mode="hybrid", top_k=10))
    read = Counter[str]()
    for node in nodes:
        read[node.get("Index Name", "")] += round(node["Actual Rows"] * node["Actual Loops"])
    assert read["document_chunks_rows"] == 0  # no chunk is a table, so no text is read to find that out
    # Text, title and settings of what is shown, and nothing of other candidates.
    assert sum(count for name, count in read.items() if name.startswith("document_chunks_")) == 10
    assert read["documents_pkey"] <= 20
    # The score that a candidate lacks is looked up with those of all others, and only where it is lacking.
    looked_up = [node for node in nodes if node.get("Index Name") in {"embeddings_1_pkey", "chunk_terms_pkey"}]
    assert max(node["Actual Loops"] for node in looked_up) == 1
    assert read["embeddings_1_pkey"] <= retrieval.CANDIDATES
    assert read["chunk_terms_pkey"] <= 2 * retrieval.CANDIDATES
    # Ranks of both lists are for explanations, and places within a document for `per_document`. The windows are the
    # settings' and the lexemes' (two).
    assert len([node for node in nodes if node["Node Type"] == "WindowAgg"]) <= 3


@pytest.mark.parametrize(("mode", "most"), [("semantic", 145), ("lexical", 205), ("hybrid", 305)])
def test_a_search_has_few_parts(crowd: Crowd, mode: Literal["semantic", "lexical", "hybrid"], most: int) -> None:
    """PostgreSQL sets up every node of a plan at each run, reached or not: about 3 µs each, a tenth of a search."""
    nodes = planned(crowd.shelf, crowd.caller, crowd.queries[0], SearchRequest(query="w1 w2", mode=mode, top_k=10))
    assert len(nodes) <= most


def test_a_search_sends_its_vector_once_and_as_it_is_stored(crowd: Crowd) -> None:
    queued = retrieval.parameters(SearchRequest(query="w1", mode="hybrid"), query_vector(crowd.queries[0]))
    sent = [value for value in queued.values() if isinstance(value, Binary)]
    assert [len(value.data) for value in sent] == [4 + 2 * DIMENSION]


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few private rows count as many."""
    monkeypatch.setattr(retrieval, "EXACT_PRIVATE", 50)
    monkeypatch.setattr(retrieval, "WIDE_SHARE", 1000)


@pytest.mark.usefixtures("wide")
def test_k10_who_sees_much_is_served_by_both_graphs(crowd: Crowd) -> None:
    assert crowd.recall(range(SHARED + OWN)) >= 0.95
    for mode in ("semantic", "hybrid"):
        nodes = _plan(crowd, SearchRequest(query="w1", mode=mode, top_k=10))
        graphs = [
            n for n in nodes if n.get("Index Name") in {"embeddings_organisation_1", "embeddings_1_private_graph"}
        ]
        assert len(graphs) == 2
        assert all("<=>" in n["Order By"] for n in graphs)
        assert not [n for n in nodes if n.get("Index Name") == "embeddings_1_shared"]
        # Counted up to the bound, and not ranked.
        assert [n["Actual Rows"] for n in nodes if n.get("Index Name") == "embeddings_1_private"] == [51]


def test_a_vector_is_in_one_graph(crowd: Crowd) -> None:
    stored = crowd.shelf.owner.execute(
        "select i.relname, i.reltuples from pg_class i join pg_am a on a.oid = i.relam where a.amname = 'hnsw'"
        " and i.relname like '%\\_1%'"
    ).fetchall()
    assert dict(stored) == {"embeddings_organisation_1": SHARED, "embeddings_1_private_graph": OWN + FOREIGN}


@pytest.mark.usefixtures("wide")
def test_k9_the_private_graph_shows_only_what_may_be_seen(crowd: Crowd) -> None:
    """Somebody whose own rows are a fifteenth of it, asking for what others have; outside of the organisation too."""
    own, foreign = crowd.shelf.spaces[crowd.caller], range(SHARED + OWN, SHARED + OWN + FOREIGN)
    app = crowd.shelf.app
    for place in foreign[::50]:
        request = SearchRequest(query="w1", mode="semantic", top_k=10)
        for spaces, among in ((f"{{1,{own}}}", range(SHARED + OWN)), (f"{{{own}}}", range(SHARED, SHARED + OWN))):
            with app.transaction():
                app.execute("select assume_user(%s)", [crowd.caller])
                app.execute("select set_config('app.spaces', %s, true)", [spaces])
                hits = retrieval.search(app, request, query_vector(crowd.vectors[place])).items
            assert len(hits) == 10
            assert set(ids(hits)) <= {crowd.chunks[observed] for observed in among}
            if len(among) == OWN:
                assert len(set(ids(hits)) & crowd.nearest(crowd.vectors[place], among)) >= 8


@pytest.mark.usefixtures("wide")
def test_k10_what_the_private_graph_gives_up_on_is_completed(crowd: Crowd) -> None:
    app = crowd.shelf.app
    own = crowd.shelf.spaces[crowd.caller]
    request = SearchRequest(query="w1", mode="semantic", top_k=10)
    for query in crowd.queries[:10]:
        with app.transaction():
            app.execute("select assume_user(%s)", [crowd.caller])
            app.execute("select set_config('app.spaces', %s, true)", [f"{{{own}}}"])
            app.execute("set local hnsw.iterative_scan = off")
            hits = retrieval.search(app, request, query_vector(query)).items
        assert set(ids(hits)) == crowd.nearest(query, range(SHARED, SHARED + OWN))


def test_a_filter_that_keeps_much_is_served_by_the_index(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval, "EXACT_CHUNKS", 0)
    selected = SearchFilters(source_types=["inline"])
    nodes = _plan(crowd, SearchRequest(query="w1", mode="semantic", top_k=10, filters=selected))
    [by_index] = [n for n in nodes if n.get("Index Name") == "embeddings_organisation_1"]
    assert "<=>" in by_index["Order By"]
    assert by_index["Actual Rows"] == 10


def test_who_is_not_of_the_organisation_sees_and_costs_nothing_of_it(crowd: Crowd) -> None:
    own = crowd.shelf.spaces[crowd.caller]
    for filters in (SearchFilters(), SearchFilters(source_types=["inline"])):
        for mode in ("semantic", "hybrid", "lexical"):
            nodes = _plan(crowd, SearchRequest(query="w1", mode=mode, top_k=10, filters=filters), [own])
            assert not [n for n in nodes if n.get("Index Name") == "embeddings_organisation_1"]
            reading = [n for n in nodes if n.get("Relation Name") in {"embeddings_1", "chunk_terms"}]
            assert max(n["Actual Rows"] * n["Actual Loops"] for n in reading) <= OWN


def test_a_filter_that_keeps_little_reads_little(crowd: Crowd) -> None:
    selected = SearchFilters(documents=[crowd.documents[3]])
    for mode, table in (("semantic", "embeddings_1"), ("lexical", "chunk_terms")):
        nodes = _plan(crowd, SearchRequest(query="w1", mode=mode, filters=selected))
        assert [n["Actual Rows"] for n in nodes if n.get("Index Name") == f"{table}_document"] == [PER_DOCUMENT]
        assert not [n for n in nodes if n["Node Type"] == "Seq Scan" and n["Relation Name"] == table]


def test_a_query_vector_is_what_the_model_gives(library: Library) -> None:
    request = SearchRequest(query="What does the cat eat? " * 80)
    vector = embed_query(request)
    assert vector.model == BUILT_IN
    assert len(vector.numbers) == DIMENSION
    assert math.hypot(*vector.numbers) == pytest.approx(1, abs=1e-5)
