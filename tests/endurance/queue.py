"""A real service's traffic, replayed against the queue.

Arrivals and numbers of tokens come from a trace in the form of Azure's LLM inference trace 2023 (a CSV file with
TIMESTAMP, ContextTokens, GeneratedTokens). Every n-th request is kept and time is compressed, so that the whole trace
fits `--seconds` at a load that the workers can carry. Users of different rates and weights ask, an administrator moves
some of their jobs up or down, and a server writes each answer at a realistic speed. Half-way the database is killed and
started again. Printed are waits by priority and by user, Jain's index of what each user got of what it was entitled to
(docs/queue.md), and the same index for the same arrivals served first come, first served. Exits 1 unless every question
was answered once, with exactly its words. Nothing depends on how fast the machine is but the figures.
"""

from __future__ import annotations

import argparse
import csv
import math
import random
import secrets
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from alcove import ApiError
from bench.commands import Command, parser
from infra.local import instances, postgres
from infra.local.api_session import ApiSession
from tests.endurance import checks
from tests.endurance.clients import persist
from tests.endurance.fairness import Job, first_come, index_of, shares
from tests.endurance.model_server import Wish

COMMAND = Command(
    "A trace of a real service replayed against the queue, the database killed half-way; DATA=folder",
    usual=None,
    smallest=("{trace} --seconds 2 --workers 2",),
)

# Share of the requests and weight of each user.
USERS = ((0.40, 1), (0.20, 1), (0.15, 3), (0.10, 1), (0.10, 2), (0.05, 1))
# Share of the jobs that an administrator gives this priority.
PRIORITIES = {5: 0.10, -5: 0.15}
_MAX_TOKENS = 1000
_OVERHEAD_SECONDS = 0.3  # of an answer, besides the model's time: to choose how much of the trace fits
_DRAIN_SECONDS = 1_800.0
_PROGRESS_SECONDS = 15.0
_CLAIMS = 200


@dataclass(frozen=True)
class Request:
    """One line of the trace: seconds since the first, tokens of the prompt and of the answer."""

    at: float
    prompt_tokens: int
    tokens: int


@dataclass
class World:
    """What was asked."""

    place: instances.Place
    users: list[ApiSession]
    administrator: ApiSession
    wishes: dict[str, Wish] = field(default_factory=dict)
    askers: dict[str, int] = field(default_factory=dict)
    moved: dict[str, tuple[int, float]] = field(default_factory=dict)  # job → priority, and when that was acknowledged
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


# The trace


def read_trace(path: Path) -> list[Request]:
    """The requests of a trace in order."""
    with path.open(newline="") as lines:
        rows = [
            (datetime.fromisoformat(row["TIMESTAMP"][:26]), int(row["ContextTokens"]), int(row["GeneratedTokens"]))
            for row in csv.DictReader(lines)
        ]
    rows.sort(key=lambda row: row[0])
    first = rows[0][0]
    return [
        Request((at - first).total_seconds(), prompt, max(1, min(tokens, _MAX_TOKENS))) for at, prompt, tokens in rows
    ]


def fit(trace: Sequence[Request], seconds: float, capacity: float, cost: Callable[[Request], float]) -> list[Request]:
    """Every n-th request, with time compressed to `seconds`, so that what they cost is `capacity` seconds of work."""
    whole = sum(map(cost, trace))
    step = max(1, round(whole / capacity))
    span = trace[-1].at or 1.0
    return [replace(request, at=request.at * seconds / span) for request in trace[::step]]


