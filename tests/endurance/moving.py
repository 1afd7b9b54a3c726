"""Moves from another system that are killed (SIGKILL) at random moments, beside one that is left alone.

The source is one of the five systems', with about `--rows` rows of awkward content, or an export of Alcove's own that
is made of such a move: of an account (`alcove`) or of the organisation. Bytes of documents lie in a folder in place of
the bucket. Exits 1 when the killed move ends otherwise than the undisturbed one: a row or a file that is missing, there
twice, or different; or when the check of both sides finds one.
"""

import argparse
import hashlib
import json
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from bench.commands import Command, parser
from chalicelib.ops import migrations
from importers import engine, exported, verify
from importers.files import Folder, NoFiles
from importers.move import Move, MoveError
from infra.local import postgres
from tests.endurance import moving_sources, published

COMMAND = Command(
    "Move in from another system, killing the move on the way, and compare",
    usual="--from all --rows 10000 --kills 100",
    smallest=("--from archi --rows 300 --kills 2", "--from alcove --rows 300 --kills 3"),
)

_BATCH = 50
# What is the run's own: numbers that are drawn from a sequence, and how often a step began.
_OWN_COLUMNS = {"space_id", "readers_space_id", "passes"}
_OWN_IDS = {"spaces"}
_NOT_COMPARED = re.compile("_yoyo|yoyo_|migration_checksums")
_EXPORTS = {"alcove": exported.ACCOUNT, "organisation": exported.ORGANISATION}
_SYSTEMS = (*moving_sources.SPECS, *_EXPORTS)
_IS_BUSY = 3


@dataclass(frozen=True)
class Run:
    """One system's moves: where its source is, and what both moves have in common."""

    server: postgres.Server
    system: str
    folder: Path
    moment: datetime
    source: str = "source"
    # Of an export: its folder.
    export: Path | None = None
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @contextmanager
    def move(self, name: str) -> Iterator[Move]:
        """A move to the database `name`, whose files lie in a folder of the same name."""
        owner_url = self.server.url("owner", name)
        reader_url = self.server.url("superuser", self.source) if self.export is None else owner_url
        with psycopg.connect(reader_url) as reader, psycopg.connect(owner_url, autocommit=True) as owner:
            title = self.system
            if self.export is not None:
                title = f"alcove-{exported.load(reader, self.export, self.keys, _EXPORTS[self.system])}"
            files = Folder(self.export / "files") if self.export is not None else NoFiles()
            yield Move(title, reader, owner, now=self.moment, files=files, put=self._put(name))

    def _put(self, name: str) -> Callable[[str, bytes, str], None]:
        def put(key: str, content: bytes, media_type: str) -> None:
            path = self.folder / name / key
            path.parent.mkdir(parents=True, exist_ok=True)
            whole = path.with_suffix(f".{os.getpid()}")
            whole.write_bytes(media_type.encode() + b"\n" + content)
            whole.rename(path)

        return put

    @property
    def steps(self) -> Callable[[Move], Sequence[Any]]:
        """The system's steps."""
        steps: Callable[[Move], Sequence[Any]] = import_module(f"importers.{self.system}").steps
        return steps


def main(arguments: list[str]) -> int:
    """Run the command; returns the exit status."""
    command_line = parser("tests.endurance moving", __doc__)
    command_line.add_argument("--from", dest="system", choices=[*_SYSTEMS, "all"], default="aichat")
    command_line.add_argument("--rows", type=int, default=10_000)
    command_line.add_argument("--kills", type=int, default=100)
    command_line.add_argument("--seed", type=int, default=1)
    command_line.add_argument("--texts", type=Path, help="a JSON list of awkward texts, in addition to those here")
    command_line.add_argument("--published", type=Path, help="a folder with the systems' documents: their own columns")
    options = command_line.parse_args(arguments)
    systems = _SYSTEMS if options.system == "all" else (options.system,)
    return max([_run(system, options) for system in systems])


def _run(system: str, options: argparse.Namespace) -> int:
    with server() as started, tempfile.TemporaryDirectory(prefix="alcove-moving-files-") as folder:
        run = _prepare(started, system, Path(folder), options)
        for name in ("alone", "killed"):
            create(started, name)
        since = time.monotonic()
        _finish(run, "alone")
        seconds = time.monotonic() - since
        print(f"{system}, undisturbed: {seconds:.1f} s", flush=True)
        kills, amid = _kill(run, options, seconds)
        _finish(run, "killed")
        return _compare(run, kills, amid)


