"""How fast a move is, and whether its memory stays flat: a source with `--messages` messages of awkward letters.

The source is AI Chat's. Prints the rows that were read a second and the most memory that the moving process had, for a
hundredth and a tenth of the messages first (`--parts`), so that the figures can be compared. Ten times on the way it
prints how far the move is. With `--documents`, the knowledge core's documents instead, each with its text; a folder
takes the place of the bucket.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import psycopg

from bench.commands import Command, parser
from importers import engine
from importers.move import Move
from infra.local import postgres
from tests.endurance import moving, moving_sources, published

COMMAND = Command(
    "Move in from another system: rows or documents a second, and memory",
    usual=None,
    smallest=("--messages 2000 --parts 10 1", "--documents 200 --parts 1"),
)


def main(arguments: list[str]) -> int:
    """Run the command; returns the exit status: 0."""
    command_line = parser("tests.endurance moving_rate", __doc__)
    command_line.add_argument("--messages", type=int, default=1_000_000)
    command_line.add_argument("--documents", type=int, help="move so many documents, and no messages")
    command_line.add_argument("--parts", type=int, nargs="+", default=[100, 10, 1], help="100 is a hundredth of them")
    command_line.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = command_line.parse_args(arguments)
    if options.child:
        _move(*options.child)
        return 0
    what = "documents" if options.documents else "messages"
    most = options.documents or options.messages
    for part in options.parts:
        # A server of its own each: databases on one server would warm each other's caches.
        with moving.server() as server:
            _measure(server, what, most // part)
    return 0


def _measure(server: postgres.Server, what: str, number: int) -> None:
    system = "knowledge" if what == "documents" else "aichat"
    (share, _) = moving_sources.SPECS[system][what]
    rows = moving_sources.make(
        server, "source", system, published.filled(system), round(number / share), moving_sources.TEXTS
    )
    moving.create(server, "here")
    urls = [server.url("superuser", "source"), server.url("owner", "here"), what, str(number)]
    print(f"{number:,} {what}, {rows:,} rows of the source:", flush=True)
    subprocess.run([sys.executable, "-m", __package__, Path(__file__).stem, "--child", *urls], check=True)


def _move(source: str, destination: str, what: str, number: str) -> None:
    """The process that is measured."""
    system = "knowledge" if what == "documents" else "aichat"
    started, read, shown = time.monotonic(), 0, 0

    def notify(line: str) -> None:
        nonlocal read, shown
        if not line.endswith("so far"):
            return
        read += engine.PROGRESS
        if read - shown >= int(number) / 10:
            shown = read
            print(f"  {time.monotonic() - started:,.0f} s: {line}, {_most():.0f} MiB", flush=True)

    with (
        tempfile.TemporaryDirectory(prefix="alcove-moving-rate-") as folder,
        psycopg.connect(source) as reader,
        psycopg.connect(destination, autocommit=True) as owner,
    ):
        move = Move(system, reader, owner, put=_putting(Path(folder)))
        kinds = {"users", "sessions", what}
        steps = [step for step in import_module(f"importers.{system}").STEPS if step.kind in kinds]
        engine.run(move, lambda _: steps, notify=notify)
        (total,) = owner.execute("select sum(moved + merged + skipped)::float from migration_state").fetchone() or (0,)
    seconds, used = time.monotonic() - started, resource.getrusage(resource.RUSAGE_SELF)
    print(
        f"  {seconds:,.1f} s: {total / seconds:,.0f} rows read a second, {int(number) / seconds:,.0f} {what} a second; "
        f"at most {_most():.0f} MiB, {used.ru_utime + used.ru_stime:.1f} s of the processor",
        flush=True,
    )


def _putting(folder: Path) -> Callable[[str, bytes, str], None]:
    def put(key: str, content: bytes, media_type: str) -> None:
        del media_type
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(content)

    return put


def _most() -> float:
    """The most memory that this process had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
