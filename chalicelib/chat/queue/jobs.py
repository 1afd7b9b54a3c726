"""Jobs: a question waiting for its answer, and the numbered events that tell how it goes.

SQS only wakes workers. Which job comes next, and who holds it, is Postgres's to say: a worker's lease is a
random token that every write of the worker must show, so one that was overtaken can no longer change anything.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from chalicelib.chat.messages import citations
from chalicelib.chat.messages.models import Message
from chalicelib.chat.queue.models import Job, JobEvent, NewMessage, QueuedMessage, QueueStatistics, Regeneration
from chalicelib.config.settings import resolution
from chalicelib.core import aws, errors, identity, rows, sql
from chalicelib.core.leases import LeaseLostError
from chalicelib.core.settings import settings

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

UNTITLED = "New conversation"

LEASE = timedelta(seconds=30)
MAX_ATTEMPTS = 5
MAX_WAITING_OF_USER = 20
MAX_WAITING = 2000
_TITLE_CHARS = 80
_HISTORY_MESSAGES = 40


@dataclass(frozen=True, slots=True)
class JobClaim:
    """One worker's hold on one job."""

    job_id: UUID
    user_id: UUID
    attempt: int
    token: UUID


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """What a worker needs to know of its job. `streamed` is what an earlier attempt streamed already.

    `settings` are those of the moment when the question was asked.
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


def enqueue(conn: "Conn", conversation_id: UUID, new: NewMessage) -> QueuedMessage:
    """Store a question and queue its job, all or nothing.

    Raises NotFound for a conversation or a parent that is not the caller's, Unprocessable for a pipeline or model that
    does not exist, PaymentRequired (budget_exhausted), TooManyRequests (queue_full).
    """
    return _enqueue(
        conn,
        conversation_id,
        new,
        question_id=None,
        content=new.content,
        parent=new.parent_message_id,
        is_first=new.is_first(),
    )


def lock_queue(conn: "Conn") -> None:
    """Let the caller's questions be stored one after the other, so that each counts those before it."""
    conn.execute(queries.lock_queue)


def enqueue_regeneration(conn: "Conn", message_id: UUID, changes: Regeneration) -> QueuedMessage:
    """Queue another answer to a question, or to the question of an answer. Raises like `ask`."""
    row = conn.execute(queries.question_of, {"id": message_id}).fetchone()
    if row is None:
        raise errors.NotFound
    return _enqueue(conn, row[0], changes, question_id=row[1], content="", parent=None)


def _enqueue(
    conn: "Conn",
    conversation_id: UUID,
    how: NewMessage | Regeneration,
    *,
    question_id: UUID | None,
    content: str,
    parent: UUID | None,
    is_first: bool = False,
) -> QueuedMessage:
    import psycopg
    from psycopg.types.json import Jsonb

    overrides = {"active_pipeline": how.pipeline, "active_model": how.model}
    resolution.check_choices(conn, overrides, field_names={"active_pipeline": "pipeline", "active_model": "model"})
    params = {
        "conversation_id": conversation_id,
        "question_id": question_id,
        "content": content,
        "parent": parent,
        "is_first": is_first,
        "overrides": Jsonb({name: value for name, value in overrides.items() if value is not None}),
        "title": title_of(content),
        "untitled": UNTITLED,
        "user_limit": MAX_WAITING_OF_USER,
        "total_limit": MAX_WAITING,
    }
    lock_queue(conn)
    try:
        row = conn.execute(queries.enqueue, params).fetchone()
    except psycopg.errors.ForeignKeyViolation as error:
        raise errors.NotFound("parent_message_id is not a message of this conversation.") from error
    if row is None or not row[0]:
        raise errors.NotFound
    _, waiting_of_user, _, spent, message, job = row
    if message is None and spent:
        raise errors.PaymentRequired
    if message is None:
        subject = "You have" if waiting_of_user >= MAX_WAITING_OF_USER else "The service has"
        raise errors.TooManyRequests(f"{subject} as many unanswered questions as fit the queue.", retry_after=10)
    return QueuedMessage(message=Message(**message), job=Job(**job))


def title_of(content: str) -> str:
    """What a conversation without a title is called after this question, its first."""
    return " ".join(content.split())[:_TITLE_CHARS] or UNTITLED


def get_queued(conn: "Conn", message_id: UUID) -> QueuedMessage:
    """A question that was asked before, and its first job. Raises NotFound."""
    row = conn.execute(queries.get_queued, {"id": message_id}).fetchone()
    if row is None:
        raise errors.NotFound
    return QueuedMessage(message=Message(**row[0]), job=Job(**row[1]))


def wake(job_ids: Sequence[UUID]) -> None:
    """Send a wake-up for each job. One that is lost is sent again by tick."""
    for start in range(0, len(job_ids), 10):
        aws.sqs().send_message_batch(
            QueueUrl=settings().answer_queue_url,
            Entries=[
                {"Id": str(number), "MessageBody": json.dumps({"job_id": str(job_id)})}
                for number, job_id in enumerate(job_ids[start : start + 10])
            ],
        )


def get(conn: "Conn", job_id: UUID) -> Job:
    """One of the caller's jobs. Raises NotFound."""
    result = rows.one(conn, Job, queries.get, {"id": job_id})
    if result is None:
        raise errors.NotFound
    return result


def prioritise(conn: "Conn", job_id: UUID, priority: int) -> None:
    """Move a waiting job of anybody's in the queue. For administrators. Raises NotFound, Conflict (job_finished)."""
    outcome = rows.value(conn, queries.prioritise, {"id": job_id, "priority": priority})
    if outcome is None:
        raise errors.NotFound
    if not outcome:
        raise errors.Conflict(code="job_finished")


