"""Request and response of the route of the audit log."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from chalicelib.core.models import Moment, PageQuery, Resource, Text, Timestamp


class AuditEntry(Resource):
    """One change: who made it, to what, when and from where."""

    id: UUID
    user_id: UUID | None
    action: str
    entity_type: str | None
    entity_id: UUID | None
    details: dict[str, object]
    ip_address: str | None
    request_id: str | None
    created_at: Timestamp


class AuditQuery(PageQuery):
    """A filter of entries: every condition must hold. `from` is inclusive, `to` is exclusive."""

    user_id: UUID | None = None
    action: Annotated[Text, Field(max_length=100)] | None = None
    entity_type: Annotated[Text, Field(max_length=100)] | None = None
    entity_id: UUID | None = None
    since: Moment | None = Field(default=None, alias="from")
    until: Moment | None = Field(default=None, alias="to")
