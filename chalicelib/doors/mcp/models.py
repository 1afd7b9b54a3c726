"""JSON-RPC messages of the Model Context Protocol, and the arguments of its tools."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from chalicelib.core.models import Request, Resource, Text

MethodName = Annotated[Text, Field(min_length=1, max_length=100)]


class McpRequest(Request):
    """A JSON-RPC 2.0 request; without `id`, a notification. Fields that the protocol may add are ignored."""

    model_config = ConfigDict(extra="ignore")

    jsonrpc: Literal["2.0"]
    id: int | Annotated[Text, Field(max_length=200)] | None = None
    method: MethodName
    params: dict[str, Any] | None = None


def _is_absent(value: Any) -> bool:
    return value is None


class McpResponse(Resource):
    """A JSON-RPC 2.0 response: `result` or `error`."""

    jsonrpc: Literal["2.0"] = "2.0"
    id: int | str | None
    result: Annotated[dict[str, Any] | None, Field(exclude_if=_is_absent)] = None
    error: Annotated[dict[str, Any] | None, Field(exclude_if=_is_absent)] = None


class SearchArguments(Request):
    """Find passages of the documents that fit a question or some words, best first."""

    query: Annotated[Text, Field(min_length=1, max_length=2000, pattern=r"\S", description="A question or words.")]
    limit: Annotated[int, Field(ge=1, le=50, description="How many passages at most.")] = 10


class AskArguments(Request):
    """Get an answer from the documents, with the sources that it cites; it says so when they do not answer."""

    question: Annotated[Text, Field(min_length=1, max_length=20_000, pattern=r"\S", description="The question.")]
    conversation_id: Annotated[
        UUID | None, Field(description="The conversation of an earlier answer, for a question that follows it.")
    ] = None


class ReadDocumentArguments(Request):
    """Read a document's text from one passage on, in its own order."""

    document_id: Annotated[UUID, Field(description="An id that search or list_documents returned.")]
    start: Annotated[int, Field(ge=0, le=100_000, description="The number of the first passage.")] = 0


class ListDocumentsArguments(Request):
    """List the documents that can be used, newest first."""

    cursor: Annotated[Text | None, Field(max_length=200, description="The next_cursor of the page before.")] = None


class AddDocumentArguments(Request):
    """Add a text as a document of the user's own. It can be searched a moment later."""

    title: Annotated[Text, Field(min_length=1, max_length=300, pattern=r"\S", description="Its title.")]
    content: Annotated[
        Text, Field(min_length=1, max_length=200_000, pattern=r"\S", description="Its text, plain or Markdown.")
    ]


class RecallArguments(Request):
    """Find what the user had remembered about themselves."""

    query: Annotated[Text, Field(min_length=1, max_length=2000, pattern=r"\S", description="A question or words.")]
