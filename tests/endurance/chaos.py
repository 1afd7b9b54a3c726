"""Kill everything at random while people work, then compare the final state row by row.

Documents are added, uploaded, packed into archives, replaced, renamed, archived, read again, deleted and restored, and
questions are asked over HTTP, while workers, the emulator and
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
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psutil
import psycopg

from bench.commands import Command, parser
from bench.local import own_stack, user
from chalicelib.ops.updates.clouds import DeployError
from infra.local import emulator, stack
from tests.endurance import checks
from tests.endurance.clients import guarded
from tests.endurance.people import World, work

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

COMMAND = Command(
    "Kill everything at random while people work, then compare row by row",
    usual="--kills 50",
    smallest=("--state {state} --kills 1 --users 1 --seed 3",),
)

_IDLE_SECONDS = 900.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 0 when the final state is right."""
    command_line = parser("tests.endurance chaos", __doc__)
    command_line.add_argument("--kills", type=int, default=200, help="how many kills before the dust may settle")
    command_line.add_argument("--operations", type=int, default=0, help="and how many operations on documents")
    command_line.add_argument("--seed", type=int, default=secrets.randbits(32))
    command_line.add_argument("--users", type=int, default=3)
    command_line.add_argument("--state", type=Path, help="a stack to use and keep; without it one is made and deleted")
    options = command_line.parse_args(arguments)
    print(f"  seed {options.seed}, {options.kills} kills, {options.users} users")
    with own_stack("alcove-chaos-", options.state) as directory:
        return _run(World(directory), options)


def _run(world: World, options: argparse.Namespace) -> int:
    stack.up(world.directory, silent=True)
    users = [user(world.info(), timeout=30) for _ in range(options.users)]
    world.people = [person.json("GET", "/me")["id"] for person in users]
    tasks: list[tuple[Callable[..., None], tuple[Any, ...]]] = [
        (work, (world, person, random.Random(options.seed + number))) for number, person in enumerate(users)
    ]
    tasks.append((_disturb, (world, random.Random(options.seed + 1000))))
    threads = [threading.Thread(target=guarded, args=(world.failures, task, *provided)) for task, provided in tasks]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    _kill_all(world, random.Random(options.seed + 2000), options.kills, options.operations)
    world.over.set()
    for thread in threads:
        thread.join()
    print(f"  {sum(world.kills.values())} kills in {time.monotonic() - started:.0f} s; now it may settle")
    finished = _finish_run(world)
    problems = world.failures + finished + _compare(world)
    _report(world, problems)
    return 1 if problems else 0


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


def _kill_all(world: World, dice: random.Random, kills: int, operations: int) -> None:
    while sum(world.kills.values()) < kills or world.document_operations < operations:
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
            stack.up(directory, silent=True)
        except DeployError:
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


_LIVING = """
select id::text from documents where deleted_at is null and parent_id is null and owner_id = any(%s::uuid[])
"""
_JOBS = "select id::text from llm_jobs where user_id = any(%s::uuid[])"
_UNFINISHED = """
select (select count(*) from documents where deleted_at is null and status in ('pending', 'processing'))
     + (select count(*) from llm_queue)
     + (select count(*) from llm_jobs where status in ('pending', 'processing'))
"""


def _finish_run(world: World) -> list[str]:
    """Wait until nothing is unfinished, with only what runs by itself: tick, the queues, the workers."""
    _up_again(world.directory)
    deadline, idle_since = time.monotonic() + _IDLE_SECONDS, None
    while time.monotonic() < deadline:
        with _owner(world) as conn:
            row = conn.execute(_UNFINISHED).fetchone()
            behind = _behind(world, conn)
        if row and row[0] == 0 and not behind:
            idle_since = idle_since or time.monotonic()
            if time.monotonic() - idle_since > 10:
                return []
        else:
            idle_since = None
        time.sleep(2)
    return [f"stuck: {row[0] if row else '?'} unfinished rows, {len(behind)} documents behind the bucket"]


