"""200 users upload, search and ask for five minutes on the local stack; what they and the machine saw.

Users think between requests (exponentially, THINK seconds on average) and come back after a 429 as a client should.
The API may serve SLOTS requests at once: each is a process here and a connection to PostgreSQL, as in an account, where
`ApiReservedConcurrency` is the same parameter. Beyond that the gateway refuses with 429, which is counted apart.
"""

from __future__ import annotations

import json
import random
import re
import secrets
import statistics
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg

from bench.commands import Command, parser
from bench.local import own_stack
from chalicelib.auth.sessions import credentials
from infra.local import emulator, postgres, stack

COMMAND = Command(
    "Many users upload, search and ask",
    usual="--users 50 --seconds 60",
    smallest=("--state {state} --users 2 --seconds 2 --think 0.3",),
)

_SUBJECTS = ("pump", "valve", "turbine", "filter", "compressor", "boiler", "gasket", "sensor")
_FUNCTIONS = ("api", "ingest", "answer", "tick", "migrate")
_END_SECONDS = 180
_BACK_OFF_SECONDS = 0.5
_RAMP_SECONDS = 30.0  # until everybody is there: functions start cold
_MEMORY_EVERY = 5  # samples: reading it costs more than counting connections


@dataclass
class Observations:
    """What happened: seconds by route, failures, refusals, and what was promised."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    failures: list[str] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    documents: list[tuple[User, str]] = field(default_factory=list)
    jobs: list[tuple[User, str]] = field(default_factory=list)
    connections: list[int] = field(default_factory=list)
    memory: dict[str, list[tuple[int, int, int]]] = field(default_factory=lambda: defaultdict(list))
    lock: threading.Lock = field(default_factory=threading.Lock)
    stop: threading.Event = field(default_factory=threading.Event)


class User:
    """One user with an API key, who asks again a little later when refused."""

    def __init__(self, api_url: str, key: str, observed: Observations) -> None:
        self._http = httpx.Client(base_url=api_url, timeout=60, headers={"Authorization": f"Bearer {key}"})
        self._observed = observed
        self.conversation = ""

    def request(self, route: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        """Send until it is not refused; the JSON or text of the answer, or None after a failure or at the end."""
        method = route.split(" ", 1)[0]
        while True:
            started = time.perf_counter()
            try:
                response = self._http.request(method, path.lstrip("/"), json=body, headers=headers)
            except httpx.HTTPError as error:
                self._record(route, "no answer", time.perf_counter() - started, f"{route}: {error!r}")
                return None
            seconds, status = time.perf_counter() - started, response.status_code
            is_failure = status >= 500 or (status >= 400 and status != 429)
            self._record(route, str(status), seconds, f"{route}: {status} {response.text[:200]}" if is_failure else "")
            if status != 429 or self._observed.stop.wait(_BACK_OFF_SECONDS * (1 + random.random())):
                break
        if status >= 400:
            return None
        is_json = response.headers.get("content-type", "").startswith("application/json")
        return response.json() if is_json and response.content else response.text

    def _record(self, route: str, outcome: str, seconds: float, failure: str) -> None:
        with self._observed.lock:
            self._observed.statuses[outcome] += 1
            if outcome != "429":
                self._observed.seconds[route].append(seconds)
            if failure:
                self._observed.failures.append(failure)

    def work(self, think: float) -> None:
        """Do what users do until the end: half of it searches, an eighth questions, an eighth documents."""
        while not self._observed.stop.wait(random.expovariate(1 / think)):
            chance = random.random()
            subject = random.choice(_SUBJECTS)
            if chance < 0.5:
                self.request("POST /search", "/search", {"query": f"{subject} inspection interval"})
            elif chance < 0.625:
                self._ask(subject)
            elif chance < 0.75:
                self._upload(subject)
            elif chance < 0.9:
                self.request("GET /documents", "/documents")
            else:
                self.request("GET /conversations", "/conversations")

    def _upload(self, subject: str) -> None:
        days = random.randrange(10, 400)
        text = f"The {subject} {secrets.token_hex(4)} is inspected every {days} days. " + "Wear is measured. " * 20
        created = self.request("POST /documents", "/documents", {"title": f"The {subject}", "content": text})
        if created:
            with self._observed.lock:
                self._observed.documents.append((self, created["id"]))

    def _ask(self, subject: str) -> None:
        if not self.conversation:
            created = self.request("POST /conversations", "/conversations", {})
            if not created:
                return
            self.conversation = created["id"]
        path = f"/conversations/{self.conversation}/messages"
        started = time.perf_counter()
        queued = self.request("POST /…/messages", path, {"content": f"How often is the {subject} inspected?"})
        if not queued:
            return
        with self._observed.lock:
            self._observed.jobs.append((self, queued["job"]["id"]))
        self._follow(queued["job"]["id"], started)

    def _follow(self, job: str, started: float) -> None:
        """Read the events of a job until it has ended."""
        after = "0"
        while not self._observed.stop.is_set():
            text = self.request("GET /…/events", f"/jobs/{job}/events", headers={"Last-Event-ID": after})
            if text is None:
                return
            after = (re.findall(r"^id: (\d+)", text, re.MULTILINE) or [after])[-1]
            if not text or re.search(r"^event: (done|error|cancelled)", text, re.MULTILINE):
                with self._observed.lock:
                    self._observed.answered.append(time.perf_counter() - started)
                return


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it and print the figures; 1 when a request failed or something accepted was not done."""
    command_line = parser("tests.endurance load", __doc__)
    command_line.add_argument("--users", type=int, default=200)
    command_line.add_argument("--seconds", type=float, default=300)
    command_line.add_argument("--slots", type=int, default=10, help="API requests served at once")
    command_line.add_argument("--think", type=float, default=20, help="seconds between a user's requests, on average")
    command_line.add_argument("--state", type=Path, help="a stack to use and keep; without it one is made and deleted")
    options = command_line.parse_args(arguments)
    limits = {"ApiReservedConcurrency": options.slots, "IngestConcurrency": 2, "AnswerConcurrency": 4}
    with own_stack("alcove-load-", options.state) as directory:
        info = stack.up(directory, silent=True, parameters={key: str(value) for key, value in limits.items()})
        # The emulator does not take this one from the template.
        stack.cloud_of(info.endpoint_url).functions.put_function_concurrency(
            FunctionName=f"alcove-{stack.STAGE}-api", ReservedConcurrentExecutions=options.slots
        )
        observed = Observations()
        users = _users(stack.start_postgres(directory), info, options.users, observed)
        lasted = _load(directory, info, users, observed, options.seconds, options.think)
        unfinished = _unfinished(observed)
        _print(observed, lasted, sum(limits.values()) + 2, unfinished)  # and tick, and migrate
        return int(bool(observed.failures or unfinished))


