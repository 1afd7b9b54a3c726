"""Alerts over HTTP: their channels, a test message, their history."""

from chalicelib.core import identity
from chalicelib.core.http import Routes
from chalicelib.core.models import Page
from chalicelib.ops.alerts import alerts, configuration
from chalicelib.ops.alerts.models import (
    Alert,
    AlertQuery,
    EmailAlertsChanges,
    EmailAlertsConfig,
    TelegramChanges,
    TelegramConfig,
)

routes = Routes(__name__)


@routes.get("/alerts", admin=True)
def list_alerts(query: AlertQuery) -> Page[Alert]:
    """Alerts with their deliveries, newest first."""
    with identity.as_caller() as conn:
        return alerts.list_page(conn, query)


@routes.get("/alerts/telegram", admin=True)
def get_telegram_config() -> TelegramConfig:
    """The configuration of alerts to Telegram, without the bot's token."""
    with identity.as_caller() as conn:
        return configuration.get(conn)


@routes.patch("/alerts/telegram", admin=True)
def update_telegram_config(body: TelegramChanges) -> TelegramConfig:
    """Change the configuration of alerts to Telegram. The token is stored encrypted and never returned."""
    return configuration.change(body)


@routes.post("/alerts/telegram/test", admin=True, limit="provider_key")
def test_telegram() -> None:
    """Send a test message. 502 `telegram_failed` says why it was not accepted."""
    configuration.send_test()


@routes.get("/alerts/email", admin=True)
def get_email_alerts() -> EmailAlertsConfig:
    """Who gets alerts by e-mail. Thresholds and quiet hours are those of `/alerts/telegram`."""
    with identity.as_caller() as conn:
        return configuration.get_email(conn)


@routes.patch("/alerts/email", admin=True)
def update_email_alerts(body: EmailAlertsChanges) -> EmailAlertsConfig:
    """Change who gets alerts by e-mail. 409 `mail_off` where the deployment sends no e-mails."""
    return configuration.change_email(body)


@routes.post("/alerts/email/test", admin=True, limit="provider_key")
def test_email_alerts() -> None:
    """Have a test message sent within a minute. `GET /alerts?kind=test` says whether it arrived."""
    configuration.queue_test_email()
