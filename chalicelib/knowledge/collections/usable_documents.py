"""The documents that a caller may use: what answers, tools and every other door list and read.

The SQL function `usable_documents` decides: visible, neither deleted nor archived, and selected. Searches ask the same
function. The library's own routes (`GET /documents/{id}` and below it) show a reader more, such as archived documents;
nothing that answers for a user may call them (import-linter holds it).
"""

from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Page, PageQuery, Resource, page_of
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


def list_page(conn: "Conn", conversation_id: UUID | None, query: PageQuery) -> Page[UsableDocument]:
    """The documents that the caller may use in a conversation (None: in none), newest first."""
    params = {"conversation_id": conversation_id, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, UsableDocument, queries.list, params), query.limit)


def get(conn: "Conn", conversation_id: UUID | None, document_id: UUID) -> UsableDocument:
    """A document that the caller may use; for a copy, its original. Raises NotFound."""
    result = rows.one(conn, UsableDocument, queries.get, {"conversation_id": conversation_id, "id": document_id})
    if result is None:
        raise errors.NotFound
    return result


def chunks_from(conn: "Conn", conversation_id: UUID | None, document_id: UUID, first: int, limit: int) -> list[Chunk]:
    """At most `limit` chunks in order, from number `first` on; none of a document that the caller may not use."""
    params = {"conversation_id": conversation_id, "id": document_id, "first": first, "limit": limit}
    return rows.many(conn, Chunk, queries.chunks, params)
