"""Enqueueing: a question and its job are stored in one statement."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.chat.messages.models import Message
from chalicelib.chat.queue.models import Job, NewMessage, Question, QueuedMessage, Regeneration
from chalicelib.config.registry.filters import SearchFilters
from chalicelib.config.settings import resolution
from chalicelib.core import errors, sql

if TYPE_CHECKING:
    from typing import LiteralString

    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

UNTITLED = "New conversation"

MAX_WAITING_OF_USER = 20
MAX_WAITING = 2000
LOWEST_PRIORITY = -10
_TITLE_CHARS = 80


def enqueue(conn: "Conn", conversation_id: UUID, new: NewMessage) -> QueuedMessage:
    """Store a question and queue its job, all or nothing.

    Raises NotFound for a conversation or a parent that is not the caller's, Unprocessable for a pipeline or model that
    does not exist, PaymentRequired (budget_exhausted), TooManyRequests (queue_full).
    """
    overrides = _overrides(conn, new)
    return _queued(run(conn, queries.enqueue, question_params(conversation_id, new) | overrides))


def enqueue_regeneration(conn: "Conn", message_id: UUID, changes: Regeneration) -> QueuedMessage:
    """Queue another answer to a question, or to the question of an answer. Raises like `enqueue`."""
    row = conn.execute(queries.question_of, {"id": message_id}).fetchone()
    if row is None:
        raise errors.NotFound
    conversation_id, question_id = row
    overrides = _overrides(conn, changes)
    return _queued(run(conn, queries.enqueue, _params(conversation_id, question_id=question_id) | overrides))


def enqueue_evaluation(conn: "Conn", conversation_id: UUID, question: str) -> QueuedMessage:
    """Queue a question of an evaluation, which every other question goes before. Raises like `enqueue`."""
    from psycopg.types.json import Jsonb

    new = NewMessage.model_construct(content=question, parent_message_id=None, filters=SearchFilters(), metadata={})
    params = question_params(conversation_id, new) | {
        "overrides": Jsonb({"is_evaluation": True}),
        "priority": LOWEST_PRIORITY,
    }
    return _queued(run(conn, queries.enqueue, params))


def replay_params(conversation_id: UUID, question_id: UUID) -> dict[str, Any]:
    """The parameters of the statement `enqueue_replay`, but for its settings."""
    return _params(conversation_id, question_id=question_id)


def get_queued(conn: "Conn", message_id: UUID) -> QueuedMessage:
    """A stored question and its first job. Raises NotFound."""
    row = conn.execute(queries.get_queued, {"id": message_id}).fetchone()
    if row is None:
        raise errors.NotFound
    return QueuedMessage(message=Message(**row[0]), job=Job(**row[1]))


def title_of(content: str) -> str:
    """The title that a first question gives to an untitled conversation."""
    return " ".join(content.split())[:_TITLE_CHARS] or UNTITLED


def question_params(conversation_id: UUID, question: Question) -> dict[str, Any]:
    """The parameters of an enqueueing statement for a new question."""
    return _params(
        conversation_id,
        content=question.content,
        parent=question.parent_message_id,
        is_first=question.is_first(),
        filters=question.filters,
        metadata=question.metadata,
    )


def run(conn: "Conn", statement: "LiteralString", params: Mapping[str, Any]) -> dict[str, Any]:
    """Run a statement that includes the part `enqueued`, one question of a user at a time; returns its row.

    Raises NotFound for a conversation or a parent that is not the caller's, PaymentRequired (budget_exhausted),
    TooManyRequests (queue_full). A statement without jobs to queue returns a row without a question.
    """
    import psycopg
    from psycopg.rows import dict_row

    conn.execute(queries.lock_queue)
    try:
        with conn.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(statement, params).fetchone()
    except psycopg.errors.ForeignKeyViolation as error:
        raise errors.NotFound("parent_message_id is not a message of this conversation.") from error
    if row is None or not row["has_conversation"]:
        raise errors.NotFound
    if row["jobs"] and not row["is_admitted"]:
        if row["spent"]:
            raise errors.PaymentRequired(code="budget_exhausted")
        subject = "You have" if row["mine"] + row["jobs"] > MAX_WAITING_OF_USER else "The service has"
        raise errors.TooManyRequests(
            f"{subject} too many unanswered questions in the queue.", code="queue_full", retry_after=10
        )
    return row


def _params(
    conversation_id: UUID,
    *,
    question_id: UUID | None = None,
    content: str = "",
    parent: UUID | None = None,
    is_first: bool = False,
    filters: SearchFilters | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    from psycopg.types.json import Jsonb

    return {
        "metadata": Jsonb(dict(metadata or {})),
        "filters": Jsonb([filters.conditions()] if filters and filters.any() else []),
        "conversation_id": conversation_id,
        "question_id": question_id,
        "content": content,
        "parent": parent,
        "is_first": is_first,
        "title": title_of(content),
        "untitled": UNTITLED,
        "user_limit": MAX_WAITING_OF_USER,
        "total_limit": MAX_WAITING,
        "priority": 0,
    }


def _overrides(conn: "Conn", choices: NewMessage | Regeneration) -> dict[str, Any]:
    """The settings that hold for this question alone. Raises Unprocessable."""
    from psycopg.types.json import Jsonb

    overrides = {"active_pipeline": choices.pipeline, "active_model": choices.model}
    resolution.check_choices(conn, overrides, field_names={"active_pipeline": "pipeline", "active_model": "model"})
    return {"overrides": Jsonb({name: value for name, value in overrides.items() if value is not None})}


def _queued(row: Mapping[str, Any]) -> QueuedMessage:
    if row["message"] is None:
        raise errors.NotFound
    return QueuedMessage(message=Message(**row["message"]), job=Job(**row["job"]))
