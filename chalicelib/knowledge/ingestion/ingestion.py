"""Ingestion: from bytes in the bucket to passages that can be found, exactly once whatever happens.

An event is only a hint that an object changed. Whoever holds a document's lease looks at the bucket's newest
version, so late, doubled and reordered events change nothing. Everything searchable is replaced in one
transaction that checks the lease, so the work of a worker that was overtaken is dropped whole.
"""

import hashlib
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from chalicelib.core import identity, metrics, rows, sql
from chalicelib.core.leases import LeaseLostError
from chalicelib.core.log import logger, user_hash
from chalicelib.knowledge.documents import bucket
from chalicelib.knowledge.documents.bucket import StoredObject
from chalicelib.knowledge.documents.models import MAX_UPLOAD_BYTES
from chalicelib.knowledge.embedding import builtin, embedding_models, halfvec
from chalicelib.knowledge.embedding.remote import EmbeddingProviderError
from chalicelib.knowledge.ingestion import children, extraction
from chalicelib.knowledge.text import chunking, lexemes

if TYPE_CHECKING:
    from pgvector import HalfVector

    from chalicelib.core.connection import Conn
    from chalicelib.knowledge.embedding.builtin import Embedder
    from chalicelib.knowledge.embedding.recipe import Recipe
    from chalicelib.knowledge.ingestion.extraction import Extraction
    from chalicelib.knowledge.text.chunking import ChunkDraft

queries = sql.load(__file__)

LEASE = timedelta(seconds=60)
_PROGRESS_SECONDS = 2.0
_EMBED_TEXTS = 64
MAX_CHUNKS = 20_000
# How often the active model may have changed while a document was embedded: models change once in months.
_EMBED_ATTEMPTS = 3


class _DelegatedError(Exception):
    """The GPU task embeds this document and has it taken up again; `recheck`: the bucket spoke again meanwhile."""

    def __init__(self, recheck: bool) -> None:
        super().__init__()
        self.recheck = recheck


class _NoCopyError(Exception):
    """What seemed to be another document's copy is none any more: it has to be unpacked after all."""


class _StaleModelError(Exception):
    """Another embedding model became active meanwhile: the vectors are not wanted."""


@dataclass(slots=True)
class DocumentClaim:
    """One worker's hold on one document, and the version of its bytes that it works on."""

    document_id: UUID
    owner_id: UUID
    token: UUID
    stored: StoredObject
    reported_at: float = field(default=0.0)
    gpu_threshold: int = field(default=0)


@dataclass(frozen=True, slots=True)
class _Claimed:
    document_id: UUID
    owner_id: UUID


@dataclass(frozen=True, slots=True)
class _Source:
    filename: str
    content_type: str | None
    chunk_size: int
    chunk_overlap: int
    gpu_threshold: int
    depth: int


