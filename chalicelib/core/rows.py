"""Rows of a statement as typed objects."""

from typing import TYPE_CHECKING, Any, LiteralString, TypeVar

from chalicelib.core.connection import Params

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

T = TypeVar("T")


def one(conn: "Conn", kind: type[T], query: LiteralString, params: Params | None = None) -> T | None:
    """The first row as a `kind` built from its columns, or None."""
    from psycopg.rows import class_row

    with conn.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(query, params).fetchone()


def many_literal(conn: "Conn", kind: type[T], query: LiteralString, params: Params) -> list[T]:
    """Every row, with the parameters quoted into the statement: the server cannot bind a type's modifier."""
    import psycopg
    from psycopg.rows import class_row

    with psycopg.ClientCursor(conn, row_factory=class_row(kind)) as cursor:
        return cursor.execute(query, params).fetchall()


def many_prepared(conn: "Conn", kind: type[T], query: LiteralString, params: Params) -> list[T]:
    """Every row, in one round trip, of a statement that is planned once for each connection, not for each call.

    The plan does not depend on the parameters: values on which it should depend are quoted into the statement
    (sql.inline), and the statement casts every parameter. Parameters are sent as text without a type, because each
    combination of types would be another plan. An error closes the connection: psycopg would forget a statement that
    fails at its first run, and the server would keep it.
    """
    import psycopg
    from psycopg.rows import class_row

    texts = _texts(conn, params)
    try:
        with conn.cursor(row_factory=class_row(kind)) as cursor:
            with conn.pipeline():
                conn.execute("set local plan_cache_mode = force_generic_plan")
                cursor.execute(query, texts, prepare=True)
                conn.execute("set local plan_cache_mode to default")
            return cursor.fetchall()
    except psycopg.Error:
        conn.close()
        raise


def _texts(conn: "Conn", params: Params) -> dict[str, str | None]:
    from psycopg.adapt import PyFormat, Transformer

    adapt = Transformer(conn)

    def text(value: object) -> str | None:
        dumped = None if value is None else adapt.get_dumper(value, PyFormat.TEXT).dump(value)
        return None if dumped is None else bytes(dumped).decode()

    return {name: text(value) for name, value in params.items()}


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
