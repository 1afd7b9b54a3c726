"""Messages: feedback, mistakes, timing and traces."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.chat.messages.models import Feedback, Message, MessageTrace, MistakeMark, NewFeedback, Timing
from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Page, PageQuery, page_of

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


def get(conn: "Conn", message_id: UUID) -> Message:
    """One of the caller's messages. Raises NotFound."""
    row = rows.one(conn, Message, queries.get, {"id": message_id})
    if row is None:
        raise errors.NotFound
    return row


def add_history(conn: "Conn", conversation_id: UUID, turns: Sequence[tuple[str, str]]) -> UUID | None:
    """Add messages that were exchanged elsewhere, each (role, content) after the one before it; returns the last id.

    For a conversation of the caller's without messages. None without turns.
    """
    params = {
        "conversation_id": conversation_id,
        "roles": [role for role, _ in turns],
        "contents": [content for _, content in turns],
    }
    ids = conn.execute(queries.add_history, params).fetchall()
    return ids[-1][0] if ids else None


def mark(conn: "Conn", message_id: UUID, mistake: MistakeMark) -> Message:
    """Mark a message as a mistake, with a note, or remove the mark. Raises NotFound."""
    mistake_note = mistake.note if mistake.is_mistake else None
    if (
        conn.execute(
            queries.set_mistake, {"id": message_id, "is_mistake": mistake.is_mistake, "note": mistake_note}
        ).fetchone()
        is None
    ):
        raise errors.NotFound
    return get(conn, message_id)


def mistakes(conn: "Conn", query: PageQuery) -> Page[Message]:
    """The caller's messages that are marked as mistakes, newest first."""
    params = {"after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Message, queries.mistakes, params), query.limit)


def give_feedback(conn: "Conn", message_id: UUID, new: NewFeedback) -> Feedback | None:
    """Like or dislike an answer.

    A like and a dislike replace each other. The same one again removes it and returns None. Raises
    NotFound, Unprocessable for a question.
    """
    params = _feedback_of(conn, message_id, new)
    conn.execute(queries.lock, params)  # serialises votes on the message
    if conn.execute(queries.delete_feedback, params).fetchone() == (new.kind,):
        return None
    return rows.one(conn, Feedback, queries.create_feedback, params)


def comment(conn: "Conn", message_id: UUID, new: NewFeedback) -> Feedback:
    """Add a comment to an answer. Raises NotFound, Unprocessable for a question."""
    created = rows.one(conn, Feedback, queries.create_feedback, _feedback_of(conn, message_id, new))
    if created is None:
        raise errors.NotFound
    return created


def get_feedback(conn: "Conn", feedback_id: UUID) -> Feedback:
    """Feedback by its id. Raises NotFound."""
    row = rows.one(conn, Feedback, queries.get_feedback, {"id": feedback_id})
    if row is None:
        raise errors.NotFound
    return row


def _feedback_of(conn: "Conn", message_id: UUID, new: NewFeedback) -> dict[str, object]:
    if get(conn, message_id).role != "assistant":
        raise errors.Unprocessable("Feedback is for answers only.")
    return new.model_dump() | {"message_id": message_id, "reasons": sorted(new.reasons)}


def feedback(conn: "Conn", message_id: UUID, query: PageQuery) -> Page[Feedback]:
    """The feedback on a message, newest first. Raises NotFound."""
    get(conn, message_id)
    params = {"id": message_id, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Feedback, queries.feedback, params), query.limit)


def timing(conn: "Conn", message_id: UUID) -> Timing:
    """The stages of an answer, or of the last answer to a question. Raises NotFound."""
    row = conn.execute(queries.timing, {"id": message_id}).fetchone()
    if row is None:
        raise errors.NotFound
    return Timing(**row[0])


def trace(conn: "Conn", message_id: UUID) -> MessageTrace:
    """The trace of an answer, or of the last answer to a question. Raises NotFound."""
    row = conn.execute(queries.trace, {"id": message_id}).fetchone()
    if row is None:
        raise errors.NotFound
    return MessageTrace(**row[0])