def queue(conn: "Conn") -> QueueStatistics:
    """How full the queue is and how long it takes. Counts and times only."""
    result = rows.one(conn, QueueStatistics, queries.queue)
    if result is None:
        raise RuntimeError("an aggregate without a row")
    return result


def cancel(conn: "Conn", job_id: UUID) -> Job:
    """Stop a job. What was said already stays. Raises NotFound, or Conflict (job_finished)."""
    if not _stop(conn, job_id):
        get(conn, job_id)
        raise errors.Conflict(code="job_finished")
    return get(conn, job_id)


def cancel_all(conn: "Conn", conversation_id: UUID) -> None:
    """Stop every job of a conversation that has not ended."""
    for (job_id,) in conn.execute(queries.unfinished, {"conversation_id": conversation_id}).fetchall():
        _stop(conn, job_id)


def _stop(conn: "Conn", job_id: UUID) -> bool:
    """Stop a job unless it has ended; returns whether it had not.

    One that nobody works on ends here, with what it has said. Its sources are not known any more, so it cites nothing.
    """
    from psycopg.types.json import Jsonb

    result = conn.execute(queries.cancel, {"id": job_id}).fetchone()
    if result is None:
        return False
    is_busy, streamed = result
    if not is_busy:
        kept_content = citations.only(streamed, ())
        events: list[tuple[str, dict[str, Any]]] = [("cancelled", {})]
        if kept_content != streamed:
            events = [
                ("meta", {"restart": True}),
                *([("token", {"text": kept_content})] if kept_content else []),
                *events,
            ]
        params = {
            "id": job_id,
            "content": kept_content,
            "events": [event for event, _ in events],
            "data": [Jsonb(data) for _, data in events],
        }
        conn.execute(queries.end_cancelled, params)
    return True


def is_budget_spent(conn: "Conn") -> bool:
    """Whether a budget of the asker is used up for this month."""
    spent: bool = rows.value(conn, queries.is_budget_spent)
    return spent


def finish_for_inactive_user(claim: JobClaim) -> bool:
    """End a held job whose asker was deactivated; returns whether it was so."""
    params = {
        "id": claim.job_id,
        "token": claim.token,
        "code": "asker_inactive",
        "message": "The account that asked was deactivated.",
    }
    with identity.as_nobody() as conn:
        ended: bool = rows.value(conn, queries.finish_for_inactive_user, params)
    return ended


def events_after(conn: "Conn", job_id: UUID, number: int) -> tuple[list[JobEvent], bool]:
    """Up to 500 events after `number`, and whether the job has ended. Raises NotFound."""
    row = conn.execute(queries.events, {"id": job_id, "after": number}).fetchone()
    if row is None:
        raise errors.NotFound
    return [JobEvent(**event) for event in row[1]], row[0]


def claim() -> JobClaim | None:
    """The next job for this worker, or None when nobody waits."""
    token = uuid4()
    with identity.as_nobody() as conn:
        row = conn.execute(queries.claim, {"token": token, "lease": LEASE}).fetchone()
    return JobClaim(row[0], row[1], row[2], token) if row else None


def start(conn: "Conn", claim: JobClaim) -> ClaimedJob:
    """Begin a claimed job. Raises LeaseLostError."""
    params = {"id": claim.job_id, "token": claim.token, "attempt": claim.attempt}
    work = rows.one(conn, ClaimedJob, queries.start, params)
    if work is None:
        raise LeaseLostError
    return work


def append_events(conn: "Conn", claim: JobClaim, events: Sequence[tuple[str, Mapping[str, Any]]]) -> bool:
    """Append events and renew the lease; returns whether the asker wants to stop. Raises LeaseLostError."""
    from psycopg.types.json import Jsonb

    params = {
        "id": claim.job_id,
        "token": claim.token,
        "lease": LEASE,
        "events": [event for event, _ in events],
        "data": [Jsonb(data) for _, data in events],
    }
    row = conn.execute(queries.append_events, params).fetchone()
    if row is None:
        raise LeaseLostError
    cancelled: bool = row[0]
    return cancelled


def history(conn: "Conn", work: ClaimedJob) -> list[HistoryMessage]:
    """The newest messages before the question on its own branch, oldest first."""
    return rows.many(
        conn, HistoryMessage, queries.history, {"question_id": work.question_id, "limit": _HISTORY_MESSAGES}
    )


def complete(conn: "Conn", claim: JobClaim, content: str | None, result: Mapping[str, Any], *, cancelled: bool) -> None:
    """End a job with its answer, or with what was said before it was cancelled. Raises LeaseLostError.

    `result` is what the answer and its question carry besides the words (attempt.outcome).
    """
    outcome = ("cancelled", "cancelled") if cancelled else ("completed", "done")
    _finish(conn, claim, *outcome, content=content, result=result)


def fail(conn: "Conn", claim: JobClaim, code: str, message: str) -> None:
    """End a job without an answer, saying why. Raises LeaseLostError."""
    _finish(conn, claim, "failed", "error", code=code, message=message, data={"code": code, "message": message})


def retry_later(conn: "Conn", claim: JobClaim, delay: timedelta) -> None:
    """Give a job back to the queue, to be claimed again after `delay`."""
    conn.execute(queries.retry_later, {"id": claim.job_id, "token": claim.token, "delay": delay})


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
        "code": code,
        "message": message,
        "data": Jsonb(dict(data)),
    }
    if conn.execute(queries.finish, params).fetchone() is None:
        raise LeaseLostError
