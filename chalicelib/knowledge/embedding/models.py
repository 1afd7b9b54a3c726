"""Requests and responses of the embedding models."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints, model_validator

from chalicelib.core.models import STORABLE, Failure, Request, Resource, Shape, Text, Timestamp, matching

ModelName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), STORABLE]


Prefix = Annotated[Text, StringConstraints(max_length=200)]


Address = Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=2048)]


ApiKey = Annotated[
    str, matching(r"^[\x21-\x7e]{1,500}$", "must have 1 to 500 printable ASCII characters, without blanks")
]


class NewEmbeddingModel(Request):
    """An embedding model: `builtin` is part of the deployment, `openai` is any server with OpenAI's protocol.

    A `dimension` below the model's own truncates its vectors. By default, vectors have the model's own dimension. The
    prefixes are what a model was trained with, such as `query: ` and `passage: ` of the E5 models. A built-in model has
    its own by default, another one has none.
    """

    _shapes: ClassVar = {
        "NewBuiltinEmbeddingModel": Shape(
            "A model that is part of the deployment.",
            without=frozenset({"base_url", "api_key"}),
            values={"provider": ("builtin",)},
        ),
        "NewRemoteEmbeddingModel": Shape(
            "A model behind OpenAI's protocol.", frozenset({"provider", "base_url"}), values={"provider": ("openai",)}
        ),
    }

    name: ModelName
    provider: Literal["builtin", "openai"] = "builtin"
    model: ModelName
    dimension: Annotated[int, Field(ge=1, le=4000)] | None = None
    query_prefix: Prefix | None = None
    document_prefix: Prefix | None = None
    base_url: Address | None = None
    api_key: ApiKey | None = None

    @model_validator(mode="after")
    def _reachable(self) -> "NewEmbeddingModel":
        if (self.provider == "openai") != (self.base_url is not None):
            raise ValueError("`base_url` is required when `provider` is `openai`, and not allowed otherwise")
        if self.provider == "builtin" and self.api_key is not None:
            raise ValueError("`api_key` is not allowed when `provider` is `builtin`")
        return self


class EmbeddingModelChanges(Request):
    """Changes of a model that leave its vectors as they are. `api_key: null` removes the key.

    Another host of a model that is active or preparing requires `sends_private_documents: true`.
    """

    name: ModelName | None = None
    base_url: Address | None = None
    api_key: ApiKey | None = None
    sends_private_documents: bool = False

    @model_validator(mode="after")
    def _not_null(self) -> "EmbeddingModelChanges":
        for field in self.model_fields_set & {"name", "base_url"}:
            if getattr(self, field) is None:
                raise ValueError(f"`{field}` must not be null")
        return self


class EmbeddingActivation(Request):
    """A confirmation. A model on a server receives the chunks of every document, other users' private ones included."""

    sends_private_documents: bool = False


class EmbeddingProgress(Resource):
    """The progress of a model: the number of all chunks, and how many of them have a vector."""

    chunks_done: int
    chunks_total: int
    documents_left: int
    documents_failed: int


class EmbeddingModel(Resource):
    """A registered embedding model, without its key. Exactly one is `active`, at most one other `preparing`.

    `error` is the reason why the preparation does not proceed. The vectors of a model that retired at `retired_at` stay
    for a week: activating it again embeds only the missing chunks.
    """

    id: int
    name: str
    provider: Literal["builtin", "openai"]
    model: str
    dimension: int
    query_prefix: str
    document_prefix: str
    base_url: str | None
    key_last_four: str | None
    status: Literal["inactive", "preparing", "active"]
    progress: EmbeddingProgress | None
    error: Failure | None
    created_at: Timestamp
    updated_at: Timestamp
    activated_at: Timestamp | None
    retired_at: Timestamp | None


class DataProcessor(Resource):
    """A server outside the functions that receives what users write: the documents, or parts of them, and questions.

    An embedding model receives all documents, and the questions that are searched with. A language model receives the
    chunks that were found for a question, the question and the conversation's history, when it is chosen to answer;
    `in_use` is the default choice, `on_offer` is another one. A reranker receives the best of these chunks and the
    question. `host` is null for a service of the deployment's own AWS account. A key of one's own sends to the same
    host.
    """

    kind: Literal["embedding_model", "language_model", "reranker"]
    name: str
    provider: str
    host: str | None
    status: Literal["in_use", "preparing", "on_offer"]
    receives: list[Literal["documents", "chunks", "questions", "history"]]
