"""Kill whoever answers, a thousand times, then compare row by row and event by event.

Several users ask while `answer` instances are killed (SIGKILL) at random moments, at once replaced, and wake-ups are
doubled and dropped. Some answers come from a model's server that is slow, refuses, breaks off and says it differently
the second time; some from the built-in reader. Every asker follows the stream, is cut off at random bytes, resumes with
`Last-Event-ID`; some cancel. Afterwards each job ended once, each client saw each event once and in order, and each
answer is what was streamed. Instances run with a shorter lease (`--lease`) and shorter waits between attempts, so that
so many deaths fit into minutes. Nothing depends on how fast the machine is.
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx

from alcove import ApiError, Event
from bench.commands import Command, parser
from bench.local import wait_until_ingested
from infra.local import instances
from infra.local.api_session import ApiSession
from tests.endurance import checks
from tests.endurance.clients import guarded, persist
from tests.endurance.model_server import VARIANTS, Wish

COMMAND = Command(
    "Kill whoever answers, then compare row by row and event by event",
    usual="--kills 200",
    smallest=("--kills 1 --users 1 --workers 1",),
)

_INGESTION_SECONDS = 600.0
_FINISH_SECONDS = 1_800.0
_OUTSTANDING = 3
_PROGRESS_SECONDS = 15.0
_DROPPED = 0.3  # wake-ups for each question
# So many kills for each job that ended: on a busy machine the killer waits, or nobody would ever come to an end.
_KILLS_PER_END = 1.0
_DOCUMENT = (
    "The coolant pump P-17 is inspected every ninety days. Its seal is replaced when it leaks.\n\n"
    "The night shift reports a loud pump to the foreman. The pump is stopped by the red switch at the gate."
)
_QUESTIONS = (
    "How often is the coolant pump inspected?",
    "When is the seal of the pump replaced?",
    "Who is told of a loud pump?",
    "How is the pump stopped?",
)


@dataclass(frozen=True)
class SentQuestion:
    """A question that was acknowledged; `wish` is what the model's server was asked to say, if it was asked."""

    job_id: str
    wish: Wish | None


