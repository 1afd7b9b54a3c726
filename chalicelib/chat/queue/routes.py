"""Questions, jobs, their event streams and budgets over HTTP."""

from uuid import UUID

from chalicelib.auth.audit import audit
from chalicelib.auth.sessions import tickets
from chalicelib.auth.sessions.models import Ticket
from chalicelib.chat.messages import messages
from chalicelib.chat.queue import budgets, enqueueing, job_events, jobs, replaying, sse
from chalicelib.chat.queue.models import (
    AnswerReplay,
    Budget,
    Cancellation,
    EventQuery,
    Job,
    JobPriority,
    JobQuery,
    JobReport,
    NewBudget,
    NewMessage,
    QueuedMessage,
    QueueStatistics,
    Regeneration,
    Spending,
)
from chalicelib.core import errors, idempotency, identity, request, streamed
from chalicelib.core.http import Reply, Routes
from chalicelib.core.models import Page, PageQuery

routes = Routes(__name__)


@routes.post("/conversations/{conversation_id}/messages", scope="chat", limit="ask", status=202)
def create_message(conversation_id: UUID, body: NewMessage) -> Reply[QueuedMessage]:
    """Ask a question. The response comes as soon as the question is stored; the job's events stream the answer."""
    with identity.as_caller() as conn:
        queued = idempotency.once(
            conn,
            lambda: enqueueing.enqueue(conn, conversation_id, body),
            lambda message_id: enqueueing.get_queued(conn, message_id),
        )
    return _queued(queued)


@routes.get("/jobs", admin=True)
def list_jobs(query: JobQuery) -> Page[JobReport]:
    """Everybody's jobs in numbers, times and codes, newest first, without a word of any conversation."""
    with identity.as_caller() as conn:
        return jobs.report(conn, query)


@routes.get("/jobs/{job_id}")
def get_job(job_id: UUID) -> Job:
    """Get a job: its status and, while it waits, its position in the queue."""
    with identity.as_caller() as conn:
        return jobs.get(conn, job_id)


@routes.patch("/jobs/{job_id}", admin=True, status=204)
def update_job_priority(job_id: UUID, body: JobPriority) -> None:
    """Change the priority of any user's waiting job. 409 `job_finished` when the job has ended."""
    with identity.as_caller() as conn:
        jobs.prioritise(conn, job_id, body.priority)
        audit.record(conn, "job.prioritised", "job", job_id, priority=body.priority)


@routes.get("/queue")
def get_queue_statistics() -> QueueStatistics:
    """Get the number of jobs in the queue and their waits."""
    with identity.as_caller() as conn:
        return jobs.statistics(conn)


@routes.delete("/jobs/{job_id}", scope="chat")
def cancel_job(job_id: UUID, query: Cancellation) -> Job:
    """Cancel a job. The streamed part of the answer is stored. 409 `job_finished` when the job has ended."""
    with identity.as_caller() as conn:
        job = jobs.cancel(conn, job_id, query.reason)
        followers = jobs.followers(conn, job_id)
    jobs.try_to_wake(followers)
    return job


@routes.get(
    "/jobs/{job_id}/events", limit="events", also=(204,), events=job_events.registered, ticket=True, streams=True
)
def stream_job_events(job_id: UUID, query: EventQuery) -> Reply[str | None]:
    """Stream a job's events after the event whose number is in the header `Last-Event-ID` or in `?after=`.

    The response ends after the available events, or after ten seconds without an event; where the service streams, with
    the job or after four minutes. An event-stream client reconnects by itself with the number of its last event. 204
    means that there are no more events. docs/streaming.md lists the events.
    """
    after = _last_event_id(query)
    if streamed.available():
        return Reply(streamed.begin(sse.stream_events(job_id, after)))
    return Reply(sse.wait_for_events(job_id, after))


@routes.post("/jobs/{job_id}/tickets", scope="read")
def create_job_ticket(job_id: UUID) -> Ticket:
    """Get a ticket with which an EventSource follows a job's events: for this job alone, for one minute.

    When a stream is interrupted after that minute, get a new ticket and continue with `?after=`.
    """
    with identity.as_caller() as conn:
        jobs.get(conn, job_id)
    return tickets.issue(f"/jobs/{job_id}/events")


