"""The registry of embedding models: exactly one is active, and every vector belongs to one of them.

A process caches the active model. Every statement that depends on it names the model, and Postgres checks it, so an
outdated cache never leads to a wrong result. reembedding.py makes another model the active one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, LiteralString
from uuid import UUID

from chalicelib.auth.audit import audit
from chalicelib.core import errors, identity, process, rows, sql
from chalicelib.core.models import Page
from chalicelib.knowledge.embedding import data_processors
from chalicelib.knowledge.embedding.models import EmbeddingModel
from chalicelib.knowledge.embedding.recipe import BUILT_IN, Recipe

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

MOST_MODELS = 50
MAX_ID = 32_767
_LOCK_ATTEMPTS = 3


class _Memory:
    """The active model, as this process read it last."""

    recipe = BUILT_IN


def active() -> Recipe:
    """The active model, from this process's cache."""
    return _Memory.recipe


def look_again() -> Recipe:
    """Read the active model again, and cache it. One round trip."""
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
    """The model in preparation, if there is one."""
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


@dataclass(frozen=True, slots=True)
class Reach:
    """What a model would receive: where it runs, and how much there is to embed."""

    provider: str
    base_url: str | None
    status: str
    documents: int
    private_documents: int
    chunks: int

    def audited(self) -> dict[str, object]:
        """The details of an audit line."""
        return {
            "provider": self.provider,
            "host": data_processors.host(self.base_url),
            "documents": self.documents,
            "private_documents": self.private_documents,
            "chunks": self.chunks,
        }


def reach(conn: "Conn", model_id: int) -> Reach:
    """What a model would receive, for an administrator. Raises NotFound."""
    result = rows.one(conn, Reach, queries.reach, {"id": storable(model_id)})
    if result is None:
        raise errors.NotFound
    return result


def check_confirmed(scope: Reach, address: str | None, *, confirmed: bool) -> None:
    """Raises Conflict (confirmation_required) when documents would be sent to `address` without a confirmation."""
    if address is not None and not confirmed:
        raise errors.Conflict(
            f"{data_processors.host(address)} would receive {scope.chunks} chunks of {scope.documents} documents, "
            f"{scope.private_documents} of them private. Confirm it with sends_private_documents.",
            code="confirmation_required",
        )


def activate(model_id: int, *, confirmed: bool) -> EmbeddingModel:
    """Start the preparation of a model; it becomes active when every chunk has its vector (reembedding.py).

    For a model already in preparation, documents that failed are tried again. `confirmed`: the administrator knows that
    a server receives private documents. Raises NotFound, Conflict (confirmation_required, model_active,
    model_preparing), Unavailable when transactions that store documents hold the lock for too long.
    """
    with identity.as_caller() as conn:
        scope = reach(conn, model_id)
    if scope.status != "active":
        check_confirmed(scope, scope.base_url, confirmed=confirmed)
    _with_retries(queries.make_room, model_id)
    outcome = _with_retries(queries.prepare, model_id, scope.audited(), preparing="activated")
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
    """Stop the preparation of a model; the active one stays. Its vectors stay for their retention period.

    A model that is not in preparation stays as it is. Raises NotFound, Unavailable.
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
    """Delete the vectors of models that retired longer ago than the retention period; returns the number of models."""
    with identity.as_nobody() as conn:
        dropped: int = rows.value(conn, queries.drop_retired)
    return dropped


def entity_id(model_id: int) -> UUID:
    """A model's id where a UUID is required: in the audit log, and for idempotency keys."""
    return UUID(int=model_id)


def _with_retries(
    statement: LiteralString, model_id: int, details: Mapping[str, object] = MappingProxyType({}), **audited: str
) -> Any:
    """The outcome of a statement that waits briefly for transactions that store documents. Raises Unavailable.

    `audited` maps the outcomes that are a change to their names in the audit log, and `details` stand there too.
    """
    import psycopg

    params = {"id": storable(model_id)}
    for attempt in range(1, _LOCK_ATTEMPTS + 1):
        try:
            with identity.as_caller() as conn:
                outcome = rows.value(conn, statement, params)
                if outcome in audited:
                    record(conn, audited[outcome], model_id, **details)
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
