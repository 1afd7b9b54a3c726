"""Re-embedding: every chunk gets a vector of another model, while searches use the active one.

`embedding_queue` has the documents that lack vectors of the model in preparation. Any number of workers, among them the
GPU task, claim some under a lease, embed the chunks without a vector and store the vectors. When a worker dies, its
lease expires, and its stored vectors stay. The worker that finds the queue empty concludes: if no vector is missing,
the prepared model becomes the active one in one transaction. docs/embedding-models.md explains why results never mix
vectors of two models.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from chalicelib.core import errors, identity, queues, rows, sql
from chalicelib.core.errors import LeaseLostError
from chalicelib.core.log import logger
from chalicelib.core.settings import settings
from chalicelib.knowledge.embedding import builtin, embedding_models, halfvec
from chalicelib.knowledge.embedding.remote import BATCH_TEXTS, EmbeddingProviderError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from chalicelib.core.connection import Conn
    from chalicelib.knowledge.embedding.recipe import Recipe

queries = sql.load(__file__)

MODEL_LEASE = timedelta(seconds=90)
# The part of the ingest function's time that one message may use: uploaded documents must not wait longer.
RUN_SECONDS = 20.0
CLAIM_CHUNKS = 512
# The chunks between two writes, each of which renews the lease. For a server, it is the size of one request.
BATCH_CHUNKS = 128
_PAUSE_OF_PROVIDER = timedelta(seconds=60)
_PAUSE_OF_DOCUMENT = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Pending:
    """A chunk without a vector of the model in preparation."""

    chunk_id: UUID
    chunk_text: str


def run(model_id: int, seconds: float = RUN_SECONDS) -> None:
    """Work on a model in preparation for about `seconds`; sends another wake-up while there is more to do."""
    recipe = embedding_models.recipe(model_id)
    deadline = time.monotonic() + seconds
    while recipe is not None:
        if time.monotonic() > deadline:
            wake(model_id)
            return
        token = claim(model_id, CLAIM_CHUNKS)
        if token is not None:
            if not work(recipe, token, deadline):
                return
        elif conclude(model_id) != "more":
            return


def work(recipe: "Recipe", token: UUID, deadline: float) -> bool:
    """Embed the lease's documents until they are complete or time is up; returns whether to continue with others."""
    amount = BATCH_CHUNKS if recipe.provider == "builtin" else BATCH_TEXTS
    try:
        while time.monotonic() <= deadline and (pending := read(token, amount)):
            vectors = recipe.embed([chunk.chunk_text for chunk in pending])
            store(token, [chunk.chunk_id for chunk in pending], vectors)
        finish(token)
    except LeaseLostError:
        logger().info("re-embedding overtaken", model_id=recipe.id)
    except EmbeddingProviderError as error:
        release(token, str(error), counted=not error.passing)
        logger().warning("re-embedding is held up", model_id=recipe.id, reason=str(error))
        return not error.passing
    except (errors.Unavailable, builtin.ModelNotFoundError) as error:
        release(token, str(error), counted=False)
        raise
    except builtin.TextTooLongError as error:
        release(token, str(error), counted=True)
    return True


def claim(model_id: int, chunks: int) -> UUID | None:
    """Claim documents with about `chunks` chunks for MODEL_LEASE. Returns the lease's token, or None without any."""
    token = uuid4()
    params = {"model": model_id, "token": token, "lease": MODEL_LEASE, "amount": chunks}
    with identity.as_nobody() as conn:
        return token if rows.value(conn, queries.claim, params) else None


def read(token: UUID, amount: int) -> list[Pending]:
    """At most `amount` chunks of the lease's documents that have no vector yet."""
    with identity.as_nobody() as conn:
        return rows.many(conn, Pending, queries.read, {"token": token, "amount": amount})


def store(token: UUID, chunks: Sequence[UUID], vectors: "NDArray[np.float32]") -> None:
    """Store `vectors[i]` for `chunks[i]` and renew the lease. Raises LeaseLostError; nothing is stored then."""
    row = {"token": token, "chunks": list(chunks), "vectors": halfvec.from_rows(vectors), "lease": MODEL_LEASE}
    with identity.as_nobody() as conn:
        halfvec.adapt(conn)
        if not rows.value(conn, queries.store, row):
            raise LeaseLostError


def finish(token: UUID) -> None:
    """Release the lease's documents: complete ones leave the queue, others wait for the next worker."""
    with identity.as_nobody() as conn:
        conn.execute(queries.finish, {"token": token})


def release(token: UUID, message: str, *, counted: bool) -> None:
    """Release the lease's documents after a failure; `counted` when they caused it, and not the provider."""
    pause = _PAUSE_OF_DOCUMENT if counted else _PAUSE_OF_PROVIDER
    with identity.as_nobody() as conn:
        conn.execute(queries.release, {"token": token, "message": message, "pause": pause, "counted": counted})


def conclude(model_id: int) -> str:
    """Make the model the active one if every chunk has its vector.

    Returns `switched`; `waiting` while other workers have documents or documents are held back; `more` when vectors
    were missing that the queue did not contain; `gone` when the model is not in preparation; `busy` when transactions
    that store documents held the lock.
    """
    import psycopg

    try:
        with identity.as_nobody() as conn:
            outcome: str = rows.value(conn, queries.conclude, {"model": model_id})
    except psycopg.errors.LockNotAvailable:
        return "busy"
    if outcome == "switched":
        logger().info("another embedding model is active", model_id=model_id)
    return outcome


def wake(model_id: int) -> None:
    """Send the ingest function a wake-up for a model. If sending fails, tick sends it again."""
    try:
        queues.send(settings().ingest_queue_url, [{"reembed": model_id}])
    except errors.Unavailable as error:
        logger().warning("a wake-up was not sent", model_id=model_id, reason=str(error))


def next_wakeup(conn: "Conn") -> datetime | None:
    """When resend_wakeups() has a worker to wake, None while no model is prepared."""
    due: datetime | None = rows.value(conn, queries.next_reembedding)
    return due


def resend_wakeups() -> int:
    """Send wake-ups for models in preparation that have work and no worker; returns how many.

    Each document that was given up is recorded as an event, once.
    """
    with identity.as_nobody() as conn:
        waiting_models = [row[0] for row in conn.execute(queries.list_waiting_models).fetchall()]
    for model_id in waiting_models:
        wake(model_id)
    return len(waiting_models)
