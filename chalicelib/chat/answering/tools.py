"""What an agent may call. Every tool runs under the asker's own identity: it sees what the asker sees, and no more."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints, ValidationError

from chalicelib.chat.answering import learning, prompting
from chalicelib.chat.conversations import message_search
from chalicelib.chat.conversations.models import MessageSearch
from chalicelib.chat.llm import Tool
from chalicelib.chat.llm.estimation import estimate_tokens
from chalicelib.chat.reader.reader import RetrievedChunk
from chalicelib.core import errors, identity
from chalicelib.core.models import STORABLE, Request, Text, page_of
from chalicelib.knowledge.documents import documents
from chalicelib.knowledge.documents.models import DocumentQuery
from chalicelib.knowledge.memories import memories
from chalicelib.knowledge.memories.models import Importance, NewMemory
from chalicelib.knowledge.search import retrieval
from chalicelib.knowledge.search.models import SearchRequest

if TYPE_CHECKING:
    from chalicelib.chat.queue.jobs import ClaimedJob

_READ_CHUNKS = 20
_LISTED = 50
# The passages of one answer; citations count them.
MAX_CHUNKS = 100
MAX_REMEMBERED = 5
_MEMORIES = 10
_MESSAGES = 10


class ToolError(Exception):
    """A call that cannot be answered; the sentence goes to the model."""


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
    """The tools of one answer, and the passages that they have shown so far: number n is `passages[n - 1]`."""

    user_id: UUID
    work: "ClaimedJob"
    retrieved: list[RetrievedChunk] = field(default_factory=list)
    # Whether the asker wants memories to be used; which were recalled; what the asker said in this conversation.
    uses_memories: bool = False
    recalled: list[UUID] = field(default_factory=list)
    user_messages: Sequence[str] = ()
    _remembered: int = 0
    # Whether a tool has shown what others wrote: from then on, only the asker's own words are remembered.
    _has_read: bool = False

    def run(self, name: str, arguments: Any, budget: int) -> str:
        """Call a tool; its result in at most `budget` tokens or so. Raises ToolError."""
        if name not in _TOOLS or (name in _OF_MEMORY and not self.uses_memories):
            tool_names = ", ".join(tool.name for tool in definitions(of_memory=self.uses_memories))
            raise ToolError(f"There is no tool {name[:100]}. There are: {tool_names}.")
        model, call = _TOOLS[name]
        try:
            arguments_ = model.model_validate(arguments)
        except ValidationError as error:
            details = "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in error.errors()[:5])
            raise ToolError(f"The arguments are wrong: {details}") from error
        self._has_read = self._has_read or name not in _OF_MEMORY
        try:
            return call(self, arguments_, budget)
        except errors.NotFound as error:
            raise ToolError("There is no such document, or the asker may not see it.") from error
        except errors.BadRequest as error:
            raise ToolError(str(error)) from error

    def search_documents(self, arguments_: SearchDocuments, budget: int) -> str:
        """Passages for a query."""
        request = SearchRequest(query=arguments_.query, conversation_id=self.work.conversation_id)
        hits = retrieval.find(request, lambda: identity.as_user(self.user_id), settings=self.work.settings).items
        results = [
            RetrievedChunk(h.document_id, h.chunk_id, h.title, h.text, h.page, h.section, h.score, h.columns)
            for h in hits
        ]
        return self._show(results, budget) or prompting.NO_CHUNK

    def read_document(self, arguments_: ReadDocument, budget: int) -> str:
        """Passages of one document in order."""
        with identity.as_user(self.user_id) as conn:
            document = documents.get(conn, arguments_.document_id)
            chunks = documents.chunks_from(conn, arguments_.document_id, arguments_.start, _READ_CHUNKS)
        results = [
            RetrievedChunk(
                document.id, chunk.id, document.title, chunk.text, chunk.page, chunk.section, 0.0, chunk.columns
            )
            for chunk in chunks
        ]
        shown_lines = self._show(results, budget)
        end = arguments_.start + shown_lines.count("</passage>")
        more = f"\nThe document goes on: start={end}." if end < document.chunk_count else "\nThat is the end of it."
        return shown_lines + more if shown_lines else "There is nothing from there on."

    def list_documents(self, arguments_: ListDocuments, budget: int) -> str:
        """Documents, newest first."""
        with identity.as_user(self.user_id) as conn:
            page = documents.list_page(conn, DocumentQuery(limit=_LISTED, cursor=arguments_.cursor))
        lines = [f"{document.id} {prompting.inert_line(document.title)} ({document.status})" for document in page.items]
        while len(lines) > 1 and estimate_tokens("\n".join(lines)) > budget:
            lines.pop()
        # The next page begins after the last one that is shown.
        left = page.items[: len(lines) + 1]
        cursor = page_of(left, len(lines)).next_cursor or page.next_cursor
        more = f"\nThere are more: cursor={cursor}" if cursor else ""
        return "\n".join(lines) + more if lines else "There are no documents."

    def search_memories(self, arguments_: SearchMemories, budget: int) -> str:
        """Memories of the asker's for a query."""
        with identity.as_user(self.user_id) as conn:
            results = memories.look_up(conn, arguments_.query, _MEMORIES)
        shown_lines: list[str] = []
        for memory in results:
            element = prompting.render_memory(memory)
            budget -= estimate_tokens(element)
            if budget < 0 and shown_lines:
                break
            shown_lines.append(element)
            self.recalled.append(memory.id)
        return "\n".join(shown_lines) or "There is no memory that fits."

    def remember(self, arguments_: Remember, budget: int) -> str:  # noqa: ARG002 — its result is short
        """Write a memory. Raises ToolError for too many, and for one that is in nobody's words but a document's."""
        if self._remembered >= MAX_REMEMBERED:
            raise ToolError(f"At most {MAX_REMEMBERED} things are remembered during one answer.")
        if self._has_read and not learning.is_stated(arguments_.content, [self.work.question, *self.user_messages]):
            raise ToolError("Only what the user said themselves is remembered, in their own words.")
        source = (self.work.conversation_id, self.work.question_id)
        try:
            with identity.as_user(self.user_id) as conn:
                new = NewMemory(content=arguments_.content, importance=arguments_.importance)
                memory = memories.write(conn, new, learned_from=source)
        except errors.Conflict as error:
            raise ToolError(str(error)) from error
        self._remembered += 1
        return "That was remembered already." if memory.merged else "It is remembered."

    def search_messages(self, arguments_: SearchMessages, budget: int) -> str:
        """Messages of the asker's for a query, but for the question that is being answered."""
        request = MessageSearch(query=arguments_.query, limit=_MESSAGES)
        with identity.as_user(self.user_id) as conn:
            results = message_search.search(conn, request, without=self.work.question_id).items
        shown_lines: list[str] = []
        for hit in results:
            title = prompting.inert_line(hit.conversation_title)
            element = (
                f'<message role="{hit.role}" date="{hit.created_at:%Y-%m-%d}" conversation="{title}">\n'
                f"{prompting.inert(hit.excerpt)}\n</message>"
            )
            budget -= estimate_tokens(element)
            if budget < 0 and shown_lines:
                break
            shown_lines.append(element)
        return "\n".join(shown_lines) or "There is no message that fits."

    def _show(self, results: list[RetrievedChunk], budget: int) -> str:
        """The passages with their numbers, as many as fit; one shown before keeps its number."""
        shown_lines: list[str] = []
        numbers = {item.chunk_id: number for number, item in enumerate(self.retrieved, 1)}
        for item in results:
            number = numbers.get(item.chunk_id, len(self.retrieved) + 1)
            element = prompting.render(number, item)
            budget -= estimate_tokens(element)
            if (budget < 0 and shown_lines) or number > MAX_CHUNKS:
                break
            if number > len(self.retrieved):
                self.retrieved.append(item)
            shown_lines.append(element)
        return "\n".join(shown_lines)


_TOOLS: Mapping[str, tuple[type[BaseModel], Callable[[Toolbox, Any, int], str]]] = {
    "search_documents": (SearchDocuments, Toolbox.search_documents),
    "read_document": (ReadDocument, Toolbox.read_document),
    "list_documents": (ListDocuments, Toolbox.list_documents),
    "search_memories": (SearchMemories, Toolbox.search_memories),
    "remember": (Remember, Toolbox.remember),
    "search_messages": (SearchMessages, Toolbox.search_messages),
}
_OF_MEMORY = frozenset({"search_memories", "remember"})


@cache
def definitions(*, of_memory: bool = True) -> tuple[Tool, ...]:
    """The tools as a model is told of them; those of memories only for askers who use them."""
    return tuple(
        Tool(name, (model.__doc__ or "").strip(), _schema(model))
        for name, (model, _) in _TOOLS.items()
        if of_memory or name not in _OF_MEMORY
    )


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    schema.pop("description", None)
    schema.pop("title", None)
    return schema