def _users(server: postgres.Server, info: stack.StackInfo, number: int, observed: Observations) -> list[User]:
    """Users with API keys, made in the database: hashing two hundred passwords is not what is measured."""
    keys = [credentials.API_KEY_PREFIX + secrets.token_urlsafe(32) for _ in range(number)]
    statement = (
        "with made as (insert into users (email, display_name) values (%s, 'Load') returning id) "
        "insert into api_keys (user_id, name, key_hash, prefix, scopes, expires_at) "
        "select id, 'load', %s, %s, array['read', 'write', 'chat'], now() + interval '1 day' from made"
    )
    rows = [[f"load-{secrets.token_hex(6)}@example.org", credentials.api_key_hash(key), key[:12]] for key in keys]
    with psycopg.connect(server.url("superuser", stack.DATABASE)) as conn, conn.cursor() as cursor:
        cursor.executemany(statement, rows)
    return [User(info.api_url, key, observed) for key in keys]


def _load(
    directory: Path, info: stack.StackInfo, users: list[User], observed: Observations, seconds: float, think: float
) -> float:
    """Let the users work while connections and memory are watched; returns how long it took, in seconds."""
    ramp = min(_RAMP_SECONDS, seconds / 2)
    with _watched(directory, info, observed):
        threads = [threading.Thread(target=user.work, args=(think,)) for user in users]
        started = time.monotonic()
        for thread in threads:
            thread.start()
            observed.stop.wait(ramp / len(threads))
        observed.stop.wait(seconds - ramp)
        observed.stop.set()
        for thread in threads:
            thread.join()
        return time.monotonic() - started


