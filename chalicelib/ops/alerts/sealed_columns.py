"""The token of the Telegram bot."""

from chalicelib.core import sealed

BOT_TOKEN = sealed.Columns("telegram_config", "id")
