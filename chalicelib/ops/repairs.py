"""Repairs of tables that grow over time (O5): partitions and retention."""

from chalicelib.core import identity, rows, sql
from chalicelib.core.repairs import repair

queries = sql.load(__file__)


@repair
def ensure_partitions() -> None:
    """Create the partitions of the coming months, or of the coming week for `host_metrics`."""
    with identity.as_nobody() as conn:
        conn.execute(queries.ensure_partitions)


@repair
def delete_expired_rows() -> None:
    """Delete rows whose retention period has ended, from tables without partitions."""
    with identity.as_nobody() as conn:
        conn.execute(queries.delete_expired_rows)


@repair
def drop_expired_partitions() -> int:
    """Drop months whose retention period has ended, unless a lock takes more than two seconds; returns how many."""
    with identity.as_nobody() as conn:
        dropped: int = rows.value(conn, queries.drop_expired_partitions)
    return dropped


@repair
def delete_idempotency_keys() -> None:
    """Delete idempotency keys whose retention period has ended."""
    with identity.as_nobody() as conn:
        conn.execute(queries.delete_idempotency_keys)
