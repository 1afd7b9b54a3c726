"""A streamed generation: a thread reads the model's deltas, a consumer polls them, and closing ends it at once."""

from __future__ import annotations

import importlib
import random
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Self, cast

from chalicelib.chat.llm import refusals
from chalicelib.chat.llm.cleaning import DeltaCleaner
from chalicelib.chat.llm.failures import LlmError
from chalicelib.chat.llm.interface import (
    Adapter,
    Delta,
    Finish,
    ModelEndpoint,
    SamplingOptions,
    Tool,
    Turn,
    Usage,
)
from chalicelib.chat.llm.ledger import UsageLedger
from chalicelib.config.registry.llm_providers import LLM_PROVIDERS, ClientApi
from chalicelib.core import outbound

if TYPE_CHECKING:
    from chalicelib.chat.llm.wire import Wire

MAX_ATTEMPTS = 3
# "Full jitter" (M. Brooker, Exponential Backoff and Jitter, AWS Architecture Blog, 2015).
FIRST_DELAY_SECONDS = 0.5
MAX_DELAY_SECONDS = 4.0
# A longer delay that a provider requests is spent in the queue of jobs, not in a waiting function.
MAX_RETRY_AFTER_SECONDS = 10.0

DEFAULTS = SamplingOptions()
_QUEUED_DELTAS = 1_000
_JOIN_SECONDS = 1.0


class LlmStream:
    """A generation in progress: deltas of text, thinking and calls, then Usage, then Finish.

    One thread reads from the server; `next`, `usage` and `close` are for one consumer. Close it, or use it in a `with`
    block: the server generates until it is closed.
    """

    def __init__(
        self, model: ModelEndpoint, turns: Sequence[Turn], options: SamplingOptions, tools: Sequence[Tool]
    ) -> None:
        self._model, self._turns, self._options, self._tools = model, tuple(turns), options, tuple(tools)
        self._changed = threading.Condition()
        self._queue: deque[Delta] = deque()
        self._outcome: Finish | LlmError | None = None
        self._closed = threading.Event()
        self._wire: Wire | None = None
        self._ledger = UsageLedger(self._turns, self._tools)
        self._sent = self._options
        self._thread = threading.Thread(target=self._read, name="llm-stream", daemon=True)
        self._thread.start()

    def next(self, timeout: float | None = None) -> Delta | None:
        """The next delta, or None when none came within `timeout` seconds (None: wait without a limit).

        Finish is the last delta, and is returned again after the end. Raises LlmError after the deltas before it.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._outcome or self._closed.is_set(), timeout)
            if self._closed.is_set():
                raise RuntimeError("the stream is closed")
            if self._queue:
                delta = self._queue.popleft()
                self._changed.notify_all()
                return delta
            if isinstance(self._outcome, LlmError):
                raise self._outcome
            return self._outcome

    def usage(self) -> Usage:
        """The usage so far, as the provider reports it, or estimated; also after an error or `close`."""
        return self._ledger.usage()

    @property
    def left_out(self) -> list[str]:
        """The options that were not sent, because the model refuses them."""
        return sorted(name for name in refusals.refused(self._model) if getattr(self._options, name) is not None)

    def close(self) -> None:
        """End the connection now, and the thread with it. Closing again does nothing."""
        with self._changed:
            self._closed.set()
            self._queue.clear()
            self._changed.notify_all()
            wire = self._wire
        if wire is not None:
            wire.close()
        # Only a DNS lookup or an import of a library cannot be interrupted.
        self._thread.join(_JOIN_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Delta]:
        while True:
            delta = self.next()
            if delta is not None:
                yield delta
            if isinstance(delta, Finish):
                return

    def _read(self) -> None:
        outcome: Finish | LlmError = LlmError("disconnected")
        try:
            for delta in self._attempts():
                if isinstance(delta, Finish):
                    outcome = delta
                elif not self._put(delta):
                    break
        except LlmError as error:
            outcome = error
        except Exception as error:  # noqa: BLE001 — the consumer receives it in another thread
            outcome = LlmError("bad_answer", f"({type(error).__name__})")
        with self._changed:
            self._outcome = outcome
            self._changed.notify_all()

    def _put(self, delta: Delta) -> bool:
        """Queue one delta, when there is room; False when the stream is closed."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._queue) < _QUEUED_DELTAS or self._closed.is_set())
            if self._closed.is_set():
                return False
            self._queue.append(delta)
            self._changed.notify_all()
            return True

    def _attempts(self) -> Iterator[Delta]:
        from chalicelib.chat.llm.wire import Wire

        adapter = _adapter(LLM_PROVIDERS[self._model.provider].api)
        wire = Wire(self._model.timeouts)
        with self._changed:
            if self._closed.is_set():
                return
            self._wire = wire
        attempt = 0
        while True:
            try:
                yield from self._attempt(adapter, wire)
            except LlmError as error:
                if not self._ledger.has_deltas and refusals.learn(self._model, self._sent, error):
                    continue  # each time, at least one option less is sent
                delay = _delay(error, attempt)
                if self._ledger.has_deltas or delay is None or time.monotonic() + delay >= wire.deadline:
                    raise
            else:
                return
            if self._closed.wait(delay):
                return
            attempt += 1

    def _attempt(self, adapter: Adapter, wire: Wire) -> Iterator[Delta]:
        ledger, cleaner = self._ledger, DeltaCleaner()
        self._sent = refusals.permitted(self._model, self._options)
        try:
            for sent in adapter.deltas(self._model, self._turns, self._sent, self._tools, wire):
                for delta in cleaner.feed(sent):
                    ledger.record(delta)
                    if not isinstance(delta, Usage | Finish):
                        yield delta
        except Exception as error:  # noqa: BLE001 — client libraries pass on any exception of their parsers
            # After Finish, the way in which the connection ends does not matter.
            if ledger.finish is None:
                raise _explain(error, adapter, self._model, wire) from None
        if ledger.finish is None:
            raise LlmError("disconnected") if ledger.has_deltas else _without_answer(wire)
        yield ledger.usage()
        yield ledger.finish


