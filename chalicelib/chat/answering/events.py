"""The answer queue: wake-ups."""

from typing import Any


def answer_batch(event: dict[str, Any]) -> dict[str, list[dict[str, str]]]:
    """Answer one job for each wake-up, whichever job's turn it is.

    A wake-up that finds nobody waiting has time for messages that the search does not know yet.
    """
    from chalicelib.chat.answering import answering
    from chalicelib.chat.conversations import message_search

    for _ in event["Records"]:
        if not answering.answer_next():
            message_search.index_waiting()
    return {"batchItemFailures": []}
