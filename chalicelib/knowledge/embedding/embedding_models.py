"""The registry of embedding models: exactly one is active, and every vector belongs to one of them.

A process remembers which model is active; every statement that depends on it says so and is checked by Postgres, so
what is remembered may be old but never wrong in its effect. How another model becomes active: reembedding.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, LiteralString
from uuid import UUID

from chalicelib.auth.audit import audit
from chalicelib.core import errors, idempotency, identity, process, rows, sql
from chalicelib.core.models import Page
from chalicelib.core.outbound import OutboundError, check_url
from chalicelib.core.sealed import BrokenSealError, Sealed
from chalicelib.knowledge.embedding import builtin
from chalicelib.knowledge.embedding.models import EmbeddingModel, EmbeddingModelChanges, NewEmbeddingModel
from chalicelib.knowledge.embedding.remote import EmbeddingProviderError, RemoteEmbedder
from chalicelib.knowledge.embedding.sealed_columns import EMBEDDING_MODEL_KEYS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

MOST_MODELS = 50
MAX_ID = 32_767
# pgvector indexes halfvec up to this dimension.
MAX_DIMENSION = 4_000
_MAX_NATIVE = 16_000
_PROBE = "The quick brown fox jumps over the lazy dog. 敏捷的棕色狐狸跳过懒狗。"
# Half precision, quantised weights and batch-mates move a vector less than this; another model moves it far more.
_SAME_MODEL = 0.98
_LOCK_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Recipe:
    """What it takes to embed with a model: `dimension` numbers out of its `native_dimension`, and whom to ask.

    The key is sealed, as it is stored, or plain in `key` while it is being tried out.
    """

    id: int
    provider: str
    model: str
    dimension: int
    native_dimension: int
    base_url: str | None = None
    ciphertext: bytes | None = None
    wrapped_key: bytes | None = None
    master_key: str | None = None
    key: str | None = field(default=None, repr=False)

    def embed(self, texts: Sequence[str], *, truncate: bool = False) -> "NDArray[np.float32]":
        """The embeddings of `texts` in their order: float32 (n, dimension), each row L2-normalised.

        Only `truncate` lets the tail of a long text be ignored. Raises ProviderError (also when the key does not open),
        TextTooLongError, ModelNotFoundError, Unavailable.
        """
        whole = self.native(texts, truncate=truncate)
        if len(texts) and whole.shape[1] != self.native_dimension:
            raise EmbeddingProviderError(
                f"{self.model} gave vectors of {whole.shape[1]} numbers; it had {self.native_dimension}.", passing=True
            )
        try:
            return builtin.shorten(whole.reshape(len(texts), self.native_dimension), self.dimension)
        except ValueError as error:
            raise EmbeddingProviderError(f"{self.model}: {error}", passing=False) from error

    def native(self, texts: Sequence[str], *, truncate: bool = False) -> "NDArray[np.float32]":
        """The vectors as the model makes them, whatever their length. Raises like `embed`."""
        if self.provider == "builtin":
            return builtin.load(self.model).embed(texts, truncate=truncate)
        return RemoteEmbedder(self.model, self.base_url or "", self._plain_key()).embed(texts, truncate=truncate)

    @property
    def sealed(self) -> Sealed | None:
        """The key as it is stored, if there is one."""
        if self.ciphertext is None or self.wrapped_key is None or self.master_key is None:
            return None
        return Sealed(self.ciphertext, self.wrapped_key, self.master_key)

    def _plain_key(self) -> str | None:
        if self.key is not None or self.sealed is None:
            return self.key
        try:
            return EMBEDDING_MODEL_KEYS.unseal(self.sealed, self.id)
        except BrokenSealError as error:
            raise EmbeddingProviderError(
                f"The key of {self.model} does not open: store it anew.", passing=True
            ) from error


# The model that every deployment begins with: a process that knows nothing yet tries it first.
BUILT_IN = Recipe(1, "builtin", builtin.BUILT_IN, 384, 384)


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
    model_row = rows.one(conn, EmbeddingModel, queries.get, {"id": _storable(model_id), "limit": 1})
    if model_row is None:
        raise errors.NotFound
    return model_row


@dataclass(frozen=True, slots=True)
class _CreatedModel:
    """A registered model under the id that idempotency keys and the audit log take."""

    id: UUID


def register(new: NewEmbeddingModel) -> EmbeddingModel:
    """Register a model for the administrator who asks, once it has shown that it embeds.

    No transaction is open while the model and KMS are asked. Raises Conflict (too_many, or conflict for a name in
    use), Unprocessable (embedding_model_refused), BadGateway (embedding_failed), Unavailable.
    """
    with identity.as_caller() as conn:
        _check_room(conn)
    probe = _probe_server(Recipe(0, new.provider, new.model, 0, 0, new.base_url, key=new.api_key))
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
        "probe": _as_probe(probe, dimension),
        **_seal(model_id, new.api_key),
    }
    with identity.as_caller() as conn:

        def create() -> _CreatedModel:
            rows.hold_limit(conn, "embedding_models", "everybody")
            _check_room(conn)
            _write(conn, queries.create, row)
            _audit(conn, "registered", model_id, name=new.name, dimension=dimension)
            return _CreatedModel(entity_id(model_id))

        return get(conn, idempotency.once(conn, create, _CreatedModel).id.int)


def _check_room(conn: "Conn") -> None:
    if rows.value(conn, queries.registered) >= MOST_MODELS:
        raise errors.Conflict(f"At most {MOST_MODELS} models are registered; delete one first.", code="too_many")


def change(model_id: int, changes: EmbeddingModelChanges) -> EmbeddingModel:
    """Rename a model, or reach the same model by another address or key; the change is tried out first.

    Raises NotFound, Unprocessable (embedding_model_refused) when the vectors would change, and for another address
    without its key, BadGateway (embedding_failed), Conflict for a name in use.
    """
    with identity.as_caller() as conn:
        stored = rows.one(conn, _EmbeddingModelRow, queries.stored, {"id": _storable(model_id)})
    if stored is None:
        raise errors.NotFound
    another_way = bool(changes.model_fields_set & {"base_url", "api_key"})
    if another_way and stored.provider == "builtin":
        raise errors.Unprocessable("A built-in model has neither an address nor a key.", code="embedding_model_refused")
    moved = "base_url" in changes.model_fields_set and changes.base_url != stored.base_url
    if moved and stored.ciphertext is not None and "api_key" not in changes.model_fields_set:
        raise errors.invalid_field("api_key", "is required: the stored key belongs to the previous address")
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
        _audit(conn, "changed", model_id, fields=sorted(changes.model_fields_set))
        return get(conn, model_id)


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
    """A model's id where a UUID is wanted: in the audit log, and for idempotency keys."""
    return UUID(int=model_id)


