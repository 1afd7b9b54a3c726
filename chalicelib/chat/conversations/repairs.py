"""What tick repairs about the search over messages."""

from chalicelib.chat.conversations import message_search
from chalicelib.core.repairs import repair


@repair
def wake_message_index() -> bool:
    """Have messages indexed whose worker did not; returns whether there are any."""
    return message_search.resend_wakeup()
