"""What the routes of embedding models take and give."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from chalicelib.core.models import STORABLE, Failure, Request, Resource, Text, Timestamp

ModelName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), STORABLE]


Address = Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=2048)]


ApiKey = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,500}$")]


class NewEmbeddingModel(Request):
    """A model that makes vectors: `builtin` is part of the deployment, `openai` any server that speaks its protocol.

    A `dimension` smaller than the model's own cuts its vectors; without one they are as long as the model makes them.
    """

    name: ModelName
    provider: Literal["builtin", "openai"] = "builtin"
    model: ModelName
    dimension: Annotated[int, Field(ge=1, le=4000)] | None = None
    base_url: Address | None = None
    api_key: ApiKey | None = None

    @model_validator(mode="after")
    def _reachable(self) -> "NewEmbeddingModel":
        if (self.provider == "openai") != (self.base_url is not None):
            raise ValueError("give a base_url with provider openai, and only then")
        if self.provider == "builtin" and self.api_key is not None:
            raise ValueError("a built-in model takes no api_key")
        return self


class EmbeddingModelChanges(Request):
    """What of a model can change without changing its vectors. A null `api_key` takes the key away."""

    name: ModelName | None = None
    base_url: Address | None = None
    api_key: ApiKey | None = None

    @model_validator(mode="after")
    def _not_null(self) -> "EmbeddingModelChanges":
        for field in self.model_fields_set & {"name", "base_url"}:
            if getattr(self, field) is None:
                raise ValueError(f"{field} may not be null")
        return self


class EmbeddingProgress(Resource):
    """How far a model is: chunks of all documents, and how many of them have their vector."""

    chunks_done: int
    chunks_total: int
    documents_left: int
    documents_failed: int


class EmbeddingModel(Resource):
    """A registered embedding model, without its key. Exactly one is `active`, at most one other `preparing`.

    `error` says what keeps the preparation back. Of a model that went out of use at `retired_at`, the vectors are kept
    for a week: activating it again embeds only what is missing.
    """

    id: int
    name: str
    provider: Literal["builtin", "openai"]
    model: str
    dimension: int
    base_url: str | None
    key_last_four: str | None
    status: Literal["inactive", "preparing", "active"]
    progress: EmbeddingProgress | None
    error: Failure | None
    created_at: Timestamp
    updated_at: Timestamp
    activated_at: Timestamp | None
    retired_at: Timestamp | None
