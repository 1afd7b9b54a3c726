"""Analytics: tokens and cost, the comparison of two conversations."""

from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.chat.conversations.models import (
    ComparedConversation,
    ConversationComparison,
    TokenAnalytics,
    TokenQuery,
)
from chalicelib.core import errors, sql

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


def tokens(conn: "Conn", query: TokenQuery) -> TokenAnalytics:
    """The caller's tokens and cost, by day, model, or both, newest day first."""
    params = query.model_dump()
    rows = conn.execute(queries.tokens, params).fetchone()
    return TokenAnalytics(**(rows[0] if rows else {}))


def compare(conn: "Conn", first: UUID, second: UUID) -> ConversationComparison:
    """Two of the caller's conversations in numbers. Raises NotFound."""
    usage = {}
    for conversation_id in (first, second):
        row = conn.execute(queries.summary, {"id": conversation_id}).fetchone()
        if row is None:
            raise errors.NotFound
        usage[conversation_id] = ComparedConversation(**row[0])
    return ConversationComparison(first=usage[first], second=usage[second])
