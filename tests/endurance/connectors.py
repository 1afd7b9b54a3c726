"""Random changes at sources while the functions that sync and ingest, and the database, are killed on the way.

Two sources are real: a bare Git repository behind Git's HTTP backend, and a web server. Files and pages are created,
changed, renamed and deleted at random, runs are asked for meanwhile, and a worker is killed (SIGKILL) after every few
changes, now and then the whole database. At the end, after runs in peace, each source is compared with the library item
by item: path, text, and the document that searches use. Exits 1 if an item is missing, stale or doubled, if a deleted
one is still there, or if a document that was only renamed became another one.
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
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.commands import Command, parser
from infra.local import instances
from infra.local.instances import Knobs, Place

COMMAND = Command(
    "Change sources at random while syncing, ingesting and the database are killed, then compare item by item",
    usual="--changes 1000 --kills 200",
    smallest=(),
    costs="minutes of killed workers; tests/connectors shows the same rules step by step",
)

_WAIT_SECONDS = 600.0


@dataclass
class Mirror:
    """A source, what it has now by its ids, and the connector that follows it."""

    kind: str
    peer: Any
    connected: Any = None
    texts: dict[str, str] = field(default_factory=dict)
    number: int = 0

    def change(self, chance: random.Random) -> None:
        """One random change: create, change, rename or delete."""
        kind = chance.choice(["create", "create", "change", "change", "rename", "delete"])
        if kind == "create" or len(self.texts) < 10:
            self.number += 1
            self.write(self._name(chance), f"Pump number {self.number} of {self.kind} is checked on day {self.number}.")
            return
        name = chance.choice(sorted(self.texts))
        if kind == "change":
            self.number += 1
            self.write(name, f"Pump {name} of {self.kind} was replaced by number {self.number}.")
        elif kind == "rename":
            text = self.texts[name]
            self.write(self._name(chance), text, without=name)
        else:
            self.write(None, "", without=name)

    def _name(self, chance: random.Random) -> str:
        return f"part-{chance.randrange(20)}/item-{self.number}-{chance.randrange(10**6)}"

    def write(self, name: str | None, text: str, without: str | None = None) -> None:
        """Write one item, and remove another."""
        if name is not None:
            self.texts[name] = text
        if without is not None:
            del self.texts[without]
        if self.kind == "git":
            files: dict[str, Any] = {} if name is None else {f"{name}.md": text}
            self.peer.commit(files | ({} if without is None else {f"{without}.md": None}))
            return
        if without is not None:
            del self.peer.pages[f"/{without}"]
        if name is not None:
            self.peer.put(f"/{name}", f"<title>{name}</title><main>{text}</main>")
        links = "".join(f"<a href='/{one}'>x</a>" for one in self.texts)
        self.peer.put("/", f"<meta name='robots' content='noindex'><main>{links}</main>")

    def expected(self) -> dict[str, str]:
        """What the library should have: the item's id → its text."""
        if self.kind == "git":
            return {f"{name}.md": text for name, text in self.texts.items()}
        return {f"{self.peer.url}/{name}": text for name, text in self.texts.items()}


def main(arguments: list[str]) -> int:
    """Run the test; 0 when nothing is missing, stale or doubled."""
    options = _options(arguments)
    chance = random.Random(options.seed)
    with ExitStack() as stack:
        place = stack.enter_context(instances.place(Knobs(sync_lease=5.0), visibility_seconds=5))
        os.environ.update(place.environment)
        mirrors = _mirrors(stack, place)
        for function, number in (("sync", 2), ("ingest", 1)):
            place.add(function, number)
        stop = threading.Event()
        keeper = threading.Thread(target=_repair, args=(stop,), daemon=True)
        keeper.start()
        try:
            killed = _disturb(place, mirrors, chance, options)
            problems = _settle(place, mirrors)
        finally:
            stop.set()
            keeper.join()
        items = sum(len(mirror.texts) for mirror in mirrors)
        print(f"{options.changes} changes, kills {dict(killed)}, {items} items at the end; problems: {dict(problems)}")
        if problems:
            print(place.log_tail(40), file=sys.stderr)
    return 1 if problems else 0


