"""Sources that change at random, and what the library should have of each: for tests/endurance/connectors.py."""

import random
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from tests.connectors.connected import Library
from tests.connectors.matrix import DriveMatrix
from tests.peers import confluence, drives, git, trackers, web
from tests.service import Service, User

# Drives name readers by these addresses, some of which are the domain's.
ADDRESSES = [f"person{number}@{'readers' if number % 4 == 0 else 'other'}.example.org" for number in range(20)]


@dataclass
class Mirror(ABC):
    """A source, and the connector that follows it. `name` is the source's in messages."""

    name: str
    peer: Any
    settings: dict[str, Any]
    credentials: dict[str, Any] | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    copy: Any = None

    def connect(self, service: Service, admin: User) -> None:
        """Make the connector."""
        more = {**({"credentials": self.credentials} if self.credentials else {}), **self.more}
        for attempt in range(10):
            try:
                self.copy = Library.connect(
                    service, admin, self.type, self.settings, name=self.name, most_removed_percent=100, **more
                )
            except AssertionError:  # a busy machine: 503
                if attempt == 9:
                    raise
                continue
            return

    @property
    def type(self) -> str:
        """The connector's type."""
        return self.name

    @abstractmethod
    def fill(self, number: int) -> None:
        """The first items."""

    @abstractmethod
    def change(self, chance: random.Random) -> None:
        """One random change."""

    @abstractmethod
    def expected(self) -> dict[str, str]:
        """What the library should have: the item's id → its text."""

    def misread(self, service: Service, people: Mapping[str, User], owner: User) -> int:
        """How many pairs of user and document differ from the source's own rule for readers."""
        return 0

    def reverse_a_rule(self) -> bool:
        """Have the source's rule for one document's readers another one, untold; whether the source has such rules."""
        return False


@dataclass
class Named(Mirror):
    """A source whose items have names of their own: create, change, rename and delete."""

    texts: dict[str, str] = field(default_factory=dict)
    number: int = 0

    def fill(self, number: int) -> None:
        for one in range(number):
            self.number += 1
            self._write(f"first/item-{one}", f"Pump {one} of {self.name} is blue.")

    def change(self, chance: random.Random) -> None:
        kind = chance.choice(["create", "create", "change", "change", "rename", "delete"])
        self.number += 1
        new = f"part-{chance.randrange(20)}/item-{self.number}-{chance.randrange(10**6)}"
        if kind == "create" or len(self.texts) < 10:
            self._write(new, f"Pump number {self.number} of {self.name} is checked on day {self.number}.")
            return
        name = chance.choice(sorted(self.texts))
        if kind == "change":
            self._write(name, f"Pump {name} of {self.name} was replaced by number {self.number}.")
        elif kind == "rename":
            self._write(new, self.texts[name], without=name)
        else:
            self._write(None, "", without=name)

    def _write(self, name: str | None, text: str, without: str | None = None) -> None:
        if name is not None:
            self.texts[name] = text
        if without is not None:
            del self.texts[without]
        self.put(name, text, without)

    @abstractmethod
    def put(self, name: str | None, text: str, without: str | None) -> None:
        """Write one item, and remove another."""


class GitMirror(Named):
    """Files of a bare Git repository."""

    def put(self, name: str | None, text: str, without: str | None) -> None:
        files: dict[str, Any] = {} if name is None else {f"{name}.md": text}
        self.peer.commit(files | ({} if without is None else {f"{without}.md": None}))

    def expected(self) -> dict[str, str]:
        return {f"{name}.md": text for name, text in self.texts.items()}


class WebMirror(Named):
    """Pages of a web server, which a start page leads to."""

    def put(self, name: str | None, text: str, without: str | None) -> None:
        if without is not None:
            del self.peer.pages[f"/{without}"]
        if name is not None:
            self.peer.put(f"/{name}", f"<title>{name}</title><main>{text}</main>")
        links = "".join(f"<a href='/{one}'>x</a>" for one in self.texts)
        self.peer.put("/", f"<meta name='robots' content='noindex'><main>{links}</main>")

    def expected(self) -> dict[str, str]:
        return {f"{self.peer.url}/{name}": text for name, text in self.texts.items()}


