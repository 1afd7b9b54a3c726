"""The tools of an agent. Each registers itself by a decorator and runs under the identity of the user who asked.

    @tool
    def search_documents(box: Toolbox, arguments: SearchDocuments, budget: int) -> str:
        ...

The function's name is the tool's name; the docstring and the JSON Schema of its arguments describe it to the model.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, overload
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints, ValidationError

from chalicelib.chat.answering import learning, prompting
from chalicelib.chat.answering.tracing import TraceRecorder
from chalicelib.chat.conversations import message_search
from chalicelib.chat.conversations.models import MessageSearch
from chalicelib.chat.llm import Tool
from chalicelib.chat.llm.estimation import estimate_tokens
from chalicelib.chat.reader.chunks import RetrievedChunk
from chalicelib.chat.reader.evidence import Evidence, sentence_about
from chalicelib.config.registry.filters import SearchFilters
from chalicelib.core import errors, identity
from chalicelib.core.models import STORABLE, PageQuery, Request, Text, page_of
from chalicelib.knowledge.collections import scopes, usable_documents
from chalicelib.knowledge.memories import memories
from chalicelib.knowledge.memories.models import Importance, NewMemory
from chalicelib.knowledge.search import retrieval
from chalicelib.knowledge.search.models import SearchRequest

if TYPE_CHECKING:
    from chalicelib.chat.queue.claims import ClaimedJob

_READ_CHUNKS = 20
_LISTED = 50
# The chunks of one answer, which its citations number.
MAX_CHUNKS = 100
MAX_REMEMBERED = 5
_MEMORIES = 10
_MESSAGES = 10


class ToolError(Exception):
    """A call that fails; the model receives the sentence."""


class SearchDocuments(Request):
    """Find passages of the documents that fit a question. Each has a number to cite it by, like [1]."""

    query: Annotated[Text, Field(min_length=1, max_length=2000, pattern=r"\S")]


class ReadDocument(Request):
    """Read a document from one passage on, in its own order. Ask again with a later start for more."""

    document_id: UUID
    start: Annotated[int, Field(ge=0, le=100_000)] = 0


class ListDocuments(Request):
    """List the documents that there are, newest first, with their ids and titles."""

    cursor: Annotated[Text, Field(max_length=200)] | None = None


class SearchMemories(Request):
    """Find what the user had remembered about themselves in earlier conversations."""

    query: Annotated[Text, Field(min_length=1, max_length=2000, pattern=r"\S")]


class Remember(Request):
    """Keep one short sentence that the user said about themselves, for later conversations. Importance is 0 to 1."""

    content: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=learning.MAX_FACT_CHARS), STORABLE
    ]
    importance: Importance | None = None


class SearchMessages(Request):
    """Find messages of this user's earlier conversations: their questions, and the answers to them."""

    query: Annotated[Text, Field(min_length=1, max_length=2000, pattern=r"\S")]


@dataclass(slots=True)
class Toolbox:
    """The state of one answer's tools. Citation n of the answer is `retrieved[n - 1]`."""

    user_id: UUID
    job: "ClaimedJob"
    trace: TraceRecorder
    retrieved: list[RetrievedChunk] = field(default_factory=list)
    # Whether the user allows memories, the recalled ones, and the user's messages of this conversation.
    uses_memories: bool = False
    recalled: list[UUID] = field(default_factory=list)
    user_messages: Sequence[str] = ()
    remembered: int = 0
    # Whether a tool has returned the text of others: from then on, only the user's own words are remembered.
    has_read: bool = False

    @property
    def filters(self) -> list[SearchFilters]:
        """The filters of the answer: no tool shows a document that one of them leaves out."""
        return scopes.of_settings(self.job.settings)

    def run(self, name: str, arguments: Any, budget: int) -> str:
        """Call a tool; its result has about `budget` tokens at most. Raises ToolError."""
        tool = _registered.get(name)
        if tool is None or (tool.of_memory and not self.uses_memories):
            tool_names = ", ".join(tool.name for tool in definitions(with_memories=self.uses_memories))
            raise ToolError(f"There is no tool {name[:100]}. The tools are: {tool_names}.")
        try:
            validated = tool.arguments.model_validate(arguments)
        except ValidationError as error:
            details = "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in error.errors()[:5])
            raise ToolError(f"The arguments are invalid: {details}") from error
        self.has_read = self.has_read or not tool.of_memory
        try:
            return tool.function(self, validated, budget)
        except errors.NotFound as error:
            raise ToolError("The document does not exist, or it must not be used here.") from error
        except errors.BadRequest as error:
            raise ToolError(str(error)) from error

    def render_chunks(self, chunks: Sequence[RetrievedChunk], budget: int) -> str:
        """The chunks with their citation numbers, as many as fit; a chunk keeps its number in the whole answer."""
        elements: list[str] = []
        numbers = {chunk.chunk_id: number for number, chunk in enumerate(self.retrieved, 1)}
        for chunk in chunks:
            number = numbers.get(chunk.chunk_id, len(self.retrieved) + 1)
            element = prompting.render(number, chunk)
            budget -= estimate_tokens(element)
            if (budget < 0 and elements) or number > MAX_CHUNKS:
                break
            if number > len(self.retrieved):
                self.retrieved.append(chunk)
            elements.append(element)
        return "\n".join(elements)


ToolFunction = Callable[[Toolbox, Any, int], str]
F = TypeVar("F", bound=ToolFunction)


@dataclass(frozen=True, slots=True)
class AgentTool:
    """A registered tool. `of_memory`: it is offered only to users who allow memories."""

    name: str
    arguments: type[BaseModel]
    function: ToolFunction
    of_memory: bool


_registered: dict[str, AgentTool] = {}


