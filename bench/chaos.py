"""`make chaos`: kill everything at random while people work, then compare the final state row by row.

Documents are added, uploaded, packed into archives, replaced, renamed, archived, read again, deleted and restored, and
questions are asked over HTTP, while workers, the emulator and
the database are killed (SIGKILL) at random moments and extra messages double, delay and reorder what the queues
deliver. A client repeats what was not acknowledged, under the same Idempotency-Key. Afterwards every row is
held against what was acknowledged: nothing lost, nothing doubled, nothing stuck.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import random
import secrets
import shutil
import sys
import tempfile
import threading
import time
import zipfile
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
    """What was acknowledged for one document: its newest text, title and state; of an archive, the files in it."""

    content: str
    title: str
    deleted: bool = False
    archived: bool = False
    files: dict[str, str] = field(default_factory=dict)


@dataclass
class Person:
    """Somebody at work on documents of their own."""

    api: Alcove
    dice: random.Random
    conversation: str
    documents: dict[str, Expected] = field(default_factory=dict)

    def pick(self, *, deleted: bool = False, packed: bool | None = None) -> str | None:
        """One of their documents, if there is one."""
        fitting = [
            identity
            for identity, expected in self.documents.items()
            if expected.deleted == deleted and packed in (None, bool(expected.files))
        ]
        return self.dice.choice(fitting) if fitting else None


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

    @property
    def document_operations(self) -> int:
        """How many times somebody did something to a document."""
        return sum(count for deed, count in self.operations.items() if deed in _DEEDS and deed != "ask")

    def info(self) -> stack.StackInfo:
        """How to reach the stack."""
        return stack.load(self.directory)


def main() -> int:
    """Run; 0 when the final state is right."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how many kills before the dust may settle")
    parser.add_argument("--operations", type=int, default=0, help="and how many operations on documents")
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
    _kill_all(world, random.Random(options.seed + 2000), options.kills, options.operations)
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
    person = Person(user, dice, conversation)
    deeds, weights = [*_DEEDS], [weight for _, weight in _DEEDS.values()]
    while not world.over.is_set():
        deed = dice.choices(deeds, weights)[0]
        if _DEEDS[deed][0](world, person):
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


def _add(world: World, person: Person) -> bool:
    content = _text(person.dice)
    title = content[:40]
    body = {"title": title, "content": content}
    document = _persist(lambda key: person.api.call("POST", "/documents", body, Idempotency_Key=key))
    _know(world, person, document["id"], Expected(content, title))
    return True


def _upload(world: World, person: Person) -> bool:
    content = _text(person.dice)
    _know(world, person, _send(person, "note.txt", "text/plain", content.encode()), Expected(content, "note.txt"))
    return True


def _pack(world: World, person: Person) -> bool:
    files = {f"notes/{number}.txt": _text(person.dice) for number in range(person.dice.randrange(1, 4))}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    identity = _send(person, "notes.zip", "application/zip", packed.getvalue())
    _know(world, person, identity, Expected("", "notes.zip", files=files))
    return True


def _send(person: Person, filename: str, content_type: str, content: bytes) -> str:
    body = {"filename": filename, "content_type": content_type, "size_bytes": len(content)}

    def attempt(key: str) -> Any:
        document = person.api.call("POST", "/documents", body, Idempotency_Key=key)
        if document.get("upload"):
            person.api.send(document["upload"], content)
        return document

    return str(_persist(attempt)["id"])


def _know(world: World, person: Person, identity: str, expected: Expected) -> None:
    person.documents[identity] = world.documents[identity] = expected


def _replace(world: World, person: Person) -> bool:
    if (identity := person.pick(packed=False)) is None:
        return False
    content = _text(person.dice)
    _persist(lambda _key: person.api.call("PUT", f"/documents/{identity}/content", {"content": content}))
    world.documents[identity].content = content
    return True


def _rename(world: World, person: Person) -> bool:
    if (identity := person.pick()) is None:
        return False
    title = f"Note {secrets.token_hex(4)} of the {person.dice.choice(_TOPICS)}"
    _persist(lambda _key: person.api.call("PATCH", f"/documents/{identity}", {"title": title}))
    world.documents[identity].title = title
    return True


def _archive(world: World, person: Person) -> bool:
    if (identity := person.pick(packed=False)) is None:
        return False
    archived = not world.documents[identity].archived
    _persist(lambda _key: person.api.call("PATCH", f"/documents/{identity}", {"is_archived": archived}))
    world.documents[identity].archived = archived
    return True


def _reindex(_: World, person: Person) -> bool:
    if (identity := person.pick()) is None:
        return False
    _persist(lambda _key: person.api.call("POST", f"/documents/{identity}/reindex"))
    return True


def _delete(world: World, person: Person) -> bool:
    if (identity := person.pick()) is None:
        return False

    def gone(_key: str) -> None:
        try:
            person.api.call("DELETE", f"/documents/{identity}")
        except ApiError as error:
            if error.status != 404:  # an earlier attempt got through
                raise

    _persist(gone)
    world.documents[identity].deleted = True
    return True


def _restore(world: World, person: Person) -> bool:
    if (identity := person.pick(deleted=True)) is None:
        return False
    _persist(lambda _key: person.api.call("POST", f"/documents/{identity}/restore"))
    world.documents[identity].deleted = False
    return True


def _ask(world: World, person: Person) -> bool:
    question = f"What was found about the {person.dice.choice(_TOPICS)}? ({secrets.token_hex(4)})"
    path = f"/conversations/{person.conversation}/messages"
    try:
        asked = _persist(lambda key: person.api.call("POST", path, {"content": question}, Idempotency_Key=key))
    except ApiError as error:
        if error.status != 429:
            raise
        world.operations["refused: queue full"] += 1
        time.sleep(1)
        return False
    world.questions[asked["message"]["id"]] = asked["job"]["id"]
    return True


# What people do, and how often.
_DEEDS: dict[str, tuple[Callable[[World, Person], bool], int]] = {
    "add": (_add, 3),
    "upload": (_upload, 2),
    "pack": (_pack, 1),
    "replace": (_replace, 4),
    "rename": (_rename, 1),
    "archive": (_archive, 2),
    "reindex": (_reindex, 1),
    "delete": (_delete, 2),
    "restore": (_restore, 1),
    "ask": (_ask, 4),
}


def _persist(attempt: Callable[[str], Any]) -> Any:
    """Repeat a request until it is acknowledged, always under the same key."""
    key, deadline = secrets.token_hex(16), time.monotonic() + _PERSISTENCE
    while True:
        try:
            return attempt(key)
        except ApiError as error:
            throttled = error.status == 429 and error.problem.get("code") != "queue_full"
            # 409: the document is being changed, or an earlier attempt with this key still runs.
            if (error.status < 500 and error.status != 409 and not throttled) or time.monotonic() > deadline:
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


_LIVING = "select id::text from documents where deleted_at is null and parent_id is null"
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
        unasked = {row[0] for row in conn.execute(_LIVING).fetchall()}
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
