"""The ingest queue: the bucket's events, requests to check an object, wake-ups for pictures and embedding models.

Modules that only one function uses are imported when its event arrives, so that the other functions start without them.
"""

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

from chalicelib.core.log import logger


def ingest_batch(event: dict[str, Any]) -> dict[str, list[dict[str, str]]]:
    """Ingest the objects of a batch of messages; then recognise pages and work on the model that one of them names.

    Before each object, users whose turn comes first have theirs ingested (turns.py). Returns the messages to deliver
    again (partial batch response).
    """
    from chalicelib.knowledge.documents import contents
    from chalicelib.knowledge.ingestion import ingestion, turns

    deadline = time.monotonic() + turns.SECONDS_FOR_OTHERS
    failures, preparing = [], {}
    for record in event["Records"]:
        key: str | None = None
        try:
            for key in object_keys(record["body"]):
                if (document_key := contents.receive(key)) is not None:
                    turns.ingest_others_first(document_key, deadline)
                    ingestion.ingest(document_key)
            if (model_id := embedding_model(record["body"])) is not None:
                preparing[model_id] = record
        except Exception:  # noqa: BLE001 — after any failure, the message must be delivered again
            logger().exception(
                "ingestion failed; the message will be delivered again",
                message_id=record["messageId"],
                object_key=key,
            )
            failures.append({"itemIdentifier": record["messageId"]})
    failures += _recognise(event["Records"])
    # Embedding models come last, and each only once, because users wait for their documents.
    for model_id, record in preparing.items():
        from chalicelib.knowledge.embedding import reembedding

        try:
            reembedding.run(model_id)
        except Exception:  # noqa: BLE001 — as above
            logger().exception("re-embedding failed; the message will be delivered again", model_id=model_id)
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def _recognise(records: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Recognise pages if a message asks for it, `{"recognise": true}`; returns that message if this failed."""
    asking = [record for record in records if "recognise" in json.loads(record["body"])]
    if not asking:
        return []
    from chalicelib.knowledge.ingestion import recognition

    try:
        recognition.run()
    except Exception:  # noqa: BLE001 — as above
        logger().exception("text recognition failed; the message will be delivered again")
        return [{"itemIdentifier": asking[0]["messageId"]}]
    return []


def embedding_model(body: str) -> int | None:
    """The embedding model that one of our messages names, `{"reembed": …}`, or None."""
    message = json.loads(body)
    return int(message["reembed"]) if "reembed" in message else None


def object_keys(body: str) -> Iterator[str]:
    """The object keys in a message: an S3 event notification, or one of our messages, `{"object_key": …}`."""
    message = json.loads(body)
    if "object_key" in message:
        yield message["object_key"]
    for record in message.get("Records", []):
        if record.get("eventSource") == "aws:s3":
            # Keys are form-encoded. Emulators differ in the encoding of spaces, and this decodes both.
            yield unquote_plus(record["s3"]["object"]["key"])
