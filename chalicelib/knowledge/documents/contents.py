"""The bytes of documents: announced, sent and received.

Text that was posted goes to its document's own key at once. A presigned URL leads to `uploads/<announcement>`, never to
a document's own key, so nothing that a user sends can replace a document by itself: what arrives is judged, and becomes
a document's bytes once. docs/security.md says what is accepted.
"""

import hashlib
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import Field

from chalicelib.core import errors, identity, rows, sql
from chalicelib.core.log import logger
from chalicelib.knowledge.documents import bucket, descriptions, documents, inbox, parts
from chalicelib.knowledge.documents.models import Contents, Document, NewDocument
from chalicelib.knowledge.documents.sizes import SINGLE_UPLOAD_BYTES

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__, shared=documents.queries)

_INLINE_TYPE = "text/markdown"
_UPLOAD_TYPE = "application/octet-stream"
_WRITERS = {
    "user": "This API key may not write documents.",
    "group": "Only editors and admins of the group may add documents to it.",
    "org": "Only an administrator may add documents for the whole organisation.",
}


class AnnouncedDocument(Document):
    """A document whose bytes are expected from the caller at the key `destination`, or from nobody (None)."""

    destination: str | None = Field(default=None, exclude=True)


def create(conn: "Conn", new: NewDocument) -> AnnouncedDocument:
    """Create the row of a new document; inline content that the caller already has resolves to that document.

    That document then gets what the request says about it, where it said nothing yet.

    Raises Unprocessable for a file that is bigger than the settings allow, Forbidden for a space that the caller may
    only read, NotFound for a group that is not the caller's, or for a tag that the caller cannot see.
    """
    import psycopg

    parts.check_size(conn, new.size_bytes)
    params = (
        new.model_dump(include={"scope", "group_id", "batch", "extra_text"})
        | _announced(new)
        | {
            "title": new.title or new.filename,
            "description": descriptions.stored(new),
            "sha256": hashlib.sha256(new.content.encode()).digest() if new.content is not None else None,
        }
    )
    try:
        created = rows.one(conn, AnnouncedDocument, queries.create, params)
    except psycopg.errors.InsufficientPrivilege as error:
        raise errors.Forbidden(_WRITERS[new.scope]) from error
    if created is None:
        raise errors.NotFound("The group does not exist, or the caller is not a member.")
    if created.destination is None:
        descriptions.add(conn, created.id, new)
    descriptions.attach(conn, created.id, new.tags)
    if created.destination is None or new.tags:
        described = documents.get(conn, created.id)
        return AnnouncedDocument(**described.model_dump(), destination=created.destination)
    return created


def get_created(conn: "Conn", document_id: UUID) -> AnnouncedDocument:
    """A document that the caller created. Its bytes are expected if they never came and the caller may still write.

    Raises NotFound.
    """
    result = rows.one(conn, AnnouncedDocument, queries.expected, {"id": document_id})
    if result is None:
        raise errors.NotFound
    return result


def announce(conn: "Conn", document_id: UUID, contents: Contents) -> AnnouncedDocument:
    """Prepare a document for new bytes; searches use the old ones until ingestion is complete."""
    parts.check_size(conn, contents.size_bytes)
    current = documents.get(conn, document_id)
    if current.connector_id is not None:
        raise errors.Conflict(code="from_connector")
    row = conn.execute(queries.announce, _announced(contents) | {"id": current.id}).fetchone()
    if row is None:
        documents.get(conn, document_id)  # another request may have deleted it meanwhile: NotFound
        raise errors.Forbidden("Only those who may write to this document's space may replace it.")
    return AnnouncedDocument(**documents.get(conn, current.id).model_dump(), destination=row[0])


def send(document: AnnouncedDocument, contents: Contents) -> Document:
    """Start the upload into the bucket, after the row is committed; nothing for a document that expects no bytes.

    Inline content is stored at once; for an upload, the document comes back with its presigned URL, or, when
    it is too big for one request, with the number of its parts (parts.py).
    """
    key = document.destination
    if key is None:
        return document
    if (size := contents.size_bytes) is not None:
        sent_whole = size <= SINGLE_UPLOAD_BYTES
        upload = bucket.presign_upload(key, contents.content_type or _UPLOAD_TYPE, size) if sent_whole else None
        return document.model_copy(update={"upload": upload, "upload_parts": parts.split(size)})
    try:
        bucket.put(key, (contents.content or "").encode(), contents.content_type or _INLINE_TYPE)
    except errors.Unavailable as problem:
        with identity.as_caller() as conn:
            conn.execute(queries.fail_upload, {"id": document.id, "message": str(problem)})
        raise
    return document


def receive(key: str) -> str | None:
    """The document's key that is to be ingested after something arrived at `key`; None for nothing.

    A document's own key is returned as it is. What arrived for an announcement is judged, and copied to its document's
    key if it may replace the document. The document is locked meanwhile, so that two uploads arrive one after the
    other. A worker that dies judges again.
    """
    if key.startswith(inbox.PREFIX):
        return inbox.receive(key)
    announcement = bucket.announcement_of(key)
    if announcement is None:
        return key
    stored = bucket.newest(key)
    if stored is None:
        return None
    params = {"announcement": announcement, "version": stored.version, "etag": stored.etag, "size": stored.size}
    params["staged"] = bucket.is_staged(key)
    with identity.as_nobody() as conn:
        document_key: str | None = rows.value(conn, queries.receive, params)
        if document_key is not None:
            bucket.copy(stored, document_key)
    logger().info("upload judged", upload_id=str(announcement), taken=document_key is not None)
    return document_key


def forget_uploads(conn: "Conn") -> int:
    """Delete announcements that are kept no longer; returns how many."""
    forgotten: int = rows.value(conn, queries.forget)
    return forgotten


def _announced(contents: Contents) -> dict[str, object]:
    if contents.content is None:
        kind, size, media_type = "upload", contents.size_bytes, contents.content_type or _UPLOAD_TYPE
    else:
        kind, size = "inline", len(contents.content.encode())
        media_type = contents.content_type or _INLINE_TYPE
    filename = contents.filename or ("content.md" if media_type == _INLINE_TYPE else "content.txt")
    return {"filename": filename, "source_type": kind, "size_bytes": size, "content_type": media_type}
