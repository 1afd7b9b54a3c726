"""`Idempotency-Key`: sending the same creating request again gives what the first one made.

The key is stored in the transaction that creates, so either both are there or neither is; a second request
with the same key waits for the first one's transaction. Of the request only a fingerprint is stored, which tells
nothing without the deployment's own key: bodies hold passwords that people chose.
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
    """Keyed hashes of some bytes: one that is stored for new requests, then those that others may have stored.

    `refresh` says to look for keys that this process does not know yet.
    """

    def __call__(self, content: bytes, *, refresh: bool = False) -> Sequence[bytes]: ...


@dataclass(slots=True)
class _FingerprintBinding:
    fingerprints: Fingerprints | None = None


_bound = _FingerprintBinding()


def bind(fingerprints: Fingerprints) -> None:
    """Join the function that has the deployment's key."""
    _bound.fingerprints = fingerprints


def once(conn: "Conn", create: Callable[[], Created], fetch: Callable[[UUID], Created]) -> Created:
    """What `create` makes, or, when the current request's key was used before, what it made then.

    Raises Conflict (idempotency_mismatch) when the key was used for a different request.
    """
    key = request.idempotency_key()
    if key is None:
        return create()
    content = request.target().encode() + b"\0" + request.raw_body()
    if conn.execute(queries.begin, {"key": key, "fingerprint": _fingerprints(content)[0]}).fetchone() is None:
        return fetch(_earlier(conn, key, content))
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
    # The former release's, which a request may meet that is repeated while a deployment goes on.
    if stored == hashlib.sha256(content).digest():
        return True
    return stored in _fingerprints(content) or stored in _fingerprints(content, refresh=True)


def _fingerprints(content: bytes, *, refresh: bool = False) -> Sequence[bytes]:
    if _bound.fingerprints is None:
        raise RuntimeError("no key is bound")
    return _bound.fingerprints(content, refresh=refresh)
