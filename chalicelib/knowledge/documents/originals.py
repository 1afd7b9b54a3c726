"""Originals: a link to the file that a document was read from, under its own name and type, at a page."""

from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote
from uuid import UUID

from pydantic import Field

from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Request, Resource, Timestamp
from chalicelib.knowledge.documents import bucket

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

_UNKNOWN_TYPE = "application/octet-stream"
_PDF = "application/pdf"
# What a browser shows without running anything of it. Everything else is saved as a file.
_SHOWN = frozenset({_PDF, "text/plain", "image/png", "image/jpeg", "image/gif", "image/webp"})


class OriginalQuery(Request):
    """At which page a viewer opens the file."""

    page: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class Original(Resource):
    """A link to a document's original file, good until `expires_at` for whoever has it. It needs no header."""

    document_id: UUID
    url: str
    expires_at: Timestamp
    filename: str
    content_type: str
    size_bytes: int | None


class _Stored(Resource):
    id: UUID
    object_key: str
    filename: str
    content_type: str | None
    size_bytes: int | None


def path(document_id: UUID, page: int | None) -> str:
    """The path of the request that returns the link to a document's original, at a page."""
    return f"/documents/{document_id}/original" + (f"?page={page}" if page else "")


def get(conn: "Conn", document_id: UUID, page: int | None = None) -> Original:
    """The link to a document's original file. In a PDF it leads to `page`.

    Raises NotFound, also while the file has not arrived.
    """
    stored = rows.one(conn, _Stored, queries.stored, {"id": document_id})
    if stored is None:
        raise errors.NotFound("The document does not exist, or its file has not arrived.")
    declared = stored.content_type or _UNKNOWN_TYPE
    kind = declared.split(";")[0].strip().lower()
    content_type = "text/plain; charset=utf-8" if kind == "text/plain" else declared
    how = "inline" if kind in _SHOWN else "attachment"
    link = bucket.presign_download(stored.object_key, content_type, f"{how}; {_named(stored.filename)}")
    return Original(
        document_id=stored.id,
        url=f"{link.url}#page={page}" if page and kind == _PDF else link.url,
        expires_at=link.expires_at,
        filename=stored.filename,
        content_type=content_type,
        size_bytes=stored.size_bytes,
    )


def _named(filename: str) -> str:
    """The parameters of Content-Disposition for a name in any script (RFC 6266, section 4.3; RFC 8187)."""
    plain = "".join(char if " " <= char <= "~" and char not in '"\\%' else "_" for char in filename)
    encoded = quote(filename, safe="!#$&+-.^_`|~")
    return f"filename=\"{plain}\"; filename*=UTF-8''{encoded}"
