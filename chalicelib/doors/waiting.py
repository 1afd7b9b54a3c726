"""Waiting for an answer inside of one response, for protocols that know no jobs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from chalicelib.chat.queue import jobs
from chalicelib.chat.queue.models import Job
from chalicelib.core import identity

# A response of API Gateway takes 29 seconds at most.
SECONDS = 25.0
_POLL_SECONDS = (0.05, 0.1, 0.2, 0.4)
_ENDED = ("completed", "failed", "cancelled")


@contextmanager
def counted() -> Iterator[None]:
    """Count the response among the caller's waiting streams, for it holds a function just as long.

    It begins before the question is queued, so that a refused request costs nothing. Raises TooManyRequests
    (too_many_streams).
    """
    stream = jobs.begin_stream()
    try:
        yield
    finally:
        jobs.end_stream(stream)


def wait_for(job_id: UUID) -> Job | None:
    """One of the caller's jobs once it has ended; None if it has not within 25 seconds. Raises NotFound.

    Called inside of counted().
    """
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
