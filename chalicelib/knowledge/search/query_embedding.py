"""The embedding of a query, by the active model."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.core import errors
from chalicelib.knowledge.embedding import embedding_models
from chalicelib.knowledge.embedding.recipe import Recipe
from chalicelib.knowledge.embedding.remote import EmbeddingProviderError
from chalicelib.knowledge.search.models import SearchRequest


@dataclass(frozen=True, slots=True)
class QueryVector:
    """The embedding of a query by `model`: `numbers`, L2-normalised."""

    model: Recipe
    numbers: Sequence[float]


def embed_query(query: SearchRequest) -> QueryVector:
    """The embedding of the query's text by the model that this process takes for the active one.

    Text beyond the model's limit is cut. Raises BadGateway (embedding_failed).
    """
    model = embedding_models.active()
    try:
        return _embedded(query, model)
    except EmbeddingProviderError as error:
        # The model's address or key may have changed since this process read them.
        renewed = embedding_models.look_again()
        if renewed == model:
            raise errors.BadGateway(str(error), code="embedding_failed") from error
    try:
        return _embedded(query, renewed)
    except EmbeddingProviderError as error:
        raise errors.BadGateway(str(error), code="embedding_failed") from error


def _embedded(query: SearchRequest, model: Recipe) -> QueryVector:
    return QueryVector(model, model.embed_query(query.query).tolist())
