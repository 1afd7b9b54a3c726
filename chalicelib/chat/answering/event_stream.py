"""The event stream of one attempt: events are collected, and written about five times a second under the lease."""

import time
from collections.abc import Container, Sequence

from chalicelib.chat.messages import citations
from chalicelib.chat.queue import claims
from chalicelib.chat.queue.claims import JobClaim
from chalicelib.chat.queue.job_events import EventPayload, RestartEvent, ThinkingEvent, TokenEvent
from chalicelib.core import identity

FLUSH_SECONDS = 0.2
_IDLE_SECONDS = 1.0
_MAX_THINKING_CHARS = 100_000
# A longer answer is cut: the column messages.content is bounded.
MAX_ANSWER_CHARS = 90_000


class CancelledError(Exception):
    """The user cancelled this job."""


class EventStream:
    """The events of one attempt. `content` and `thinking` are the text of the attempt so far.

    The answer of an earlier attempt was already streamed; the part of this attempt that equals it is not sent again.
    """

    def __init__(self, claim: JobClaim, streamed_text: str) -> None:
        self.content = ""
        self.thinking = ""
        self._claim = claim
        self._already_streamed = streamed_text
        self._pending: list[EventPayload] = []
        self._flushed_at = 0.0

    def emit(self, event: EventPayload) -> None:
        """Add an event. Raises LeaseLostError, CancelledError."""
        self._pending.append(event)
        if time.monotonic() - self._flushed_at >= FLUSH_SECONDS:
            self.flush()

    @property
    def is_full(self) -> bool:
        """Whether the answer has its maximum length."""
        return len(self.content) >= MAX_ANSWER_CHARS

    def emit_token(self, text: str) -> None:
        """Add a part of the answer. Raises LeaseLostError, CancelledError."""
        text = text[: MAX_ANSWER_CHARS - len(self.content)]
        self.content += text
        if self._already_streamed and text:
            text = self._new_part(text)
        if text:
            self.emit(TokenEvent(text=text))
        else:
            self.idle()

    def emit_thinking(self, text: str) -> None:
        """Add a part of the model's thinking. Raises LeaseLostError, CancelledError."""
        text = text[: _MAX_THINKING_CHARS - len(self.thinking)]
        if text:
            self.thinking += text
            self.emit(ThinkingEvent(text=text))

    def idle(self) -> None:
        """Renew the lease and check for cancellation about once a second while the model sends nothing."""
        if time.monotonic() - self._flushed_at >= (FLUSH_SECONDS if self._pending else _IDLE_SECONDS):
            self.flush()

    def _new_part(self, text: str) -> str:
        """The part of `text` that the earlier attempt did not stream. Where they differ, the stream restarts."""
        if self._already_streamed.startswith(text):
            self._already_streamed = self._already_streamed[len(text) :]
            return ""
        if text.startswith(self._already_streamed):
            text, self._already_streamed = text[len(self._already_streamed) :], ""
            return text
        self._already_streamed = ""
        self.emit(RestartEvent())
        return self.content

    def reconcile(self) -> None:
        """Restart the stream when an earlier attempt streamed more than the whole answer."""
        if self._already_streamed:
            self._restart()

    def finish_cancelled(self, numbers: Container[int]) -> None:
        """After cancellation: keep the text of an earlier attempt, with citations of these numbers only."""
        if self._already_streamed:
            whole = self.content + self._already_streamed
            self.content = citations.only(whole, numbers)
            self._already_streamed = ""
            if self.content != whole:
                self._restart()

    def _restart(self) -> None:
        self._already_streamed = ""
        self._pending.append(RestartEvent())
        if self.content:
            self._pending.append(TokenEvent(text=self.content))

    def flush(self) -> None:
        """Write the pending events. Raises LeaseLostError, CancelledError."""
        events, self._pending = self._pending, []
        with identity.as_user(self._claim.user_id) as conn:
            is_cancelled = claims.append_events(conn, self._claim, events)
        self._flushed_at = time.monotonic()
        if is_cancelled:
            raise CancelledError

    def append_final(self, event: EventPayload) -> None:
        """Add an event that the transaction which ends the job writes."""
        self._pending.append(event)

    def unwritten(self) -> Sequence[EventPayload]:
        """The pending events, for the transaction that ends the job."""
        return self._pending
