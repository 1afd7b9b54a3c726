"""The audit log: who changed what, when and from where. An entry is written in the transaction of the change."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.auth.audit.models import AuditEntry, AuditQuery
from chalicelib.core import connection, request, rows, sql
from chalicelib.core.models import Page, page_of

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


def record(conn: "Conn", action: str, entity_type: str, entity_id: UUID | None, **details: Any) -> None:  # noqa: ARG001
    """Add an entry for the current request's caller to the transaction of `conn`, as its last statement.

    `details` must not contain secrets or content. Ids in them are stored as text.
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
            "ip_address": request.client_address(),
            "request_id": request.request_id(),
        },
    )


def list_page(conn: "Conn", query: AuditQuery) -> Page[AuditEntry]:
    """Entries, newest first. An administrator sees the entries of all users."""
    params = query.model_dump(exclude={"limit", "cursor"}) | {"after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, AuditEntry, queries.list, params), query.limit)
