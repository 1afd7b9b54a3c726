"""What the statement of /search costs beside the bare HNSW query on the same rows, and what it finds.

FOLDER is a collection in BEIR's layout: its real embeddings, mixed in pairs, become as many chunks as wanted, once all
of the organisation, once all of one user. Without a folder, vectors of a few intrinsic dimensions in clusters stand in;
uniform random ones would make any index look bad. Both statements run in turns, in one process, on warm connections;
the ratio is that of their medians.

With --many-users, 5,000 users, 200 groups and the organisation share the chunks, and a tiny, a middling and a huge user
search: as loaded, after deletions and opt-outs, and while another connection ingests. Recall is against exact search.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING

from bench import collection as collections
from bench import database, many_users
from bench.commands import Command, parser
from bench.corpus import unit
from bench.summary import p95
from bench.turns import MODES, TOP_K, hits, in_turns, searching
from chalicelib.knowledge.embedding import builtin
from chalicelib.knowledge.embedding.recipe import BUILT_IN
from chalicelib.knowledge.text.chunking import ChunkDraft

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

COMMAND = Command(
    "The statement of /search beside the bare HNSW query; ARGS=--many-users CHUNKS=1000000: among 5,000 users",
    smallest=("--chunks 200 --queries 1", "--many-users --chunks 200 --queries 1"),
)
_DIMENSION = BUILT_IN.dimension
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
        temp_database = unit(points @ basis + 0.5 * rng.normal(size=(chunks + queries, _DIMENSION)))
        words = rng.zipf(1.2, size=(chunks + queries, 60)).clip(max=20_000)
        texts = [" ".join(f"w{word}" for word in row) for row in words[:chunks]]
        texts_of_queries = [" ".join(f"w{word}" for word in row[:8]) for row in words[chunks:]]
        return Material(texts, temp_database[:chunks], texts_of_queries, temp_database[chunks:])
    collection = collections.read(folder)
    source = collections.chunks(collection)
    first, second = (rng.integers(len(source.chunk), size=chunks) for _ in range(2))
    share = rng.uniform(0, 0.35, size=(chunks, 1))
    mixed = source.vectors[first] * (1 - share) + source.vectors[second] * share
    texts_of_queries = [list(collection.queries.values())[n % len(collection.queries)] for n in range(queries)]
    vectors = builtin.load().embed(texts_of_queries, truncate=True)
    return Material(
        [source.chunk[number].text for number in first],
        unit(mixed + rng.normal(scale=0.01, size=mixed.shape)),
        texts_of_queries,
        unit(vectors + rng.normal(scale=0.005, size=vectors.shape)),
    )


def _fill(temp_database: database.Database, owner: uuid.UUID, space: int, options: Material) -> None:
    count = len(options.texts)
    chunks = [
        ChunkDraft(n % CHUNKS_PER_DOCUMENT, 0, len(text), text, None, None, 1) for n, text in enumerate(options.texts)
    ]
    titles = [f"document {n}" for n in range(-(-count // CHUNKS_PER_DOCUMENT))]
    temp_database.fill(owner, space, titles, [n // CHUNKS_PER_DOCUMENT for n in range(count)], chunks, options.vectors)
    temp_database.finalise()


def compare(temp_database: database.Database, caller: uuid.UUID, space: int, options: Material, scope: str) -> None:
    """Print the medians of the bare query and of each mode, their ratios, and the recall of mode semantic."""
    with searching(temp_database, caller):
        times = in_turns(temp_database, _RAW.format(space=space), options.queries, options.query_vectors)
        recall = [_recall(temp_database, options.vectors, vector) for vector in options.query_vectors]
    raw = median(times["raw"])
    for mode in MODES:
        print(
            f"{scope:<14}{mode:<10}{median(times[mode]):>9.2f}{p95(times[mode]):>9.2f}{raw:>11.2f}"
            f"{median(times[mode]) / raw:>8.2f}" + (f"{fmean(recall):>11.3f}" if mode == "semantic" else ""),
            flush=True,
        )


def _recall(temp_database: database.Database, vectors: "Vectors", vector: "Vectors") -> float:
    """Recall@10 of mode semantic, by the cosines of what it found: ties are as good as each other."""
    import numpy as np

    exact = float(np.sort(vectors @ vector)[-TOP_K])
    # Half precision moves a cosine by less than 0.001.
    return sum(hit.score >= exact - 1e-3 for hit in hits(temp_database, "x", "semantic", vector)) / TOP_K


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill the corpora and print the table."""
    command_line = parser("bench search", __doc__)
    command_line.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="a collection in BEIR's layout")
    command_line.add_argument("--chunks", type=int, help="20,000; among many users 200,000")
    command_line.add_argument("--queries", type=int, help="200; among many users 100")
    command_line.add_argument("--many-users", action="store_true")
    options = command_line.parse_args(arguments)
    if options.many_users:
        many_users.run(options.folder, options.chunks or 200_000, options.queries or 100)
    else:
        _in_one_space(options.folder, options.chunks or 20_000, options.queries or 200)


def _in_one_space(folder: Path | None, chunks: int, queries: int) -> None:
    used = material(folder, chunks, queries)
    print(f"{chunks} chunks, {queries} queries, top {TOP_K}; milliseconds")
    print(f"{'corpus':<14}{'mode':<10}{'median':>9}{'p95':>9}{'bare HNSW':>11}{'ratio':>8}{'recall@10':>11}")
    with database.throwaway() as temp_database:
        owner, private = temp_database.user("owner")
        caller, _ = temp_database.user("caller")
        _fill(temp_database, owner, database.ORGANISATION, used)
        compare(temp_database, caller, database.ORGANISATION, used, "organisation")
    with database.throwaway() as temp_database:
        owner, private = temp_database.user("owner")
        _fill(temp_database, owner, private, used)
        temp_database.superuser.execute(_PRIVATE_INDEX.format(space=private))
        compare(temp_database, owner, private, used, "private")
