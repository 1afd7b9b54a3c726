"""The check of a move: each row of the source is read again, and compared with what stands here, column by column.

Both sides have a hash for each table and column: the sum of the SHA-256 of every row's id and value, so that no order
counts. Columns that use changes, such as the time of the last login, are left out.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from importers import engine
from importers.ids import key_hash
from importers.move import Move, queries
from importers.records import Row, Step, Target, plain

if TYPE_CHECKING:
    import psycopg

_HASH_SIZE = 1 << 256


@dataclass
class ColumnCheck:
    """One column of a table here: how many rows are equal and different, and the hash of both sides."""

    equal: int = 0
    different: int = 0
    there: int = 0
    here: int = 0

    def add(self, key: str, expected: Any, stored: Any) -> None:
        """Compare a row's value."""
        if expected == stored:
            self.equal += 1
        else:
            self.different += 1
        self.there = (self.there + _digest(key, expected)) % _HASH_SIZE
        self.here = (self.here + _digest(key, stored)) % _HASH_SIZE


@dataclass
class StepCheck:
    """One step: the rows of the source by what became of them, and the columns that they were compared in."""

    title: str
    rows: Counter[str] = field(default_factory=Counter)
    missing: int = 0
    columns: dict[tuple[str, str], ColumnCheck] = field(default_factory=dict)

    @property
    def is_equal(self) -> bool:
        """Whether nothing is missing or different."""
        return not self.missing and not self.rows["new"] and not any(each.different for each in self.columns.values())


def check(
    move: Move, steps: Callable[[Move], Sequence[Step]], notify: Callable[[str], None] = lambda _: None
) -> list[StepCheck]:
    """Compare both sides. The source is not changed, and neither is this side."""
    move.is_checking = True
    engine.begin_reading(move)
    checks = []
    for step in steps(move):
        present = engine.as_present(move, step)
        if present is not None:
            checks.append(_check_step(move, present))
            notify(f"{step.title}: {sum(checks[-1].rows.values()):,} rows compared")
    return checks


def _check_step(move: Move, step: Step) -> StepCheck:
    result = StepCheck(step.title)
    for page in engine.pages(move, step, None):
        rows = {key_hash(row.key): row for row, _ in page}
        params = {"source": move.source, "kind": step.title, "hashes": list(rows)}
        outcomes = {
            bytes(hashed): outcome for hashed, outcome, _ in move.owner.execute(queries.skipped, params).fetchall()
        }
        result.rows.update(outcomes.get(hashed, "new") for hashed in rows)
        moved = [row for hashed, row in rows.items() if outcomes.get(hashed) == "moved"]
        if not step.sends:
            _compare(move, step, moved, result)
    return result


def _compare(move: Move, step: Step, rows: Sequence[Row], result: StepCheck) -> None:
    batch = engine.prepare(move, step, rows)
    # What was moved and would be skipped now: what it needs is gone here.
    result.missing += len(batch.skipped)
    for group in engine.grouped([targets for _, targets in batch.targets]):
        stored = _stored(move.owner, group)
        for target in group:
            key = _key(target.values, target.key)
            row = stored.get(key)
            if row is None:
                result.missing += 1
                continue
            for column, value in target.values.items():
                if column not in target.volatile:
                    entry = result.columns.setdefault((target.table, column), ColumnCheck())
                    entry.add(key, _canonical(value), _canonical(row[column]))


def _stored(conn: "psycopg.Connection[Any]", group: Sequence[Target]) -> dict[str, dict[str, Any]]:
    from psycopg.rows import dict_row
    from psycopg.sql import SQL, Identifier

    first = group[0]
    columns = SQL(", ").join(SQL("t.{}").format(Identifier(column)) for column in first.values)
    match = SQL(" and ").join(SQL("t.{0} = n.{0}").format(Identifier(column)) for column in first.key)
    statement = SQL("select {} from {} t join jsonb_populate_recordset(null::{}, %s) n on {}").format(
        columns, Identifier(first.table), Identifier(first.table), match
    )
    keys = [{column: target.values[column] for column in first.key} for target in group]
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement, [engine.as_json(keys)]).fetchall()
    return {_key(row, first.key): row for row in rows}


def _key(values: Mapping[str, Any], columns: Sequence[str]) -> str:
    return json.dumps([_canonical(values[column]) for column in columns])


def _canonical(value: Any) -> Any:
    """A value in one form on both sides: times as seconds, addresses and numbers as text and numbers."""
    value = plain(value)
    if hasattr(value, "compressed"):
        return value.compressed
    if value is not None and not isinstance(value, (str, int, float, bool, dict, list)):
        return plain(float(value)) if hasattr(value, "as_tuple") else str(value)
    return value


def _digest(key: str, value: Any) -> int:
    encoded = json.dumps([key, value], sort_keys=True, ensure_ascii=False, default=str).encode()
    return int.from_bytes(hashlib.sha256(encoded).digest(), "big")
