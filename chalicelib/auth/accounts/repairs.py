"""What tick repairs about accounts."""

from chalicelib.auth.accounts import erasure
from chalicelib.core import identity, sql
from chalicelib.core.repairs import repair

queries = sql.load(__file__)

_OBJECTS_A_MINUTE = 500


@repair
def delete_objects() -> int:
    """Delete objects of the bucket whose rows are gone; returns how many."""
    return erasure.delete_objects(most=_OBJECTS_A_MINUTE)


@repair
def delete_old_account_data() -> None:
    """Delete sessions that ended long ago, devices that were not used for long, and full rate limit buckets."""
    with identity.as_nobody() as conn:
        conn.execute(queries.delete_old_account_data)
