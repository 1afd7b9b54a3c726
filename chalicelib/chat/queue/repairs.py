"""Repairs of jobs."""

from datetime import timedelta

from chalicelib.chat.queue import jobs
from chalicelib.core import identity, sql
from chalicelib.core.repairs import repair

queries = sql.load(__file__)

JOB_WAKE_AFTER = timedelta(seconds=30)


@repair
def wake_jobs() -> int:
    """Free jobs whose lease has expired and resend lost wake-ups; returns their number."""
    with identity.as_nobody() as conn:
        job_ids = [row[0] for row in conn.execute(queries.free_expired_jobs, {"older_than": JOB_WAKE_AFTER}).fetchall()]
    jobs.wake(job_ids)
    return len(job_ids)
