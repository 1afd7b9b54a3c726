"""An answer as it comes: read by a thread, polled by its consumer, ended at once when nobody wants it any more."""

from __future__ import annotations

import importlib
import random
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, Self, cast

from chalicelib.chat.llm.addresses import check_address
from chalicelib.chat.llm.estimation import estimate_tokens, estimate_turns
from chalicelib.chat.llm.failures import LlmError
from chalicelib.chat.llm.interface import (
    Call,
    Completion,
    Delta,
    EndpointCheck,
    Finish,
    LlmEndpoint,
    Options,
    Thinking,
    Token,
    Tool,
    ToolCall,
    Turn,
    Usage,
)
from chalicelib.config.registry.llm_providers import LLM_PROVIDERS, ClientApi

if TYPE_CHECKING:
    from chalicelib.chat.llm.wire import Wire

# Bounds of what a model may say.
MAX_DELTAS = 500_000
MAX_CHARS = 2_000_000

MAX_ATTEMPTS = 3
# "Full jitter" (M. Brooker, Exponential Backoff and Jitter, AWS Architecture Blog, 2015).
FIRST_DELAY_SECONDS = 0.5
MAX_DELAY_SECONDS = 4.0
# A provider that asks for more patience than this gets it from the job's queue, not from a waiting function.
MAX_RETRY_AFTER_SECONDS = 10.0

_DEFAULTS = Options()
_QUEUED_DELTAS = 1_000
_JOIN_SECONDS = 1.0
_SAMPLE_TOKENS = 16
_SAMPLE_CHARS = 200


class Adapter(Protocol):
    """A client API: the module of this package that has the API's name in config/registry/llm_providers.py."""

    def deltas(
        self, model: LlmEndpoint, turns: Sequence[Turn], options: Options, tools: Sequence[Tool], wire: Wire
    ) -> Iterator[Delta]:
        """Ask once. Raises whatever the client library raises; a stream that breaks off may just end."""

    def explain(self, error: Exception, model: LlmEndpoint) -> LlmError:
        """What an exception of `pieces` means."""


