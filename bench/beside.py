"""Alcove beside LlamaIndex's and LangChain's Postgres stores and the bare HNSW query: one server, data and vectors.

FOLDER is a collection in BEIR's layout. Every document is one row with the vector of its beginning, as the built-in
model gives it; no side embeds anything. Alcove stores each document in a transaction of its own, by the statements of
ingestion; the others write 64 rows a call. Then each query goes to all of them in turn, one client, warm connections.

The stores run in an environment of their own with pinned packages, .local/beside (about 0.4 GB), with the index
settings of their documentation (m 16, ef_construction 64, ef_search 40). Bytes are those of all tables and indexes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import psycopg

from bench import collection as collections
from bench import database
from bench.commands import Command, parser
from bench.summary import p95
from chalicelib.core.rows import Binary, many_planned
from chalicelib.knowledge.embedding import builtin, halfvec
from chalicelib.knowledge.embedding.recipe import BUILT_IN
from chalicelib.knowledge.ingestion import storage
from chalicelib.knowledge.search import retrieval
from chalicelib.knowledge.search.models import SearchRequest
from chalicelib.knowledge.search.query_embedding import QueryVector
from chalicelib.knowledge.text import bm25
from infra import package

if TYPE_CHECKING:
    from typing import Literal

    Mode = Literal["semantic", "hybrid"]

COMMAND = Command(
    "Alcove beside LlamaIndex's and LangChain's Postgres stores; DATA=collection",
    usual=None,
    smallest=("{collection} --without-stores",),
)
_TOP_K = 10
_BATCH = 64
_ENVIRONMENT = package.STATE / "beside"
_REQUIREMENTS = Path(__file__).with_name("beside_requirements.txt")
_SCRIPT = Path(__file__).with_name("beside_stores.py")
_BARE_TABLE = """
    create table bare (id uuid primary key, embedding halfvec(384) not null);
    create index bare_vectors on bare using hnsw (embedding halfvec_cosine_ops)"""
_BARE = "select id from bare order by embedding <=> %(vector)s::halfvec(384) limit 10"
# What Alcove keeps of a document and of its chunks; a partition is another relation than its parent.
_TABLES = (
    "documents",
    "document_texts",
    "document_chunks",
    "embeddings_1",
    "chunk_terms",
    "lexeme_counts",
    "lexical_segments",
    "lexical_postings",
)


@dataclass(frozen=True)
class Rows:
    """What everybody stores, and asks."""

    collection: collections.Collection
    keys: list[uuid.UUID]
    vectors: list[list[float]]
    query_vectors: list[list[float]]


@dataclass
class Side:
    """One way to search: how long each query took in milliseconds, and what it results."""

    name: str
    search: Callable[[str, list[float]], tuple[float, list[str]]]
    times: list[float] = field(default_factory=list)
    rankings: dict[str, list[str]] = field(default_factory=dict)


def _rows(folder: Path) -> Rows:
    collection = collections.read(folder)
    model = builtin.load()
    # Half precision, as the index keeps it: everybody gets the same numbers.
    vectors, requested = (
        model.embed(texts, truncate=True).astype("float16").astype("float32").tolist()
        for texts in ([row.content for row in collection.documents], list(collection.queries.values()))
    )
    keys = [uuid.uuid5(uuid.NAMESPACE_OID, document.id) for document in collection.documents]
    return Rows(collection, keys, vectors, requested)


def _timed(run: Callable[[], list[str]]) -> tuple[float, list[str]]:
    started = time.perf_counter()
    results = run()
    return (time.perf_counter() - started) * 1000, results


# Alcove.


def _store(temp_database: database.Database, owner: uuid.UUID, rows: Rows) -> float:
    """Store every document as ingestion does, as the organisation's; seconds."""
    conn = temp_database.app
    halfvec.adapt(conn)
    started = time.perf_counter()
    for key, document, vector in zip(rows.keys, rows.collection.documents, rows.vectors, strict=True):
        with conn.transaction():
            conn.execute("select assume_user(%s)", [owner])
            conn.execute("select set_config('app.writable_spaces', '{1}', true)")
            with conn.pipeline():
                _store_one(conn, key, owner, document, vector)
    return time.perf_counter() - started


