"""`make chaos`: kill everything at random while people work, then compare the final state row by row.

Documents are uploaded, replaced and deleted and questions asked over HTTP, while workers, the emulator and
the database are killed (SIGKILL) at random moments and extra messages double, delay and reorder what the queues
deliver. A client repeats what was not acknowledged, under the same Idempotency-Key. Afterwards every row is
held against what was acknowledged: nothing lost, nothing doubled, nothing stuck.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import secrets
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import psutil
import psycopg

from infra import deploy
from infra.local import emulator, stack
from infra.local.client import Alcove, ApiError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_TOPICS = (
    "coolant pump",
    "safety valve",
    "night shift",
    "holiday request",
    "fire drill",
    "steam turbine",
    "travel budget",
)
_PERSISTENCE = 180.0
_QUIET_SECONDS = 900.0


@dataclass
class Expected:
    """What was acknowledged for one document: its newest text and whether it was deleted."""

    content: str
    deleted: bool = False
    busy: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class World:
    """What the clients did and what they were told."""

    directory: Path
    documents: dict[str, Expected] = field(default_factory=dict)
    questions: dict[str, str] = field(default_factory=dict)  # question id → job id
    operations: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    mischief: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def info(self) -> stack.StackInfo:
        """How to reach the stack."""
        return stack.load(self.directory)


def main() -> int:
    """Run; 0 when the final state is right."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how many kills before the dust may settle")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--users", type=int, default=3)
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="alcove-chaos-"))
    directory.chmod(0o755)
    print(f"  seed {options.seed}, {options.kills} kills, {options.users} users")
    try:
        return _run(World(directory), options)
    finally:
        stack.reset(directory)
        shutil.rmtree(directory, ignore_errors=True)


def _run(world: World, options: argparse.Namespace) -> int:
    stack.up(world.directory, quiet=True)
    users = [
        Alcove.register(world.info().api_url, f"chaos{number}@example.org", "a long enough password", timeout=30)
        for number in range(options.users)
    ]
    tasks: list[tuple[Callable[..., None], tuple[Any, ...]]] = [
        (_work, (world, user, random.Random(options.seed + number))) for number, user in enumerate(users)
    ]
    tasks.append((_disturb, (world, random.Random(options.seed + 1000))))
    threads = [threading.Thread(target=_guarded, args=(world, task, *given)) for task, given in tasks]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    _kill_all(world, random.Random(options.seed + 2000), options.kills)
    world.over.set()
    for thread in threads:
        thread.join()
    print(f"  {sum(world.kills.values())} kills in {time.monotonic() - started:.0f} s; now it may settle")
    settled = _settle(world)
    problems = world.failures + settled + _compare(world)
    _tell(world, problems)
    return 1 if problems else 0


def _guarded(world: World, task: Callable[..., None], *given: Any) -> None:
    try:
        task(*given)
    except Exception as error:  # noqa: BLE001 — a client that dies is a finding
        world.failures.append(f"{task.__name__}: {type(error).__name__}: {error}")


# People at work


def _work(world: World, user: Alcove, dice: random.Random) -> None:
    conversation = _persist(lambda key: user.call("POST", "/conversations", {}, Idempotency_Key=key))["id"]
    mine: list[str] = []
    while not world.over.is_set():
        deed = dice.choices(["add", "upload", "replace", "delete", "ask"], [3, 2, 4, 1, 4])[0]
        if deed in {"replace", "delete"} and not mine:
            deed = "add"
        _DEEDS[deed](world, user, dice, mine, conversation)
        world.operations[deed] += 1
        time.sleep(dice.uniform(0.05, 0.5))


def _text(dice: random.Random) -> str:
    """A text that no other has, of one to about eight passages."""
    topic = dice.choice(_TOPICS)
    lines = [f"Note {secrets.token_hex(8)} on the {topic}."]
    lines += [
        f"Item {number}: on day {dice.randrange(365)} the {topic} was {dice.choice(['fine', 'worn', 'loose'])}."
        for number in range(dice.randrange(1, 60))
    ]
    return "\n\n".join(lines)