@dataclass
class World:
    """What was done and seen."""

    place: instances.Place
    users: list[ApiSession]
    questions: dict[str, SentQuestion] = field(default_factory=dict)
    observed: dict[str, list[Event]] = field(default_factory=dict)
    followers: list[Future[None]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, what: str, number: int = 1) -> None:
        with self.lock:
            self.counts[what] += number


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 0 when the final state is right."""
    command_line = parser("tests.endurance answers", __doc__)
    command_line.add_argument("--kills", type=int, default=1000)
    command_line.add_argument("--users", type=int, default=5)
    command_line.add_argument("--workers", type=int, default=6, help="instances that answer")
    command_line.add_argument("--lease", type=float, default=4.0, help="seconds; the product's own is 30")
    command_line.add_argument("--pause", type=float, default=1.0, help="longest pause between two kills, in seconds")
    command_line.add_argument("--rate", type=float, default=15.0, help="words a second of the model's server")
    command_line.add_argument("--seed", type=int, default=secrets.randbits(32))
    options = command_line.parse_args(arguments)
    print(f"  seed {options.seed}, {options.kills} kills, {options.users} users, {options.workers} workers", flush=True)
    knobs = instances.Knobs(lease=options.lease, retry=0.5, wake_after=2.0, event_wait=1.0, tick=1.0)
    script = ["--rate", str(options.rate), "--defects", "0.08", "--seed", str(options.seed)]
    with (
        instances.place(knobs, visibility_seconds=5) as place,
        instances.module("tests.endurance.model_server", *script) as (_, model_url),
    ):
        problems = _run(place, model_url, options)
    for problem in problems[:50]:
        print(f"  WRONG  {problem}")
    print(f"  FAIL: {len(problems)} wrong" if problems else "  PASS: 0 lost, 0 doubled, 0 stuck")
    return 1 if problems else 0


def _run(place: instances.Place, model_url: str, options: argparse.Namespace) -> list[str]:
    place.add("api", 2 + 2 * options.users)
    place.add("ingest")
    place.add("tick")
    place.add("answer", options.workers)
    with place.owner() as conn:  # what is measured is not the rate limits
        conn.execute("update rate_limits set burst = 1000000, every = '1 microsecond'")
    world = World(place, _people(place, model_url, options.users))
    dice = random.Random(options.seed)
    started_at = time.monotonic()
    with ThreadPoolExecutor(max_workers=options.users * _OUTSTANDING * 2, thread_name_prefix="follower") as pool:
        tasks: list[tuple[Callable[..., None], tuple[Any, ...]]] = [
            (_ask_on, (user, pool, random.Random(dice.random()))) for user in world.users
        ]
        tasks.append((_disturb, (random.Random(dice.random()),)))
        threads = [
            threading.Thread(target=guarded, args=(world.failures, task, world, *provided)) for task, provided in tasks
        ]
        for thread in threads:
            thread.start()
        _kill_on(world, random.Random(dice.random()), options)
        world.over.set()
        for thread in threads:
            thread.join()
        print(f"  {options.kills} kills in {time.monotonic() - started_at:.0f} s; now it may settle", flush=True)
        stuck = _finish_run(world)
        if stuck:
            print(place.log_tail())
            world.failures += stuck
        for follower in world.followers:
            follower.result()
    problems = world.failures + _compare(world)
    _report(world, time.monotonic() - started_at)
    return problems


def _people(place: instances.Place, model_url: str, number: int) -> list[ApiSession]:
    """Register a model, and users with a document each."""
    administrator = ApiSession.log_in_as(place.api_url, **place.administrator, timeout=120)
    model = {"name": "scripted", "provider": "vllm", "model_id": "scripted", "endpoint": model_url}
    administrator.json("POST", "/llms", model | {"context_tokens": 32768, "prompt_price": 1, "completion_price": 2})
    users = [
        ApiSession.register(place.api_url, f"user{one}@example.org", "a long enough password", timeout=120)
        for one in range(number)
    ]
    for user in users:
        created = user.json("POST", "/documents", {"title": "Pumps", "content": _DOCUMENT})
        wait_until_ingested(user, [created["id"]], seconds=_INGESTION_SECONDS)
    return users


# People who ask and follow


def _ask_on(world: World, user: ApiSession, pool: ThreadPoolExecutor, dice: random.Random) -> None:
    own: list[Future[None]] = []
    conversation = ""
    while not world.over.is_set():
        own = [future for future in own if not future.done()]
        if len(own) >= _OUTSTANDING:
            time.sleep(0.05)
            continue
        if not conversation or dice.random() < 0.3:
            conversation = persist(lambda key: user.json("POST", "/conversations", {}, Idempotency_Key=key))["id"]
        sent = _ask(world, user, conversation, dice)
        follower = pool.submit(guarded, world.failures, _follow, world, user, sent.job_id, random.Random(dice.random()))
        own.append(follower)
        world.followers.append(follower)
        if dice.random() < 0.05:
            _cancel(world, user, sent.job_id, dice)


def _ask(world: World, user: ApiSession, conversation: str, dice: random.Random) -> SentQuestion:
    wish = Wish(secrets.token_hex(5), dice.randrange(5, 90), 200) if dice.random() < 0.65 else None
    question = dice.choice(_QUESTIONS) + (f" {wish}" if wish else "")
    body = {"content": question, "model": "scripted" if wish else "extractive"}
    path = f"/conversations/{conversation}/messages"
    answer = persist(lambda key: user.json("POST", path, body, Idempotency_Key=key))
    sent = SentQuestion(answer["job"]["id"], wish)
    with world.lock:
        world.questions[sent.job_id] = sent
    return sent


def _cancel(world: World, user: ApiSession, job_id: str, dice: random.Random) -> None:
    time.sleep(dice.uniform(0, 1.5))

    def cancel(_key: str) -> None:
        try:
            user.json("DELETE", f"/jobs/{job_id}")
        except ApiError as error:
            if error.status != 409:  # it had ended
                raise

    persist(cancel)
    world.count("cancellations asked for")


def _follow(world: World, user: ApiSession, job_id: str, dice: random.Random) -> None:
    """Read a job's events to their end, cut off now and then at any byte, and resume after the last whole one."""
    observed: list[Event] = []
    deadline = time.monotonic() + _FINISH_SECONDS * 2
    while time.monotonic() < deadline:
        cut = dice.randrange(1, 3000) if dice.random() < 0.25 else None
        headers = {"Last-Event-ID": str(observed[-1].number)} if observed else {}
        try:
            with user._http.stream("GET", f"jobs/{job_id}/events", headers=headers | user.authorization) as response:
                status, body = response.status_code, _read(response, cut)
        except httpx.HTTPError:
            continue
        if status == 204:
            world.observed[job_id] = observed
            return
        if status == 401:
            user.json("GET", "/me")  # logs in again
        elif status != 200:
            time.sleep(0.2)
        else:
            world.count("streams cut off", cut is not None and len(body) == cut)
            observed += _events(body)
    raise TimeoutError(f"the stream of job {job_id} does not end")


