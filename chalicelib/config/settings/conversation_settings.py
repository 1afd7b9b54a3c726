"""The conversation level: the settings of one conversation."""

from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.config.registry import choices, prompts
from chalicelib.config.settings import resolution
from chalicelib.config.settings.models import ConversationSettings
from chalicelib.core import errors, sql

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

_WEIGHTS = ("bm25_weight", "semantic_weight")


def change(conn: "Conn", conversation_id: UUID, changes: ConversationSettings) -> None:
    """Change some of a conversation's settings. Raises NotFound, Unprocessable."""
    import psycopg
    from psycopg.types.json import Jsonb

    provided = changes.changed_fields()
    prompts.check_task_prompt(changes.task_prompt)
    if any(provided.get(name) for name in resolution.deletable(provided)):
        choices.lock_choices(conn)
    try:
        row = conn.execute(queries.change, {"id": conversation_id, "changes": Jsonb(provided)}).fetchone()
    except psycopg.errors.CheckViolation as error:  # JSON writes a control character as six characters
        message = "the prompts of a conversation have too many control characters"
        raise errors.invalid_field("system_prompt", message) from error
    if row is None:
        raise errors.NotFound
    weights = [row[0].get(name) for name in _WEIGHTS]
    if (weights[0] is None) != (weights[1] is None):
        message = "a conversation sets bm25_weight and semantic_weight together"
        raise errors.invalid_field("bm25_weight", message)
    if weights[0] is not None and not any(weights):
        raise resolution.no_weight()
    resolution.check_choices(conn, provided)
