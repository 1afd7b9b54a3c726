"""The registry of rerankers on servers. One must rank a probe before its row is stored or changed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.auth.audit import audit
from chalicelib.config.registry import choices
from chalicelib.core import errors, idempotency, identity, outbound, rows, sql
from chalicelib.core.models import Page, PageQuery, page_of
from chalicelib.core.sealed import BrokenSealError, Sealed
from chalicelib.knowledge.embedding import data_processors
from chalicelib.knowledge.reranking.models import NewReranker, Reranker, RerankerChanges, RerankerProvider
from chalicelib.knowledge.reranking.remote import RemoteReranker, RerankingError
from chalicelib.knowledge.reranking.sealed_columns import RERANKER_KEYS

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

MOST_RERANKERS = 50
_PROBE = ("How often is the pump inspected?", ["The pump is inspected every ninety days.", "Roses are red."])


@dataclass(frozen=True, slots=True)
class _RerankerRow:
    id: UUID
    provider: RerankerProvider
    model: str | None
    base_url: str
    ciphertext: bytes | None
    wrapped_key: bytes | None
    master_key: str | None

    def connected(self) -> RemoteReranker:
        """The reranker with its key. Raises RerankingError for a key that does not open, Unavailable."""
        key = None
        if self.ciphertext is not None and self.wrapped_key is not None and self.master_key is not None:
            try:
                key = RERANKER_KEYS.unseal(Sealed(self.ciphertext, self.wrapped_key, self.master_key), self.id)
            except BrokenSealError as error:
                raise RerankingError("The key of the reranker does not open: store it anew.") from error
        return RemoteReranker(self.provider, self.base_url, self.model, key)


def register(new: NewReranker) -> Reranker:
    """Register a reranker for the caller, an administrator, after it has ranked a probe.

    No transaction is open during the request. Raises Conflict (too_many, or conflict for a name in use), Unprocessable
    (reranker_refused), BadGateway (reranking_failed), Unavailable.
    """
    import psycopg

    with identity.as_caller() as conn:
        _check_room(conn)
    _probe(RemoteReranker(new.provider, new.base_url, new.model, new.api_key))
    with identity.as_caller() as conn:

        def create() -> Reranker:
            rows.hold_limit(conn, "rerankers", "everybody")
            _check_room(conn)
            reranker_id: UUID = rows.value(conn, queries.create, new.model_dump(exclude={"api_key"}))
            _store_key(conn, reranker_id, new.api_key)
            _record(conn, "registered", reranker_id, name=new.name, host=data_processors.host(new.base_url))
            return get(conn, reranker_id)

        try:
            return idempotency.once(conn, create, lambda reranker_id: get(conn, reranker_id))
        except psycopg.errors.UniqueViolation as error:
            raise errors.Conflict("Another reranker has this name.") from error


def get(conn: "Conn", reranker_id: UUID) -> Reranker:
    """A reranker. Raises NotFound."""
    result = rows.one(conn, Reranker, queries.get, {"id": reranker_id})
    if result is None:
        raise errors.NotFound
    return result


def list_page(conn: "Conn", query: PageQuery) -> Page[Reranker]:
    """Rerankers, newest first."""
    params = {"after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Reranker, queries.list, params), query.limit)


def change(reranker_id: UUID, changes: RerankerChanges) -> Reranker:
    """Change the model, the address or the key, after a probe with the new ones.

    Raises NotFound, Unprocessable (reranker_refused, or without a key for a new address), BadGateway
    (reranking_failed), Conflict when somebody else changed it meanwhile, Unavailable.
    """
    with identity.as_caller() as conn:
        stored = rows.one(conn, _RerankerRow, queries.stored, {"id": reranker_id})
    if stored is None:
        raise errors.NotFound
    if changes.model is not None and stored.provider == "tei":
        raise errors.invalid_field("model", "is not allowed: the server has one model")
    provided = changes.changed_fields()
    is_moved = changes.base_url not in {None, stored.base_url}
    if is_moved and stored.ciphertext is not None and "api_key" not in provided:
        raise errors.invalid_field("api_key", "is required: the stored key belongs to the previous address")
    model, base_url = changes.model or stored.model, changes.base_url or stored.base_url
    try:
        key = changes.api_key if "api_key" in provided else stored.connected().key
    except RerankingError as error:
        raise errors.BadGateway(str(error), code="reranking_failed") from error
    _probe(RemoteReranker(stored.provider, base_url, model, key))
    with identity.as_caller() as conn:
        params = {"id": reranker_id, "model": model, "base_url": base_url}
        former = {"former_url": stored.base_url, "former_ciphertext": stored.ciphertext}
        if conn.execute(queries.change, params | former).fetchone() is None:
            raise errors.Conflict("Somebody else changed or deleted the reranker meanwhile. Try again.")
        if "api_key" in provided:
            _store_key(conn, reranker_id, changes.api_key)
        details = {"host": data_processors.host(base_url)} if is_moved else {}
        _record(conn, "changed", reranker_id, fields=sorted(provided), **details)
        return get(conn, reranker_id)


def delete(conn: "Conn", reranker_id: UUID) -> None:
    """Delete a reranker. Conversations that chose it follow the levels below. Raises NotFound, Conflict (in_use)."""
    choices.lock_deletions(conn)
    row = conn.execute(queries.delete, {"id": reranker_id}).fetchone()
    if row is None:
        raise errors.NotFound
    if row[0]:
        raise errors.Conflict("The settings use this reranker. Choose another one there first.", code="in_use")
    _record(conn, "deleted", reranker_id)


def connect(name: str) -> RemoteReranker:
    """The reranker of this name, in a transaction of its own. Raises RerankingError, also for a deleted one."""
    with identity.as_nobody() as conn:
        stored = rows.one(conn, _RerankerRow, queries.connect, {"name": name})
    if stored is None:
        raise RerankingError(f"There is no reranker {name}.")
    try:
        return stored.connected()
    except errors.Unavailable as error:
        raise RerankingError(str(error)) from error


def _check_room(conn: "Conn") -> None:
    if rows.value(conn, queries.registered) >= MOST_RERANKERS:
        raise errors.Conflict(f"At most {MOST_RERANKERS} rerankers are registered. Delete one first.", code="too_many")


def _probe(reranker: RemoteReranker) -> None:
    try:
        outbound.check_endpoint(reranker.base_url)
        reranker.relevances(*_PROBE)
    except outbound.AddressError as error:
        raise errors.Unprocessable(str(error), code="reranker_refused") from error
    except RerankingError as error:
        if isinstance(error.__cause__, outbound.AddressError):
            raise errors.Unprocessable(str(error), code="reranker_refused") from error
        raise errors.BadGateway(str(error), code="reranking_failed") from error


def _store_key(conn: "Conn", reranker_id: UUID, key: str | None) -> None:
    sealed = RERANKER_KEYS.seal(key, reranker_id) if key else None
    columns = {
        "ciphertext": sealed and sealed.ciphertext,
        "wrapped_key": sealed and sealed.wrapped_key,
        "master_key": sealed and sealed.master_key,
        "last_four": key[-4:] if key and len(key) >= 12 else None,  # at most a third of the key
    }
    conn.execute(queries.set_key, columns | {"id": reranker_id})


def _record(conn: "Conn", verb: str, reranker_id: UUID, **details: Any) -> None:
    audit.record(conn, f"reranker.{verb}", "reranker", reranker_id, **details)