def _prepare(server: postgres.Server, system: str, folder: Path, options: argparse.Namespace) -> Run:
    moment = datetime.now(UTC)
    texts = [*moving_sources.TEXTS, *(json.loads(options.texts.read_text("utf-8")) if options.texts else [])]
    origin = "knowledge" if system in _EXPORTS else system
    schema = published.published(options.published)[origin] if options.published else published.filled(origin)
    people = 1 if system == "alcove" else None
    rows = moving_sources.make(server, "source", origin, schema, options.rows, texts, people=people)
    print(f"{system}: {rows:,} rows of the source", flush=True)
    run = Run(server, origin, folder, moment)
    if system not in _EXPORTS:
        return run
    create(server, "origin")
    _finish(run, "origin")
    export = folder / "export"
    written = _export(server, "origin", export, folder / "origin", _EXPORTS[system])
    print(f"{system}: {written:,} rows of the export", flush=True)
    return Run(server, system, folder, moment, export=export, keys=import_module(f"importers.{system}").KEYS)


def _export(server: postgres.Server, name: str, folder: Path, files: Path, of: str) -> int:
    """What `alcove export` writes of a database; the rows come from the same functions as over the API."""
    (folder / "files").mkdir(parents=True)
    rows = 0
    tables, page = (
        ("organisation_tables", "export_organisation_rows")
        if of == exported.ORGANISATION
        else (
            "exported_tables",
            "export_rows",
        )
    )
    with psycopg.connect(server.url("superuser", name)) as conn, (folder / "rows.jsonl").open("w") as opened:
        (user,) = conn.execute("select id from users where not is_admin order by id limit 1").fetchone() or (None,)
        if of == exported.ORGANISATION:
            conn.execute("update documents set space_id = 1")
            (user,) = conn.execute("select id from users where is_admin").fetchone() or (None,)
        conn.execute("select set_full_identity(%s, %s)", [user, of == exported.ORGANISATION])
        conn.execute("set role alcove_app")
        for (table,) in conn.execute(SQL("select name from {}()").format(Identifier(tables))).fetchall():
            after = None
            while matches := conn.execute(
                SQL("select key, content from {}(%s, %s, 500)").format(Identifier(page)), [table, after]
            ).fetchall():
                after = matches[-1][0]
                for _, row in matches:
                    opened.write(json.dumps({"table": table, "row": row}) + "\n")
                    rows += 1
                    stored = files / f"documents/{row['id']}" if table == "documents" else None
                    if stored is not None and stored.exists():
                        (folder / "files" / row["id"]).write_bytes(stored.read_bytes().partition(b"\n")[2])
    stated = {"format": exported.FORMAT, "version": exported.VERSION, "of": of}
    (folder / "export.json").write_text(json.dumps(stated))
    return rows


def _finish(run: Run, name: str) -> None:
    """A move that nobody kills. The server may still notice the death of the one before."""
    while (status := _status_of(_begin(run, name))) == _IS_BUSY:
        time.sleep(0.2)
    if status != 0:
        raise SystemExit(f"the move ended with {status}")


def _begin(run: Run, name: str) -> int:
    """Start a move in a process of its own; returns its id."""
    sys.stdout.flush()
    if child := os.fork():
        return child
    status = 1
    try:
        engine.BATCH = _BATCH
        with run.move(name) as move:
            engine.run(move, run.steps)
        status = 0
    except MoveError:
        status = _IS_BUSY
    except BaseException as error:  # noqa: BLE001 — the process must end here, whatever happened
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(status)


