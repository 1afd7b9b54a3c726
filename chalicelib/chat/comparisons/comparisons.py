"""A/B comparisons: two variants of the pool answer one question, and the asker votes for the better answer.

Which variant answers on which side is hidden until the vote: the order is random, and jobs, events, messages and traces
of the two sides do not name the variant.
"""

from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.chat.comparisons.models import (
    ComparisonSide,
    NewPairwiseComparison,
    PairwiseComparison,
    Preference,
)
from chalicelib.chat.conversations import conversations
from chalicelib.chat.queue import enqueueing
from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Page, PageQuery, page_of

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__, shared=enqueueing.queries)


def enqueue(conn: "Conn", conversation_id: UUID, new: NewPairwiseComparison) -> PairwiseComparison:
    """Store a question and queue two jobs for it, the champion's and a challenger's, all or nothing.

    Raises NotFound for a conversation or a parent that is not the caller's, Conflict (comparisons_off) without a
    usable champion and challenger, PaymentRequired, TooManyRequests (queue_full).
    """
    params = enqueueing.question_params(conversation_id, new)
    row = enqueueing.run(conn, queries.enqueue, params)
    comparison = row["comparison"]
    if comparison is None:
        raise errors.Conflict(code="comparisons_off")
    return PairwiseComparison(
        id=comparison["id"],
        conversation_id=comparison["conversation_id"],
        message_id=comparison["question_id"],
        status="answering",
        first=_pending_side(comparison["first_job_id"]),
        second=_pending_side(comparison["second_job_id"]),
        preference=None,
        preferred_at=None,
        created_at=comparison["created_at"],
    )


def is_offered(conn: "Conn") -> bool:
    """Whether a champion and a challenger could answer a question now."""
    offered: bool = rows.value(conn, queries.is_offered)
    return offered


def get(conn: "Conn", comparison_id: UUID) -> PairwiseComparison:
    """One of the caller's comparisons, with the answers that exist so far. Raises NotFound."""
    params = {"id": comparison_id, "conversation_id": None, "after": None, "limit": 1}
    result = rows.one(conn, PairwiseComparison, queries.find, params)
    if result is None:
        raise errors.NotFound
    return result


def list_page(conn: "Conn", conversation_id: UUID, query: PageQuery) -> Page[PairwiseComparison]:
    """The comparisons of one of the caller's conversations, newest first. Raises NotFound."""
    conversations.get(conn, conversation_id)
    params = {"id": None, "conversation_id": conversation_id, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, PairwiseComparison, queries.find, params), query.limit)


def vote(conn: "Conn", comparison_id: UUID, preference: Preference) -> PairwiseComparison:
    """Store the one vote on a comparison. The same vote again changes nothing.

    Raises NotFound; Conflict for another vote (already_voted), before both jobs have ended (comparison_unfinished), and
    when a side has no answer (comparison_void).
    """
    conn.execute(queries.vote, {"id": comparison_id, "preference": preference})
    result = get(conn, comparison_id)
    if result.preference == preference:
        return result
    refusals = {"voted": "already_voted", "void": "comparison_void"}
    raise errors.Conflict(code=refusals.get(result.status, "comparison_unfinished"))


def _pending_side(job_id: str) -> ComparisonSide:
    return ComparisonSide(job_id=UUID(job_id), status="pending", error=None, answer=None, variant=None)
