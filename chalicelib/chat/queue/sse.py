"""A job's events as `text/event-stream` (the HTML standard's server-sent events).

Where responses are buffered, a response ends as soon as there are events, or after ten seconds. Where they are
streamed, it ends with the job, or after some minutes. Any EventSource client then reconnects by itself with the number
of its last event, and misses nothing.
"""

import json
import time
from collections.abc import Generator, Sequence
from datetime import timedelta
from uuid import UUID

from chalicelib.chat.queue import following, jobs
from chalicelib.chat.queue.models import JobEvent

# How long a client waits before it reconnects, in milliseconds.
RETRY_MS = 100
# A comment, which clients ignore: it keeps a silent connection open, and ends a response without events.
SILENCE = ": still waiting\n\n"
_WAIT_SECONDS = 10.0
_STREAM_SECONDS = 240.0


def wait_for_events(job_id: UUID, after: int) -> str | None:
    """The events after number `after` in wire format, waiting up to ten seconds; None when there are no more events.

    Raises NotFound, and TooManyRequests (too_many_streams) when it would wait beside too many streams of the caller.
    """
    stream = None
    try:
        for events, has_ended in following.follow(job_id, after, _WAIT_SECONDS):
            if events:
                return render(events)
            if has_ended:
                return None
            stream = stream or jobs.begin_stream()
    finally:
        if stream is not None:
            jobs.end_stream(stream)
    return SILENCE


def stream_events(job_id: UUID, after: int) -> Generator[str]:
    """The events after number `after` in wire format, as they come; nothing when there are no more events.

    Raises NotFound and TooManyRequests (too_many_streams), both before its first part.
    """
    stream = jobs.begin_stream(timedelta(seconds=_STREAM_SECONDS))
    sent_at = time.monotonic()
    try:
        for events, has_ended in following.follow(job_id, after, _STREAM_SECONDS):
            if events:
                yield render(events)
            elif not has_ended and time.monotonic() >= sent_at + _WAIT_SECONDS:
                yield SILENCE
            else:
                continue
            sent_at = time.monotonic()
    finally:
        jobs.end_stream(stream)


def render(events: Sequence[JobEvent]) -> str:
    """The events in wire format. JSON keeps each `data` on one line."""
    lines = [f"retry: {RETRY_MS}\n"]
    for event in events:
        data = json.dumps(event.data, ensure_ascii=False, separators=(",", ":"))
        lines.append(f"id: {event.number}\nevent: {event.event}\ndata: {data}\n\n")
    return "".join(lines)
