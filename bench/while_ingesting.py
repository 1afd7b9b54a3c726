"""`make bench-while-ingesting`: how long searches and questions take while documents are ingested, against idle.

One client searches and asks without a pause: first while nothing else happens, then while loops that do nothing keep
every core busy, then while four clients of another user post documents as fast as they are taken, then while these are
read, cut and embedded. Requests and ingestion share the machine's cores, which they would not in an account; the loops,
which run as local ingestion does only when nobody else wants the core, show what the machine itself takes for that.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from bench.ingestion import words
from infra.local import stack
from infra.local.client import Alcove, ApiError

_ROUNDS = 100
_POSTERS = 4
_SECONDS = 1800.0
_LOOP = """import os
if hasattr(os, "SCHED_IDLE"):
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
else:
    os.nice(15)
while True:
    pass"""

Times = dict[str, list[float]]


def main() -> None:
    """Print medians and p95 in milliseconds of both phases, and their ratios."""
    parser = argparse.ArgumentParser(prog="make bench-while-ingesting", description=__doc__)
    parser.add_argument("--documents", type=int, default=2_000)
    options = parser.parse_args()
    info = stack.up(quiet=True)
    asker, librarian = (
        Alcove.register(info.api_url, f"bench-{secrets.token_hex(6)}@example.org", secrets.token_urlsafe(16))
        for _ in range(2)
    )
    dice = random.Random(23)
    for number in range(20):
        asker.call("POST", "/documents", {"title": f"Own {number}", "content": _text(dice)})
    _until(lambda: _unfinished(asker) == 0)
    conversation = asker.call("POST", "/conversations", {})["id"]
    _sample(asker, conversation, {}, dice)  # the first ones meet cold processes
    idle: Times = {}
    for _ in range(_ROUNDS):
        _sample(asker, conversation, idle, dice)
    looping: Times = {}
    with _loops():
        for _ in range(_ROUNDS):
            _sample(asker, conversation, looping, dice)
    with ThreadPoolExecutor(_POSTERS + 1) as pool:
        posted = [pool.submit(_post, librarian, _text(dice)) for _ in range(options.documents)]
        posting: Times = {}
        ingesting: Times = {}
        started = time.perf_counter()
        while not (is_posted := _all_done(posted)) or _unfinished(librarian):
            for _ in range(5):
                _sample(asker, conversation, ingesting if is_posted else posting, dice)
            if time.perf_counter() - started > _SECONDS:
                raise SystemExit(f"The documents were not ingested within {_SECONDS:.0f} s.")
        seconds = time.perf_counter() - started
    rounds = f"{len(posting['search'])} rounds while they were posted, {len(ingesting['search'])} afterwards"
    print(f"  {options.documents} documents in {seconds:.0f} s; {rounds}")
    for name in idle:
        low, high = _summary(idle[name])
        print(f"  {name:<12} idle {low:5.0f} ms median, {high:5.0f} p95")
        for phase, times in (("beside loops", looping), ("while posting", posting), ("while ingesting", ingesting)):
            median, tail = _summary(times[name])
            print(f"    {phase:<15} {median:5.0f}, {tail:5.0f}; ratios {median / low:.2f}, {tail / high:.2f}")
    asker.close()
    librarian.close()


@contextlib.contextmanager
def _loops() -> Iterator[None]:
    loops = [subprocess.Popen([sys.executable, "-c", _LOOP]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def _text(dice: random.Random) -> str:
    """One to three passages."""
    return f"Record {secrets.token_hex(6)}.\n\n{words(dice, dice.randrange(60, 400))}"


def _post(user: Alcove, content: str) -> None:
    _when_allowed(lambda: user.call("POST", "/documents", {"title": content[:20], "content": content}))


def _sample(user: Alcove, conversation: str, times: Times, dice: random.Random) -> None:
    query = words(dice, 3)
    started, _ = _when_allowed(lambda: user.call("POST", "/search", {"query": query}))
    times.setdefault("search", []).append(time.perf_counter() - started)
    started, asked = _when_allowed(lambda: user.ask(conversation, f"What is said of the {query}?"))
    seen = [time.perf_counter() - started for _ in user.events(asked["job"]["id"])]
    times.setdefault("first event", []).append(seen[0])
    times.setdefault("whole answer", []).append(seen[-1])


def _when_allowed(request: Callable[[], Any]) -> tuple[float, Any]:
    """When the request that the rate limits let through was sent, and its answer."""
    while True:
        started = time.perf_counter()
        try:
            return started, request()
        except ApiError as error:
            if error.status != 429:
                raise
            time.sleep(error.retry_after)


def _all_done(posted: list[Future[None]]) -> bool:
    for future in posted:
        if future.done():
            future.result()
    return all(future.done() for future in posted)


def _unfinished(user: Alcove) -> int:
    found = [user.call("GET", f"/documents?limit=1&status={status}")["items"] for status in ("pending", "processing")]
    return sum(len(items) for items in found)


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"It took longer than {_SECONDS:.0f} s.")
        time.sleep(0.2)


def _summary(seconds: list[float]) -> tuple[float, float]:
    return statistics.median(seconds) * 1000, statistics.quantiles(seconds, n=20)[-1] * 1000


if __name__ == "__main__":
    main()
