"""What both clients share: requests, their repetition, errors, tokens. Nothing here waits or connects."""

from __future__ import annotations

import asyncio
import random
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, final
from urllib.parse import quote

import httpx
from pydantic import BaseModel

_CHUNK_BYTES = 1 << 18
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.25, 30.0
_TEMPORARY = frozenset({429, 502, 503, 504})
_REPEATABLE = frozenset({"GET", "PUT", "DELETE", "HEAD"})


@final
class Unset:
    """The type of UNSET."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()
"""A parameter that is not sent: the service takes its default. None is sent as null."""


class AlcoveError(Exception):
    """Anything that went wrong between the client and the service."""


class UnreachableError(AlcoveError):
    """The service did not answer: no connection, or one that broke."""


class WaitTimeoutError(AlcoveError):
    """What was waited for did not happen in time."""


class ApiError(AlcoveError):
    """The service answered with a problem document (RFC 9457), or what stands before it with a message.

    `code` is stable and listed in docs/errors.md of the service. `errors` names the fields that were refused.
    `retry_after` is in seconds, None unless the service names it.
    """

    def __init__(self, response: httpx.Response) -> None:
        try:
            problem = response.json()
        except ValueError:
            problem = None
        problem = problem if isinstance(problem, dict) else {}
        self.status = response.status_code
        self.code = str(problem.get("code", "unknown"))
        self.title = str(problem.get("title") or response.reason_phrase or "The service refused the request.")
        # API Gateway's own answers have a `message` alone.
        self.detail = problem.get("detail") or problem.get("message")
        self.errors: list[dict[str, Any]] = problem.get("errors") or []
        self.request_id = problem.get("request_id") or response.headers.get("X-Request-Id")
        self.retry_after = retry_after(response)
        super().__init__(str(self))

    def __str__(self) -> str:
        sentence = str(self.detail or self.title)
        fields = [f"{error.get('field')}: {error.get('message')}" for error in self.errors]
        return " ".join([sentence, *(f"({text})" for text in fields)]) + f" [{self.status} {self.code}]"


@dataclass(frozen=True)
class Tokens:
    """A session: the access token is sent with each request, the refresh token renews both.

    `device_token` makes this device known: wrong passwords from elsewhere do not lock it out. It outlives the session.
    """

    access_token: str
    refresh_token: str | None = None
    device_token: str | None = None


@dataclass(frozen=True)
class Request:
    """A request as it is sent. `path` has no slash in front: it follows the address of the service."""

    method: str
    path: str
    query: tuple[tuple[str, str | int | float | bool | None], ...] = ()
    body: dict[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def repeatable(self) -> bool:
        """Whether the service gives one result however often the request arrives."""
        return self.method in _REPEATABLE or "Idempotency-Key" in self.headers


def request(
    method: str,
    template: str,
    *,
    path: Mapping[str, Any] | None = None,
    query: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, Any] | None = None,
) -> Request:
    """The request of an operation: UNSET values are left out, and a POST gets a key with which it can be sent again."""
    filled = template
    for name, value in (path or {}).items():
        filled = filled.replace(f"{{{name}}}", quote(str(value), safe=""))
    named = {name: str(value) for name, value in (headers or {}).items() if not isinstance(value, Unset)}
    if method == "POST":
        named["Idempotency-Key"] = str(uuid.uuid4())
    sent = None if body is None else {n: _plain(value) for n, value in body.items() if not isinstance(value, Unset)}
    return Request(method, filled.lstrip("/"), tuple(_query(query or {})), sent, named)


def _query(parameters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in parameters.items():
        if not isinstance(value, Unset) and value is not None:
            for one in value if isinstance(value, list | tuple) else [value]:
                yield name, str(_plain(one)).lower() if isinstance(one, bool) else str(_plain(one))


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True, by_alias=True)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, uuid.UUID | Path):
        return str(value)
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def retry_after(response: httpx.Response) -> float | None:
    """The seconds that the service asks to wait, if it does."""
    try:
        return max(0.0, float(response.headers["Retry-After"]))
    except (KeyError, ValueError):
        return None


@dataclass
class Patience:
    """How often and how long one request is tried again, in attempts and seconds."""

    attempts: int
    deadline_seconds: float
    on_wait: Callable[[float, str], None] | None = None
    waited: float = 0.0
    failures: int = 0

    def wait_after(self, request: Request, failure: httpx.Response | httpx.TransportError) -> float | None:
        """Seconds to wait before the next attempt; None when there is none."""
        self.failures += 1
        if self.failures >= self.attempts or not _passes(request, failure):
            return None
        asked = retry_after(failure) if isinstance(failure, httpx.Response) else None
        backoff = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2 ** (self.failures - 1))
        seconds = asked if asked is not None else backoff * random.uniform(0.5, 1.0)  # noqa: S311 — spreads attempts
        if self.waited + seconds > self.deadline_seconds:
            return None
        self.waited += seconds
        if self.on_wait is not None:
            self.on_wait(seconds, _code(failure))
        return seconds


def _code(failure: httpx.Response | httpx.TransportError) -> str:
    try:
        return str(failure.json()["code"]) if isinstance(failure, httpx.Response) else ""
    except (ValueError, KeyError, TypeError):
        return ""


def _passes(request: Request, failure: httpx.Response | httpx.TransportError) -> bool:
    if isinstance(failure, httpx.Response):
        return failure.status_code in _TEMPORARY
    never_arrived = isinstance(failure, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    return never_arrived or request.repeatable


@dataclass(frozen=True)
class Event:
    """One event of an answer's stream: its number within the job, its name, its payload."""

    number: int
    name: str
    data: dict[str, Any]

    @property
    def is_last(self) -> bool:
        """Whether the job has ended with it."""
        return self.name in {"done", "error", "cancelled"}


class AnswerFailedError(AlcoveError):
    """A job ended without an answer: its last event says why."""

    def __init__(self, event: Event) -> None:
        self.code = str(event.data.get("code") or event.name)
        super().__init__(str(event.data.get("message") or f"The job ended without an answer: {event.name}."))


class SyncLock:
    """A lock with the form of asyncio's, for the client that waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


AsyncLock = asyncio.Lock
async_sleep, sleep = asyncio.sleep, time.sleep


def file_chunks(path: Path, start: int, size: int) -> Iterator[bytes]:
    """`size` bytes of a file from `start`, a few at a time."""
    with path.open("rb") as opened:
        opened.seek(start)
        while size > 0 and (chunk := opened.read(min(size, _CHUNK_BYTES))):
            size -= len(chunk)
            yield chunk


async def async_file_chunks(path: Path, start: int, size: int) -> AsyncIterator[bytes]:
    """`size` bytes of a file from `start`, a few at a time, read in a thread."""
    chunks = file_chunks(path, start, size)
    while chunk := await asyncio.to_thread(next, chunks, b""):
        yield chunk
