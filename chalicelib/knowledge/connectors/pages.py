"""A page of a sync run, stored in one transaction: documents, items, paths, removals, and the cursor.

The bytes lie in the bucket already (documents.bucket.stage); the page announces them, and the ingest queue takes them
up like an upload. Until then, searches use the text that the document had.
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.core import errors, rows, sql
from chalicelib.core.texts import storable
from chalicelib.knowledge.connectors import readers
from chalicelib.knowledge.connectors.readers import ItemSpaces
from chalicelib.knowledge.connectors.sources import Item
from chalicelib.knowledge.documents import documents
from chalicelib.knowledge.documents.models import DocumentChanges

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn
    from chalicelib.knowledge.connectors.runs import RunClaim, RunJob

queries = sql.load(__file__)

_LONGEST_PATH = 500
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class Arrival:
    """An item whose bytes are staged under the id `upload_id`. `document_id` is that of a new document, if it is."""

    item: Item
    version: str
    document_id: UUID
    is_new: bool
    upload_id: UUID
    size: int
    sha256: bytes


@dataclass(slots=True)
class PageChanges:
    """What a page changes."""

    arrivals: list[Arrival] = field(default_factory=list)
    # Items whose bytes are as they were, with the version to store and their document if it is to be renamed.
    touched: list[tuple[Item, str | None, UUID | None, str | None]] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    failed: list[tuple[Item, str]] = field(default_factory=list)
    renamed_keys: list[tuple[str, str]] = field(default_factory=list)
    # By the ids of items, where the connector mirrors readers: the readers; the spaces of items that are tried again.
    readers: dict[str, frozenset[str]] = field(default_factory=dict)
    stored_spaces: dict[str, int] = field(default_factory=dict)

    def is_empty(self) -> bool:
        """Whether there is nothing to store."""
        return not (
            self.arrivals
            or self.touched
            or self.seen
            or self.deleted
            or self.failed
            or self.renamed_keys
            or self.readers
        )


def new_ids(conn: "Conn", amount: int) -> list[UUID]:
    """Ids in the order of time (UUIDv7)."""
    return [row[0] for row in conn.execute(queries.new_ids, {"amount": amount}).fetchall()]


def apply(conn: "Conn", claim: "RunClaim", job: "RunJob", changes: PageChanges) -> list[str]:
    """Store what a page changes; returns the bucket's keys whose ingestion is to be requested after the commit.

    runs.advance() comes first in the transaction. Raises errors.Conflict (storage_full).
    """
    place = {"connector": claim.connector_id, "run": claim.run_id}
    spaces = readers.spaces(conn, claim.connector_id, job.space_id, changes.readers, changes.stored_spaces)
    _move_keys(conn, place, changes.renamed_keys)
    keys = _store_arrivals(conn, place | {"type": job.type}, changes.arrivals, spaces)
    keys += _touch(conn, place, changes.touched, spaces)
    if changes.seen:
        conn.execute(queries.see, place | {"source_ids": changes.seen})
    _fail(conn, place, changes.failed, spaces)
    keys += readers.follow(conn, place, spaces)
    if job.repository_id is not None:
        placed = [(arrival.document_id, arrival.item.path) for arrival in changes.arrivals]
        placed += [(document, item.path) for item, _, document, _ in changes.touched if document is not None]
        _place(conn, job.repository_id, job.space_id, placed)
    if changes.deleted:
        conn.execute(queries.remove, place | {"source_ids": changes.deleted})
    return keys


@dataclass(frozen=True, slots=True)
class Removals:
    """How many documents go: those from `before` the run, and those that the run `brought` itself."""

    before: int
    brought: int


def count_with_documents(conn: "Conn", claim: "RunClaim", source_ids: Sequence[str]) -> Removals:
    """What the removal of these items removes."""
    params = {"connector": claim.connector_id, "run": claim.run_id, "source_ids": list(source_ids)}
    return rows.one(conn, Removals, queries.count_with_documents, params) or Removals(0, 0)


def settle_paths(conn: "Conn", claim: "RunClaim", repository_id: UUID) -> None:
    """Give documents the paths of their items that others had when they came, and have no longer.

    A path that looks free may be that of a document which the connector's owner does not see, or which came just now:
    its mark stays.
    """
    import psycopg

    place = {"connector": claim.connector_id, "repository": repository_id}
    for document_id, path in conn.execute(queries.free_paths, place).fetchall():
        with suppress(psycopg.errors.UniqueViolation), conn.transaction():
            conn.execute(queries.settle_path, {"repository": repository_id, "document": document_id, "path": path})


def clean_path(path: str) -> str:
    """A path of the source as a repository's: names joined by single slashes, at most 500 characters."""
    names = (
        "".join(" " if ord(letter) < 32 or letter in "\\\x7f" else letter for letter in name)
        for name in path.split("/")
    )
    retained = "/".join(name.strip() for name in names if name.strip() not in {"", ".", ".."}) or "document"
    return retained if len(retained) <= _LONGEST_PATH else _shortened(retained)


def filename(item: Item) -> str:
    """The name of an item's file."""
    return PurePosixPath(item.path).name[-_LONGEST_NAME:] or "document"


