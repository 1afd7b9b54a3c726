"""The user level: what a user sets for every new conversation, and how the service looks and learns."""

from typing import TYPE_CHECKING, Any

from chalicelib.config.registry import assistants, choices
from chalicelib.config.settings import resolution
from chalicelib.config.settings.models import PreferenceChanges, Preferences
from chalicelib.core import errors, sql

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

# The preferences that name a model or a prompt, by the settings that they set.
_NAMES = {
    "active_model": "preferred_model",
    "active_condense_prompt": "preferred_condense_prompt",
    "active_chat_prompt": "preferred_chat_prompt",
    "active_system_prompt": "preferred_system_prompt",
}


def get(conn: "Conn") -> Preferences:
    """The caller's preferences. Raises NotFound without a caller."""
    return _preferences(conn.execute(queries.get).fetchone())


def change(conn: "Conn", changes: PreferenceChanges) -> Preferences:
    """Change some preferences (a JSON merge patch, RFC 7396) and return all of them. Raises Unprocessable."""
    from psycopg.types.json import Jsonb

    provided = changes.model_dump(mode="json", include=set(changes.model_fields_set))
    assistants.check(conn, changes.default_assistant_id, field="default_assistant_id")
    if any(provided.get(name) for name in _NAMES.values()):
        choices.lock_choices(conn)
    changed = _preferences(conn.execute(queries.change, {"changes": Jsonb(provided)}).fetchone())
    resolution.check_choices(conn, {setting: provided.get(name) for setting, name in _NAMES.items()}, _NAMES)
    return changed


def _preferences(row: tuple[Any, ...] | None) -> Preferences:
    if row is None:
        raise errors.NotFound
    return Preferences(**row[0])
