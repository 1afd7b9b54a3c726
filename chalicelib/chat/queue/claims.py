"""Claims: a worker's hold on a job, from claiming it to its end.

SQS only wakes workers; Postgres decides which job comes next and who holds it. Every write of a worker shows its lease
token, so a worker whose lease was taken over cannot change anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from chalicelib.chat.messages.models import FINISH_NOTICES, FinishReason
from chalicelib.chat.queue.job_events import CancelledEvent, DoneEvent, ErrorEvent, EventPayload
from chalicelib.core import identity, rows, sql
from chalicelib.core.errors import LeaseLostError

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

JOB_LEASE = timedelta(seconds=30)
MAX_ATTEMPTS = 5
# No attempt begins later than this after the first one: a person waits for the answer.
RETRY_WITHIN = timedelta(minutes=5)
_HISTORY_MESSAGES = 40


@dataclass(frozen=True, slots=True)
class JobClaim:
    """One worker's hold on one job. `attempt` counts from 1."""

    job_id: UUID
    user_id: UUID
    attempt: int
    token: UUID


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job as its worker reads it.

    `streamed_text` is the answer that earlier attempts streamed; `settings` are those of the moment of the question.
    """

    question: str
    question_id: UUID
    conversation_id: UUID
    pipeline: str
    model: str
    settings: Mapping[str, Any]
    streamed_text: str


@dataclass(frozen=True, slots=True)
class HistoryMessage:
    """An earlier message of the conversation."""

    role: str
    content: str


def claim() -> JobClaim | None:
    """Claim the next job for this worker. None when no job is waiting."""
    token = uuid4()
    with identity.as_nobody() as conn:
        row = conn.execute(queries.claim, {"token": token, "lease": JOB_LEASE}).fetchone()
    return JobClaim(row[0], row[1], row[2], token) if row else None


def start(conn: "Conn", claim: JobClaim) -> ClaimedJob:
    """Mark a claimed job as being processed. Raises LeaseLostError."""
    params = {"id": claim.job_id, "token": claim.token, "attempt": claim.attempt}
    job = rows.one(conn, ClaimedJob, queries.start, params)
    if job is None:
        raise LeaseLostError
    return job


def history(conn: "Conn", job: ClaimedJob) -> list[HistoryMessage]:
    """The newest 40 messages before the question on its own thread branch, oldest first."""
    params = {"question_id": job.question_id, "limit": _HISTORY_MESSAGES}
    return rows.many(conn, HistoryMessage, queries.history, params)


def append_events(conn: "Conn", claim: JobClaim, events: Sequence[EventPayload]) -> bool:
    """Append events and renew the lease; returns whether cancellation was requested. Raises LeaseLostError."""
    from psycopg.types.json import Jsonb

    params = {
        "id": claim.job_id,
        "token": claim.token,
        "lease": JOB_LEASE,
        "events": [event.event for event in events],
        "data": [Jsonb(event.data()) for event in events],
    }
    row = conn.execute(queries.append_events, params).fetchone()
    if row is None:
        raise LeaseLostError
    is_cancelled: bool = row[0]
    return is_cancelled


def complete(conn: "Conn", claim: JobClaim, content: str | None, result: Mapping[str, Any], *, cancelled: bool) -> None:
    """End a job with its answer, or with the part that was streamed before cancellation. Raises LeaseLostError.

    `result` holds the other columns of the answer and its question (attempts.outcome).
    """
    reason: FinishReason = "cancelled" if cancelled else result.get("finish_reason", "stop")
    ended = {**result, "finish_reason": reason}
    if cancelled:
        _finish(conn, claim, "cancelled", CancelledEvent.event, content=content, result=ended)
        return
    data = {"finish_reason": reason, "notice": FINISH_NOTICES.get(reason)}
    _finish(conn, claim, "completed", DoneEvent.event, content=content, result=ended, data=data)


def fail(conn: "Conn", claim: JobClaim, code: str, message: str) -> None:
    """End a job without an answer. Raises LeaseLostError."""
    error = ErrorEvent(code=code, message=message)
    _finish(conn, claim, "failed", error.event, code=code, message=message, data=error.data())


def can_retry(conn: "Conn", claim: JobClaim, delay: timedelta) -> bool:
    """Whether a job may wait for `delay` and be tried again: its asker waits RETRY_WITHIN at most, or has cancelled it.

    Raises LeaseLostError.
    """
    params = {"id": claim.job_id, "token": claim.token, "delay": delay, "within": RETRY_WITHIN}
    row = conn.execute(queries.retry_prospects, params).fetchone()
    if row is None:
        raise LeaseLostError
    is_cancelled, begins_in_time = row
    return bool(is_cancelled or begins_in_time)


def retry_later(conn: "Conn", claim: JobClaim, delay: timedelta, code: str, message: str) -> None:
    """Return a job to the queue, with the reason; it can be claimed again after `delay`."""
    params = {"id": claim.job_id, "token": claim.token, "delay": delay, "code": code, "message": message}
    conn.execute(queries.retry_later, params)


def has_deferred_jobs(user_id: UUID) -> bool:
    """Whether jobs of this user wait that may be answered now, whose wake-ups may have come at the user's limit."""
    row = identity.ask(queries.has_deferred_jobs, {"user_id": user_id}, again=True)
    return bool(row and row[0])


def finish_for_inactive_user(claim: JobClaim) -> bool:
    """End a claimed job whose user was deactivated; returns whether it did."""
    params = {
        "id": claim.job_id,
        "token": claim.token,
        "code": "asker_inactive",
        "message": "The account that asked was deactivated.",
    }
    with identity.as_nobody() as conn:
        has_ended: bool = rows.value(conn, queries.finish_for_inactive_user, params)
    return has_ended


def _finish(
    conn: "Conn",
    claim: JobClaim,
    status: str,
    event: str,
    *,
    content: str | None = None,
    result: Mapping[str, Any] = MappingProxyType({}),
    code: str | None = None,
    message: str | None = None,
    data: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    from psycopg.types.json import Jsonb

    params = {
        "id": claim.job_id,
        "token": claim.token,
        "status": status,
        "event": event,
        "content": content,
        "sources": Jsonb(result.get("sources", [])),
        "prompts": Jsonb(result.get("prompts", [])),
        "analysis": Jsonb(result.get("analysis", {})),
        "thinking": result.get("thinking"),
        "rephrased_query": result.get("rephrased_query"),
        "invented_citations": result.get("invented_citations"),
        "prompt_tokens": result.get("prompt_tokens"),
        "completion_tokens": result.get("completion_tokens"),
        "cost_usd": result.get("cost_usd"),
        "finish_reason": result.get("finish_reason"),
        "code": code,
        "message": message,
        "data": Jsonb(dict(data)),
    }
    if conn.execute(queries.finish, params).fetchone() is None:
        raise LeaseLostError
