"""Repairs of the message search."""

from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.chat.conversations import message_search
from chalicelib.core.repairs import repair

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn


def next_message_index(conn: "Conn") -> datetime | None:
    """When the oldest message that no worker has indexed is overdue."""
    return message_search.next_wakeup(conn)


@repair(due=next_message_index)
def wake_message_index() -> bool:
    """Wake a worker for messages that no worker has indexed; returns whether there are any."""
    return message_search.resend_wakeup()