class BucketMirror(Named):
    """Objects of a bucket."""

    def put(self, name: str | None, text: str, without: str | None) -> None:
        if name is not None:
            self.peer.put_object(Bucket=self.settings["bucket"], Key=f"{name}.md", Body=text.encode())
        if without is not None:
            self.peer.delete_object(Bucket=self.settings["bucket"], Key=f"{without}.md")

    @property
    def type(self) -> str:
        return "file"

    def expected(self) -> dict[str, str]:
        return {f"{name}.md": text for name, text in self.texts.items()}


@dataclass
class TicketMirror(Mirror):
    """Tickets of a tracker, their comments and attachments."""

    number: int = 0

    @property
    def type(self) -> str:
        return "ticket"

    def fill(self, number: int) -> None:
        for _ in range(number):
            self._create()

    def change(self, chance: random.Random) -> None:
        kind = chance.choice(["create", "change", "change", "comment", "attach", "detach", "delete"])
        if kind == "create" or len(self.peer.tickets) < 10:
            self._create()
            return
        number = chance.choice(sorted(self.peer.tickets))
        ticket = self.peer.tickets[number]
        self.number += 1
        if kind == "change":
            self.peer.write(number, f"Pump {self.number}", f"The seal {self.number} was replaced.")
        elif kind == "comment":
            self.peer.write(number, ticket.title, ticket.text, f"Comment {self.number}.")
        elif kind == "attach":
            name = f"report{self.number}_txt"
            self.peer.write(number, ticket.title, ticket.text, **{name: f"Measured {self.number} bar.".encode()})
        elif kind == "detach":
            self.peer.write(number, ticket.title, ticket.text)
            ticket.files = {}
        else:
            self.peer.tickets = {other: one for other, one in self.peer.tickets.items() if other != number}

    def _create(self) -> None:
        self.number += 1
        self.peer.write(self.number, f"Pump {self.number} leaks", f"The seal of pump {self.number} is worn.")

    def expected(self) -> dict[str, str]:
        result = {}
        for number, ticket in self.peer.tickets.items():
            result[f"ticket:{number}"] = ticket.comments[-1] if ticket.comments else ticket.text
            for place, (name, content) in enumerate(ticket.files.items()):
                result[f"ticket:{number}/attachments/{self.peer.file_id(ticket, place, name)}"] = content.decode()
        return result


_PAGE_CHANGES = (
    "change",
    "rename",
    "move",
    "comment",
    "comment",
    "uncomment",
    "attach",
    "attach",
    "detach",
    "archive",
    "delete",
    "restrict",
    "open",
)


@dataclass
class ConfluenceMirror(Mirror):
    """Pages of Confluence, which are created, changed, moved, archived, deleted and restricted; what hangs at them."""

    number: int = 0

    def fill(self, number: int) -> None:
        for _ in range(number):
            self._create(None)

    def change(self, chance: random.Random) -> None:
        pages = [page for page in self.peer.pages.values() if page.status == "current"]
        self.number += 1
        kind = chance.choice(["create", "change", *_PAGE_CHANGES])
        if kind == "create" or len(pages) < 10:
            self._create(chance.choice([None, *(page.id for page in pages)]))
            return
        page = chance.choice(pages)
        if kind in {"archive", "delete", "move", "restrict", "open"}:
            self._place(kind, page, pages, chance)
        elif kind in {"change", "rename"}:
            markup = page.markup if kind == "rename" else f"<p>Pump {self.number} was replaced.</p>"
            self.peer.write(page.id, f"Pump {self.number}" if kind == "rename" else page.title, markup)
        elif kind == "comment":
            self.peer.comment(page.id, f"<p>Comment {self.number}.</p>")
        elif kind == "uncomment":
            page.comments = page.comments[:-1]
        elif kind == "attach":
            self.peer.attach(page.id, f"report{self.number % 3}.txt", f"Measured {self.number} bar.".encode())
        else:
            page.files = {}

    def _place(self, kind: str, page: Any, pages: list[Any], chance: random.Random) -> None:
        """Change where a page is, whether it is there, or who may read it."""
        if kind == "move":
            free = [one.id for one in pages if page.id not in {each.id for each in self._path(one)}]
            page.parent = chance.choice([None, *free])
        elif kind == "restrict":
            page.readers = ["g1"]
        elif kind == "open":
            for one in pages:
                one.readers = [] if chance.random() < 0.5 else one.readers
        else:
            for one in pages:
                one.parent = page.parent if one.parent == page.id else one.parent
            page.status = "archived" if kind == "archive" else "trashed"

    def _create(self, parent: str | None) -> None:
        self.number += 1
        self.peer.write(str(self.number), f"Item {self.number}", f"<p>Pump {self.number} is blue.</p>", parent)

    def _path(self, page: Any) -> list[Any]:
        """A page, and what it is below."""
        result = [page]
        while result[-1].parent is not None:
            result.append(self.peer.pages[result[-1].parent])
        return result

    def expected(self) -> dict[str, str]:
        result = {}
        for page in self.peer.pages.values():
            if page.status != "current" or any(one.readers for one in self._path(page)):
                continue
            result[f"page:{page.id}"] = re.sub("<[^>]*>", "", page.comments[-1].text if page.comments else page.markup)
            result |= {f"attachment:{file.id}": file.content.decode() for file in page.files.values()}
        return result