@overload
def tool(function: F) -> F: ...
@overload
def tool(*, of_memory: bool) -> Callable[[F], F]: ...
def tool(function: F | None = None, *, of_memory: bool = False) -> F | Callable[[F], F]:
    """Decorator: register a tool under the function's name. Its second parameter is the model of its arguments."""

    def register(function: F) -> F:
        arguments = list(inspect.get_annotations(function, eval_str=True).values())[1]
        _registered[function.__name__] = AgentTool(function.__name__, arguments, function, of_memory)
        return function

    return register if function is None else register(function)


@tool
def search_documents(box: Toolbox, arguments: SearchDocuments, budget: int) -> str:
    """Chunks for a query."""
    request = SearchRequest(query=arguments.query, conversation_id=box.job.conversation_id)
    result = retrieval.find(request, lambda: identity.as_user(box.user_id), settings=box.job.settings)
    box.trace.record_reranking(result.reranking)
    chunks = [RetrievedChunk.of_hit(hit) for hit in result.items]
    missing = Evidence(arguments.query, chunks).missing
    note = prompting.remark(prompting.inert(sentence_about(missing)) if missing else "", chunks)
    return "\n".join(filter(None, (box.render_chunks(chunks, budget) or prompting.NO_CHUNK, note)))


@tool
def read_document(box: Toolbox, arguments: ReadDocument, budget: int) -> str:
    """Chunks of one document in order."""
    with identity.as_user(box.user_id) as conn:
        document = usable_documents.get(conn, box.job.conversation_id, arguments.document_id, box.filters)
        rows = usable_documents.chunks_from(
            conn, box.job.conversation_id, document.id, arguments.start, _READ_CHUNKS, box.filters
        )
    chunks = [
        RetrievedChunk(
            document.id, row.id, document.title, row.text, row.page, row.section, 0.0, row.columns, document.codes
        )
        for row in rows
    ]
    rendered = box.render_chunks(chunks, budget)
    end = arguments.start + rendered.count("</passage>")
    more = (
        f"\nThe document continues: start={end}."
        if end < document.chunk_count
        else "\nThis is the end of the document."
    )
    return rendered + more if rendered else "The document has nothing from this start on."


@tool
def list_documents(box: Toolbox, arguments: ListDocuments, budget: int) -> str:
    """Documents that the user's searches use, newest first."""
    with identity.as_user(box.user_id) as conn:
        page_query = PageQuery(limit=_LISTED, cursor=arguments.cursor)
        page = usable_documents.list_page(conn, box.job.conversation_id, page_query, box.filters)
    lines = [f"{each.id} {prompting.inert_line(each.title)} ({each.state})" for each in page.items]
    while len(lines) > 1 and estimate_tokens("\n".join(lines)) > budget:
        lines.pop()
    # The next page starts after the last listed document.
    cursor = page_of(page.items[: len(lines) + 1], len(lines)).next_cursor or page.next_cursor
    more = f"\nThere are more documents: cursor={cursor}" if cursor else ""
    return "\n".join(lines) + more if lines else "There are no documents."


@tool(of_memory=True)
def search_memories(box: Toolbox, arguments: SearchMemories, budget: int) -> str:
    """Memories of the user for a query."""
    with identity.as_user(box.user_id) as conn:
        results = memories.look_up(conn, arguments.query, _MEMORIES)
    elements: list[str] = []
    for memory in results:
        element = prompting.render_memory(memory)
        budget -= estimate_tokens(element)
        if budget < 0 and elements:
            break
        elements.append(element)
        box.recalled.append(memory.id)
    return "\n".join(elements) or "No memory fits the query."


@tool(of_memory=True)
def remember(box: Toolbox, arguments: Remember, budget: int) -> str:  # noqa: ARG001 — its result is short
    """Write a memory. Raises ToolError for too many, and for a memory that is not in the user's own words."""
    if box.remembered >= MAX_REMEMBERED:
        raise ToolError(f"At most {MAX_REMEMBERED} memories can be stored during one answer.")
    if box.has_read and not learning.is_stated(arguments.content, [box.job.question, *box.user_messages]):
        raise ToolError("Only statements of the user can be stored, in the user's own words.")
    source = (box.job.conversation_id, box.job.question_id)
    try:
        with identity.as_user(box.user_id) as conn:
            new = NewMemory(content=arguments.content, importance=arguments.importance)
            memory = memories.write(conn, new, learned_from=source)
    except errors.Conflict as error:
        raise ToolError(str(error)) from error
    box.remembered += 1
    return "The memory existed already." if memory.merged else "The memory is stored."


@tool
def search_messages(box: Toolbox, arguments: SearchMessages, budget: int) -> str:
    """Messages of the user for a query, without the question that is being answered."""
    request = MessageSearch(query=arguments.query, limit=_MESSAGES)
    with identity.as_user(box.user_id) as conn:
        results = message_search.search(conn, request, without=box.job.question_id).items
    elements: list[str] = []
    for hit in results:
        title = prompting.inert_line(hit.conversation_title)
        element = (
            f'<message role="{hit.role}" date="{hit.created_at:%Y-%m-%d}" conversation="{title}">\n'
            f"{prompting.inert(hit.excerpt)}\n</message>"
        )
        budget -= estimate_tokens(element)
        if budget < 0 and elements:
            break
        elements.append(element)
    return "\n".join(elements) or "No message fits the query."


@cache
def definitions(*, with_memories: bool = True) -> tuple[Tool, ...]:
    """The tools as the model receives them; those of memories only for users who allow memories."""
    return tuple(
        Tool(tool.name, inspect.getdoc(tool.arguments) or "", _schema(tool.arguments))
        for tool in _registered.values()
        if with_memories or not tool.of_memory
    )


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    schema.pop("description", None)
    schema.pop("title", None)
    return schema
