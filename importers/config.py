"""The settings of a service that may be in use: what an administrator has set here stays."""

from typing import Any, LiteralString

from psycopg.sql import SQL

from importers.move import Move
from importers.records import Json, Row, Target


def settings(row: Row, move: Move, values: dict[str, Json]) -> Target:
    """The administrators' settings `values`, by name, as far as no administrator has set another value here.

    The report names each that stays, with the value that it had there.
    """
    return _unless_set("dynamic_config", row, move, values, dict.fromkeys(values))


def deployment(row: Row, move: Move, values: dict[str, Json]) -> Target:
    """The settings `values` of a deployment, by name, as far as they have their defaults here; see settings()."""
    return _unless_set("static_config", row, move, values, {name: _default(move, name) for name in values})


def _unless_set(table: LiteralString, row: Row, move: Move, values: dict[str, Json], unset: dict[str, Json]) -> Target:
    stored: dict[str, Any] = (
        move.owner.execute(SQL("select to_jsonb(c) from {} c").format(SQL(table))).fetchone() or ({},)
    )[0]
    taken: dict[str, Json] = {}
    for name, value in values.items():
        if value is None:
            continue
        if stored[name] in (unset[name], value):
            taken[name] = value
        else:
            row.note(f"{name} is set here and stays: it was {str(value)[:60]} there")
    return Target(table, {"id": 1, **taken}, update=bool(taken), merged=not taken)


def _default(move: Move, name: str) -> Any:
    """The default of a column of `static_config`, as JSON."""
    written = move.owner.execute(
        "select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d join pg_attribute a"
        " on a.attrelid = d.adrelid and a.attnum = d.adnum where d.adrelid = 'static_config'::regclass"
        " and a.attname = %s",
        (name,),
    ).fetchone()
    if written is None:
        return None
    (default,) = move.owner.execute("select to_jsonb(" + written[0] + ")").fetchone() or (None,)
    return default