def _add(world: World, user: Alcove, dice: random.Random, mine: list[str], _: str) -> None:
    content = _text(dice)
    body = {"title": content[:40], "content": content}
    document = _persist(lambda key: user.call("POST", "/documents", body, Idempotency_Key=key))
    mine.append(document["id"])
    world.documents[document["id"]] = Expected(content)


def _upload(world: World, user: Alcove, dice: random.Random, mine: list[str], _: str) -> None:
    content = _text(dice).encode()
    body = {"filename": "note.txt", "content_type": "text/plain", "size_bytes": len(content)}

    def send(key: str) -> Any:
        document = user.call("POST", "/documents", body, Idempotency_Key=key)
        if document.get("upload"):
            user.send(document["upload"], content)
        return document

    document = _persist(send)
    mine.append(document["id"])
    world.documents[document["id"]] = Expected(content.decode())


def _replace(world: World, user: Alcove, dice: random.Random, mine: list[str], _: str) -> None:
    identity = dice.choice(mine)
    content = _text(dice)
    _persist(lambda _key: user.call("PUT", f"/documents/{identity}/content", {"content": content}))
    world.documents[identity].content = content


def _delete(world: World, user: Alcove, dice: random.Random, mine: list[str], _: str) -> None:
    identity = mine.pop(dice.randrange(len(mine)))

    def gone(_key: str) -> None:
        try:
            user.call("DELETE", f"/documents/{identity}")
        except ApiError as error:
            if error.status != 404:  # an earlier attempt got through
                raise

    _persist(gone)
    world.documents[identity].deleted = True


def _ask(world: World, user: Alcove, dice: random.Random, _: list[str], conversation: str) -> None:
    question = f"What was found about the {dice.choice(_TOPICS)}? ({secrets.token_hex(4)})"
    path = f"/conversations/{conversation}/messages"
    try:
        asked = _persist(lambda key: user.call("POST", path, {"content": question}, Idempotency_Key=key))
    except ApiError as error:
        if error.status != 429:
            raise
        world.operations["refused: queue full"] += 1
        time.sleep(1)
        return
    world.questions[asked["message"]["id"]] = asked["job"]["id"]


_DEEDS: dict[str, Callable[[World, Alcove, random.Random, list[str], str], None]] = {
    "add": _add,
    "upload": _upload,
    "replace": _replace,
    "delete": _delete,
    "ask": _ask,
}


def _persist(attempt: Callable[[str], Any]) -> Any:
    """Repeat a request until it is acknowledged, always under the same key."""
    key, deadline = secrets.token_hex(16), time.monotonic() + _PERSISTENCE
    while True:
        try:
            return attempt(key)
        except ApiError as error:
            throttled = error.status == 429 and error.problem.get("code") != "queue_full"
            if (error.status < 500 and not throttled) or time.monotonic() > deadline:
                raise
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.3)


# Mischief


def _disturb(world: World, dice: random.Random) -> None:
    """Double, delay and reorder: extra messages for documents and jobs, old ones too, at random delays."""
    while not world.over.is_set():
        time.sleep(dice.uniform(0.1, 0.6))
        with contextlib.suppress(Exception):  # the emulator may be dead at this moment
            sqs = _sqs(world)
            queues = world.info().queues
            if world.documents and dice.random() < 0.6:
                identity = dice.choice(list(world.documents))
                body, queue = {"object_key": f"documents/{identity}"}, queues["ingest"]
            else:
                body, queue = {"job_id": "whichever"}, queues["answer"]
            for _ in range(dice.randrange(1, 4)):
                sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(body), DelaySeconds=dice.choice([0, 0, 1, 5]))
                world.mischief["extra messages"] += 1


def _sqs(world: World) -> SQSClient:
    return boto3.client(
        "sqs",
        endpoint_url=world.info().endpoint_url,
        region_name=world.info().region,
        aws_access_key_id=emulator.ACCESS_KEY,
        aws_secret_access_key=emulator.ACCESS_KEY,
    )


