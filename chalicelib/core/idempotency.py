"""`Idempotency-Key`: sending the same creating request again gives what the first one made.

The key is stored in the transaction that creates, so either both are there or neither is; a second request
with the same key waits for the first one's transaction.
"""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from chalicelib.core import errors, http, sql
from chalicelib.core.models import Identified

if TYPE_CHECKING:
    from chalicelib.core.db import Conn


Made = TypeVar("Made", bound=Identified)

queries = sql.load(__file__)


def once(conn: "Conn", create: Callable[[], Made], fetch: Callable[[UUID], Made]) -> Made:
    """What `create` makes, or, when the current request's key was used before, what it made then.

    Raises Conflict (idempotency_mismatch) when the key was used for a different request.
    """
    key = http.idempotency_key()
    if key is None:
        return create()
    fingerprint = hashlib.sha256(http.request_target().encode() + b"\0" + http.raw_body()).digest()
    if conn.execute(queries.begin, {"key": key, "fingerprint": fingerprint}).fetchone() is None:
        return fetch(_earlier(conn, key, fingerprint))
    made = create()
    conn.execute(queries.finish, {"key": key, "resource_id": made.id})
    return made


def _earlier(conn: "Conn", key: str, fingerprint: bytes) -> UUID:
    row = conn.execute(queries.find, {"key": key}).fetchone()
    if row is None or row[0] != fingerprint:
        raise errors.Conflict(code="idempotency_mismatch")
    resource_id: UUID = row[1]
    return resource_id
