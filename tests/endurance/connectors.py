"""Random changes at sources while the functions that sync and ingest, and the database, are killed on the way.

The sources are a Git repository behind Git's HTTP backend, a web server, a bucket, and servers that speak the protocols
of GitLab, Redmine, Google Drive and OneDrive (tests/peers). `--changes` items of each are created, changed, renamed and
deleted at random; drives also grant and withdraw rights, which their connectors mirror. Runs are asked for meanwhile,
and workers are killed (SIGKILL), now and then the whole database: `--kills` in all. At the end, after runs in peace,
each source is compared with the library item by item, and users × documents with the drives' own rule for readers.
Exits 1 if an item is missing, stale or doubled, if a deleted one is still there, or if a user sees what the source
would not show, or does not see what it would.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.commands import Command, parser
from infra.local import instances
from infra.local.instances import Knobs, Place
from tests.endurance.mirrors import ADDRESSES, KINDS, Mirror, served
from tests.service import LastingUser, Service, User

COMMAND = Command(
    "Change sources at random while syncing, ingesting and the database are killed, then compare item by item",
    usual="--changes 30 --kills 40",
    smallest=(),
    costs="minutes of killed workers; tests/connectors shows the same rules step by step",
)

_WAIT_SECONDS = 600.0


def main(arguments: list[str]) -> int:
    """Run the test; 0 when nothing is missing, stale or doubled."""
    options = _options(arguments)
    chance = random.Random(options.seed)
    with ExitStack() as stack:
        place = stack.enter_context(instances.place(Knobs(sync_lease=5.0), visibility_seconds=5))
        os.environ.update(place.environment)
        service = Service.at(place)
        admin = LastingUser.of(service.log_in(place.administrator["email"], place.administrator["password"]))
        people = _people(service)
        folder = Path(tempfile.mkdtemp(prefix="alcove-sources-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        mirrors = stack.enter_context(served(options.sources, folder))
        for mirror in mirrors:
            mirror.fill(20)
            mirror.connect(service, admin)
        started = time.monotonic()
        for function, number in (("sync", 2), ("ingest", 2)):
            place.add(function, number)
        stop = threading.Event()
        keeper = threading.Thread(target=_repair, args=(stop,), daemon=True)
        keeper.start()
        try:
            changes, killed = _disturb(place, mirrors, chance, options)
            problems = _settle(place, mirrors)
            for mirror in mirrors:
                problems[f"{mirror.name}: seen by the wrong people"] += mirror.misread(service, people, admin)
            problems = +problems
        finally:
            stop.set()
            keeper.join()
        items = {mirror.name: len(mirror.expected()) for mirror in mirrors}
        print(
            f"{changes} changes at {len(mirrors)} sources, {killed.total()} kills {dict(killed)} in "
            f"{time.monotonic() - started:.0f} s, {sum(items.values())} items at the end {items}, "
            f"{len(people)} users; problems: {dict(problems)}"
        )
        if problems:
            print(place.log_tail(40), file=sys.stderr)
    return 1 if problems else 0


def _options(arguments: list[str]) -> argparse.Namespace:
    described = parser(__name__, __doc__)
    described.add_argument("--changes", type=int, default=1000, help="at each source")
    described.add_argument("--kills", type=int, default=200)
    described.add_argument("--minutes", type=float, help="change and kill no longer than this, whatever is left")
    described.add_argument("--seed", type=int, default=1)
    described.add_argument("--sources", nargs="+", choices=KINDS, default=list(KINDS))
    return described.parse_args(arguments)


def _people(service: Service) -> dict[str, User]:
    """Users by the verified addresses that drives name."""
    people = {}
    for address in ADDRESSES:
        people[address] = user = service.user()
        verified = "update users set email = %s, email_verified = true where id = %s returning 1"
        service.rows(verified, address, user.id)
    return people


def _repair(stop: threading.Event) -> None:
    """What tick does, every second instead of every minute."""
    from chalicelib.core import repairs
    from chalicelib.core.log import logger
    from chalicelib.knowledge.connectors import repairs as of_connectors
    from chalicelib.knowledge.ingestion import repairs as of_ingestion

    of_connectors.SYNC_WAKE_AFTER = timedelta(seconds=2)
    of_ingestion.DOCUMENT_VERIFY_AFTER = timedelta(seconds=5)
    while not stop.wait(1.0):
        try:
            repairs.run("wake_syncs", "verify_documents")
        except Exception:  # noqa: BLE001 — the database is killed on purpose
            logger().exception("repair failed")


def _disturb(
    place: Place, mirrors: list[Mirror], chance: random.Random, options: argparse.Namespace
) -> tuple[int, Counter[str]]:
    """Change the sources and kill; returns how many changes there were, and the kills."""
    killed: Counter[str] = Counter()
    order = [mirror for mirror in mirrors for _ in range(options.changes)]
    chance.shuffle(order)
    done, started = 0, time.monotonic()
    for number, mirror in enumerate(order):
        if number % max(1, len(order) // 20) == 0:
            _report(f"{number} of {len(order)} changes, {done} kills after {time.monotonic() - started:.0f} s")
        if options.minutes is not None and time.monotonic() - started > 60 * options.minutes:
            return number, killed
        mirror.change(chance)
        if number % 3 == 0:
            _ask(mirror)
        while done < options.kills * (number + 1) // len(order):
            done += 1
            victim = chance.choice(["sync", "sync", "sync", "ingest", "ingest", "database"])
            time.sleep(chance.uniform(0.0, 1.0))
            if victim == "database":
                place.restart_database()
            else:
                place.kill(victim, chance.randrange(len(place.pids[victim])))
                place.add(victim)
            killed[victim] += 1
    return len(order), killed


def _ask(mirror: Mirror) -> dict[str, Any] | None:
    """Ask for a run; None while the database is away."""
    try:
        answer = mirror.copy.user.post(f"{mirror.copy.path}/sync")
    except Exception:  # noqa: BLE001 — the database is killed on purpose
        return None
    run: dict[str, Any] | None = answer.json if answer.status == 202 else None
    return run


def _settle(place: Place, mirrors: list[Mirror]) -> Counter[str]:
    """Let everything come to rest, run each connector once more, and compare."""
    problems: Counter[str] = Counter()
    for mirror in mirrors:
        for _ in range(2):
            if not _completed(mirror):
                problems[f"{mirror.name}: no run completed"] += 1
        _report(f"{mirror.name} was synced in peace")
    _wait_for_ingestion(place)
    for mirror in mirrors:
        problems += _compare(place, mirror)
    return problems


def _wait_for_ingestion(place: Place) -> None:
    """Wait until no document waits; given up when none was read for a while."""
    waiting = "select count(*) from documents where deleted_at is null and status in ('pending', 'processing')"
    least, deadline, reported = sys.maxsize, 0.0, 0.0
    while left := place.rows(waiting)[0][0]:
        if left < least:
            least, deadline = left, time.monotonic() + _WAIT_SECONDS
        if time.monotonic() > deadline:
            return
        if time.monotonic() > reported + 30:
            reported = time.monotonic()
            _report(f"{left} documents wait")
        time.sleep(1.0)


def _report(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


def _completed(mirror: Mirror) -> bool:
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        run = _ask(mirror)
        while run is not None and run["status"] in {"pending", "running"} and time.monotonic() < deadline:
            time.sleep(0.5)
            run = mirror.copy.user.get(f"{mirror.copy.path}/runs/{run['id']}").json
        if run is not None and run["status"] == "completed":
            return True
        time.sleep(1.0)
    return False


def _compare(place: Place, mirror: Mirror) -> Counter[str]:
    connector = mirror.copy.connector["id"]
    stored = place.rows(
        "select i.source_id, coalesce(t.content, ''), d.deleted_at is not null, d.status, "
        "(select count(*) from document_chunks c where c.document_id = d.id) "
        "from connector_items i left join documents d on d.id = i.document_id "
        f"left join document_texts t on t.document_id = d.id where i.connector_id = '{connector}'"
    )
    problems: Counter[str] = Counter()
    expected = mirror.expected()
    by_id = {row[0]: row for row in stored}
    for source_id, text in expected.items():
        row = by_id.get(source_id)
        if row is None or row[2] or row[3] != "completed" or not row[4]:
            problems[f"{mirror.name}: missing"] += 1
        elif text not in row[1]:
            problems[f"{mirror.name}: stale"] += 1
    problems[f"{mirror.name}: deleted and still there"] += len(by_id.keys() - expected.keys())
    ((live,),) = place.rows(f"select count(*) from documents where connector_id = '{connector}' and deleted_at is null")
    problems[f"{mirror.name}: doubled"] += max(0, live - len(expected))
    return +problems


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