def stream(
    model: ModelEndpoint, turns: Sequence[Turn], options: SamplingOptions = DEFAULTS, tools: Sequence[Tool] = ()
) -> LlmStream:
    """Start a generation. Raises LlmError at once for errors before any request: bad_address, wrong_key (no key)."""
    provider = LLM_PROVIDERS[model.provider]
    if model.base_url is not None:
        try:
            outbound.check_endpoint(model.base_url)
        except outbound.AddressError as error:
            raise LlmError("bad_address", str(error)) from None
    elif provider.endpoint == "required":
        raise LlmError("bad_address", f"{model.provider} has no default address.")
    elif model.api_key is None and provider.requires_key:
        raise LlmError("wrong_key", "No key is stored.")
    return LlmStream(model, turns, options, tools)


def _adapter(api: ClientApi) -> Adapter:
    """The module of a client API; the import loads its client library."""
    return cast("Adapter", importlib.import_module(f"chalicelib.chat.llm.{api}"))


def _delay(error: LlmError, attempt: int) -> float | None:
    """Seconds until the next attempt; None for no further attempt.

    A time-out is not retried: the user has waited long enough.
    """
    if not error.retryable or error.code == "timed_out" or attempt + 1 >= MAX_ATTEMPTS:
        return None
    jitter = random.uniform(0, min(MAX_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2**attempt))  # noqa: S311
    if error.retry_after is None:
        return jitter
    return None if error.retry_after > MAX_RETRY_AFTER_SECONDS else error.retry_after + jitter


def _explain(error: Exception, adapter: Adapter, model: ModelEndpoint, wire: Wire) -> LlmError:
    """The LlmError behind an exception: the wire's, which client libraries wrap, else the adapter's explanation."""
    import httpcore2
    import httpx2

    cause: BaseException | None = error
    for _ in range(10):
        if isinstance(cause, LlmError):
            return cause
        if isinstance(cause, httpcore2.ProtocolError):
            return LlmError("disconnected") if wire.server_ended else LlmError("bad_answer", "It is not HTTP.")
        if isinstance(cause, httpx2.InvalidURL | httpx2.UnsupportedProtocol):
            return LlmError("bad_address", "It is malformed.")
        if isinstance(cause, httpcore2.NetworkError):
            return LlmError("disconnected")
        if cause is None:
            break
        cause = cause.__cause__ or cause.__context__
    return adapter.explain(error, model)


def _without_answer(wire: Wire) -> LlmError:
    if wire.content_type in {"text/event-stream", "application/vnd.amazon.eventstream"}:
        return LlmError("disconnected")
    return LlmError("bad_answer", f"It is {wire.content_type or 'of no type'}, not a stream of events.")
