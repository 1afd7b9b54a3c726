"""What e-mails say, in two languages (texts.toml): as plain text and as HTML, which loads nothing.

Names that people chose stand in them as words alone: nobody gets a link, or a sentence that looks like one of the
service's own, from a name.
"""

import html
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Any

from chalicelib.auth.mail.models import Language, MailSettings
from chalicelib.core import process

_NAME_CHARS = 60
_NOT_A_WORD = re.compile(r"[^\w '-]+")


@dataclass(frozen=True, slots=True)
class Values:
    """What the text of an e-mail names. `link` opens the page; without a page, `token` is copied by hand."""

    deployment: str
    name: str = ""
    inviter: str = ""
    groups: tuple[str, ...] = ()
    new_email: str = ""
    expires_at: datetime | None = None
    token: str = ""
    link: str | None = None
    numbers: Mapping[str, int] = field(default_factory=dict)
    # Of alerts, which are the service's own words: the subject, and paragraphs.
    headline: str = ""
    lines: tuple[str, ...] = ()


@process.cached
def _texts() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("texts.toml").read_text("utf-8"))


def kinds() -> list[str]:
    """Every kind of e-mail."""
    return sorted(set(_texts()) - {"common"})


def compose(kind: str, language: Language, recipient: str, values: Values, settings: MailSettings) -> EmailMessage:
    """An e-mail of a kind, ready to be sent."""
    text, common = _texts()[kind][language], _texts()["common"][language]
    filled = _filled(values, common)
    greeting = common["greeting" if filled["name"] else "nameless"]
    # What did not happen is not told.
    reported = [line for name, line in text.get("numbers", {}).items() if values.numbers.get(name)]
    paragraphs = [greeting.format_map(filled), *(line.format_map(filled) for line in [*text["paragraphs"], *reported])]
    paragraphs += values.lines
    message = EmailMessage()
    message["Subject"] = " ".join(text["subject"].format_map(filled).split())
    message["From"] = Address(settings.sender_name or _word(values.deployment), addr_spec=settings.sender)
    message["To"] = recipient
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain=settings.sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    closing = [line.format_map(filled) for line in text.get("closing", [])]
    message.set_content("\n\n".join([*paragraphs, *_key_in_text(values, common), *closing]) + "\n")
    message.add_alternative(_html(language, paragraphs, values, common, closing), subtype="html")
    return message


def _filled(values: Values, common: Mapping[str, str]) -> dict[str, Any]:
    groups = ", ".join(_word(group) for group in values.groups[:10])
    until = values.expires_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if values.expires_at else ""
    return {
        "deployment": _word(values.deployment),
        "name": _word(values.name),
        "inviter": _word(values.inviter),
        "groups": common["groups"].format(groups=groups) if groups else "",
        "new_email": values.new_email,
        "until": until,
        "headline": values.headline,
        **values.numbers,
    }


def _word(name: str) -> str:
    return " ".join(_NOT_A_WORD.sub(" ", name).split())[:_NAME_CHARS]


def _key_in_text(values: Values, common: Mapping[str, str]) -> list[str]:
    if values.link is not None:
        return [f"{common['link']}\n{values.link}"]
    return [f"{common['code']}\n{values.token}"] if values.token else []


def _html(language: str, paragraphs: list[str], values: Values, common: Mapping[str, str], closing: list[str]) -> str:
    key = []
    if values.link is not None:
        address = html.escape(values.link)
        key = [f'<p>{html.escape(common["link"])}<br><a href="{address}">{address}</a></p>']
    elif values.token:
        key = [f"<p>{html.escape(common['code'])}<br><code>{html.escape(values.token)}</code></p>"]
    plain = [[f"<p>{html.escape(line)}</p>" for line in lines] for lines in (paragraphs, closing)]
    body = "\n".join([*plain[0], *key, *plain[1]])
    head = '<head><meta charset="utf-8"></head>'
    return f'<!doctype html>\n<html lang="{language}">{head}<body>\n{body}\n</body></html>\n'