@dataclass(frozen=True, slots=True)
class _LockedDocument:
    space_id: int
    recheck: bool
    title: str
    is_archived: bool
    same_content: UUID | None


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What one version of a document is made into: `vectors` are those of the pieces."""

    sha256: bytes
    text: str
    drafts: "Sequence[ChunkDraft]"
    vectors: "Sequence[HalfVector]"
    model_id: int
    # None where it was not unpacked because it is a copy.
    children: Sequence[UUID] | None


def ingest(object_key: str) -> None:
    """Bring the document of an object up to date with the bucket. Does nothing when it is already.

    Problems of the file become the document's `failed` status; any other exception is the caller's,
    who lets the message be delivered again.
    """
    again = True
    while again:
        claim = _claim(object_key)
        if claim is None:
            return
        with logger().append_context_keys(document_id=str(claim.document_id), user=user_hash(claim.owner_id)):
            again = _attempt(claim)


def _attempt(claim: DocumentClaim) -> bool:
    """Work on a document that is held. Returns whether the bucket spoke again meanwhile."""
    try:
        return _work(claim)
    except extraction.ExtractionError as error:
        return _fail(claim, error.code, str(error))
    except _DelegatedError as delegated:
        logger().info("document waits for the GPU task")
        return delegated.recheck
    except LeaseLostError:
        logger().info("ingestion overtaken")
        return False


def _claim(object_key: str) -> DocumentClaim | None:
    stored = bucket.newest(object_key)
    if stored is None:
        return None
    token = uuid4()
    params = {"key": object_key, "version": stored.version, "token": token, "lease": LEASE}
    with identity.as_nobody() as conn:
        claimed = rows.one(conn, _Claimed, queries.claim, params)
    return DocumentClaim(claimed.document_id, claimed.owner_id, token, stored) if claimed else None


def _work(claim: DocumentClaim) -> bool:
    """Extract, unpack, chunk, embed and store. Returns whether the bucket spoke again meanwhile."""
    if claim.stored.size > MAX_UPLOAD_BYTES:
        raise extraction.ExtractionError(
            "too_large", f"The file has {claim.stored.size:,} bytes; at most {MAX_UPLOAD_BYTES:,} are taken."
        )
    with identity.as_user(claim.owner_id) as conn:
        source = rows.one(conn, _Source, queries.source, {"id": claim.document_id, "token": claim.token})
    if source is None:
        raise LeaseLostError
    claim.gpu_threshold = source.gpu_threshold
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="alcove-") as directory:
        path = Path(directory) / "document"
        bucket.download(claim.stored, path)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").digest()
        packed = Path(directory) / "packed" if source.depth < children.MAX_DEPTH else None
        if packed:
            packed.mkdir()
        extracted = extraction.extract(path, source.filename, source.content_type, members_into=packed)
        child_ids = _unpack(claim, sha256, extracted)
    extracted_at = time.perf_counter()
    # Passages are always cut by the built-in model's tokens, so that every model can embed what any other can.
    drafts = _chunk(claim, extracted, builtin.load(), source)
    chunked_at = time.perf_counter()
    again, embedded_at = _embed_and_store(claim, sha256, extracted.text, drafts, child_ids)
    stages: dict[str, Any] = {
        "extract_ms": round((extracted_at - started) * 1000),
        "chunk_ms": round((chunked_at - extracted_at) * 1000),
        "embed_ms": round((embedded_at - chunked_at) * 1000),
        "store_ms": round((time.perf_counter() - embedded_at) * 1000),
    }
    logger().info("document ingested", chunks=len(drafts), **stages)
    for name, milliseconds in stages.items():
        metrics.put("Milliseconds", {"IngestionStage": milliseconds}, Stage=name.removesuffix("_ms"))
    metrics.put("Count", {"Documents": 1, "Chunks": len(drafts)}, Outcome="completed")
    return again


def _unpack(claim: DocumentClaim, sha256: bytes, extracted: "Extraction") -> "list[UUID] | None":
    """Make documents of what is packed into this one; None when it is a copy, and what it is a copy of has them."""

    def report(done: int, total: int) -> None:
        if time.monotonic() - claim.reported_at > _PROGRESS_SECONDS:
            _report(claim, "extracting", done, total)

    parent = children.Parent(claim.document_id, claim.owner_id, claim.token, sha256, extracted.content_type)
    return children.announce_children(parent, extracted.members, report)


def _chunk(claim: DocumentClaim, extracted: "Extraction", embedder: "Embedder", source: _Source) -> "list[ChunkDraft]":
    _report(claim, "chunking", 0, None)
    drafts = chunking.chunk(
        extracted.text,
        extracted.segments,
        embedder.token_offsets(extracted.text),
        source.chunk_size,
        source.chunk_overlap,
    )
    if len(drafts) > MAX_CHUNKS:
        raise extraction.ExtractionError(
            "too_large", f"The text makes {len(drafts):,} passages; at most {MAX_CHUNKS:,} are taken. Split the file."
        )
    return drafts


def _embed_and_store(
    claim: DocumentClaim, sha256: bytes, text: str, drafts: "Sequence[ChunkDraft]", child_ids: "Sequence[UUID] | None"
) -> tuple[bool, float]:
    """Embed with the active model and store, once more when another became active meanwhile.

    Returns whether the bucket spoke again meanwhile, and when the last embedding was done (time.perf_counter).
    """
    for _ in range(_EMBED_ATTEMPTS):
        model = embedding_models.active()
        try:
            vectors = _delegated(claim, model, drafts) or _embed(claim, model, drafts)
            embedded_at = time.perf_counter()
            return _store(claim, _Prepared(sha256, text, drafts, vectors, model.id, child_ids)), embedded_at
        except _StaleModelError:
            embedding_models.look_again()
        except EmbeddingProviderError:
            # Its address or key may have been changed since this process looked.
            if embedding_models.look_again() == model:
                raise
    raise _StaleModelError


def _delegated(claim: DocumentClaim, model: "Recipe", drafts: "Sequence[ChunkDraft]") -> "list[HalfVector]":
    """The vectors that the GPU task made of a big document; none for a small one.

    Raises _DelegatedError once the passages are handed over.
    """
    if not claim.gpu_threshold or len(drafts) < claim.gpu_threshold or model.provider != "builtin":
        return []
    params = {
        "id": claim.document_id,
        "token": claim.token,
        "model": model.id,
        "texts": [draft.embedded_text for draft in drafts],
    }
    with identity.as_user(claim.owner_id) as conn:
        vectors = [row[0] for row in conn.execute(queries.requested, params).fetchall()]
        if vectors:
            return halfvec.from_texts(vectors)
        recheck = rows.value(conn, queries.request, params)
    if recheck is None:
        raise LeaseLostError
    raise _DelegatedError(recheck)


def _embed(claim: DocumentClaim, model: "Recipe", drafts: "Sequence[ChunkDraft]") -> "list[HalfVector]":
    """The passages' vectors, reporting progress and renewing the lease on the way."""
    vectors: list[HalfVector] = []
    _report(claim, "embedding", 0, len(drafts))
    for start in range(0, len(drafts), _EMBED_TEXTS):
        texts = [draft.embedded_text for draft in drafts[start : start + _EMBED_TEXTS]]
        vectors += halfvec.from_rows(model.embed(texts))
        if time.monotonic() - claim.reported_at > _PROGRESS_SECONDS:
            _report(claim, "embedding", len(vectors), len(drafts))
    return vectors


