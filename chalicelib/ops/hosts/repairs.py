"""Tick's look at hosts."""

from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.core import identity, rows
from chalicelib.core.repairs import repair
from chalicelib.ops.hosts.hosts import queries

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn


def next_silence(conn: "Conn") -> datetime | None:
    """When the next host counts as silent."""
    due: datetime | None = rows.value(conn, queries.next_silence)
    return due


@repair(due=next_silence)
def notice_silent_hosts() -> int:
    """Record hosts that went silent or are heard again; returns how many. Their agents are not repaired from here."""
    with identity.as_nobody() as conn:
        changed: int = rows.value(conn, queries.notice_silent)
    return changed
