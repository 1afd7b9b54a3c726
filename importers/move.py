"""One move: where from and where to, and what its steps ask both sides."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.core import sql
from importers import ids
from importers.files import Files, NoFiles
from importers.records import Json, Row, Skipped

if TYPE_CHECKING:
    import psycopg

    from chalicelib.core.sealed import Columns, Sealed

queries = sql.load(__file__)

_FRACTION = re.compile(r"(\.\d{6})\d+")


class MoveError(Exception):
    """The move cannot begin or go on; the sentence says what to do."""


def _nowhere(*_: object) -> None:
    raise MoveError("This destination takes no files.")


@dataclass
class Move:
    """A move of the system `source`. `reader` reads it, `owner` writes here; `key` opens the source's own secrets."""

    source: str
    reader: "psycopg.Connection[Any]"
    owner: "psycopg.Connection[Any]"
    zone: tzinfo = UTC
    files: Files = field(default_factory=NoFiles)
    points: "Callable[[str], list[Mapping[str, Json]]] | None" = None
    key: str | None = None
    owner_name: str | None = None
    issuer: str | None = None
    put: "Callable[[str, bytes, str], None]" = _nowhere
    seal: "Callable[[Columns, str, tuple[object, ...]], Sealed] | None" = None
    # The check reads again what a row becomes; it computes no vectors and sends nothing.
    is_checking: bool = False
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    _retention: dict[str, timedelta] = field(default_factory=dict)
    _owner_row: tuple[UUID, int] | None = None
    _cache: dict[str, Any] = field(default_factory=dict)

    def id(self, row: Row, moment: datetime | None, *, kind: str | None = None, rank: int = 0) -> UUID:
        """The new id of a row that was created at `moment`; with `kind`, of another row that is made of it."""
        return ids.new_id(self.source, kind or row.kind, row.key, moment, rank=rank)

    def named_id(self, kind: str, name: str, moment: datetime | None = None) -> UUID:
        """The id of a row that is made of a name, the same for the same name."""
        return ids.new_id(self.source, kind, f"={name}", moment)

    def time(self, row: Row, column: str, default: datetime | None = None) -> datetime | None:
        """A time. One without a zone is the source server's. `default` for null and for an infinite time."""
        value = row.values.get(column)
        if not isinstance(value, str):
            return default
        try:
            moment = datetime.fromisoformat(_FRACTION.sub(r"\1", value))
        except ValueError:
            row.note(f"{column} is no time that this service can store")
            return default
        return (moment if moment.tzinfo else moment.replace(tzinfo=self.zone)).astimezone(UTC)

    def created(self, row: Row, column: str = "created_at") -> datetime:
        """When a row was created. A row without a time is as old as can be, and one of the future as new as now."""
        moment = self.time(row, column)
        if moment is None:
            row.note(f"{column} is missing")
            return ids.EPOCH
        if moment > self.now + timedelta(days=1):
            row.note(f"{column} is in the future")
        return moment

    def check_retention(self, name: str, moment: datetime | None) -> None:
        """Raises Skipped for a row that the service would delete at once, because it is older than its retention."""
        if not self._retention:
            self._retention = dict(self.owner.execute(queries.retention).fetchall())
        period = self._retention[name]
        if moment is not None and moment < self.now - period:
            raise Skipped(f"it is older than the service keeps such rows ({period.days} days: `{name}`)")

    def fallback_owner(self) -> tuple[UUID, int]:
        """Who gets what has no owner there: the account `owner_name` or the oldest administrator, and its space."""
        if self._owner_row is None:
            match = self.owner.execute(queries.administrator, {"email": self.owner_name}).fetchone()
            if match is None:
                raise MoveError("OWNER names no active account, or no administrator exists. Name one: OWNER=address.")
            self._owner_row = (match[0], match[1])
        return self._owner_row

    def once(self, name: str, ask: Callable[[], Any]) -> Any:
        """The answer of `ask`, which is question_key once a move."""
        if name not in self._cache:
            self._cache[name] = ask()
        return self._cache[name]
