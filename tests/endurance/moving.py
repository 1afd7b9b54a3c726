"""Moves from another system that are killed (SIGKILL) at random moments, beside one that is left alone.

The source is AI Chat's, with `--messages` messages of awkward letters. Exits 1 when the killed move ends otherwise than
the undisturbed one: a row that is missing, there twice, or different; or when the check of both sides finds one.
"""

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from bench.commands import Command, parser
from chalicelib.ops import migrations
from importers import aichat, engine, verify
from importers.move import Move
from infra.local import postgres

COMMAND = Command(
    "Move in from another system, killing the move on the way, and compare",
    usual="--messages 10000 --kills 100",
    smallest=("--messages 200 --kills 1",),
)

ROOT = Path(__file__).parents[2]
_SCHEMA = ROOT / "tests" / "importers" / "aichat.sql"
_BATCH = 50
# What a move itself notes with the time of the clock, or numbers that are drawn from a sequence.
_OWN_TIMES = {
    "migration_state": ["started_at", "updated_at", "passes"],
    "moved_rows": ["moved_at"],
    "message_index_queue": ["enqueued_at"],
    "spaces": ["id", "created_at"],
}


def main(arguments: list[str]) -> int:
    """Run the command; returns the exit status."""
    command_line = parser("tests.endurance moving", __doc__)
    command_line.add_argument("--messages", type=int, default=10_000)
    command_line.add_argument("--kills", type=int, default=100)
    command_line.add_argument("--seed", type=int, default=1)
    command_line.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    command_line.add_argument("--moment", default=datetime.now(UTC).isoformat(), help=argparse.SUPPRESS)
    options = command_line.parse_args(arguments)
    if options.child:
        _move(*options.child)
        return 0
    with server() as started:
        return _run(started, options)


def _run(server: postgres.Server, options: argparse.Namespace) -> int:
    make_source(server, options.messages)
    for name in ("alone", "killed"):
        postgres.create_database(server, name)
        migrations.apply(secret(server, name))
    started = time.monotonic()
    subprocess.run(_child(server, "alone", options.moment), check=True)
    seconds = time.monotonic() - started
    print(f"undisturbed: {options.messages:,} messages in {seconds:.1f} s")
    kills = _kill(server, options, seconds)
    subprocess.run(_child(server, "killed", options.moment), check=True)
    there, here = _digests(server, "alone"), _digests(server, "killed")
    different = sorted(table for table in there if there[table] != here.get(table))
    with _connected(server, "killed", options.moment) as move:
        checks = verify.check(move, aichat.steps)
    unequal = [check.title for check in checks if not check.is_equal]
    print(f"killed {kills} times: {sum(rows for rows, _ in here.values()):,} rows")
    print(f"tables that differ: {', '.join(different) or 'none'}; steps that differ: {', '.join(unequal) or 'none'}")
    return 1 if different or unequal else 0


def _kill(server: postgres.Server, options: argparse.Namespace, seconds: float) -> int:
    """Start the move again and again, and kill it; returns how often it was killed before it ended."""
    dice, kills = random.Random(options.seed), 0
    while kills < options.kills:
        process = subprocess.Popen(_child(server, "killed", options.moment))
        try:
            process.wait(1 + dice.random() * max(0.5, 2 * seconds / options.kills))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
        else:
            break
    return kills


def _child(server: postgres.Server, name: str, moment: str) -> list[str]:
    urls = [server.url("superuser", "source"), server.url("owner", name)]
    return [sys.executable, "-m", "tests.endurance", "moving", "--child", *urls, moment]


def _move(source: str, destination: str, moment: str) -> None:
    """The process that is killed."""
    engine.BATCH = _BATCH
    with psycopg.connect(source) as reader, psycopg.connect(destination, autocommit=True) as owner:
        engine.run(Move("aichat", reader, owner, now=datetime.fromisoformat(moment)), aichat.steps)
    print(f"  memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB", flush=True)


@contextmanager
def _connected(server: postgres.Server, name: str, moment: str) -> Iterator[Move]:
    with (
        psycopg.connect(server.url("superuser", "source")) as reader,
        psycopg.connect(server.url("owner", name), autocommit=True) as owner,
    ):
        yield Move("aichat", reader, owner, now=datetime.fromisoformat(moment))


@contextmanager
def server() -> Iterator[postgres.Server]:
    """A server of PostgreSQL for one run, which does not wait for its disk."""
    with tempfile.TemporaryDirectory(prefix="alcove-moving-") as directory:
        Path(directory).chmod(0o755)
        yield postgres.start(Path(directory) / "postgres", durable=False)
        postgres.stop(Path(directory) / "postgres")


def secret(server: postgres.Server, name: str) -> dict[str, Any]:
    """How the owner of the schema connects to the database `name`."""
    place = {"host": server.host, "port": server.port, "dbname": name}
    return place | {"username": "alcove_owner", "password": server.owner_password}


def make_source(server: postgres.Server, messages: int) -> int:
    """A source with `messages` messages in conversations of twenty, and a user for each fifty conversations.

    Returns how many rows it has.
    """
    with postgres.connect_superuser(server) as superuser:
        superuser.execute("create database source")
    with psycopg.connect(server.url("superuser", "source"), autocommit=True) as conn:
        conn.execute(_SCHEMA.read_text("utf-8").partition("insert into")[0])
        conn.execute(
            "insert into users select md5('u' || n)::uuid, 'U' || n || '@Example.org', 'User ' || n, "
            "'$2b$04$' || repeat('a', 53), n %% 7 <> 0, now() - interval '60 days' + n * interval '1 hour', now() "
            "from generate_series(0, %s / 1000) n",
            [messages],
        )
        conn.execute(
            "insert into sessions select md5('s' || n)::uuid, E'Zoë\\U0001F600 ' || n, md5('u' || n / 50)::uuid, "
            "now() - interval '50 days' + n * interval '1 second', now() from generate_series(0, %s / 20) n",
            [messages],
        )
        conn.execute(
            "insert into messages select md5('m' || n)::uuid, md5('s' || n / 20)::uuid, "
            "case n %% 2 when 0 then 'user' else 'assistant' end, "
            "repeat(E'<script>\\u202e''; drop table x; -- ' || n, 1 + n %% 9), null, null, null, repeat('x', n %% 90), "
            "null, 0.5, 1, 0, 'a model', n, n, 0, null, now() - interval '40 days' + n / 3 * interval '1 second' "
            "from generate_series(0, %s - 1) n",
            [messages],
        )
    return messages + messages // 20 + messages // 1000 + 2


def _digests(server: postgres.Server, name: str) -> dict[str, tuple[int, str]]:
    """Of each table how many rows it has, and a sum of their hashes that no order changes."""
    from psycopg.sql import SQL, Identifier

    statement = SQL(
        "select count(*), sum(('x' || left(md5((to_jsonb(t) - %s::text[])::text), 15))::bit(60)::bigint) from {} t"
    )
    with psycopg.connect(server.url("superuser", name), autocommit=True) as conn:
        tables: Sequence[tuple[str]] = conn.execute(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') "
            "and not relispartition and relname in ('users', 'conversations', 'messages', 'usage', 'moved_rows', "
            "'migration_state', 'spaces', 'message_index_queue')"
        ).fetchall()
        result = {}
        for (table,) in tables:
            row = conn.execute(statement.format(Identifier(table)), [_OWN_TIMES.get(table, [])]).fetchone()
            result[table] = (int(row[0]), str(row[1])) if row else (0, "")
    return result
