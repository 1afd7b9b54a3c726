"""Many users' chunks for the figures of searches, made of a collection's passages or made up.

5,000 users, 200 groups and the organisation share the chunks: the organisation 15 %, groups 20 %, users the rest, both
by Zipf's law. A document stands around one passage: each chunk is one of that passage's 20 nearest neighbours, moved by
a share of the difference of two other passages, so that the spectrum and the neighbourhoods are those of real
embeddings; its lexemes are half of that passage's and half of another's, so that frequencies are real too. Without a
collection, clusters of decaying spectrum and Zipf's words stand in. Rows go in by COPY, keys unchecked, and indexes are
built afterwards.
"""

import struct
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import collection as collections
from bench import database
from chalicelib.knowledge.embedding import builtin
from chalicelib.knowledge.text import bm25, lexemes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

USERS, GROUPS = 5000, 200
CHUNKS_PER_DOCUMENT = 20
_SHARES = {"organisation": 0.15, "groups": 0.2}
_ZIPF = 1.2
# The callers' ranks among users by size, and the groups that they are in, by rank.
_CALLERS = {"tiny": (3000, (120,)), "middling": (50, (10, 40)), "huge": (0, (0, 20))}
_PART = 20_000
_COPY_HEAD, _COPY_TAIL = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
# The bare query has a table of its own: the product's searches would use another index of theirs.
BARE = "create table bare as select chunk_id, embedding::halfvec(384) as embedding from embeddings_1"
BARE_INDEX = "create index bare_vectors on bare using hnsw (embedding halfvec_cosine_ops) with (ef_construction = 128)"


@dataclass(frozen=True)
class Source:
    """Passages that the corpus is made of, as vectors, texts and BM25 weights; and queries with their vectors."""

    vectors: "Vectors"
    texts: list[str]
    weights: list[dict[int, float]]
    queries: list[str]
    query_vectors: "Vectors"


@dataclass(frozen=True)
class Corpus:
    """The chunks in order: vectors as half precision keeps them, and the number of each one's space and document."""

    vectors: "NDArray[np.float16]"
    space: "NDArray[np.int64]"
    document: "NDArray[np.int64]"
    keys: "NDArray[np.uint8]"
    document_keys: "NDArray[np.uint8]"


@dataclass(frozen=True)
class Caller:
    """A user who searches: `spaces` are those that the user sees, `removed` are numbers of documents left out."""

    name: str
    id: uuid.UUID
    spaces: tuple[int, ...]
    removed: frozenset[int] = frozenset()


def source(folder: Path | None, queries: int, size: int = 10_000) -> Source:
    """What to make chunks of, from a collection or made up: then as many as `size`."""
    import numpy as np

    rng = np.random.default_rng(1)
    if folder is None:
        spectrum = 1 / np.sqrt(1 + np.arange(384))
        points = rng.normal(size=(200, 384))[rng.choice(200, size=size + queries)]
        vectors = unit((points + 0.8 * rng.normal(size=points.shape)) * spectrum)
        words = rng.zipf(1.2, size=(len(vectors), 70)).clip(max=50_000)
        texts = [" ".join(f"w{word}" for word in row) for row in words]
        texts_of_queries = [" ".join(f"w{word}" for word in row[:8]) for row in words[size:]]
        weights = [bm25.document_weights(text) for text in texts[:size]]
        return Source(vectors[:size], texts[:size], weights, texts_of_queries, vectors[size:])
    collection = collections.read(folder)
    options = collections.chunks(collection)
    texts = [chunk.text for chunk in options.chunk]
    titles = [collection.documents[number].title for number in options.document]
    weights = [bm25.document_weights(*pair) for pair in zip(texts, titles, strict=True)]
    texts_of_queries = list(collection.queries.values())[:queries]
    return Source(
        options.vectors, texts, weights, texts_of_queries, builtin.load().embed(texts_of_queries, truncate=True)
    )


def unit(rows: Any) -> "Vectors":
    import numpy as np

    scaled: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def _sizes(total: int, parts: int, exponent: float) -> "NDArray[np.int64]":
    import numpy as np

    share = np.arange(1.0, parts + 1) ** -exponent
    sizes: NDArray[np.int64] = np.maximum(1, (total * share / share.sum()).astype(np.int64))
    return sizes


def _neighbours(vectors: "Vectors", count: int = 20) -> "NDArray[np.int64]":
    """The nearest passages of each, itself included: (n, count)."""
    import numpy as np

    result = np.empty((len(vectors), count), dtype=np.int64)
    for start in range(0, len(vectors), 1000):
        near = vectors[start : start + 1000] @ vectors.T
        result[start : start + 1000] = np.argpartition(-near, count, axis=1)[:, :count]
    return result