def _store_one(
    conn: psycopg.Connection[Any], key: uuid.UUID, owner: uuid.UUID, document: collections.Document, vector: list[float]
) -> None:
    conn.execute(
        "insert into documents (id, space_id, owner_id, title, filename, source_type, object_key)"
        " values (%s, 1, %s, %s, 'text.txt', 'upload', %s)",
        [key, owner, document.title, key.hex],
    )
    own = {"id": key, "sha256": key.bytes * 2, "version": "1", "size": len(document.content), "duplicate_of": None}
    conn.execute(storage.queries.remove_chunks, own)
    conn.execute(storage.queries.insert_text, {"id": key, "space_id": 1, "text": document.content})
    chunk = {
        "texts": [document.content],
        "starts": [0],
        "ends": [len(document.content)],
        "pages": [None],
        "sections": [None],
        "columns": [None],
        "contexts": [None],
        "token_counts": [200],
        "vectors": halfvec.from_texts([str(vector)]),
        "weights": [bm25.to_sparsevec(bm25.document_weights(document.content, document.title))],
    }
    place = {"id": key, "space_id": 1, "model": 1, "live": True}
    conn.execute(storage.queries.insert_chunks, chunk | place)
    conn.execute(storage.queries.count_lexemes, own)
    conn.execute(storage.queries.queue_embedding, own)
    conn.execute(storage.queries.complete, own | {"chunk_count": 1, "warnings": "[]"})


def _alcove(temp_database: database.Database, mode: Mode) -> Callable[[str, list[float]], tuple[float, list[str]]]:
    def search(text: str, vector: list[float]) -> tuple[float, list[str]]:
        request = SearchRequest(query=text[:2000], mode=mode, top_k=_TOP_K)

        def run() -> list[str]:
            hits = retrieval.search(temp_database.app, request, QueryVector(BUILT_IN, vector)).items
            return [str(hit.document_id) for hit in hits]

        return _timed(run)

    return search


# The bare query.


def _store_bare(temp_database: database.Database, rows: Rows) -> float:
    conn = temp_database.superuser
    for statement in _BARE_TABLE.split(";"):
        conn.execute(statement.encode())
    started = time.perf_counter()
    halfvec.adapt(conn)
    for start in range(0, len(rows.keys), _BATCH):
        vectors = halfvec.from_texts([str(vector) for vector in rows.vectors[start : start + _BATCH]])
        conn.execute(
            "insert into bare select * from unnest(%s::uuid[], %b::halfvec[])",
            [rows.keys[start : start + _BATCH], vectors],
        )
    return time.perf_counter() - started


def _bare(temp_database: database.Database) -> Callable[[str, list[float]], tuple[float, list[str]]]:
    def search(_: str, vector: list[float]) -> tuple[float, list[str]]:
        params = {"vector": Binary(halfvec.binary(vector))}
        return _timed(lambda: [str(row["id"]) for row in many_planned(temp_database.superuser, dict, _BARE, params)])

    return search


# The stores.


def environment() -> Path:
    """The interpreter of the stores' environment, which is made the first time."""
    interpreter, stamp = _ENVIRONMENT / "bin" / "python", _ENVIRONMENT / "installed"
    if not stamp.is_file() or stamp.read_text() != _REQUIREMENTS.read_text():
        print("  LlamaIndex and LangChain, in an environment of their own (a few minutes the first time)")
        subprocess.run([sys.executable, "-m", "venv", str(_ENVIRONMENT)], check=True)
        install = [str(interpreter), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*install, "-r", str(_REQUIREMENTS)], check=True)
        stamp.write_text(_REQUIREMENTS.read_text())
    return interpreter