def _read(response: httpx.Response, most: int | None) -> bytes:
    body = b""
    for chunk in response.iter_raw(chunk_size=256):
        body += chunk
        if most is not None and len(body) >= most:
            return body[:most]
    return body


def _events(body: bytes) -> Iterator[Event]:
    """The whole events of a body that may end anywhere."""
    for block in body.split(b"\n\n")[:-1]:
        lines = [line.split(": ", 1) for line in block.decode().splitlines() if not line.startswith(":")]
        fields = {line[0]: line[1] for line in lines}
        if "data" in fields:
            yield Event(int(fields["id"]), fields["event"], json.loads(fields["data"]))


# Mischief


def _disturb(world: World, dice: random.Random) -> None:
    """Double wake-ups, send some for nobody, and take others away."""
    sqs, queue = world.place.sqs(), world.place.queues["answer"]
    while not world.over.is_set():
        time.sleep(dice.uniform(0.05, 0.5))
        if dice.random() < 0.5:
            for _ in range(dice.randrange(1, 4)):
                body = json.dumps({"job_id": "whichever"})
                sqs.send_message(QueueUrl=queue, MessageBody=body, DelaySeconds=dice.choice([0, 0, 1, 3]))
                world.count("wake-ups doubled")
        elif world.counts["wake-ups dropped"] < len(world.questions) * _DROPPED:
            for message in sqs.receive_message(QueueUrl=queue).get("Messages", []):
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                world.count("wake-ups dropped")


def _kill_on(world: World, dice: random.Random, options: argparse.Namespace) -> None:
    reported_at = started_at = time.monotonic()
    for number in range(1, options.kills + 1):
        time.sleep(dice.uniform(0, options.pause))
        while not world.failures and number > options.workers + _KILLS_PER_END * _ended(world):
            time.sleep(dice.uniform(0, options.pause))
        if world.failures:
            return
        world.place.kill("answer", dice.randrange(options.workers))
        world.place.add("answer")
        world.count("kills")
        if time.monotonic() - reported_at > _PROGRESS_SECONDS:
            reported_at = time.monotonic()
            print(f"  {reported_at - started_at:5.0f} s  {number} kills, {len(world.questions)} questions", flush=True)


def _ended(world: World) -> int:
    return int(world.place.rows("select count(*) from llm_jobs where finished_at is not null")[0][0])


# The reckoning


_UNFINISHED = """
select (select count(*) from llm_queue) + (select count(*) from llm_jobs where status in ('pending', 'processing'))
"""


def _finish_run(world: World) -> list[str]:
    """Wait until nothing is unfinished."""
    deadline, reported_at = time.monotonic() + _FINISH_SECONDS, time.monotonic()
    while time.monotonic() < deadline:
        ((unfinished,),) = world.place.rows(_UNFINISHED)
        if unfinished == 0:
            return []
        if time.monotonic() - reported_at > _PROGRESS_SECONDS:
            reported_at = time.monotonic()
            print(f"  {unfinished} unfinished rows", flush=True)
        time.sleep(0.5)
    return [f"stuck: {unfinished} unfinished rows after {_FINISH_SECONDS:.0f} s"]


_ENDED_ATTEMPTS = """
    (select count(*) + 1 from job_events w
      where w.job_id = j.id and w.event = 'meta' and w.data ->> 'status' = 'waiting')
"""
# Each statement finds what must not be; each row is one finding.
_MUST_BE_EMPTY = checks.JOBS | {
    "question with a doubled or missing answer": """
        select j.id from llm_jobs j left join messages m on m.parent_message_id = j.question_id and m.role = 'assistant'
         group by j.id
        having count(m.id) > 1 or (j.status = 'completed' and count(m.id) <> 1)
            or (j.status = 'failed' and count(m.id) > 0)
            or (j.answer_id is null) <> (count(m.id) = 0)""",
    "question that was stored twice": """
        select question_id from llm_jobs group by 1 having count(*) > 1""",
    "completed job without exactly one trace, or a trace of another end": """
        select j.id from llm_jobs j left join agent_traces t on t.job_id = j.id
         group by j.id
        having (j.status = 'completed' and count(t.id) <> 1) or count(t.id) > 1 or min(t.status) <> j.status""",
    "timing of more attempts than ended": f"""
        select j.id from llm_jobs j join timing t on t.job_id = j.id
         group by j.id
        having count(distinct t.attempt) > {_ENDED_ATTEMPTS}
            or count(*) filter (where t.stage = 'total') <> count(distinct t.attempt)
            or (j.status = 'completed' and max(t.attempt) <> j.attempts)""",
    "usage of more attempts than ended, or none of an answer by a model": f"""
        select j.id from llm_jobs j left join usage u on u.job_id = j.id
         group by j.id
        having count(u.id) > {_ENDED_ATTEMPTS}
            or (j.status = 'completed' and j.model = 'scripted' and count(u.id) = 0)
            or (j.model = 'extractive' and count(u.id) > 0)""",
    "answer whose tokens are not in the bill": """
        select j.id from llm_jobs j join messages m on m.id = j.answer_id
         where j.model = 'scripted'
           and not exists (select from usage u where u.job_id = j.id and u.prompt_tokens = m.prompt_tokens
                                                 and u.completion_tokens = m.completion_tokens)""",
    "conversation that counts its messages wrongly": """
        select c.id from conversations c left join messages m on m.conversation_id = c.id
         group by c.id having count(m.id) <> c.message_count""",
}


