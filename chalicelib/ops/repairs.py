"""What tick does about tables that grow by time (O5), and about idempotency keys."""

from chalicelib.core import identity, rows, sql
from chalicelib.core.repairs import repair

queries = sql.load(__file__)


@repair
def ensure_partitions() -> None:
    """Create the partitions of the coming months."""
    with identity.as_nobody() as conn:
        conn.execute(queries.ensure_partitions)


@repair
def delete_expired_rows() -> None:
    """Delete rows that retention keeps no longer, from tables without partitions."""
    with identity.as_nobody() as conn:
        conn.execute(queries.delete_expired_rows)


@repair
def drop_expired_partitions() -> int:
    """Drop months that retention no longer keeps, unless it would have to wait for long; returns how many."""
    with identity.as_nobody() as conn:
        dropped: int = rows.value(conn, queries.drop_expired_partitions)
    return dropped


@repair
def delete_idempotency_keys() -> None:
    """Delete idempotency keys that are kept no longer."""
    with identity.as_nobody() as conn:
        conn.execute(queries.delete_idempotency_keys)
