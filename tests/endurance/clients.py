"""Clients that do not give up, and what their threads' failures become."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

from alcove import ApiError, UnreachableError

_SECONDS = 900.0


def passes(error: ApiError) -> bool:
    """Whether a request that was refused so may succeed later."""
    return error.status >= 500 or error.status == 429


def persist(
    attempt: Callable[[str], Any],
    *,
    again: Callable[[ApiError], bool] = passes,
    note: Callable[[str], None] = lambda _: None,
) -> Any:
    """Repeat a request until it is acknowledged, always under the same key, which `attempt` is given.

    `again` says which refusals to try again after; `note` hears what each of them was.
    """
    key, deadline = secrets.token_hex(16), time.monotonic() + _SECONDS
    while True:
        try:
            return attempt(key)
        except ApiError as error:
            if not again(error) or time.monotonic() > deadline:
                raise
            note(f"{error.status} {error.code}")
            pause = 2.0 if error.status == 429 else 0.3
        except UnreachableError as error:
            if time.monotonic() > deadline:
                raise
            note(type(error).__name__)
            pause = 0.3
        time.sleep(pause)


def guarded(failures: list[str], task: Callable[..., None], *arguments: Any) -> None:
    """Run a task of a thread; a client that dies is a finding."""
    try:
        task(*arguments)
    except Exception as error:  # noqa: BLE001 — whatever it is, it is reported
        failures.append(f"{task.__name__}: {type(error).__name__}: {error}")