# The replay


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 0 when nothing was lost or doubled."""
    command_line = parser("tests.endurance queue", __doc__)
    command_line.add_argument("data", type=Path, help="a trace, or the folder of AzureLLMInferenceTrace_conv.csv")
    command_line.add_argument("--seconds", type=float, default=180.0)
    command_line.add_argument("--workers", type=int, default=8)
    command_line.add_argument("--rate", type=float, default=100.0, help="tokens a second of each answer")
    command_line.add_argument("--prefill", type=float, default=5000.0, help="tokens a second of a prompt")
    command_line.add_argument(
        "--load", type=float, default=1.0, help="work that arrives, as a share of what workers can do"
    )
    command_line.add_argument("--seed", type=int, default=1)
    options = command_line.parse_args(arguments)
    path = options.data / "AzureLLMInferenceTrace_conv.csv" if options.data.is_dir() else options.data
    trace = read_trace(path)
    selected = fit(
        trace, options.seconds, options.load * options.workers * options.seconds, lambda r: _cost(r, options)
    )
    print(
        f"  {path.name}: {len(selected)} of {len(trace)} requests, {trace[-1].at:.0f} s in {options.seconds:.0f} s; "
        f"{options.workers} workers, {options.rate:.0f} tokens/s",
        flush=True,
    )
    knobs = instances.Knobs(tick=15.0)
    speed = ["--rate", str(options.rate), "--prefill", str(options.prefill)]
    with (
        instances.place(knobs, visibility_seconds=120) as place,
        instances.module("tests.endurance.model_server", *speed) as (_, model_url),
    ):
        _claims(place)
        problems = _run(place, model_url, selected, options)
    for problem in problems[:50]:
        print(f"  WRONG  {problem}")
    print(f"  FAIL: {len(problems)} wrong" if problems else "  PASS: drained, 0 lost, 0 doubled")
    return 1 if problems else 0


def _cost(request: Request, options: argparse.Namespace) -> float:
    return float(request.prompt_tokens / options.prefill + request.tokens / options.rate + _OVERHEAD_SECONDS)


_FILL = """
insert into users (email, username, display_name, queue_weight)
    select 'u' || i || '@example.org', 'u' || i, 'u' || i, 1 + i % 10 from generate_series(1, 200) i;
insert into conversations (user_id, title) select id, 'c' from users where username is not null;
insert into messages (conversation_id, user_id, role, content)
    select c.id, c.user_id, 'user', 'q' from conversations c, generate_series(1, 10);
insert into llm_jobs (user_id, conversation_id, question_id, settings)
    select user_id, conversation_id, id, '{}' from messages;
