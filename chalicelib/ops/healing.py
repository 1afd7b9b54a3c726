"""What tick does every minute: finds what was lost on the way and sets it going again.

Each repair is one named definer function that returns ids and records an event in self_healing_events.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from chalicelib.auth.accounts import erasure
from chalicelib.chat.conversations import message_search
from chalicelib.chat.queue import jobs
from chalicelib.core import aws, identity, rows, sql
from chalicelib.core.log import logger
from chalicelib.core.settings import settings
from chalicelib.knowledge.documents import bucket
from chalicelib.knowledge.embedding import embedding_models, reembedding
from chalicelib.knowledge.search import segments
from chalicelib.ops import reconciliation

queries = sql.load(__file__)

JOB_PATIENCE = timedelta(seconds=30)
DOCUMENT_PATIENCE = timedelta(minutes=2)
# How long a big document waits for the GPU task before the ingestion worker embeds it, and how long the task may take
# to begin before it is started once more.
EMBEDDER_PATIENCE = timedelta(hours=1)
EMBEDDER_START_PATIENCE = timedelta(minutes=20)
_OBJECTS_A_MINUTE = 500
_INDEX_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Due:
    document_id: UUID
    object_key: str
    object_version: str | None


def heal() -> None:
    """Run every repair once. One that fails does not keep the others from running; the last failure is raised."""
    failure: Exception | None = None
    for repair in (
        wake_jobs,
        verify_documents,
        wake_reembedding,
        wake_message_index,
        index_lexemes,
        drop_vectors,
        reconciliation.purge_documents,
        reconciliation.sweep_bucket,
        delete_objects,
        keep_house,
        drop_expired,
    ):
        try:
            repair()
        except Exception as error:  # noqa: BLE001 — raised below, once the others have run
            logger().exception("repair failed", repair=repair.__name__)
            failure = error
    if failure:
        raise failure


def wake_jobs() -> int:
    """Free jobs whose worker died and resend wake-ups that were lost; returns how many."""
    with identity.as_nobody() as conn:
        lost = [row[0] for row in conn.execute(queries.wake_lost_jobs, {"patience": JOB_PATIENCE}).fetchall()]
    jobs.wake(lost)
    return len(lost)


def verify_documents() -> int:
    """Compare documents with the bucket and ask again for the ingestion of those that it is ahead of.

    Returns how many. That covers a worker that died and an event that was lost. Announced uploads that never
    arrive are given up after a day, and a document whose object is gone says so.
    """
    with identity.as_nobody() as conn:
        stale_before = last_comparison_due(rows.value(conn, queries.ingestion_schedule), datetime.now(UTC))
        wanted = {"patience": DOCUMENT_PATIENCE, "stale_before": stale_before}
        due = rows.many(conn, _Due, queries.find_documents_to_verify, wanted)
    behind, unchanged, missing = [], [], []
    for document in due:
        stored = bucket.newest(document.object_key)
        if stored is not None and stored.version != document.object_version:
            behind.append(document)
        else:
            unchanged.append(document.document_id)
        if stored is None and document.object_version is not None:
            missing.append(document.document_id)
    bucket.ask_for_ingestion(document.object_key for document in behind)
    with identity.as_nobody() as conn:
        conn.execute(queries.note_restarted, {"ids": [document.document_id for document in behind]})
        conn.execute(queries.expire_uploads, {"ids": unchanged})
        conn.execute(queries.note_missing, {"missing": missing, "present": list(set(unchanged) - set(missing))})
    return len(behind)


def last_comparison_due(schedule: str, now: datetime) -> datetime:
    """When every document was to be compared with the bucket last: by the cron expression in UTC, or a day ago."""
    if not schedule:
        return now - timedelta(days=1)
    from cronsim import CronSim

    return next(CronSim(schedule, now, reverse=True))


def wake_reembedding() -> int:
    """Go on with embedding models whose workers died or whose wake-up was lost; returns how many."""
    return reembedding.wake_unattended()


def wake_message_index() -> bool:
    """Have messages indexed whose worker did not; returns whether there are any."""
    return message_search.wake_unattended()


def index_lexemes() -> int:
    """Keep the inverted index of large spaces; returns how many of its segments were written or looked through."""
    return segments.tend(_INDEX_SECONDS)


def drop_vectors() -> int:
    """Forget the vectors of embedding models that went out of use a week ago; returns how many models."""
    return embedding_models.drop_retired()


def delete_objects() -> int:
    """Delete objects of the bucket whose rows are gone; returns how many."""
    return erasure.delete_objects(most=_OBJECTS_A_MINUTE)


def attend_embedder() -> None:
    """Start the GPU task when big documents wait for it, and take up those that waited long enough."""
    with identity.as_nobody() as conn:
        keys = [row[0] for row in conn.execute(queries.wake_waiting, {"patience": EMBEDDER_PATIENCE}).fetchall()]
        is_due = bool(settings().embedder_queue) and rows.value(
            conn, queries.embedder_is_due, {"patience": EMBEDDER_START_PATIENCE}
        )
    bucket.ask_for_ingestion(keys)
    if is_due:
        started = aws.batch().submit_job(
            jobName="alcove-embedder", jobQueue=settings().embedder_queue, jobDefinition=settings().embedder_job
        )
        logger().info("embedder asked to start", batch_job=started["jobId"])


def keep_house() -> None:
    """Coming months' partitions, rows that are kept no longer, folded lexeme counts, forgotten keys and sessions."""
    with identity.as_nobody() as conn:
        conn.execute(queries.keep_house)


def drop_expired() -> int:
    """Drop months that retention no longer keeps, unless it would have to wait for long; returns how many."""
    with identity.as_nobody() as conn:
        dropped: int = rows.value(conn, queries.drop_expired)
    return dropped