@dataclass
class DriveMirror(Mirror):
    """Files of a drive, which are created, changed, moved and deleted, and granted and withdrawn."""

    matrix: Any = None

    @property
    def type(self) -> str:
        return "onedrive" if self.name == "onedrive" else "google_drive"

    def fill(self, number: int) -> None:
        domain = ADDRESSES[0].partition("@")[2] if self.type == "google_drive" else None
        self.matrix = DriveMatrix(ADDRESSES, random.Random(self.name), self.peer, domain)
        self.matrix.fill(documents=3 * number, folders=8)

    def change(self, chance: random.Random) -> None:
        files = [node for node in self.peer.nodes.values() if node.content is not None]
        if files and chance.random() < 0.3:
            node = chance.choice(files)
            self.matrix.number += 1
            self.peer.put(node.id, node.name, f"The valve was replaced by {self.matrix.number}.", parent=node.parent)
        else:
            self.matrix.disturb(1)

    def expected(self) -> dict[str, str]:
        files = [node for node in self.peer.nodes.values() if node.content is not None]
        return {node.id.upper() if self.type == "onedrive" else node.id: node.content.decode() for node in files}

    def misread(self, service: Service, people: Mapping[str, User], owner: User) -> int:
        connector = self.copy.connector["id"]
        wrong = self.matrix.differences(service, connector, people, owner)
        return len([entry for entry in wrong if entry[0]])

    def reverse_a_rule(self) -> bool:
        self.peer.sharing.secret ^= {min(self.matrix.items())}
        return True


@contextmanager
def served(kinds: list[str], folder: Path) -> Iterator[list[Mirror]]:
    """The sources of these kinds."""
    from contextlib import ExitStack

    created: list[Mirror] = []
    with ExitStack() as stack:
        for kind in kinds:
            created.append(_serve(kind, folder, stack))
        yield created


def _serve(kind: str, folder: Path, stack: Any) -> Mirror:
    if kind == "git":
        repository = stack.enter_context(git.serve(folder))
        return GitMirror(kind, repository, {"url": repository.url})
    if kind == "web":
        site = stack.enter_context(web.serve())
        return WebMirror(kind, site, {"start_urls": [f"{site.url}/"], "max_pages": 10_000})
    if kind == "bucket":
        client = boto3.client("s3")
        client.create_bucket(Bucket="alcove-endurance-source")
        settings = {"bucket": "alcove-endurance-source", "endpoint_url": client.meta.endpoint_url}
        return BucketMirror(kind, client, settings, {"access_key_id": "test", "secret_access_key": "test"})
    if kind in {"gitlab", "redmine"}:
        tracker = stack.enter_context(trackers.serve(kind))
        return TicketMirror(kind, tracker, *tracker.connection())
    if kind == "confluence":
        wiki = stack.enter_context(confluence.serve("cloud"))
        wiki.page = 20
        return ConfluenceMirror(kind, wiki, *wiki.connection())
    drive = stack.enter_context(drives.serve())
    settings, credentials = drive.connection(kind)
    return DriveMirror(kind, drive, settings, credentials, {"scope": "org", "mirrors_readers": True})


KINDS = ("git", "web", "bucket", "gitlab", "redmine", "google_drive", "onedrive", "confluence")
