"""What the service repaired by itself (O2), and what ran (O6)."""

from typing import TYPE_CHECKING

from chalicelib.core import rows, sql
from chalicelib.core.models import Page, PageQuery, page_of
from chalicelib.ops.healing.models import (
    DeadLetter,
    HealingEvent,
    HealingEventQuery,
    WorkflowRun,
    WorkflowRunQuery,
)

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


def events(conn: "Conn", query: HealingEventQuery) -> Page[HealingEvent]:
    """Events, newest first."""
    return page_of(rows.many(conn, HealingEvent, queries.events, _params(query)), query.limit)


def runs(conn: "Conn", query: WorkflowRunQuery) -> Page[WorkflowRun]:
    """Runs, newest first."""
    return page_of(rows.many(conn, WorkflowRun, queries.runs, _params(query)), query.limit)


def dead_letters(conn: "Conn", query: PageQuery) -> Page[DeadLetter]:
    """Dead letters, newest first."""
    return page_of(rows.many(conn, DeadLetter, queries.dead_letters, _params(query)), query.limit)


def _params(query: PageQuery) -> dict[str, object]:
    return query.model_dump(exclude={"limit", "cursor"}) | {"after": query.after(), "limit": query.limit + 1}
