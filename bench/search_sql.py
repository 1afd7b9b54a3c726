"""What the SQL of /search costs beside the bare HNSW query on the same rows.

    python -m bench.search_sql [--chunks 20000] [--queries 200] [FOLDER]

FOLDER is a collection in BEIR's layout: its real embeddings, mixed in pairs, become as many chunks as wanted. Without
one, vectors of a few intrinsic dimensions in clusters stand in; uniform random ones would make any index look bad.
Both statements are run in turns, in one process, on warm connections; the ratio is that of their medians.
"""

import argparse
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from bench import collection as collections
from bench import database
from chalicelib.knowledge.embedding import embedding_models
from chalicelib.knowledge.search import retrieval
from chalicelib.knowledge.search.models import SearchRequest
from chalicelib.knowledge.search.retrieval import QueryVector
from chalicelib.knowledge.text.chunking import Chunk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

TOP_K = 10
_DIMENSION = embedding_models.BUILT_IN.dimension
CHUNKS_PER_DOCUMENT = 10
_RAW = """
    select chunk_id from embeddings where model_id = 1 and space_id = {space} and live
     order by embedding::halfvec(384) <=> %(vector)s::halfvec(384) limit 10"""
_PRIVATE_INDEX = """
    create index on embeddings using hnsw ((embedding::halfvec(384)) halfvec_cosine_ops)
     where model_id = 1 and space_id = {space} and live"""


@dataclass(frozen=True)
class Material:
    """What a corpus is made of: texts of chunks, their vectors, and queries with theirs."""

    texts: list[str]
    vectors: "Vectors"
    queries: list[str]
    query_vectors: "Vectors"


def material(folder: Path | None, chunks: int, queries: int) -> Material:
    """`chunks` chunks and `queries` queries, from a collection or made up."""
    import numpy as np

    rng = np.random.default_rng(1)
    if folder is None:
        basis = rng.normal(size=(24, _DIMENSION))
        centres = rng.normal(size=(200, 24))
        points = centres[rng.choice(200, size=chunks + queries)] + 0.6 * rng.normal(size=(chunks + queries, 24))
        made = _unit(points @ basis + 0.5 * rng.normal(size=(chunks + queries, _DIMENSION)))
        words = rng.zipf(1.2, size=(chunks + queries, 60)).clip(max=20_000)
        texts = [" ".join(f"w{word}" for word in row) for row in words[:chunks]]
        asked = [" ".join(f"w{word}" for word in row[:8]) for row in words[chunks:]]
        return Material(texts, made[:chunks], asked, made[chunks:])
    from chalicelib.knowledge.embedding import builtin

    collection = collections.read(folder)
    source = collections.passages(collection)
    first, second = (rng.integers(len(source.chunk), size=chunks) for _ in range(2))
    share = rng.uniform(0, 0.35, size=(chunks, 1))
    mixed = source.vectors[first] * (1 - share) + source.vectors[second] * share
    asked = [list(collection.queries.values())[n % len(collection.queries)] for n in range(queries)]
    vectors = builtin.load().embed(asked, truncate=True)
    return Material(
        [source.chunk[number].text for number in first],
        _unit(mixed + rng.normal(scale=0.01, size=mixed.shape)),
        asked,
        _unit(vectors + rng.normal(scale=0.005, size=vectors.shape)),
    )


def _unit(rows: Any) -> "Vectors":
    import numpy as np

    scaled: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def _fill(made: database.Database, owner: uuid.UUID, space: int, given: Material) -> None:
    count = len(given.texts)
    chunks = [Chunk(n % CHUNKS_PER_DOCUMENT, 0, len(text), text, None, None, 1) for n, text in enumerate(given.texts)]
    titles = [f"document {n}" for n in range(-(-count // CHUNKS_PER_DOCUMENT))]
    made.fill(owner, space, titles, [n // CHUNKS_PER_DOCUMENT for n in range(count)], chunks, given.vectors)
    made.settle()


def compare(made: database.Database, caller: uuid.UUID, space: int, given: Material, scope: str) -> None:
    """Print the medians of the bare query and of each mode, their ratios, and the recall of mode semantic."""
    raw: list[float] = []
    taken: dict[str, list[float]] = {"semantic": [], "hybrid": [], "lexical": []}
    recall: list[float] = []
    with made.app.transaction(), made.superuser.transaction():
        made.app.execute("select assume_user(%s)", [caller])
        made.superuser.execute("select assume_user(%s)", [caller])
        for text, vector in zip(given.queries, given.query_vectors, strict=True):
            numbers = vector.tolist()
            started = time.perf_counter()
            made.superuser.execute(_RAW.format(space=space), {"vector": str(numbers)}).fetchall()
            raw.append((time.perf_counter() - started) * 1000)
            for mode, times in taken.items():
                request = SearchRequest(query=text, mode=mode, top_k=TOP_K)
                asked = retrieval.parameters(request, QueryVector(embedding_models.BUILT_IN, numbers))
                started = time.perf_counter()
                retrieval.fetch(made.app, request, asked)
                times.append((time.perf_counter() - started) * 1000)
            recall.append(_recall(made, given.vectors, vector))
    for mode, times in taken.items():
        print(
            f"{scope:<14}{mode:<10}{median(times):>9.2f}{_p95(times):>9.2f}{median(raw):>11.2f}"
            f"{median(times) / median(raw):>8.2f}" + (f"{fmean(recall):>11.3f}" if mode == "semantic" else ""),
            flush=True,
        )


def _recall(made: database.Database, vectors: "Vectors", vector: "Vectors") -> float:
    """Recall@10 of mode semantic, by the cosines of what it found: ties are as good as each other."""
    import numpy as np

    exact = float(np.sort(vectors @ vector)[-TOP_K])
    request = SearchRequest(query="x", mode="semantic", top_k=TOP_K)
    hits = retrieval.search(made.app, request, QueryVector(embedding_models.BUILT_IN, vector.tolist())).items
    # Half precision moves a cosine by less than 0.001.
    return sum(hit.score >= exact - 1e-3 for hit in hits) / TOP_K


def _p95(times: Sequence[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]


def main() -> None:
    """Read the command line, fill two corpora and print the table."""
    parser = argparse.ArgumentParser(description="The SQL of /search beside the bare HNSW query.")
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="a collection in BEIR's layout")
    parser.add_argument("--chunks", type=int, default=20_000)
    parser.add_argument("--queries", type=int, default=200)
    given = parser.parse_args()
    made_of = material(given.folder, given.chunks, given.queries)
    print(f"{given.chunks} chunks, {given.queries} queries, top {TOP_K}; milliseconds")
    print(f"{'corpus':<14}{'mode':<10}{'median':>9}{'p95':>9}{'bare HNSW':>11}{'ratio':>8}{'recall@10':>11}")
    with database.throwaway() as made:
        owner, private = made.user("owner")
        caller, _ = made.user("caller")
        _fill(made, owner, database.ORGANISATION, made_of)
        compare(made, caller, database.ORGANISATION, made_of, "organisation")
    with database.throwaway() as made:
        owner, private = made.user("owner")
        _fill(made, owner, private, made_of)
        made.superuser.execute(_PRIVATE_INDEX.format(space=private))
        compare(made, owner, private, made_of, "private")


if __name__ == "__main__":
    main()