def _kill_all(world: World, dice: random.Random, wanted: int) -> None:
    while sum(world.kills.values()) < wanted:
        time.sleep(dice.uniform(0.2, 1.2))
        kind = dice.choices(["worker", "emulator", "database"], [88, 6, 6])[0]
        try:
            if _KILLERS[kind](world, dice):
                world.kills[kind] += 1
                if sum(world.kills.values()) % 20 == 0:
                    print(
                        f"  {sum(world.kills.values())} kills, {sum(world.operations.values())} operations", flush=True
                    )
        except Exception as error:  # noqa: BLE001 — a stack that does not come back is a finding
            world.failures.append(f"after killing the {kind}: {type(error).__name__}: {error}")
            world.over.set()
            return


def _kill_worker(world: World, dice: random.Random) -> bool:
    """Kill one function's process, or the child in which it reads a file."""
    pids = world.info().pids
    with contextlib.suppress(psutil.NoSuchProcess):
        workers = psutil.Process(pids["emulator"]).children(recursive=True)
        busy = [worker for worker in workers if worker.status() != psutil.STATUS_ZOMBIE]
        if busy:
            dice.choice(busy).kill()
            return True
    return False


def _kill_emulator(world: World, _: random.Random) -> bool:
    directory = world.directory
    for process in emulator.processes_of(directory / "aws"):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _up_again(directory)
    return True


def _up_again(directory: Path) -> None:
    """Bring everything up; the first requests may still meet a function that was just killed."""
    for attempt in range(3):
        try:
            stack.up(directory, quiet=True)
        except deploy.DeployError:
            if attempt == 2:
                raise
        else:
            return