@contextmanager
def _watched(directory: Path, info: stack.StackInfo, observed: Observations) -> Iterator[None]:
    """Sample the application's connections and the functions' memory every second."""
    done = threading.Event()

    def watch() -> None:
        with psycopg.connect(info.database_url["owner"], autocommit=True) as conn:
            while not done.wait(1):
                row = conn.execute("select count(*) from pg_stat_activity where application_name = 'alcove'").fetchone()
                observed.connections.append(row[0] if row else 0)
                if len(observed.connections) % _MEMORY_EVERY == 0:
                    for function, measured in _memory(directory).items():
                        observed.memory[function].append(measured)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _memory(directory: Path) -> dict[str, tuple[int, int, int]]:
    """By function: processes, resident bytes of the biggest, and proportional bytes of all."""
    result: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for process in emulator.processes_of(directory / "aws"):
        with suppress(psutil.Error):
            match = re.search(r"ministack-lambda-alcove-\w+-(\w+)-", " ".join(process.cmdline()))
            if match and match[1] in _FUNCTIONS:
                memory = process.memory_full_info()
                result[match[1]].append((memory.rss, memory.pss))
    return {
        name: (len(sizes), max(rss for rss, _ in sizes), sum(pss for _, pss in sizes)) for name, sizes in result.items()
    }


def _unfinished(observed: Observations) -> list[str]:
    """What was accepted and has not been done some minutes after the end."""
    waiting = [(user, f"/documents/{created}") for user, created in observed.documents]
    waiting += [(user, f"/jobs/{created}") for user, created in observed.jobs]
    observed.stop.clear()
    deadline = time.monotonic() + _END_SECONDS
    final = Observations()
    while waiting and time.monotonic() < deadline:
        left = []
        for user, path in waiting:
            user._observed = final
            result = user.request("GET", path)
            if not result or result["status"] not in ("completed", "failed", "cancelled"):
                left.append((user, path))
        waiting = left
        time.sleep(0.5)
    return [path for _, path in waiting]


def _print(observed: Observations, lasted: float, limit: int, unfinished: list[str]) -> None:
    total = sum(len(values) for values in observed.seconds.values())
    print(f"  {total:,} requests in {lasted:.0f} s, {total / lasted:.1f} a second; {len(observed.failures)} failed")
    print(
        f"  refused with 429 and sent again: {observed.statuses.get('429', 0):,}; {json.dumps(dict(observed.statuses))}"
    )
    print(f"  {'route':<22}{'number':>8}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}")
    rows = [*sorted(observed.seconds.items()), ("asked to answered", observed.answered)]
    for route, values in rows:
        if len(values) > 1:
            cuts = statistics.quantiles(values, n=100)
            p50, p95, p99 = (1000 * cuts[place] for place in (49, 94, 98))
            print(f"  {route:<22}{len(values):>8,}{p50:>9,.0f}{p95:>9,.0f}{p99:>9,.0f}")
    most, median = max(observed.connections), statistics.median(observed.connections)
    print(f"  connections to PostgreSQL: at most {most}, median {median:.0f}; the functions' limits allow {limit}")
    for function, samples in sorted(observed.memory.items()):
        number, biggest, together = (max(column) for column in zip(*samples, strict=True))
        sizes = f"the biggest {biggest / 2**20:,.0f} MiB, all {together / 2**20:,.0f} MiB"
        print(f"  {function:<8}{number:>4} processes, {sizes}")
    print(
        f"  {len(observed.documents)} documents and {len(observed.jobs)} questions accepted, {len(unfinished)} not done"
    )
    for line, number in Counter([*observed.failures, *unfinished]).most_common(10):
        print(f"  {number} × {line}")
