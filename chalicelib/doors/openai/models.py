"""Requests and responses in the form of OpenAI's API.

Programs send many parameters that do not change what an answer says: unknown ones are ignored here, unlike elsewhere.
What would change the answer and is not supported is refused by name (completions.py).
"""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AliasChoices, ConfigDict, Field, model_validator

from chalicelib.core.models import Request, Resource, Text

MAX_MESSAGES = 200
MAX_CONTENT_CHARS = 100_000
MAX_INPUTS = 64
MAX_INPUT_CHARS = 20_000

ModelId = Annotated[Text, Field(min_length=1, max_length=200)]


class _Lenient(Request):
    """A request whose unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore")


class TextPart(_Lenient):
    """A part of a message. Only `text` is supported."""

    type: Annotated[Text, Field(max_length=40)]
    text: Annotated[Text, Field(max_length=MAX_CONTENT_CHARS)] = ""


class ChatMessage(_Lenient):
    """A message of the conversation. The last one must be the user's question."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: (
        Annotated[Text, Field(max_length=MAX_CONTENT_CHARS)] | Annotated[list[TextPart], Field(max_length=100)] | None
    ) = None

    @model_validator(mode="after")
    def _as_long_in_parts(self) -> "ChatMessage":
        if len(self.text()) > MAX_CONTENT_CHARS:
            raise ValueError(f"must have at most {MAX_CONTENT_CHARS} characters (has {len(self.text())})")
        return self

    def text(self) -> str:
        """The text of the message, or of its parts, each on a line of its own."""
        return "\n".join(part.text for part in self.content) if isinstance(self.content, list) else self.content or ""


class StreamOptions(_Lenient):
    """Options of a streamed answer."""

    include_usage: bool = False


class CompletionMetadata(_Lenient):
    """`conversation_id` asks in a conversation that the service keeps; its stored messages are the history."""

    conversation_id: UUID | None = None


class NewChatCompletion(_Lenient):
    """A question with its history.

    `model` is an id of `GET /openai/v1/models`. System messages become instructions of the answer.
    """

    model: ModelId
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: Annotated[
        int | None, Field(ge=1, le=32_000, validation_alias=AliasChoices("max_completion_tokens", "max_tokens"))
    ] = None
    metadata: CompletionMetadata | None = None
    # Refused unless they have the value that changes nothing.
    n: int | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    response_format: dict[str, Any] | None = None
    logprobs: bool | None = None
    stop: str | list[str] | None = None
    modalities: list[str] | None = None
    audio: dict[str, Any] | None = None


class UrlCitation(Resource):
    """Where the answer cites a document: `content[start_index:end_index]` is the mark."""

    start_index: int
    end_index: int
    url: str
    title: str
    document_id: UUID
    chunk_id: UUID
    page: int | None
    quote: str


class Annotation(Resource):
    """A citation."""

    type: Literal["url_citation"] = "url_citation"
    url_citation: UrlCitation


class CompletionMessage(Resource):
    """The answer."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None
    annotations: list[Annotation]


class CompletionChoice(Resource):
    """The only choice."""

    index: int = 0
    message: CompletionMessage
    logprobs: None = None
    finish_reason: Literal["stop", "length", "content_filter"]


class CompletionUsage(Resource):
    """The tokens of the answer; zero for the built-in reader, which uses none."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletion(Resource):
    """An answer. With `stream`, the response is `text/event-stream` with `chat.completion.chunk` objects instead."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: CompletionUsage
    metadata: dict[str, str]


class NewEmbeddings(_Lenient):
    """One text, or up to 64 texts. `dimensions`, if it is given, is that of the model."""

    model: ModelId
    input: (
        Annotated[Text, Field(min_length=1, max_length=MAX_INPUT_CHARS)]
        | Annotated[
            list[Annotated[Text, Field(min_length=1, max_length=MAX_INPUT_CHARS)]],
            Field(min_length=1, max_length=MAX_INPUTS),
        ]
    )
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None


class EmbeddingVector(Resource):
    """The vector of one text: numbers, or the base64 of little-endian float32."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingUsage(Resource):
    """An estimate of the tokens of all texts."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(Resource):
    """The vectors, in the order of the texts."""

    object: Literal["list"] = "list"
    data: list[EmbeddingVector]
    model: str
    usage: EmbeddingUsage


class ModelCard(Resource):
    """Something that answers or embeds."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str


class ModelList(Resource):
    """Every model that the caller can name."""

    object: Literal["list"] = "list"
    data: list[ModelCard]
