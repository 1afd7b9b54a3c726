"""Repairs of jobs."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.chat.queue import jobs
from chalicelib.core import identity, rows, sql
from chalicelib.core.repairs import repair

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

JOB_WAKE_AFTER = timedelta(seconds=30)


def next_job_repair(conn: "Conn") -> datetime | None:
    """When the next lease of a job ends, or a wake-up counts as lost."""
    due: datetime | None = rows.value(conn, queries.next_job_repair, {"older_than": JOB_WAKE_AFTER})
    return due


@repair(due=next_job_repair)
def wake_jobs() -> int:
    """Free jobs whose lease has expired and resend lost wake-ups; returns their number."""
    with identity.as_nobody() as conn:
        job_ids = [row[0] for row in conn.execute(queries.free_expired_jobs, {"older_than": JOB_WAKE_AFTER}).fetchall()]
    jobs.wake(job_ids)
    return len(job_ids)
