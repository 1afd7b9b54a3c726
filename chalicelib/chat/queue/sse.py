"""A job's events as `text/event-stream` (the HTML standard's server-sent events).

API Gateway buffers responses, so a response ends as soon as there are events, or after ten seconds. Any EventSource
client then reconnects by itself with the number of its last event, and misses nothing.
"""

import json
import time
from collections.abc import Sequence
from uuid import UUID

from chalicelib.chat.queue import jobs
from chalicelib.chat.queue.models import JobEvent
from chalicelib.core import identity

# How long a client waits before it reconnects, in milliseconds.
RETRY_MS = 100
_WAIT_SECONDS = 10.0
_POLL_SECONDS = (0.02, 0.05, 0.1, 0.2)


def wait_for_events(job_id: UUID, after: int) -> str | None:
    """The events after number `after` in wire format, waiting up to ten seconds; None when there are no more events.

    Raises NotFound, and TooManyRequests (too_many_streams) when it would wait beside too many streams of the caller.
    """
    stream = None
    deadline = time.monotonic() + _WAIT_SECONDS
    try:
        for attempt in range(10_000):
            with identity.as_caller() as conn:
                events, has_ended = jobs.events_after(conn, job_id, after)
            if events:
                return render(events)
            if has_ended:
                return None
            if time.monotonic() >= deadline:
                break
            stream = stream or jobs.begin_stream()
            time.sleep(_POLL_SECONDS[min(attempt, len(_POLL_SECONDS) - 1)])
    finally:
        if stream is not None:
            jobs.end_stream(stream)
    return ": still waiting\n\n"  # a comment: the client reconnects with the same number


def render(events: Sequence[JobEvent]) -> str:
    """The events in wire format. JSON keeps each `data` on one line."""
    lines = [f"retry: {RETRY_MS}\n"]
    for event in events:
        data = json.dumps(event.data, ensure_ascii=False, separators=(",", ":"))
        lines.append(f"id: {event.number}\nevent: {event.event}\ndata: {data}\n\n")
    return "".join(lines)
