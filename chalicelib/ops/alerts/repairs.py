"""Tick's part in alerts."""

from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.core import rows
from chalicelib.core.repairs import repair
from chalicelib.ops.alerts import alerts

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn


def next_alert(conn: "Conn") -> datetime | None:
    """When an event is to be read, a delivery is due, or a cooldown that keeps something back is over."""
    due: datetime | None = rows.value(conn, alerts.queries.next_alert)
    return due


@repair(due=next_alert)
def raise_alerts() -> int:
    """Decide which alerts arise from measurements, services and events of self-healing; returns how many."""
    return alerts.raise_alerts()


@repair(due=next_alert)
def send_alerts() -> int:
    """Send alerts that are due, and again those that did not arrive; returns how many arrived."""
    return alerts.send_due()
