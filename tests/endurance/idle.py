"""A day of nobody, minute by minute: which connections the database sees, and how soon what falls due is attended.

A stack of this run's own is left alone until no tick is requested. Then `tick` is invoked once for each minute of a day
(1,440 times, several at once, in a few minutes of the clock) and once for the daily sweep; PostgreSQL counts the
sessions. Afterwards, by the clock and the stack's own schedule: a wake-up is lost, a worker dies with a lease, a
connector is due, a segment of the inverted index is due. Last, processes are killed (SIGKILL) at random instants of a
transaction that leaves work: whatever committed must have requested its tick before.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psycopg

from bench.commands import Command, parser
from infra.local import emulator, stack
from infra.local.api_session import ApiSession
from infra.local.release import STAGE
from tests.peers import web

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = Command(
    "Leave the service alone for a day, counting connections, then see what falls due attended",
    smallest=(),
    costs="1,440 invocations take minutes; tests/ops/test_idle.py shows each rule by itself",
)

_MINUTES = 1_440
_SWEEP_AT = 3 * 60 + 17
_AT_ONCE = 8
# In an account an idle session ends after two minutes (infra/account/database.yaml).
_IDLE_SESSION = "2s"
# A request arrives after half a minute, and the schedule looks each minute; this machine may be busy.
_SOON = 150.0
_SETTLING = 900.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 1 when somebody connected who should not have, or something due was not attended in time."""
    command_line = parser("tests.endurance idle", __doc__)
    command_line.add_argument("--kills", type=int, default=60)
    command_line.add_argument("--minutes", type=int, default=_MINUTES)
    options = command_line.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="alcove-idle-") as name:
        state = Path(name)
        state.chmod(0o755)
        try:
            run = _Run(stack.up(state, silent=True), state)
            run.day(options.minutes)
            run.missing_wake_up()
            run.dead_worker()
            run.due_connector()
            run.due_segment()
            run.killed(options.kills)
        finally:
            stack.reset(state)
    for line in run.problems:
        print(f"  wrong: {line}")
    return int(bool(run.problems))


