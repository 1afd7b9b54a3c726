"""The ingest queue: the bucket's announcements, and tick's requests to look again.

What only one function works with is imported by its event, so that the others start without it.
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

from chalicelib.core.log import logger


def ingest_batch(event: dict[str, Any]) -> dict[str, list[dict[str, str]]]:
    """Ingest the objects of a batch of messages. Returns those to deliver again (partial batch response)."""
    from chalicelib.knowledge import ingestion

    failures = []
    for record in event["Records"]:
        try:
            for key in object_keys(record["body"]):
                ingestion.ingest(key)
        except Exception:  # noqa: BLE001 — whatever it was, the message must come again
            logger().exception("ingestion failed; the message will be delivered again", message_id=record["messageId"])
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def object_keys(body: str) -> Iterator[str]:
    """The object keys that a message speaks of: an S3 event notification, or `{"object_key": …}` of ours."""
    message = json.loads(body)
    if "object_key" in message:
        yield message["object_key"]
    for record in message.get("Records", []):
        if record.get("eventSource") == "aws:s3":
            # Keys arrive form-encoded; every emulator encodes blanks in another of the two ways.
            yield unquote_plus(record["s3"]["object"]["key"])
