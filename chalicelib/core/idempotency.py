"""`Idempotency-Key`: a repeated creating request returns the resource that the first one created.

The transaction that creates the resource also stores the key, so both exist or neither; a second request with the same
key waits for the first one's transaction. Only a fingerprint of the request is stored. It reveals nothing without the
deployment's own key, because bodies can contain passwords.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar
from uuid import UUID

from chalicelib.core import errors, request, sql
from chalicelib.core.models import Identified

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn


Created = TypeVar("Created", bound=Identified)

queries = sql.load(__file__)


class Fingerprints(Protocol):
    """Keyed hashes of some bytes: first the one to store for a new request, then those that may be stored already.

    `refresh` also looks for keys that this process does not know yet.
    """

    def __call__(self, content: bytes, *, refresh: bool = False) -> Sequence[bytes]: ...


@dataclass(slots=True)
class _FingerprintBinding:
    fingerprints: Fingerprints | None = None


_bound = _FingerprintBinding()


def bind(fingerprints: Fingerprints) -> None:
    """Register the function that has the deployment's key."""
    _bound.fingerprints = fingerprints


def once(conn: "Conn", create: Callable[[], Created], fetch: Callable[[UUID], Created]) -> Created:
    """The result of `create`, or of `fetch` when the current request's key was used before.

    A repetition changes nothing: from then on, the transaction only reads. `fetch` and what follows it give what the
    caller may have now, and not what the caller might have had at the first request.
    Raises Conflict (idempotency_mismatch) when the key was used for a different request.
    """
    key = request.idempotency_key()
    if key is None:
        return create()
    content = request.target().encode() + b"\0" + request.raw_body()
    if conn.execute(queries.begin, {"key": key, "fingerprint": _fingerprints(content)[0]}).fetchone() is None:
        earlier = _earlier(conn, key, content)
        conn.execute(queries.read_only)
        return fetch(earlier)
    created = create()
    conn.execute(queries.finish, {"key": key, "resource_id": created.id})
    return created


def _earlier(conn: "Conn", key: str, content: bytes) -> UUID:
    row = conn.execute(queries.find, {"key": key}).fetchone()
    if row is None or not _is_of(content, row[0]):
        raise errors.Conflict(code="idempotency_mismatch")
    resource_id: UUID = row[1]
    return resource_id


def _is_of(content: bytes, stored: bytes) -> bool:
    # The previous release's fingerprint, for a request that is repeated during a deployment.
    if stored == hashlib.sha256(content).digest():
        return True
    return stored in _fingerprints(content) or stored in _fingerprints(content, refresh=True)


def _fingerprints(content: bytes, *, refresh: bool = False) -> Sequence[bytes]:
    if _bound.fingerprints is None:
        raise RuntimeError("no key is bound")
    return _bound.fingerprints(content, refresh=refresh)
