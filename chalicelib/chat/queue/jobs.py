"""Jobs as their user sees them: status, events, cancellation, and the queue in numbers."""

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from chalicelib.chat.messages import citations
from chalicelib.chat.queue.job_events import CancelledEvent, EventPayload, RestartEvent, TokenEvent
from chalicelib.chat.queue.models import Job, JobEvent, JobQuery, JobReport, QueueStatistics
from chalicelib.core import errors, identity, queues, rows, sql
from chalicelib.core.log import logger
from chalicelib.core.models import Page, page_of
from chalicelib.core.settings import settings

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

# A response that waits, and how long a function may live after its client is gone.
_WAITS = timedelta(seconds=10)
_AFTERWARDS = timedelta(seconds=20)
_STREAM_RETRY_SECONDS = 5


def wake(job_ids: Sequence[UUID], *, delay: timedelta = timedelta()) -> None:
    """Send a wake-up for each job, which arrives after `delay`. `tick` resends a wake-up that is lost."""
    bodies = ({"job_id": str(job_id)} for job_id in job_ids)
    queues.send(settings().answer_queue_url, bodies, delay_seconds=math.ceil(delay.total_seconds()))


def try_to_wake(job_ids: Sequence[UUID], *, delay: timedelta = timedelta()) -> None:
    """The same, once the jobs are stored; a wake-up that cannot be sent is logged."""
    try:
        wake(job_ids, delay=delay)
    except Exception:  # noqa: BLE001 — whatever it was, tick resends the wake-up
        logger().exception("a wake-up could not be sent", job_ids=[str(job_id) for job_id in job_ids])


def followers(conn: "Conn", job_id: UUID) -> list[UUID]:
    """The jobs of questions that were sent before this job's question had an answer, and need wait no longer."""
    return [row[0] for row in conn.execute(queries.followers, {"id": job_id}).fetchall()]


def get(conn: "Conn", job_id: UUID) -> Job:
    """One of the caller's jobs. Raises NotFound."""
    result = rows.one(conn, Job, queries.get, {"id": job_id})
    if result is None:
        raise errors.NotFound
    return result


def prioritise(conn: "Conn", job_id: UUID, priority: int) -> None:
    """Change the priority of any user's waiting job. For administrators. Raises NotFound, Conflict (job_finished)."""
    outcome = rows.value(conn, queries.prioritise, {"id": job_id, "priority": priority})
    if outcome is None:
        raise errors.NotFound
    if not outcome:
        raise errors.Conflict(code="job_finished")


def report(conn: "Conn", query: JobQuery) -> Page[JobReport]:
    """Everybody's jobs in codes and times, newest first. For administrators; others get an empty list."""
    params = {"status": query.status, "model": query.model, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, JobReport, queries.report, params), query.limit)


def statistics(conn: "Conn") -> QueueStatistics:
    """The number of jobs in the queue and their waits, as counts and times only."""
    result = rows.one(conn, QueueStatistics, queries.statistics)
    if result is None:
        raise RuntimeError("an aggregate without a row")
    return result


def events_after(conn: "Conn", job_id: UUID, number: int) -> tuple[list[JobEvent], bool]:
    """Up to 500 events after `number`, and whether the job has ended. Raises NotFound."""
    row = conn.execute(queries.events, {"id": job_id, "after": number}).fetchone()
    if row is None:
        raise errors.NotFound
    return [JobEvent(**event) for event in row[1]], row[0]


def begin_stream(longest: timedelta = _WAITS) -> UUID:
    """Count one more event stream of the caller, until end_stream(), or until some seconds after `longest`.

    Raises TooManyRequests (too_many_streams).
    """
    params = {"user_id": identity.caller_id(), "lasts": longest + _AFTERWARDS}
    row = identity.ask(queries.begin_stream, params, again=False)
    if row is None or row[0] is None:
        raise errors.TooManyRequests(
            "Too many of your event streams wait at the same time. Close one, or try again in some seconds.",
            code="too_many_streams",
            retry_after=_STREAM_RETRY_SECONDS,
        )
    stream: UUID = row[0]
    return stream


def end_stream(stream: UUID) -> None:
    """The stream no longer waits. One whose function died ends by itself."""
    identity.ask(queries.end_stream, {"id": stream}, again=True)


def cancel(conn: "Conn", job_id: UUID, reason: str | None = None) -> Job:
    """Cancel a job. The streamed part of the answer is kept. Raises NotFound, Conflict (job_finished)."""
    if not _cancel(conn, job_id, "user", reason):
        get(conn, job_id)
        raise errors.Conflict(code="job_finished")
    return get(conn, job_id)


def cancel_all(conn: "Conn", conversation_id: UUID) -> None:
    """Cancel every unfinished job of a conversation."""
    for (job_id,) in conn.execute(queries.unfinished, {"conversation_id": conversation_id}).fetchall():
        _cancel(conn, job_id, "deletion")


def _cancel(conn: "Conn", job_id: UUID, by: Literal["user", "deletion"], reason: str | None = None) -> bool:
    """Cancel a job; returns whether it was unfinished.

    A job without a worker ends here, with the text that was streamed. Its sources are unknown, so its citations are
    removed.
    """
    row = conn.execute(queries.cancel, {"id": job_id, "by": by, "reason": reason}).fetchone()
    if row is None:
        return False
    has_worker, streamed_text = row
    if not has_worker:
        _end_cancelled(conn, job_id, streamed_text)
    return True


def _end_cancelled(conn: "Conn", job_id: UUID, streamed_text: str) -> None:
    from psycopg.types.json import Jsonb

    content = citations.only(streamed_text, ())
    events: list[EventPayload] = [CancelledEvent()]
    if content != streamed_text:
        events = [RestartEvent(), *([TokenEvent(text=content)] if content else []), *events]
    params = {
        "id": job_id,
        "content": content,
        "events": [event.event for event in events],
        "data": [Jsonb(event.data()) for event in events],
    }
    conn.execute(queries.end_cancelled, params)
