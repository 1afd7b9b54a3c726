"""The statement of /search as the product runs it, and a bare query, in turns on warm connections."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from bench.database import Database
from chalicelib.knowledge.embedding.recipe import BUILT_IN
from chalicelib.knowledge.search import retrieval
from chalicelib.knowledge.search.models import Hit, SearchRequest
from chalicelib.knowledge.search.query_embedding import QueryVector

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

Mode = Literal["semantic", "hybrid", "lexical"]
MODES: tuple[Mode, ...] = ("semantic", "hybrid", "lexical")
TOP_K = 10


@contextmanager
def searching(temp_database: Database, caller: UUID) -> Iterator[None]:
    """A transaction in which both connections see what the caller sees."""
    with temp_database.app.transaction(), temp_database.superuser.transaction():
        for conn in (temp_database.app, temp_database.superuser):
            conn.execute("select assume_user(%s)", [caller])
        yield


def in_turns(temp_database: Database, raw: str, queries: Sequence[str], vectors: "Vectors") -> dict[str, list[float]]:
    """Milliseconds of the bare query (`raw`) and of each mode, text sent and rows fetched, for every query."""
    times: dict[str, list[float]] = {name: [] for name in ("raw", *MODES)}
    for text, vector in zip(queries, vectors, strict=True):
        numbers = vector.tolist()
        started = time.perf_counter()
        temp_database.superuser.execute(raw.encode(), {"vector": str(numbers)}).fetchall()
        times["raw"].append((time.perf_counter() - started) * 1000)
        for mode in MODES:
            request = SearchRequest(query=text, mode=mode, top_k=TOP_K)
            params = retrieval.parameters(request, QueryVector(BUILT_IN, numbers))
            started = time.perf_counter()
            retrieval.fetch(temp_database.app, request, params)
            times[mode].append((time.perf_counter() - started) * 1000)
    return times


def hits(temp_database: Database, text: str, mode: Mode, vector: "Vectors") -> list[Hit]:
    """What the product finds."""
    request = SearchRequest(query=text, mode=mode, top_k=TOP_K)
    return retrieval.search(temp_database.app, request, QueryVector(BUILT_IN, vector.tolist())).items
