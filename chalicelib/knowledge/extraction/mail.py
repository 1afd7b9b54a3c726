"""E-mail messages (RFC 5322, MIME): who, when and what about, then the text; attached files by name."""

from __future__ import annotations

from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

from chalicelib.knowledge.extraction.assembly import Assembly, clean, one_line
from chalicelib.knowledge.extraction.decoding import decode
from chalicelib.knowledge.extraction.html import add_markup

_SHOWN = ("Subject", "From", "To", "Cc", "Date")
_MOST_NESTED = 5


def read(path: Path, assembly: Assembly) -> str | None:
    """Read a message, forwarded messages within it included, and return its subject."""
    with path.open("rb") as file:
        message = BytesParser().parse(file)
    _add_message(message, assembly, 0)
    return _header(message, "Subject")


def _add_message(message: Message, assembly: Assembly, depth: int) -> None:
    lines = [f"{name}: {value}" for name in _SHOWN if (value := _header(message, name))]
    names: list[str] = []
    assembly.add("\n".join(lines))
    _add_part(message, assembly, depth, names)
    if names:
        assembly.add("Attachments: " + ", ".join(names))


def _add_part(part: Message, assembly: Assembly, depth: int, names: list[str]) -> None:
    if depth > _MOST_NESTED:
        return
    kind = part.get_content_type()
    name = _filename(part)
    below = [p for p in part.get_payload() if isinstance(p, Message)] if part.is_multipart() else []
    if kind == "message/rfc822":
        for message in below:
            _add_message(message, assembly, depth + 1)
    elif kind == "multipart/alternative":
        _add_best(below, assembly, depth, names)
    elif below:
        for inner in below:
            _add_part(inner, assembly, depth + 1, names)
    elif name or part.get_content_disposition() == "attachment":
        names.append(name or kind)
    elif part.get_content_maintype() == "text":
        _add_text(part, kind, assembly)


def _add_best(alternatives: list[Message], assembly: Assembly, depth: int, names: list[str]) -> None:
    """Add one of several forms of the same text: the plain one where it says anything, or else the last."""
    plain = [p for p in alternatives if p.get_content_type() == "text/plain" and _content(p).strip()]
    chosen = plain[:1] or alternatives[-1:]
    for part in chosen:
        _add_part(part, assembly, depth + 1, names)


def _add_text(part: Message, kind: str, assembly: Assembly) -> None:
    text = clean(_content(part))
    if kind == "text/html":
        add_markup(text, assembly)
    else:
        assembly.add(text)


def _content(part: Message) -> str:
    payload = part.get_payload(decode=True)
    charset = part.get_param("charset")
    return decode(payload, charset if isinstance(charset, str) else None) if isinstance(payload, bytes) else ""


def _filename(part: Message) -> str:
    try:
        return one_line(_decoded(part.get_filename() or ""))
    except (ValueError, TypeError, LookupError):
        return ""


def _header(message: Message, name: str) -> str:
    # Not `Message.get`, which puts marks in place of bytes above ASCII.
    raw = next((str(value) for key, value in message.raw_items() if key.lower() == name.lower()), "")
    return one_line(clean(_decoded(raw)))


def _decoded(value: str) -> str:
    """A header's text, its encoded words (RFC 2047) decoded, whatever is wrong with them."""
    raw = value.encode("ascii", "surrogateescape") if _escaped(value) else None
    if raw is not None:
        return decode(raw)
    try:
        words = decode_header(value)
    except (ValueError, TypeError, LookupError):
        return value
    return "".join(word if isinstance(word, str) else decode(word, charset) for word, charset in words) or value


def _escaped(value: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in value)
