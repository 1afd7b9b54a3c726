"""Conversations, jobs and their event streams over HTTP."""

from uuid import UUID

from chalice.app import Blueprint

from chalicelib.auth import audit
from chalicelib.chat import analytics, budgets, conversations, jobs, messages, streaming, trying
from chalicelib.chat.models import (
    Asked,
    Budget,
    BudgetPage,
    Comparison,
    Conversation,
    ConversationChanges,
    ConversationPage,
    ConversationPair,
    ConversationQuery,
    EventQuery,
    Feedback,
    FeedbackPage,
    Job,
    Message,
    MessagePage,
    Mistake,
    NewBudget,
    NewConversation,
    NewFeedback,
    NewMessage,
    Priority,
    QueueStatistics,
    Regeneration,
    Replay,
    Spending,
    TestedLlm,
    Timing,
    TokenAnalytics,
    TokenQuery,
    Trace,
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
def list_conversations(query: ConversationQuery) -> ConversationPage:
    """The caller's conversations, newest first; archived or deleted ones when asked for."""
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
    """Change a conversation's title, assistant or own settings, or archive it."""
    with db.as_caller() as conn:
        return conversations.change(conn, conversation_id, body)


@routes.route("/conversations/{conversation_id}", methods=["DELETE"])
@endpoint(scope="chat")
def delete_conversation(conversation_id: UUID) -> None:
    """Delete a conversation and stop what is being answered in it. It can be restored for 30 days."""
    with db.as_caller() as conn:
        conversations.delete(conn, conversation_id)
        jobs.cancel_all(conn, conversation_id)


@routes.route("/conversations/{conversation_id}/restore", methods=["POST"], content_types=["*/*"])
@endpoint(scope="chat")
def restore_conversation(conversation_id: UUID) -> Conversation:
    """Bring back a conversation that was deleted in the last 30 days."""
    with db.as_caller() as conn:
        return conversations.restore(conn, conversation_id)


@routes.route("/conversations/{conversation_id}/replay", methods=["GET"])
@endpoint()
def replay_conversation(conversation_id: UUID) -> Replay:
    """A conversation as it went, with the pauses between its messages."""
    with db.as_caller() as conn:
        return analytics.replay(conn, conversation_id)


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
    return _queued(asked)


@routes.route("/jobs/{job_id}", methods=["GET"])
@endpoint()
def get_job(job_id: UUID) -> Job:
    """A job's status and, while it waits, its position."""
    with db.as_caller() as conn:
        return jobs.get(conn, job_id)


@routes.route("/jobs/{job_id}", methods=["PATCH"], content_types=["*/*"])
@endpoint(admin=True, status=204)
def prioritise_job(job_id: UUID, body: Priority) -> None:
    """Move anybody's waiting job in the queue, without opening it. 409 `job_finished` when it has ended."""
    with db.as_caller() as conn:
        jobs.prioritise(conn, job_id, body.priority)
        audit.record(conn, "job.prioritised", "job", job_id, priority=body.priority)


@routes.route("/queue", methods=["GET"])
@endpoint()
def get_queue() -> QueueStatistics:
    """How full the queue is and how long it takes, in numbers."""
    with db.as_caller() as conn:
        return jobs.queue(conn)


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


@routes.route("/messages/{message_id}", methods=["GET"])
@endpoint()
def get_message(message_id: UUID) -> Message:
    """One message."""
    with db.as_caller() as conn:
        return messages.get(conn, message_id)


@routes.route("/messages/{message_id}/regenerate", methods=["POST"], content_types=["*/*"])
@endpoint(scope="chat", limit="ask", status=202)
def regenerate(message_id: UUID, body: Regeneration) -> Reply[Asked]:
    """Answer a question again, beside its other answers; a message that is an answer names its question."""
    with db.as_caller() as conn:
        job = idempotency.once(
            conn, lambda: jobs.ask_again(conn, message_id, body).job, lambda job_id: jobs.get(conn, job_id)
        )
        asked = Asked(message=messages.get(conn, job.message_id), job=job)
    return _queued(asked)


@routes.route("/messages/{message_id}/feedback", methods=["POST"], content_types=["*/*"])
@endpoint(scope="chat", also=(204,))
def give_feedback(message_id: UUID, body: NewFeedback) -> Reply[Feedback | None]:
    """Like, dislike or comment on an answer. A like and a dislike exclude each other; the same again takes it back
    (204)."""
    with db.as_caller() as conn:
        if body.kind != "comment":
            return Reply(messages.give_feedback(conn, message_id, body))
        return Reply(
            idempotency.once(
                conn,
                lambda: messages.comment(conn, message_id, body),
                lambda feedback_id: messages.one_feedback(conn, feedback_id),
            )
        )


@routes.route("/messages/{message_id}/feedback", methods=["GET"])
@endpoint()
def list_feedback(message_id: UUID, query: PageQuery) -> FeedbackPage:
    """What was said about an answer, newest first."""
    with db.as_caller() as conn:
        return messages.feedback(conn, message_id, query)


@routes.route("/messages/{message_id}/mistake", methods=["PUT"], content_types=["*/*"])
@endpoint(scope="chat")
def mark_mistake(message_id: UUID, body: Mistake) -> Message:
    """Mark a message as a mistake, with a note, or take the mark back."""
    with db.as_caller() as conn:
        return messages.mark(conn, message_id, body)


@routes.route("/mistakes", methods=["GET"])
@endpoint()
def list_mistakes(query: PageQuery) -> MessagePage:
    """The caller's messages that are marked as mistakes, newest first."""
    with db.as_caller() as conn:
        return messages.mistakes(conn, query)


@routes.route("/messages/{message_id}/timing", methods=["GET"])
@endpoint()
def get_timing(message_id: UUID) -> Timing:
    """How long each stage of an answer took."""
    with db.as_caller() as conn:
        return messages.timing(conn, message_id)


@routes.route("/messages/{message_id}/trace", methods=["GET"])
@endpoint()
def get_trace(message_id: UUID) -> Trace:
    """What was done for an answer, step by step. Its asker alone reads it."""
    with db.as_caller() as conn:
        return messages.trace(conn, message_id)


@routes.route("/analytics/tokens", methods=["GET"])
@endpoint()
def get_tokens(query: TokenQuery) -> TokenAnalytics:
    """The caller's tokens and cost, by day and model."""
    with db.as_caller() as conn:
        return analytics.tokens(conn, query)


@routes.route("/analytics/compare", methods=["POST"], content_types=["*/*"])
@endpoint(scope="read")
def compare_conversations(body: ConversationPair) -> Comparison:
    """Two conversations of the caller's in numbers, side by side."""
    with db.as_caller() as conn:
        return analytics.compare(conn, body.first, body.second)


@routes.route("/me/spending", methods=["GET"])
@endpoint()
def get_spending() -> Spending:
    """What the caller used this month, and the tightest budget that holds."""
    with db.as_caller() as conn:
        return budgets.spending(conn)


@routes.route("/budgets", methods=["GET"])
@endpoint(admin=True)
def list_budgets(query: PageQuery) -> BudgetPage:
    """Every budget, newest first."""
    with db.as_caller() as conn:
        return budgets.list_page(conn, query)


@routes.route("/users/{user_id}/budget", methods=["PUT"], content_types=["*/*"])
@endpoint(admin=True)
def put_user_budget(user_id: UUID, body: NewBudget) -> Budget:
    """What a user may spend in a month."""
    with db.as_caller() as conn:
        audit.record(conn, "budget.set", "user", user_id, **body.model_dump())
        return budgets.put(conn, body, user_id=user_id)


@routes.route("/users/{user_id}/budget", methods=["DELETE"])
@endpoint(admin=True)
def delete_user_budget(user_id: UUID) -> None:
    """Take a user's budget away."""
    with db.as_caller() as conn:
        budgets.remove(conn, user_id=user_id)
        audit.record(conn, "budget.removed", "user", user_id)


@routes.route("/groups/{group_id}/budget", methods=["PUT"], content_types=["*/*"])
@endpoint(admin=True)
def put_group_budget(group_id: UUID, body: NewBudget) -> Budget:
    """What each member of a group may spend in a month."""
    with db.as_caller() as conn:
        audit.record(conn, "budget.set", "group", group_id, **body.model_dump())
        return budgets.put(conn, body, group_id=group_id)


@routes.route("/groups/{group_id}/budget", methods=["DELETE"])
@endpoint(admin=True)
def delete_group_budget(group_id: UUID) -> None:
    """Take a group's budget away."""
    with db.as_caller() as conn:
        budgets.remove(conn, group_id=group_id)
        audit.record(conn, "budget.removed", "group", group_id)


@routes.route("/llms/{llm_id}/test", methods=["POST"], content_types=["*/*"])
@endpoint(admin=True)
def test_llm(llm_id: UUID) -> TestedLlm:
    """Really ask a model something small. 502 `model_failed` says in plain words why it did not answer."""
    return trying.ask(llm_id)


def _queued(asked: Asked) -> Reply[Asked]:
    try:
        jobs.wake([asked.job.id])
    except Exception:  # noqa: BLE001 — the question is stored: tick sends the wake-up again
        logger().exception("the wake-up could not be sent", job_id=str(asked.job.id))
    return Reply(asked, headers={"Location": f"/jobs/{asked.job.id}"})


def _last_seen(query: EventQuery) -> int:
    given = http.header("last-event-id")
    if not given:
        return query.after or 0
    if not given.isascii() or not given.isdigit() or len(given) > 9:
        raise errors.BadRequest("Last-Event-ID must be the number of an event of this job.")
    return int(given)
