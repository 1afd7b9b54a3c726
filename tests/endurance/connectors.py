"""Random changes at sources while the functions that sync and ingest, and the database, are killed on the way.

The sources are a Git repository behind Git's HTTP backend, a web server, a bucket, and servers that speak the protocols
of GitLab, Redmine, Google Drive, OneDrive and Confluence (tests/peers). `--changes` items of each are created, changed,
renamed and deleted at random; drives also grant and withdraw rights, which their connectors mirror, and Confluence
restricts pages, which its connector leaves out. Runs are asked for meanwhile, and workers are killed (SIGKILL), now and
then the whole database: `--kills` in all. At the end, after runs in peace, each source is compared with the library
item by item, and users × documents with the drives' own rule for readers.
Exits 1 if an item is missing, stale or doubled, if a deleted one is still there, or if a user sees what the source
would not show, or does not see what it would. Then faults of each kind are planted, and the comparison must find them:
it exits 1 too if it does not.
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
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString

from bench.commands import Command, parser
from infra.local import instances
from infra.local.instances import Knobs, Place
from tests.endurance.mirrors import ADDRESSES, KINDS, Mirror, served
from tests.service import LastingUser, Service, User

if TYPE_CHECKING:
    import psycopg

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
            _report(f"compared item by item: {dict(problems)}")
            for mirror in mirrors:
                problems[f"{mirror.name}: seen by the wrong people"] += mirror.misread(service, people, admin)
            problems = +problems
            planted, overlooked = _plant(place, mirrors, service, people, admin)
        finally:
            stop.set()
            keeper.join()
        items = {mirror.name: len(mirror.expected()) for mirror in mirrors}
        print(
            f"{changes} changes at {len(mirrors)} sources, {killed.total()} kills {dict(killed)} in "
            f"{time.monotonic() - started:.0f} s, {sum(items.values())} items at the end {items}, "
            f"{len(people)} users; problems: {dict(problems)}; {planted} faults planted afterwards, "
            f"overlooked: {overlooked}"
        )
        if problems:
            print(place.log_tail(40), file=sys.stderr)
    return 1 if problems or overlooked or not planted else 0


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
    of_ingestion.DOCUMENT_VERIFY_AFTER = timedelta(seconds=60)  # each time doubles the messages of what waits
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
    with place.owner() as conn:
        for mirror in mirrors:
            problems += _compare(conn, mirror, mirror.expected())
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


def _compare(conn: "psycopg.Connection[Any]", mirror: Mirror, expected: Mapping[str, str]) -> Counter[str]:
    """How the library differs from what it should have of a source, as the owner of the schema sees it."""
    connector = mirror.copy.connector["id"]
    stored = conn.execute(_STORED, [connector]).fetchall()
    problems: Counter[str] = Counter()
    by_id = {row[0]: row[1:] for row in stored}
    for source_id, text in expected.items():
        content, chunks, is_live = by_id.get(source_id, ("", "", False))
        if not is_live:
            problems[f"{mirror.name}: missing"] += 1
        elif text not in content or text not in chunks:
            problems[f"{mirror.name}: stale"] += 1
    problems[f"{mirror.name}: deleted and still there"] += len(by_id.keys() - expected.keys())
    ((doubled,),) = conn.execute(_DOUBLED, [connector]).fetchall()
    problems[f"{mirror.name}: doubled"] += doubled
    return +problems


def _plant(
    place: Place, mirrors: list[Mirror], service: Service, people: Mapping[str, User], admin: User
) -> tuple[int, list[str]]:
    """Plant a fault at a time, and compare; returns how many there were, and those that the comparison overlooked."""
    planted, overlooked = 0, list[str]()
    for mirror in mirrors:
        expected = mirror.expected()
        with place.owner() as conn:
            usual = _compare(conn, mirror, expected)
            one = (
                "select source_id, document_id from connector_items where connector_id = %s and document_id is not null"
            )
            matches = dict(conn.execute(f"{one} order by source_id", [mirror.copy.connector["id"]]).fetchall())
            source_id = next(name for name in expected if name in matches)
            for kinds, statement in _PLANTED:
                with conn.transaction(force_rollback=True):
                    conn.execute(statement, [matches[source_id]])
                    result = _compare(conn, mirror, expected) - usual
                planted += 1
                if result != Counter({f"{mirror.name}: {kind}": 1 for kind in kinds}):
                    overlooked.append(f"{mirror.name}: {statement}, found {dict(result)}")
            less = {name: text for name, text in expected.items() if name != source_id}
            planted += 1
            if not _compare(conn, mirror, less) - usual:
                overlooked.append(f"{mirror.name}: deleted and still there")
        if mirror.reverse_a_rule():
            planted += 1
            if not mirror.misread(service, people, admin):
                overlooked.append(f"{mirror.name}: seen by the wrong people")
    return planted, overlooked


_STORED = """
select i.source_id,
       coalesce((select t.content from document_texts t where t.document_id = d.id), ''),
       coalesce((select string_agg(c.chunk_text, ' ' order by c.chunk_index) from document_chunks c
                 where c.document_id = d.id), ''),
       d.id is not null and d.deleted_at is null and d.status = 'completed'
       and exists (select from embeddings e join document_chunks c on c.id = e.chunk_id where c.document_id = d.id)
from connector_items i left join documents d on d.id = i.document_id where i.connector_id = %s
"""
# Documents that are no item's: an item has at most one by a constraint.
_DOUBLED = """
select count(*) from documents d where d.connector_id = %s and d.deleted_at is null
       and not exists (select from connector_items i where i.document_id = d.id)
"""
# What each fault that is planted is called in the end.
_PLANTED: tuple[tuple[tuple[str, ...], LiteralString], ...] = (
    (("missing",), "update documents set deleted_at = now() where id = %s"),
    (("missing", "doubled"), "delete from connector_items where document_id = %s"),
    (("missing",), "delete from document_chunks where document_id = %s"),
    (("stale",), "update document_texts set content = 'As it was.' where document_id = %s"),
    (("stale",), "update document_chunks set chunk_text = 'As it was.' where document_id = %s"),
    (("missing", "doubled"), "update connector_items set document_id = null where document_id = %s"),
)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
