"""Tick's repairs of embedding models."""

from chalicelib.core.repairs import repair
from chalicelib.knowledge.embedding import embedding_models, reembedding


@repair
def wake_reembedding() -> int:
    """Wake embedding models whose workers died or whose wake-up was lost; returns how many."""
    return reembedding.resend_wakeups()


@repair
def drop_vectors() -> int:
    """Delete the vectors of models whose retention period has ended; returns the number of models."""
    return embedding_models.drop_retired()
