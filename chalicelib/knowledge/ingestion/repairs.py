"""Tick's repairs of ingestion: lost events, dead workers, uploads that never arrive, and the GPU task.

Each repair is one named definer function that returns ids and records an event in self_healing_events.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.core import aws, identity, rows, sql
from chalicelib.core.log import logger
from chalicelib.core.repairs import repair
from chalicelib.core.settings import settings
from chalicelib.knowledge.documents import bucket
from chalicelib.knowledge.ingestion import recognition
from chalicelib.knowledge.ingestion.extraction import engine

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

DOCUMENT_VERIFY_AFTER = timedelta(minutes=2)
# An announced upload that has not arrived by then fails with `upload_missing`.
UPLOAD_EXPIRES_AFTER = timedelta(days=1)
# How long a big document waits for the GPU task before the ingestion worker embeds it, and how long the GPU task may
# take to start before it is started again.
EMBEDDER_WAIT_LIMIT = timedelta(hours=1)
EMBEDDER_RESTART_AFTER = timedelta(minutes=20)
# How long a document waits while nobody recognises the text of its pictures.
RECOGNITION_WAIT_LIMIT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Due:
    document_id: UUID
    object_key: str
    object_version: str | None


def next_verification(conn: "Conn") -> datetime | None:
    """When the next document is to be compared with the bucket: its worker died, its event was lost, or it is time."""
    schedule = rows.value(conn, queries.ingestion_schedule)
    params = {"older_than": DOCUMENT_VERIFY_AFTER, "stale_before": last_comparison_due(schedule, datetime.now(UTC))}
    due: datetime | None = rows.value(conn, queries.next_verification, params)
    if schedule:
        from cronsim import CronSim

        return min(filter(None, (due, next(CronSim(schedule, datetime.now(UTC))))))
    return due


@repair(due=next_verification)
def verify_documents() -> int:
    """Compare documents with the bucket, and request the ingestion of those whose object is newer; returns how many.

    This repairs dead workers and lost events. Announced uploads that do not arrive within a day are given up, and a
    document without its object gets the error `object_missing`.
    """
    with identity.as_nobody() as conn:
        stale_before = last_comparison_due(rows.value(conn, queries.ingestion_schedule), datetime.now(UTC))
        params = {"older_than": DOCUMENT_VERIFY_AFTER, "stale_before": stale_before}
        due = rows.many(conn, _Due, queries.find_documents_to_verify, params)
    behind, unchanged, missing = [], set(), []
    for document in due:
        stored = bucket.newest(document.object_key)
        if stored is not None and stored.version != document.object_version:
            behind.append(document)
        else:
            unchanged.add(document.document_id)
        if stored is None and document.object_version is not None:
            missing.append(document.document_id)
    bucket.ask_for_ingestion(document.object_key for document in behind)
    restarted = {document.document_id for document in behind}
    with identity.as_nobody() as conn:
        conn.execute(queries.record_restarted, {"ids": list(restarted)})
        conn.execute(queries.expire_uploads, {"ids": list(unchanged - restarted), "older_than": UPLOAD_EXPIRES_AFTER})
        conn.execute(queries.record_missing, {"missing": missing, "present": list(unchanged - set(missing))})
    return len(restarted)


def last_comparison_due(schedule: str, now: datetime) -> datetime:
    """The latest time at which all documents were due for comparison: by the cron expression in UTC, or a day ago."""
    if not schedule:
        # A little less than a day, so that every daily sweep compares all of them.
        return now - timedelta(hours=23)
    from cronsim import CronSim

    return next(CronSim(schedule, now, reverse=True))


def next_embedder_step(conn: "Conn") -> datetime | None:
    """In a minute while documents wait for the GPU task or for text recognition."""
    due: datetime | None = rows.value(conn, queries.next_embedder_step)
    return due


@repair(due=next_embedder_step)
def wake_waiting_documents() -> int:
    """Request ingestion of big documents that the GPU task has embedded, or has not embedded in time; returns how many.

    The ingestion worker embeds those that waited for EMBEDDER_WAIT_LIMIT.
    """
    with identity.as_nobody() as conn:
        keys = [row[0] for row in conn.execute(queries.wake_waiting, {"older_than": EMBEDDER_WAIT_LIMIT}).fetchall()]
    bucket.ask_for_ingestion(keys)
    return len(keys)


@repair(due=next_embedder_step)
def wake_recognition() -> int:
    """Continue documents whose pictures wait for text recognition, or are recognised; returns how many continue.

    Those on which nobody worked for RECOGNITION_WAIT_LIMIT are read without their pictures.
    """
    with identity.as_nobody() as conn:
        due = rows.value(conn, queries.recognition_is_due)
        params = {"older_than": RECOGNITION_WAIT_LIMIT}
        keys = [row[0] for row in conn.execute(queries.wake_recognised, params).fetchall()]
    bucket.ask_for_ingestion(keys)
    if due and engine.available():
        recognition.wake()
    return len(keys)


@repair(due=next_embedder_step)
def start_embedder() -> str | None:
    """Submit the GPU task to AWS Batch when big documents or pictures wait for it; returns the Batch job's id."""
    if not settings().embedder_queue:
        return None
    with identity.as_nobody() as conn:
        if not rows.value(conn, queries.embedder_is_due, {"older_than": EMBEDDER_RESTART_AFTER}):
            return None
    submitted = aws.batch().submit_job(
        jobName="alcove-embedder", jobQueue=settings().embedder_queue, jobDefinition=settings().embedder_job
    )
    logger().info("GPU task submitted", batch_job=submitted["jobId"])
    return submitted["jobId"]
