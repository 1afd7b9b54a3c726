"""What tick repairs about jobs."""

from datetime import timedelta

from chalicelib.chat.queue import jobs
from chalicelib.core import identity, sql
from chalicelib.core.repairs import repair

queries = sql.load(__file__)

JOB_PATIENCE = timedelta(seconds=30)


@repair
def wake_jobs() -> int:
    """Free jobs whose worker died and resend wake-ups that were lost; returns how many."""
    with identity.as_nobody() as conn:
        lost = [row[0] for row in conn.execute(queries.wake_lost_jobs, {"patience": JOB_PATIENCE}).fetchall()]
    jobs.wake(lost)
    return len(lost)