def title_of(item: Item) -> str:
    """The title of an item's document."""
    return " ".join((item.title or filename(item)).split())[:500] or filename(item)


def _shortened(path: str) -> str:
    """A path that is too long: its file's name below as much of its folders as there is room for, with a mark."""
    folders, _, name = path.rpartition("/")
    if len(name) > _LONGEST_NAME or not folders:
        return _distinguished(path, path)
    mark = _mark(path)
    return f"{folders[: _LONGEST_PATH - len(mark) - 1 - len(name)]}{mark}/{name}"


def _mark(by: str) -> str:
    return f"~{hashlib.sha256(by.encode()).hexdigest()[:8]}"


def _distinguished(path: str, by: str) -> str:
    """The path with a mark made of `by` before its ending, not too long."""
    mark = _mark(by)
    pure = PurePosixPath(path)
    suffix = pure.suffix if len(pure.suffix) <= 20 else ""
    return path.removesuffix(suffix)[: _LONGEST_PATH - len(mark) - len(suffix)] + mark + suffix


def _move_keys(conn: "Conn", place: dict[str, Any], renamed: Sequence[tuple[str, str]]) -> None:
    if renamed:
        old, new = zip(*renamed, strict=True)
        conn.execute(queries.move_keys, place | {"old": list(old), "new": list(new)})


def _store_arrivals(conn: "Conn", place: dict[str, Any], arrivals: Sequence[Arrival], spaces: ItemSpaces) -> list[str]:
    if not arrivals:
        return []
    columns = {
        "ids": [arrival.document_id for arrival in arrivals],
        "are_new": [arrival.is_new for arrival in arrivals],
        "titles": [title_of(arrival.item) for arrival in arrivals],
        "filenames": [filename(arrival.item) for arrival in arrivals],
        "content_types": [arrival.item.content_type for arrival in arrivals],
        "sizes": [arrival.size for arrival in arrivals],
        "uploads": [arrival.upload_id for arrival in arrivals],
    }
    described = _described([arrival.item for arrival in arrivals], spaces)
    conn.execute(queries.create_documents, place | columns | described)
    conn.execute(queries.replace_documents, place | columns | described)
    keys = [row[0] for row in conn.execute(queries.announce, place | columns | described).fetchall()]
    hashes = {
        "documents": columns["ids"],
        "versions": [arrival.version for arrival in arrivals],
        "hashes": [arrival.sha256 for arrival in arrivals],
    }
    conn.execute(queries.store_items, place | described | hashes)
    return keys


def _touch(
    conn: "Conn",
    place: dict[str, Any],
    touched: Sequence[tuple[Item, str | None, UUID | None, str | None]],
    spaces: ItemSpaces,
) -> list[str]:
    """Store what changed of items besides their bytes; returns keys of documents to ingest again."""
    if not touched:
        return []
    described = _described([item for item, _, _, _ in touched], spaces)
    conn.execute(queries.touch_items, place | described | {"versions": [version for _, version, _, _ in touched]})
    names = {"filenames": [filename(item) for item, _, _, _ in touched]}
    conn.execute(queries.describe_documents, place | described | names)
    keys: list[str] = []
    for item, _, document_id, title in touched:
        if document_id is not None and title is not None and title_of(item) != title:
            try:
                keys += documents.change(conn, document_id, DocumentChanges(title=title_of(item))).keys
            except errors.NotFound:
                continue  # a person deleted it
    return keys


def _fail(conn: "Conn", place: dict[str, Any], failed: Sequence[tuple[Item, str]], spaces: ItemSpaces) -> None:
    if failed:
        messages = {"messages": [storable(message[:2000]) for _, message in failed]}
        conn.execute(queries.fail_items, place | _described([item for item, _ in failed], spaces) | messages)


def _described(items: Sequence[Item], spaces: ItemSpaces) -> dict[str, Any]:
    from psycopg.types.json import Jsonb

    return {
        "source_ids": [item.source_id for item in items],
        "paths": [item.path for item in items],
        "urls": [item.original_url and item.original_url[:2048] for item in items],
        "authors": [Jsonb([author[:200] for author in item.authors[:100]]) for item in items],
        "created": [item.created_at for item in items],
        "modified": [item.modified_at for item in items],
        "metadata": [Jsonb(dict(item.metadata)) for item in items],
        "memories": [Jsonb(dict(item.memory)) for item in items],
        "spaces": spaces.of(item.source_id for item in items),
    }


def _place(conn: "Conn", repository_id: UUID, space_id: int, placed: Sequence[tuple[UUID, str]]) -> None:
    """Put documents at their paths; where a path is taken, the document gets a path with a mark of its own."""
    if not placed:
        return
    params = {
        "repository": repository_id,
        "space": space_id,
        "documents": [document for document, _ in placed],
        "paths": [path for _, path in placed],
    }
    conn.execute(queries.take_out, params)
    left = {row[0] for row in conn.execute(queries.place, params).fetchall()}
    remaining = [(document, _distinguished(path, str(document))) for document, path in placed if document in left]
    if remaining:
        again = params | {
            "documents": [document for document, _ in remaining],
            "paths": [path for _, path in remaining],
        }
        conn.execute(queries.place, again)
