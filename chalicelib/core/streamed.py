"""Bodies that are sent part by part, where the platform does so: the function `stream` (core/streaming_runtime.py).

A view whose response may be streamed looks at available():

    return Reply(streamed.begin(parts) if streamed.available() else whole)

Elsewhere a response is sent as a whole, and the view returns what fits in it.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context


class Rest:
    """What is sent after the response's head and its first part, made in the context of its request.

    Whoever takes it closes it, also when nothing was taken: what the parts hold is given back then.
    """

    def __init__(self) -> None:
        self._parts: Generator[str] | None = None
        self._context: Context | None = None

    def put(self, parts: Generator[str]) -> None:
        """Make the other parts of `parts` what is sent."""
        self._parts, self._context = parts, copy_context()

    def __iter__(self) -> Iterator[str]:
        while self._parts is not None and self._context is not None:
            part = self._context.run(next, self._parts, None)
            if part is None:
                return
            yield part

    def close(self) -> None:
        """Make no more parts."""
        if self._parts is not None and self._context is not None:
            self._context.run(self._parts.close)
        self._parts = None


_rest: ContextVar[Rest | None] = ContextVar("rest", default=None)


def available() -> bool:
    """Whether the parts of the current request's response reach its client as they are made."""
    return _rest.get() is not None


@contextmanager
def accepted() -> Iterator[Rest]:
    """Within it, a response may be streamed; the parts are closed at its end."""
    rest = Rest()
    token = _rest.set(rest)
    try:
        yield rest
    finally:
        _rest.reset(token)
        rest.close()


def abandon() -> None:
    """Send nothing after the response: it is about an error that came after begin()."""
    if (rest := _rest.get()) is not None:
        rest.close()


def begin(parts: Generator[str]) -> str | None:
    """The first part, which becomes the response's body; None if there is none.

    The others are made after the view, in its context: for the same caller. An error after the first part ends the
    response early.
    """
    first = next(parts, None)
    rest = _rest.get()
    if rest is None:
        raise RuntimeError("nothing can be streamed here")
    rest.put(parts)
    return first
