"""Bodies that are sent part by part, where the platform does so: the function `stream` (core/streaming_runtime.py).

A view whose response may be streamed looks at available():

    return Reply(streamed.begin(parts) if streamed.available() else whole)

Elsewhere a response is sent as a whole, and the view returns what fits in it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass


@dataclass(slots=True)
class Rest:
    """What is sent after the response's head and its first part."""

    parts: Iterator[str] | None = None


_rest: ContextVar[Rest | None] = ContextVar("rest", default=None)


def available() -> bool:
    """Whether the parts of the current request's response reach its client as they are made."""
    return _rest.get() is not None


@contextmanager
def accepted() -> Iterator[Rest]:
    """Within it, a response may be streamed. The caller sends the parts, and closes them."""
    rest = Rest()
    token = _rest.set(rest)
    try:
        yield rest
    finally:
        _rest.reset(token)


def begin(parts: Iterator[str]) -> str | None:
    """The first part, which becomes the response's body; None if there is none.

    The others are made after the view, in its context: for the same caller. An error after the first part ends the
    response early.
    """
    first = next(parts, None)
    rest = _rest.get()
    if rest is None:
        raise RuntimeError("nothing can be streamed here")
    rest.parts = _in_this_context(parts)
    return first


def _in_this_context(parts: Iterator[str]) -> Iterator[str]:
    context = copy_context()
    ended = object()

    def generate() -> Iterator[str]:
        try:
            while (part := context.run(next, parts, ended)) is not ended:
                yield str(part)
        finally:
            if (close := getattr(parts, "close", None)) is not None:
                context.run(close)

    return generate()
