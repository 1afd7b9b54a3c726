"""What the modules of the systems are made of: steps, the rows that they read, and the rows that they write."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, LiteralString
from uuid import UUID

if TYPE_CHECKING:
    from importers.move import Move

Json = Any
# What others need to know of a row that they name.
Known = Literal[
    "content_type",
    "conversation_id",
    "created_at",
    "deleted_at",
    "depth",
    "is_active",
    "is_admin",
    "model",
    "object_key",
    "object_version",
    "owner_id",
    "parent_id",
    "pipeline",
    "role",
    "space_id",
    "status",
    "type",
    "user_id",
]


class Skipped(Exception):  # noqa: N818 — not an error: the row has no place here, and the reason is reported
    """The row is not moved; the reason is a fixed sentence without any of its content."""


@dataclass(frozen=True, slots=True)
class NewRow:
    """What an old key became. `row` has the columns of the new row that are `Known` and not null."""

    id: UUID
    row: Mapping[Known, Any]


@dataclass(slots=True)
class Row:
    """A row of the source: `values` by column, as JSON. `refs` are the rows that it names, by column."""

    kind: str
    key: str
    values: Mapping[str, Json]
    refs: dict[str, dict[str, NewRow]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    # Texts that were cut, for the metadata of what has some.
    whole_texts: dict[str, str] = field(default_factory=dict)

    def get(self, column: str, default: Json = None) -> Json:
        """A column's value; `default` for null, and where this version of the source has no such column."""
        value = self.values.get(column)
        return default if value is None else value

    def text(self, column: str, most: int, default: str | None = None) -> str | None:
        """A text of at most `most` characters; what is longer is cut and noted."""
        value = self.values.get(column)
        if value is None or value == "":
            return default
        value = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if len(value) > most:
            self.note(f"{column} is cut to {most:,} characters; its metadata has it whole, if it has some")
            self.whole_texts[column] = value
        return value[:most]

    def whole(self, column: str, least: int, most: int, default: int | None = None) -> int | None:
        """A whole number within bounds; another one is cut to them and noted."""
        value = self.values.get(column)
        if value is None:
            return default
        number = int(value)
        if not least <= number <= most:
            self.note(f"{column} is outside {least} to {most}")
        return min(max(number, least), most)

    def number(self, column: str, least: float, most: float) -> float | None:
        """A number within bounds; another one is cut to them and noted."""
        value = self.values.get(column)
        if value is None:
            return None
        number = float(value)
        if not least <= number <= most:
            self.note(f"{column} is outside {least:g} to {most:g}")
        return min(max(number, least), most)

    def match(self, column: str, key: Json = None) -> NewRow | None:
        """What the row that `column` names became, or the one with `key` where the column names several."""
        match = self.refs.get(column, {})
        if key is None and column not in self.values:
            return next(iter(match.values()), None)
        named = self.values.get(column) if key is None else key
        return None if named is None else match.get(str(named))

    def needs(self, column: str, what: str) -> NewRow:
        """The same. Raises Skipped when that row was not moved or is gone."""
        match = self.match(column)
        if match is None:
            raise Skipped(f"its {what} was not moved, or is erased here")
        return match

    def note(self, sentence: str) -> None:
        """Say in the report what of this row could not stay as it was. The sentence has no content of the row."""
        if sentence not in self.notes:
            self.notes.append(sentence)


@dataclass(slots=True)
class Target:
    """A row to write: `values` by column, JSON or what JSON can say. `key` are the columns that identify it.

    `update` changes the row with this key; `shared` leaves it alone when another source row has written it. `merged`
    means: the row was here before the move, and stays as it is. `volatile` columns are not compared by the check.
    """

    table: LiteralString
    values: dict[str, Json]
    key: tuple[LiteralString, ...] = ("id",)
    update: bool = False
    shared: bool = False
    merged: bool = False
    volatile: frozenset[str] = frozenset()
    # JSON columns in which null is JSON's own.
    json_nulls: tuple[LiteralString, ...] = ()
    # JSON columns to which an update adds.
    json_merged: tuple[LiteralString, ...] = ()

    @property
    def id(self) -> UUID | None:
        """The row's id; None where the table has none."""
        value = self.values.get("id")
        return value if isinstance(value, UUID) else None


Transform = Callable[[Row, "Move"], Iterable[Target]]
# A column, or what a row's keys are, and the table of the source that they name.
KeysOf = Callable[[Mapping[str, Json]], Iterable[Json]]
References = Mapping[str, str | tuple[str, KeysOf]]


@dataclass(frozen=True, slots=True)
class Step:
    """One pass over a table of the source.

    `read` is a statement whose columns are `row` (JSON) and those of `order`, pairs of a column and its type: rows are
    read in this order, and a pass continues behind the last one. `key` are the columns of the old key. Without the
    tables `requires`, the source's version has nothing for this step.
    """

    kind: str
    read: LiteralString
    transform: Transform
    order: Sequence[tuple[LiteralString, LiteralString]] = (("id", "text"),)
    key: tuple[str, ...] = ("id",)
    refs: References = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    # The statement for a source that has the table `kind` but lacks others of `requires`.
    otherwise: LiteralString | None = None
    # It sends bytes: the check does not repeat it.
    sends: bool = False
    # A second step of the same table has a name of its own; its rows are counted once, by the first.
    name: str = ""

    @property
    def title(self) -> str:
        """The step's own name."""
        return self.name or self.kind

    def key_of(self, values: Mapping[str, Json]) -> str:
        """The old key of a row, as text."""
        return "/".join(str(values.get(column)) for column in self.key)

    def named(self, values: Mapping[str, Json]) -> dict[str, tuple[str, list[str]]]:
        """The rows that a row names: for each column the table, and the old keys."""
        result: dict[str, tuple[str, list[str]]] = {}
        for column, reference in self.refs.items():
            if isinstance(reference, str):
                value = values.get(column)
                keys = [] if value is None else [str(value)]
                result[column] = (reference, keys)
            else:
                kind, keys_of = reference
                result[column] = (kind, [str(key) for key in keys_of(values)])
        return result


def plain(value: Json) -> Json:
    """A value as JSON has it: ids and times as text, bytes in hexadecimal, whole numbers without a fraction."""
    match value:
        case UUID():
            return str(value)
        case datetime():
            return round(value.timestamp(), 6)
        case bytes() | memoryview():
            return bytes(value).hex()
        case float() if value.is_integer():
            return int(value)
        case float():
            # `real` has six digits.
            return float(f"{value:.6g}")
        case dict():
            return {key: plain(each) for key, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
        case _:
            return value
