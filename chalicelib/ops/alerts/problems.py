"""Error codes of alerts."""

from chalicelib.core import errors

errors.register(
    alerts_by_email_off=(409, "Alerts by e-mail are off. Turn them on first: PATCH /alerts/email."),
    telegram_failed=(502, "Telegram did not accept the message."),
    telegram_incomplete=(409, "Alerts to Telegram require the bot's token and a chat id."),
)
