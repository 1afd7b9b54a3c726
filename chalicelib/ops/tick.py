"""What the schedule does: every repair once, and the record of it; nothing while nobody requests it."""

import time
from datetime import UTC, datetime, timedelta

from chalicelib.core import activity, identity, metrics, repairs, sql, tick_requests
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
    """Run every repair, record what they did, and measure the queue even if one fails; returns what each returned.

    Raises the last error.
    """
    started = time.monotonic()
    try:
        outcomes = repairs.run_each()
        record(outcomes, round(1000 * (time.monotonic() - started)))
    finally:
        measure_queue()
    return repairs.results(outcomes)


def record(outcomes: list[repairs.Outcome], duration_ms: int) -> None:
    """One row for tick, and one for each repair that failed or changed something."""
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    counts = {"repairs": len(outcomes), "failed": [outcome.name for outcome in failed]}
    runs = [activity.Run("tick", "failed" if failed else "completed", duration_ms, counts)]
    for outcome in outcomes:
        if outcome.error is not None:
            error = activity.error_text(outcome.error)
            runs.append(activity.Run(outcome.name, "failed", outcome.duration_ms, {}, error))
        elif outcome.result:
            result = outcome.result if isinstance(outcome.result, (bool, int)) else str(outcome.result)[:200]
            runs.append(activity.Run(outcome.name, "completed", outcome.duration_ms, {"result": result}))
    activity.record_all(runs)


def measure_queue() -> None:
    """Emit how many questions wait and are in work, how long the oldest has waited, and whether every answer fails."""
    with identity.as_nobody() as conn:
        statistics = conn.execute(queries.queue).fetchone()
    waiting, processing, oldest_wait_ms, every_answer_fails = statistics or (0, 0, 0.0, False)
    metrics.put(
        "Count",
        {"QuestionsWaiting": waiting, "QuestionsInWork": processing, "EveryAnswerFails": int(every_answer_fails)},
    )
    metrics.put("Milliseconds", {"OldestQuestionWait": oldest_wait_ms})
