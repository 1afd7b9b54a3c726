"""Tick's repairs of embedding models."""

from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.core.repairs import repair
from chalicelib.knowledge.embedding import embedding_models, reembedding

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn


def next_reembedding(conn: "Conn") -> datetime | None:
    """When the next lease of a model in preparation ends, or its next document may be tried."""
    return reembedding.next_wakeup(conn)


@repair(due=next_reembedding)
def wake_reembedding() -> int:
    """Wake embedding models whose workers died or whose wake-up was lost; returns how many."""
    return reembedding.resend_wakeups()


@repair
def drop_vectors() -> int:
    """Delete the vectors of models whose retention period has ended; returns the number of models."""
    return embedding_models.drop_retired()