def _options(arguments: list[str]) -> argparse.Namespace:
    described = parser(__name__, __doc__)
    described.add_argument("--changes", type=int, default=100)
    described.add_argument("--kills", type=int, default=20)
    described.add_argument("--seed", type=int, default=1)
    return described.parse_args(arguments)


def _mirrors(stack: ExitStack, place: Place) -> list[Mirror]:
    from chalicelib.core import process
    from tests import places
    from tests.connectors.connected import Library
    from tests.peers import git, web
    from tests.service import Database, Service

    process.forget()
    server, name = place.server, "alcove"
    secrets = {
        role: {"host": server.host, "port": server.port, "dbname": name, "username": f"alcove_{role}", "password": word}
        for role, word in (("owner", server.owner_password), ("app", server.app_password))
    }
    lent = places.Place(place.environment["ALCOVE_BUCKET"], place.queues, place.environment)
    service = Service(Database(secrets["owner"], secrets["app"]), lent)
    admin = service.log_in(place.administrator["email"], place.administrator["password"])
    folder = Path(tempfile.mkdtemp(prefix="alcove-sources-"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    mirrors = [
        Mirror("git", stack.enter_context(git.serve(folder))),
        Mirror("web", stack.enter_context(web.serve())),
    ]
    for mirror in mirrors:
        for number in range(20):
            mirror.number += 1
            mirror.write(f"first/item-{number}", f"Pump {number} of {mirror.kind} is blue.")
        settings = (
            {"url": mirror.peer.url}
            if mirror.kind == "git"
            else {"start_urls": [f"{mirror.peer.url}/"], "max_pages": 10_000}
        )
        mirror.connected = Library.connect(
            service, admin, mirror.kind, settings, name=mirror.kind, most_removed_percent=100
        )
    return mirrors


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


def _disturb(place: Place, mirrors: list[Mirror], chance: random.Random, options: argparse.Namespace) -> Counter[str]:
    killed: Counter[str] = Counter()
    every = max(1, options.changes // max(1, options.kills))
    for number in range(options.changes):
        mirror = chance.choice(mirrors)
        mirror.change(chance)
        if number % 3 == 0:
            _ask(mirror)
        if number % every == every - 1:
            victim = chance.choice(["sync", "sync", "sync", "ingest", "ingest", "database"])
            time.sleep(chance.uniform(0.0, 1.0))
            if victim == "database":
                place.restart_database()
            else:
                place.kill(victim, chance.randrange(len(place.pids[victim])))
                place.add(victim)
            killed[victim] += 1
    return killed


def _ask(mirror: Mirror) -> dict[str, Any] | None:
    """Ask for a run; None while the database is away."""
    try:
        answer = mirror.connected.user.post(f"{mirror.connected.path}/sync")
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
                problems[f"{mirror.kind}: no run completed"] += 1
    deadline = time.monotonic() + _WAIT_SECONDS
    waiting = "select count(*) from documents where deleted_at is null and status in ('pending', 'processing')"
    while place.rows(waiting)[0][0] and time.monotonic() < deadline:
        time.sleep(1.0)
    for mirror in mirrors:
        problems += _compare(place, mirror)
    return problems


def _completed(mirror: Mirror) -> bool:
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        run = _ask(mirror)
        while run is not None and run["status"] in {"pending", "running"} and time.monotonic() < deadline:
            time.sleep(0.5)
            run = mirror.connected.user.get(f"{mirror.connected.path}/runs/{run['id']}").json
        if run is not None and run["status"] == "completed":
            return True
        time.sleep(1.0)
    return False


def _compare(place: Place, mirror: Mirror) -> Counter[str]:
    connector = mirror.connected.connector["id"]
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
            problems[f"{mirror.kind}: missing"] += 1
        elif text not in row[1]:
            problems[f"{mirror.kind}: stale"] += 1
    problems[f"{mirror.kind}: deleted and still there"] += len(by_id.keys() - expected.keys())
    ((live,),) = place.rows(f"select count(*) from documents where connector_id = '{connector}' and deleted_at is null")
    problems[f"{mirror.kind}: doubled"] += max(0, live - len(expected))
    return +problems


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
