"""Tick's work on connectors."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.core import identity, rows, sql
from chalicelib.core.repairs import repair
from chalicelib.knowledge.connectors import consents, runs

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

_RUNS_PER_MINUTE = 200
_READERS_PER_MINUTE = 1_000
# A run whose wake-up was sent is left alone for this long.
SYNC_WAKE_AFTER = timedelta(seconds=60)


def next_sync_due(conn: "Conn") -> datetime | None:
    """When the next run is due, or one that waits is to be woken."""
    due: datetime | None = rows.value(conn, queries.next_due, {"grace": SYNC_WAKE_AFTER})
    return due


@repair(due=next_sync_due)
def wake_syncs() -> int:
    """Queue the runs of connectors that are due, and wake runs that wait or whose worker died; returns how many."""
    with identity.as_nobody() as conn:
        params = {"amount": _RUNS_PER_MINUTE, "grace": SYNC_WAKE_AFTER}
        due = [row[0] for row in conn.execute(queries.wake_due, params).fetchall()]
    if due:
        runs.wake(due)
    return len(due)


@repair
def forget_sync_runs() -> int:
    """Delete ended runs that are kept no longer; returns how many."""
    with identity.as_nobody() as conn:
        forgotten: int = rows.value(conn, queries.forget)
    return forgotten


@repair
def forget_readers() -> int:
    """Forget sets of readers without documents, and delete documents whose connector is gone; returns how many."""
    with identity.as_nobody() as conn:
        forgotten: int = rows.value(conn, queries.forget_readers, {"amount": _READERS_PER_MINUTE})
    return forgotten


@repair
def end_left_consents() -> int:
    """Give back the consents of connectors that are gone or have another owner; returns how many."""
    return consents.end_left()
