"""The audit log: who did what to which thing, when and from where, in the transaction of the change itself."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.core import http, sql

if TYPE_CHECKING:
    from chalicelib.core.db import Conn

queries = sql.load(__file__)


def record(conn: "Conn", action: str, entity_type: str, entity_id: UUID, **details: Any) -> None:
    """Append an entry for the current request's caller. `details` never hold secrets or content."""
    from psycopg.types.json import Jsonb

    conn.execute(
        queries.record,
        {
            "action": action,
            "entity_type": entity_type,
            "entity_id": entity_id,
            "details": Jsonb(details),
            "ip_address": http.client_address(),
            "request_id": http.request_id(),
        },
    )
