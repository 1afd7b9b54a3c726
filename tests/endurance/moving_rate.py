"""How fast a move is, and whether its memory stays flat: a source with `--messages` messages of awkward letters.

The source is AI Chat's. Prints the rows that were read a second and the most memory that the moving process had. A
second source with a hundredth of the messages comes first, so that both figures can be compared. Ten times on the way
it prints how far the move is.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from bench.commands import Command, parser
from importers import aichat, engine
from importers.move import Move
from infra.local import postgres
from tests.endurance import moving, moving_sources, published

COMMAND = Command(
    "Move in from another system: rows a second and memory",
    usual=None,
    smallest=("--messages 2000",),
)


def main(arguments: list[str]) -> int:
    """Run the command; returns the exit status: 0."""
    command_line = parser("tests.endurance moving_rate", __doc__)
    command_line.add_argument("--messages", type=int, default=1_000_000)
    command_line.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = command_line.parse_args(arguments)
    if options.child:
        _move(*options.child)
        return 0
    for messages in (options.messages // 100, options.messages):
        # A server of its own each: databases on one server would warm each other's caches.
        with moving.server() as server:
            _measure(server, messages)
    return 0


def _measure(server: postgres.Server, messages: int) -> None:
    schema = published.filled("aichat")
    # The share of messages in the source of AI Chat is nine tenths.
    rows = moving_sources.make(server, "source", "aichat", schema, messages * 10 // 9, moving_sources.TEXTS)
    moving.create(server, "here")
    urls = [server.url("superuser", "source"), server.url("owner", "here"), str(rows)]
    started = time.monotonic()
    module = f"{__package__}.{Path(__file__).stem}"
    print(f"{messages:,} messages, {rows:,} rows of the source:", flush=True)
    subprocess.run([sys.executable, "-m", *module.rsplit(".", 1), "--child", *urls], check=True)
    seconds = time.monotonic() - started
    print(f"  {seconds:.1f} s, {rows / seconds:,.0f} rows of the source a second", flush=True)


def _move(source: str, destination: str, rows: str) -> None:
    """The process that is measured."""
    started, read, shown = time.monotonic(), 0, 0

    def notify(line: str) -> None:
        nonlocal read, shown
        if not line.endswith("so far"):
            return
        read += engine.PROGRESS
        if read - shown >= int(rows) / 10:
            shown = read
            print(f"  {time.monotonic() - started:,.0f} s: {line}, {_most():.0f} MiB", flush=True)

    with psycopg.connect(source) as reader, psycopg.connect(destination, autocommit=True) as owner:
        engine.run(Move("aichat", reader, owner), aichat.steps, notify=notify)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(f"  at most {_most():.0f} MiB, {used.ru_utime + used.ru_stime:.1f} s of the processor", flush=True)


def _most() -> float:
    """The most memory that this process had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
