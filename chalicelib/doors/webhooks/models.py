"""Requests and responses of the routes of webhooks."""

from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from chalicelib.core.models import STORABLE, Changes, PageQuery, Request, Resource, Text, Timestamp
from chalicelib.core.outbound import MAX_URL_CHARS
from chalicelib.doors.webhooks import events

# mypy accepts no computed Literal; pydantic, and the OpenAPI document with it, does.
if TYPE_CHECKING:
    EventName = str
else:
    EventName = Literal[tuple(events.registered())]

DeliveryStatus = Literal["pending", "delivered", "failed"]
WebhookScope = Literal["user", "org"]
DisabledReason = Literal["gone", "failing"]

_Url = Annotated[Text, Field(min_length=8, max_length=MAX_URL_CHARS)]
_Events = Annotated[frozenset[EventName], Field(min_length=1)]
_Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), STORABLE]


class NewWebhook(Request):
    """An address that is told of events: the caller's own, or the organisation's."""

    url: _Url
    events: _Events
    scope: WebhookScope = "user"
    description: _Description = ""
    allow_private_addresses: bool = False


class WebhookChanges(Changes):
    """Changes of a webhook. `is_enabled: true` also begins again what the service has disabled."""

    url: _Url | None = None
    events: _Events | None = None
    description: _Description | None = None
    is_enabled: bool | None = None


class Webhook(Resource):
    """A webhook, without its secret."""

    id: UUID
    scope: WebhookScope
    url: str
    events: list[EventName]
    description: str
    allow_private_addresses: bool
    is_enabled: bool
    disabled_reason: DisabledReason | None
    failing_since: Timestamp | None
    previous_secret_until: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class CreatedWebhook(Webhook):
    """A webhook with its secret, which no other response contains."""

    secret: str


class Delivery(Resource):
    """One event for one webhook, and what became of it."""

    id: UUID
    event: str
    payload: dict[str, object]
    status: DeliveryStatus
    attempts: int
    next_attempt_at: Timestamp | None
    response_status: int | None
    error: str | None
    milliseconds: int | None
    delivered_at: Timestamp | None
    created_at: Timestamp


class DeliveryQuery(PageQuery):
    """A page of deliveries, of one status or of all."""

    status: DeliveryStatus | None = None
