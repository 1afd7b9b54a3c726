"""The history of updates (O3) and of backups (O8), for administrators. recording.py writes that of updates."""

from typing import TYPE_CHECKING

from chalicelib.core import rows, sql
from chalicelib.core.models import Page, PageQuery, page_of
from chalicelib.ops.updates.models import Backup, UpdateEvent, UpdateFile

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


def events(conn: "Conn", query: PageQuery) -> Page[UpdateEvent]:
    """Updates, newest first."""
    return page_of(rows.many(conn, UpdateEvent, queries.events, _params(query)), query.limit)


def files(conn: "Conn", query: PageQuery) -> Page[UpdateFile]:
    """Files of updates, newest first."""
    return page_of(rows.many(conn, UpdateFile, queries.files, _params(query)), query.limit)


def backups(conn: "Conn", query: PageQuery) -> Page[Backup]:
    """Backups, newest first."""
    return page_of(rows.many(conn, Backup, queries.backups, _params(query)), query.limit)


def _params(query: PageQuery) -> dict[str, object]:
    return {"after": query.after(), "limit": query.limit + 1}
