"""Tick's repair of dead letters: each is sent once more, with its reason kept."""

import hashlib
import json
from typing import Any

from chalicelib.core import aws, identity, queues, rows
from chalicelib.core.repairs import repair
from chalicelib.core.settings import settings
from chalicelib.ops.healing.healing import queries

_MAX_BODY = 64 * 1024


@repair
def redrive_dead_letters() -> int:
    """Send messages of the ingest dead-letter queue once more, up to ten; returns how many.

    A message that returns within a day stays there, with a critical event: a person must look. Notes about jobs that
    failed, in the other dead-letter queue, are no work that waits.
    """
    received = aws.sqs().receive_message(
        QueueUrl=settings().ingest_dead_letter_url, MaxNumberOfMessages=10, VisibilityTimeout=60
    )
    redriven = 0
    for message in received.get("Messages", []):
        body = _body(message["Body"])
        if body is None:
            continue  # not one of ours: the alarm of the dead-letter queue calls a person
        params = {
            "queue": "ingest",
            "fingerprint": hashlib.sha256(message["Body"].encode()).digest(),
            "object_key": _object_key(body),
            "reason": "Five workers failed on it.",
        }
        with identity.as_nobody() as conn:
            is_first: bool = rows.value(conn, queries.store_letter, params)
        if is_first:
            queues.send(settings().ingest_queue_url, [body])
            aws.sqs().delete_message(QueueUrl=settings().ingest_dead_letter_url, ReceiptHandle=message["ReceiptHandle"])
            redriven += 1
    return redriven


def _body(text: str) -> dict[str, Any] | None:
    """The message, or None for what is no message of this queue."""
    try:
        body = json.loads(text) if len(text) <= _MAX_BODY else None
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _object_key(body: dict[str, Any]) -> str | None:
    """The object that a message is about, if it is about one."""
    from chalicelib.knowledge.ingestion import handlers

    try:
        key = next(handlers.object_keys(json.dumps(body)), None)
    except (KeyError, TypeError, AttributeError):
        return None
    return str(key)[:1024] if key else None
