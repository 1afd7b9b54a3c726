"""Ingestion: from bytes in the bucket to searchable chunks, exactly once.

An event is only a hint that an object changed. The worker with a document's lease reads the bucket's newest
version, so late, repeated and reordered events change nothing. One transaction that checks the lease replaces
everything searchable, so a worker that has lost its lease stores nothing.
"""

import hashlib
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.core import errors, identity, metrics, rows, sql
from chalicelib.core.errors import LeaseLostError
from chalicelib.core.log import logger, user_hash
from chalicelib.knowledge.documents import bucket
from chalicelib.knowledge.documents.file_warnings import MOST_WARNINGS, FileWarning
from chalicelib.knowledge.documents.sizes import MAX_UPLOAD_BYTES
from chalicelib.knowledge.embedding import builtin, embedding_models, halfvec
from chalicelib.knowledge.embedding.remote import EmbeddingProviderError
from chalicelib.knowledge.ingestion import children, claims, extraction, pictures, recognition, scripts, storage
from chalicelib.knowledge.ingestion.claims import DocumentClaim
from chalicelib.knowledge.ingestion.extraction.assembly import clean
from chalicelib.knowledge.text import chunking
from chalicelib.knowledge.text.segment import Segment

if TYPE_CHECKING:
    from pgvector import HalfVector

    from chalicelib.knowledge.embedding.builtin import Embedder
    from chalicelib.knowledge.embedding.recipe import Recipe
    from chalicelib.knowledge.ingestion.extraction import Extraction
    from chalicelib.knowledge.text.chunking import ChunkDraft

queries = sql.load(__file__)

_EMBED_TEXTS = 64
MAX_CHUNKS = 20_000
# How often the active model may change during one ingestion. Models change once in months.
_EMBED_ATTEMPTS = 3


class _DelegatedError(Exception):
    """Others work on this document, then ingestion continues; `recheck`: another event arrived meanwhile."""

    def __init__(self, recheck: bool) -> None:
        super().__init__()
        self.recheck = recheck


@dataclass(frozen=True, slots=True)
class _Source:
    filename: str
    content_type: str | None
    chunk_size: int
    chunk_overlap: int
    gpu_threshold: int
    depth: int
    extra_text: str | None
    ocr_languages: str


def ingest(object_key: str) -> None:
    """Bring an object's document up to date with the bucket. Does nothing when it is up to date.

    A problem with the file becomes the document's `failed` status. Other exceptions reach the caller, which lets
    the queue deliver the message again.
    """
    again = True
    while again:
        claim = claims.claim_document(object_key)
        if claim is None:
            return
        with logger().append_context_keys(document_id=str(claim.document_id), user=user_hash(claim.owner_id)):
            again = _attempt(claim)


def _attempt(claim: DocumentClaim) -> bool:
    """Work on a claimed document. Returns whether another event arrived meanwhile."""
    try:
        return _work(claim)
    except extraction.ExtractionError as error:
        return claims.fail(claim, error.code, str(error))
    except errors.Conflict as refusal:
        if refusal.code != "storage_full":
            raise
        return claims.fail(claim, refusal.code, str(refusal))
    except _DelegatedError as delegated:
        logger().info("document waits for the GPU task, or for text recognition")
        return delegated.recheck
    except LeaseLostError:
        logger().info("ingestion overtaken")
        return False


def _work(claim: DocumentClaim) -> bool:
    """Extract, unpack, chunk, embed and store. Returns whether another event arrived meanwhile."""
    if claim.stored.size > MAX_UPLOAD_BYTES:
        raise extraction.ExtractionError(
            "too_large", f"The file has {claim.stored.size:,} bytes; at most {MAX_UPLOAD_BYTES:,} are taken."
        )
    own = {"id": claim.document_id, "token": claim.token, "size": claim.stored.size}
    with identity.as_owner(claim.owner_id) as conn, conn.pipeline():
        conn.execute(queries.record_size, own)  # an upload with an older URL may have another size than announced
        source = rows.one(conn, _Source, queries.source, own)
    if source is None:
        raise LeaseLostError
    claim.gpu_threshold = source.gpu_threshold
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="alcove-") as directory:
        path = Path(directory) / "document"
        bucket.download(claim.stored, path)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").digest()
        # A big file took long to arrive, and reading it may take most of a lease.
        claims.report_progress(claim, "extracting", 0, None)
        packed = Path(directory) / "packed" if source.depth < children.MAX_DEPTH else None
        if packed:
            packed.mkdir()
        recognises = bool(source.ocr_languages)
        extracted = extraction.extract(
            path, source.filename, source.content_type, members_into=packed, recognises=recognises
        )
        extracted = _with_pictures(claim, extracted, source.ocr_languages)
        child_ids = _unpack(claim, sha256, extracted)
    extracted = _with_extra_text(extracted, source.extra_text)
    extracted_at = time.perf_counter()
    # The built-in model's tokens always limit a chunk, so that every model can embed the same chunks.
    drafts = _chunk(claim, extracted, builtin.load(), source)
    chunked_at = time.perf_counter()
    again, embedded_at, warnings = _embed_and_store(claim, sha256, extracted, drafts, child_ids)
    stages: dict[str, Any] = {
        "extract_ms": round((extracted_at - started) * 1000),
        "chunk_ms": round((chunked_at - extracted_at) * 1000),
        "embed_ms": round((embedded_at - chunked_at) * 1000),
        "store_ms": round((time.perf_counter() - embedded_at) * 1000),
    }
    codes = sorted({warning.code for warning in warnings})
    logger().info("document ingested", chunks=len(drafts), warnings=codes, **stages)
    for name, milliseconds in stages.items():
        metrics.put("Milliseconds", {"IngestionStage": milliseconds}, Stage=name.removesuffix("_ms"))
    metrics.put("Count", {"Documents": 1, "Chunks": len(drafts)}, Outcome="completed")
    for code in codes:
        metrics.put("Count", {"DocumentWarnings": 1}, Code=code)
    return again


