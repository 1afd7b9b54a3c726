"""Repairs of the message search."""

from chalicelib.chat.conversations import message_search
from chalicelib.core.repairs import repair


@repair
def wake_message_index() -> bool:
    """Wake a worker for messages that no worker has indexed; returns whether there are any."""
    return message_search.resend_wakeup()
