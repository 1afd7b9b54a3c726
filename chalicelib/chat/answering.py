"""Answering: a worker takes the next job, retrieves, reads, and streams what it finds.

No transaction stays open while the model speaks. Events are appended about five times a second; the same
write renews the lease and learns whether the asker wants to stop.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from chalicelib.chat import jobs, reader
from chalicelib.chat.jobs import Claim, LeaseLostError, Work
from chalicelib.chat.models import Source
from chalicelib.chat.reader import Passage
from chalicelib.core import aws, db
from chalicelib.core.log import logger, user_hash
from chalicelib.core.settings import settings
from chalicelib.knowledge import embedding, retrieval
from chalicelib.knowledge.models import SearchRequest

_FLUSH_SECONDS = 0.2
_RETRY_SECONDS = 5


class CancelledError(Exception):
    """The asker wants this job to stop."""


class Stream:
    """The events of one attempt: collected, and written about five times a second under the lease."""

    def __init__(self, held: Claim, said: str) -> None:
        self.content = ""
        self._held = held
        self._said = said  # what an earlier attempt streamed and this one need not repeat
        self._waiting: list[tuple[str, Mapping[str, Any]]] = []
        self._flushed_at = 0.0

    def tell(self, event: str, data: Mapping[str, Any]) -> None:
        """Add an event."""
        self._waiting.append((event, data))
        if time.monotonic() - self._flushed_at >= _FLUSH_SECONDS:
            self.flush()

    def say(self, text: str) -> None:
        """Add a piece of the answer. Raises CancelledError when the asker wants to stop."""
        self.content += text
        if self._said:
            text = self._skip(text)
        if text:
            self.tell("token", {"text": text})

    def _skip(self, text: str) -> str:
        """What of `text` the earlier attempt did not stream. When the two part ways, the stream starts over."""
        if self._said.startswith(text):
            self._said = self._said[len(text) :]
            return ""
        if text.startswith(self._said):
            text, self._said = text[len(self._said) :], ""
            return text
        self._said = ""
        self.tell("meta", {"restart": True})
        return self.content

    def flush(self) -> None:
        """Write what waits. Raises LeaseLostError or CancelledError."""
        events, self._waiting = self._waiting, []
        with db.as_user(self._held.user_id) as conn:
            cancelled = jobs.append_events(conn, self._held, events)
        self._flushed_at = time.monotonic()
        if cancelled:
            raise CancelledError

    def rest(self) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """What was not written yet, for the transaction that ends the job."""
        return self._waiting


def answer_next() -> bool:
    """Answer the job whose turn it is; returns whether there was one.

    An exception gives the job back to the queue, to be tried again, at most MAX_ATTEMPTS times.
    """
    held = jobs.claim()
    if held is None:
        return False
    logger().append_keys(job_id=str(held.job_id), user=user_hash(held.user_id))
    try:
        if held.attempt > jobs.MAX_ATTEMPTS:
            _give_up(held, "gave_up", "Answering this question ended unexpectedly several times.")
        else:
            _answer(held)
    except (LeaseLostError, db.InactiveUserError):
        logger().info("job overtaken")
    except Exception:  # noqa: BLE001 — whatever it was, the job goes back to the queue
        logger().exception("answering failed")
        _try_later(held)
    return True


def _answer(held: Claim) -> None:
    started = time.perf_counter()
    with db.as_user(held.user_id) as conn:
        work = jobs.start(conn, held)
    stream = Stream(held, work.said)
    sources: list[dict[str, Any]] = []
    cancelled = False
    try:
        stream.tell("meta", {"status": "processing", "attempt": held.attempt})
        sources = _pipeline(held, work, stream)
    except CancelledError:
        cancelled = True
    with db.as_user(held.user_id) as conn:
        if stream.rest():
            jobs.append_events(conn, held, stream.rest())
        jobs.complete(conn, held, stream.content, sources, cancelled=cancelled)
    logger().info("job answered", milliseconds=round((time.perf_counter() - started) * 1000), cancelled=cancelled)


def _pipeline(held: Claim, work: Work, stream: Stream) -> list[dict[str, Any]]:
    """Question answering: retrieve, then read and say what was read. Returns the sources that the answer cites."""
    request = SearchRequest(query=work.question[:2000])
    vector = retrieval.embed_query(request)
    with db.as_user(held.user_id) as conn:
        hits = retrieval.search(conn, request, vector).items
    stream.tell("retrieval", {"sources": [json.loads(hit.model_dump_json(exclude={"text"})) for hit in hits]})
    passages = [
        Passage(hit.document_id, hit.chunk_id, hit.title, hit.text, hit.page, hit.section, hit.score) for hit in hits
    ]
    answer = reader.read(work.question, passages, embedding.load())
    for piece in _pieces(answer.text):
        stream.say(piece)
    return [
        Source(
            number=citation.number,
            document_id=citation.passage.document_id,
            chunk_id=citation.passage.chunk_id,
            title=citation.passage.title,
            page=citation.passage.page,
            section=citation.passage.section,
            quote=citation.quote,
            score=citation.passage.score,
        ).model_dump(mode="json")
        for citation in answer.citations
    ]


def _pieces(text: str) -> Iterator[str]:
    """The text word by word, each with the blanks after it."""
    start = 0
    for position in range(1, len(text)):
        if not text[position].isspace() and text[position - 1].isspace():
            yield text[start:position]
            start = position
    if text[start:]:
        yield text[start:]


def _try_later(held: Claim) -> None:
    if held.attempt >= jobs.MAX_ATTEMPTS:
        _give_up(held, "failed", "Answering this question failed several times. Ask again, or ask differently.")
        return
    delay = timedelta(seconds=_RETRY_SECONDS * 2 ** (held.attempt - 1))
    with db.as_user(held.user_id) as conn:
        jobs.retry_later(conn, held, delay)


def _give_up(held: Claim, code: str, message: str) -> None:
    """End a poison job where its asker sees why, and leave a note in the dead-letter queue for the operator."""
    with db.as_user(held.user_id) as conn:
        jobs.fail(conn, held, code, message)
    aws.sqs().send_message(
        QueueUrl=settings().answer_dead_letter_url,
        MessageBody=json.dumps({"job_id": str(held.job_id), "code": code, "attempts": held.attempt}),
    )