def _with_pictures(claim: DocumentClaim, extracted: "Extraction", languages: str) -> "Extraction":
    """The document with the text of its pages that are pictures.

    Raises _DelegatedError after requesting their recognition.
    """
    scanned = extracted.pictures[: recognition.MOST_PAGES]
    if not scanned:
        return extracted
    recognised = recognition.requested(claim, languages, scanned)
    if recognised is None:
        raise _DelegatedError(recognition.request(claim, languages, scanned))
    return pictures.with_recognised(extracted, recognised, recognition.MOST_PAGES)


def _unpack(claim: DocumentClaim, sha256: bytes, extracted: "Extraction") -> "list[UUID] | None":
    """Create documents from the files in this one; None when it is a copy, whose original has the children."""

    def report(done: int, total: int) -> None:
        claims.report_progress(claim, "extracting", done, total)

    parent = children.Parent(claim.document_id, claim.owner_id, claim.token, sha256, extracted.content_type)
    return children.announce_children(parent, extracted.members, report)


def _with_extra_text(extracted: "Extraction", extra_text: str | None) -> "Extraction":
    """The document with the text that clients gave for it, as its last part, on no page and in no section."""
    text = clean(extra_text or "").strip()
    if not text:
        return extracted
    start = len(extracted.text) + 2
    # Segments cover the whole text, so the last one gets the blank line.
    *before, last = extracted.segments
    segments = (*before, replace(last, end=start), Segment(start, start + len(text), None, None))
    return replace(extracted, text=f"{extracted.text}\n\n{text}", segments=segments)


def _chunk(claim: DocumentClaim, extracted: "Extraction", embedder: "Embedder", source: _Source) -> "list[ChunkDraft]":
    claims.report_progress(claim, "chunking", 0, None)
    drafts = chunking.chunk(
        extracted.text,
        extracted.segments,
        embedder.token_offsets(extracted.text),
        source.chunk_size,
        source.chunk_overlap,
    )
    if len(drafts) > MAX_CHUNKS:
        raise extraction.ExtractionError(
            "too_large", f"The text has {len(drafts):,} chunks; at most {MAX_CHUNKS:,} are allowed. Split the file."
        )
    return drafts


def _embed_and_store(
    claim: DocumentClaim,
    sha256: bytes,
    extracted: "Extraction",
    drafts: "Sequence[ChunkDraft]",
    child_ids: "Sequence[UUID] | None",
) -> "tuple[bool, float, Sequence[FileWarning]]":
    """Embed with the active model and store; repeats this when another model became active meanwhile.

    Returns whether another event arrived meanwhile, when the last embedding ended (time.perf_counter), and the
    document's warnings.
    """
    for _ in range(_EMBED_ATTEMPTS):
        model = embedding_models.active()
        try:
            vectors = _delegated(claim, model, drafts) or _embed(claim, model, drafts)
            embedded_at = time.perf_counter()
            warnings = (*extracted.warnings[: MOST_WARNINGS - 1], *scripts.warnings(model, drafts))
            ready = storage.PreparedDocument(sha256, extracted.text, drafts, vectors, model.id, child_ids, warnings)
            return storage.store(claim, ready), embedded_at, warnings
        except storage.EmbeddedByFormerModelError:
            embedding_models.look_again()
        except EmbeddingProviderError:
            # The model's address or key may have changed since this process read them.
            if embedding_models.look_again() == model:
                raise
    raise storage.EmbeddedByFormerModelError


def _delegated(claim: DocumentClaim, model: "Recipe", drafts: "Sequence[ChunkDraft]") -> "list[HalfVector]":
    """The GPU task's vectors of a big document; none for a small one.

    Raises _DelegatedError after requesting the vectors from the GPU task.
    """
    # The GPU task has the first model alone.
    is_large = claim.gpu_threshold and len(drafts) >= claim.gpu_threshold
    if not is_large or (model.provider, model.model) != ("builtin", builtin.BUILT_IN):
        return []
    params = {
        "id": claim.document_id,
        "token": claim.token,
        "model": model.id,
        "texts": [draft.embedded_text for draft in drafts],
    }
    with identity.as_owner(claim.owner_id) as conn:
        vectors = [row[0] for row in conn.execute(queries.requested, params).fetchall()]
        if vectors:
            return halfvec.from_texts(vectors)
        recheck = rows.value(conn, queries.request, params)
    if recheck is None:
        raise LeaseLostError
    raise _DelegatedError(recheck)


def _embed(claim: DocumentClaim, model: "Recipe", drafts: "Sequence[ChunkDraft]") -> "list[HalfVector]":
    """The chunks' vectors. Progress reports renew the lease meanwhile."""
    vectors: list[HalfVector] = []
    claims.report_progress(claim, "embedding", 0, len(drafts))
    for start in range(0, len(drafts), _EMBED_TEXTS):
        texts = [draft.embedded_text for draft in drafts[start : start + _EMBED_TEXTS]]
        vectors += halfvec.from_rows(model.embed(texts))
        claims.report_progress(claim, "embedding", len(vectors), len(drafts))
    return vectors