insert into llm_queue (job_id, user_id) select id, user_id from llm_jobs;
"""


def _claims(place: instances.Place) -> None:
    """How long a claim takes with a full queue, in a copy of the database."""
    import psycopg

    name = "full_queue"
    postgres.create_database(place.server, name, template="alcove")
    with psycopg.connect(place.server.url("owner", name), autocommit=True) as owner:
        owner.execute(_FILL)
    used = []
    with psycopg.connect(place.server.url("app", name), autocommit=True) as conn:
        for _ in range(_CLAIMS):
            started_at = time.perf_counter()
            conn.execute("select * from claim_job(gen_random_uuid(), '30 s')").fetchone()
            used.append((time.perf_counter() - started_at) * 1000)
    postgres.drop_database(place.server, name)
    print(
        f"  a claim with 2,000 jobs of 200 users waiting: {min(used):.1f} ms at best, "
        f"{statistics.median(used):.1f} ms median, of {_CLAIMS}",
        flush=True,
    )


def _run(place: instances.Place, model_url: str, requests: Sequence[Request], options: argparse.Namespace) -> list[str]:
    place.add("api", 6)
    place.add("tick")
    place.add("answer", options.workers)
    with place.owner() as conn:  # what is measured is not the rate limits
        conn.execute("update rate_limits set burst = 1000000, every = '1 microsecond'")
    world = _world(place, model_url)
    started_at = time.time()
    restarting = threading.Timer(options.seconds / 2, _restart, [world])
    restarting.start()
    _replay(world, requests, random.Random(options.seed))
    restarting.join()
    print(f"  {time.time() - started_at:5.0f} s  all {len(world.wishes)} questions are asked", flush=True)
    problems = world.failures + _drain(world)
    if problems:
        print(place.log_tail())
    problems += _compare(world)
    _report(world, started_at, options.workers)
    return problems


def _world(place: instances.Place, model_url: str) -> World:
    administrator = ApiSession.log_in_as(place.api_url, **place.administrator, timeout=120)
    model = {"name": "scripted", "provider": "vllm", "model_id": "scripted", "endpoint": model_url}
    administrator.json("POST", "/llms", model | {"context_tokens": 32768, "max_tokens": 2 * _MAX_TOKENS})
    administrator.json("PATCH", "/config/dynamic", {"max_tokens": 2 * _MAX_TOKENS})
    users = []
    for number, (_, weight) in enumerate(USERS):
        user = ApiSession.register(place.api_url, f"user{number}@example.org", "a long enough password", timeout=120)
        administrator.json("PATCH", f"/users/{user.json('GET', '/me')['id']}", {"queue_weight": weight})
        users.append(user)
    return World(place, users, administrator)


def _restart(world: World) -> None:
    busy = "select count(*) from llm_queue where leased_until > now()"
    started_at = time.monotonic()
    try:
        ((answering,),) = world.place.rows(busy)
        world.place.restart_database()
    except Exception as error:  # noqa: BLE001 — a database that does not come back is a finding
        world.failures.append(f"the database did not come back: {error}")
        return
    seconds = time.monotonic() - started_at
    print(f"         the database was killed amid {answering} answers, and is back after {seconds:.1f} s", flush=True)


def _replay(world: World, requests: Sequence[Request], dice: random.Random) -> None:
    started_at, reported_at = time.monotonic(), time.monotonic()
    with ThreadPoolExecutor(max_workers=64) as pool:
        asking = []
        for request in requests:
            user = dice.choices(range(len(USERS)), [share for share, _ in USERS])[0]
            priority = dice.choices([0, *PRIORITIES], [1 - sum(PRIORITIES.values()), *PRIORITIES.values()])[0]
            time.sleep(max(0.0, started_at + request.at - time.monotonic()))
            asking.append(pool.submit(_ask, world, user, request, priority))
            if time.monotonic() - reported_at > _PROGRESS_SECONDS:
                reported_at = time.monotonic()
                print(f"  {reported_at - started_at:5.0f} s  {len(asking)} due, {len(world.wishes)} asked", flush=True)
        for future in asking:
            if (error := future.exception()) is not None:
                world.failures.append(f"a question could not be asked: {type(error).__name__}: {error}")


def _ask(world: World, user: int, request: Request, priority: int) -> None:
    client, wish = world.users[user], Wish(secrets.token_hex(5), request.tokens, request.prompt_tokens)
    conversation = _persist(world, lambda key: client.json("POST", "/conversations", {}, Idempotency_Key=key))["id"]
    body = {"content": f"What do the notes say of the coolant pump? {wish}", "model": "scripted"}
    path = f"/conversations/{conversation}/messages"
    job = _persist(world, lambda key: client.json("POST", path, body, Idempotency_Key=key))["job"]["id"]
    with world.lock:
        world.wishes[job], world.askers[job] = wish, user
    if not priority:
        return

    def move(_key: str) -> None:
        try:
            world.administrator.json("PATCH", f"/jobs/{job}", {"priority": priority})
        except ApiError as error:
            if error.status != 409:  # it has ended already
                raise

    _persist(world, move)
    world.moved[job] = (priority, time.time())


def _persist(world: World, attempt: Callable[[str], Any]) -> Any:
    def note(what: str) -> None:
        with world.lock:
            world.counts[what] += 1

    return persist(attempt, note=note)


# The reckoning


def _drain(world: World) -> list[str]:
    """Wait until the queue is empty."""
    deadline, reported_at = time.monotonic() + _DRAIN_SECONDS, time.monotonic()
    while time.monotonic() < deadline:
        ((unfinished,),) = world.place.rows("select count(*) from llm_queue")
        if unfinished == 0:
            return []
        if time.monotonic() - reported_at > _PROGRESS_SECONDS:
            reported_at = time.monotonic()
            print(f"         {unfinished} in the queue", flush=True)
        time.sleep(0.5)
    return [f"stuck: {unfinished} in the queue after {_DRAIN_SECONDS:.0f} s"]


_ANSWERS = f"""
select j.id::text, j.status, m.content,
       (select count(*) from messages a where a.parent_message_id = j.question_id and a.role = 'assistant'),
       (select count(*) from job_events e where e.job_id = j.id and e.event in ('done', 'error', 'cancelled')),
       (select count(*) from agent_traces t where t.job_id = j.id),
       {checks.STREAMED}
  from llm_jobs j left join messages m on m.id = j.answer_id
