"""What applies in the end: the value of every setting over the four levels, and the names that a level may choose.

The database resolves the levels in one function, `effective_config()`, for search, ingestion and answering.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.config.settings.models import EffectiveConfig, EffectiveValue, PassedOver
from chalicelib.core import errors, rows, sql

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

# A setting whose name has this prefix holds the name of a model, a reranker, a prompt or a pipeline.
_NAME_PREFIX = "active_"
_UNKNOWN = {
    "active_model": "there is no enabled model of this name",
    "active_pipeline": "this deployment does not offer this pipeline",
    "active_reranker": "is neither off nor built_in, and there is no reranker of this name",
}


def effective(conn: "Conn", conversation_id: UUID | None) -> EffectiveConfig:
    """Every setting with its level, in a conversation or in a new one. Raises NotFound."""
    values = conn.execute(queries.effective, {"conversation_id": conversation_id}).fetchall()
    if not values:
        raise errors.NotFound
    return EffectiveConfig(
        {
            name: EffectiveValue(value=value, level=level, passed_over=[PassedOver(**entry) for entry in passed_over])
            for name, value, level, passed_over in values
        }
    )


def check_choices(
    conn: "Conn", provided: Mapping[str, object], field_names: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Check that the models, prompts and pipelines exist that these settings name; null names none.

    Raises Unprocessable. Its fields have the names of `field_names`, or those of the settings.
    """
    check_names(conn, {key: value for key, value in provided.items() if value is not None}, field_names)


def check_names(
    conn: "Conn", provided: Mapping[str, object], field_names: Mapping[str, str] = MappingProxyType({})
) -> None:
    """The same, where null stands for the name that the static level chooses."""
    from psycopg.types.json import Jsonb

    names = {key: value for key, value in provided.items() if key.startswith(_NAME_PREFIX)}
    missing = rows.value(conn, queries.missing, {"names": Jsonb(names)}) if names else None
    if missing:
        details = [{"field": field_names.get(field, field), "message": _why(field, names[field])} for field in missing]
        raise errors.Unprocessable(errors=details)


def deletable(provided: Mapping[str, object]) -> list[str]:
    """The settings among these that name a model, a reranker or a prompt, which an administrator can delete."""
    return [name for name in provided if name.startswith(_NAME_PREFIX) and name != "active_pipeline"]


def unknown_model() -> errors.Unprocessable:
    """`active_model` names no enabled model."""
    return errors.invalid_field("active_model", _UNKNOWN["active_model"])


def no_weight() -> errors.Unprocessable:
    """Both weights of hybrid search are 0."""
    return errors.invalid_field("bm25_weight", "bm25_weight and semantic_weight cannot both be 0")


def _why(field: str, value: object) -> str:
    if value is None:
        return "null restores the deployment's value, which is deleted or disabled"
    return _UNKNOWN.get(field, "there is no prompt of this kind and name")
