"""What tick repairs about accounts."""

from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.auth.accounts import administration, erasure, leaving
from chalicelib.core import identity, rows, sql
from chalicelib.core.repairs import repair

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

_OBJECTS_A_MINUTE = 500


def next_object_deletion(conn: "Conn") -> datetime | None:
    """When the next object is to be deleted."""
    due: datetime | None = rows.value(conn, queries.next_object_deletion)
    return due


@repair(due=next_object_deletion)
def delete_objects() -> int:
    """Delete objects of the bucket whose rows are gone; returns how many."""
    return erasure.delete_objects(most=_OBJECTS_A_MINUTE)


def next_erasure(conn: "Conn") -> datetime | None:
    """When the wait of the next deleted account is over."""
    due: datetime | None = rows.value(conn, administration.queries.next_erasure)
    return due


@repair(due=next_erasure)
def erase_deleted_accounts() -> int:
    """Erase accounts that administrators deleted, when their wait is over; returns how many."""
    return leaving.erase_due()


@repair
def delete_old_account_data() -> None:
    """Delete sessions that ended long ago, devices that were not used for long, and full rate limit buckets."""
    with identity.as_nobody() as conn:
        conn.execute(queries.delete_old_account_data)