"""


def _compare(world: World) -> list[str]:
    """Every acknowledged question has one answer, word by word the one that was wished for."""
    rows = {row[0]: row[1:] for row in world.place.rows(_ANSWERS)}
    problems = [f"lost: {job}" for job in world.wishes.keys() - rows.keys()]
    problems += [f"job that nobody was told of: {job}" for job in rows.keys() - world.wishes.keys()]
    for job in world.wishes.keys() & rows.keys():
        status, content, answers, ends, traces, streamed = rows[job]
        if (status, answers, ends, traces) != ("completed", 1, 1, 1):
            problems.append(f"job {job}: {status}, {answers} answers, {ends} ends, {traces} traces")
        if not content == streamed == world.wishes[job].text():
            problems.append(f"job {job} has not the words that were wished for: {str(content)[:60]!r}")
    return problems


def _jobs(world: World) -> list[Job]:
    statement = (
        "select id::text, extract(epoch from created_at)::float8, extract(epoch from started_at)::float8, "
        "extract(epoch from finished_at)::float8 from llm_jobs where started_at is not null and finished_at is not null"
    )
    jobs = []
    for job, queued, started, ended in world.place.rows(statement):
        priority, since = world.moved.get(job, (0, 0.0))
        jobs.append(Job(world.askers[job], priority if started >= since else 0, queued, started, ended))
    return jobs


def _report(world: World, started_at: float, workers: int) -> None:
    jobs, weights = _jobs(world), [weight for _, weight in USERS]
    if not jobs:
        return
    print("  waits from question to worker, in seconds")
    for priority in sorted({job.priority for job in jobs}, reverse=True):
        _row(f"priority {priority:>2}", [job for job in jobs if job.priority == priority])
    got = shares(jobs, weights)
    for user, weight in enumerate(weights):
        served, entitled = got.get(user, (0.0, 0.0))
        ratio = f"{served / entitled:.2f}" if entitled else "–"
        more = f"served {served:4.0f}, entitled to {entitled:6.1f}: {ratio}"
        _row(f"user {user}, weight {weight}", [job for job in jobs if job.user == user], more)
    plain = first_come(jobs, workers)
    print(
        f"  Jain's index of served / entitled: {index_of(jobs, weights):.3f}; "
        f"first come, first served: {index_of(plain, weights):.3f}"
    )
    seconds = max(job.ended for job in jobs) - min(job.queued for job in jobs)
    words = sum(wish.tokens for wish in world.wishes.values())
    (attempts,) = world.place.rows("select sum(attempts) from llm_jobs")[0]
    print(
        f"  {len(jobs)} answers in {seconds:.0f} s: {60 * len(jobs) / seconds:.1f} a minute, "
        f"{words / seconds:.0f} tokens/s; {attempts} attempts; {time.time() - started_at:.0f} s in all"
    )
    print(
        "  clients tried again after " + (", ".join(f"{n} × {what}" for what, n in world.counts.items()) or "nothing")
    )


def _row(name: str, jobs: Sequence[Job], more: str = "") -> None:
    if not jobs:
        return
    waits = sorted(job.wait for job in jobs)
    high = waits[math.ceil(0.95 * len(waits)) - 1]
    print(f"    {name:<16}{len(jobs):5} jobs   p50 {statistics.median(waits):7.1f}   p95 {high:7.1f}   {more}")
