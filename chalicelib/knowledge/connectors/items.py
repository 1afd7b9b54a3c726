"""Items: what a connector's source has, and which document stands for each."""

import base64
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.core import identity, rows, sql
from chalicelib.core.models import Page
from chalicelib.core.texts import storable
from chalicelib.knowledge.connectors.models import ConnectorItem, ItemQuery
from chalicelib.knowledge.connectors.sources import Item, KnownItem

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

_MOST_CANDIDATES = 10


@dataclass(frozen=True, slots=True)
class StoredItem:
    """An item as it is stored. `is_excluded`: a person deleted its document. `title` is the document's.

    `has_failed`: the last run that saw it could not read it.
    """

    source_id: str
    space_id: int
    document_id: UUID | None
    version: str | None
    path: str
    original_url: str | None
    content_sha256: bytes | None
    run_id: UUID | None
    is_excluded: bool
    has_failed: bool
    title: str | None
    authors: list[str]
    source_created_at: datetime | None
    source_modified_at: datetime | None
    memory: dict[str, Any]
    metadata: dict[str, Any]

    def listed(self) -> Item:
        """The item as a listing would name it, without a version: it is to be fetched again."""
        return Item(
            self.source_id,
            self.path,
            title=self.title,
            original_url=self.original_url,
            authors=tuple(self.authors),
            created_at=self.source_created_at,
            modified_at=self.source_modified_at,
            metadata=self.metadata,
            memory=self.memory,
        )

    def known(self) -> KnownItem:
        """The item as its type sees it."""
        return KnownItem(self.source_id, self.version, self.path, self.memory, self.metadata)


def list_page(conn: "Conn", connector_id: UUID, query: ItemQuery) -> Page[ConnectorItem]:
    """The items of a connector, by their ids at the source."""
    params = {
        "connector": connector_id,
        "after": query.after_item(),
        "failed": query.failed,
        "limit": query.limit + 1,
    }
    matches = rows.many(conn, ConnectorItem, queries.list, params)
    more = len(matches) > query.limit
    last = base64.urlsafe_b64encode(matches[query.limit - 1].source_id.encode()).decode() if more else None
    return Page(items=matches[: query.limit], next_cursor=last)


def stored(conn: "Conn", connector_id: UUID, source_ids: Collection[str]) -> dict[str, StoredItem]:
    """The stored ones of these items."""
    params = {"connector": connector_id, "source_ids": storable(list(source_ids))}
    return {item.source_id: item for item in rows.many(conn, StoredItem, queries.stored, params)}


def failed(conn: "Conn", connector_id: UUID, run_id: UUID, limit: int) -> list[StoredItem]:
    """Items that an earlier run could not read, and that this one has not tried."""
    params = {"connector": connector_id, "run": run_id, "limit": limit}
    return rows.many(conn, StoredItem, queries.failed, params)


def count_vanished(conn: "Conn", connector_id: UUID, run_id: UUID) -> int:
    """How many items with a document this run did not see."""
    count: int = rows.value(conn, queries.count_vanished, {"connector": connector_id, "run": run_id})
    return count


def vanished(conn: "Conn", connector_id: UUID, run_id: UUID, limit: int) -> list[str]:
    """Some of the items that this run did not see."""
    params = {"connector": connector_id, "run": run_id, "limit": limit}
    return [row[0] for row in conn.execute(queries.vanished, params).fetchall()]


def count_documents(conn: "Conn", connector_id: UUID) -> int:
    """How many items have a document."""
    count: int = rows.value(conn, queries.count_documents, {"connector": connector_id})
    return count


@dataclass(frozen=True, slots=True)
class StoredItems:
    """What a type may ask about the connector's items: a sources.KnownItems. Each question is a short transaction."""

    owner_id: UUID
    connector_id: UUID
    run_id: UUID

    def known(self, source_ids: Collection[str]) -> dict[str, KnownItem]:
        """The known ones of these items."""
        with identity.as_owner(self.owner_id) as conn:
            matches = stored(conn, self.connector_id, source_ids)
        return {source_id: item.known() for source_id, item in matches.items()}

    def with_version(self, version: str) -> list[KnownItem]:
        """Known items that have this version, at most ten, none of which this run has seen."""
        params = {
            "connector": self.connector_id,
            "version": storable(version),
            "run": self.run_id,
            "limit": _MOST_CANDIDATES,
        }
        with identity.as_owner(self.owner_id) as conn:
            return [item.known() for item in rows.many(conn, StoredItem, queries.with_version, params)]

    def unseen(self, limit: int, *, after: str = "", outside: Collection[str] = ()) -> list[KnownItem]:
        """Known items that no page of this run named yet, by their ids."""
        params = {
            "connector": self.connector_id,
            "run": self.run_id,
            "after": storable(after),
            "outside": storable(list(outside)),
            "limit": limit,
        }
        with identity.as_owner(self.owner_id) as conn:
            return [item.known() for item in rows.many(conn, StoredItem, queries.unseen, params)]

    def seen(self, source_ids: Collection[str]) -> set[str]:
        """Those of these items that a page of this run named already."""
        params = {"connector": self.connector_id, "run": self.run_id, "source_ids": storable(list(source_ids))}
        with identity.as_owner(self.owner_id) as conn:
            return {row[0] for row in conn.execute(queries.seen, params).fetchall()}
