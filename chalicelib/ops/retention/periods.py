"""Retention periods (O5): one table says how long the rows of every table that grows by time are kept."""

from typing import TYPE_CHECKING

from chalicelib.auth.audit import audit
from chalicelib.core import errors, rows, sql
from chalicelib.ops.retention.models import RetentionPeriod, RetentionPeriods

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


def list_all(conn: "Conn") -> RetentionPeriods:
    """Every period, by name."""
    return RetentionPeriods(items=rows.many(conn, RetentionPeriod, queries.list))


def change(conn: "Conn", name: str, days: int) -> RetentionPeriod:
    """Set a period. What it no longer keeps goes with the next minutes' repairs. Raises NotFound."""
    changed = rows.one(conn, RetentionPeriod, queries.set, {"name": name, "days": days})
    if changed is None:
        raise errors.NotFound
    audit.record(conn, "retention.changed", "retention", None, name=name, days=days)
    return changed
