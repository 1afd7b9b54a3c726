"""The registry of embedding models: exactly one is active, and every vector belongs to one of them.

A process remembers which model is active; every statement that depends on it says so and is checked by Postgres, so
what is remembered may be old but never wrong in its effect. How another model becomes active: reembedding.py.
"""

from typing import TYPE_CHECKING, Any, LiteralString
from uuid import UUID

from chalicelib.auth.audit import audit
from chalicelib.core import errors, identity, process, rows, sql
from chalicelib.core.models import Page
from chalicelib.knowledge.embedding.models import EmbeddingModel
from chalicelib.knowledge.embedding.recipe import BUILT_IN, Recipe

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

MOST_MODELS = 50
MAX_ID = 32_767
_LOCK_ATTEMPTS = 3


class _Memory:
    """The model that was active when this process last looked."""

    recipe = BUILT_IN


def active() -> Recipe:
    """The active model, as far as this process knows."""
    return _Memory.recipe


def look_again() -> Recipe:
    """Ask which model is active, and remember it. One round trip."""
    row = identity.ask(queries.active, {}, again=True)
    if row is None:
        raise RuntimeError("no embedding model is active")
    _Memory.recipe = Recipe(*row)
    return _Memory.recipe


@process.on_forget
def _forget() -> None:
    _Memory.recipe = BUILT_IN


def recipe(model_id: int) -> Recipe | None:
    """A model by its id, or None."""
    with identity.as_nobody() as conn:
        return rows.one(conn, Recipe, queries.recipe, {"id": model_id})


def preparing() -> Recipe | None:
    """The model that is being prepared, if there is one."""
    with identity.as_nobody() as conn:
        return rows.one(conn, Recipe, queries.preparing)


def list_all(conn: "Conn") -> Page[EmbeddingModel]:
    """Every registered model, oldest first. For an administrator."""
    models = rows.many(conn, EmbeddingModel, queries.get, {"id": None, "limit": MOST_MODELS + 1})
    return Page(items=models)


def get(conn: "Conn", model_id: int) -> EmbeddingModel:
    """One model. For an administrator. Raises NotFound."""
    model_row = rows.one(conn, EmbeddingModel, queries.get, {"id": storable(model_id), "limit": 1})
    if model_row is None:
        raise errors.NotFound
    return model_row


def activate(model_id: int) -> EmbeddingModel:
    """Have a model prepared; it becomes the active one by itself when every chunk has its vector (reembedding.py).

    For a model that is being prepared already, what had failed is tried again. Raises NotFound, Conflict
    (model_active, model_preparing), Unavailable when those who store documents keep the way closed.
    """
    _with_retries(queries.make_room, model_id)
    outcome = _with_retries(queries.prepare, model_id, preparing="activated")
    if outcome is None:
        raise errors.NotFound
    if outcome == "active":
        raise errors.Conflict(code="model_active")
    if outcome == "busy":
        raise errors.Conflict("Another embedding model is being prepared; cancel that first.", code="model_preparing")
    with identity.as_caller() as conn:
        conn.execute(queries.survey, {"id": model_id})
        return get(conn, model_id)


def cancel(model_id: int) -> EmbeddingModel:
    """Stop preparing a model; the active one stays. Its embeddings stay for the retention period of embeddings.

    A model that is not being prepared stays as it is. Raises NotFound, Unavailable.
    """
    if _with_retries(queries.cancel, model_id, preparing="cancelled") is None:
        raise errors.NotFound
    with identity.as_caller() as conn:
        return get(conn, model_id)


def delete(model_id: int) -> None:
    """Remove a model and its vectors. Raises NotFound, Conflict (model_active, model_preparing), Unavailable."""
    before = _with_retries(queries.delete, model_id, inactive="deleted")
    if before is None:
        raise errors.NotFound
    if before != "inactive":
        raise errors.Conflict(code=f"model_{before}")


def drop_retired() -> int:
    """Drop the embeddings of models that retired longer ago than the retention period; returns how many models."""
    with identity.as_nobody() as conn:
        dropped: int = rows.value(conn, queries.drop_retired)
    return dropped


def entity_id(model_id: int) -> UUID:
    """A model's id where a UUID is required: in the audit log, and for idempotency keys."""
    return UUID(int=model_id)


def _with_retries(statement: LiteralString, model_id: int, **audited: str) -> Any:
    """The outcome of a statement that waits, briefly, for those who are storing documents. Raises Unavailable.

    `audited` says which outcomes are a change, and what the audit log calls it.
    """
    import psycopg

    params = {"id": storable(model_id)}
    for attempt in range(1, _LOCK_ATTEMPTS + 1):
        try:
            with identity.as_caller() as conn:
                outcome = rows.value(conn, statement, params)
                if outcome in audited:
                    record(conn, audited[outcome], model_id)
                return outcome
        except psycopg.errors.LockNotAvailable as error:
            if attempt == _LOCK_ATTEMPTS:
                raise errors.Unavailable("Documents are being stored without a pause. Retry.") from error
    raise AssertionError("unreachable")


def storable(model_id: int) -> int:
    if not 1 <= model_id <= MAX_ID:
        raise errors.NotFound
    return model_id


def record(conn: "Conn", verb: str, model_id: int, **details: Any) -> None:
    audit.record(conn, f"embedding_model.{verb}", "embedding_model", entity_id(model_id), model_id=model_id, **details)
