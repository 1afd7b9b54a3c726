"""Budgets: what a user, or each member of a group, may spend in a month. They are checked before a model is called."""

from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.chat.queue.models import Budget, NewBudget, Spending
from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Page, PageQuery, page_of

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


def put(conn: "Conn", new: NewBudget, *, user_id: UUID | None = None, group_id: UUID | None = None) -> Budget:
    """Set the budget of a user or of each member of a group. Raises NotFound, Conflict for a concurrent change."""
    import psycopg

    params = new.model_dump() | {"user_id": user_id, "group_id": group_id}
    conn.execute(queries.delete, params)
    try:
        created = rows.one(conn, Budget, queries.create, params)
    except psycopg.errors.ForeignKeyViolation as error:
        raise errors.NotFound from error
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict("The budget was changed by another request. Read it again and retry.") from error
    if created is None:
        raise errors.NotFound
    return created


def delete(conn: "Conn", *, user_id: UUID | None = None, group_id: UUID | None = None) -> None:
    """Delete a budget. Raises NotFound."""
    if conn.execute(queries.delete, {"user_id": user_id, "group_id": group_id}).fetchone() is None:
        raise errors.NotFound


def of_group(conn: "Conn", group_id: UUID) -> Budget:
    """The budget of each member of a group that the caller is in. Raises NotFound."""
    budget = rows.one(conn, Budget, queries.of_group, {"group_id": group_id})
    if budget is None:
        raise errors.NotFound
    return budget


def is_spent(conn: "Conn") -> bool:
    """Whether the caller has used up this month's budget."""
    spent: bool = rows.value(conn, queries.is_spent)
    return spent


def list_page(conn: "Conn", query: PageQuery) -> Page[Budget]:
    """Every budget, newest first."""
    params = {"after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Budget, queries.list, params), query.limit)


def spending(conn: "Conn") -> Spending:
    """The caller's cost and tokens of this month, and the lowest limits that apply."""
    result = rows.one(conn, Spending, queries.spending)
    if result is None:
        raise RuntimeError("an aggregate without a row")
    return result
