"""Move in from another system, or check a move: `python -m importers import|verify` (docs/moving-in.md)."""

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from importers import alcove, destination, engine, exported, organisation, report, verify
from importers.files import open_files
from importers.move import Move, MoveError
from importers.qdrant import Qdrant

if TYPE_CHECKING:
    import psycopg

SYSTEMS = ("archi", "echomind", "aichat", "arasul", "knowledge", "alcove", "organisation")

# Systems whose source is a folder: the keys of the tables, and what it is an export of.
_EXPORTS = {
    "alcove": (alcove.KEYS, exported.ACCOUNT),
    "organisation": (organisation.KEYS, exported.ORGANISATION),
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status: 1 when both sides differ, 2 for what cannot be begun."""
    options = _parser().parse_args(arguments)
    try:
        destination.enter(options.stage or None, Path(options.state) if options.state else None)
        with destination.owner() as owner, _reader(options) as reader:
            return _run(options, owner, reader)
    except (MoveError, FileNotFoundError, NotADirectoryError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 — a command
        return 2


def _reader(options: argparse.Namespace) -> "psycopg.Connection[Any]":
    """The source as a connection. An export gets a name of its account's own, and its files lie in its folder."""
    if options.system not in _EXPORTS:
        return read(options.source)
    keys, of = _EXPORTS[options.system]
    folder, reader = Path(options.source), destination.owner()
    try:
        name = exported.load(reader, folder, keys, of)
    except BaseException:
        reader.close()
        raise
    options.name = options.name or f"alcove-{name}"
    options.files = options.files or str(folder / "files")
    return reader


def _run(options: argparse.Namespace, owner: "psycopg.Connection[Any]", reader: "psycopg.Connection[Any]") -> int:
    move = Move(
        source=options.name or options.system,
        reader=reader,
        owner=owner,
        zone=zone_of(reader, options.time_zone),
        files=open_files(options.files, options.files_endpoint or None),
        points=Qdrant(options.vectors).texts if options.vectors else None,
        key=Path(options.key).read_text("utf-8").strip() if options.key else None,
        owner_name=options.owner or None,
        issuer=options.issuer or None,
        put=destination.put if not options.dry_run else _send_nothing,
        seal=destination.seal,
    )
    if move.owner_name:
        # A wrong name is said at once, not when the first row needs it.
        move.fallback_owner()
    steps = import_module(f"importers.{options.system}").steps
    if options.command == "import":
        engine.run(
            move, steps, dry=options.dry_run, notify=_notify, report=lambda: _show(options, report.of_move(move))
        )
        return 0
    checks = verify.check(move, steps, _notify)
    _show(options, report.of_check(move, checks))
    return 0 if all(each.is_equal for each in checks) else 1


def read(source: str) -> "psycopg.Connection[Any]":
    """A connection that cannot write. Raises MoveError when the source cannot be reached."""
    import psycopg

    try:
        return psycopg.connect(source, options="-c default_transaction_read_only=on", application_name="alcove-move")
    except psycopg.OperationalError as error:
        raise MoveError(f"The source cannot be reached: {str(error).strip()}") from error


def zone_of(reader: "psycopg.Connection[Any]", name: str | None) -> ZoneInfo:
    """The zone of times without one: `name`, or the source server's. Raises MoveError."""
    zone = name or (reader.execute("show timezone").fetchone() or ("UTC",))[0]
    reader.rollback()
    try:
        return ZoneInfo("UTC" if zone in {"Etc/UTC", "GMT"} else zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise MoveError(f"There is no time zone {zone}. Name one: TIME_ZONE=Europe/Vienna.") from error


def _send_nothing(*_: object) -> None:
    """A dry run stores no object."""


def _notify(line: str) -> None:
    print(f"  {line}", flush=True)  # noqa: T201 — a command


def _show(options: argparse.Namespace, text: str) -> None:
    if options.report:
        Path(options.report).write_text(text, "utf-8")
    print(text)  # noqa: T201 — a command


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m importers", description=__doc__)
    parser.add_argument("command", choices=["import", "verify"])
    parser.add_argument("--from", dest="system", choices=SYSTEMS, required=True, help="the system")
    parser.add_argument(
        "--source",
        required=True,
        help="its database, postgresql://user:password@host/name; of alcove and organisation the folder of an export",
    )
    parser.add_argument("--name", help="what this source is called here, when there are two of one system")
    parser.add_argument("--stage", help="the stage in an account; without it the stack of this machine")
    parser.add_argument("--state", help="the folder of the stack of this machine; by default .local")
    parser.add_argument("--files", help="the source's files: a folder, or s3://bucket/prefix")
    parser.add_argument("--files-endpoint", help="the address of that bucket's server, such as MinIO's")
    parser.add_argument("--vectors", help="the address of the source's Qdrant")
    parser.add_argument("--key", help="a file with the source's own encryption key")
    parser.add_argument("--owner", help="the address of the account that gets what has no owner there")
    parser.add_argument("--issuer", help="the address of the source's OpenID provider")
    parser.add_argument("--time-zone", help="of times without one; by default the source server's")
    parser.add_argument("--report", help="a file for the report")
    parser.add_argument("--dry-run", action="store_true", help="move everything, report, and take it all back")
    return parser


if __name__ == "__main__":
    sys.exit(main())
