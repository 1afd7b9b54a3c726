"""Documents: listed, changed, deleted, restored. contents.py announces their bytes, knowledge/ingestion reads them.

The same bytes twice by one owner are one document. A copy's id stands for its original: every function resolves the
id that it receives.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Page, PageQuery, page_of
from chalicelib.knowledge.documents import bucket, descriptions, moves
from chalicelib.knowledge.documents.models import (
    Chunk,
    Document,
    DocumentChanges,
    DocumentQuery,
    DocumentText,
    DocumentVersion,
)
from chalicelib.knowledge.documents.names import Rank
from chalicelib.knowledge.text import bm25

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__, shared=descriptions.queries)

# A new title changes the weights of every chunk. Up to this many chunks are updated within the request.
WEIGHED_AT_ONCE = 2_000
# When very many documents are ingested again, the request sends wake-ups for this many, and tick sends the rest.
_WAKEUPS_PER_BATCH = 1_000

_MOST_BYTES = 6_000_000  # of a text in a response, whose limit is 6 MB
_READ_ONLY = "Only those who may write to this document's space may {verb} it."


class _DocumentRow(Document):
    rank: Rank


@dataclass(frozen=True, slots=True)
class _Hidden:
    """A deleted or archived document, with what identifies a duplicate that was added meanwhile."""

    id: UUID
    owner_id: UUID
    content_sha256: bytes | None
    is_archived: bool
    deleted_at: datetime | None
    object_key: str


@dataclass(frozen=True, slots=True)
class _ChunkText:
    id: UUID
    chunk_text: str
    context: str


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """A document after a change, and the keys of objects whose ingestion must be requested after the commit."""

    document: Document
    keys: list[str]


def get(conn: "Conn", document_id: UUID) -> Document:
    """A document that the caller may see. Raises NotFound."""
    result = rows.one(conn, Document, queries.get, {"id": document_id})
    if result is None:
        raise errors.NotFound
    return result


def list_page(conn: "Conn", query: DocumentQuery, *, after: UUID | None = None) -> Page[Document]:
    """The documents that the caller may see, newest first; with `q`, by similarity of title or filename.

    `after` is a document after which the page starts, in place of the query's cursor. Deleted documents are listed to
    users who may restore them.
    """
    params: dict[str, Any] = query.model_dump(exclude={"limit", "cursor"}) | query.place()
    if after is not None:
        params["after"] = after
    if query.archived is None and not query.deleted:
        params["archived"] = False
    return query.page(rows.many(conn, _DocumentRow, queries.list, params))


def change(conn: "Conn", document_id: UUID, changes: DocumentChanges) -> DocumentChange:
    """Rename a document, change what is said about it, move it, archive it, or take it out of the archive.

    Raises NotFound, also for a tag, Forbidden when the caller may only read it, Conflict when its bytes are changing at
    this moment.
    """
    keys = []
    if changes.is_archived is False and (current := get(conn, document_id)).is_archived:
        keys += _show(conn, _hidden(conn, current.id), "change")
    current = _locked_content(conn, document_id, "change")
    keys += descriptions.change(conn, current, changes)
    if changes.title is not None and changes.title != current.title:
        keys += _retitle(conn, current.id, changes.title)
    if changes.scope is not None:
        keys += moves.move(conn, current, changes.scope, changes.group_id)
    if changes.is_archived:
        conn.execute(queries.archive, {"id": current.id})
    return DocumentChange(get(conn, current.id), keys)


def delete(conn: "Conn", document_id: UUID) -> None:
    """Take a document out of every search at once; it can be restored until its retention period ends.

    Raises NotFound, or Forbidden when the caller may only read it.
    """
    conn.execute(queries.delete, {"id": _locked_content(conn, document_id, "delete").id})


def restore(conn: "Conn", document_id: UUID) -> DocumentChange:
    """Undo a deletion: searches find the chunks again. A document that is not deleted stays as it is.

    When the same bytes were added again meanwhile, it comes back as a copy of that document, which then answers for
    both. Raises NotFound after the retention period, Forbidden when the caller may only read it, Conflict when another
    request changes it at this moment.
    """
    hidden = _hidden(conn, document_id)
    keys = [] if hidden.deleted_at is None else _show(conn, hidden, "restore")
    return DocumentChange(get(conn, hidden.id), keys)


def reindex(conn: "Conn", document_id: UUID) -> DocumentChange:
    """Have a document read, chunked and embedded again; searches use its present chunks until that is done.

    A document that is waiting or in progress stays as it is. Raises NotFound, Forbidden when the caller may only read
    it.
    """
    current = _locked_content(conn, document_id, "reindex")
    keys = [row[0] for row in conn.execute(queries.reindex, {"id": current.id}).fetchall()]
    return DocumentChange(get(conn, current.id), keys)


def reindex_all(conn: "Conn") -> list[str]:
    """Reindex all finished documents of the caller's own; returns their objects' keys."""
    return [row[0] for row in conn.execute(queries.reindex_all).fetchall()]


def ask(keys: list[str]) -> None:
    """Request the ingestion of changed documents after the commit; tick requests those beyond the limit."""
    bucket.ask_for_ingestion(keys[:_WAKEUPS_PER_BATCH])


def text(conn: "Conn", document_id: UUID) -> DocumentText:
    """The extracted text. Raises NotFound while there is none, and ResponseTooLarge."""
    result = rows.one(conn, DocumentText, queries.text, {"id": document_id})
    if result is None:
        raise errors.NotFound
    # core/http.py would refuse it as well, without a word about the other way.
    if len(result.text.encode()) > _MOST_BYTES:
        raise errors.ResponseTooLarge("The text has more than 6 MB. GET /documents/{document_id}/chunks has its parts.")
    return result


def versions(conn: "Conn", document_id: UUID, query: PageQuery) -> Page[DocumentVersion]:
    """The versions of a document that were searchable, the newest first. Raises NotFound."""
    get(conn, document_id)
    params = {"id": document_id, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, DocumentVersion, queries.versions, params), query.limit)


def chunks(conn: "Conn", document_id: UUID, query: PageQuery) -> Page[Chunk]:
    """The chunks of a document, in order."""
    get(conn, document_id)
    params = {"id": document_id, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Chunk, queries.chunks, params), query.limit)


def _locked_content(conn: "Conn", document_id: UUID, verb: str) -> Document:
    """A document that the caller may change, locked until the transaction ends."""
    get(conn, document_id)
    row = conn.execute(queries.lock, {"id": document_id}).fetchone()
    if row is None:
        raise errors.Forbidden(_READ_ONLY.format(verb=verb))
    return get(conn, row[0])


def _hidden(conn: "Conn", document_id: UUID) -> _Hidden:
    result = rows.one(conn, _Hidden, queries.hidden, {"id": document_id})
    if result is None:
        raise errors.NotFound
    return result


def _retitle(conn: "Conn", document_id: UUID, title: str) -> list[str]:
    """Change the title, which affects every chunk's weights. Returns the keys of objects to ingest again."""
    own = {"id": document_id}
    (count,) = conn.execute(queries.retitle, own | {"title": title}).fetchone() or (0,)
    if count > WEIGHED_AT_ONCE:
        return [row[0] for row in conn.execute(queries.reindex, own).fetchall()]
    stored_chunks = rows.many(conn, _ChunkText, queries.chunk_texts, own)
    weights = [bm25.to_sparsevec(bm25.document_weights(p.chunk_text, title, p.context)) for p in stored_chunks]
    conn.execute(queries.count_lexemes, own | {"sign": -1})
    conn.execute(
        queries.update_weights, {"chunks": [stored_chunk.id for stored_chunk in stored_chunks], "weights": weights}
    )
    conn.execute(queries.count_lexemes, own | {"sign": 1})
    return []


