"""Documents: their rows, then their bytes, which take the way of an upload.

Chunks and vectors are made anew from the bytes: cut by this service's tokens, embedded by its active model. A source's
own vectors belong to other chunks. Where a file is not at hand, the source's chunks give the document's text.
"""

import mimetypes
import re
from datetime import datetime
from pathlib import PurePosixPath
from uuid import UUID

from importers.move import Move
from importers.records import Json, Row, Skipped, Target
from importers.talks import metadata

_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f/\\]+")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(; ?[A-Za-z0-9=._-]+)*")
_SOURCE_TYPE = re.compile(r"[a-z][a-z_]{1,29}")
TEXT = "text/plain"
NOT_AT_HAND = "The file was not part of the move."


def document(
    row: Row,
    move: Move,
    owner_id: UUID,
    space_id: int,
    *,
    extra_data: dict[str, Json],
    filename: str | None,
    title: str | None,
    media_type: str | None,
    created: datetime,
    **values: Json,
) -> Target:
    """A document whose bytes are still to come. `extra_data` is its metadata."""
    # The ingestion here changes the document's own `updated_at`.
    extra_data = {"updated_at": row.get("updated_at")} | extra_data
    new_id = move.id(row, created)
    name = _NOT_IN_NAMES.sub(" ", PurePosixPath(filename or "").name).strip()[:255] or f"document-{row.key[:36]}"
    deleted = values.get("deleted_at")
    if isinstance(deleted, datetime):
        move.check_retention("documents", deleted)
    defaults: dict[str, Json] = {
        "id": new_id,
        "space_id": space_id,
        "owner_id": owner_id,
        "title": (title or name).strip()[:500] or name,
        "filename": name,
        "source_type": "upload",
        "connector_id": None,
        "batch_id": None,
        "metadata": metadata(row, extra_data),
        "source_id": None,
        "original_url": None,
        "file_modified_at": None,
        "extra_text": None,
        "content_type": media_type_of(media_type, name),
        "size_bytes": None,
        "object_key": f"documents/{new_id}",
        "status": "pending",
        "error_code": None,
        "error_message": None,
        "is_archived": False,
        "created_at": created,
        "updated_at": move.time(row, "updated_at", created),
        "deleted_at": None,
    }
    recomputed = frozenset(
        {"status", "error_code", "error_message", "size_bytes", "content_type", "updated_at", "title"}
    )
    return Target("documents", defaults | values, volatile=recomputed)


def media_type_of(stated: str | None, name: str) -> str:
    """A media type: the stated one, or by the name's ending. The reader judges by the bytes."""
    if stated and len(stated) <= 255 and _MEDIA_TYPE.fullmatch(stated):
        return stated
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def source_type(row: Row, column: str = "source_type") -> str:
    """How a document came, by Archi's words: a local file is an upload."""
    value = str(row.get(column, "upload")).lower()
    if value in {"local_files", "unknown", "upload"}:
        return "upload"
    return value if _SOURCE_TYPE.fullmatch(value) else "upload"


def send(row: Row, move: Move, *, path: str | None, text: str | None, size: int | None = None) -> list[Target]:
    """Give a document its bytes: the file at `path`, or `text`. A document that has bytes already is left alone.

    Without either it fails, and says so. The bucket's event starts the ingestion.
    """
    match = row.needs("self", "document")
    if match.row["status"] != "pending" or match.row.get("object_version"):
        raise Skipped("it has its bytes")
    if match.row.get("deleted_at"):
        raise Skipped("it is deleted")
    content = move.files.read(path) if path else None
    if content is not None and size is not None and len(content) != size:
        row.note("the file's size is not what the source says")
    media_type = str(match.row["content_type"])
    if not content and text and text.strip():
        if path:
            row.note("its file is not at hand: its text is that of the source's chunks")
        content, media_type = text.encode(), media_type if media_type.startswith("text/") else TEXT
    if not content:
        row.note("neither its file nor its text is at hand: it is failed here")
        failed = {"id": match.id, "status": "failed", "error_code": "upload_failed", "error_message": NOT_AT_HAND}
        return [Target("documents", failed, update=True, volatile=frozenset(failed))]
    move.put(str(match.row["object_key"]), content, media_type)
    sent = {"id": match.id, "size_bytes": len(content), "content_type": media_type}
    return [Target("documents", sent, update=True, volatile=frozenset(sent))]


def joined(chunks: Json) -> str | None:
    """The text of a source's chunks in their order; a place that two chunks share by `start` and `end` comes once."""
    text, end = "", 0
    for chunk in chunks or []:
        part, start = chunk.get("text") or "", chunk.get("start")
        if start is None:
            text += ("\n\n" if text else "") + part
            continue
        if start > end:
            text += "\n" * min(start - end, 2)
        text += part[max(0, end - start) :]
        end = max(end, start + len(part))
    return text or None
