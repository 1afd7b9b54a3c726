"""Turns: users take turns in ingestion, however many documents one of them has.

The queue delivers a user's thousands of messages before another user's first one. So a message is a wake-up: before its
own document, the worker ingests the waiting documents of users whose turn comes first. Their own messages arrive later
and find them done. Whether a waiting document's file is there, the bucket says (claims.claim_document), not the event.
"""

import time

from chalicelib.core import identity, rows, sql
from chalicelib.core.log import logger
from chalicelib.knowledge.documents import contents
from chalicelib.knowledge.ingestion import ingestion

queries = sql.load(__file__)

# How long one invocation works for others before the documents of its own messages.
SECONDS_FOR_OTHERS = 20.0
# Documents whose files have not been uploaded yet are looked for as well: this bounds how many at one message.
_LOOKS = 50


def ingest_others_first(object_key: str, deadline: float) -> None:
    """Ingest the documents of users whose turn is before that of this object's owner, until `deadline`.

    `deadline` is a time of time.monotonic(). At least one document is tried. A failure is logged, and that document's
    own message, or tick, repeats it.
    """
    for _ in range(_LOOKS):
        with identity.as_nobody() as conn:
            waiting = rows.value(conn, queries.next_before, {"key": object_key})
        if waiting is None:
            return
        try:
            if (received := contents.receive(waiting)) is not None:
                ingestion.ingest(received)
        except Exception:  # noqa: BLE001 — it must not fail the message of another user's document
            logger().exception("ingestion failed; its own message will repeat it", object_key=waiting)
        if time.monotonic() >= deadline:
            return
