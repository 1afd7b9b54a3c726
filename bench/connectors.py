"""Runs of connectors over many items: time, requests to the source, memory, and what a run with nothing new costs.

The function `sync` runs in a process of its own against servers of tests/peers on this machine; nothing is ingested
meanwhile. `requests` are those that reach the source, `memory` is the most that the process ever had resident, and
`rows` and `transactions` are those of a run (pg_stat_database; the question every second whether it has ended is among
the transactions). The first run fetches everything; nothing is new in the next two, the second of which is asked for by
hand: it lists a tracker whole, to find what is gone; before the last one a hundredth of the items has changed. A
scheduled run's figures contain tick's.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.commands import Command, parser
from infra.local import instances
from infra.local.instances import Knobs, Place

COMMAND = Command(
    "Runs of connectors over many items: time, requests, memory, and a run with nothing new",
    usual="--items 2000",
    smallest=(),
    costs="It starts a service of its own; tests/connectors shows the same runs step by step.",
)


@dataclass
class Source:
    """A source with many items: how it is filled and changed, and how many requests it got."""

    type: str
    settings: dict[str, Any]
    credentials: dict[str, Any] | None
    write: Callable[[int, int], None]
    requests: Callable[[], int]


def main(arguments: list[str]) -> None:
    """Measure each source."""
    described = parser(__name__, __doc__)
    described.add_argument("--items", type=int, default=10_000)
    described.add_argument("--sources", nargs="+", choices=_SOURCES, default=list(_SOURCES))
    options = described.parse_args(arguments)
    with ExitStack() as stack:
        place = stack.enter_context(instances.place(Knobs(), visibility_seconds=60))
        os.environ.update(place.environment | {"LOG_LEVEL": "WARNING"})
        from tests.connectors.connected import Library
        from tests.service import LastingUser, Service

        service = Service.at(place)
        admin = LastingUser.of(service.log_in(place.administrator["email"], place.administrator["password"]))
        folder = Path(tempfile.mkdtemp(prefix="alcove-sources-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for name in options.sources:
            source = _SOURCES[name](folder, stack)
            source.write(0, options.items)
            more = {"credentials": source.credentials} if source.credentials else {}
            library = Library.connect(service, admin, source.type, source.settings, name=name, **more)
            place.add("sync")
            print(f"{name}, {options.items:,} items", flush=True)
            for title, queue in _RUNS.items():
                if title == "a hundredth changed":
                    source.write(1, max(1, options.items // 100))
                print(f"  {title:<22}{_measured(place, library, source, queue)}", flush=True)
            place.kill("sync", 0)


def _by_hand(library: Any) -> str:
    return str(library.user.post(f"{library.path}/sync").json["id"])


def _by_schedule(library: Any) -> str:
    with redirect_stdout(io.StringIO()):  # tick prints its metrics
        library.make_due()
    return str(library.user.get(f"{library.path}/runs").json["items"][0]["id"])


def _measured(place: Place, library: Any, source: Source, queue: Callable[[Any], str]) -> str:
    """Queue a run, wait for its end, and say what it took."""
    requested, before = source.requests(), _written(place)
    started = time.monotonic()
    run_id = queue(library)
    run = {"status": "pending"}
    while run["status"] in {"pending", "running"}:
        time.sleep(1.0)
        run = library.user.get(f"{library.path}/runs/{run_id}").json
    seconds = time.monotonic() - started
    counts = ", ".join(f"{run[name]:,} {name}" for name in ("created", "updated", "unchanged", "failed") if run[name])
    status = "" if run["status"] == "completed" else f" ({run['status']}: {run['error']})"
    time.sleep(1.5)  # PostgreSQL counts rows a moment later
    rows, transactions = (now - then for now, then in zip(_written(place), before, strict=True))
    memory = _peak_megabytes(place.pids["sync"][0])
    return (
        f"{seconds:.1f} s, {source.requests() - requested:,} requests, {transactions:,} transactions, {rows:,} rows, "
        f"{memory:.0f} MB; {counts}{status}"
    )


def _written(place: Place) -> tuple[int, int]:
    """The rows that were written so far, and the transactions that ended well."""
    written = "tup_inserted + tup_updated + tup_deleted, xact_commit"
    rows = place.rows(f"select {written} from pg_stat_database where datname = current_database()")
    return int(rows[0][0]), int(rows[0][1])


def _peak_megabytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def _git(folder: Path, stack: ExitStack) -> Source:
    from tests.peers import git

    repository = stack.enter_context(git.serve(folder))

    def write(edition: int, number: int) -> None:
        repository.commit({f"part-{one % 100}/item-{one}.md": _text(one, edition) for one in range(number)})

    return Source("git", {"url": repository.url}, None, write, repository.requests.total)


def _web(folder: Path, stack: ExitStack) -> Source:  # noqa: ARG001 — as the others
    from tests.peers import web

    site = stack.enter_context(web.serve())

    def write(edition: int, number: int) -> None:
        for one in range(number):
            site.put(f"/item-{one}", f"<title>Item {one}</title><main>{_text(one, edition)}</main>")
        if edition == 0:  # a hundred links on a page: of one page not more than some hundreds are followed
            parts = range(0, number, 100)
            for part in parts:
                list_page(f"/part-{part}", [f"/item-{one}" for one in range(part, min(part + 100, number))])
            list_page("/", [f"/part-{part}" for part in parts])

    def list_page(path: str, linked: list[str]) -> None:
        links = "".join(f"<a href='{one}'>x</a>" for one in linked)
        site.put(path, f"<meta name='robots' content='noindex'><main>{links}</main>")

    settings = {"start_urls": [f"{site.url}/"], "max_pages": 10_000}
    return Source("web", settings, None, write, site.requests.total)


def _gitlab(folder: Path, stack: ExitStack) -> Source:  # noqa: ARG001 — as the others
    from tests.peers import trackers

    tracker = stack.enter_context(trackers.serve("gitlab"))
    tracker.page = 50

    def write(edition: int, number: int) -> None:
        for one in range(1, number + 1):
            tracker.write(one, f"Item {one}", _text(one, edition))

    return Source("ticket", *tracker.connection(), write, tracker.requests.total)


def _drive(folder: Path, stack: ExitStack) -> Source:  # noqa: ARG001 — as the others
    from tests.peers import drives

    drive = stack.enter_context(drives.serve())
    drive.page = 200

    def write(edition: int, number: int) -> None:
        for one in range(number):
            drive.put(f"n{one}", f"item-{one}.md", _text(one, edition))

    return Source("google_drive", *drive.connection("google_drive"), write, drive.requests.total)


def _confluence(folder: Path, stack: ExitStack) -> Source:  # noqa: ARG001 — as the others
    from tests.peers import confluence

    wiki = stack.enter_context(confluence.serve("cloud"))
    wiki.page = 100

    def write(edition: int, number: int) -> None:
        for one in range(1, number + 1):
            parent = str(one // 10) if one >= 10 else None
            wiki.write(str(one), f"Item {one}", f"<p>{_text(one, edition)}</p>", parent)

    return Source("confluence", *wiki.connection(), write, wiki.requests.total)


def _text(number: int, edition: int) -> str:
    return f"Pump {number} is inspected every {number % 300 + edition + 1} days by the shift engineer. " * 20


_RUNS = {
    "first run": _by_hand,
    "nothing new": _by_schedule,
    "nothing new, by hand": _by_hand,
    "a hundredth changed": _by_schedule,
}
_SOURCES = {"git": _git, "web": _web, "gitlab": _gitlab, "google_drive": _drive, "confluence": _confluence}


if __name__ == "__main__":
    main(sys.argv[1:])
