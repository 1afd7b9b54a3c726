"""Claims of documents: one worker at a time works on a document, under a lease that its progress reports renew."""

import time
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

from chalicelib.core import identity, metrics, rows, sql
from chalicelib.core.errors import LeaseLostError
from chalicelib.core.log import logger
from chalicelib.knowledge.documents import bucket
from chalicelib.knowledge.documents.bucket import StoredObject

queries = sql.load(__file__)

DOCUMENT_LEASE = timedelta(seconds=60)
_PROGRESS_SECONDS = 2.0


@dataclass(slots=True)
class DocumentClaim:
    """One worker's claim of one document, and the version of its bytes that the worker reads.

    `reported_at` (time.monotonic) is when the lease was renewed last: by the claim itself, or by a progress report.
    """

    document_id: UUID
    owner_id: UUID
    token: UUID
    stored: StoredObject
    reported_at: float = field(default_factory=time.monotonic)
    gpu_threshold: int = field(default=0)


@dataclass(frozen=True, slots=True)
class _Claimed:
    document_id: UUID
    owner_id: UUID


def claim_document(object_key: str) -> DocumentClaim | None:
    stored = bucket.newest(object_key)
    if stored is None:
        return None
    token = uuid4()
    params = {"key": object_key, "version": stored.version, "token": token, "lease": DOCUMENT_LEASE}
    with identity.as_nobody() as conn:
        claimed = rows.one(conn, _Claimed, queries.claim, params)
    return DocumentClaim(claimed.document_id, claimed.owner_id, token, stored) if claimed else None


def report_progress(claim: DocumentClaim, stage: str, done: int, total: int | None) -> None:
    """Show progress and renew the lease, once two seconds have passed since the last time.

    So a small document costs no transaction for this. Raises LeaseLostError.
    """
    if time.monotonic() - claim.reported_at < _PROGRESS_SECONDS:
        return
    params = {
        "id": claim.document_id,
        "token": claim.token,
        "lease": DOCUMENT_LEASE,
        "stage": stage,
        "done": done,
        "total": total,
    }
    with identity.as_owner(claim.owner_id) as conn:
        if conn.execute(queries.progress, params).fetchone() is None:
            raise LeaseLostError
    claim.reported_at = time.monotonic()


def fail(claim: DocumentClaim, code: str, message: str) -> bool:
    params = {
        "id": claim.document_id,
        "token": claim.token,
        "version": claim.stored.version,
        "code": code,
        "message": message[:2000],
    }
    with identity.as_owner(claim.owner_id) as conn:
        row = conn.execute(queries.fail, params).fetchone()
    logger().info("document failed", code=code)
    metrics.put("Count", {"Documents": 1}, Outcome="failed")
    metrics.put("Count", {"DocumentFailures": 1}, Code=code)
    return bool(row and row[0])
