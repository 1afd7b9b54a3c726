"""Documents: announced, listed, replaced, deleted. What happens to their bytes is ingestion.py's."""

import hashlib
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.core import db, errors, sql
from chalicelib.core.models import PageQuery, page_of
from chalicelib.knowledge import bucket
from chalicelib.knowledge.models import (
    Chunk,
    ChunkPage,
    Contents,
    Document,
    DocumentPage,
    DocumentQuery,
    DocumentText,
    NewDocument,
)

if TYPE_CHECKING:
    from chalicelib.core.db import Conn

queries = sql.load(__file__)

_INLINE_TYPE = "text/markdown"
_UPLOAD_TYPE = "application/octet-stream"
_WRITERS = {
    "user": "This API key may not write documents.",
    "group": "Only editors and admins of the group may add documents to it.",
    "org": "Only an administrator may add documents for the whole organisation.",
}


def create(conn: "Conn", new: NewDocument) -> Document:
    """Make the row of a new document; inline content that the caller has already is that document.

    Raises Forbidden for a space that the caller may only read, NotFound for a group that is not the caller's.
    """
    import psycopg

    wanted = _announced(new) | {
        "title": new.title or new.filename,
        "scope": new.scope,
        "group_id": new.group_id,
        "sha256": hashlib.sha256(new.content.encode()).digest() if new.content is not None else None,
    }
    try:
        made = db.one(conn, Document, queries.create, wanted)
    except psycopg.errors.InsufficientPrivilege as error:
        raise errors.Forbidden(_WRITERS[new.scope]) from error
    if made is None:
        raise errors.NotFound("There is no such group, or it is not the caller's.")
    return made


def announce_contents(conn: "Conn", document_id: UUID, contents: Contents) -> Document:
    """Prepare a document for new bytes; the old ones answer until the new ones are whole."""
    current = get(conn, document_id)
    if conn.execute(queries.announce_contents, _announced(contents) | {"id": current.id}).fetchone() is None:
        raise errors.Forbidden("Only those who may write to this document's space may replace it.")
    return get(conn, current.id)


def send(document: Document, contents: Contents) -> Document:
    """Start the way of the bytes through the bucket, once the row is committed.

    Inline content is put there; for an upload, the document comes back with its presigned URL.
    """
    key = bucket.key_of(document.id)
    if contents.size_bytes is not None:
        upload = bucket.presign_upload(key, contents.content_type or _UPLOAD_TYPE, contents.size_bytes)
        return document.model_copy(update={"upload": upload})
    try:
        bucket.put(key, (contents.content or "").encode(), contents.content_type or _INLINE_TYPE)
    except errors.Unavailable as problem:
        with db.as_caller() as conn:
            conn.execute(queries.fail_upload, {"id": document.id, "message": str(problem)})
        raise
    return document


def get(conn: "Conn", document_id: UUID) -> Document:
    """A document that the caller may see. Raises NotFound."""
    found = db.one(conn, Document, queries.get, {"id": document_id})
    if found is None:
        raise errors.NotFound
    return found


def list_page(conn: "Conn", query: DocumentQuery) -> DocumentPage:
    """The documents that the caller may see, newest first."""
    wanted = {"status": query.status, "after": query.after(), "limit": query.limit + 1}
    return page_of(DocumentPage, db.many(conn, Document, queries.list, wanted), query.limit)


def delete(conn: "Conn", document_id: UUID) -> None:
    """Take a document out of every search at once. Raises NotFound, or Forbidden when the caller may only read it."""
    get(conn, document_id)
    if conn.execute(queries.delete, {"id": document_id}).fetchone() is None:
        raise errors.Forbidden("Only those who may write to this document's space may delete it.")


def text(conn: "Conn", document_id: UUID) -> DocumentText:
    """The extracted text. Raises NotFound while there is none."""
    found = db.one(conn, DocumentText, queries.text, {"id": document_id})
    if found is None:
        raise errors.NotFound
    return found


def chunks(conn: "Conn", document_id: UUID, query: PageQuery) -> ChunkPage:
    """The passages of a document, in order."""
    get(conn, document_id)
    wanted = {"id": document_id, "after": query.after(), "limit": query.limit + 1}
    return page_of(ChunkPage, db.many(conn, Chunk, queries.chunks, wanted), query.limit)


def chunks_from(conn: "Conn", document_id: UUID, first: int, limit: int) -> list[Chunk]:
    """At most `limit` passages of a document from number `first` (from 0) on, in order."""
    return db.many(conn, Chunk, queries.chunks_from, {"id": document_id, "first": first, "limit": limit})


def _announced(contents: Contents) -> dict[str, object]:
    if contents.content is None:
        kind, size, media_type = "upload", contents.size_bytes, contents.content_type or _UPLOAD_TYPE
    else:
        kind, size = "inline", len(contents.content.encode())
        media_type = contents.content_type or _INLINE_TYPE
    filename = contents.filename or ("content.md" if media_type == _INLINE_TYPE else "content.txt")
    return {"filename": filename, "source_type": kind, "size_bytes": size, "content_type": media_type}
