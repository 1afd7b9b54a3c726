"""Waiting for an answer inside of one response, for protocols that know no jobs."""

import time
from uuid import UUID

from chalicelib.chat.queue import jobs
from chalicelib.chat.queue.models import Job
from chalicelib.core import identity

# A response of API Gateway takes 29 seconds at most.
SECONDS = 25.0
_POLL_SECONDS = (0.05, 0.1, 0.2, 0.4)
_ENDED = ("completed", "failed", "cancelled")


def wait_for(job_id: UUID) -> Job | None:
    """One of the caller's jobs once it has ended; None if it has not within 25 seconds. Raises NotFound."""
    deadline = time.monotonic() + SECONDS
    attempt = 0
    while True:
        with identity.as_caller() as conn:
            job = jobs.get(conn, job_id)
        if job.status in _ENDED:
            return job
        if time.monotonic() >= deadline:
            return None
        time.sleep(_POLL_SECONDS[min(attempt, len(_POLL_SECONDS) - 1)])
        attempt += 1
