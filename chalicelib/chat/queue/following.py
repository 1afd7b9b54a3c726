"""Looking again and again at a job's events, for every door that waits for an answer."""

import time
from collections.abc import Iterator, Sequence
from uuid import UUID

from chalicelib.chat.queue import jobs
from chalicelib.chat.queue.models import JobEvent
from chalicelib.core import identity

_POLL_SECONDS = (0.02, 0.05, 0.1, 0.2)


def follow(job_id: UUID, after: int, seconds: float) -> Iterator[tuple[Sequence[JobEvent], bool]]:
    """Each look at one of the caller's jobs: the events since the look before, and whether there will be no more.

    The first look is at the events after number `after`. Ends with the job, or with the first look after `seconds`.
    Whoever takes the looks may wait between two of them. Raises NotFound.
    """
    deadline = time.monotonic() + seconds
    silent = 0
    while True:
        with identity.as_caller() as conn:
            events, has_ended = jobs.events_after(conn, job_id, after)
        ends = has_ended and not events
        yield events, ends
        if ends or time.monotonic() >= deadline:
            return
        if events:
            after, silent = events[-1].number, 0
            continue
        time.sleep(_POLL_SECONDS[min(silent, len(_POLL_SECONDS) - 1)])
        silent += 1