@routes.post("/messages/{message_id}/regenerate", scope="chat", limit="ask", status=202)
def regenerate_message(message_id: UUID, body: Regeneration) -> Reply[QueuedMessage]:
    """Answer a question again, beside its other answers. The message is the question or one of its answers."""
    with identity.as_caller() as conn:
        job = idempotency.once(
            conn,
            lambda: enqueueing.enqueue_regeneration(conn, message_id, body).job,
            lambda job_id: jobs.get(conn, job_id),
        )
        queued = QueuedMessage(message=messages.get(conn, job.message_id), job=job)
    return _queued(queued)


@routes.post("/messages/{message_id}/replay", scope="chat", limit="ask", status=202)
def replay_answer(message_id: UUID) -> Reply[AnswerReplay]:
    """Give an answer once more, beside it, as of when its question was asked.

    409 `model_unavailable` when its model is no longer registered, or disabled.
    """
    with identity.as_caller() as conn:
        job = idempotency.once(conn, lambda: replaying.enqueue(conn, message_id), lambda job_id: jobs.get(conn, job_id))
        replay = replaying.described(conn, message_id, job)
    jobs.try_to_wake([job.id])
    return Reply(replay, headers={"Location": f"/jobs/{job.id}"})


@routes.get("/me/spending")
def get_spending() -> Spending:
    """Get the caller's cost and tokens of this month, and the lowest limits that apply."""
    with identity.as_caller() as conn:
        return budgets.spending(conn)


@routes.get("/budgets", admin=True)
def list_budgets(query: PageQuery) -> Page[Budget]:
    """List every budget, newest first."""
    with identity.as_caller() as conn:
        return budgets.list_page(conn, query)


@routes.put("/users/{user_id}/budget", admin=True)
def set_user_budget(user_id: UUID, body: NewBudget) -> Budget:
    """Set what a user may spend in a month."""
    with identity.as_caller() as conn:
        audit.record(conn, "budget.set", "user", user_id, **body.model_dump())
        return budgets.put(conn, body, user_id=user_id)


@routes.delete("/users/{user_id}/budget", admin=True)
def delete_user_budget(user_id: UUID) -> None:
    """Delete a user's budget."""
    with identity.as_caller() as conn:
        budgets.delete(conn, user_id=user_id)
        audit.record(conn, "budget.removed", "user", user_id)


@routes.put("/groups/{group_id}/budget", admin=True)
def set_group_budget(group_id: UUID, body: NewBudget) -> Budget:
    """Set what each member of a group may spend in a month."""
    with identity.as_caller() as conn:
        audit.record(conn, "budget.set", "group", group_id, **body.model_dump())
        return budgets.put(conn, body, group_id=group_id)


@routes.get("/groups/{group_id}/budget")
def get_group_budget(group_id: UUID) -> Budget:
    """What each member of a group may spend in a month, for its members. 404 for a group without a budget."""
    with identity.as_caller() as conn:
        return budgets.of_group(conn, group_id)


@routes.delete("/groups/{group_id}/budget", admin=True)
def delete_group_budget(group_id: UUID) -> None:
    """Delete a group's budget."""
    with identity.as_caller() as conn:
        budgets.delete(conn, group_id=group_id)
        audit.record(conn, "budget.removed", "group", group_id)


def _queued(queued: QueuedMessage) -> Reply[QueuedMessage]:
    jobs.try_to_wake([queued.job.id])
    return Reply(queued, headers={"Location": f"/jobs/{queued.job.id}"})


def _last_event_id(query: EventQuery) -> int:
    last_event_id = request.header("last-event-id")
    if not last_event_id:
        return query.after or 0
    if not last_event_id.isascii() or not last_event_id.isdigit() or len(last_event_id) > 9:
        raise errors.BadRequest("Last-Event-ID must be the number of an event of this job.")
    return int(last_event_id)
