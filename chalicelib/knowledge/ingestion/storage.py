"""Storage of an ingested document: one transaction replaces its text, chunks, embeddings and status."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.core import identity, rows, sql
from chalicelib.core.errors import LeaseLostError
from chalicelib.knowledge.documents import bucket, descriptions
from chalicelib.knowledge.documents.file_warnings import SCRIPT_UNKNOWN, FileWarning
from chalicelib.knowledge.embedding import halfvec
from chalicelib.knowledge.ingestion import children
from chalicelib.knowledge.ingestion.claims import DocumentClaim
from chalicelib.knowledge.text import bm25

if TYPE_CHECKING:
    from pgvector import HalfVector

    from chalicelib.core.connection import Conn, Params
    from chalicelib.knowledge.text.chunking import ChunkDraft

queries = sql.load(__file__, shared=descriptions.queries)


class NoCopyError(Exception):
    """The original of this copy no longer exists, so the document must be unpacked after all."""


class EmbeddedByFormerModelError(Exception):
    """Another embedding model became active meanwhile: these vectors are of no use."""


@dataclass(frozen=True, slots=True)
class _LockedDocument:
    space_id: int
    recheck: bool
    title: str
    is_archived: bool
    same_content: UUID | None


@dataclass(frozen=True, slots=True)
class PreparedDocument:
    """One version of a document, ready to be stored; `vectors[i]` belongs to `drafts[i]`."""

    sha256: bytes
    text: str
    drafts: "Sequence[ChunkDraft]"
    vectors: "Sequence[HalfVector]"
    model_id: int
    # None when the document is a copy and was not unpacked.
    children: Sequence[UUID] | None
    warnings: Sequence[FileWarning] = ()


def store(claim: DocumentClaim, ready: PreparedDocument) -> bool:
    """Replace everything searchable of the document in one transaction; returns whether to check the bucket again.

    Two round trips between the first and the last one, however many statements: one locks and judges, one replaces.
    """
    own = {"id": claim.document_id, "token": claim.token, "sha256": ready.sha256}
    with identity.as_owner(claim.owner_id) as conn:
        locked = _lock(conn, own, ready)
        halfvec.adapt(conn)
        with conn.pipeline():
            children.delete_other_children(conn, claim.document_id, () if locked.same_content else ready.children or ())
            conn.execute(queries.remove_chunks, own)
            if locked.same_content is None:
                conn.execute(queries.insert_text, own | {"space_id": locked.space_id, "text": ready.text})
                _insert_chunks(conn, claim.document_id, locked, ready)
            finished = own | {
                "version": claim.stored.version,
                "size": claim.stored.size,
                "duplicate_of": locked.same_content,
                "chunk_count": 0 if locked.same_content else len(ready.drafts),
                "warnings": json.dumps([asdict(warning) for warning in ready.warnings]),
            }
            conn.execute(queries.complete, finished)
            if any(warning.code == SCRIPT_UNKNOWN for warning in ready.warnings):
                conn.execute(queries.report_unknown_script, own)
            if locked.same_content is not None:
                conn.execute(queries.describe_original, finished)
                conn.execute(queries.tag_original, finished)
            released = [row[0] for row in conn.execute(queries.release_duplicates, own).fetchall()]
    bucket.ask_for_ingestion(released)
    return locked.recheck


def _lock(conn: "Conn", own: "Params", ready: PreparedDocument) -> _LockedDocument:
    """Lock the document and what decides about it. Raises what forbids to store it."""
    with conn.pipeline():
        models = conn.execute(queries.lock_models)
        conn.execute(queries.lock_content, own)
        locked = rows.one(conn, _LockedDocument, queries.lock_document, own)
        active = models.fetchone()
    if active is None or active[0] != ready.model_id:
        raise EmbeddedByFormerModelError
    if locked is None:
        raise LeaseLostError
    if locked.same_content is None and ready.children is None:
        raise NoCopyError
    return locked


def _insert_chunks(conn: "Conn", document_id: UUID, locked: _LockedDocument, ready: PreparedDocument) -> None:
    columns = {
        "texts": [draft.text for draft in ready.drafts],
        "starts": [draft.start_char for draft in ready.drafts],
        "ends": [draft.end_char for draft in ready.drafts],
        "pages": [draft.page for draft in ready.drafts],
        "sections": [draft.section for draft in ready.drafts],
        "columns": [draft.columns for draft in ready.drafts],
        "contexts": [draft.context for draft in ready.drafts],
        "token_counts": [draft.token_count for draft in ready.drafts],
        "vectors": ready.vectors,
        # The title may have changed since the claim; the lock keeps it from changing now.
        "weights": [_weights(draft, locked.title) for draft in ready.drafts],
    }
    place = {"id": document_id, "space_id": locked.space_id, "model": ready.model_id, "live": not locked.is_archived}
    conn.execute(queries.insert_chunks, columns | place)
    conn.execute(queries.count_lexemes, {"id": document_id})
    conn.execute(queries.queue_embedding, {"id": document_id})


def _weights(draft: "ChunkDraft", title: str) -> str:
    return bm25.to_sparsevec(bm25.document_weights(draft.text, title, draft.context or ""))
