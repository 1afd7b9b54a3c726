"""What tick repairs about embedding models."""

from chalicelib.core.repairs import repair
from chalicelib.knowledge.embedding import embedding_models, reembedding


@repair
def wake_reembedding() -> int:
    """Go on with embedding models whose workers died or whose wake-up was lost; returns how many."""
    return reembedding.resend_wakeups()


@repair
def drop_vectors() -> int:
    """Forget the vectors of embedding models that went out of use a week ago; returns how many models."""
    return embedding_models.drop_retired()
