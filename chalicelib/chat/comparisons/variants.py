"""The pool of variants: one champion and its challengers."""

from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.auth.audit import audit
from chalicelib.chat.comparisons.models import NewVariant, Variant, VariantChanges, VariantQuery
from chalicelib.config.registry import assistants, prompts
from chalicelib.config.settings import dynamic, resolution
from chalicelib.config.settings.models import DynamicChanges
from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Page, page_of

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

MAX_VARIANTS = 50


def create(conn: "Conn", new: NewVariant) -> Variant:
    """Add a variant to the pool, audited.

    Raises Conflict for a name in use, a second champion (in_use) or a full pool (too_many), Unprocessable for settings
    or an assistant that do not exist.
    """
    import psycopg
    from psycopg.types.json import Jsonb

    provided = new.settings.changed_fields() if new.settings is not None else {}
    resolution.check_choices(conn, provided, field_names={name: f"settings.{name}" for name in provided})
    if provided.get("task_prompt") is not None:
        prompts.check("chat", str(provided["task_prompt"]), "settings.task_prompt")
    assistants.check(conn, new.assistant_id)
    conn.execute(queries.lock_pool)
    variants, champions, _ = _count(conn)
    if variants >= MAX_VARIANTS:
        raise errors.Conflict(f"The pool already has {MAX_VARIANTS} variants. Delete a variant first.", code="too_many")
    if new.is_champion and champions:
        raise errors.Conflict("The pool already has a champion. Promote a challenger to replace it.", code="in_use")
    params = new.model_dump(exclude={"settings"}) | {"settings": Jsonb(provided)}
    try:
        created = get(conn, rows.value(conn, queries.create, params))
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict("Another variant has this name.") from error
    details = {"name": created.name, "is_champion": created.is_champion}
    audit.record(conn, "ab_variant.created", "ab_variant", created.id, **details)
    return created


def get(conn: "Conn", variant_id: UUID) -> Variant:
    """A variant, archived or not. Raises NotFound."""
    result = rows.one(conn, Variant, queries.get, {"id": variant_id})
    if result is None:
        raise errors.NotFound
    return result


def list_page(conn: "Conn", query: VariantQuery) -> Page[Variant]:
    """The pool, newest first."""
    params = {"archived": query.archived, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Variant, queries.list, params), query.limit)


def update(conn: "Conn", variant_id: UUID, changes: VariantChanges) -> Variant:
    """Change a variant's name or weight, or activate or deactivate it, audited.

    Raises NotFound, Conflict for an archived variant, a name in use, or the deactivation of the champion (in_use).
    """
    import psycopg

    conn.execute(queries.lock_pool)
    if _unarchived(conn, variant_id).is_champion and changes.is_active is False:
        raise errors.Conflict("The champion is part of every comparison. Promote another variant first.", code="in_use")
    try:
        conn.execute(queries.update, changes.model_dump() | {"id": variant_id})
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict("Another variant has this name.") from error
    audit.record(conn, "ab_variant.changed", "ab_variant", variant_id, **changes.changed_fields())
    return get(conn, variant_id)


def delete(conn: "Conn", variant_id: UUID) -> None:
    """Remove a variant from the pool, audited. A variant with comparisons is archived, so that its votes still count.

    Raises NotFound, Conflict for the champion while there are active challengers (in_use).
    """
    import psycopg

    conn.execute(queries.lock_pool)
    variant = get(conn, variant_id)
    if variant.archived_at is not None:
        raise errors.NotFound
    if variant.is_champion and _count(conn)[2]:
        raise errors.Conflict("The champion has active challengers. Promote a challenger first.", code="in_use")
    try:
        with conn.transaction():
            conn.execute(queries.delete, {"id": variant_id})
    except psycopg.errors.ForeignKeyViolation:
        conn.execute(queries.archive, {"id": variant_id})
    audit.record(conn, "ab_variant.deleted", "ab_variant", variant_id, name=variant.name)


def promote(conn: "Conn", variant_id: UUID) -> Variant:
    """Make a challenger the champion and its settings those of the service, audited.

    The old champion becomes an inactive challenger. Promoting the champion changes nothing. Raises NotFound, Conflict
    for an archived variant, Unprocessable for settings that no longer exist.
    """
    conn.execute(queries.lock_pool)
    variant = _unarchived(conn, variant_id)
    if variant.is_champion:
        return variant
    if variant.settings:
        dynamic.change(conn, DynamicChanges.model_validate(variant.settings), None)
    replaced = rows.value(conn, queries.retire_champion)
    conn.execute(queries.make_champion, {"id": variant_id})
    replaced_id = str(replaced) if replaced else None
    audit.record(conn, "ab_variant.promoted", "ab_variant", variant_id, name=variant.name, replaced=replaced_id)
    return get(conn, variant_id)


def _count(conn: "Conn") -> tuple[int, int, int]:
    """The number of variants, of champions and of active challengers."""
    row = conn.execute(queries.count).fetchone()
    if row is None:
        raise RuntimeError("an aggregate without a row")
    return row[0], row[1], row[2]


def _unarchived(conn: "Conn", variant_id: UUID) -> Variant:
    variant = get(conn, variant_id)
    if variant.archived_at is not None:
        raise errors.Conflict("This variant is archived.")
    return variant
