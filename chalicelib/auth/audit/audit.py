"""The audit log: who did what to which thing, when and from where, in the transaction of the change itself."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.auth.audit.models import AuditEntry, AuditQuery
from chalicelib.core import connection, http, rows, sql
from chalicelib.core.models import Page, page_of

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


def record(conn: "Conn", action: str, entity_type: str, entity_id: UUID | None, **details: Any) -> None:  # noqa: ARG001
    """Append an entry for the current request's caller to the transaction of `conn`, as its last statement.

    `details` never hold secrets or content; ids among them are stored as text.
    """
    from psycopg.types.json import Jsonb

    plain = {name: str(value) if isinstance(value, UUID) else value for name, value in details.items()}
    connection.defer(
        queries.record,
        {
            "action": action,
            "entity_type": entity_type,
            "entity_id": entity_id,
            "details": Jsonb(plain),
            "ip_address": http.client_address(),
            "request_id": http.request_id(),
        },
    )


def list_page(conn: "Conn", query: AuditQuery) -> Page[AuditEntry]:
    """What was done, newest first. An administrator sees everybody's entries."""
    params = query.model_dump(exclude={"limit", "cursor"}) | {"after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, AuditEntry, queries.list, params), query.limit)
