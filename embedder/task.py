"""The task's loop: claim, embed or recognise, store, until nothing waits any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from chalicelib.core import connection
from chalicelib.core.errors import LeaseLostError
from chalicelib.core.log import logger
from chalicelib.knowledge.embedding import builtin, embedding_models, reembedding
from chalicelib.knowledge.ingestion import delegation, recognition
from chalicelib.knowledge.ingestion.delegation import EmbeddingRequest
from chalicelib.knowledge.ingestion.extraction import engine

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from chalicelib.knowledge.embedding.recipe import Recipe

CLAIM_CHUNKS = 4_096
# So long it waits for more work before it ends, and so often it looks.
IDLE_SECONDS = 60.0
_LOOK_SECONDS = 2.0

Encode = Callable[[str], Callable[[Sequence[str]], "NDArray[np.float32]"]]


@dataclass(slots=True)
class Done:
    """What a run did."""

    chunks: int = 0
    documents: int = 0
    pages: int = 0
    seconds: float = 0.0


def run(encode: Encode, *, idle_seconds: float = IDLE_SECONDS) -> Done:
    """Embed what waits and recognise the text of pictures, until nothing came for `idle_seconds`.

    `encode` gives the function that embeds with the model of a name. Any number of tasks may run: what one holds, no
    other takes, and what a dead one held is free after its lease.
    """
    done, worked_at = Done(), time.monotonic()
    while time.monotonic() - worked_at < idle_seconds:
        if _requests(encode, done) or _pages(done) or _reembedding(encode, done):
            worked_at = time.monotonic()
        else:
            time.sleep(min(_LOOK_SECONDS, idle_seconds / 4))
    logger().info(
        "embedder ends",
        chunks=done.chunks,
        documents=done.documents,
        pages=done.pages,
        seconds=round(done.seconds, 1),
    )
    return done


@dataclass(frozen=True, slots=True)
class _Claim:
    """Chunks that wait, and the token of the lease on them."""

    token: UUID
    requests: Sequence[EmbeddingRequest]


def _claim() -> _Claim:
    token = uuid4()
    return _Claim(token, delegation.claim(token, CLAIM_CHUNKS))


def _requests(encode: Encode, done: Done) -> bool:
    """Chunks of big documents. While some are embedded, the next ones are claimed and the ones before are stored."""
    claim = _claim()
    if not claim.requests:
        return False
    with _helper() as claimer, _helper() as writer:
        storing: Future[int] | None = None
        while claim.requests:
            claiming = claimer.submit(_claim)
            recipe = embedding_models.recipe(claim.requests[0].model_id)
            if recipe is None:
                return False
            started = time.perf_counter()
            texts = [request.chunk_text for request in claim.requests]
            vectors = builtin.shorten(encode(recipe.model)(texts), recipe.dimension)
            _count(done, len(texts), started)
            logger().info("chunks embedded", chunks=len(texts), total=done.chunks, model=recipe.model)
            if storing is not None:
                done.documents += storing.result()
            storing = writer.submit(delegation.store, claim.token, claim.requests, vectors)
            claim = claiming.result()
        if storing is not None:
            done.documents += storing.result()
    return True


@contextmanager
def _helper() -> Iterator[ThreadPoolExecutor]:
    """One thread with a connection of its own."""
    with ThreadPoolExecutor(1) as thread:
        try:
            yield thread
        finally:
            thread.submit(connection.close).result()


def _pages(done: Done) -> bool:
    """Pages that are pictures, where the image has the engine; each is read in a confined process."""
    pages = recognition.work() if engine.available() else 0
    done.pages += pages
    return pages > 0


def _reembedding(encode: Encode, done: Done) -> bool:
    """Chunks without a vector of the model that is being prepared. Only models that this task can load."""
    recipe = _preparing()
    if recipe is None:
        return False
    token = reembedding.claim(recipe.id, CLAIM_CHUNKS)
    if token is None:
        return reembedding.conclude(recipe.id) in {"switched", "more"}
    try:
        while pending := reembedding.read(token, CLAIM_CHUNKS):
            started = time.perf_counter()
            vectors = builtin.shorten(encode(recipe.model)([chunk.chunk_text for chunk in pending]), recipe.dimension)
            _count(done, len(pending), started)
            reembedding.store(token, [chunk.chunk_id for chunk in pending], vectors)
        reembedding.finish(token)
    except LeaseLostError:
        logger().info("re-embedding overtaken", model_id=recipe.id)
    return True


def _preparing() -> Recipe | None:
    preparing = embedding_models.preparing()
    known = ("builtin", builtin.BUILT_IN, "")
    is_known = preparing is not None and (preparing.provider, preparing.model, preparing.document_prefix) == known
    return preparing if is_known else None


def _count(done: Done, chunks: int, started: float) -> None:
    done.chunks += chunks
    done.seconds += time.perf_counter() - started
