"""Embeddings in the form of OpenAI's API."""

import base64

from chalicelib.chat.llm.estimation import estimate_tokens
from chalicelib.core import errors, identity
from chalicelib.doors.openai.models import EmbeddingList, EmbeddingUsage, EmbeddingVector, NewEmbeddings
from chalicelib.knowledge.embedding import embedding_models
from chalicelib.knowledge.embedding.remote import EmbeddingProviderError


def embed(new: NewEmbeddings) -> EmbeddingList:
    """The vectors of the texts by the active model; text beyond the model's limit is cut.

    Raises NotFound (model_not_found), BadRequest (unsupported_parameter), BadGateway (embedding_failed).
    """
    identity.settle()
    model = embedding_models.active()
    if new.model not in {model.model, "alcove"}:
        raise errors.NotFound(
            f"There is no embedding model {new.model}. The active one is {model.model}.", code="model_not_found"
        )
    if new.dimensions not in {None, model.dimension}:
        raise errors.BadRequest(
            f"The model has {model.dimension} dimensions. Leave out `dimensions`.", code="unsupported_parameter"
        )
    texts = [new.input] if isinstance(new.input, str) else new.input
    try:
        vectors = model.embed(texts, truncate=True)
    except EmbeddingProviderError as error:
        raise errors.BadGateway(str(error), code="embedding_failed") from error
    tokens = sum(map(estimate_tokens, texts))
    return EmbeddingList(
        data=[
            EmbeddingVector(
                index=index,
                embedding=base64.b64encode(vector.astype("<f4").tobytes()).decode()
                if new.encoding_format == "base64"
                else vector.tolist(),
            )
            for index, vector in enumerate(vectors)
        ],
        model=model.model,
        usage=EmbeddingUsage(prompt_tokens=tokens, total_tokens=tokens),
    )