@dataclass
class _Run:
    """One run: the stack and what went wrong."""

    info: stack.StackInfo
    state: Path
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.aws = boto3.Session(emulator.ACCESS_KEY, emulator.ACCESS_KEY, region_name=self.info.region)
        self.functions = self.client("lambda")
        self.sqs = self.client("sqs")
        self.ticks = self.sqs.get_queue_url(QueueName=f"alcove-{STAGE}-tick")["QueueUrl"]
        self.server = stack.start_postgres(self.state)
        with self._superuser() as conn:
            conn.execute(f"alter role alcove_app set idle_session_timeout = '{_IDLE_SESSION}'")
            conn.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'alcove_app'")

    def client(self, service: Any) -> Any:
        return self.aws.client(service, endpoint_url=self.info.endpoint_url)

    def _superuser(self) -> psycopg.Connection[Any]:
        """To another database, so that its sessions are not among those that are counted."""
        return psycopg.connect(self.server.url("superuser", "postgres"), autocommit=True)

    def sessions(self) -> int:
        """How many sessions the service's database has had, once all of them have ended."""
        with self._superuser() as conn:
            alive = "select count(*) from pg_stat_activity where datname = 'alcove' and backend_type = 'client backend'"
            _await("the sessions of the service end", lambda: not _value(conn, alive), 60)
            time.sleep(1)  # the statistics of a session are counted after its end
            return _value(conn, "select sessions from pg_stat_database where datname = 'alcove'")

    def ran(self) -> int:
        """How many ticks have run the repairs. It takes a session."""
        with psycopg.connect(self.info.database_url["owner"]) as conn:
            return _value(conn, "select count(*) from workflow_activity where workflow_name = 'tick'")

    def rows(self, statement: Any, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.info.database_url["owner"], autocommit=True) as conn:
            cursor = conn.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def tick(self, *, sweep: bool = False) -> None:
        """Invoke `tick` as one of its two schedules does."""
        rule = f"alcove-{STAGE}-sweep" if sweep else f"alcove-{STAGE}-TickTickEvent"
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": "000000000000",
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "region": self.info.region,
            "resources": [f"arn:aws:events:{self.info.region}:000000000000:rule/{rule}"],
            "detail": {},
        }
        reply = self.functions.invoke(FunctionName=f"alcove-{STAGE}-tick", Payload=json.dumps(event).encode())
        if reply.get("FunctionError"):
            self.problems.append(f"tick failed: {reply['Payload'].read()[:500]!r}")

    def requested(self) -> int:
        """How many requests for a tick there are, whether they have arrived or not."""
        names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.ticks, AttributeNames=names)["Attributes"]
        return sum(int(attributes.get(name, 0)) for name in names)

    def day(self, minutes: int) -> None:
        """Nobody is there for a day."""
        started = time.monotonic()
        _await("no tick is requested any more", lambda: not self.requested(), _SETTLING)
        ran, before = self.ran(), self.sessions()
        print(f"  settled after {time.monotonic() - started:.0f} s; a day of {minutes} minutes begins", flush=True)
        started = time.monotonic()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for minute in range(minutes):
                pool.submit(self.tick)
                if minute == min(_SWEEP_AT, minutes - 1):
                    pool.submit(self.tick, sweep=True)
        _await("the sweep's own request is attended", lambda: not self.requested(), _SETTLING)
        after = self.sessions()
        runs = self.ran() - ran
        print(
            f"  {minutes} ticks and the sweep in {time.monotonic() - started:.0f} s: {runs} ran the repairs, "
            f"{after - before} sessions",
            flush=True,
        )
        # The sweep, and the tick that it requests; each has one connection at most.
        if runs != 2 or not 1 <= after - before <= 2:
            self.problems.append(f"an idle day: {runs} ticks ran and {after - before} sessions, instead of 2 and 2")

    @contextmanager
    def _without_workers(self) -> Iterator[None]:
        """Meanwhile the answer queue starts nobody, and loses its messages."""
        (source,) = self.functions.list_event_source_mappings(FunctionName=f"alcove-{STAGE}-answer")[
            "EventSourceMappings"
        ]
        self.functions.update_event_source_mapping(UUID=source["UUID"], Enabled=False)
        try:
            yield
            time.sleep(1)
            self.sqs.purge_queue(QueueUrl=self.info.queues["answer"])
        finally:
            self.functions.update_event_source_mapping(UUID=source["UUID"], Enabled=True)

    def _session(self) -> ApiSession:
        return ApiSession.log_in_as(
            self.info.api_url, self.info.administrator["email"], self.info.administrator["password"]
        )

    def _ask(self) -> str:
        session = self._session()
        conversation = session.json("POST", "/conversations", {})["id"]
        job: str = session.enqueue(conversation, "How often is the pump inspected?")["job"]["id"]
        session.close()
        return job

    def _served(self, what: str, done: Callable[[], Any], most: float, since: float = 0.0) -> None:
        """Wait for it, and say how long it took from now, or after `since` more seconds."""
        started = time.monotonic()
        try:
            _await(what, done, since + most)
        except TimeoutError as error:
            self.problems.append(str(error))
            return
        late = time.monotonic() - started - since
        print(f"  {what}: after {late:.0f} s" + (" of its time" if since else ""), flush=True)

    def missing_wake_up(self) -> None:
        """A question whose wake-up is lost."""
        with self._without_workers():
            job = self._ask()
        done = "select 1 from llm_jobs where id = %s and status = 'completed'"
        self._served("a lost wake-up is sent again", lambda: self.rows(done, job), _SOON)

    def dead_worker(self) -> None:
        """A question whose worker died: another one takes it when the lease ends."""
        seconds = 75
        with self._without_workers():
            job = self._ask()
            self.rows(
                "update llm_queue set leased_until = now() + %s, lease_token = %s where job_id = %s",
                timedelta(seconds=seconds),
                uuid.uuid4(),
                job,
            )
        done = "select 1 from llm_jobs where id = %s and status = 'completed'"
        self._served("a dead worker's job is taken again", lambda: self.rows(done, job), _SOON, seconds)

    def due_connector(self) -> None:
        """A connector that syncs each minute."""
        session = self._session()
        with web.serve() as site:
            site.put("/", "<h1>Pump</h1><p>The pump is inspected monthly.</p>")
            settings = {"start_urls": [f"{site.url}/"]}
            body = {
                "name": "handbook",
                "type": "web",
                "scope": "user",
                "settings": settings,
                "refresh_minutes": 1,
                "allow_private_addresses": True,
            }
            connector = session.json("POST", "/connectors", body)["id"]
            finished = "select count(*) from sync_runs where connector_id = %s and status = 'completed'"

            def synced(times: int) -> bool:
                return int(self.rows(finished, connector)[0][0]) >= times

            self._served("a new connector syncs", lambda: synced(1), _SOON)
            self._served("a connector that is due each minute syncs again", lambda: synced(2), _SOON, 60)
            session.json("DELETE", f"/connectors/{connector}")
        session.close()

    def due_segment(self) -> None:
        """A space with enough chunks for a segment of the inverted index."""
        session = self._session()
        for part in range(60):
            text = "\n\n".join(
                f"# Pump {part}-{number}\n\n" + f"Pump {number} of hall {part} is inspected every {number} days. " * 20
                for number in range(40)
            )
            session.json("POST", "/documents", {"title": f"Hall {part}", "content": text})
            _await(
                "the document is searchable",
                lambda: not self.rows("select 1 from documents where status in ('pending', 'processing')"),
                300,
            )
            if self.rows("select 1 from document_chunks group by space_id having count(*) > 1100"):
                break
        session.close()
        self._served("a segment that is due is written", lambda: self.rows("select 1 from lexical_segments"), _SOON)

    def killed(self, kills: int) -> None:
        """Processes die at random instants between the request for a tick and the commit, and around them."""
        environment = self.functions.get_function_configuration(FunctionName=f"alcove-{STAGE}-tick")["Environment"]
        chance = random.Random(20261130)
        outcomes = {"before the request": 0, "between request and commit": 0, "after the commit": 0}
        for number in range(kills):
            key = f"killed-{number}"
            self.sqs.purge_queue(QueueUrl=self.ticks)
            process = subprocess.Popen(
                [sys.executable, "-c", _LEAVES_WORK, key],
                env=_environment(environment["Variables"]),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.stdin.write("go\n")
            process.stdin.flush()
            time.sleep(chance.uniform(0, 0.06))
            process.send_signal(signal.SIGKILL)
            process.wait()
            committed = bool(self.rows("select 1 from workflow_activity where workflow_name = %s", key))
            requested = self.requested() > 0
            if committed and not requested:
                self.problems.append(f"kill {number}: committed, and no tick is requested")
            outcomes[
                "after the commit" if committed else "between request and commit" if requested else "before the request"
            ] += 1
        print(f"  {kills} kills: " + ", ".join(f"{count} {name}" for name, count in outcomes.items()), flush=True)


# One transaction that writes, and so may leave work; the connection and the client of SQS are warm.
_LEAVES_WORK = """
import sys
from chalicelib.core import activity, aws, identity, tick_requests
with tick_requests.suppressed(), identity.as_nobody() as conn:
    conn.execute("select 1")
aws.sqs()
print("ready", flush=True)
sys.stdin.readline()
activity.record_all([activity.Run(sys.argv[1], "completed", 1, {})])
sys.stdin.readline()
"""


def _environment(variables: dict[str, str]) -> dict[str, str]:
    keys = {"AWS_ACCESS_KEY_ID": emulator.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": emulator.ACCESS_KEY}
    return {**variables, **keys, "AWS_DEFAULT_REGION": emulator.REGION, "PATH": "/usr/bin:/bin"}


def _value(conn: psycopg.Connection[Any], statement: Any) -> int:
    row = conn.execute(statement).fetchone()
    return int(row[0]) if row else 0


def _await(what: str, done: Callable[[], Any], seconds: float) -> None:
    """Wait until it is done. TimeoutError."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.5)
