"""The inbox of the bucket: what an operator puts under `inbox/` becomes documents (docs/inbox.md).

    inbox/org/<path>                  of the organisation
    inbox/group/<name or id>/<path>   of a group
    inbox/user/<name or id>/<path>    of a user

An object is copied to its document's own key and stays where it is, so that a synchronisation finds it there. A folder
`name=value` becomes metadata; the other folders become the metadata `folder`.
"""

import mimetypes
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chalicelib.core import errors, identity, rows, sql
from chalicelib.core.log import logger
from chalicelib.core.settings import settings
from chalicelib.knowledge.documents import bucket

queries = sql.load(__file__)

PREFIX = "inbox/"
_KINDS = ("user", "group", "org")
# How long the inbox is left alone after a complete comparison, and the objects of one page.
SWEEP_PAUSE = timedelta(hours=6)
_PAGE = 1_000
_MAX_FILENAME, _MAX_SOURCE, _MAX_PAIRS, _MAX_NAME = 255, 255, 48, 100


@dataclass(frozen=True, slots=True)
class InboxPath:
    """What the key of an object says: its space, and its path there."""

    space_kind: str
    space_name: str
    path: str

    def described(self) -> dict[str, Any]:
        """What the document is told of itself: its names, its type, its metadata and the path as its `source_id`."""
        *folders, filename = self.path.split("/")
        metadata: dict[str, str] = {}
        plain: list[str] = []
        for folder in folders:
            name, separator, value = folder.partition("=")
            if separator and 0 < len(name) <= _MAX_NAME and len(metadata) < _MAX_PAIRS:
                metadata[name] = value
            else:
                plain.append(folder)
        if plain:
            metadata["folder"] = "/".join(plain)
        return {
            "title": filename[:_MAX_FILENAME],
            "filename": filename[-_MAX_FILENAME:],
            "content_type": mimetypes.guess_type(filename)[0] or "application/octet-stream",
            "metadata": metadata,
            "source_id": self.path if len(self.path) <= _MAX_SOURCE else None,
        }


def parse(key: str) -> InboxPath | None:
    """What a key under `inbox/` says; None for a folder's own object, and for a path that names no kind of space."""
    kind, _, rest = key.removeprefix(PREFIX).partition("/")
    name, path = ("", rest) if kind == "org" else (rest.partition("/")[0], rest.partition("/")[2])
    if kind not in _KINDS or not path or path.endswith("/") or (kind != "org" and not name):
        return None
    return InboxPath(kind, name, path)


def receive(key: str) -> str | None:
    """The key of the document that is to be ingested after something happened at a key of the inbox; None for nothing.

    What arrived is copied to its document's key. What was deleted deletes its document where the deployment says so.
    """
    if key.endswith("/"):
        return None  # the object that a console makes for a folder
    stored = bucket.newest(key)
    if stored is None:
        _follow_deletion(key)
        return None
    where = parse(key)
    if where is None:
        _refuse(stored, "no_space")
        return None
    try:
        return _take(stored, where)
    except errors.Problem as problem:
        if problem.code != "storage_full":
            raise
        _refuse(stored, "storage_full")
        return None


def _take(stored: bucket.StoredObject, where: InboxPath) -> str | None:
    from psycopg.types.json import Jsonb

    params = {
        "key": stored.key,
        "etag": stored.etag,
        "size": stored.size,
        "space_kind": where.space_kind,
        "space_name": where.space_name,
        "described": Jsonb(where.described()),
    }
    with identity.as_nobody() as conn:
        document_key: str | None = rows.value(conn, queries.receive, params)
        if document_key is not None:
            bucket.copy(stored, document_key)
    logger().info("inbox object judged", object_key=stored.key, taken=document_key is not None)
    return document_key


def _refuse(stored: bucket.StoredObject, reason: str) -> None:
    with identity.as_nobody() as conn:
        conn.execute(queries.refuse, {"key": stored.key, "etag": stored.etag, "reason": reason})
    logger().warning("inbox object refused", object_key=stored.key, reason=reason)


def _follow_deletion(key: str) -> None:
    if settings().inbox_deletions != "true":
        return
    with identity.as_nobody() as conn:
        copies = [row[0] for row in conn.execute(queries.delete, {"key": key}).fetchall()]
    bucket.ask_for_ingestion(copies)
    logger().info("inbox object deleted", object_key=key, copies=len(copies))


def sweep() -> int:
    """Compare a page of the inbox with the documents, and queue what the bucket's events missed; returns how many."""
    with identity.as_nobody() as conn:
        since = rows.value(conn, queries.next_sweep, {"pause": SWEEP_PAUSE})
    if since is None:
        return 0
    stored, reached = bucket.listed_after(PREFIX, since, _PAGE)
    params = {
        "keys": [entry.key for entry in stored],
        "etags": [entry.etag for entry in stored],
        "since": since,
        "reached": reached,
    }
    with identity.as_nobody() as conn:
        missed = [row[0] for row in conn.execute(queries.sweep, params).fetchall()]
    if missed:
        bucket.ask_for_ingestion(missed)
    return len(missed)
