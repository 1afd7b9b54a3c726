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


# How many statements a connection keeps planned: planning those of a small document takes as long as running them.
PREPARED = 24


class NoCopyError(Exception):
    """The original of this copy no longer exists, so the document must be unpacked after all."""


class EmbeddedByFormerModelError(Exception):
    """Another embedding model became active meanwhile: these vectors are of no use."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where chunks belong: their document, its space, its title, and whether searches leave it out."""

    document_id: UUID
    space_id: int
    title: str
    is_archived: bool


@dataclass(frozen=True, slots=True)
class _LockedDocument(Place):
    recheck: bool
    same_content: UUID | None


@dataclass(frozen=True, slots=True)
class _Existing:
    """What a document has already; what a new one lacks costs no statement."""

    has_text: bool
    has_children: bool
    has_copies: bool
    is_model_preparing: bool


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
        locked, existing = _lock(conn, own, ready)
        halfvec.adapt(conn)
        with conn.pipeline():
            if existing.has_children:
                remaining = () if locked.same_content else ready.children or ()
                children.delete_other_children(conn, claim.document_id, remaining)
            if existing.has_text:
                conn.execute(queries.remove_chunks, own, prepare=True)
            if locked.same_content is None:
                conn.execute(queries.insert_text, own | {"space_id": locked.space_id, "text": ready.text}, prepare=True)
                insert_chunks(conn, locked, ready.drafts, ready.vectors, ready.model_id)
                if existing.is_model_preparing:
                    conn.execute(queries.queue_embedding, own)
            finished = own | {
                "version": claim.stored.version,
                "size": claim.stored.size,
                "duplicate_of": locked.same_content,
                "chunk_count": 0 if locked.same_content else len(ready.drafts),
                "warnings": json.dumps([asdict(warning) for warning in ready.warnings]),
            }
            conn.execute(queries.complete, finished, prepare=True)
            if any(warning.code == SCRIPT_UNKNOWN for warning in ready.warnings):
                conn.execute(queries.report_unknown_script, own)
            if locked.same_content is not None:
                conn.execute(queries.describe_original, finished)
                conn.execute(queries.tag_original, finished)
            released = conn.execute(queries.release_duplicates, own).fetchall() if existing.has_copies else []
    bucket.ask_for_ingestion(key for (key,) in released)
    return locked.recheck


def _lock(conn: "Conn", own: "Params", ready: PreparedDocument) -> tuple[_LockedDocument, _Existing]:
    """Lock the document and what decides about it. Raises what forbids to store it.

    What exists is read by a statement after the one that locks: it sees what the transactions before this one did, and
    the locks keep it so.
    """
    conn.prepared_max = PREPARED
    with conn.pipeline():
        models = conn.execute(queries.lock_models, prepare=True)
        conn.execute(queries.lock_content, own, prepare=True)
        document = rows.executed(conn, _LockedDocument, queries.lock_document, own, prepare=True)
        present = rows.executed(conn, _Existing, queries.existing, own, prepare=True)
        active, locked, existing = models.fetchone(), document.fetchone(), present.fetchone()
    if active is None or active[0] != ready.model_id:
        raise EmbeddedByFormerModelError
    if locked is None or existing is None:
        raise LeaseLostError
    if locked.same_content is None and ready.children is None:
        raise NoCopyError
    return locked, existing


def insert_chunks(
    conn: "Conn", place: Place, drafts: "Sequence[ChunkDraft]", vectors: "Sequence[HalfVector]", model_id: int
) -> None:
    """Insert a document's chunks with their vectors of one model, `vectors[i]` of `drafts[i]`, and what BM25 counts.

    The connection knows the type of vectors (halfvec.adapt), and the transaction may write to the document's space.
    """
    columns = {
        "texts": [draft.text for draft in drafts],
        "starts": [draft.start_char for draft in drafts],
        "ends": [draft.end_char for draft in drafts],
        "pages": [draft.page for draft in drafts],
        "sections": [draft.section for draft in drafts],
        "columns": [draft.columns for draft in drafts],
        "contexts": [draft.context for draft in drafts],
        "token_counts": [draft.token_count for draft in drafts],
        "vectors": vectors,
        # The title may have changed since the claim; the lock keeps it from changing now.
        "weights": [_weights(draft, place.title) for draft in drafts],
    }
    own = {"id": place.document_id, "space_id": place.space_id, "model": model_id, "live": not place.is_archived}
    conn.execute(queries.insert_chunks, columns | own, prepare=True)
    conn.execute(queries.count_lexemes, {"id": place.document_id}, prepare=True)


def _weights(draft: "ChunkDraft", title: str) -> str:
    return bm25.to_sparsevec(bm25.document_weights(draft.text, title, draft.context or ""))
