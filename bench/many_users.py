"""Searches among many users' chunks (`bench.corpus`): recall, full lists and times, beside exact search and bare HNSW.

For a tiny, a middling and a huge user it prints recall@10 against exact search under the same visibility, how many
lists were not full, and the median and 95th percentile of each mode, the bare HNSW query over all live rows taking
turns; then again with deletions and opt-outs, and once more while another connection ingests.
"""

import dataclasses
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from bench import database
from bench.corpus import CHUNKS_PER_DOCUMENT, Caller, Corpus, Source, load, source, unit
from bench.summary import p95
from bench.turns import MODES, TOP_K, hits, in_turns, searching
from chalicelib.core import connection
from chalicelib.knowledge.embedding import builtin
from chalicelib.knowledge.ingestion import storage
from chalicelib.knowledge.search import retrieval
from chalicelib.knowledge.text import bm25, lexemes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

_OPT_OUTS, _DELETED = 100, 0.05
_LEXICAL_CHECKS = 20
_RAW = """
    select chunk_id from bare order by embedding <=> %(vector)s::halfvec(384) limit 10"""
_EXACT_WORDS = """
    select -(weights <#> (select bm25_query(%(lexemes)s, %(frequencies)s))) as score from chunk_terms
     where live and space_id = any (%(spaces)s) and not document_id = any (%(excluded)s)
     order by score desc limit 10"""


def _visible(corpus: Corpus, caller: Caller, deleted: "NDArray[np.int64]") -> "NDArray[np.int64]":
    import numpy as np

    seen = np.isin(corpus.space, caller.spaces)
    removed = np.concatenate([deleted, np.array(sorted(caller.removed), dtype=np.int64)])
    visible: NDArray[np.int64] = np.flatnonzero(seen & ~np.isin(corpus.document, removed))
    return visible


def _exact(corpus: Corpus, visible: "NDArray[np.int64]", queries: "Vectors") -> "Vectors":
    """The cosine of the 10th best of each query."""
    import numpy as np

    best = np.full((len(queries), TOP_K), -1.0, dtype=np.float32)
    for start in range(0, len(visible), 50_000):
        rows = corpus.vectors[visible[start : start + 50_000]].astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        both = np.concatenate([best, queries @ rows.T], axis=1)
        best = -np.partition(-both, TOP_K - 1, axis=1)[:, :TOP_K]
    least: Vectors = best.min(axis=1)
    return least


def header() -> str:
    """The heads of what measure() prints."""
    return (
        f"{'':<12}{'caller':<10}{'visible':>9}  {'mode':<9}{'recall@10':>9}{'short':>7}{'p50 ms':>9}{'p95 ms':>9}"
        f"{'raw p50':>9}{'raw p95':>9}{'ratio':>8}"
    )


def measure(
    temp_database: database.Database,
    corpus: Corpus,
    caller: Caller,
    corpus_source: Source,
    deleted: "NDArray[np.int64]",
    phase: str,
) -> None:
    """Print a line for each mode."""
    visible = _visible(corpus, caller, deleted)
    worst = _exact(corpus, visible, corpus_source.query_vectors)
    recall: dict[str, list[float]] = {name: [] for name in MODES}
    short = dict.fromkeys(MODES, 0)
    halves = corpus_source.query_vectors.astype("float16").astype("float32")
    with searching(temp_database, caller.id):
        temp_database.superuser.execute("select set_config('hnsw.ef_search', %s, true)", [_effort(corpus, visible)])
        times = in_turns(temp_database, _RAW, corpus_source.queries, halves)
        for text, vector, least in zip(corpus_source.queries, halves, worst.tolist(), strict=True):
            for mode in MODES:
                results = hits(temp_database, text, mode, vector)
                short[mode] += len(results) < min(TOP_K, len(visible))
                if mode == "semantic":
                    recall[mode].append(sum(hit.score >= least - 2e-4 for hit in results) / TOP_K)
            if len(recall["lexical"]) < _LEXICAL_CHECKS:
                recall["lexical"].append(_words_recall(temp_database, corpus, caller, text, vector))
    raw = median(times["raw"])
    for mode in MODES:
        shown = f"{fmean(recall[mode]):>9.3f}" if recall[mode] else " " * 9
        print(
            f"{phase:<12}{caller.name:<10}{len(visible):>9}  {mode:<9}{shown}{short[mode]:>7}"
            f"{median(times[mode]):>9.2f}{p95(times[mode]):>9.2f}{raw:>9.2f}{p95(times['raw']):>9.2f}"
            f"{median(times[mode]) / raw:>8.2f}",
            flush=True,
        )