def _kill_database(world: World, _: random.Random) -> bool:
    postmaster = psutil.Process(stack.load(world.directory).pids["postgres"])
    for process in [postmaster, *postmaster.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    stack.start_postgres(world.directory)
    _up_again(world.directory)
    return True


_KILLERS: dict[str, Callable[[World, random.Random], bool]] = {
    "worker": _kill_worker,
    "emulator": _kill_emulator,
    "database": _kill_database,
}


# The reckoning


def _owner(world: World) -> psycopg.Connection[Any]:
    return psycopg.connect(world.info().database_url["owner"], autocommit=True)


_UNFINISHED = """
select (select count(*) from documents where deleted_at is null and status in ('pending', 'processing'))
     + (select count(*) from llm_queue)
     + (select count(*) from llm_jobs where status in ('pending', 'processing'))
"""


def _settle(world: World) -> list[str]:
    """Wait until nothing is unfinished, with only what runs by itself: tick, the queues, the workers."""
    _up_again(world.directory)
    deadline, quiet_since = time.monotonic() + _QUIET_SECONDS, None
    while time.monotonic() < deadline:
        with _owner(world) as conn:
            row = conn.execute(_UNFINISHED).fetchone()
            behind = _behind(world, conn)
        if row and row[0] == 0 and not behind:
            quiet_since = quiet_since or time.monotonic()
            if time.monotonic() - quiet_since > 10:
                return []
        else:
            quiet_since = None
        time.sleep(2)
    return [f"stuck: {row[0] if row else '?'} unfinished rows, {len(behind)} documents behind the bucket"]


def _behind(world: World, conn: psycopg.Connection[Any]) -> list[str]:
    """Documents whose searchable text is not the newest acknowledged one."""
    stored = dict(
        conn.execute(
            "select d.id::text, t.content from documents d join document_texts t on t.document_id = d.id"
        ).fetchall()
    )
    return [
        identity
        for identity, expected in world.documents.items()
        if not expected.deleted and stored.get(identity) != expected.content
    ]


# name → statement that finds what must not be; each row is one finding.
_MUST_BE_EMPTY = {
    "document without its whole set of chunks": """
        select d.id from documents d left join document_chunks c on c.document_id = d.id
         where d.status = 'completed' and d.duplicate_of is null
         group by d.id, d.chunk_count
        having count(c.id) <> d.chunk_count or coalesce(max(c.chunk_index) + 1, 0) <> d.chunk_count""",
    "chunk that is not a slice of its text": """
        select c.id from document_chunks c join document_texts t using (document_id)
         where substr(t.content, c.start_char + 1, c.end_char - c.start_char) <> c.chunk_text""",
    "chunk without exactly one vector and one set of weights": """
        select c.id from document_chunks c
         where (select count(*) from embeddings e where e.chunk_id = c.id) <> 1
            or (select count(*) from chunk_terms t where t.chunk_id = c.id) <> 1""",
    "chunk of a deleted document that can be found": """
        select d.id from documents d
         where d.deleted_at is not null
           and (exists (select from embeddings e where e.document_id = d.id and e.live)
                or exists (select from chunk_terms t where t.document_id = d.id and t.live))""",
    "chunk of a living document that cannot be found": """
        select d.id from documents d
         where d.deleted_at is null
           and (exists (select from embeddings e where e.document_id = d.id and not e.live)
                or exists (select from chunk_terms t where t.document_id = d.id and not t.live))""",
    "lexeme count that is wrong": """
        with counted as (select lexeme, sum(chunks) as n from lexeme_counts group by 1 having sum(chunks) <> 0),
        real as (
            select split_part(entry, ':', 1)::integer as lexeme, count(*) as n
              from chunk_terms t, unnest(string_to_array(trim('{' from split_part(t.weights::text, '}', 1)), ',')) entry
             where t.live and entry <> '' group by 1
            union all select 0, count(*) from chunk_terms where live having count(*) > 0)
        select lexeme from counted full join real using (lexeme) where counted.n is distinct from real.n""",
    "question not answered exactly once": """
        select j.id from llm_jobs j
         where j.status <> 'completed'
            or (select count(*) from messages m
                 where m.parent_message_id = j.question_id and m.role = 'assistant') <> 1""",
    "stream with a gap or without exactly one end": """
        select j.id from llm_jobs j left join job_events e on e.job_id = j.id
         group by j.id, j.event_count
        having count(e.number) <> j.event_count or max(e.number) <> j.event_count
            or count(*) filter (where e.event in ('done', 'error', 'cancelled')) <> 1""",
    "stream whose words are not the answer": """
        select j.id from llm_jobs j join messages m on m.id = j.answer_id
         where m.content <> (
            select coalesce(string_agg(e.data ->> 'text', '' order by e.number), '') from job_events e
             where e.job_id = j.id and e.event = 'token'
               and e.number > coalesce((select max(r.number) from job_events r
                                         where r.job_id = j.id and r.event = 'meta' and r.data ? 'restart'), 0))""",
}


def _compare(world: World) -> list[str]:
    problems = []
    with _owner(world) as conn:
        problems += [f"lost: {identity}" for identity in _behind(world, conn)]
        for name, statement in _MUST_BE_EMPTY.items():
            problems += [f"{name}: {row[0]}" for row in conn.execute(statement).fetchall()]
        known = {row[0] for row in conn.execute("select id::text from documents").fetchall()}
        problems += [f"lost row: {identity}" for identity in world.documents.keys() - known]
        unasked = {row[0] for row in conn.execute("select id::text from documents where deleted_at is null").fetchall()}
        living = {identity for identity, expected in world.documents.items() if not expected.deleted}
        problems += [f"document that was deleted or never acknowledged: {identity}" for identity in unasked - living]
        jobs = {row[0] for row in conn.execute("select id::text from llm_jobs").fetchall()}
        problems += [f"lost job: {job}" for job in set(world.questions.values()) - jobs]
        problems += [f"job that nobody was told of: {job}" for job in jobs - set(world.questions.values())]
        world.mischief.update(
            {
                f"healed: {row[0]}": row[1]
                for row in conn.execute("select event_type, count(*) from self_healing_events group by 1").fetchall()
            }
        )
    return problems


def _tell(world: World, problems: list[str]) -> None:
    for title, counts in (("did", world.operations), ("killed", world.kills), ("mischief", world.mischief)):
        print(f"  {title}: " + ", ".join(f"{name} {number}" for name, number in sorted(counts.items())))
    print(f"  documents {len(world.documents)}, questions {len(world.questions)}")
    for problem in problems[:50]:
        print(f"  WRONG  {problem}")
    print(f"  {len(problems)} wrong" if problems else "  0 lost, 0 doubled, 0 stuck")


if __name__ == "__main__":
    sys.exit(main())
