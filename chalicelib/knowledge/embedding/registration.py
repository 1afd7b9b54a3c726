"""Registration and changes of embedding models. A model must embed a probe before its row is stored or changed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString
from uuid import UUID

from chalicelib.core import errors, idempotency, identity, rows, sql
from chalicelib.core.outbound import AddressError, check_endpoint
from chalicelib.knowledge.embedding import builtin, data_processors, embedding_models, trainings
from chalicelib.knowledge.embedding.models import EmbeddingModel, EmbeddingModelChanges, NewEmbeddingModel
from chalicelib.knowledge.embedding.recipe import Recipe
from chalicelib.knowledge.embedding.remote import EmbeddingProviderError
from chalicelib.knowledge.embedding.sealed_columns import EMBEDDING_MODEL_KEYS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

# pgvector indexes halfvec up to this dimension.
MAX_DIMENSION = 4_000
_MAX_NATIVE = 16_000
_PROBE = "The quick brown fox jumps over the lazy dog. 敏捷的棕色狐狸跳过懒狗。"
# Half precision, quantised weights and other texts in the batch move a vector less than this; another model moves it
# much further.
_SAME_MODEL = 0.98


@dataclass(frozen=True, slots=True)
class _CreatedModel:
    """A registered model with the id that idempotency keys and the audit log use."""

    id: UUID


def register(new: NewEmbeddingModel) -> EmbeddingModel:
    """Register a model for the caller, an administrator, after it has embedded a probe.

    No transaction is open during the requests to the model and KMS. Raises Conflict (too_many, or conflict for a name
    in use), Unprocessable (embedding_model_refused), BadGateway (embedding_failed), Unavailable.
    """
    with identity.as_caller() as conn:
        _check_room(conn)
    recipe = Recipe(0, new.provider, new.model, 0, 0, new.base_url, key=new.api_key)
    probe = _probe_server(recipe)
    native = probe.shape[1]
    dimension = native if new.dimension is None else new.dimension
    if dimension > min(native, MAX_DIMENSION) or native > _MAX_NATIVE:
        raise errors.Unprocessable(
            f"{new.model} gives vectors of {native} numbers, not of {dimension}; at most {MAX_DIMENSION:,} are taken.",
            code="embedding_model_refused",
        )
    with identity.as_caller() as conn:
        model_id: int = rows.value(conn, queries.next_id)
    row = {
        "id": model_id,
        "name": new.name,
        "provider": new.provider,
        "model": new.model,
        "dimension": dimension,
        "native_dimension": native,
        "base_url": new.base_url,
        "query_prefix": recipe.training.query_prefix if new.query_prefix is None else new.query_prefix,
        "document_prefix": recipe.training.document_prefix if new.document_prefix is None else new.document_prefix,
        "probe": _as_probe(probe, dimension),
        **_seal(model_id, new.api_key),
    }
    with identity.as_caller() as conn:

        def create() -> _CreatedModel:
            rows.hold_limit(conn, "embedding_models", "everybody")
            _check_room(conn)
            _write(conn, queries.create, row)
            host = data_processors.host(new.base_url)
            embedding_models.record(conn, "registered", model_id, name=new.name, dimension=dimension, host=host)
            return _CreatedModel(embedding_models.entity_id(model_id))

        return embedding_models.get(conn, idempotency.once(conn, create, _CreatedModel).id.int)


def _check_room(conn: "Conn") -> None:
    if rows.value(conn, queries.registered) >= embedding_models.MOST_MODELS:
        raise errors.Conflict(
            f"At most {embedding_models.MOST_MODELS} models are registered; delete one first.", code="too_many"
        )


def change(model_id: int, changes: EmbeddingModelChanges) -> EmbeddingModel:
    """Rename a model, or change its address or key, after a probe with the new ones.

    Raises NotFound, Unprocessable (embedding_model_refused) when the vectors would change, or for a new address without
    a key, Conflict (confirmation_required) for another host of a model in use, or for a name in use, BadGateway
    (embedding_failed).
    """
    with identity.as_caller() as conn:
        stored = rows.one(conn, _EmbeddingModelRow, queries.stored, {"id": embedding_models.storable(model_id)})
    if stored is None:
        raise errors.NotFound
    another_way = bool(changes.model_fields_set & {"base_url", "api_key"})
    if another_way and stored.provider == "builtin":
        raise errors.Unprocessable("A built-in model has neither an address nor a key.", code="embedding_model_refused")
    moved = "base_url" in changes.model_fields_set and changes.base_url != stored.base_url
    if moved and stored.ciphertext is not None and "api_key" not in changes.model_fields_set:
        raise errors.invalid_field("api_key", "is required: the stored key belongs to the previous address")
    if moved and stored.status != "inactive":
        host = data_processors.host(changes.base_url)
        if host != data_processors.host(stored.base_url):
            with identity.as_caller() as conn:
                scope = embedding_models.reach(conn, model_id)
            embedding_models.check_confirmed(scope, changes.base_url, confirmed=changes.sends_private_documents)
    row = {name: getattr(stored, name) for name in ("id", "name", "base_url", *_KEY_COLUMNS)}
    row |= changes.model_dump(include=changes.model_fields_set & {"name", "base_url"})
    if "api_key" in changes.model_fields_set:
        row |= _seal(model_id, changes.api_key)
    probe = _probe_alternative(stored, row) if another_way else None
    with identity.as_caller() as conn:
        if probe is not None and rows.value(conn, queries.likeness, {"id": model_id, "probe": probe}) < _SAME_MODEL:
            raise errors.Unprocessable(
                "The server there gives other vectors: register it as a model of its own.",
                code="embedding_model_refused",
            )
        _write(conn, queries.change, row)
        details = embedding_models.reach(conn, model_id).audited() if moved else {}
        fields = sorted(changes.model_fields_set - {"sends_private_documents"})
        embedding_models.record(conn, "changed", model_id, fields=fields, **details)
        return embedding_models.get(conn, model_id)


_KEY_COLUMNS = ("ciphertext", "wrapped_key", "master_key", "key_last_four")


@dataclass(frozen=True, slots=True)
class _EmbeddingModelRow:
    """A row for `change`."""

    id: int
    provider: str
    model: str
    dimension: int
    native_dimension: int
    base_url: str | None
    ciphertext: bytes | None
    wrapped_key: bytes | None
    master_key: str | None
    name: str
    key_last_four: str | None
    status: str


def _probe_server(recipe: Recipe) -> "NDArray[np.float32]":
    """The model's own vector of the probe: float32 (1, its dimension). Raises a Problem when there is none."""
    try:
        if recipe.base_url is not None:
            check_endpoint(recipe.base_url)
        return recipe.native([_PROBE])
    except AddressError as error:
        raise errors.Unprocessable(str(error), code="embedding_model_refused") from error
    except builtin.ModelNotFoundError as error:
        raise errors.Unprocessable(
            f"{recipe.model} is not among the models of this deployment. Deploy it with EMBEDDINGS={recipe.model} "
            f"first; there are {', '.join(trainings.TRAININGS)}.",
            code="embedding_model_refused",
        ) from error
    except EmbeddingProviderError as error:
        if isinstance(error.__cause__, AddressError):
            raise errors.Unprocessable(str(error), code="embedding_model_refused") from error
        raise errors.BadGateway(str(error), code="embedding_failed") from error


