"""The tools of the Model Context Protocol. Each registers itself, with the scope and the rate limit that it requires.

    @tool(scope="chat", limit="ask")
    def ask(arguments: AskArguments) -> Answered:

The docstring of its arguments tells the model what it is for; its result is a model that the client gets as text and as
structured content. Documents are reached through `search` and `usable_documents` alone, under the caller's rights.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from chalicelib.chat.conversations import conversations
from chalicelib.chat.conversations.models import NewConversation
from chalicelib.chat.messages import messages
from chalicelib.chat.messages.models import Source
from chalicelib.chat.queue import enqueueing, jobs
from chalicelib.chat.queue.models import NewMessage
from chalicelib.core import errors, identity
from chalicelib.core.models import DocumentWarning, PageQuery, Resource
from chalicelib.doors import waiting
from chalicelib.doors.mcp import adding
from chalicelib.doors.mcp.models import (
    AddDocumentArguments,
    AskArguments,
    ListDocumentsArguments,
    ReadDocumentArguments,
    RecallArguments,
    SearchArguments,
)
from chalicelib.knowledge.collections import usable_documents
from chalicelib.knowledge.memories import memories
from chalicelib.knowledge.memories.models import MemorySearch
from chalicelib.knowledge.search import retrieval
from chalicelib.knowledge.search.models import SearchRequest

_READ_CHUNKS = 20


class ReturnedChunk(Resource):
    """A part of a document. `warnings` say what of the document's file was not read."""

    document_id: UUID
    title: str
    page: int | None
    section: str | None
    text: str
    score: float | None = None
    warnings: list[DocumentWarning]


class ReturnedChunks(Resource):
    """Chunks, best first, or in the order of their document. `next_start` is null at the document's end."""

    chunks: list[ReturnedChunk]
    next_start: int | None = None


class Answered(Resource):
    """An answer. `conversation_id` continues it."""

    answer: str
    sources: list[Source]
    conversation_id: UUID


class Listed(Resource):
    """A page of documents."""

    documents: list[usable_documents.UsableDocument]
    next_cursor: str | None


class Added(Resource):
    """A new document."""

    document_id: UUID
    status: str


class Recalled(Resource):
    """What was remembered, most fitting first."""

    memories: list[str]


@dataclass(frozen=True, slots=True)
class McpTool:
    """A registered tool."""

    name: str
    title: str
    scope: str
    limit: str
    is_read_only: bool
    arguments: type[BaseModel]
    function: Callable[[Any], BaseModel]

    def described(self) -> dict[str, Any]:
        """The tool as `tools/list` shows it."""
        return {
            "name": self.name,
            "title": self.title,
            "description": inspect.getdoc(self.arguments),
            "inputSchema": self.arguments.model_json_schema(),
            "annotations": {"readOnlyHint": self.is_read_only, "destructiveHint": False, "openWorldHint": False},
        }

    def call(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The result as `tools/call` returns it. Raises ValidationError; a refusal is a result that is an error."""
        validated = self.arguments.model_validate(arguments)
        identity.require(self.scope, self.limit)
        try:
            result = self.function(validated)
        except errors.Problem as problem:
            sentence = problem.detail or problem.title
            return {"content": [{"type": "text", "text": f"{problem.code}: {sentence}"}], "isError": True}
        text = {"type": "text", "text": result.model_dump_json()}
        return {"content": [text], "structuredContent": result.model_dump(mode="json"), "isError": False}


_registered: list[McpTool] = []


def registered() -> list[McpTool]:
    """Every tool."""
    return _registered


def tool(
    *, scope: str, limit: str, is_read_only: bool = True
) -> Callable[[Callable[[Any], BaseModel]], Callable[[Any], BaseModel]]:
    """Decorator: register a tool under the function's name. Its parameter is the model of its arguments."""

    def register(function: Callable[[Any], BaseModel]) -> Callable[[Any], BaseModel]:
        (arguments, _) = inspect.get_annotations(function, eval_str=True).values()
        name = function.__name__
        title = name.replace("_", " ").capitalize()
        _registered.append(McpTool(name, title, scope, limit, is_read_only, arguments, function))
        return function

    return register


@tool(scope="read", limit="search")
def search(arguments: SearchArguments) -> ReturnedChunks:
    """Chunks for a query."""
    result = retrieval.find(SearchRequest(query=arguments.query, top_k=arguments.limit), identity.as_caller)
    return ReturnedChunks(
        chunks=[
            ReturnedChunk(
                document_id=hit.document_id,
                title=hit.title,
                page=hit.page,
                section=hit.section,
                text=hit.text,
                score=hit.score,
                warnings=hit.warnings,
            )
            for hit in result.items
        ]
    )


@tool(scope="chat", limit="ask", is_read_only=False)
def ask(arguments: AskArguments) -> Answered:
    """An answer with its sources."""
    with waiting.counted():
        with identity.as_caller() as conn:
            conversation_id = arguments.conversation_id or conversations.create(conn, NewConversation()).id
            queued = enqueueing.enqueue(conn, conversation_id, NewMessage(content=arguments.question))
        jobs.wake([queued.job.id])
        job = waiting.wait_for(queued.job.id)
    if job is None:
        raise errors.Unavailable(
            f"The answer takes longer than {waiting.SECONDS:.0f} s. It will be a message of the conversation "
            f"{conversation_id}."
        )
    if job.status != "completed" or job.answer_id is None:
        raise errors.Unavailable(job.error.message if job.error else "The answer was cancelled.")
    with identity.as_caller() as conn:
        message = messages.get(conn, job.answer_id)
    return Answered(answer=message.content, sources=message.sources, conversation_id=conversation_id)


@tool(scope="read", limit="read")
def read_document(arguments: ReadDocumentArguments) -> ReturnedChunks:
    """Chunks of one document in order."""
    with identity.as_caller() as conn:
        document = usable_documents.get(conn, None, arguments.document_id)
        chunks = usable_documents.chunks_from(conn, None, document.id, arguments.start, _READ_CHUNKS)
    end = arguments.start + len(chunks)
    return ReturnedChunks(
        chunks=[
            ReturnedChunk(
                document_id=document.id,
                title=document.title,
                page=c.page,
                section=c.section,
                text=c.text,
                warnings=document.warnings,
            )
            for c in chunks
        ],
        next_start=end if end < document.chunk_count else None,
    )


@tool(scope="read", limit="read")
def list_documents(arguments: ListDocumentsArguments) -> Listed:
    """A page of the documents that the caller may use."""
    with identity.as_caller() as conn:
        page = usable_documents.list_page(conn, None, PageQuery(cursor=arguments.cursor))
    return Listed(documents=page.items, next_cursor=page.next_cursor)


@tool(scope="write", limit="document", is_read_only=False)
def add_document(arguments: AddDocumentArguments) -> Added:
    """A new document of the caller's own."""
    created = adding.add(arguments.title, arguments.content)
    return Added(document_id=created.id, status=created.status)


@tool(scope="read", limit="search")
def recall(arguments: RecallArguments) -> Recalled:
    """Memories that fit a query."""
    with identity.as_caller() as conn:
        recalled = memories.recall(conn, MemorySearch(query=arguments.query))
    return Recalled(memories=[memory.content for memory in recalled])


def whole_text(document_id: UUID) -> str:
    """A document's text. Raises NotFound."""
    with identity.as_caller() as conn:
        return usable_documents.text(conn, None, document_id)