def _status_of(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _kill(run: Run, options: argparse.Namespace, seconds: float) -> tuple[int, int]:
    """Start the move again and again, and kill it; returns how often it was killed, and how often amid new rows.

    A move that goes on passes over what is there first. So nine of ten kills wait until rows come that are new, and
    then a random time; the tenth comes at any moment.
    """
    dice, kills, amid = random.Random(options.seed), 0, 0
    with psycopg.connect(run.server.url("superuser", "killed"), autocommit=True) as conn:

        def done() -> int:
            row = conn.execute("select coalesce(sum(moved + merged + skipped), 0) from migration_state").fetchone()
            return int(row[0]) if row else 0

        while kills < options.kills:
            before, is_any_moment = done(), dice.random() < 0.1
            child = _begin(run, "killed")
            is_over = False
            while not is_any_moment and not is_over and done() == before:
                time.sleep(0.02)
                is_over = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
            if not is_over:
                time.sleep(dice.random() * seconds / options.kills)
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            status = _status_of(child)
            if status == -signal.SIGKILL:
                kills += 1
                amid += done() > before
            elif status == 0:
                break
            elif status != _IS_BUSY:
                raise SystemExit(f"a move that went on after {kills} kills ended with {status}")
    return kills, amid


def _compare(run: Run, kills: int, amid: int) -> int:
    there, here = _digests(run, "alone"), _digests(run, "killed")
    different = sorted(table for table in there | here if there.get(table) != here.get(table))
    with run.move("killed") as move:
        checks = verify.check(move, run.steps)
    unequal = [check.title for check in checks if not check.is_equal]
    rows = sum(count for count, _ in here.values())
    print(f"{run.system}, killed {kills} times, {amid} of them amid new rows: {rows:,} rows and files here")
    print(f"  tables that differ: {', '.join(different) or 'none'}")
    print(f"  steps that differ: {', '.join(unequal) or 'none'}", flush=True)
    return 1 if different or unequal else 0


@contextmanager
def server() -> Iterator[postgres.Server]:
    """A server of PostgreSQL for one run, which does not wait for its disk."""
    with tempfile.TemporaryDirectory(prefix="alcove-moving-") as directory:
        Path(directory).chmod(0o755)
        yield postgres.start(Path(directory) / "postgres", durable=False)
        postgres.stop(Path(directory) / "postgres")


def create(server: postgres.Server, name: str) -> None:
    """A new service's database, with an administrator, who is the same in each."""
    postgres.create_database(server, name)
    place = {"host": server.host, "port": server.port, "dbname": name}
    migrations.apply(place | {"username": "alcove_owner", "password": server.owner_password})
    with psycopg.connect(server.url("superuser", name), autocommit=True) as conn:
        conn.execute(
            "insert into users (id, email, display_name, is_admin, created_at) values "
            "('01000000-0000-7000-8000-000000000001', 'admin@example.org', 'Administrator', true, '2026-01-01')"
        )


def _digests(run: Run, name: str) -> dict[str, tuple[int, str]]:
    """Of each table, and of the files, how many there are, and a sum of their hashes that no order changes."""
    result: dict[str, tuple[int, str]] = {}
    with psycopg.connect(run.server.url("superuser", name)) as conn:
        tables: Sequence[tuple[str]] = conn.execute(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') "
            "and not relispartition"
        ).fetchall()
        for (table,) in tables:
            if not _NOT_COMPARED.match(table):
                with conn.cursor(name="digest") as cursor:
                    cursor.execute(SQL("select to_jsonb(t) from {} t").format(Identifier(table)))
                    result[table] = _sum(_comparable(table, row, run.moment) for (row,) in cursor)
    folder = run.folder / name
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.suffix)
    result["files"] = _sum(f"{path.relative_to(folder)} {path.read_bytes().hex()}" for path in paths)
    return result


def _sum(texts: Iterator[str]) -> tuple[int, str]:
    count, total = 0, 0
    for text in texts:
        count += 1
        total += int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
    return count, f"{total % (1 << 256):x}"


def _comparable(table: str, row: dict[str, Any], moment: datetime) -> str:
    """A row without what each run has of its own: its numbers, and the times and ids of the clock."""
    left_out = _OWN_COLUMNS | ({"id"} if table in _OWN_IDS else set())
    return json.dumps(
        {name: _of_any_run(value, moment) for name, value in row.items() if name not in left_out}, sort_keys=True
    )


def _of_any_run(value: Any, moment: datetime) -> Any:
    if not isinstance(value, str):
        return value
    if re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f-]{17}", value):
        return "new" if int(value[:8] + value[9:13], 16) >= int(moment.timestamp() * 1000) else value
    if re.match(r"\d{4}-\d{2}-\d{2}T", value):
        with suppress(ValueError):
            # Times of a source lie in the past, or long after the end of the run.
            return "now" if 0 <= (datetime.fromisoformat(value) - moment).total_seconds() < 86_400 else value
    return value
