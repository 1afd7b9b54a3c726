"""Replay: a conversation's messages with the pauses between them."""

from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.chat.conversations.models import Replay
from chalicelib.core import errors, sql

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


def get(conn: "Conn", conversation_id: UUID) -> Replay:
    """A conversation's messages with the pauses between them. Raises NotFound."""
    row = conn.execute(queries.replay, {"id": conversation_id}).fetchone()
    if row is None:
        raise errors.NotFound
    return Replay(**row[0])