class LlmStream:
    """An answer that is being made: pieces, then Usage, then Finish.

    One thread reads what the server sends; `next`, `usage` and `close` are for one consumer. Close it, or use it in a
    `with` block: the server goes on until it is closed.
    """

    def __init__(self, model: LlmEndpoint, turns: Sequence[Turn], options: Options, tools: Sequence[Tool]) -> None:
        self._model, self._turns, self._options, self._tools = model, tuple(turns), options, tuple(tools)
        self._changed = threading.Condition()
        self._queue: deque[Delta] = deque()
        self._outcome: Finish | LlmError | None = None
        self._closed = threading.Event()
        self._wire: Wire | None = None
        self._ledger = _Ledger(self._turns, self._tools)
        self._thread = threading.Thread(target=self._read, name="llm-stream", daemon=True)
        self._thread.start()

    def next(self, timeout: float | None = None) -> Delta | None:
        """The next piece, or None when none came within `timeout` seconds (None: wait as long as it takes).

        After the last piece, which is Finish, it gives Finish again. Raises LlmError after the pieces before it.
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
        """What was used so far: as the provider says, or estimated. Also after an error or `close`."""
        return self._ledger.usage()

    def close(self) -> None:
        """End the connection now, and the thread with it. Closing again does nothing."""
        with self._changed:
            self._closed.set()
            self._queue.clear()
            self._changed.notify_all()
            wire = self._wire
        if wire is not None:
            wire.close()
        # Only a name that is being looked up, or a library that is being imported, cannot be interrupted.
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
        except Exception as error:  # noqa: BLE001 — whatever it is, the consumer waits for it in another thread
            outcome = LlmError("bad_answer", f"({type(error).__name__})")
        with self._changed:
            self._outcome = outcome
            self._changed.notify_all()

    def _put(self, delta: Delta) -> bool:
        """Hand one piece over, when there is room; False when nobody wants it."""
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
        for attempt in range(MAX_ATTEMPTS):
            try:
                yield from self._attempt(adapter, wire)
            except LlmError as error:
                delay = _delay(error, attempt)
                if self._ledger.has_deltas or delay is None or time.monotonic() + delay >= wire.deadline:
                    raise
            else:
                return
            if self._closed.wait(delay):
                return

    def _attempt(self, adapter: Adapter, wire: Wire) -> Iterator[Delta]:
        ledger = self._ledger
        try:
            for delta in adapter.deltas(self._model, self._turns, self._options, self._tools, wire):
                ledger.record(delta)
                if not isinstance(delta, Usage | Finish):
                    yield delta
        except Exception as error:  # noqa: BLE001 — client libraries pass on whatever their parsers stumble over
            # A server that has said everything may end as it likes.
            if ledger.finish is None:
                raise _explain(error, adapter, self._model, wire) from None
        if ledger.finish is None:
            raise LlmError("disconnected") if ledger.has_deltas else _without_answer(wire)
        yield ledger.usage()
        yield ledger.finish


class _Ledger:
    """What came so far, counted and bounded."""

    def __init__(self, turns: Sequence[Turn], tools: Sequence[Tool]) -> None:
        self._turns, self._tools = turns, tools
        self._texts: list[str] = []
        self._chars = self._delta_count = 0
        self._measured: Usage | None = None
        self.finish: Finish | None = None

    @property
    def has_deltas(self) -> bool:
        return self._delta_count > 0

    def record(self, delta: Delta) -> None:
        """Count one piece. Raises LlmError (bad_answer) when it is too many or too much."""
        match delta:
            case Usage():
                self._measured = delta
                return
            case Finish():
                self.finish = delta
                return
            case Call(call):
                text = call.name + call.arguments
            case Token(text) | Thinking(text):
                pass
        self._texts.append(text)
        self._chars += len(text)
        self._delta_count += 1
        if self._chars > MAX_CHARS or self._delta_count > MAX_DELTAS:
            raise LlmError("bad_answer", "It is longer than any answer may be.")

    def usage(self) -> Usage:
        """As measured when the answer is whole; else the measured part, and an estimate of what came since."""
        if self._measured is not None and self.finish is not None:
            return self._measured
        text_sample = estimate_tokens("".join(tuple(self._texts)))
        if self._measured is not None:
            return Usage(
                self._measured.prompt_tokens, max(text_sample, self._measured.completion_tokens), estimated=True
            )
        return Usage(estimate_turns(self._turns, self._tools), text_sample, estimated=True)


def stream(
    model: LlmEndpoint, turns: Sequence[Turn], options: Options = _DEFAULTS, tools: Sequence[Tool] = ()
) -> LlmStream:
    """Begin to ask. Raises LlmError at once for what needs no server: bad_address, wrong_key (none is stored)."""
    provider = LLM_PROVIDERS[model.provider]
    if model.base_url is not None:
        check_address(model.base_url)
    elif provider.endpoint == "required":
        raise LlmError("bad_address", f"{model.provider} has none of its own.")
    elif model.api_key is None and provider.requires_key:
        raise LlmError("wrong_key", "There is none.")
    return LlmStream(model, turns, options, tools)


def _adapter(api: ClientApi) -> Adapter:
    """The module that speaks a client API; its library is imported with it."""
    return cast("Adapter", importlib.import_module(f"chalicelib.chat.llm.{api}"))


def complete(
    model: LlmEndpoint, turns: Sequence[Turn], options: Options = _DEFAULTS, tools: Sequence[Tool] = ()
) -> Completion:
    """Ask, and wait for the whole answer. Raises LlmError."""
    text, thinking = [], []
    calls: list[ToolCall] = []
    with stream(model, turns, options, tools) as answer:
        for delta in answer:
            match delta:
                case Token():
                    text.append(delta.text)
                case Thinking():
                    thinking.append(delta.text)
                case Call(call):
                    calls.append(call)
                case Finish():
                    return Completion("".join(text), "".join(thinking), tuple(calls), answer.usage(), delta)
    raise RuntimeError("a stream ended without Finish")


def check(model: LlmEndpoint) -> EndpointCheck:
    """Ask the model for a few words, to see that address, key and name are right. Raises LlmError."""
    started = time.monotonic()
    first: float | None = None
    text_sample = []
    with stream(model, [Turn("user", "Say hello.")], Options(max_tokens=_SAMPLE_TOKENS)) as answer:
        for delta in answer:
            first = first or time.monotonic()
            if isinstance(delta, Token):
                text_sample.append(delta.text)
            if isinstance(delta, Finish):
                return EndpointCheck(
                    first_piece_ms=round((first - started) * 1000),
                    latency_ms=round((time.monotonic() - started) * 1000),
                    model=delta.model or model.model_id,
                    sample="".join(text_sample).strip()[:_SAMPLE_CHARS],
                    usage=answer.usage(),
                )
    raise RuntimeError("a stream ended without Finish")


def _delay(error: LlmError, attempt: int) -> float | None:
    """Seconds until the next attempt; None when there is to be none.

    A time-out is not followed by another: it has cost enough, and whoever asked still waits.
    """
    if not error.retryable or error.code == "timed_out" or attempt + 1 >= MAX_ATTEMPTS:
        return None
    jitter = random.uniform(0, min(MAX_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2**attempt))  # noqa: S311
    if error.retry_after is None:
        return jitter
    return None if error.retry_after > MAX_RETRY_AFTER_SECONDS else error.retry_after + jitter


def _explain(error: Exception, adapter: Adapter, model: LlmEndpoint, wire: Wire) -> LlmError:
    """The failure behind an exception: the wire's own, which libraries wrap; else what the adapter knows."""
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
