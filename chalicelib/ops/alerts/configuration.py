"""The configuration of alerts: Telegram and e-mail, thresholds and quiet hours, and the test messages."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chalicelib.auth.audit import audit
from chalicelib.auth.mail import configuration as mail_configuration
from chalicelib.core import errors, identity, outbound, rows
from chalicelib.ops.alerts import alerts, decisions, telegram
from chalicelib.ops.alerts.alerts import queries
from chalicelib.ops.alerts.models import EmailAlertsChanges, EmailAlertsConfig, TelegramChanges, TelegramConfig
from chalicelib.ops.alerts.sealed_columns import BOT_TOKEN

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn


def get(conn: "Conn") -> TelegramConfig:
    """The configuration, without the token."""
    stored = rows.one(conn, TelegramConfig, queries.config)
    if stored is None:
        raise errors.NotFound
    return stored


def change(changes: TelegramChanges) -> TelegramConfig:
    """Change the configuration. Raises Unprocessable (validation_failed), Conflict (telegram_incomplete).

    The token is sealed before the transaction begins.
    """
    from psycopg.types.json import Jsonb

    fields = changes.changed_fields()
    if changes.api_url is not None:
        _check_address(changes.api_url)
    sealed = asdict(BOT_TOKEN.seal(changes.bot_token, 1)) if changes.bot_token is not None else {}
    with identity.as_caller() as conn:
        conn.execute(queries.hold_config)
        before = get(conn)
        has_token = sealed != {} if "bot_token" in fields else before.has_bot_token
        after: dict[str, Any] = before.model_dump() | {k: v for k, v in fields.items() if k != "bot_token"}
        if after["enabled"] and not (has_token and after["chat_id"]):
            raise errors.Conflict(code="telegram_incomplete")
        if (after["quiet_from"] is None) != (after["quiet_until"] is None):
            raise errors.Unprocessable("Quiet hours have a beginning and an end: set both, or neither.")
        params = after | {
            "new_token": "bot_token" in fields,
            "ciphertext": sealed.get("ciphertext"),
            "wrapped_key": sealed.get("wrapped_key"),
            "master_key": sealed.get("master_key"),
            "alert_thresholds": Jsonb(after["alert_thresholds"]),
        }
        conn.execute(queries.change_config, params)
        stored = get(conn)
        audit.record(conn, "telegram_config.changed", "telegram_config", None, fields=sorted(fields))
        return stored


def _check_address(url: str) -> None:
    try:
        outbound.check_url(url)
    except outbound.AddressError as error:
        raise errors.Unprocessable(f"`api_url`: {error}") from None


def send_test() -> None:
    """Send a test message now, whatever the quiet hours. Raises Conflict (telegram_incomplete), BadGateway."""
    from psycopg.types.json import Jsonb

    with identity.as_caller() as conn:
        config = alerts.configuration(conn)
        if config.ciphertext is None or config.chat_id is None:
            raise errors.Conflict(code="telegram_incomplete")
        audit.record(conn, "telegram_config.tested", "telegram_config", None)
    now = datetime.now(UTC)
    text = f"✅ alcove test message, {now:%Y-%m-%d %H:%M} UTC. Alerts arrive here."
    try:
        config.send_to_telegram(text)
    except telegram.TelegramError as error:
        raise errors.BadGateway(str(error), code="telegram_failed") from error
    alert = decisions.NewAlert("test", "test", "ok", text)
    with identity.as_nobody() as conn:
        params = {"subjects": Jsonb([]), "alerts": Jsonb([asdict(alert)]), "channels": ["telegram"]}
        ids = [rows.value(conn, queries.store, params)]
        done = {"ids": ids, "channel": "telegram", "arrived": True, "error": None, "pause": None}
        conn.execute(queries.finish, done)


def get_email(conn: "Conn") -> EmailAlertsConfig:
    """Who gets alerts by e-mail."""
    stored = rows.one(conn, EmailAlertsConfig, queries.email_config)
    if stored is None:
        raise errors.NotFound
    return stored


def change_email(changes: EmailAlertsChanges) -> EmailAlertsConfig:
    """Change who gets alerts by e-mail. Raises Conflict (mail_off), Unprocessable (validation_failed)."""
    fields = changes.changed_fields()
    if changes.enabled:
        mail_configuration.require()
    with identity.as_caller() as conn:
        conn.execute(queries.hold_config)
        after = get_email(conn).model_dump() | fields
        if after["enabled"] and not after["recipients"]:
            raise errors.Unprocessable("Alerts by e-mail require `recipients`.")
        conn.execute(queries.change_email_config, after)
        stored = get_email(conn)
        audit.record(conn, "email_alerts.changed", "telegram_config", None, fields=sorted(fields))
        return stored


def queue_test_email() -> None:
    """Have tick send a test message within a minute, whatever the quiet hours. Raises Conflict (mail_off), NotFound.

    Only tick may send e-mails in an account; the history says whether it arrived.
    """
    from psycopg.types.json import Jsonb

    mail_configuration.require()
    alert = decisions.NewAlert("test", "test", "ok", "This is a test message. Alerts arrive here.")
    with identity.as_caller() as conn:
        if not get_email(conn).enabled:
            raise errors.Conflict(code="alerts_by_email_off")
        audit.record(conn, "email_alerts.tested", "telegram_config", None)
    with identity.as_nobody() as conn:
        conn.execute(queries.store, {"subjects": Jsonb([]), "alerts": Jsonb([asdict(alert)]), "channels": ["email"]})
