"""Text recognition (OCR) of pages that are pictures: requested by ingestion, done page by page, taken back.

Ingestion asks for the pages of a document and releases it. Whoever has the engine (`extraction/engine.py`) claims pages
under a lease and stores what each says: the ingest function where the engine is on its machine, else the GPU task. The
last page wakes ingestion, which reads the file once more and puts each page's text in its place. What is stored stays
with the document's bytes. A picture inside a file is a page here, under its own number. docs/embedder.md tells the same
of big documents' chunks.
"""

import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

from chalicelib.core import errors, identity, queues, rows, sql
from chalicelib.core.errors import LeaseLostError
from chalicelib.core.log import logger
from chalicelib.core.settings import settings
from chalicelib.knowledge.documents import bucket
from chalicelib.knowledge.ingestion.claims import DocumentClaim
from chalicelib.knowledge.ingestion.extraction import ExtractionError, RecognisedPage, engine, recognition

queries = sql.load(__file__)

# The most pages of a document that are recognised: at some seconds a page, an hour of one core at most.
MOST_PAGES = 500
# A page is bounded by recognition.PAGE_SECONDS; each one that is stored renews the lease.
PAGE_LEASE = timedelta(seconds=120)
# The part of the ingest function's time that one message may use: uploaded documents must not wait longer.
RUN_SECONDS = 20.0
_CLAIM_PAGES = 16


@dataclass(frozen=True, slots=True)
class _Requested:
    page: int
    content: str | None
    words: int | None
    confidence: int | None
    doubtful_words: int | None
    doubtful: list[str] | None
    is_open: bool


@dataclass(frozen=True, slots=True)
class _ClaimedPages:
    document_id: UUID
    object_key: str
    object_version: str
    languages: str
    filename: str
    content_type: str | None
    pages: list[int]


def request(claim: DocumentClaim, languages: str, pages: tuple[int, ...]) -> bool:
    """Ask for the text of `pages` and release the document's lease. Returns whether another event arrived meanwhile.

    Raises LeaseLostError.
    """
    with identity.as_owner(claim.owner_id) as conn:
        recheck = rows.value(conn, queries.request, _of(claim, languages) | {"pages": list(pages)})
    if recheck is None:
        raise LeaseLostError
    if recognition.available():
        wake()
    return bool(recheck)


def requested(claim: DocumentClaim, languages: str, pages: tuple[int, ...]) -> dict[int, RecognisedPage | None] | None:
    """What was recognised on each of `pages`, None where nothing could be; None while a page is still to be done."""
    with identity.as_owner(claim.owner_id) as conn:
        known = {row.page: row for row in rows.many(conn, _Requested, queries.requested, _of(claim, languages))}
    if any(page not in known or known[page].is_open for page in pages):
        return None
    return {page: _recognised(known[page]) for page in pages}


def _of(claim: DocumentClaim, languages: str) -> dict[str, object]:
    return {
        "id": claim.document_id,
        "token": claim.token,
        "version": claim.stored.version,
        "languages": languages,
    }


def _recognised(row: _Requested) -> RecognisedPage | None:
    if row.content is None:
        return None
    return RecognisedPage(
        page=row.page,
        text=row.content,
        words=row.words or 0,
        confidence=row.confidence or 0,
        doubtful_words=row.doubtful_words or 0,
        doubtful=tuple(row.doubtful or ()),
    )


def run(seconds: float = RUN_SECONDS) -> None:
    """Recognise pages for about `seconds`; sends another wake-up while there is more to do."""
    if not recognition.available():
        return
    deadline = time.monotonic() + seconds
    while work(deadline):
        if time.monotonic() > deadline:
            wake()
            return


def work(deadline: float | None = None) -> int:
    """Recognise some pages of one document, until `deadline` (of time.monotonic()); returns how many were tried.

    A page at which the engine fails is tried three times; it is then a page without text.
    """
    token = uuid4()
    with identity.as_nobody() as conn:
        params = {"token": token, "lease": PAGE_LEASE, "amount": _CLAIM_PAGES}
        claimed = rows.one(conn, _ClaimedPages, queries.claim, params)
    if claimed is None:
        return 0
    with logger().append_context_keys(document_id=str(claimed.document_id)):
        try:
            done, failed = _recognise(claimed, token, deadline)
        except LeaseLostError:
            logger().info("recognition overtaken")
            return 1
        except BaseException:
            _release(claimed, token, None)
            raise
        key = _release(claimed, token, failed)
        logger().info("pages recognised", pages=done, failed=failed)
    if key is not None:
        bucket.ask_for_ingestion([key])
    return done + (failed is not None)


def _recognise(claimed: _ClaimedPages, token: UUID, deadline: float | None) -> tuple[int, int | None]:
    """Recognise and store the claimed pages; returns their number, and the page at which the engine failed."""
    stored = bucket.newest(claimed.object_key)
    if stored is None or stored.version != claimed.object_version:
        # Ingestion of the newer bytes asks for their pages.
        return 0, claimed.pages[0]
    done = 0
    if engine.installed(claimed.languages) != claimed.languages:
        logger().warning("data of languages is missing", languages=claimed.languages)
    with tempfile.TemporaryDirectory(prefix="alcove-") as directory:
        path = Path(directory) / "document"
        bucket.download(stored, path)
        try:
            for page in recognition.recognise(
                path,
                claimed.pages,
                claimed.languages,
                filename=claimed.filename,
                declared_type=claimed.content_type,
            ):
                _store(claimed, token, page)
                done += 1
                if deadline is not None and time.monotonic() > deadline:
                    break
        except ExtractionError as error:
            failed = claimed.pages[done]
            logger().warning("a page is not recognised", page=failed, code=error.code, detail=error.detail)
            return done, failed
    return done, None


def _store(claimed: _ClaimedPages, token: UUID, page: RecognisedPage) -> None:
    params = {
        "token": token,
        "id": claimed.document_id,
        "page": page.page,
        "content": page.text,
        "words": page.words,
        "confidence": page.confidence,
        "doubtful_words": page.doubtful_words,
        "doubtful": list(page.doubtful),
        "lease": PAGE_LEASE,
    }
    with identity.as_nobody() as conn:
        if not rows.value(conn, queries.store, params):
            raise LeaseLostError


def _release(claimed: _ClaimedPages, token: UUID, failed: int | None) -> str | None:
    """End the claim; returns the object to ingest when no page of the document is left."""
    with identity.as_nobody() as conn:
        key: str | None = rows.value(
            conn, queries.release, {"token": token, "id": claimed.document_id, "failed": failed}
        )
    return key


def wake() -> None:
    """Send the ingest function a wake-up for pages. If sending fails, tick sends it again."""
    try:
        queues.send(settings().ingest_queue_url, [{"recognise": True}])
    except errors.Unavailable as error:
        logger().warning("a wake-up was not sent", reason=str(error))
