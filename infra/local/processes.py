"""What the local servers share: the clock that they are started with, and how they are ended.

They are no children of this process, on machines whose init may never collect the dead.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable

import psutil

_POLL_SECONDS = 0.02


def clock() -> dict[str, str]:
    """The environment variables that set another clock (libfaketime), so that servers and caller agree on the time."""
    if "FAKETIME" not in os.environ:
        return {}
    return {name: value for name, value in os.environ.items() if name == "LD_PRELOAD" or "FAKE" in name}


def database_clock() -> dict[str, str]:
    """The same for PostgreSQL, whose clock datefudge sets: under libfaketime none of its timers ends.

    A timer's signal interrupts a wait, and libfaketime gives its handler the real time meanwhile: to PostgreSQL the
    timer has rung too early.
    """
    library = os.environ.get("DATEFUDGE_LIBRARY")
    return {"LD_PRELOAD": library, "DATEFUDGE": os.environ["DATEFUDGE"]} if library else clock()


def is_alive(process: psutil.Process) -> bool:
    """Whether `process` still runs; a zombie does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def wait(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait up to `seconds` for every process to end; return those that have not."""
    deadline = time.monotonic() + seconds
    alive = [process for process in processes if is_alive(process)]
    while alive and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        alive = [process for process in alive if is_alive(process)]
    return alive


def kill(processes: Iterable[psutil.Process], seconds: float = 10) -> list[psutil.Process]:
    """Send SIGKILL to every process and wait up to `seconds`; return those that have not ended."""
    doomed = list(processes)
    for process in doomed:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    return wait(doomed, seconds)
