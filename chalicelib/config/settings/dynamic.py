"""The dynamic level: the administrators' settings, and the audit of every change of them."""

from typing import TYPE_CHECKING

from chalicelib.config.registry import prompts
from chalicelib.config.settings import resolution
from chalicelib.config.settings.models import ConfigAuditQuery, ConfigChange, DynamicChanges, DynamicConfig
from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Page, page_of

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


def get(conn: "Conn") -> DynamicConfig:
    """The administrators' settings."""
    row = rows.one(conn, DynamicConfig, queries.get)
    if row is None:
        raise RuntimeError("dynamic_config is empty")
    return row


def change(conn: "Conn", changes: DynamicChanges, revision: int | None) -> DynamicConfig:
    """Change some settings if `revision` is the current one, or None.

    The checks run once the row is locked, so that no model or prompt that it names is deleted at the same time. Raises
    PreconditionFailed (stale_update), and Unprocessable for names that do not exist and for weights that are both 0.
    """
    import psycopg
    from psycopg.types.json import Jsonb

    provided = changes.changed_fields()
    prompts.check_task_prompt(changes.task_prompt)
    try:
        changed = rows.one(conn, DynamicConfig, queries.change, {"changes": Jsonb(provided), "revision": revision})
    except psycopg.errors.ForeignKeyViolation as error:
        raise resolution.unknown_model() from error
    if changed is None:
        raise errors.PreconditionFailed
    resolution.check_names(conn, provided)
    if not rows.value(conn, queries.weights):
        raise resolution.no_weight()
    return changed


def list_changes(conn: "Conn", query: ConfigAuditQuery) -> Page[ConfigChange]:
    """The changed fields of the static and the dynamic level and of preferences, newest first."""
    params = {
        "field_name": query.field_name,
        "config_type": query.config_type,
        "after": query.after(),
        "limit": query.limit + 1,
    }
    return page_of(rows.many(conn, ConfigChange, queries.list_changes, params), query.limit)