_KEY_COLUMNS = ("ciphertext", "wrapped_key", "master_key", "key_last_four")


@dataclass(frozen=True, slots=True)
class _EmbeddingModelRow:
    """A row as `change` needs it."""

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


def _probe_server(recipe: Recipe) -> "NDArray[np.float32]":
    """The model's own vector of the probe: float32 (1, its dimension). Raises a Problem that says why there is none."""
    try:
        if recipe.base_url is not None:
            check_url(recipe.base_url)
        return recipe.native([_PROBE])
    except OutboundError as error:
        raise errors.Unprocessable(str(error), code="embedding_model_refused") from error
    except builtin.ModelNotFoundError as error:
        raise errors.Unprocessable(
            f"{recipe.model} is not among the models of this deployment.", code="embedding_model_refused"
        ) from error
    except EmbeddingProviderError as error:
        raise errors.BadGateway(str(error), code="embedding_failed") from error


def _probe_alternative(stored: _EmbeddingModelRow, row: dict[str, Any]) -> str:
    """The probe's vector by the address and the key in `row`."""
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


def _with_retries(statement: LiteralString, model_id: int, **audited: str) -> Any:
    """The outcome of a statement that waits, briefly, for those who are storing documents. Raises Unavailable.

    `audited` says which outcomes are a change, and what the audit log calls it.
    """
    import psycopg

    params = {"id": _storable(model_id)}
    for attempt in range(1, _LOCK_ATTEMPTS + 1):
        try:
            with identity.as_caller() as conn:
                outcome = rows.value(conn, statement, params)
                if outcome in audited:
                    _audit(conn, audited[outcome], model_id)
                return outcome
        except psycopg.errors.LockNotAvailable as error:
            if attempt == _LOCK_ATTEMPTS:
                raise errors.Unavailable("Documents are being stored without a pause; try again.") from error
    raise AssertionError("unreachable")


def _storable(model_id: int) -> int:
    if not 1 <= model_id <= MAX_ID:
        raise errors.NotFound
    return model_id


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


def _audit(conn: "Conn", verb: str, model_id: int, **details: Any) -> None:
    audit.record(conn, f"embedding_model.{verb}", "embedding_model", entity_id(model_id), model_id=model_id, **details)
