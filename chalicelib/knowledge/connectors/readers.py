"""Readers as a source names them: each set of principals is a space, and documents follow when their readers change.

A principal is `person:<e-mail address>`, `group:<its id at the source>`, `domain:<name>`, `everyone` with an account,
or `owner`: the connector's owner, where the source does not tell. Which users these are, Postgres decides when a
transaction begins (spaces_by_source() of migrations/functions/readers.sql): by verified addresses, and by the members
of groups, which every run reads again before it lists anything.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from chalicelib.core import identity, rows, sql
from chalicelib.core.log import logger
from chalicelib.core.models import Resource
from chalicelib.core.texts import storable
from chalicelib.knowledge.connectors import runs
from chalicelib.knowledge.connectors.sources import (
    UNEXPECTED,
    ConfigurationError,
    CredentialsError,
    ItemError,
    ReadersSource,
    SourceError,
    not_understood,
)
from chalicelib.knowledge.documents import moves

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn
    from chalicelib.knowledge.connectors.fetching import Work

queries = sql.load(__file__)

EVERYONE = "everyone"
UNKNOWN = frozenset({"owner"})

# A document that more principals read counts as one whose readers are unknown.
MOST_PRINCIPALS = 1_000
_MOST_SETS = 20_000
_MOST_MEMBERS = 100_000
_GROUPS_PER_QUESTION = 100
# The chunks that follow their documents within a page's transaction; documents with more are read again instead, and
# nobody finds them until then.
_MOVED_AT_ONCE = 2_000
_LONGEST_ADDRESS = 254


def person(address: object) -> frozenset[str]:
    """The person with an address; nobody without one."""
    cleaned = _clean(address)
    return frozenset({f"person:{cleaned}"}) if cleaned else frozenset()


def group(name: str) -> str:
    """The group with this id at the source."""
    return f"group:{name}"


def domain(name: str) -> str:
    """Everybody whose address has this domain."""
    return f"domain:{name.strip().lower()}"


@dataclass(frozen=True, slots=True)
class ItemSpaces:
    """The space of each item: that of its readers, or the connector's."""

    usual: int
    of_items: Mapping[str, int] = field(default_factory=dict)

    def of(self, source_ids: Iterable[str]) -> list[int]:
        """The spaces of these items."""
        return [self.of_items.get(source_id, self.usual) for source_id in source_ids]


class _Move(Resource):
    document_id: UUID
    space_id: int
    documents: list[UUID]
    chunks: int


def spaces(
    conn: "Conn", connector_id: UUID, usual: int, named: Mapping[str, frozenset[str]], stored: Mapping[str, int]
) -> ItemSpaces:
    """The spaces of items whose readers are `named`; those of the others are `stored`, or the connector's.

    Raises ConfigurationError for a connector with too many different sets of readers.
    """
    from psycopg.types.json import Jsonb

    if not named:
        return ItemSpaces(usual, stored)
    sets = list({readers if len(readers) <= MOST_PRINCIPALS else UNKNOWN for readers in named.values()})
    params = {
        "connector": connector_id,
        "sets": [Jsonb(sorted(principals)) for principals in sets],
        "most": _MOST_SETS,
    }
    ids = [row[0] for row in conn.execute(queries.spaces, params).fetchall()]
    if 0 in ids:
        raise ConfigurationError(f"The source has more than {_MOST_SETS:,} different sets of readers.")
    result = dict(zip(sets, ids, strict=True))
    of_items = {item: result.get(readers, result.get(UNKNOWN, usual)) for item, readers in named.items()}
    return ItemSpaces(usual, {**stored, **of_items})


def follow(conn: "Conn", place: Mapping[str, Any], item_spaces: ItemSpaces) -> list[str]:
    """Move items and their documents to the spaces of their readers; returns keys of documents to ingest again."""
    of_items = item_spaces.of_items
    if not of_items:
        return []
    params = {**place, "source_ids": list(of_items), "spaces": list(of_items.values())}
    moved, reread, budget = list[_Move](), list[UUID](), _MOVED_AT_ONCE
    for move in rows.many(conn, _Move, queries.moving, params):
        moved.append(move)
        if move.chunks > budget:
            reread += move.documents
        else:
            budget -= move.chunks
    keys: list[str] = []
    if reread:
        again = {"documents": reread}
        for statement in (moves.queries.uncount, moves.queries.drop_texts, moves.queries.drop_chunks):
            conn.execute(statement, again)
        conn.execute(moves.queries.read_again, again)
        keys = [row[0] for row in conn.execute(queries.unread, again).fetchall()]
    if moved:
        targets = {
            "documents": [move.document_id for move in moved],
            "targets": [move.space_id for move in moved],
        }
        conn.execute(queries.move, targets)
    conn.execute(queries.move_items, params)
    return keys


def read_groups(work: "Work") -> bool:
    """Read the members of groups that this run did not ask for yet; False when the invocation's time ends before."""
    claim = work.claim
    if not work.job.mirrors_readers:
        return True
    source, requested, refused = cast("ReadersSource", work.source), 0, 0
    while True:
        params = {"connector": claim.connector_id, "run": claim.run_id, "amount": _GROUPS_PER_QUESTION}
        with identity.as_owner(claim.owner_id) as conn:
            names = [row[0] for row in conn.execute(queries.groups_to_read, params).fetchall()]
        if not names and requested and refused == requested:
            raise CredentialsError(
                "The source does not show the members of any group. Let the credentials read them (docs/connectors.md)."
            )
        if not names:
            return True
        for name in names:
            requested += 1
            try:
                members = {cleaned for one in source.members(name.partition(":")[2]) if (cleaned := _clean(one))}
            except ItemError:
                members, refused = set(), refused + 1
            except UNEXPECTED as error:
                logger().exception("a source's answer was not understood", connector_id=str(claim.connector_id))
                raise SourceError(not_understood(error)) from error
            if len(members) > _MOST_MEMBERS:
                raise ConfigurationError(f"A group of the source has more than {_MOST_MEMBERS:,} members.")
            with identity.as_owner(claim.owner_id) as conn:
                runs.renew(conn, claim)
                conn.execute(queries.store_members, params | {"group": name, "emails": storable(sorted(members))})
            if work.is_over():
                return False


def _clean(address: object) -> str:
    """An address as accounts have it: in small letters; empty for what is none."""
    text = str(address or "").strip().lower()
    return text if 3 <= len(text) <= _LONGEST_ADDRESS and "@" in text and "\x00" not in text else ""
