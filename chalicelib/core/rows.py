"""Rows of a statement as typed objects."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, LiteralString, TypeVar

from chalicelib.core import sql
from chalicelib.core.connection import Params

if TYPE_CHECKING:
    import psycopg
    from psycopg.adapt import Dumper

    from chalicelib.core.connection import Conn

T = TypeVar("T")


def one(conn: "Conn", kind: type[T], query: LiteralString, params: Params | None = None) -> T | None:
    """The first row as a `kind` built from its columns, or None."""
    return executed(conn, kind, query, params).fetchone()


def executed(
    conn: "Conn", kind: type[T], query: LiteralString, params: Params | None = None, *, prepare: bool | None = None
) -> "psycopg.Cursor[T]":
    """The cursor of a statement whose rows are each a `kind`: in a pipeline, to be fetched after further statements."""
    from psycopg.rows import class_row

    return conn.cursor(row_factory=class_row(kind)).execute(query, params, prepare=prepare)


@dataclass(frozen=True, slots=True)
class Binary:
    """A parameter of many_prepared or many_planned in its type's binary form. The statement casts it to the type."""

    data: bytes


def many_planned(conn: "Conn", kind: type[T], query: LiteralString, params: Params) -> list[T]:
    """Every row, of a statement that is planned for these parameters. The statement casts every parameter."""
    with _untyped(conn, kind) as cursor:
        return cursor.execute(*_numbered_values(conn, query, params)).fetchall()


def many_prepared(conn: "Conn", kind: type[T], query: LiteralString, params: Params) -> list[T]:
    """Every row, in one round trip, of a statement that is planned once for each connection, not for each call.

    The plan does not depend on the parameters: values on which it should depend are quoted into the statement
    (sql.inline), and the statement casts every parameter. Parameters are sent without a type, because each combination
    of types would be another plan. An error closes the connection: psycopg would forget a statement that fails at its
    first run, and the server would keep it.
    """
    import psycopg

    text, values = _numbered_values(conn, query, params)
    try:
        with _untyped(conn, kind) as cursor:
            with conn.pipeline():
                conn.execute("set local plan_cache_mode = force_generic_plan")
                cursor.execute(text, values, prepare=True)
                conn.execute("set local plan_cache_mode to default")
            return cursor.fetchall()
    except psycopg.Error:
        conn.close()
        raise


def _untyped(conn: "Conn", kind: type[T]) -> "psycopg.RawCursor[T]":
    """A cursor for statements with `$1`, which sends a Binary as it is."""
    import psycopg
    from psycopg.rows import class_row

    cursor = psycopg.RawCursor(conn, row_factory=class_row(kind))
    cursor.adapters.register_dumper(Binary, _binary_dumper())
    return cursor


def _numbered_values(
    conn: "Conn", query: LiteralString, params: Params
) -> tuple[LiteralString, list[str | Binary | None]]:
    """The statement with numbered parameters, and their values: texts, but for each Binary."""
    from psycopg.adapt import PyFormat, Transformer

    adapt = Transformer(conn)

    def untyped(value: object) -> str | Binary | None:
        if value is None or isinstance(value, Binary | str):
            return value
        dumped = adapt.get_dumper(value, PyFormat.TEXT).dump(value)
        return None if dumped is None else bytes(dumped).decode()

    text, names = sql.numbered(query)
    return text, [untyped(params[name]) for name in names]


@cache
def _binary_dumper() -> "type[Dumper]":
    from psycopg.adapt import Dumper
    from psycopg.pq import Format

    class BinaryDumper(Dumper):
        format = Format.BINARY
        oid = 0

        def dump(self, obj: Binary) -> bytes:
            return obj.data

    return BinaryDumper


def many(conn: "Conn", kind: type[T], query: LiteralString, params: Params | None = None) -> list[T]:
    """Every row as a `kind` built from its columns."""
    from psycopg.rows import class_row

    with conn.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(query, params).fetchall()


def value(conn: "Conn", query: LiteralString, params: Params | None = None) -> Any:
    """The first column of the first row, or None."""
    row = conn.execute(query, params).fetchone()
    return row[0] if row else None


def hold_limit(conn: "Conn", kind: str, of: object) -> None:
    """Lock the count of rows of this kind that belong to `of`, until the transaction ends.

    Call it before the statement that counts: at READ COMMITTED, that statement sees the rows that the transactions
    before this one added.
    """
    conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"alcove.limit:{kind}:{of}"])
