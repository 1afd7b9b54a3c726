"""Messages, feedback, timing and traces over HTTP."""

from uuid import UUID

from chalicelib.chat.messages import messages
from chalicelib.chat.messages.models import Feedback, Message, MessageTrace, MistakeMark, NewFeedback, Timing
from chalicelib.core import idempotency, identity
from chalicelib.core.http import Reply, Routes
from chalicelib.core.models import Page, PageQuery

routes = Routes(__name__)


@routes.get("/messages/{message_id}")
def get_message(message_id: UUID) -> Message:
    """Get a message."""
    with identity.as_caller() as conn:
        return messages.get(conn, message_id)


@routes.post("/messages/{message_id}/feedback", scope="chat", also=(204,))
def create_feedback(message_id: UUID, body: NewFeedback) -> Reply[Feedback | None]:
    """Like, dislike or comment on an answer. A like and a dislike replace each other; the same again removes it
    (204)."""
    with identity.as_caller() as conn:
        if body.kind != "comment":
            return Reply(messages.give_feedback(conn, message_id, body))
        return Reply(
            idempotency.once(
                conn,
                lambda: messages.comment(conn, message_id, body),
                lambda feedback_id: messages.get_feedback(conn, feedback_id),
            )
        )


@routes.get("/messages/{message_id}/feedback")
def list_feedback(message_id: UUID, query: PageQuery) -> Page[Feedback]:
    """List the feedback on an answer, newest first."""
    with identity.as_caller() as conn:
        return messages.feedback(conn, message_id, query)


@routes.put("/messages/{message_id}/mistake", scope="chat")
def set_message_mistake(message_id: UUID, body: MistakeMark) -> Message:
    """Mark a message as a mistake, with a note, or remove the mark."""
    with identity.as_caller() as conn:
        return messages.mark(conn, message_id, body)


@routes.get("/mistakes")
def list_mistakes(query: PageQuery) -> Page[Message]:
    """List the caller's messages that are marked as mistakes, newest first."""
    with identity.as_caller() as conn:
        return messages.mistakes(conn, query)


@routes.get("/messages/{message_id}/timing")
def get_message_timing(message_id: UUID) -> Timing:
    """Get the duration of each stage of an answer."""
    with identity.as_caller() as conn:
        return messages.timing(conn, message_id)


@routes.get("/messages/{message_id}/trace")
def get_message_trace(message_id: UUID) -> MessageTrace:
    """Get the steps of an answer. Only the user who asked can read it."""
    with identity.as_caller() as conn:
        return messages.trace(conn, message_id)
