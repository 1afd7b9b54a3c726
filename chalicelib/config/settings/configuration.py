"""Settings: what each level sets, what they resolve to, and every change of them.

Four levels, each winning over those before it: static (the deployment), dynamic (administrators), user, conversation.
The database resolves them in one place, `effective_config()`, for searching, ingestion and answering alike.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from chalicelib.config.registry import choices, prompts
from chalicelib.config.settings.models import (
    ConfigAuditQuery,
    ConfigChange,
    ConversationSettings,
    DynamicChanges,
    DynamicConfig,
    EffectiveConfig,
    EffectiveValue,
    PreferenceChanges,
    Preferences,
    SettingChanges,
    StaticConfig,
)
from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Page, page_of

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

T = TypeVar("T")

_UNKNOWN = {
    "active_model": "there is no enabled model of this name",
    "active_pipeline": "this deployment does not offer this pipeline",
}
_NO_WEIGHT = {"field": "bm25_weight", "message": "bm25_weight and semantic_weight may not both be 0"}
_ONE_WEIGHT = {"field": "bm25_weight", "message": "a conversation sets bm25_weight and semantic_weight together"}
# What preferences call the settings that name something.
_PREFERRED = {
    "active_model": "preferred_model",
    "active_condense_prompt": "preferred_condense_prompt",
    "active_chat_prompt": "preferred_chat_prompt",
    "active_system_prompt": "preferred_system_prompt",
}


def static(conn: "Conn") -> StaticConfig:
    """What the deploy set."""
    return _only(rows.one(conn, StaticConfig, queries.static))


def dynamic(conn: "Conn") -> DynamicConfig:
    """What administrators set."""
    return _only(rows.one(conn, DynamicConfig, queries.dynamic))


def change(conn: "Conn", changes: DynamicChanges, revision: int | None) -> DynamicConfig:
    """Change some dynamic settings, if `revision` is still the present one or None.

    Raises PreconditionFailed (stale_update), Unprocessable for what does not exist or contradicts itself. Checked once
    the row is locked, so that nothing it names can go at the same time.
    """
    import psycopg
    from psycopg.types.json import Jsonb

    provided = changes.changed_fields()
    _check_task_prompt(changes)
    try:
        changed = rows.one(conn, DynamicConfig, queries.change, {"changes": Jsonb(provided), "revision": revision})
    except psycopg.errors.ForeignKeyViolation as error:
        raise _refused({"active_model": _UNKNOWN["active_model"]}) from error
    if changed is None:
        raise errors.PreconditionFailed
    _check_names(conn, provided, {})
    if not rows.value(conn, queries.weights):
        raise errors.Unprocessable(errors=[_NO_WEIGHT])
    return changed


def check_choices(
    conn: "Conn", provided: Mapping[str, object], field_names: Mapping[str, str] = MappingProxyType({})
) -> None:
    """That the models, prompts and pipelines that these settings name are there.

    Raises Unprocessable, which names the fields as the request `field_names` them.
    """
    _check_names(conn, {key: value for key, value in provided.items() if value is not None}, field_names)


def _check_names(conn: "Conn", provided: Mapping[str, object], field_names: Mapping[str, str]) -> None:
    """The same, where null stands for what the deployment chose."""
    from psycopg.types.json import Jsonb

    names = {key: value for key, value in provided.items() if key.startswith("active_")}
    missing = rows.value(conn, queries.missing, {"names": Jsonb(names)}) if names else None
    if missing:
        raise _refused({field_names.get(field, field): _why(field, names[field]) for field in missing})


def _why(field: str, value: object) -> str:
    if value is None:
        return "without it the deployment's own choice would hold, which is gone or disabled"
    return _UNKNOWN.get(field, "there is no prompt of this kind and name")


def effective(conn: "Conn", conversation_id: UUID | None) -> EffectiveConfig:
    """Every setting and the level it comes from, in a conversation or a new one. Raises NotFound."""
    params = {"conversation_id": conversation_id}
    values = conn.execute(queries.effective, params).fetchall()
    if not values:
        raise errors.NotFound
    return EffectiveConfig({name: EffectiveValue(value=value, level=level) for name, value, level in values})


def change_conversation(conn: "Conn", conversation_id: UUID, changes: ConversationSettings) -> None:
    """Change a conversation's own settings. Raises NotFound, Unprocessable."""
    import psycopg
    from psycopg.types.json import Jsonb

    provided = changes.changed_fields()
    _check_task_prompt(changes)
    if any(provided.get(name) for name in _PREFERRED):
        choices.lock_choices(conn)
    try:
        row = conn.execute(queries.change_conversation, {"id": conversation_id, "changes": Jsonb(provided)}).fetchone()
    except psycopg.errors.CheckViolation as error:  # control characters take six each as JSON
        raise _refused({"system_prompt": "the prompts of a conversation have too many control characters"}) from error
    if row is None:
        raise errors.NotFound
    weights = [row[0].get(name) for name in ("bm25_weight", "semantic_weight")]
    if (weights[0] is None) != (weights[1] is None):
        raise errors.Unprocessable(errors=[_ONE_WEIGHT])
    if weights[0] is not None and not any(weights):
        raise errors.Unprocessable(errors=[_NO_WEIGHT])
    check_choices(conn, provided)


def preferences(conn: "Conn") -> Preferences:
    """The caller's preferences."""
    return _preferences(conn.execute(queries.preferences).fetchone())


def change_preferences(conn: "Conn", changes: PreferenceChanges) -> Preferences:
    """Change some preferences (a JSON merge patch, RFC 7396); returns all of them. Raises Unprocessable."""
    from psycopg.types.json import Jsonb

    provided = changes.changed_fields()
    if any(provided.get(name) for name in _PREFERRED.values()):
        choices.lock_choices(conn)
    changed = _preferences(conn.execute(queries.change_preferences, {"changes": Jsonb(provided)}).fetchone())
    check_choices(conn, {setting: provided.get(name) for setting, name in _PREFERRED.items()}, field_names=_PREFERRED)
    return changed


def audit_page(conn: "Conn", query: ConfigAuditQuery) -> Page[ConfigChange]:
    """What was changed, newest first."""
    params = {
        "field_name": query.field_name,
        "config_type": query.config_type,
        "after": query.after(),
        "limit": query.limit + 1,
    }
    return page_of(rows.many(conn, ConfigChange, queries.audit, params), query.limit)


def _check_task_prompt(changes: SettingChanges) -> None:
    if changes.task_prompt is not None:
        prompts.check("chat", changes.task_prompt, "task_prompt")


def _preferences(row: tuple[Any, ...] | None) -> Preferences:
    if row is None:
        raise errors.NotFound
    return Preferences(**row[0])


def _refused(details: Mapping[str, str]) -> errors.Unprocessable:
    return errors.Unprocessable(errors=[{"field": field, "message": message} for field, message in details.items()])


def _only(row: T | None) -> T:
    if row is None:
        raise RuntimeError("a table of one row has none")
    return row