def _probe_alternative(stored: _EmbeddingModelRow, row: dict[str, Any]) -> str:
    """The probe's vector with the address and the key in `row`."""
    way = {name: row[name] for name in ("base_url", "ciphertext", "wrapped_key", "master_key")}
    recipe = Recipe(stored.id, stored.provider, stored.model, stored.dimension, stored.native_dimension, **way)
    probe = _probe_server(recipe)
    if probe.shape[1] != stored.native_dimension:
        raise errors.Unprocessable(
            f"The server there gives vectors of {probe.shape[1]} numbers, not of {stored.native_dimension}.",
            code="embedding_model_refused",
        )
    return _as_probe(probe, stored.dimension)


def _as_probe(vectors: "NDArray[np.float32]", dimension: int) -> str:
    try:
        return builtin.as_text(builtin.shorten(vectors, dimension))[0]
    except ValueError as error:
        raise errors.Unprocessable(str(error), code="embedding_model_refused") from error


def _write(conn: "Conn", statement: LiteralString, row: dict[str, Any]) -> None:
    import psycopg

    try:
        conn.execute(statement, row)
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict("A model of this name is registered already.") from error


def _seal(model_id: int, key: str | None) -> dict[str, object]:
    if key is None:
        return dict.fromkeys(_KEY_COLUMNS)
    sealed = EMBEDDING_MODEL_KEYS.seal(key, model_id)
    return {
        "ciphertext": sealed.ciphertext,
        "wrapped_key": sealed.wrapped_key,
        "master_key": sealed.master_key,
        "key_last_four": key[-4:],
    }
