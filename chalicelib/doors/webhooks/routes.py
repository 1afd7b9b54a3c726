"""Webhooks over HTTP."""

from uuid import UUID

from chalicelib.auth.audit import audit
from chalicelib.core import identity
from chalicelib.core.http import Reply, Routes
from chalicelib.core.models import Page, PageQuery
from chalicelib.doors.webhooks import deliveries, webhooks
from chalicelib.doors.webhooks.models import (
    CreatedWebhook,
    Delivery,
    DeliveryQuery,
    NewWebhook,
    Webhook,
    WebhookChanges,
)

routes = Routes(__name__)


@routes.get("/webhooks", scope="account")
def list_webhooks(query: PageQuery) -> Page[Webhook]:
    """The caller's webhooks, with the organisation's for an administrator; newest first."""
    with identity.as_caller() as conn:
        return webhooks.list_page(conn, query)


@routes.post("/webhooks", scope="account", proof=True, status=201)
def create_webhook(body: NewWebhook) -> Reply[CreatedWebhook]:
    """Create a webhook. No other response contains `secret`, which verifies what it is sent.

    403 `account_required` for an anonymous user, 409 `too_many`, 422 `webhook_address`.
    """
    with identity.as_caller() as conn:
        webhook_id = webhooks.reserve(conn, body)
    secret = webhooks.new_secret()
    sealed = webhooks.seal(webhook_id, secret)
    with identity.as_caller() as conn:
        created = webhooks.create(conn, webhook_id, body, secret, sealed)
        audit.record(conn, "webhook.created", "webhook", created.id, url=created.url, scope=created.scope)
    return Reply(created, headers={"Location": f"/webhooks/{created.id}"})


@routes.get("/webhooks/{webhook_id}", scope="account")
def get_webhook(webhook_id: UUID) -> Webhook:
    """One webhook."""
    with identity.as_caller() as conn:
        return webhooks.get(conn, webhook_id)


@routes.patch("/webhooks/{webhook_id}", scope="account", proof=True)
def update_webhook(webhook_id: UUID, body: WebhookChanges) -> Webhook:
    """Change a webhook's address, events or description, or disable or enable it. 422 `webhook_address`."""
    with identity.as_caller() as conn:
        changed = webhooks.change(conn, webhook_id, body)
        audit.record(conn, "webhook.changed", "webhook", changed.id, url=changed.url, is_enabled=changed.is_enabled)
    return changed


@routes.delete("/webhooks/{webhook_id}", scope="account")
def delete_webhook(webhook_id: UUID) -> None:
    """Delete a webhook and its deliveries."""
    with identity.as_caller() as conn:
        webhooks.delete(conn, webhook_id)
        audit.record(conn, "webhook.deleted", "webhook", webhook_id)


@routes.post("/webhooks/{webhook_id}/secret", scope="account", proof=True)
def renew_webhook_secret(webhook_id: UUID) -> CreatedWebhook:
    """Make a new secret. For a day, deliveries are signed with both, so that no receiver misses one."""
    with identity.as_caller() as conn:
        stored, _ = webhooks.stored_secrets(conn, webhook_id)
    secret = webhooks.new_secret()
    sealed = webhooks.seal(webhook_id, secret, webhooks.unseal(webhook_id, stored, with_previous=False)[0])
    with identity.as_caller() as conn:
        renewed = webhooks.renew_secret(conn, webhook_id, secret, sealed)
        audit.record(conn, "webhook.secret_renewed", "webhook", webhook_id)
    return renewed


@routes.post("/webhooks/{webhook_id}/test", scope="account", limit="webhook")
def test_webhook(webhook_id: UUID) -> Delivery:
    """Send the event `webhook.test` now, once, and show what became of it."""
    return deliveries.send_test(webhook_id)


@routes.get("/webhooks/{webhook_id}/deliveries", scope="account")
def list_webhook_deliveries(webhook_id: UUID, query: DeliveryQuery) -> Page[Delivery]:
    """The deliveries of a webhook, newest first, kept for 30 days. `status` filters them."""
    with identity.as_caller() as conn:
        return deliveries.list_page(conn, webhook_id, query, query.status)


@routes.post("/webhooks/{webhook_id}/deliveries/{delivery_id}/retry", scope="account", limit="webhook", status=202)
def retry_webhook_delivery(webhook_id: UUID, delivery_id: UUID) -> Delivery:
    """Send a delivery again within a minute, whatever became of it."""
    with identity.as_caller() as conn:
        return deliveries.send_again(conn, webhook_id, delivery_id)