@contextmanager
def _stores(url: str, rows: Rows) -> Iterator[tuple[dict[str, float], Callable[..., Any]]]:
    """The stores, filled: the seconds of each, and how to ask one."""
    stored = {
        "url": url,
        "ids": [str(key) for key in rows.keys],
        "texts": [document.content for document in rows.collection.documents],
        "vectors": rows.vectors,
    }
    with tempfile.TemporaryDirectory(prefix="alcove-beside-") as directory:
        path = Path(directory) / "rows.json"
        path.write_text(json.dumps(stored))
        command = [str(environment()), str(_SCRIPT), str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            inputs, outputs = process.stdin, process.stdout

            def ask(*request: Any) -> tuple[float, list[str]]:
                print(json.dumps(request), file=inputs, flush=True)
                milliseconds, ids = json.loads(outputs.readline())
                return milliseconds, ids

            yield json.loads(outputs.readline()), ask
            inputs.close()


def _requested(
    ask: Callable[..., tuple[float, list[str]]], name: str, mode: str
) -> Callable[[str, list[float]], tuple[float, list[str]]]:
    return lambda text, vector: ask(name, mode, text, vector)


# Measuring.


def _in_turns(temp_database: database.Database, caller: uuid.UUID, rows: Rows, sides: Sequence[Side]) -> None:
    """Each query to each side; the first query once more before, so that every connection is warm."""
    names = {str(key): document.id for key, document in zip(rows.keys, rows.collection.documents, strict=True)}
    queries = list(zip(rows.collection.queries.items(), rows.query_vectors, strict=True))
    for place, ((query, text), vector) in enumerate([queries[0], *queries]):
        with temp_database.app.transaction(), temp_database.superuser.transaction():
            for conn in (temp_database.app, temp_database.superuser):
                conn.execute("select assume_user(%s)", [caller])
            for side in sides:
                milliseconds, results = side.search(text, vector)
                if place:
                    side.times.append(milliseconds)
                    side.rankings[query] = [names[key] for key in results]


def _size(conn: psycopg.Connection[Any], tables: Sequence[str]) -> int:
    row = conn.execute("select sum(pg_total_relation_size(t::regclass)) from unnest(%s::text[]) t", [list(tables)])
    return int((row.fetchone() or (0,))[0])


def _print(rows: Rows, sides: Sequence[Side], seconds: dict[str, float], sizes: dict[str, int]) -> None:
    count, raw = len(rows.keys), median(sides[0].times)
    print(f"{rows.collection.name}: {count} rows, {len(rows.query_vectors)} queries, top {_TOP_K}")
    print(f"{'':<22}{'nDCG@10':>9}{'p50 ms':>9}{'p95 ms':>9}{'ratio':>8}")
    for side in sides:
        ndcg = collections.quality(rows.collection, side.rankings).ndcg_10
        middle = median(side.times)
        print(f"{side.name:<22}{ndcg:>9.4f}{middle:>9.2f}{p95(side.times):>9.2f}{middle / raw:>8.2f}")
    print(f"{'':<22}{'rows/s':>9}{'bytes/row':>11}")
    for name, taken in seconds.items():
        print(f"{name:<22}{count / taken:>9.0f}{sizes[name] / count:>11.0f}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill everything, ask everything, print both tables."""
    command_line = parser("bench beside", __doc__)
    command_line.add_argument("folder", type=Path, metavar="FOLDER", help="a collection in BEIR's layout")
    command_line.add_argument("--without-stores", action="store_true", help="only Alcove and the bare query")
    options = command_line.parse_args(arguments)
    rows = _rows(options.folder)
    with database.throwaway() as temp_database:
        owner, _ = temp_database.user("owner")
        caller, _ = temp_database.user("caller")
        seconds = {"bare HNSW": _store_bare(temp_database, rows), "Alcove": _store(temp_database, owner, rows)}
        temp_database.finalise()
        sizes = {"bare HNSW": _size(temp_database.superuser, ["bare"])}
        sizes["Alcove"] = _size(temp_database.superuser, _TABLES)
        sides = [Side("bare HNSW", _bare(temp_database))]
        sides += [
            Side("Alcove semantic", _alcove(temp_database, "semantic")),
            Side("Alcove hybrid", _alcove(temp_database, "hybrid")),
        ]
        if options.without_stores:
            _in_turns(temp_database, caller, rows, sides)
        else:
            temp_database.superuser.execute("create database beside")
            at = temp_database.superuser.info
            url = f"postgresql://{at.user}:{at.password}@{at.host}:{at.port}/beside"
            with _stores(url, rows) as (taken, ask), psycopg.connect(url, autocommit=True) as beside:
                seconds |= taken
                sizes |= {
                    name: _size(beside, [table])
                    for name, table in (("LlamaIndex", "data_llamaindex"), ("LangChain", "langchain"))
                }
                beside.execute("vacuum analyze")
                sides += [
                    Side(f"{name} {mode}", _requested(ask, name, mode))
                    for name in taken
                    for mode in ("semantic", "hybrid")
                ]
                _in_turns(temp_database, caller, rows, sides)
        _print(rows, sides, seconds, sizes)
