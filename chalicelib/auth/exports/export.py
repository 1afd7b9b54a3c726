"""Exports, table by table, page by page: every row that belongs to the caller, and every row of the organisation."""

import base64
import binascii
import json
import time
from typing import TYPE_CHECKING, Any, LiteralString

from chalicelib.auth.audit import audit
from chalicelib.auth.exports import passes
from chalicelib.auth.exports.models import ExportedRow, ExportQuery
from chalicelib.core import errors, identity, rows, sql
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
    return _page(conn, query, "account", queries.tables, queries.rows)


def page_of_organisation(conn: "Conn", query: ExportQuery) -> Page[ExportedRow]:
    """The organisation's next rows; none for anybody but an administrator. Raises BadRequest (bad_cursor).

    The audit log gets an entry for the first page, and for any other one that no entry of the last hour stands for: a
    cursor can be made up.
    """
    if query.cursor is None or not rows.value(conn, queries.is_recorded):
        audit.record(conn, "organisation.exported", "organisation", None)
    return _page(conn, query, "organisation", queries.organisation_tables, queries.organisation_rows)


def goes_on(credential: identity.Credential | None, cursor: str) -> bool:
    """Whether the cursor continues an export of the account that its session began with a proof."""
    return _started_at(credential, "account", cursor) is not None


def organisation_goes_on(credential: identity.Credential | None, cursor: str) -> bool:
    """Whether the cursor continues an export of the organisation that its session began with a proof."""
    return _started_at(credential, "organisation", cursor) is not None


def _page(
    conn: "Conn", query: ExportQuery, of: passes.Export, of_tables: LiteralString, of_rows: LiteralString
) -> Page[ExportedRow]:
    table, after = _position(query.cursor)
    started_at = _started_at(passes.current(), of, query.cursor or "") or int(time.time())
    tables = [row[0] for row in conn.execute(of_tables, {"first": table}).fetchall()]
    items: list[ExportedRow] = []
    chars = 0
    while tables:
        entries = conn.execute(of_rows, {"table": tables[0], "after": after, "limit": _ROWS}).fetchall()
        for key, content in entries:
            chars += len(json.dumps(content, default=str))
            if items and (chars > _PAGE_CHARS or len(items) >= query.limit):
                return Page(items=items, next_cursor=_cursor(of, started_at, tables[0], after))
            items.append(ExportedRow(table=tables[0], row=content))
            after = key
        if len(entries) < _ROWS:
            tables.pop(0)
            after = None
    return Page(items=items, next_cursor=None)


def _cursor(of: passes.Export, started_at: int, table: str, after: str | None) -> str:
    """The position behind a row, and the pass with which a session goes on there."""
    position = base64.urlsafe_b64encode(json.dumps([table, after], ensure_ascii=False).encode()).decode()
    return f"{position}.{passes.issue(of, position, started_at)}"


def _started_at(credential: identity.Credential | None, of: passes.Export, cursor: str) -> int | None:
    position, _, issued = cursor.partition(".")
    return passes.started_at(credential, of, position, issued)


def _position(cursor: str | None) -> tuple[str, str | None]:
    if cursor is None:
        return "", None
    try:
        position: Any = json.loads(base64.urlsafe_b64decode(cursor.partition(".")[0].encode("ascii")))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise errors.BadRequest(code="bad_cursor") from error
    match position:
        case [str(table), None | str() as after] if storable(position) == position:
            return table, after
        case _:
            raise errors.BadRequest(code="bad_cursor")