def _compare(world: World) -> list[str]:
    place = world.place
    problems = [f"{name}: {row[0]}" for name, statement in _MUST_BE_EMPTY.items() for row in place.rows(statement)]
    stored = {row[0] for row in place.rows("select id::text from llm_jobs")}
    problems += [f"lost job: {job}" for job in world.questions.keys() - stored]
    problems += [f"job that nobody was told of: {job}" for job in stored - world.questions.keys()]
    problems += _compare_answers(world)
    problems += _compare_streams(world)
    problems += _compare_results(world)
    return problems


def _compare_answers(world: World) -> Iterator[str]:
    """Answers of the model's server, word by word."""
    statement = "select j.id::text, j.status, m.content from llm_jobs j join messages m on m.id = j.answer_id"
    for job_id, status, content in world.place.rows(statement):
        sent = world.questions.get(job_id)
        if sent is None or sent.wish is None:
            continue
        whole = [sent.wish.text(variant) for variant in range(VARIANTS)]
        right = content in whole if status == "completed" else any(text.startswith(content) for text in whole)
        if not right:
            yield f"answer of job {job_id} has lost, doubled or foreign words: {content[:80]!r}"


def _compare_streams(world: World) -> Iterator[str]:
    """What each client saw, against what is stored."""
    stored: dict[str, list[Event]] = {}
    for job_id, *event in world.place.rows("select job_id::text, number, event, data from job_events order by 1, 2"):
        stored.setdefault(job_id, []).append(Event(*event))
    for job_id in world.questions:
        if world.observed.get(job_id) != stored.get(job_id):
            yield f"client of job {job_id} saw other events than are stored"
        else:
            world.counts["events that clients saw"] += len(stored[job_id])


def _compare_results(world: World) -> Iterator[str]:
    """The operator's notes: one for a job that failed, and for no other."""
    failed = {row[0] for row in world.place.rows("select id::text from llm_jobs where status = 'failed'")}
    sqs, queue = world.place.sqs(), world.place.queues["answer-dead"]
    recorded: Counter[str] = Counter()
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            recorded[json.loads(message["Body"])["job_id"]] += 1
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    for job_id, number in recorded.items():
        if job_id not in failed or number > 1:
            yield f"{number} notes in the dead-letter queue for job {job_id}, failed: {job_id in failed}"
    world.counts["dead letters"] = recorded.total()


def _report(world: World, seconds: float) -> None:
    place = world.place
    if world.questions:
        ((attempts, ended, waits, restarts),) = place.rows(
            "select (select sum(attempts) from llm_jobs), (select count(*) from llm_jobs where attempts > 0), "
            "(select count(*) from job_events where event = 'meta' and data ->> 'status' = 'waiting'), "
            "(select count(*) from job_events where event = 'meta' and data ? 'restart')"
        )
        cut = attempts - ended - waits
        print(f"  attempts: {attempts} begun, {cut} cut short by a kill or overtaken, {waits} tried again later")
        print(f"  streams that started over: {restarts}")
    ended_as = place.rows(
        "select model || ' ' || coalesce(error_code, status), count(*) from llm_jobs group by 1 order by 1"
    )
    print("  ended: " + ", ".join(f"{name} {number}" for name, number in ended_as))
    tries = place.rows("select attempts, count(*) from llm_jobs group by 1 order by 1")
    print("  jobs by attempts: " + ", ".join(f"{attempts}: {number}" for attempts, number in tries))
    usage = place.rows("select count(*), sum(completion_tokens) from usage")[0]
    print(f"  usage: {usage[0]} rows, {usage[1]} completion tokens")
    print("  " + ", ".join(f"{name} {number}" for name, number in sorted(world.counts.items())))
    print(f"  {seconds:.0f} s, {len(world.questions) / seconds:.1f} questions a second")
