"""What the schedule does: every repair once, then the measurements of the queue; nothing while nobody requests it."""

from datetime import UTC, datetime, timedelta

from chalicelib.core import identity, metrics, repairs, sql, tick_requests
from chalicelib.core.settings import settings

queries = sql.load(__file__)

# After a tick that found work, the next minute's looks for more.
_SOON = timedelta(seconds=45)
# What is due later is found by the daily sweep.
_DAY = timedelta(days=1)


def tick(*, sweep: bool) -> bool:
    """Run the repairs if a tick was requested, or for the daily sweep; returns whether they ran.

    Without a request nothing connects to the database, so that one that may pause stays paused.
    """
    if not settings().tick_queue_url:
        run()
        return True
    requests = tick_requests.receive()
    if not requests.receipts and not sweep:
        return False
    if sweep:
        # The sweep's own request: it finds more work, or the time of the next, as any tick does.
        tick_requests.request()
    with tick_requests.suppressed():
        results = run()
        with identity.as_nobody() as conn:
            due = repairs.next_due(conn)
    requests.answer(again_in=_pause(due, any_worked=any(results.values())))
    return True


def _pause(due: datetime | None, *, any_worked: bool) -> timedelta | None:
    """After what time the next tick must look; None if the daily sweep is soon enough."""
    if any_worked:
        return _SOON
    if due is None or (wait := due - datetime.now(UTC)) > _DAY:
        return None
    return max(_SOON, wait)


def run() -> dict[str, object]:
    """Run every repair, and measure the queue even if one fails; returns what each repair returned."""
    try:
        return repairs.run()
    finally:
        measure_queue()


def measure_queue() -> None:
    """Emit how many questions wait and are being answered, and how long the oldest has waited (0 without one)."""
    with identity.as_nobody() as conn:
        statistics = conn.execute(queries.queue).fetchone()
    waiting, processing, oldest_wait_ms = statistics or (0, 0, 0.0)
    metrics.put("Count", {"QuestionsWaiting": waiting, "QuestionsInWork": processing})
    metrics.put("Milliseconds", {"OldestQuestionWait": oldest_wait_ms})
