"""Requests for a tick: how an idle service leaves its database alone (S2).

`tick` runs every minute, and connects to the database only when a message is in its queue. A transaction that may leave
work for later puts a message there *before* it commits. The message arrives half a minute later, and so after the
commit: a process that dies between the two costs one tick that finds nothing, and loses no work. What is due at a time
of its own lets the message reappear at that time (core/repairs.py). A sweep each day finds what nobody requested.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.core import aws, process, queues
from chalicelib.core.settings import settings

# A commit follows its request at once, and may take as long as a statement: 20 seconds (core/identity.py).
_DELAY_SECONDS = 30
# A process sends no other request so soon: the former one arrives after the commit all the same.
_REPEAT_SECONDS = 10
# Received at most in one tick, ten at a time.
_BATCHES = 100
# The longest time for which SQS hides a message.
LONGEST_PAUSE = timedelta(hours=12)

_sent_at: dict[str, float] = {}
process.on_forget(_sent_at.clear)

_makes_work: ContextVar[bool] = ContextVar("makes_work", default=True)


@contextmanager
def suppressed(is_suppressed: bool = True) -> Iterator[None]:
    """Transactions of this context request no tick: they read, or they are the tick's own."""
    token = _makes_work.set(not is_suppressed)
    try:
        yield
    finally:
        _makes_work.reset(token)


def request() -> None:
    """Request a tick in half a minute, before a transaction commits. Raises Unavailable, so that it does not commit."""
    if not _makes_work.get():
        return
    queue, now = settings().tick_queue_url, time.time()
    if not queue or now - _sent_at.get(queue, 0.0) < _REPEAT_SECONDS:
        return
    queues.send(queue, [{}], delay_seconds=_DELAY_SECONDS)
    _sent_at[queue] = now


@dataclass(frozen=True, slots=True)
class Received:
    """The requests that one tick answers, by their receipt handles; they reappear unless they are answered."""

    receipts: list[str]

    def answer(self, *, again_in: timedelta | None) -> None:
        """Delete the requests; with `again_in`, one of them reappears after that time, LONGEST_PAUSE at most."""
        queue = settings().tick_queue_url
        if again_in is not None and self.receipts:
            seconds = round(max(timedelta(), min(again_in, LONGEST_PAUSE)).total_seconds())
            aws.sqs().change_message_visibility(
                QueueUrl=queue, ReceiptHandle=self.receipts[0], VisibilityTimeout=seconds
            )
        for receipt in self.receipts[again_in is not None :]:
            aws.sqs().delete_message(QueueUrl=queue, ReceiptHandle=receipt)


def receive() -> Received:
    """The requests that have arrived; they are hidden for as long as a tick may take."""
    receipts: list[str] = []
    for batch in range(_BATCHES):
        # Waiting a second asks every server of SQS, so that no message is overlooked.
        messages = (
            aws.sqs()
            .receive_message(
                QueueUrl=settings().tick_queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=0 if batch else 1
            )
            .get("Messages", [])
        )
        receipts += [message["ReceiptHandle"] for message in messages]
        if not messages:
            break
    return Received(receipts)
