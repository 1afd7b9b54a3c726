"""Events of the sync queue: wake-ups of runs."""

import json
from typing import Any
from uuid import UUID

from chalicelib.core.log import logger


def sync_batch(event: dict[str, Any]) -> dict[str, list[dict[str, str]]]:
    """Work on the run that each wake-up names. Returns the messages to deliver again (partial batch response)."""
    from chalicelib.knowledge.connectors import syncing

    failures = []
    for record in event["Records"]:
        try:
            syncing.work(UUID(json.loads(record["body"])["sync"]))
        except Exception:  # noqa: BLE001 — after any failure, the message must be delivered again
            logger().exception("a sync run failed; the message will be delivered again", message_id=record["messageId"])
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
