"""Users × documents: random grants and withdrawals at a source, and who sees what compared with its own rule."""

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from tests.peers.drives import DrivePeer
from tests.peers.sharing import Grantee
from tests.peers.teams import TeamPeer
from tests.service import Service, User

# The connector's owner, whom the source does not know.
OWNER = "owner"


@dataclass
class Matrix(ABC):
    """A source whose documents and readers change at random."""

    addresses: list[str]
    chance: random.Random

    @abstractmethod
    def disturb(self, changes: int) -> None:
        """Random changes."""

    @abstractmethod
    def items(self) -> set[str]:
        """The ids of what the library should have."""

    @abstractmethod
    def may_read(self, address: str, item: str) -> bool:
        """The source's own rule for who reads an item."""

    def differences(
        self, service: Service, connector_id: str, people: Mapping[str, User], owner: User
    ) -> list[tuple[str, str, bool]]:
        """Where what a user sees differs from the source's rule: address, item, and whether it is seen."""
        statement = "select source_id, document_id from connector_items where connector_id = %s"
        # OneDrive's ids are known in capitals.
        documents = {row[1]: row[0].lower() for row in service.rows(statement, connector_id)}
        wrong = [("", item, False) for item in sorted(self.items() ^ {*documents.values()})]
        for address, user in [*people.items(), (OWNER, owner)]:
            seen = self._seen(service, user, connector_id)
            for document, item in documents.items():
                wrong += [(address, item, document in seen)] * ((document in seen) != self.may_read(address, item))
        return wrong

    def _seen(self, service: Service, user: User, connector_id: str) -> set[object]:
        """The connector's documents that row-level security shows to a user, with their entries in the repository."""
        with service.database.connect() as conn, conn.transaction():
            conn.execute("select assume_user(%s)", [user.id])
            statement = "select id from documents where connector_id = %s and deleted_at is null"
            seen = {row[0] for row in conn.execute(statement, [connector_id]).fetchall()}
            entries = "select p.document_id from repo_documents p join repositories r on r.id = p.repository_id "
            paths = conn.execute(f"{entries} where r.source_type in ('google_drive', 'onedrive', 'teams')").fetchall()
            items = conn.execute("select document_id from connector_items where connector_id = %s", [connector_id])
            assert {row[0] for row in items.fetchall()} == seen
            assert seen <= {row[0] for row in paths}
            chunks = "select c.document_id from document_chunks c join documents d on d.id = c.document_id "
            read = conn.execute(
                f"{chunks} where d.connector_id = %s and d.deleted_at is null", [connector_id]
            ).fetchall()
            assert {row[0] for row in read} <= seen
            hidden = "select count(*) from documents where id = any (%s)"
            assert conn.execute(hidden, [[row[0] for row in paths]]).fetchone() == (len(paths),)
        return seen


