"""Children: an archive's files and an e-mail's attachments, as documents of their own.

The parent's ingestion creates a child. From then on, the child is like every other document: its bytes are stored in
the bucket, and the bucket's event starts its ingestion. A child's id is derived from its parent, its path and its
bytes, so that reading the parent again, after a crash or a replacement, finds the existing children. Rows are stored
first, then objects, and the parent is complete only after both: reading it again makes up for an interruption.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.core import identity, rows, sql
from chalicelib.core.errors import LeaseLostError
from chalicelib.knowledge.documents import bucket
from chalicelib.knowledge.ingestion.extraction import ArchiveMember, ExtractionError, Limits
from chalicelib.knowledge.ingestion.extraction.kinds import KINDS

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

# The number of parents above a document. Below this depth, archives are refused, and e-mails only give their text.
MAX_DEPTH = 3
# The number of documents that one upload may become, over all levels.
MAX_DOCUMENTS = 1_000

_ARCHIVES = frozenset({KINDS["zip"].content_type, KINDS["tar"].content_type})
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")
_UNKNOWN_TYPE = "application/octet-stream"
_LONGEST_FILENAME = 255


@dataclass(frozen=True, slots=True)
class Parent:
    """A document that a worker has the lease of. `content_type` is the actual type, `sha256` the hash of the bytes."""

    id: UUID
    owner_id: UUID
    token: UUID
    sha256: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class _LockedParent:
    space_id: int
    depth: int
    is_archived: bool
    batch_id: UUID | None
    metadata: dict[str, object]
    original_url: str | None
    is_copy: bool


@dataclass(frozen=True, slots=True)
class _Tree:
    documents: int
    size_bytes: int


def announce_children(
    parent: Parent, members: Sequence[ArchiveMember], report: Callable[[int, int], None]
) -> list[UUID] | None:
    """Create documents from the files in `parent`, and store their bytes in the bucket; returns their ids.

    Existing children stay as they are. Returns None, and creates nothing, when the parent is a copy of another
    document, which has the children. `report` is called with the number of stored files and of all files. Raises
    LeaseLostError, Unavailable, and ExtractionError when one upload would become too many or too large documents.
    """
    ids = [child_id(parent.id, member) for member in members]
    if not members:
        return ids
    with identity.as_owner(parent.owner_id) as conn:
        created = _make_rows(conn, parent, members, ids)
    if created is None:
        return None
    for number, (child, member) in enumerate(zip(ids, members, strict=True)):
        report(number, len(members))
        key = bucket.key_of(child)
        # The key is derived from the bytes, so an existing object has the right ones.
        if created.get(key) is False or bucket.newest(key) is None:
            bucket.put(key, member.file.read_bytes(), _content_type(member) or _UNKNOWN_TYPE)
    bucket.ask_for_ingestion(key for key, is_back in created.items() if is_back)
    return ids


def delete_other_children(conn: "Conn", parent_id: UUID, child_ids: Sequence[UUID]) -> None:
    """Delete the children that the parent's new version does not contain, in the transaction that stores it."""
    conn.execute(queries.delete_other_children, {"id": parent_id, "child_ids": list(child_ids)})


def child_id(parent_id: UUID, member: ArchiveMember) -> UUID:
    """A child's id: the time of the parent's id (UUIDv7, RFC 9562 5.7), then a hash of the child's path and bytes."""
    digest = hashlib.sha256(parent_id.bytes + member.path.encode() + b"\0" + member.sha256).digest()
    created = bytearray(parent_id.bytes[:6] + digest[:10])
    created[6] = 0x70 | created[6] & 0x0F
    created[8] = 0x80 | created[8] & 0x3F
    return UUID(bytes=bytes(created))


def _make_rows(
    conn: "Conn", parent: Parent, members: Sequence[ArchiveMember], ids: Sequence[UUID]
) -> dict[str, bool] | None:
    """The keys of the new children's objects, and of the restored ones (value true); None when the parent is a copy.

    New children get their parent's metadata, address and tags; later changes of the parent's do not reach them.
    """
    from psycopg.types.json import Jsonb

    own = {"id": parent.id, "token": parent.token, "sha256": parent.sha256}
    locked = rows.one(conn, _LockedParent, queries.lock_parent, own)
    if locked is None:
        raise LeaseLostError
    if locked.is_copy:
        return None
    _bound(conn, parent.id, members)
    params: dict[str, object] = {
        "id": parent.id,
        "depth": locked.depth + 1,
        "space_id": locked.space_id,
        "is_archived": locked.is_archived,
        "batch_id": locked.batch_id,
        "metadata": Jsonb(locked.metadata),
        "original_url": locked.original_url,
        "source_type": "archive" if parent.content_type in _ARCHIVES else "attachment",
        "ids": list(ids),
        "titles": [member.path for member in members],
        "filenames": [PurePosixPath(member.path).name[-_LONGEST_FILENAME:] for member in members],
        "content_types": [_content_type(member) for member in members],
        "sizes": [member.size for member in members],
        "keys": [bucket.key_of(child) for child in ids],
    }
    created: dict[str, bool] = dict(conn.execute(queries.announce_children, params).fetchall())
    new_keys = [key for key, is_back in created.items() if not is_back]
    conn.execute(queries.tag_children, {"id": parent.id, "keys": new_keys})
    return created


def _bound(conn: "Conn", parent_id: UUID, members: Sequence[ArchiveMember]) -> None:
    """Refuse an upload that would become too many or too large documents, over all levels."""
    root = rows.value(conn, queries.lock_tree, {"id": parent_id})
    tree = rows.one(conn, _Tree, queries.tree, {"id": parent_id, "root": root})
    most = Limits().max_unpacked_bytes
    documents = len(members) + (tree.documents if tree else 0)
    size = sum(member.size for member in members) + (tree.size_bytes if tree else 0)
    if documents > MAX_DOCUMENTS:
        raise ExtractionError(
            "too_large", f"With all that is packed into it, it makes more than {MAX_DOCUMENTS:,} documents. Split it."
        )
    if size > most:
        raise ExtractionError(
            "too_large", f"With all that is packed into it, it has more than {most / 1e6:,.0f} MB. Split it."
        )


def _content_type(member: ArchiveMember) -> str | None:
    """The media type that the packer declared, if it is one."""
    declared = (member.content_type or "").partition(";")[0].strip().lower()
    return declared if len(declared) <= _LONGEST_FILENAME and _MEDIA_TYPE.fullmatch(declared) else None
