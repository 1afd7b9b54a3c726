"""Chunks of big documents for the GPU task: claimed, embedded there, stored.

ingestion.py requests the vectors and takes them back; docs/embedder.md explains the whole process.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.core import identity, rows, sql
from chalicelib.knowledge.documents import bucket
from chalicelib.knowledge.embedding import halfvec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

queries = sql.load(__file__)

CHUNK_LEASE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """One chunk that waits for its vector by the model `model_id`."""

    document_id: UUID
    model_id: int
    chunk_index: int
    chunk_text: str


def claim(token: UUID, amount: int) -> list[EmbeddingRequest]:
    """Claim up to `amount` chunks of one model for `CHUNK_LEASE`."""
    with identity.as_nobody() as conn:
        return rows.many(
            conn, EmbeddingRequest, queries.claim, {"token": token, "lease": CHUNK_LEASE, "amount": amount}
        )


def store(token: UUID, requests: Sequence[EmbeddingRequest], vectors: "NDArray[np.float32]") -> int:
    """Store `vectors[i]` for `requests[i]`; documents that are now complete return to ingestion. Returns their number.

    Chunks that the lease no longer covers are ignored: another worker has them.
    """
    params = {
        "token": token,
        "documents": [request.document_id for request in requests],
        "indices": [request.chunk_index for request in requests],
        "vectors": halfvec.from_rows(vectors),
    }
    with identity.as_nobody() as conn:
        halfvec.adapt(conn)
        whole = [row[0] for row in conn.execute(queries.store, params).fetchall()]
    bucket.ask_for_ingestion(whole)
    return len(whole)
