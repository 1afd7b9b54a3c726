"""Assistants: personas that conversations can have."""

from typing import TYPE_CHECKING, LiteralString
from uuid import UUID

from chalicelib.config.registry import llms, prompts
from chalicelib.config.registry.models import Assistant, AssistantChanges, NewAssistant
from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Page, PageQuery, page_of

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


def create(conn: "Conn", new: NewAssistant) -> Assistant:
    """Create an assistant. Raises Conflict for a name in use, Unprocessable for a wrong prompt or model."""
    from psycopg.types.json import Jsonb

    _check(conn, new.llm_id, new.task_prompt)
    if new.is_default:
        conn.execute(queries.clear_default)
    return _assistant_or_404(
        _write(conn, queries.create, new.model_dump() | {"filters": Jsonb(new.filters.conditions())})
    )


def get(conn: "Conn", assistant_id: UUID) -> Assistant:
    """An assistant. Only administrators get hidden ones. Raises NotFound."""
    return _assistant_or_404(rows.one(conn, Assistant, queries.get, {"id": assistant_id}))


def check(conn: "Conn", assistant_id: UUID | None, *, field: str = "assistant_id") -> None:
    """Raises Unprocessable for an assistant that the caller may not choose. None is always accepted.

    `field` is the request's name for it.
    """
    if assistant_id is None:
        return
    try:
        get(conn, assistant_id)
    except errors.NotFound as error:
        raise errors.invalid_field(field, "does not exist") from error


def list_page(conn: "Conn", query: PageQuery) -> Page[Assistant]:
    """Assistants, newest first. Only administrators get hidden ones."""
    params = {"after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Assistant, queries.list, params), query.limit)


def change(conn: "Conn", assistant_id: UUID, changes: AssistantChanges) -> Assistant:
    """Change an assistant. Raises NotFound, Conflict for a name in use, Unprocessable."""
    from psycopg.types.json import Jsonb

    _check(conn, changes.llm_id, changes.task_prompt)
    if changes.is_default:
        conn.execute(queries.clear_default)
    provided = changes.model_dump(mode="json", include=set(changes.model_fields_set))
    if changes.filters is not None:
        provided["filters"] = changes.filters.conditions()
    return _assistant_or_404(_write(conn, queries.change, {"id": assistant_id, "changes": Jsonb(provided)}))


def delete(conn: "Conn", assistant_id: UUID) -> None:
    """Delete an assistant; its conversations continue without one. Raises NotFound."""
    if conn.execute(queries.delete, {"id": assistant_id}).fetchone() is None:
        raise errors.NotFound


def _check(conn: "Conn", llm_id: UUID | None, task_prompt: str | None) -> None:
    prompts.check_task_prompt(task_prompt)
    if llm_id is not None and not llms.usable(conn, llm_id):
        raise _no_model()


def _write(conn: "Conn", query: LiteralString, params: dict[str, object]) -> Assistant | None:
    import psycopg

    try:
        return rows.one(conn, Assistant, query, params)
    except psycopg.errors.UniqueViolation as error:
        if error.diag.constraint_name == "assistants_one_default":
            raise errors.Conflict(
                "Another request changed the default assistant at the same time. Try again."
            ) from error
        raise errors.Conflict("Another assistant has this name.") from error
    except psycopg.errors.ForeignKeyViolation as error:
        raise _no_model() from error


def _no_model() -> errors.Unprocessable:
    return errors.invalid_field("llm_id", "there is no enabled model with this id")


def _assistant_or_404(assistant: Assistant | None) -> Assistant:
    if assistant is None:
        raise errors.NotFound
    return assistant