def _show(conn: "Conn", hidden: _Hidden, verb: str) -> list[str]:
    """Restore a deleted document, or take one out of the archive; it becomes a copy if a duplicate exists by now.

    Returns the keys of objects to check: another version may have been uploaded meanwhile.
    """
    own: dict[str, Any] = {"id": hidden.id}
    if hidden.content_sha256 is not None:
        # In the order of ingestion: the lock on this owner's content, then the document.
        conn.execute(queries.lock_content, {"owner_id": hidden.owner_id, "content_sha256": hidden.content_sha256})
    if conn.execute(queries.lock, own).fetchone() is None:
        raise errors.Forbidden(_READ_ONLY.format(verb=verb))
    if _hidden(conn, hidden.id) != hidden:
        raise errors.Conflict("Another request is changing this document. Retry.")
    unarchive = hidden.deleted_at is None
    duplicate = rows.value(conn, queries.find_duplicate, own) if unarchive or not hidden.is_archived else None
    if duplicate is not None:
        conn.execute(queries.drop_text, own)
        conn.execute(queries.drop_chunks, own)
    conn.execute(queries.show, own | {"original": duplicate, "unarchive": unarchive, "deleted_at": hidden.deleted_at})
    return [hidden.object_key, *[row[0] for row in conn.execute(queries.awaited_uploads, own)]]
