"""Events of the answer queue: wake-ups."""

from typing import Any


def answer_batch(event: dict[str, Any]) -> dict[str, list[dict[str, str]]]:
    """Answer the next job for each wake-up. A wake-up without a waiting job indexes messages for the message search."""
    from chalicelib.chat.answering import answering
    from chalicelib.chat.conversations import message_search

    for _ in event["Records"]:
        if not answering.answer_next():
            message_search.index_waiting()
    return {"batchItemFailures": []}
