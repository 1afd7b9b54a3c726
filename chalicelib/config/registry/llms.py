"""The registry of language models. A model's key is stored sealed and sent to the model's server only."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from chalicelib.auth.audit import audit
from chalicelib.config.registry import choices, llm_providers, provider_keys
from chalicelib.config.registry.models import Llm, LlmChanges, NewLlm
from chalicelib.config.registry.sealed_columns import LLM_KEYS
from chalicelib.core import errors, outbound, rows, sql
from chalicelib.core.models import Page, PageQuery, page_of
from chalicelib.core.sealed import Sealed

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

EXTRACTIVE = "extractive"


@dataclass(frozen=True, slots=True)
class LlmConnection:
    """A model's address, its name at the provider and its key.

    `key_owner` is `user` for the user's own key, `registry` for the model's, None without a key. Prices are US dollars
    for a million tokens.
    """

    name: str
    provider: str
    model_id: str
    base_url: str | None
    api_key: str | None
    key_owner: Literal["user", "registry"] | None
    context_tokens: int
    max_tokens: int | None
    prompt_price: float
    completion_price: float


@dataclass(frozen=True, slots=True)
class _LlmRow:
    id: UUID
    name: str
    provider: str
    model_id: str
    endpoint: str | None
    provider_base_urls: dict[str, str | None]
    context_tokens: int
    max_tokens: int | None
    prompt_price: float
    completion_price: float
    ciphertext: bytes | None
    wrapped_key: bytes | None
    master_key: str | None


def create(conn: "Conn", new: NewLlm) -> Llm:
    """Register a model. Raises Conflict for a name in use, Unprocessable for an endpoint or provider not allowed."""
    import psycopg

    _check_endpoint(new.endpoint)
    try:
        created = rows.one(conn, Llm, queries.create, new.model_dump(exclude={"api_key", "is_default"}))
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict("Another model has this name.") from error
    if created is None:
        raise errors.invalid_field("provider", "this deployment does not offer this provider")
    return _finish(conn, created.id, new.model_dump(include={"api_key"}), default=new.is_default)


def get(conn: "Conn", llm_id: UUID) -> Llm:
    """A model. Raises NotFound."""
    return _llm_or_404(rows.one(conn, Llm, queries.get, {"id": llm_id}))


def list_page(conn: "Conn", query: PageQuery) -> Page[Llm]:
    """Models, newest first."""
    params = {"after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Llm, queries.list, params), query.limit)


def change(conn: "Conn", llm_id: UUID, changes: LlmChanges) -> Llm:
    """Change a model. Raises NotFound, Conflict for the built-in reader and for the default, Unprocessable."""
    from psycopg.types.json import Jsonb

    if changes.is_enabled is False or changes.is_default:
        # Before the model is read: no other request makes it the default, or disables it, at the same time.
        conn.execute(queries.lock_settings)
    before = get(conn, llm_id)
    provided = changes.changed_fields()
    if before.provider == EXTRACTIVE and set(provided) - {"is_default", "is_enabled"}:
        raise errors.Conflict("Only `is_default` and `is_enabled` of the built-in reader can change.")
    if changes.is_enabled is False and before.is_default:
        raise errors.Conflict("This model is the default. Choose another default first.", code="in_use")
    _check_endpoint(changes.endpoint)
    if "endpoint" in provided and (error := llm_providers.endpoint_error(before.provider, changes.endpoint)):
        raise errors.invalid_field("endpoint", error)
    is_moved = "endpoint" in provided and changes.endpoint != before.endpoint
    if is_moved and "api_key" not in provided and rows.value(conn, queries.has_key, {"id": llm_id}):
        raise errors.invalid_field("api_key", "is required: the stored key belongs to the previous endpoint")
    columns = {name: value for name, value in provided.items() if name not in {"api_key", "is_default"}}
    conn.execute(queries.change, {"id": llm_id, "changes": Jsonb(columns)})
    return _finish(conn, llm_id, provided, default=bool(changes.is_default))


def delete(conn: "Conn", llm_id: UUID) -> None:
    """Delete a model. Raises NotFound, and Conflict (in_use) while the settings or an assistant name it."""
    import psycopg

    if get(conn, llm_id).provider == EXTRACTIVE:
        raise errors.Conflict("The built-in reader cannot be deleted.")
    choices.lock_deletions(conn)
    try:
        conn.execute(queries.delete, {"id": llm_id})
    except (psycopg.errors.ForeignKeyViolation, psycopg.errors.RestrictViolation) as error:
        raise errors.Conflict(
            "The settings or an assistant use this model. Choose another model there first.", code="in_use"
        ) from error


def connect(conn: "Conn", name: str) -> LlmConnection:
    """The connection to the model `name` for the user of this transaction, with the user's own key or the model's.

    A user's own key is sent to its provider's address only (`llm_providers.base_url`), never to a registered endpoint.
    Raises NotFound for a deleted or disabled model; BrokenSealError, Unavailable.
    """
    row = rows.one(conn, _LlmRow, queries.connect, {"name": name})
    if row is None:
        raise errors.NotFound(f"There is no enabled model {name}.")
    key: str | None = None
    owner: Literal["user", "registry"] | None = None
    own_key_address = llm_providers.base_url(row.provider, row.provider_base_urls)
    if row.endpoint is None and own_key_address is not None:
        key = provider_keys.for_user(conn, row.provider)
        owner = "user" if key else None
    if key is None and row.ciphertext is not None and row.wrapped_key is not None and row.master_key is not None:
        key = LLM_KEYS.unseal(Sealed(row.ciphertext, row.wrapped_key, row.master_key), row.id)
        owner = "registry"
    return LlmConnection(
        name=row.name,
        provider=row.provider,
        model_id=row.model_id,
        base_url=llm_providers.called_at(row.provider, row.endpoint, row.provider_base_urls),
        api_key=key,
        key_owner=owner,
        context_tokens=row.context_tokens,
        max_tokens=row.max_tokens,
        prompt_price=float(row.prompt_price),
        completion_price=float(row.completion_price),
    )


def _finish(conn: "Conn", llm_id: UUID, provided: dict[str, Any], *, default: bool) -> Llm:
    """Store the parts that need the model's id: its sealed key, and the setting that makes it the default."""
    if "api_key" in provided:
        key = provided["api_key"]
        sealed = LLM_KEYS.seal(key, llm_id) if key else None
        columns = {
            "ciphertext": sealed and sealed.ciphertext,
            "wrapped_key": sealed and sealed.wrapped_key,
            "master_key": sealed and sealed.master_key,
            "last_four": key[-4:] if key and len(key) >= 12 else None,  # at most a third of the key
        }
        conn.execute(queries.set_key, columns | {"id": llm_id})
    if default:
        conn.execute(queries.make_default, {"id": llm_id})
        if not usable(conn, llm_id):
            raise errors.Conflict("The default model must be enabled, and this deployment must offer its provider.")
    return get(conn, llm_id)


def usable(conn: "Conn", llm_id: UUID) -> bool:
    """Whether a model is registered, enabled, and of a provider that this deployment offers."""
    return bool(rows.value(conn, queries.usable, {"id": llm_id}))


def record(conn: "Conn", action: str, llm: Llm) -> None:
    """Record a change of the registry in the audit log."""
    audit.record(conn, action, "llm", llm.id, name=llm.name, provider=llm.provider)


def _check_endpoint(endpoint: str | None) -> None:
    if endpoint is None:
        return
    try:
        outbound.check_endpoint(endpoint)
    except outbound.AddressError as error:
        raise errors.invalid_field("endpoint", str(error)) from error


def _llm_or_404(llm: Llm | None) -> Llm:
    if llm is None:
        raise errors.NotFound
    return llm
