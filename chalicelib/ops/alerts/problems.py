"""Error codes of alerts."""

from chalicelib.core import errors

errors.register(
    telegram_failed=(502, "Telegram did not accept the message."),
    telegram_incomplete=(409, "Alerts to Telegram require the bot's token and a chat id."),
)