def _effort(corpus: Corpus, visible: "NDArray[np.int64]") -> str:
    """The `hnsw.ef_search` with which the product searches for somebody who sees so much."""
    if len(corpus.space) < retrieval.SMALL_GRAPH:
        return "200"
    private = int((corpus.space[visible] != database.ORGANISATION).sum())
    bound = max(retrieval.EXACT_PRIVATE, min(len(corpus.space) // retrieval.WIDE_SHARE, retrieval.EXACT_CHUNKS))
    return "1000" if len(corpus.space) >= retrieval.LARGE_GRAPH and private > bound else "400"


def _words_recall(
    temp_database: database.Database, corpus: Corpus, caller: Caller, text: str, vector: "Vectors"
) -> float:
    """Recall@10 of mode lexical against BM25 of everything visible."""
    results = hits(temp_database, text, "lexical", vector)
    words, frequencies = lexemes.query_terms(text)
    excluded = [uuid.UUID(bytes=corpus.document_keys[number].tobytes()) for number in caller.removed]
    params = {"lexemes": words, "frequencies": frequencies, "spaces": list(caller.spaces), "excluded": excluded}
    best = [row[0] for row in temp_database.superuser.execute(_EXACT_WORDS, params).fetchall() if row[0] > 0]
    return sum(hit.score >= best[-1] - 1e-4 for hit in results) / len(best) if best else 1.0


def _delete(temp_database: database.Database, corpus: Corpus) -> "NDArray[np.int64]":
    """Delete a share of the documents as users do, softly; their numbers."""
    import numpy as np

    rng = np.random.default_rng(4)
    deleted_documents: NDArray[np.int64] = np.flatnonzero(rng.random(len(corpus.document_keys)) < _DELETED)
    keys = [uuid.UUID(bytes=key.tobytes()) for key in corpus.document_keys[deleted_documents]]
    for table, column in (
        ("documents", "deleted_at = now()"),
        ("embeddings", "live = false"),
        ("chunk_terms", "live = false"),
    ):
        key = "id" if table == "documents" else "document_id"
        temp_database.superuser.execute("set session_replication_role = replica")
        temp_database.superuser.execute(f"update {table} set {column} where {key} = any (%s)", [keys])
        temp_database.superuser.execute("set session_replication_role = origin")
    return deleted_documents


def _opt_out(temp_database: database.Database, corpus: Corpus, caller: Caller) -> Caller:
    """The caller without 100 of the documents that he sees."""
    import numpy as np

    seen = np.unique(corpus.document[np.isin(corpus.space, caller.spaces)])
    chosen = np.random.default_rng(5).choice(seen, size=min(_OPT_OUTS, len(seen) // 2), replace=False)
    for number in chosen:
        temp_database.superuser.execute(
            "insert into user_document_defaults (user_id, document_id, enabled) values (%s, %s, false)",
            [caller.id, uuid.UUID(bytes=corpus.document_keys[number].tobytes())],
        )
    return dataclasses.replace(caller, removed=frozenset(chosen.tolist()))


@contextmanager
def _ingesting(
    temp_database: database.Database, corpus_source: Source, owner: uuid.UUID, spaces: Sequence[int]
) -> Iterator[list[float]]:
    """While this lasts, another connection stores documents by the product's statements; seconds of each.

    Whatever it stores is far from every query, so that the exact answers stay what they are.
    """
    import numpy as np

    away = unit(-corpus_source.query_vectors.mean(axis=0, keepdims=True))
    stop, taken = threading.Event(), list[float]()
    rng = np.random.default_rng(6)

    def write() -> None:
        with connection.connect(temp_database.secret) as conn:
            number = 0
            while not stop.is_set():
                number += 1
                document, space = uuid.uuid4(), spaces[number % len(spaces)]
                rows = unit(away + 0.02 * rng.normal(size=(CHUNKS_PER_DOCUMENT, 384)))
                chosen = rng.integers(len(corpus_source.texts), size=CHUNKS_PER_DOCUMENT).tolist()
                with conn.transaction():
                    conn.execute("select assume_user(%s)", [owner])
                    for setting in ("app.spaces", "app.writable_spaces"):
                        conn.execute("select set_config(%s, %s, true)", [setting, f"{{{space}}}"])
                    conn.execute(
                        "insert into documents (id, space_id, owner_id, title, filename, source_type, object_key)"
                        " values (%s, %s, %s, 'New', 'new.txt', 'upload', %s)",
                        [document, space, owner, document.hex],
                    )
                    started = time.perf_counter()
                    conn.execute(storage.queries.insert_chunks, _row(document, space, rows, corpus_source, chosen))
                    conn.execute(storage.queries.count_lexemes, {"id": document})
                taken.append(time.perf_counter() - started)
                stop.wait(0.25)  # 80 chunks a second at most: more than one worker embeds

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write)
        try:
            yield taken
        finally:
            stop.set()
        writer.result()


def _row(
    document: uuid.UUID, space: int, rows: "Vectors", corpus_source: Source, chosen: Sequence[int]
) -> dict[str, Any]:
    count = len(chosen)
    return {
        "id": document,
        "space_id": space,
        "live": True,
        "model": 1,
        "texts": [corpus_source.texts[number] for number in chosen],
        "starts": [place * 800 for place in range(count)],
        "ends": [place * 800 + 700 for place in range(count)],
        "pages": [None] * count,
        "sections": [None] * count,
        "columns": [None] * count,
        "contexts": [None] * count,
        "token_counts": [180] * count,
        "vectors": builtin.as_text(rows),
        "weights": [bm25.to_sparsevec(corpus_source.weights[number]) for number in chosen],
    }


def run(folder: Path | None, chunks: int, queries: int) -> None:
    """Load and print the table."""
    corpus_source = source(folder, queries, size=min(10_000, 5 * chunks))
    with database.throwaway(shared_buffers="2GB") as temp_database:
        corpus, callers = load(temp_database, corpus_source, chunks)
        print(header())
        import numpy as np

        nothing = np.empty(0, dtype=np.int64)
        for caller in callers:
            measure(temp_database, corpus, caller, corpus_source, nothing, "as loaded")
        deleted = _delete(temp_database, corpus)
        callers = [_opt_out(temp_database, corpus, caller) for caller in callers]
        for caller in callers:
            measure(temp_database, corpus, caller, corpus_source, deleted, "deletions")
        owner, space = temp_database.user("writer")
        huge = callers[-1]
        with _ingesting(temp_database, corpus_source, owner, [database.ORGANISATION, huge.spaces[1], space]) as taken:
            for caller in callers:
                measure(temp_database, corpus, caller, corpus_source, deleted, "ingesting")
        each = sorted(1000 * seconds / CHUNKS_PER_DOCUMENT for seconds in taken)
        print(f"stored {len(taken)} documents meanwhile: {median(each):.2f} ms a chunk (median), {p95(each):.2f} (p95)")
