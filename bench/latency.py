"""How long searches and answers take over HTTP: while nothing else happens, and while documents are ingested.

One client searches and asks without a pause. Beside each round stand two requests to a route that does nothing: the
floor of gateway, process switch and Chalice, for the two that a question and its first event take. The worker's first
event is the first one that the answering function itself writes. Nothing here waits for a model.

With --documents, the same client goes on: while loops that do nothing keep every core busy, then while four clients of
another user post documents as fast as they are taken, then while these are read, cut and embedded. Requests and
ingestion share the machine's cores, which they would not in an account; the loops, which run as local ingestion does
only when nobody else wants the core, show what the machine itself takes for that.
"""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median

from bench import local
from bench.commands import Command, parser
from bench.summary import p95
from infra.local import stack
from infra.local.api_session import ApiSession

COMMAND = Command(
    "Searches and answers over HTTP; DOCUMENTS=2000: also while so many are ingested",
    usual="--rounds 40",
    smallest=("--state {state} --rounds 1 --documents 2",),
)
_POSTERS = 4
_COLD_ROUNDS = 5
_SECONDS = 1_800.0
_LOOP = """import os
if hasattr(os, "SCHED_IDLE"):
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
else:
    os.nice(15)
while True:
    pass"""

Times = dict[str, list[float]]


@dataclass
class Asker:
    """The client whose requests are timed."""

    user: ApiSession
    conversation: str
    dice: random.Random

    def sample(self, times: Times) -> None:
        """One search and one question; adds the seconds of each to `times`."""
        query = local.words(self.dice, 3)
        started = time.perf_counter()
        for _ in range(2):
            self.user.json("GET", "/health")
        times.setdefault("floor", []).append(time.perf_counter() - started)
        started, _ = local.when_allowed(lambda: self.user.json("POST", "/search", {"query": query}))
        times.setdefault("search", []).append(time.perf_counter() - started)
        question = f"What is said of the {query}?"
        started, queued = local.when_allowed(lambda: self.user.enqueue(self.conversation, question))
        seen = [time.perf_counter() - started for _ in self.user.events(queued["job"]["id"])]
        for name, seconds in (("first event", seen[0]), ("worker's first event", seen[1]), ("whole answer", seen[-1])):
            times.setdefault(name, []).append(seconds)

    def rounds(self, number: int) -> Times:
        """So many samples."""
        times: Times = {}
        for _ in range(number):
            self.sample(times)
        return times


def main(arguments: Sequence[str] | None = None) -> None:
    """Print medians and p95 in milliseconds of each phase, and their ratios to the first."""
    command_line = parser("bench latency", __doc__)
    command_line.add_argument("--rounds", type=int, default=100)
    command_line.add_argument("--documents", type=int, default=0, help="to ingest meanwhile")
    local.add_state(command_line)
    options = command_line.parse_args(arguments)
    info = stack.up(options.state, silent=True)
    user, dice = local.user(info), random.Random(23)
    own = [user.json("POST", "/documents", {"title": f"Own {n}", "content": _text(dice)})["id"] for n in range(20)]
    local.wait_until_ingested(user, own)
    asker = Asker(user, user.json("POST", "/conversations", {})["id"], dice)
    asker.rounds(min(_COLD_ROUNDS, options.rounds))
    idle = asker.rounds(options.rounds)
    phases = {"idle": idle}
    if options.documents:
        with _loops():
            phases["beside loops"] = asker.rounds(options.rounds)
        phases |= _while_ingesting(asker, local.user(info), options.documents)
    for name, seconds in idle.items():
        print(
            f"  {name:<22}{median(seconds) * 1000:6.0f} ms median, {p95(seconds) * 1000:6.0f} ms p95, of {len(seconds)}"
        )
        for phase in list(phases)[1:]:
            _compare(phase, phases[phase].get(name, []), seconds)
    ratio = median(a / b for a, b in zip(idle["first event"], idle["floor"], strict=True))
    print(f"  first event / floor {ratio:.2f} (median of pairs)")
    user.close()


def _compare(phase: str, seconds: list[float], idle: list[float]) -> None:
    if not seconds:
        return
    middle, tail = median(seconds), p95(seconds)
    ratios = f"{middle / median(idle):.2f}, {tail / p95(idle):.2f}"
    print(f"    {phase:<16}{middle * 1000:6.0f}, {tail * 1000:6.0f}; ratios {ratios}")


def _while_ingesting(asker: Asker, librarian: ApiSession, documents: int) -> dict[str, Times]:
    """What the asker's requests take while another user's documents are posted, and while these are ingested."""
    posting: Times = {}
    ingesting: Times = {}
    with ThreadPoolExecutor(_POSTERS + 1) as pool:
        posted = [pool.submit(_post, librarian, _text(asker.dice)) for _ in range(documents)]
        started = time.perf_counter()
        while not (is_posted := _all_done(posted)) or _unfinished(librarian):
            for _ in range(5):
                asker.sample(ingesting if is_posted else posting)
            if time.perf_counter() - started > _SECONDS:
                raise SystemExit(f"error: the documents are not ingested after {_SECONDS:.0f} s")
        seconds = time.perf_counter() - started
    librarian.close()
    print(f"  {documents} documents in {seconds:.0f} s")
    return {"while posting": posting, "while ingesting": ingesting}


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
    return f"Record {secrets.token_hex(6)}.\n\n{local.words(dice, dice.randrange(60, 400))}"


def _post(user: ApiSession, content: str) -> None:
    local.when_allowed(lambda: user.json("POST", "/documents", {"title": content[:20], "content": content}))


def _all_done(posted: list[Future[None]]) -> bool:
    for future in posted:
        if future.done():
            future.result()
    return all(future.done() for future in posted)


def _unfinished(user: ApiSession) -> int:
    pages = [user.json("GET", f"/documents?limit=1&status={status}")["items"] for status in ("pending", "processing")]
    return sum(len(items) for items in pages)