def _organise(temp_database: database.Database, chunks: int) -> tuple[list[Caller], list[tuple[int, int]]]:
    """Users, groups and memberships. The callers, and every space with its number of chunks."""
    run = temp_database.superuser.execute
    run("insert into users (username, display_name) select 'user-' || n, 'User' from generate_series(1, %s) n", [USERS])
    run("insert into groups (name) select 'group-' || n from generate_series(1, %s) n", [GROUPS])
    users = run(
        "select u.id, s.id from users u join spaces s on s.user_id = u.id where username like 'user-%%'"
        " order by substr(username, 6)::int"
    ).fetchall()
    groups = run(
        "select g.id, s.id from groups g join spaces s on s.group_id = g.id where name like 'group-%%'"
        " order by substr(name, 7)::int"
    ).fetchall()
    callers = []
    for name, (rank, memberships) in _CALLERS.items():
        for number in memberships:
            run("insert into memberships (group_id, user_id) values (%s, %s)", [groups[number][0], users[rank][0]])
        spaces = (database.ORGANISATION, users[rank][1], *(groups[number][1] for number in memberships))
        callers.append(Caller(name, users[rank][0], spaces))
    shared = {kind: int(chunks * share) for kind, share in _SHARES.items()}
    sizes = [(database.ORGANISATION, shared["organisation"])]
    sizes += zip((row[1] for row in groups), _sizes(shared["groups"], GROUPS, 1).tolist(), strict=True)
    own = chunks - sum(shared.values())
    sizes += zip((row[1] for row in users), _sizes(own, USERS, _ZIPF).tolist(), strict=True)
    return callers, sizes


