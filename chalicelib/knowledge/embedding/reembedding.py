"""Moving every chunk to another embedding model, while searches go on with the one that is active.

The documents that lack vectors of the model being prepared stand in `embedding_queue`. Any number of workers, the GPU
task among them, claim some under a lease, embed the chunks that have no vector yet and store them. A worker that dies
leaves its lease to lapse and what it stored in place. Whoever finds the queue empty concludes: if nothing is missing,
the prepared model becomes the active one in one transaction. docs/embedding-models.md says why nothing can be mixed.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from chalicelib.core import errors, identity, queues, rows, sql
from chalicelib.core.errors import LeaseLostError
from chalicelib.core.log import logger
from chalicelib.core.settings import settings
from chalicelib.knowledge.embedding import builtin, embedding_models
from chalicelib.knowledge.embedding.remote import BATCH_TEXTS, EmbeddingProviderError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from chalicelib.knowledge.embedding.recipe import Recipe

queries = sql.load(__file__)

MODEL_LEASE = timedelta(seconds=90)
# One message's share of the ingest function's time: documents that are being uploaded want it too.
RUN_SECONDS = 20.0
CLAIM_CHUNKS = 512
# So many are embedded between two writes, which renew the lease; of a server, one request's.
BATCH_CHUNKS = 128
_PAUSE_OF_PROVIDER = timedelta(seconds=60)
_PAUSE_OF_DOCUMENT = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Pending:
    """A chunk without a vector of the model being prepared."""

    chunk_id: UUID
    chunk_text: str


def run(model_id: int, seconds: float = RUN_SECONDS) -> None:
    """Work on a model that is being prepared for about so long; asks to be called again while there is more to do."""
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
    """Embed what a lease holds until it is whole or the time is over; returns whether to go on with other documents."""
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
    """Claim documents of about `chunks` chunks for MODEL_LEASE. Returns the lease's token; None when none is left."""
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
    row = {"token": token, "chunks": list(chunks), "vectors": builtin.as_text(vectors), "lease": MODEL_LEASE}
    with identity.as_nobody() as conn:
        if not rows.value(conn, queries.store, row):
            raise LeaseLostError


def finish(token: UUID) -> None:
    """Let go of the lease's documents: those that are whole leave the queue, others wait for the next worker."""
    with identity.as_nobody() as conn:
        conn.execute(queries.finish, {"token": token})


def release(token: UUID, message: str, *, counted: bool) -> None:
    """Let go of the lease's documents after a failure; `counted` when they are to blame, and not the provider."""
    pause = _PAUSE_OF_DOCUMENT if counted else _PAUSE_OF_PROVIDER
    with identity.as_nobody() as conn:
        conn.execute(queries.release, {"token": token, "message": message, "pause": pause, "counted": counted})


def conclude(model_id: int) -> str:
    """Make the model the active one if every chunk has its vector.

    Returns `switched`, `waiting` while others work or documents are held back, `more` when vectors were missing that
    nobody knew of, `gone` when the model is not being prepared, `busy` when those who store documents were in the way.
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
    """Have the ingest function work on a model. A message that cannot be sent is tick's to send again."""
    try:
        queues.send(settings().ingest_queue_url, [{"reembed": model_id}])
    except errors.Unavailable as error:
        logger().warning("a wake-up was not sent", model_id=model_id, reason=str(error))


def resend_wakeups() -> int:
    """Send wake-ups for models that are being prepared while nobody works on them; returns how many.

    Documents that were given up become events of their own, once.
    """
    with identity.as_nobody() as conn:
        waiting_models = [row[0] for row in conn.execute(queries.list_waiting_models).fetchall()]
    for model_id in waiting_models:
        wake(model_id)
    return len(waiting_models)
