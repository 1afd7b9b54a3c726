"""Exports, table by table, page by page: every row that belongs to the caller, and every row of the organisation."""

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any, LiteralString

from chalicelib.auth.accounts.models import ExportedRow, ExportQuery
from chalicelib.auth.audit import audit
from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Page
from chalicelib.core.texts import storable

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

# A response of a Lambda function has at most 6 MB; a row has less than 3 MB.
_PAGE_CHARS = 2_000_000
# Rows are read a few at a time: the text of one document may fill a page.
_ROWS = 50


def page(conn: "Conn", query: ExportQuery) -> Page[ExportedRow]:
    """The caller's next rows. Raises BadRequest (bad_cursor)."""
    return _page(conn, query, queries.tables, queries.rows)


def page_of_organisation(conn: "Conn", query: ExportQuery) -> Page[ExportedRow]:
    """The organisation's next rows; none for anybody but an administrator. Raises BadRequest (bad_cursor).

    The audit log gets an entry for the first page, and for any other one that no entry of the last hour stands for: a
    cursor can be made up.
    """
    if query.cursor is None or not rows.value(conn, queries.is_recorded):
        audit.record(conn, "organisation.exported", "organisation", None)
    return _page(conn, query, queries.organisation_tables, queries.organisation_rows)


def _page(conn: "Conn", query: ExportQuery, of_tables: LiteralString, of_rows: LiteralString) -> Page[ExportedRow]:
    table, after = _position(query.cursor)
    tables = [row[0] for row in conn.execute(of_tables, {"first": table}).fetchall()]
    items: list[ExportedRow] = []
    chars = 0
    while tables:
        entries = conn.execute(of_rows, {"table": tables[0], "after": after, "limit": _ROWS}).fetchall()
        for key, content in entries:
            chars += len(json.dumps(content, default=str))
            if items and (chars > _PAGE_CHARS or len(items) >= query.limit):
                return Page(items=items, next_cursor=_cursor(tables[0], after))
            items.append(ExportedRow(table=tables[0], row=content))
            after = key
        if len(entries) < _ROWS:
            tables.pop(0)
            after = None
    return Page(items=items, next_cursor=None)


def _cursor(table: str, after: str | None) -> str:
    return base64.urlsafe_b64encode(json.dumps([table, after]).encode()).decode()


def _position(cursor: str | None) -> tuple[str, str | None]:
    if cursor is None:
        return "", None
    try:
        position: Any = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise errors.BadRequest(code="bad_cursor") from error
    match position:
        case [str(table), None | str() as after] if storable(position) == position:
            return table, after
        case _:
            raise errors.BadRequest(code="bad_cursor")
