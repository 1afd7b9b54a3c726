"""Tick's repair of updates."""

from datetime import timedelta

from chalicelib.core import identity, rows, sql
from chalicelib.core.repairs import repair

queries = sql.load(__file__)

# A stack is updated in minutes; CloudFormation gives up sooner.
LONGEST_UPDATE = timedelta(hours=2)


@repair
def fail_interrupted_updates() -> int:
    """Record updates whose process was killed as failed; returns how many. The same command does them again."""
    with identity.as_nobody() as conn:
        failed: int = rows.value(conn, queries.fail_interrupted, {"longest": LONGEST_UPDATE})
    return failed
