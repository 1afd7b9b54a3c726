"""Alerts by e-mail, through the same server as every other e-mail (auth/mail), but not through its outbox.

An alert has a delivery of its own, which is tried until it arrives; the outbox gives an e-mail up after eight hours.
"""

from collections.abc import Sequence

from chalicelib.auth.mail import mail, texts, transport
from chalicelib.core import errors
from chalicelib.core.settings import settings
from chalicelib.ops.alerts.channels import ChannelError

# A digest is cut at so many characters; readers cut longer messages.
MAX_CHARS = 50_000


def send(recipients: Sequence[str], text: str) -> str | None:
    """Send one e-mail to all recipients; returns a sentence about those that the server refused, if any.

    The first line of the text is the subject. Raises ChannelError when nobody is reached; after a lost response the
    e-mail may have arrived.
    """
    headline, *details = text.strip().splitlines()
    lines = tuple(details or [headline])
    values = texts.Values(deployment=f"Alcove {settings().stage}", headline=headline, lines=lines)
    try:
        refused = mail.send_now("alert", recipients, values)
    except errors.Problem as problem:  # no e-mails are sent here, or their settings are not valid
        raise ChannelError(problem.detail or problem.title) from None
    except transport.TransportError as error:
        raise ChannelError(f"The e-mail was not sent: {error}.") from None
    return f"The server refused {refused} of {len(recipients)} recipients." if refused else None
