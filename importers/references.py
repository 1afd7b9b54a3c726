"""What the rows that a row of the source names became here."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

from importers.ids import key_hash
from importers.move import Move, queries
from importers.records import Known, NewRow, Row, Step

if TYPE_CHECKING:
    from psycopg.sql import Composed

# Tables whose rows are known by more than their own columns.
_MATCHES = {"users": queries.new_users, "groups": queries.new_groups}


def resolve(move: Move, step: Step, rows: Sequence[Row]) -> None:
    """Look up what the rows that `rows` name became; at most one query for each table that they name."""
    requested: dict[str, set[str]] = {}
    named = [step.named(row.values) for row in rows]
    for each in named:
        for kind, keys in each.values():
            requested.setdefault(kind, set()).update(keys)
    match = {kind: _find(move, kind, sorted(keys)) for kind, keys in requested.items() if keys}
    for row, each in zip(rows, named, strict=True):
        row.refs = {
            column: {key: match[kind][key] for key in keys if key in match.get(kind, {})}
            for column, (kind, keys) in each.items()
        }


def _find(move: Move, kind: str, keys: Sequence[str]) -> dict[str, NewRow]:
    by_hash = {key_hash(key): key for key in keys}
    params = {"source": move.source, "kind": kind, "hashes": list(by_hash)}
    first = move.owner.execute(queries.targets, params).fetchone()
    if first is None:
        return {}
    table: str = first[1]
    statement = _MATCHES.get(table) or _reading_new_rows(move, table)
    return {
        by_hash[bytes(hashed)]: NewRow(new_id, row)
        for hashed, new_id, row in move.owner.execute(statement, params).fetchall()
    }


def _reading_new_rows(move: Move, table: str) -> "Composed":
    from psycopg.sql import SQL, Identifier

    def ask() -> list[str]:
        params = {"table": table, "known": list(get_args(Known))}
        return [name for (name,) in move.owner.execute(queries.columns, params).fetchall()]

    columns = SQL(", ").join(
        SQL("t.{}").format(Identifier(name)) for name in move.once(f"known columns of {table}", ask)
    )
    return SQL(queries.new_rows).format(table=Identifier(table), columns=columns)
