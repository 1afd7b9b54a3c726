"""How fast a move is, and whether its memory stays flat: a source with `--messages` messages of awkward letters.

The source is AI Chat's. Prints the rows that were read a second and the most memory that the moving process had. A
second source with a tenth of the messages comes first, so that both figures can be compared.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from bench.commands import Command, parser
from chalicelib.ops import migrations
from importers import aichat, engine
from importers.move import Move
from infra.local import postgres
from tests.endurance import moving

COMMAND = Command(
    "Move in from another system: rows a second and memory",
    usual=None,
    smallest=("--messages 2000",),
)


def main(arguments: list[str]) -> int:
    """Run the command; returns the exit status: 0."""
    command_line = parser("tests.endurance moving_rate", __doc__)
    command_line.add_argument("--messages", type=int, default=1_000_000)
    command_line.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = command_line.parse_args(arguments)
    if options.child:
        _move(*options.child)
        return 0
    for messages in (options.messages // 10, options.messages):
        # A server of its own each: databases on one server would warm each other's caches.
        with moving.server() as server:
            _measure(server, messages)
    return 0


def _measure(server: postgres.Server, messages: int) -> None:
    rows = moving.make_source(server, messages)
    postgres.create_database(server, "here")
    migrations.apply(moving.secret(server, "here"))
    urls = [server.url("superuser", "source"), server.url("owner", "here")]
    started = time.monotonic()
    module = f"{__package__}.{Path(__file__).stem}"
    print(f"{messages:,} messages, {rows:,} rows of the source:", flush=True)
    subprocess.run([sys.executable, "-m", *module.rsplit(".", 1), "--child", *urls], check=True)
    seconds = time.monotonic() - started
    print(f"  {seconds:.1f} s, {rows / seconds:,.0f} rows of the source a second", flush=True)


def _move(source: str, destination: str) -> None:
    """The process that is measured."""
    with psycopg.connect(source) as reader, psycopg.connect(destination, autocommit=True) as owner:
        engine.run(Move("aichat", reader, owner), aichat.steps)
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = used.ru_utime + used.ru_stime
    print(f"  at most {used.ru_maxrss / 1024:.0f} MiB, {seconds:.1f} s of the processor", flush=True)