@dataclass
class DriveMatrix(Matrix):
    """A drive whose grants, groups, files and folders change at random."""

    drive: DrivePeer
    domain: str | None
    number: int = 0

    def fill(self, *, documents: int, folders: int) -> None:
        """Folders within folders, documents in them, groups within groups, and first grants."""
        for number in range(folders):
            self.drive.put(f"folder{number}", f"Folder {number}", parent=self._folder(number))
        for number in range(4):
            self.drive.sharing.groups[f"group{number}"] = self._members(number)
        for _ in range(documents):
            self._create()
        for node in [*self.drive.nodes]:
            if self.chance.random() < 0.6:
                self.drive.grant(node, *self._grantees())

    def disturb(self, changes: int) -> None:
        """Random changes: mostly of grants and groups."""
        for _ in range(changes):
            kind = self.chance.choice(
                ["grant", "grant", "withdraw", "withdraw", "group", "move", "create", "delete", "secret"]
            )
            node = self.chance.choice([*self.drive.nodes])
            if kind == "grant":
                self.drive.grant(node, *self.drive.sharing.grants.get(node, set()), *self._grantees())
            elif kind == "withdraw":
                former = sorted(self.drive.sharing.grants.get(node, set()))
                self.drive.grant(node, *self.chance.sample(former, len(former) // 2))
            elif kind == "group":
                number = self.chance.randrange(4)
                self.drive.sharing.groups[f"group{number}"] = self._members(number)
            elif kind == "move" and self.drive.nodes[node].content is not None:
                self.drive.put(node, self.drive.nodes[node].name, parent=self._folder(99))
            elif kind == "create":
                self._create()
            elif kind == "delete" and self.drive.nodes[node].content is not None and self.number % 3 == 0:
                self.drive.delete(node)
            elif kind == "secret":
                self.drive.sharing.secret ^= {node}
                self.drive.changes.append(node)

    def items(self) -> set[str]:
        return {node.id for node in self.drive.nodes.values() if node.content is not None}

    def may_read(self, address: str, item: str) -> bool:
        if item in self.drive.sharing.secret:
            return address == OWNER
        return self.drive.sharing.may_read(address, item, self.drive.parents)

    def _create(self) -> None:
        self.number += 1
        text = f"Document number {self.number} is about pumps."
        self.drive.put(f"file{self.number}", f"file{self.number}.md", text, parent=self._folder(99))

    def _folder(self, below: int) -> str:
        folders = sorted(name for name in self.drive.nodes if name.startswith("folder"))[:below]
        return self.chance.choice(["root", *folders])

    def _members(self, number: int) -> set[str]:
        """Members of a group, and perhaps a group of a higher number, so that no group has itself."""
        members = set(self.chance.sample(self.addresses, self.chance.randrange(3)))
        return members | ({f"group{number + 1}"} if number < 3 and self.chance.random() < 0.4 else set())

    def _grantees(self) -> list[Grantee]:
        kinds = ["user", "user", "group", "group", "link"] + (["domain", "anyone"] if self.domain else [])
        result: list[Grantee] = []
        for _ in range(self.chance.randrange(1, 3)):
            kind = self.chance.choice(kinds)
            names = {"user": self.addresses, "group": [f"group{number}" for number in range(4)]}
            name = self.chance.choice(names[kind]) if kind in names else self.domain or ""
            result.append((kind, name if kind in {"user", "group", "domain"} else ""))
        return result


@dataclass
class TeamMatrix(Matrix):
    """A team whose channels, members and threads change at random; a thread is its channel's members'."""

    team: TeamPeer
    number: int = 0

    def fill(self) -> None:
        """Channels, members and threads."""
        for name in ("pumps", "cranes", "valves"):
            self.team.members[name] = self._members()
            for _ in range(3):
                self._write(name)

    def disturb(self, changes: int) -> None:
        for _ in range(changes):
            channel = self.chance.choice(sorted(self.team.messages))
            threads = self._threads(channel)
            kind = self.chance.choice(["members", "members", "members", "write", "reply", "delete", "channel"])
            if kind == "members":
                self.team.members[channel] = self._members()
            elif kind == "write" or not threads:
                self._write(channel)
            elif kind == "reply":
                self._write(channel, self.chance.choice(threads))
            elif kind == "delete":
                self.team.delete(channel, self.chance.choice(threads))
            elif len(self.team.messages) > 1:
                del self.team.messages[channel]
                self.team.members[f"new{self.number}"] = self._members()
                self._write(f"new{self.number}")

    def items(self) -> set[str]:
        return {f"{channel}/{thread}" for channel in self.team.messages for thread in self._threads(channel)}

    def may_read(self, address: str, item: str) -> bool:
        return address in self.team.members[item.partition("/")[0]]

    def _threads(self, channel: str) -> list[str]:
        messages = self.team.messages[channel].values()
        return [one["id"] for one in messages if not one["replyToId"] and not one["deletedDateTime"]]

    def _write(self, channel: str, reply_to: str | None = None) -> None:
        self.number += 1
        self.team.write(channel, str(self.number), f"Message number {self.number} is about pumps.", reply_to)

    def _members(self) -> list[str]:
        return self.chance.sample(self.addresses, self.chance.randrange(len(self.addresses)))
