"""Uploads in parts: files that are too big for one request, and connections that break.

The announcement is that of every upload. The client asks for the addresses of parts, sends them in any order, asks
which have arrived after an interruption, and completes the upload; from then on the bytes are judged as those of every
upload (contents.py). A client that lost the response completes again, which does nothing. `tick` deletes the parts of
an upload that was given up or whose document is gone; the bucket deletes those that nobody told of, a day after the
upload began.
"""

from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

from pydantic import Field

from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Request, Resource, Timestamp
from chalicelib.knowledge.documents import documents, multipart
from chalicelib.knowledge.documents.models import Document, UploadParts
from chalicelib.knowledge.documents.sizes import MAX_UPLOAD_BYTES, PART_BYTES

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

_NOT_EXPECTED = "No upload of the caller is expected for this document."

MOST_PARTS = -(-MAX_UPLOAD_BYTES // PART_BYTES)

Number = Annotated[int, Field(ge=1, le=MOST_PARTS)]


class PartsRequest(Request):
    """Which parts are sent next."""

    numbers: Annotated[list[Number], Field(min_length=1, max_length=MOST_PARTS)]


class PartAddress(Resource):
    """Where to send one part: one request with exactly these headers, before `expires_at`."""

    number: int
    url: str
    method: Literal["PUT"] = "PUT"
    headers: dict[str, str]
    expires_at: Timestamp


class PartAddresses(Resource):
    """The addresses of the parts that were asked for."""

    items: list[PartAddress]


class PartsProgress(UploadParts):
    """Which parts of the file have arrived."""

    arrived: list[int]


class _Announcement(Resource):
    announcement: UUID
    key: str
    size_bytes: int
    multipart_id: str | None
    content_type: str | None
    has_arrived: bool
    is_recent: bool


def split(size_bytes: int) -> UploadParts:
    """How a file of so many bytes is cut: into parts of PART_BYTES, of which the last one is smaller."""
    return UploadParts(part_bytes=PART_BYTES, count=-(-size_bytes // PART_BYTES))


def check_size(conn: "Conn", size_bytes: int | None) -> None:
    """Raises Unprocessable for a file that is bigger than the setting `max_upload_mb` allows."""
    if size_bytes is None:
        return
    most: int = rows.value(conn, queries.max_upload_mb)
    if size_bytes > most * 1_000_000:
        message = f"The file has {size_bytes / 1e6:,.1f} MB; at most {most:,} MB are taken"
        raise errors.invalid_field("size_bytes", message)


def addresses(conn: "Conn", document_id: UUID, numbers: list[int]) -> PartAddresses:
    """The addresses of some parts of the caller's announced upload. Starts the upload at the first request.

    Raises NotFound when no upload of the caller is expected, Unprocessable for a number beyond the last part,
    Unavailable when the bucket cannot be reached.
    """
    upload = _announcement(conn, document_id)
    if upload.has_arrived:
        raise errors.NotFound(_NOT_EXPECTED)
    count = split(upload.size_bytes).count
    if max(numbers) > count:
        raise errors.invalid_field("numbers", f"The file has {count} parts")
    multipart_id = upload.multipart_id
    if multipart_id is None:
        multipart_id = multipart.start(upload.key, upload.content_type)
        conn.execute(queries.start, {"announcement": upload.announcement, "multipart_id": multipart_id})
    items = []
    for number in sorted(set(numbers)):
        size = _size(upload.size_bytes, number)
        url, expires_at = multipart.presign(upload.key, multipart_id, number, size)
        headers = {"Content-Length": str(size)}
        items.append(PartAddress(number=number, url=url, headers=headers, expires_at=expires_at))
    return PartAddresses(items=items)


def progress(conn: "Conn", document_id: UUID) -> PartsProgress:
    """Which parts of the caller's announced upload have arrived whole: all of them, when they are joined already.

    Raises NotFound, Unavailable.
    """
    upload = _announcement(conn, document_id)
    plan, arrived = split(upload.size_bytes), _arrived(upload)
    numbers = list(range(1, plan.count + 1)) if arrived is None else sorted(arrived)
    return PartsProgress(part_bytes=plan.part_bytes, count=plan.count, arrived=numbers)


def complete(conn: "Conn", document_id: UUID) -> Document:
    """Join the parts to the file, which the bucket then announces. Nothing happens to parts that are joined already.

    Raises NotFound, Unavailable, and Conflict (`parts_missing`) while a part has not arrived.
    """
    upload = _announcement(conn, document_id)
    arrived = _arrived(upload)
    if arrived is None:
        return documents.get(conn, document_id)
    missing = [number for number in range(1, split(upload.size_bytes).count + 1) if number not in arrived]
    if missing or upload.multipart_id is None:
        raise errors.Conflict(code="parts_missing", missing=missing)
    multipart.complete(upload.key, upload.multipart_id, arrived)
    return documents.get(conn, document_id)


def _announcement(conn: "Conn", document_id: UUID) -> _Announcement:
    upload = rows.one(conn, _Announcement, queries.newest, {"id": document_id})
    if upload is None:
        raise errors.NotFound(_NOT_EXPECTED)
    return upload


def _size(size_bytes: int, number: int) -> int:
    return min(PART_BYTES, size_bytes - PART_BYTES * (number - 1))


def _arrived(upload: _Announcement) -> dict[int, str] | None:
    """The ETags of the parts that have arrived whole, by number; None when the parts are joined already."""
    if upload.has_arrived:
        return None
    if upload.multipart_id is None:
        return {}
    stored = multipart.stored(upload.key, upload.multipart_id)
    if stored is None:
        # Its parts were joined, and the bucket's event is on its way; after a day the bucket deletes parts, too.
        return None if upload.is_recent else {}
    return {part.number: part.etag for part in stored if part.size == _size(upload.size_bytes, part.number)}
