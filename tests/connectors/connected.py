"""What the connectors' tests do: connect a source, sync it, and look at what the library has."""

from dataclasses import dataclass
from itertools import count
from typing import Any

import boto3

from tests.service import Service, User

_numbers = count()


@dataclass
class Library:
    """One connector of a user, and what came of it."""

    service: Service
    user: User
    connector: dict[str, Any]

    @classmethod
    def connect(cls, service: Service, user: User, kind: str, settings: dict[str, Any], **more: Any) -> "Library":
        # Names are unique in a database that several tests share, and servers of two tests may get the same port.
        name = f"{more.pop('name', 'Source')} ({next(_numbers)})"
        body = {"name": name, "type": kind, "settings": settings, "allow_private_addresses": True}
        created = user.post("/connectors", body | more)
        assert created.status == 201, created.body
        return cls(service, user, created.json)

    @property
    def path(self) -> str:
        return f"/connectors/{self.connector['id']}"

    def sync(self, query: str = "", *, ingest: bool = True) -> dict[str, Any]:
        """Run the connector to its end; returns the run."""
        queued = self.user.post(f"{self.path}/sync{query}")
        assert queued.status == 202, queued.body
        self.service.pump_sync()
        if ingest:
            self.service.pump_ingest()
        run: dict[str, Any] = self.user.get(f"{self.path}/runs/{queued.json['id']}").json
        return run

    def make_due(self) -> None:
        """Let tick queue a run because the connector is due."""
        assert self.user.request("PATCH", self.path, {"refresh_minutes": 60}).status == 200
        due = "update connectors set next_run_at = now() where id = %s returning 1"
        self.service.rows(due, self.connector["id"])
        self.service.tick()

    def sync_by_schedule(self) -> dict[str, Any]:
        """Run the connector because it is due; returns the run."""
        self.make_due()
        self.service.pump_sync()
        run: dict[str, Any] = self.user.get(f"{self.path}/runs").json["items"][0]
        assert run["started_by"] == "schedule"
        return run

    def resume(self) -> dict[str, Any]:
        """The open run, which waits for its source, is due; returns it."""
        waiting = "update sync_runs set available_at = now(), woken_at = 'epoch', leased_until = now() "
        own = "where connector_id = %s and finished_at is null returning id"
        ((run,),) = self.service.rows(waiting + own, self.connector["id"])
        self.service.tick()
        self.service.pump_sync()
        resumed: dict[str, Any] = self.user.get(f"{self.path}/runs/{run}").json
        return resumed

    def state(self) -> dict[str, Any]:
        """The connector as it is now."""
        answer = self.user.get(self.path)
        assert answer.status == 200, answer.body
        matches: dict[str, Any] = answer.json
        return matches

    def items(self) -> dict[str, dict[str, Any]]:
        """The items by their ids at the source."""
        return {item["source_id"]: item for item in self.user.items(f"{self.path}/items")}

    def paths(self) -> dict[str, str]:
        """The documents of the connector's repository: path → document."""
        answer = self.user.get(f"/repositories/{self.connector['repository_id']}/documents?limit=100")
        assert answer.status == 200, answer.body
        return {entry["path"]: entry["id"] for entry in answer.json["items"]}

    def text(self, document_id: str) -> str:
        """A document's text."""
        text: str = self.user.get(f"/documents/{document_id}/content").json["text"]
        return text

    def texts(self) -> list[str]:
        """Every text of the repository, sorted."""
        return sorted(self.text(document) for document in self.paths().values())

    def rows(self) -> dict[str, int]:
        """How many rows each table has that a sync could fill, and how many objects the bucket has."""
        tables = ("documents", "uploads", "document_chunks", "embeddings", "connector_items", "repo_documents")
        counts = {table: int(self.service.rows(f"select count(*) from {table}")[0][0]) for table in tables}
        listed = boto3.client("s3").list_object_versions(Bucket=self.service.bucket)
        return counts | {"objects": len(listed.get("Versions", []))}


def allow_private(service: Service, *connectors: str) -> None:
    """What an administrator allows at the creation of a connector, for connectors that no administrator made."""
    as_administrator = "from (select set_config('app.is_admin', 'true', true)) a"
    allowed = f"update connectors set allow_private_addresses = true {as_administrator} where id = any (%s) returning 1"
    assert len(service.rows(allowed, list(connectors))) == len(connectors)


def counts(run: dict[str, Any]) -> dict[str, int]:
    """What a run did, without the zeroes."""
    names = ("created", "updated", "removed", "unchanged", "failed")
    return {name: run[name] for name in names if run[name]}
