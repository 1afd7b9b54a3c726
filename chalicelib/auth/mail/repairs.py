"""What tick does for e-mail."""

from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.auth.mail import configuration, mail
from chalicelib.core import identity, rows
from chalicelib.core.repairs import repair

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

_DIGESTS_A_MINUTE = 100


def next_mail(conn: "Conn") -> datetime | None:
    """When the next e-mail is due; never where none is sent."""
    due: datetime | None = rows.value(conn, mail.queries.next) if configuration.is_on() else None
    return due


@repair(due=next_mail)
def send_mails() -> int:
    """Send the e-mails that are due; returns how many were sent."""
    return mail.send_due()


@repair
def queue_digests() -> int:
    """Write a digest for each user who wants one and has something to be told; returns how many."""
    if not configuration.is_on():
        return 0
    with identity.as_nobody() as conn:
        written: int = rows.value(conn, mail.queries.queue_digests, {"amount": _DIGESTS_A_MINUTE})
    return written


@repair
def delete_expired_links() -> None:
    """Delete links of e-mails and invitations that have ended, and accounts whose address nobody verified in time."""
    with identity.as_nobody() as conn:
        conn.execute(mail.queries.forget)
