"""What tick measures every minute."""

from chalicelib.core import identity, metrics, sql

queries = sql.load(__file__)


def measure_queue() -> None:
    """Put how many questions wait and are being answered, and how long the oldest has waited (0 when none does)."""
    with identity.as_nobody() as conn:
        found = conn.execute(queries.queue).fetchone()
    waiting, processing, oldest_wait_ms = found or (0, 0, 0.0)
    metrics.put("Count", {"QuestionsWaiting": waiting, "QuestionsInWork": processing})
    metrics.put("Milliseconds", {"OldestQuestionWait": oldest_wait_ms})
