"""The answer queue: wake-ups."""

from typing import Any


def answer_batch(event: dict[str, Any]) -> dict[str, list[dict[str, str]]]:
    """Answer one job for each wake-up, whichever job's turn it is. A wake-up that finds nobody waiting is done."""
    from chalicelib.chat import answering

    for _ in event["Records"]:
        answering.answer_next()
    return {"batchItemFailures": []}
