"""What clients say about a document: metadata, tags, where it comes from, and text that is searched with it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.core import errors, rows, sql
from chalicelib.knowledge.documents.models import Document, DocumentChanges, DocumentDescription, NewDocument

if TYPE_CHECKING:
    from psycopg.types.json import Jsonb

    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

# The columns of the part `described`; tags are rows of their own.
_COLUMNS = {"metadata", *DocumentDescription.model_fields}


def change(conn: "Conn", document: Document, changes: DocumentChanges) -> list[str]:
    """Change what is said about a locked document. Returns the keys of objects to ingest again, for another extra text.

    Raises NotFound for a tag that the caller cannot see, Forbidden for a global one that only others can attach.
    """
    if changes.model_fields_set & _COLUMNS:
        conn.execute(queries.describe, {"id": document.id, "description": stored(changes)})
    if changes.tags is not None:
        conn.execute(queries.detach_others, {"id": document.id, "tags": changes.tags})
        attach(conn, document.id, changes.tags)
    if "extra_text" not in changes.model_fields_set or changes.extra_text == document.extra_text:
        return []
    return [row[0] for row in conn.execute(queries.read_again, {"id": document.id}).fetchall()]


def add(conn: "Conn", document_id: UUID, new: NewDocument) -> None:
    """Give an existing document what a request says about the same text, where the document says nothing yet."""
    conn.execute(queries.add, {"id": document_id, "description": stored(new)})


def attach(conn: "Conn", document_id: UUID, tags: Sequence[UUID]) -> None:
    """Attach tags to a document. Raises NotFound for a tag that the caller cannot see, Forbidden for a global one."""
    import psycopg

    if not tags:
        return
    requested = list(dict.fromkeys(tags))
    if rows.value(conn, queries.count_tags, {"tags": requested}) != len(requested):
        raise errors.NotFound("One of `tags` does not exist. Create it first, or leave it out.")
    try:
        conn.execute(queries.attach, {"id": document_id, "tags": requested})
    except psycopg.errors.InsufficientPrivilege as error:
        raise errors.Forbidden("You may only read this document, so you cannot attach global tags to it.") from error


def detach(conn: "Conn", document_id: UUID, tag: UUID | None) -> None:
    """Detach a tag from a document. Raises Forbidden for a global one of a document that the caller only reads."""
    params = {"id": document_id, "tag": tag}
    if rows.value(conn, queries.is_attached, params) and conn.execute(queries.detach, params).rowcount == 0:
        raise errors.Forbidden("You may only read this document, so you cannot detach global tags from it.")


def stored(provided: NewDocument | DocumentChanges) -> "Jsonb":
    """What a request says about a document, as the statements take it: of a change, the columns that it names."""
    from psycopg.types.json import Jsonb

    is_change = isinstance(provided, DocumentChanges)
    return Jsonb(provided.model_dump(mode="json", include=_COLUMNS, exclude_unset=is_change))
