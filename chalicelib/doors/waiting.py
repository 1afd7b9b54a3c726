"""Waiting for an answer inside of one response, for protocols that know no jobs."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from chalicelib.chat.queue import following, jobs
from chalicelib.chat.queue.models import Job
from chalicelib.core import identity

# A response of API Gateway takes 29 seconds at most; one that is streamed, as long as its function lives.
SECONDS = 25.0
STREAM_SECONDS = 240.0
_ENDED = ("completed", "failed", "cancelled")


@contextmanager
def counted(seconds: float = SECONDS) -> Iterator[None]:
    """Count the response among the caller's waiting streams, for it holds a function just as long.

    It begins before the question is queued, so that a refused request costs nothing. Raises TooManyRequests
    (too_many_streams).
    """
    stream = jobs.begin_stream(timedelta(seconds=seconds))
    try:
        yield
    finally:
        jobs.end_stream(stream)


def wait_for(job_id: UUID) -> Job | None:
    """One of the caller's jobs once it has ended; None if it has not within 25 seconds. Raises NotFound.

    Called inside of counted().
    """
    for _ in following.follow(job_id, 0, SECONDS):
        pass
    with identity.as_caller() as conn:
        job = jobs.get(conn, job_id)
    return job if job.status in _ENDED else None
