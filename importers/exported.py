"""An export of Alcove, as `alcove export` writes it, read like a database.

The rows of `rows.jsonl` are loaded into temporary tables of a session of its own, on the server that they are moved to.
So the engine reads them in batches, in the order of their keys, and memory holds one batch. docs/export.md describes
the format.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from importers.move import MoveError

if TYPE_CHECKING:
    import psycopg

FORMAT = "alcove export"
VERSION = 1
ACCOUNT, ORGANISATION = "account", "organisation"
# The names that these exports have as systems to move in from.
_SYSTEMS = {ACCOUNT: "alcove", ORGANISATION: "organisation"}
_BATCH = 200
_BATCH_CHARS = 2_000_000


def load(conn: "psycopg.Connection[Any]", folder: Path, tables: Mapping[str, Sequence[str]], of: str = ACCOUNT) -> str:
    """Load the export in `folder` into temporary tables of `conn`, which sees nothing else from then on.

    `tables` are the known tables with the columns of their keys; none: each row is known by its hash, and its content
    is not loaded. Returns a name for the export: of an account its id. Raises MoveError for what is no whole export of
    what `of` says, and for tables that this version does not know.
    """
    _check(folder, of)
    conn.autocommit = False
    conn.execute("set search_path = pg_temp")
    created: set[str] = set()
    for table, rows in _batches(folder / "rows.jsonl", tables):
        if table not in created:
            _create(conn, table)
            created.add(table)
        _insert(conn, table, rows)
    if of == ORGANISATION:
        conn.commit()
        return ORGANISATION
    accounts = conn.execute("select key from users").fetchall() if "users" in created else []
    if len(accounts) != 1:
        raise MoveError(f"{folder} is not the export of one account: rows.jsonl has {len(accounts)} rows of users.")
    conn.commit()
    return str(accounts[0][0])


def _check(folder: Path, of: str) -> None:
    try:
        stated = json.loads((folder / "export.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise MoveError(f"{folder} is no whole export: it has no export.json. SOURCE names its folder.") from error
    if not isinstance(stated, dict) or (stated.get("format"), stated.get("version")) != (FORMAT, VERSION):
        raise MoveError(f"{folder} is no export of version {VERSION}, the one that is read here.")
    stated_of = stated.get("of", ACCOUNT)
    if stated_of != of:
        raise MoveError(f"{folder} is the export of an {stated_of}: FROM={_SYSTEMS.get(stated_of, 'alcove')} reads it.")


def _batches(file: Path, tables: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    rows: list[tuple[str, str]] = []
    table, chars = "", 0
    with file.open(encoding="utf-8") as opened:
        for number, line in enumerate(opened, 1):
            name, key, row = _entry(line, number, tables)
            if rows and (name != table or len(rows) >= _BATCH or chars > _BATCH_CHARS):
                yield table, rows
                rows, chars = [], 0
            table = name
            rows.append((key, row))
            chars += len(row)
    if rows:
        yield table, rows


def _entry(line: str, number: int, tables: Mapping[str, Sequence[str]]) -> tuple[str, str, str]:
    try:
        entry = json.loads(line)
        table, row = entry["table"], entry["row"]
        if table not in tables:
            raise MoveError(f"Line {number} of rows.jsonl is of a table that this version does not know: {table}.")
        if not tables[table]:
            key = hashlib.sha256(line.encode()).hexdigest()
            return table, key, json.dumps({"hash": key})
        return table, "/".join(str(row[column]) for column in tables[table]), json.dumps(row)
    except (ValueError, KeyError, TypeError) as error:
        raise MoveError(f"Line {number} of rows.jsonl is no row: a table, and a row with its key.") from error


def _create(conn: "psycopg.Connection[Any]", table: str) -> None:
    from psycopg.sql import SQL, Identifier

    statement = SQL('create temp table {} (key text collate "C" primary key, row jsonb not null)')
    conn.execute(statement.format(Identifier(table)))


def _insert(conn: "psycopg.Connection[Any]", table: str, rows: Sequence[tuple[str, str]]) -> None:
    import psycopg
    from psycopg.sql import SQL, Identifier

    statement = SQL("insert into {} select * from unnest(%s::text[], %s::jsonb[]) on conflict do nothing")
    try:
        conn.execute(statement.format(Identifier(table)), [[key for key, _ in rows], [row for _, row in rows]])
    except psycopg.DataError as error:
        raise MoveError(f"A row of {table} in rows.jsonl is none that Postgres can store.") from error
