"""Sets of questions, each with what a good answer has: written, or made from the caller's own answers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.chat.evals.models import (
    MAX_QUESTIONS,
    EvalCollection,
    EvalQuestion,
    EvalSet,
    NewEvalQuestion,
    NewEvalSet,
    QuestionOrigin,
)
from chalicelib.core import errors, identity, rows, sql
from chalicelib.core.models import Page, PageQuery, page_of

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

MAX_SETS = 200
# Answers that one request makes questions from, the newest.
MAX_COLLECTED = 500


def create(conn: "Conn", new: NewEvalSet) -> EvalSet:
    """Create a set with its questions. Raises Conflict (too_many)."""
    rows.hold_limit(conn, "eval_sets", identity.caller_id())
    created = rows.value(conn, queries.create, new.model_dump(exclude={"questions"}) | {"most": MAX_SETS})
    if created is None:
        raise errors.Conflict(f"At most {MAX_SETS} sets are allowed. Delete one first.", code="too_many")
    add(conn, created, new.questions, "written")
    return get(conn, created)


def get(conn: "Conn", set_id: UUID) -> EvalSet:
    """One of the caller's sets. Raises NotFound."""
    result = rows.one(conn, EvalSet, queries.get, {"id": set_id})
    if result is None:
        raise errors.NotFound
    return result


def list_page(conn: "Conn", query: PageQuery) -> Page[EvalSet]:
    """The caller's sets, newest first."""
    params = {"after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, EvalSet, queries.list, params), query.limit)


def delete(conn: "Conn", set_id: UUID) -> None:
    """Delete a set with its questions and runs. Raises NotFound."""
    if conn.execute(queries.delete, {"id": set_id}).rowcount == 0:
        raise errors.NotFound


def questions(conn: "Conn", set_id: UUID, query: PageQuery) -> Page[EvalQuestion]:
    """The questions of a set, in the order in which they were added. Raises NotFound."""
    get(conn, set_id)
    params = {"id": set_id, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, EvalQuestion, queries.questions, params), query.limit)


def add(conn: "Conn", set_id: UUID, new: Sequence[NewEvalQuestion], origin: QuestionOrigin) -> None:
    """Add questions to one of the caller's sets. Raises NotFound, Conflict (too_many)."""
    from psycopg.types.json import Jsonb

    _hold(conn, set_id, len(new))
    entries = Jsonb([question.model_dump(mode="json") for question in new])
    conn.execute(queries.add, {"id": set_id, "questions": entries, "origin": origin})


def collect(conn: "Conn", set_id: UUID, collection: EvalCollection) -> int:
    """Make questions from the caller's newest answers that are marked or liked, once each; returns their number.

    Raises NotFound, Conflict (too_many).
    """
    _hold(conn, set_id, 0)
    params = {"id": set_id, "liked": collection.origin == "likes", "limit": MAX_COLLECTED}
    added = conn.execute(queries.collect, params).rowcount
    _hold(conn, set_id, 0)
    return added


def _hold(conn: "Conn", set_id: UUID, more: int) -> None:
    """Lock a set until the transaction ends, with room for `more` questions."""
    if conn.execute(queries.hold, {"id": set_id}).fetchone() is None:
        raise errors.NotFound
    if get(conn, set_id).question_count + more > MAX_QUESTIONS:
        raise errors.Conflict(f"A set has at most {MAX_QUESTIONS:,} questions. Make another set.", code="too_many")
