"""What the schedule does every minute: every repair once, then the measurements of the queue."""

from chalicelib.core import identity, metrics, repairs, sql

queries = sql.load(__file__)


def run() -> None:
    """Run every repair, and measure the queue even if one fails."""
    try:
        repairs.run()
    finally:
        measure_queue()


def measure_queue() -> None:
    """Emit how many questions wait and are being answered, and how long the oldest has waited (0 without one)."""
    with identity.as_nobody() as conn:
        statistics = conn.execute(queries.queue).fetchone()
    waiting, processing, oldest_wait_ms = statistics or (0, 0, 0.0)
    metrics.put("Count", {"QuestionsWaiting": waiting, "QuestionsInWork": processing})
    metrics.put("Milliseconds", {"OldestQuestionWait": oldest_wait_ms})