def _report(claim: DocumentClaim, stage: str, done: int, total: int | None) -> None:
    params = {
        "id": claim.document_id,
        "token": claim.token,
        "lease": LEASE,
        "stage": stage,
        "done": done,
        "total": total,
    }
    with identity.as_user(claim.owner_id) as conn:
        if conn.execute(queries.progress, params).fetchone() is None:
            raise LeaseLostError
    claim.reported_at = time.monotonic()


def _store(claim: DocumentClaim, ready: _Prepared) -> bool:
    """Replace everything searchable of the document in one transaction; returns whether to look again."""
    own = {"id": claim.document_id, "token": claim.token, "sha256": ready.sha256}
    with identity.as_user(claim.owner_id) as conn:
        if rows.value(conn, queries.lock_models) != ready.model_id:
            raise _StaleModelError
        conn.execute(queries.lock_content, own)
        locked = rows.one(conn, _LockedDocument, queries.lock_document, own)
        if locked is None:
            raise LeaseLostError
        if locked.same_content is None and ready.children is None:
            raise _NoCopyError
        children.keep_children(conn, claim.document_id, () if locked.same_content else ready.children or ())
        conn.execute(queries.remove_chunks, own)
        if locked.same_content is None:
            conn.execute(queries.insert_text, own | {"space_id": locked.space_id, "text": ready.text})
            _insert_chunks(conn, claim.document_id, locked, ready)
        finished = own | {
            "version": claim.stored.version,
            "size": claim.stored.size,
            "duplicate_of": locked.same_content,
            "chunk_count": 0 if locked.same_content else len(ready.drafts),
        }
        conn.execute(queries.complete, finished)
        released = [row[0] for row in conn.execute(queries.release_duplicates, own).fetchall()]
    bucket.ask_for_ingestion(released)
    return locked.recheck


def _insert_chunks(conn: "Conn", document_id: UUID, locked: _LockedDocument, ready: _Prepared) -> None:
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
        # The title may have been changed meanwhile; it cannot be changed now.
        "weights": [_weights(draft, locked.title) for draft in ready.drafts],
    }
    place = {"id": document_id, "space_id": locked.space_id, "model": ready.model_id, "live": not locked.is_archived}
    halfvec.adapt(conn)
    conn.execute(queries.insert_chunks, columns | place)
    conn.execute(queries.count_lexemes, {"id": document_id})
    conn.execute(queries.queue_embedding, {"id": document_id})


def _weights(draft: "ChunkDraft", title: str) -> str:
    return lexemes.to_sparsevec(lexemes.document_weights(draft.text, title, draft.context or ""))


def _fail(claim: DocumentClaim, code: str, message: str) -> bool:
    params = {
        "id": claim.document_id,
        "token": claim.token,
        "version": claim.stored.version,
        "code": code,
        "message": message[:2000],
    }
    with identity.as_user(claim.owner_id) as conn:
        row = conn.execute(queries.fail, params).fetchone()
    logger().info("document failed", code=code)
    metrics.put("Count", {"Documents": 1}, Outcome="failed")
    metrics.put("Count", {"DocumentFailures": 1}, Code=code)
    return bool(row and row[0])
