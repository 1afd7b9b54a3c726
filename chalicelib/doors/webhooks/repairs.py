"""What tick does for webhooks: it sends what is due, and deletes old deliveries."""

from chalicelib.core import identity, rows
from chalicelib.core.repairs import repair
from chalicelib.doors.webhooks import deliveries


@repair
def send_webhooks() -> int:
    """Send the deliveries that are due; returns how many were tried."""
    return deliveries.send_due()


@repair
def forget_webhook_deliveries() -> int:
    """Delete deliveries that are kept no longer; returns how many."""
    with identity.as_nobody() as conn:
        forgotten: int = rows.value(conn, deliveries.queries.forget)
    return forgotten
