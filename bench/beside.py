"""Alcove beside LlamaIndex's and LangChain's Postgres stores and the bare HNSW query: one server, data and vectors.

FOLDER is a collection in BEIR's layout. Every document is one row with the vector of its beginning, as the built-in
model gives it; no side embeds anything.

Everything is written twice, with one row a call and with 64. A call is one transaction; LangChain commits each row of a
call. Of Alcove, a call stores one document with that many chunks, as ingestion does: its row, its text, its chunks,
their vectors, their BM25 weights and the counts of their lexemes, under row-level security. Computing the weights
counts too, as the stores' own vectors of words do. `processor` is the processor time of a row, of the client and of
every server process: it depends less than rows a second on what else the machine does.

Then each query goes to all of them in turn, one client, warm connections, where one row was written a call.

The stores run in an environment of their own with pinned packages, .local/beside (about 0.4 GB), with the index
settings of their documentation (m 16, ef_construction 64, ef_search 40); Alcove's graph has ef_construction 128. Bytes
are those of all tables and indexes.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, LiteralString

import psutil
import psycopg

from bench import collection as collections
from bench import database
from bench.commands import Command, parser
from bench.summary import p95
from chalicelib.core import connection
from chalicelib.core.rows import Binary, many_planned
from chalicelib.knowledge.embedding import builtin, halfvec
from chalicelib.knowledge.embedding.recipe import BUILT_IN
from chalicelib.knowledge.ingestion import storage
from chalicelib.knowledge.search import retrieval
from chalicelib.knowledge.search.models import SearchRequest
from chalicelib.knowledge.search.query_embedding import QueryVector
from chalicelib.knowledge.text import chunking
from infra import package

if TYPE_CHECKING:
    from typing import Literal

    import numpy as np
    from numpy.typing import NDArray

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
# One message, as core/identity.py begins a transaction.
_BEGIN: LiteralString = "begin; select assume_user(%(owner)s); select set_config('app.writable_spaces', '{1}', true)"
_BARE_TABLE = """
    create table bare (id uuid primary key, embedding halfvec(384) not null);
    create index bare_vectors on bare using hnsw (embedding halfvec_cosine_ops)"""
_BARE = "select id from bare order by embedding <=> %(vector)s::halfvec(384) limit 10"
# The stores, each with its table.
_STORES = {"LlamaIndex": "data_llamaindex", "LangChain": "langchain"}
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
    vectors: NDArray[np.float32]
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
        model.embed(texts, truncate=True).astype("float16").astype("float32")
        for texts in ([row.content for row in collection.documents], list(collection.queries.values()))
    )
    keys = [uuid.uuid5(uuid.NAMESPACE_OID, document.id) for document in collection.documents]
    return Rows(collection, keys, vectors, requested.tolist())


def _timed(run: Callable[[], list[str]]) -> tuple[float, list[str]]:
    started = time.perf_counter()
    results = run()
    return (time.perf_counter() - started) * 1000, results


# Alcove.


def _store(temp_database: database.Database, owner: uuid.UUID, rows: Rows, batch: int) -> None:
    """Store the rows as ingestion does, as documents of the organisation with `batch` chunks each."""
    conn = temp_database.app
    halfvec.adapt(conn)
    conn.prepared_max = storage.PREPARED
    for start in range(0, len(rows.keys), batch):
        connection.send(conn, _BEGIN, {"owner": owner})
        with conn.pipeline():
            _store_one(conn, owner, rows, slice(start, start + batch))
        conn.commit()


def _store_one(conn: psycopg.Connection[Any], owner: uuid.UUID, rows: Rows, part: slice) -> None:
    """One document: the rows of `part` are its chunks."""
    key, documents = rows.keys[part.start], rows.collection.documents[part]
    text = "\n".join(document.content for document in documents)
    conn.execute(
        "insert into documents (id, space_id, owner_id, title, filename, source_type, object_key)"
        " values (%s, 1, %s, %s, 'text.txt', 'upload', %s)",
        [key, owner, documents[0].title, key.hex],
    )
    own = {"id": key, "sha256": key.bytes * 2, "version": "1", "size": len(text), "duplicate_of": None}
    conn.execute(storage.queries.existing, own, prepare=True)
    conn.execute(storage.queries.insert_text, {"id": key, "space_id": 1, "text": text}, prepare=True)
    drafts, start = [], 0
    for number, document in enumerate(documents):
        end = start + len(document.content)
        drafts.append(chunking.ChunkDraft(number, start, end, document.content, None, None, 200))
        start = end + 1
    place = storage.Place(key, space_id=1, title=documents[0].title, is_archived=False)
    storage.insert_chunks(conn, place, drafts, halfvec.from_rows(rows.vectors[part]), BUILT_IN.id)
    conn.execute(storage.queries.complete, own | {"chunk_count": len(drafts), "warnings": "[]"}, prepare=True)


def _alcove(temp_database: database.Database, mode: Mode) -> Callable[[str, list[float]], tuple[float, list[str]]]:
    def search(text: str, vector: list[float]) -> tuple[float, list[str]]:
        request = SearchRequest(query=text[:2000], mode=mode, top_k=_TOP_K)

        def run() -> list[str]:
            hits = retrieval.search(temp_database.app, request, QueryVector(BUILT_IN, vector)).items
            return [str(hit.document_id) for hit in hits]

        return _timed(run)

    return search


# The bare query.


def _create_bare(temp_database: database.Database) -> None:
    for statement in _BARE_TABLE.split(";"):
        temp_database.superuser.execute(statement.encode())
    halfvec.adapt(temp_database.superuser)


def _store_bare(temp_database: database.Database, rows: Rows, batch: int) -> None:
    for start in range(0, len(rows.keys), batch):
        part = slice(start, start + batch)
        temp_database.superuser.execute(
            "insert into bare select * from unnest(%s::uuid[], %b::halfvec[])",
            [rows.keys[part], halfvec.from_rows(rows.vectors[part])],
        )


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
def _stores(url: str, rows: Rows) -> Iterator[Callable[..., Any]]:
    """The stores' process: how to request something of it (beside_stores.py)."""
    stored = {
        "url": url,
        "ids": [str(key) for key in rows.keys],
        "texts": [document.content for document in rows.collection.documents],
        "vectors": rows.vectors.tolist(),
    }
    with tempfile.TemporaryDirectory(prefix="alcove-beside-") as directory:
        path = Path(directory) / "rows.json"
        path.write_text(json.dumps(stored))
        command = [str(environment()), str(_SCRIPT), str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            inputs, outputs = process.stdin, process.stdout

            def ask(*request: Any) -> Any:
                print(json.dumps(request), file=inputs, flush=True)
                return json.loads(outputs.readline())

            yield ask
            inputs.close()


def _requested(ask: Callable[..., Any], name: str, mode: str) -> Callable[[str, list[float]], tuple[float, list[str]]]:
    return lambda text, vector: ask("search", name, mode, text, vector)


# Measuring.


@dataclass(frozen=True)
class Written:
    """What writing every row took: seconds, and seconds of the processor."""

    seconds: float
    processor: float


def _server_seconds(temp_database: database.Database) -> float:
    """The processor time of the server: its processes of now, and those that have ended."""
    postmaster = psutil.Process(temp_database.superuser.info.backend_pid).parent()
    assert postmaster is not None
    spent = sum(postmaster.cpu_times()[:4])
    for process in postmaster.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            spent += sum(process.cpu_times()[:2])
    return spent


def _written(temp_database: database.Database, write: Callable[[], float | None]) -> Written:
    """`write` results in its client's processor time, where that is not this process's."""
    of_server, of_client, started = _server_seconds(temp_database), time.process_time(), time.perf_counter()
    elsewhere = write()
    seconds = time.perf_counter() - started
    client = time.process_time() - of_client if elsewhere is None else elsewhere
    return Written(seconds, client + _server_seconds(temp_database) - of_server)


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


def _print_searches(rows: Rows, sides: Sequence[Side]) -> None:
    raw = median(sides[0].times)
    print(f"{rows.collection.name}: {len(rows.keys)} rows, {len(rows.query_vectors)} queries, top {_TOP_K}")
    print(f"{'':<22}{'nDCG@10':>9}{'p50 ms':>9}{'p95 ms':>9}{'ratio':>8}")
    for side in sides:
        ndcg = collections.quality(rows.collection, side.rankings).ndcg_10
        middle = median(side.times)
        print(f"{side.name:<22}{ndcg:>9.4f}{middle:>9.2f}{p95(side.times):>9.2f}{middle / raw:>8.2f}")


def _print_writing(rows: Rows, batch: int, written: dict[str, Written], sizes: dict[str, int]) -> None:
    count = len(rows.keys)
    print(f"{f'written, {batch} rows a call':<22}{'rows/s':>9}{'processor ms':>14}{'bytes/row':>11}")
    for name, taken in written.items():
        rate, processor = count / taken.seconds, 1000 * taken.processor / count
        print(f"{name:<22}{rate:>9.0f}{processor:>14.2f}{sizes[name] / count:>11.0f}", flush=True)


def _run(rows: Rows, batch: int, with_stores: bool) -> None:
    """Write everything with `batch` rows a call; ask everything where each document is one row."""
    with contextlib.ExitStack() as opened:
        temp_database = opened.enter_context(database.throwaway())
        owner, _ = temp_database.user("owner")
        caller, _ = temp_database.user("caller")
        _create_bare(temp_database)
        written = {
            "bare HNSW": _written(temp_database, lambda: _store_bare(temp_database, rows, batch)),
            "Alcove": _written(temp_database, lambda: _store(temp_database, owner, rows, batch)),
        }
        temp_database.finalise()
        sizes = {"bare HNSW": _size(temp_database.superuser, ["bare"])}
        sizes["Alcove"] = _size(temp_database.superuser, _TABLES)
        sides = [
            Side("bare HNSW", _bare(temp_database)),
            Side("Alcove semantic", _alcove(temp_database, "semantic")),
            Side("Alcove hybrid", _alcove(temp_database, "hybrid")),
        ]
        if with_stores:
            temp_database.superuser.execute("create database beside")
            at = temp_database.superuser.info
            url = f"postgresql://{at.user}:{at.password}@{at.host}:{at.port}/beside"
            ask = opened.enter_context(_stores(url, rows))
            beside = opened.enter_context(psycopg.connect(url, autocommit=True))
            for name in _STORES:
                ask("create", name)
                written[name] = _written(temp_database, partial(ask, "fill", name, batch))
                sizes[name] = _size(beside, [_STORES[name]])
                sides += [Side(f"{name} {mode}", _requested(ask, name, mode)) for mode in ("semantic", "hybrid")]
            beside.execute("vacuum analyze")
        _print_writing(rows, batch, written, sizes)
        if batch == 1:
            _in_turns(temp_database, caller, rows, sides)
            _print_searches(rows, sides)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill everything, ask everything, print the tables."""
    command_line = parser("bench beside", __doc__)
    command_line.add_argument("folder", type=Path, metavar="FOLDER", help="a collection in BEIR's layout")
    command_line.add_argument("--without-stores", action="store_true", help="only Alcove and the bare query")
    options = command_line.parse_args(arguments)
    rows = _rows(options.folder)
    for batch in (1, _BATCH):
        _run(rows, batch, not options.without_stores)
