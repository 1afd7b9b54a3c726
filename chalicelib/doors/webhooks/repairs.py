"""What tick does for webhooks: it sends what is due, and deletes old deliveries."""

from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.core import identity, rows
from chalicelib.core.repairs import repair
from chalicelib.doors.webhooks import deliveries

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn


def next_webhook(conn: "Conn") -> datetime | None:
    """When the next delivery is due."""
    due: datetime | None = rows.value(conn, deliveries.queries.next_webhook)
    return due


@repair(due=next_webhook)
def send_webhooks() -> int:
    """Send the deliveries that are due; returns how many were tried."""
    return deliveries.send_due()


@repair
def forget_webhook_deliveries() -> int:
    """Delete deliveries that are kept no longer; returns how many."""
    with identity.as_nobody() as conn:
        forgotten: int = rows.value(conn, deliveries.queries.forget)
    return forgotten