def _behind(world: World, conn: psycopg.Connection[Any]) -> list[str]:
    """Documents that are not what was acknowledged last: their searchable text, title, state, the files in them."""
    stored = {
        identity: (title, archived, content)
        for identity, title, archived, content in conn.execute(
            "select d.id::text, d.title, d.is_archived, t.content "
            "from documents d left join document_texts t on t.document_id = d.id where d.deleted_at is null"
        )
    }
    packed: dict[str, dict[str, str]] = {}
    for parent, title, content in conn.execute(
        "select d.parent_id::text, d.title, t.content from documents d join document_texts t on t.document_id = d.id "
        "where d.parent_id is not null and d.deleted_at is null"
    ):
        packed.setdefault(parent, {})[title] = content
    behind = []
    for identity, expected in world.documents.items():
        title, archived, content = stored.get(identity, (None, None, None))
        holds = packed.get(identity, {}) == expected.files if expected.files else content == expected.content
        if not expected.deleted and not (holds and (title, archived) == (expected.title, expected.archived)):
            behind.append(identity)
    return behind


# Each statement finds what must not be; each row is one finding.
_MUST_BE_EMPTY = checks.JOBS | {
    "document without its whole set of chunks": """
        select d.id from documents d left join document_chunks c on c.document_id = d.id
         where d.status = 'completed' and d.duplicate_of is null
         group by d.id, d.chunk_count
        having count(c.id) <> d.chunk_count or coalesce(max(c.chunk_index) + 1, 0) <> d.chunk_count""",
    "chunk that is not a slice of its text": """
        select c.id from document_chunks c join document_texts t using (document_id)
         where substr(t.content, c.start_char + 1, c.end_char - c.start_char) <> c.chunk_text""",
    "packed file that has another fate than its archive": """
        select d.id from documents d join documents p on p.id = d.parent_id
         where ((d.deleted_at is null), d.owner_id, d.space_id) <> ((p.deleted_at is null), p.owner_id, p.space_id)""",
    "chunk without exactly one vector and one set of weights": """
        select c.id from document_chunks c
         where (select count(*) from embeddings e where e.chunk_id = c.id) <> 1
            or (select count(*) from chunk_terms t where t.chunk_id = c.id) <> 1""",
    "chunk of a deleted or archived document that can be found": """
        select d.id from documents d
         where (d.deleted_at is not null or d.is_archived)
           and (exists (select from embeddings e where e.document_id = d.id and e.live)
                or exists (select from chunk_terms t where t.document_id = d.id and t.live))""",
    "chunk of a living document that cannot be found": """
        select d.id from documents d
         where d.deleted_at is null and not d.is_archived
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
}

_NOT_ANSWERED_ONCE = """
select j.id from llm_jobs j
 where j.user_id = any(%s::uuid[])
   and (j.status <> 'completed'
        or (select count(*) from messages m where m.parent_message_id = j.question_id and m.role = 'assistant') <> 1)
"""


def _compare(world: World) -> list[str]:
    problems = []
    with _owner(world) as conn:
        problems += [f"lost: {identity}" for identity in _behind(world, conn)]
        for name, statement in _MUST_BE_EMPTY.items():
            problems += [f"{name}: {row[0]}" for row in conn.execute(statement).fetchall()]
        unanswered = conn.execute(_NOT_ANSWERED_ONCE, [world.people]).fetchall()
        problems += [f"question not answered exactly once: {row[0]}" for row in unanswered]
        expected_keys = {row[0] for row in conn.execute("select id::text from documents").fetchall()}
        problems += [f"lost row: {identity}" for identity in world.documents.keys() - expected_keys]
        unasked = {row[0] for row in conn.execute(_LIVING, [world.people]).fetchall()}
        living = {identity for identity, expected in world.documents.items() if not expected.deleted}
        problems += [f"document that was deleted or never acknowledged: {identity}" for identity in unasked - living]
        jobs = {row[0] for row in conn.execute(_JOBS, [world.people]).fetchall()}
        problems += [f"lost job: {job}" for job in set(world.questions.values()) - jobs]
        problems += [f"job that nobody was told of: {job}" for job in jobs - set(world.questions.values())]
        world.mischief.update(
            {
                f"healed: {row[0]}": row[1]
                for row in conn.execute("select event_type, count(*) from self_healing_events group by 1").fetchall()
            }
        )
    return problems


def _report(world: World, problems: list[str]) -> None:
    for title, counts in (("did", world.operations), ("killed", world.kills), ("mischief", world.mischief)):
        print(f"  {title}: " + ", ".join(f"{name} {number}" for name, number in sorted(counts.items())))
    print(f"  documents {len(world.documents)}, questions {len(world.questions)}")
    for problem in problems[:50]:
        print(f"  WRONG  {problem}")
    print(f"  {len(problems)} wrong" if problems else "  0 lost, 0 doubled, 0 stuck")
