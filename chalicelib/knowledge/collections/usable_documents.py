"""The documents that a caller may use: what answers, tools and every other door list and read.

The SQL function `usable_documents` decides: visible, neither deleted nor archived, and selected. Searches ask the same
function. The library's own routes (`GET /documents/{id}` and below it) show a reader more, such as archived documents;
nothing that answers for a user may call them (import-linter holds it).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.config.registry.filters import SearchFilters
from chalicelib.core import errors, rows, sql
from chalicelib.core.models import DocumentWarning, Page, PageQuery, Resource, page_of
from chalicelib.knowledge.collections import scopes
from chalicelib.knowledge.documents.file_warnings import about
from chalicelib.knowledge.documents.models import Chunk, Status

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


class UsableDocument(Resource):
    """A document that the caller may use."""

    id: UUID
    title: str
    status: Status
    chunk_count: int
    warnings: list[DocumentWarning]

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the warnings."""
        return tuple(warning.code for warning in self.warnings)

    @property
    def state(self) -> str:
        """The status, and what is incomplete."""
        return ", incomplete: ".join(filter(None, (self.status, about(self.codes))))


def list_page(
    conn: "Conn", conversation_id: UUID | None, query: PageQuery, filters: Sequence[SearchFilters] = ()
) -> Page[UsableDocument]:
    """The documents that the caller may use in a conversation (None: in none) within `filters`, newest first."""
    params = _within(conversation_id, filters) | {"after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, UsableDocument, queries.list, params), query.limit)


def count(conn: "Conn", conversation_id: UUID | None, filters: Sequence[SearchFilters] = ()) -> int:
    """The number of documents that the caller may use in a conversation (None: in none) within `filters`."""
    return int(rows.value(conn, queries.count, _within(conversation_id, filters)))


def get(
    conn: "Conn", conversation_id: UUID | None, document_id: UUID, filters: Sequence[SearchFilters] = ()
) -> UsableDocument:
    """A document that the caller may use; for a copy, its original. Raises NotFound."""
    result = rows.one(conn, UsableDocument, queries.get, _within(conversation_id, filters) | {"id": document_id})
    if result is None:
        raise errors.NotFound
    return result


def chunks_from(
    conn: "Conn",
    conversation_id: UUID | None,
    document_id: UUID,
    first: int,
    limit: int,
    filters: Sequence[SearchFilters] = (),
) -> list[Chunk]:
    """At most `limit` chunks in order, from number `first` on; none of a document that the caller may not use."""
    params = _within(conversation_id, filters) | {"id": document_id, "first": first, "limit": limit}
    return rows.many(conn, Chunk, queries.chunks, params)


def text(conn: "Conn", conversation_id: UUID | None, document_id: UUID) -> str:
    """The extracted text of a document that the caller may use. Raises NotFound."""
    content: str | None = rows.value(conn, queries.text, _within(conversation_id, ()) | {"id": document_id})
    if content is None:
        raise errors.NotFound
    return content


def named(conn: "Conn", names: Sequence[str]) -> dict[str, list[UUID]]:
    """The documents that the caller may use by their names: an id, a `source_id` or a title."""
    result: dict[str, list[UUID]] = {}
    if names:
        for name, document_id in conn.execute(queries.named, _within(None, ()) | {"names": list(names)}):
            result.setdefault(name, []).append(document_id)
    return result


def _within(conversation_id: UUID | None, filters: Sequence[SearchFilters]) -> dict[str, object]:
    return {"conversation_id": conversation_id} | scopes.parameters(filters)
