"""Messages through Telegram's Bot API: `sendMessage` (https://core.telegram.org/bots/api#sendmessage)."""

from chalicelib.core import outbound
from chalicelib.ops.alerts.channels import ChannelError

# Telegram accepts 4,096 characters in a message.
MAX_CHARS = 4096


class TelegramError(ChannelError):
    """The message was not accepted. Its text is a sentence without the token."""


def send(api_url: str, token: str, chat_id: str, text: str) -> None:
    """Send one message of plain text. Raises TelegramError; after a lost response the message may have arrived."""
    body = {"chat_id": chat_id, "text": text[:MAX_CHARS], "link_preview_options": {"is_disabled": True}}
    try:
        answer = outbound.fetch("POST", f"{api_url.rstrip('/')}/bot{token}/sendMessage", document=body)
        content = answer.json() if answer.status != 200 or answer.body else {}
    except outbound.OutboundError as error:
        raise TelegramError(str(error)) from None
    if answer.status == 200 and isinstance(content, dict) and content.get("ok") is True:
        return
    details = content if isinstance(content, dict) else {}
    parameters = details.get("parameters")
    wait = parameters.get("retry_after") if isinstance(parameters, dict) else None
    description = str(details.get("description", "no reason was given")).replace(token, "…")[:300]
    raise TelegramError(
        f"Telegram answered with status {answer.status}: {description}.",
        min(wait, 3600) if isinstance(wait, int) and wait > 0 else None,
    )
