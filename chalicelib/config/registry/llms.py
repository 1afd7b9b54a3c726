"""The registry of language models. A model's key is sealed, and leaves only towards the model's provider."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
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
class Connection:
    """Where a model is asked, as what, and with which key. `key_owner` says whose key it is."""

    name: str
    provider: str
    model_id: str
    base_url: str | None
    api_key: str | None
    key_owner: str | None
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
    own_base_url: str | None
    context_tokens: int
    max_tokens: int | None
    prompt_price: float
    completion_price: float
    ciphertext: bytes | None
    wrapped_key: bytes | None
    master_key: str | None


def create(conn: "Conn", new: NewLlm) -> Llm:
    """Register a model. Raises Conflict for a name in use, Unprocessable for what this deployment does not offer."""
    import psycopg

    _check_endpoint(new.endpoint)
    try:
        created = rows.one(conn, Llm, queries.create, new.model_dump(exclude={"api_key", "is_default"}))
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict("Another model has this name.") from error
    if created is None:
        raise _fault("provider", "this deployment does not offer this provider")
    return _finish(conn, created.id, new.model_dump(include={"api_key"}), default=new.is_default)


def get(conn: "Conn", llm_id: UUID) -> Llm:
    """A model. Raises NotFound."""
    return _llm_or_404(rows.one(conn, Llm, queries.get, {"id": llm_id}))


def list_page(conn: "Conn", query: PageQuery) -> Page[Llm]:
    """Models, newest first."""
    params = {"after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Llm, queries.list, params), query.limit)


def change(conn: "Conn", llm_id: UUID, changes: LlmChanges) -> Llm:
    """Change a model. Raises NotFound, Conflict for the built-in reader, Unprocessable."""
    from psycopg.types.json import Jsonb

    if changes.is_enabled is False or changes.is_default:
        conn.execute(queries.lock_settings)  # before the model: nobody makes it the default, or disables it, meanwhile
    before = get(conn, llm_id)
    provided = changes.changed_fields()
    if before.provider == EXTRACTIVE and set(provided) - {"is_default", "is_enabled"}:
        raise errors.Conflict("The built-in reader has nothing else to change.")
    if changes.is_enabled is False and before.is_default:
        raise errors.Conflict("This model is the default; choose another one first.", code="in_use")
    _check_endpoint(changes.endpoint)
    if "endpoint" in provided and (error := llm_providers.endpoint_error(before.provider, changes.endpoint)):
        raise _fault("endpoint", error)
    moved = "endpoint" in provided and changes.endpoint != before.endpoint
    if moved and "api_key" not in provided and rows.value(conn, queries.has_key, {"id": llm_id}):
        raise _fault("api_key", "must be given with another endpoint: the stored one was given for the former")
    columns = {name: value for name, value in provided.items() if name not in {"api_key", "is_default"}}
    conn.execute(queries.change, {"id": llm_id, "changes": Jsonb(columns)})
    return _finish(conn, llm_id, provided, default=bool(changes.is_default))


def delete(conn: "Conn", llm_id: UUID) -> None:
    """Take a model out of the registry. Raises NotFound, Conflict (in_use) while settings or assistants name it."""
    import psycopg

    if get(conn, llm_id).provider == EXTRACTIVE:
        raise errors.Conflict("The built-in reader stays.")
    choices.lock_deletions(conn)
    try:
        conn.execute(queries.delete, {"id": llm_id})
    except (psycopg.errors.ForeignKeyViolation, psycopg.errors.RestrictViolation) as error:
        raise errors.Conflict(
            "The settings or an assistant name this model; change that first.", code="in_use"
        ) from error


def connect(conn: "Conn", name: str) -> Connection:
    """How the model `name` is asked for the user of this transaction: with the user's own key, or the registry's.

    A user's own key goes to its provider's own address only, never to one that was registered here. Raises NotFound
    for a model that is gone or disabled; BrokenSealError, Unavailable.
    """
    row = rows.one(conn, _LlmRow, queries.connect, {"name": name})
    if row is None:
        raise errors.NotFound(f"There is no enabled model {name}.")
    key, owner = None, None
    if row.endpoint is None and row.own_base_url is not None:
        key = provider_keys.for_user(conn, row.provider)
        owner = "user" if key else None
    if key is None and row.ciphertext is not None and row.wrapped_key is not None and row.master_key is not None:
        key = LLM_KEYS.unseal(Sealed(row.ciphertext, row.wrapped_key, row.master_key), row.id)
        owner = "registry"
    return Connection(
        name=row.name,
        provider=row.provider,
        model_id=row.model_id,
        base_url=row.endpoint or row.own_base_url,
        api_key=key,
        key_owner=owner,
        context_tokens=row.context_tokens,
        max_tokens=row.max_tokens,
        prompt_price=float(row.prompt_price),
        completion_price=float(row.completion_price),
    )


def _finish(conn: "Conn", llm_id: UUID, provided: dict[str, Any], *, default: bool) -> Llm:
    """Set what has a table of its own or needs the model's id: its key, and whether it is the default."""
    if "api_key" in provided:
        key = provided["api_key"]
        sealed = LLM_KEYS.seal(key, llm_id) if key else None
        columns = {
            "ciphertext": sealed and sealed.ciphertext,
            "wrapped_key": sealed and sealed.wrapped_key,
            "master_key": sealed and sealed.master_key,
            "last_four": key[-4:] if key and len(key) >= 12 else None,  # a third at most
        }
        conn.execute(queries.set_key, columns | {"id": llm_id})
    if default:
        conn.execute(queries.make_default, {"id": llm_id})
        if not usable(conn, llm_id):
            raise errors.Conflict("The default must be enabled, and of a provider that this deployment offers.")
    return get(conn, llm_id)


def usable(conn: "Conn", llm_id: UUID) -> bool:
    """Whether a model is registered, enabled, and of a provider that this deployment offers."""
    return bool(rows.value(conn, queries.usable, {"id": llm_id}))


def record(conn: "Conn", action: str, llm: Llm) -> None:
    """Note a change of the registry in the audit log."""
    audit.record(conn, action, "llm", llm.id, name=llm.name, provider=llm.provider)


def _check_endpoint(endpoint: str | None) -> None:
    if endpoint is None:
        return
    try:
        outbound.check_endpoint(endpoint)
    except outbound.AddressError as error:
        raise _fault("endpoint", str(error)) from error


def _fault(field: str, message: str) -> errors.Unprocessable:
    return errors.Unprocessable(errors=[{"field": field, "message": message}])


def _llm_or_404(llm: Llm | None) -> Llm:
    if llm is None:
        raise errors.NotFound
    return llm