def _layout(sizes: Sequence[tuple[int, int]]) -> Corpus:
    """Which chunk is of which space and document; the vectors are still empty."""
    import numpy as np

    rng = np.random.default_rng(2)
    space = np.repeat([key for key, _ in sizes], [size for _, size in sizes])
    first = np.cumsum([0, *(-(-size // CHUNKS_PER_DOCUMENT) for _, size in sizes)])
    document = np.concatenate(
        [start + np.arange(size) // CHUNKS_PER_DOCUMENT for start, (_, size) in zip(first, sizes, strict=False)]
    )
    keys = rng.integers(0, 256, size=(len(space), 16), dtype=np.uint8)
    document_keys = rng.integers(0, 256, size=(int(document[-1]) + 1, 16), dtype=np.uint8)
    return Corpus(np.empty((len(space), 384), dtype=np.float16), space, document, keys, document_keys)


class _Loader:
    """Fills a corpus part by part and copies it."""

    def __init__(self, temp_database: database.Database, options: Source, corpus: Corpus, owner: uuid.UUID) -> None:
        import numpy as np

        self.temp_database, self.options, self.corpus, self.owner = temp_database, options, corpus, owner
        self.rng = np.random.default_rng(3)
        self.near = _neighbours(options.vectors)
        self.topics = self.rng.integers(len(options.vectors), size=len(corpus.document_keys))
        self.lexemes = [np.array(sorted(weights), dtype=np.int64) for weights in options.weights]
        self.values = [
            np.array([weights[key] for key in keys.tolist()], dtype=np.float32)
            for weights, keys in zip(options.weights, self.lexemes, strict=True)
        ]
        self.counted: dict[int, int] = {}

    def documents(self) -> None:
        import numpy as np

        corpus = self.corpus
        _, first, sizes = np.unique(corpus.document, return_index=True, return_counts=True)
        with self.temp_database.superuser.cursor() as cursor, cursor.copy(database.DOCUMENTS) as copy:
            for key, start, size in zip(corpus.document_keys, first, sizes, strict=True):
                temp_database = uuid.UUID(bytes=key.tobytes())
                place = (temp_database, int(corpus.space[start]), self.owner)
                copy.write_row((*place, "Report", "report.txt", "upload", temp_database.hex, "completed", int(size)))

    def part(self, begin: int, end: int) -> None:
        options, corpus, rng, n = self.options, self.corpus, self.rng, end - begin
        base = self.near[self.topics[corpus.document[begin:end]], rng.integers(self.near.shape[1], size=n)]
        other, one, two = (rng.integers(len(options.vectors), size=n) for _ in range(3))
        moved = rng.uniform(0.1, 0.5, size=(n, 1)) * (options.vectors[one] - options.vectors[two])
        corpus.vectors[begin:end] = unit(options.vectors[base] + moved)
        self._vectors(begin, end)
        self._chunks(begin, end, base)
        self._terms(begin, end, base, other)

    def _vectors(self, begin: int, end: int) -> None:
        import numpy as np

        corpus = self.corpus
        layout = [("fields", ">i2"), ("l0", ">i4"), ("chunk", "V16"), ("l1", ">i4"), ("model", ">i2")]
        layout += [("l2", ">i4"), ("document", "V16"), ("l3", ">i4"), ("space", ">i4")]
        layout += [("l4", ">i4"), ("dimension", ">i2"), ("unused", ">i2"), ("vector", ">f2", (384,))]  # type: ignore[list-item]
        rows = np.zeros(end - begin, dtype=layout)
        rows["fields"], rows["model"], rows["dimension"] = 5, 1, 384
        for name, size in (("l0", 16), ("l1", 2), ("l2", 16), ("l3", 4), ("l4", 4 + 768)):
            rows[name] = size
        rows["chunk"] = corpus.keys[begin:end].view("V16")[:, 0]
        rows["document"] = corpus.document_keys[corpus.document[begin:end]].view("V16")[:, 0]
        rows["space"], rows["vector"] = corpus.space[begin:end], corpus.vectors[begin:end]
        self._binary(database.VECTORS, [rows.tobytes()])

    def _chunks(self, begin: int, end: int, base: "NDArray[np.int64]") -> None:
        corpus = self.corpus
        with self.temp_database.superuser.cursor() as cursor, cursor.copy(database.CHUNKS) as copy:
            for number, text_number in zip(range(begin, end), base.tolist(), strict=True):
                index = number % CHUNKS_PER_DOCUMENT
                text = self.options.texts[text_number]
                document = uuid.UUID(bytes=corpus.document_keys[corpus.document[number]].tobytes())
                place = (uuid.UUID(bytes=corpus.keys[number].tobytes()), document, int(corpus.space[number]))
                copy.write_row((*place, index, text, index * 800, index * 800 + len(text), 180, None))

    def _terms(self, begin: int, end: int, base: "NDArray[np.int64]", other: "NDArray[np.int64]") -> None:
        import numpy as np

        corpus, rows, observed = self.corpus, [], []
        for number, pair in zip(range(begin, end), zip(base.tolist(), other.tolist(), strict=True), strict=True):
            halves = [self.rng.random(len(self.lexemes[place])) < 0.5 for place in pair]
            result = np.concatenate([self.lexemes[place][half] for place, half in zip(pair, halves, strict=True)])
            values = np.concatenate([self.values[place][half] for place, half in zip(pair, halves, strict=True)])
            result, first = np.unique(result, return_index=True)
            observed.append(result)
            key, document = corpus.keys[number].tobytes(), corpus.document_keys[corpus.document[number]].tobytes()
            body = struct.pack(">iii", lexemes.DIMENSIONS, len(result), 0)
            body += (result - 1).astype(">i4").tobytes() + values[first].astype(">f4").tobytes()
            head = struct.pack(">hi16si16siii", 4, 16, key, 16, document, 4, int(corpus.space[number]), len(body))
            rows.append(head + body)
        self._binary(database.TERMS, rows)
        for lexeme, count in zip(*np.unique(np.concatenate(observed), return_counts=True), strict=True):
            self.counted[int(lexeme)] = self.counted.get(int(lexeme), 0) + int(count)

    def _binary(self, statement: str, parts: Sequence[bytes]) -> None:
        with self.temp_database.superuser.cursor() as cursor, cursor.copy(f"{statement} (format binary)") as copy:
            copy.write(_COPY_HEAD)
            copy.write(b"".join(parts))
            copy.write(_COPY_TAIL)

    def counts(self) -> None:
        with self.temp_database.superuser.cursor() as cursor, cursor.copy("copy lexeme_counts from stdin") as copy:
            for row in (self.counted | {0: len(self.corpus.space)}).items():
                copy.write_row(row)


def load(temp_database: database.Database, options: Source, chunks: int) -> tuple[Corpus, list[Caller]]:
    """Fill the database and build its indexes, which is quicker than growing them; prints what it took."""
    started = time.perf_counter()
    callers, sizes = _organise(temp_database, chunks)
    corpus = _layout(sizes)
    run = temp_database.superuser.execute
    dropped = run(
        "select indexname, indexdef from pg_indexes where tablename = 'embeddings_1' and indexdef ilike '%using hnsw%'"
    ).fetchall()
    for name, _ in dropped:
        run(f'drop index "{name}"')
    run("set session_replication_role = replica")  # no keys are checked: they are right by construction
    loader = _Loader(temp_database, options, corpus, callers[0].id)
    loader.documents()
    for begin in range(0, len(corpus.space), _PART):
        loader.part(begin, min(begin + _PART, len(corpus.space)))
    loader.counts()
    run("set session_replication_role = origin")
    print(
        f"{len(corpus.space)} chunks of {len(corpus.document_keys)} documents in {time.perf_counter() - started:.0f} s"
    )
    run("set maintenance_work_mem = '3GB'")
    run(BARE)
    for name, text in [*dropped, ("bare_vectors", BARE_INDEX)]:
        started = time.perf_counter()
        run(text)
        size = temp_database.value("select pg_size_pretty(pg_relation_size(%s::regclass))", name)
        print(f"index {name}: {time.perf_counter() - started:.0f} s, {size}", flush=True)
    started = time.perf_counter()
    temp_database.finalise()
    size = temp_database.value("select pg_size_pretty(pg_total_relation_size('lexical_postings'))")
    print(f"lexical segments: {time.perf_counter() - started:.0f} s, {size}", flush=True)
    return corpus, callers
