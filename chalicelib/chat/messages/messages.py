"""Single messages: how an answer came about, and what its reader says about it."""

from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.chat.messages.models import Feedback, Message, Mistake, NewFeedback, Timing, Trace
from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Page, PageQuery, page_of

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


def get(conn: "Conn", message_id: UUID) -> Message:
    """One of the caller's messages. Raises NotFound."""
    found = rows.one(conn, Message, queries.get, {"id": message_id})
    if found is None:
        raise errors.NotFound
    return found


def mark(conn: "Conn", message_id: UUID, mistake: Mistake) -> Message:
    """Mark a message as a mistake, with a note, or take the mark back. Raises NotFound."""
    note = mistake.note if mistake.is_mistake else None
    if (
        conn.execute(queries.mark, {"id": message_id, "is_mistake": mistake.is_mistake, "note": note}).fetchone()
        is None
    ):
        raise errors.NotFound
    return get(conn, message_id)


def mistakes(conn: "Conn", query: PageQuery) -> Page[Message]:
    """The caller's messages that are marked as mistakes, newest first."""
    wanted = {"after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Message, queries.mistakes, wanted), query.limit)


def give_feedback(conn: "Conn", message_id: UUID, new: NewFeedback) -> Feedback | None:
    """Like or dislike an answer.

    A like replaces a dislike and the other way round; the same one again takes it back, which returns None. Raises
    NotFound, Unprocessable for one's own question.
    """
    wanted = _feedback_of(conn, message_id, new)
    conn.execute(queries.lock, wanted)  # votes come one after the other
    if conn.execute(queries.withdraw, wanted).fetchone() == (new.kind,):
        return None
    return rows.one(conn, Feedback, queries.give, wanted)


def comment(conn: "Conn", message_id: UUID, new: NewFeedback) -> Feedback:
    """Comment on an answer; comments add. Raises NotFound, Unprocessable for one's own question."""
    given = rows.one(conn, Feedback, queries.give, _feedback_of(conn, message_id, new))
    if given is None:
        raise errors.NotFound
    return given


def one_feedback(conn: "Conn", feedback_id: UUID) -> Feedback:
    """What was said about an answer, by its id. Raises NotFound."""
    found = rows.one(conn, Feedback, queries.one_feedback, {"id": feedback_id})
    if found is None:
        raise errors.NotFound
    return found


def _feedback_of(conn: "Conn", message_id: UUID, new: NewFeedback) -> dict[str, object]:
    if get(conn, message_id).role != "assistant":
        raise errors.Unprocessable("Only answers take feedback.")
    return new.model_dump() | {"message_id": message_id, "reasons": sorted(new.reasons)}


def feedback(conn: "Conn", message_id: UUID, query: PageQuery) -> Page[Feedback]:
    """What was said about a message, newest first. Raises NotFound."""
    get(conn, message_id)
    wanted = {"id": message_id, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Feedback, queries.feedback, wanted), query.limit)


def timing(conn: "Conn", message_id: UUID) -> Timing:
    """How long each stage of an answer took, or of the last answer to a question. Raises NotFound."""
    found = conn.execute(queries.timing, {"id": message_id}).fetchone()
    if found is None:
        raise errors.NotFound
    return Timing(**found[0])


def trace(conn: "Conn", message_id: UUID) -> Trace:
    """What was done for an answer, or for the last answer to a question, step by step. Raises NotFound."""
    found = conn.execute(queries.trace, {"id": message_id}).fetchone()
    if found is None:
        raise errors.NotFound
    return Trace(**found[0])
