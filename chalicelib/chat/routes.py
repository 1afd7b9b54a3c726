"""Conversations, jobs and their event streams over HTTP."""

from uuid import UUID

from chalice.app import Blueprint

from chalicelib.chat import conversations, jobs, streaming
from chalicelib.chat.models import (
    Asked,
    Conversation,
    ConversationChanges,
    ConversationPage,
    EventQuery,
    Job,
    MessagePage,
    NewConversation,
    NewMessage,
)
from chalicelib.core import db, errors, http, idempotency
from chalicelib.core.http import Reply, endpoint
from chalicelib.core.log import logger
from chalicelib.core.models import PageQuery

routes = Blueprint(__name__)


@routes.route("/conversations", methods=["POST"], content_types=["*/*"])
@endpoint(scope="chat", status=201)
def create_conversation(body: NewConversation) -> Reply[Conversation]:
    """Begin a conversation."""
    with db.as_caller() as conn:
        made = idempotency.once(
            conn, lambda: conversations.create(conn, body), lambda made_before: conversations.get(conn, made_before)
        )
    return Reply(made, headers={"Location": f"/conversations/{made.id}"})


@routes.route("/conversations", methods=["GET"])
@endpoint()
def list_conversations(query: PageQuery) -> ConversationPage:
    """The caller's conversations, newest first."""
    with db.as_caller() as conn:
        return conversations.list_page(conn, query)


@routes.route("/conversations/{conversation_id}", methods=["GET"])
@endpoint()
def get_conversation(conversation_id: UUID) -> Conversation:
    """One conversation."""
    with db.as_caller() as conn:
        return conversations.get(conn, conversation_id)


@routes.route("/conversations/{conversation_id}", methods=["PATCH"], content_types=["*/*"])
@endpoint(scope="chat")
def change_conversation(conversation_id: UUID, body: ConversationChanges) -> Conversation:
    """Change a conversation's title, assistant or own settings."""
    with db.as_caller() as conn:
        return conversations.change(conn, conversation_id, body)


@routes.route("/conversations/{conversation_id}", methods=["DELETE"])
@endpoint(scope="chat")
def delete_conversation(conversation_id: UUID) -> None:
    """Delete a conversation."""
    with db.as_caller() as conn:
        conversations.delete(conn, conversation_id)


@routes.route("/conversations/{conversation_id}/messages", methods=["GET"])
@endpoint()
def list_messages(conversation_id: UUID, query: PageQuery) -> MessagePage:
    """The messages of a conversation, oldest first."""
    with db.as_caller() as conn:
        return conversations.messages(conn, conversation_id, query)


@routes.route("/conversations/{conversation_id}/messages", methods=["POST"], content_types=["*/*"])
@endpoint(scope="chat", limit="ask", status=202)
def ask(conversation_id: UUID, body: NewMessage) -> Reply[Asked]:
    """Ask a question. It is stored and queued before this returns; follow the job's events for the answer."""
    with db.as_caller() as conn:
        asked = idempotency.once(
            conn, lambda: jobs.ask(conn, conversation_id, body), lambda message_id: jobs.asked(conn, message_id)
        )
    try:
        jobs.wake([asked.job.id])
    except Exception:  # noqa: BLE001 — the question is stored: tick sends the wake-up again
        logger().exception("the wake-up could not be sent", job_id=str(asked.job.id))
    return Reply(asked, headers={"Location": f"/jobs/{asked.job.id}"})


@routes.route("/jobs/{job_id}", methods=["GET"])
@endpoint()
def get_job(job_id: UUID) -> Job:
    """A job's status and, while it waits, its position."""
    with db.as_caller() as conn:
        return jobs.get(conn, job_id)


@routes.route("/jobs/{job_id}", methods=["DELETE"])
@endpoint(scope="chat")
def cancel_job(job_id: UUID) -> Job:
    """Stop a job; what was said already stays. 409 `job_finished` when it has ended."""
    with db.as_caller() as conn:
        return jobs.cancel(conn, job_id)


@routes.route("/jobs/{job_id}/events", methods=["GET"])
@endpoint(also=(204,), media_type="text/event-stream")
def stream_events(job_id: UUID, query: EventQuery) -> Reply[str | None]:
    """A job's events after the one that the header `Last-Event-ID` (or `?after=`) names, as soon as there is one.

    The response ends there; an event-stream client reconnects by itself and names the last event it saw, until a
    204 says that the job has told all. docs/streaming.md lists the events.
    """
    return Reply(streaming.wait_for_events(job_id, _last_seen(query)))


def _last_seen(query: EventQuery) -> int:
    given = http.header("last-event-id")
    if not given:
        return query.after or 0
    if not given.isascii() or not given.isdigit() or len(given) > 9:
        raise errors.BadRequest("Last-Event-ID must be the number of an event of this job.")
    return int(given)
