"""Requests and responses of the rerankers."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, model_validator

from chalicelib.core.models import Changes, Request, Resource, Timestamp, matching
from chalicelib.knowledge.embedding.models import Address, ApiKey, ModelName

# The values of the setting `active_reranker` that are no registered reranker.
OFF, BUILT_IN = "off", "built_in"

RerankerProvider = Literal["cohere", "jina", "tei"]


def _free(name: str) -> str:
    if name in {OFF, BUILT_IN}:
        raise ValueError(f"must not be `{OFF}` or `{BUILT_IN}`")
    return name


RerankerName = Annotated[
    str,
    matching(
        r"^[a-z0-9][a-z0-9_-]{0,99}$",
        "must have 1 to 100 of the characters a-z, 0-9, '_', '-', and begin with a letter or digit",
    ),
    AfterValidator(_free),
]


class NewReranker(Request):
    """A reranker on a server. Requests go to `base_url` with `/rerank` after it.

    `cohere` and `jina` are servers with the API of these providers, such as vLLM and llama.cpp (`jina`); they require
    `model`. `tei` is Hugging Face's Text Embeddings Inference, which serves one model.
    """

    name: RerankerName
    provider: RerankerProvider
    model: ModelName | None = None
    base_url: Address
    api_key: ApiKey | None = None

    @model_validator(mode="after")
    def _named(self) -> "NewReranker":
        if (self.provider == "tei") != (self.model is None):
            raise ValueError("`model` is required, except when `provider` is `tei`, which takes none")
        return self


class RerankerChanges(Changes):
    """Changes of a reranker. `api_key: null` removes the key; another address requires the key again."""

    _nullable = frozenset({"api_key"})

    model: ModelName | None = None
    base_url: Address | None = None
    api_key: ApiKey | None = None


class Reranker(Resource):
    """A reranker on a server, without its key. Only administrators get `base_url` and `key_last_four`."""

    id: UUID
    name: str
    provider: RerankerProvider
    model: str | None
    base_url: str | None
    key_last_four: str | None
    created_at: Timestamp
    updated_at: Timestamp
