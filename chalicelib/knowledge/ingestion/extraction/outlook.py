"""Outlook messages ([MS-OXMSG]): read like every e-mail, from the streams of a Compound File.

A message inside a message has streams of its own. It is emitted as an e-mail (RFC 5322), as a document of its own.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from email.errors import HeaderParseError
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.knowledge.ingestion.extraction import ExtractionError
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, clean, one_line
from chalicelib.knowledge.ingestion.extraction.compressed_rtf import decompressed
from chalicelib.knowledge.ingestion.extraction.decoding import decode
from chalicelib.knowledge.ingestion.extraction.html import add_markup
from chalicelib.knowledge.ingestion.extraction.rtf import add_rtf
from chalicelib.knowledge.ingestion.extraction.sniffing import may_hold_text

if TYPE_CHECKING:
    from olefile import OleFileIO  # type: ignore[import-untyped]

# Property identifiers ([MS-OXPROPS]).
_SHOWN_HEADERS = (("Subject", "0037"), ("From", "0C1A"), ("To", "0E04"), ("Cc", "0E03"))
# Integers in the fixed part: the code page of the message's strings, or of its text on the internet.
_CODE_PAGES = (0x3FFD, 0x3FDE)
_FIXED_HEADER_BYTES, _FIXED_ENTRY_BYTES, _INTEGER = 32, 16, 0x0003
_BODY, _HTML_BODY, _RTF_BODY = "1000", "1013", "__substg1.0_10090102"
# Moments in the fixed part: when the message was sent, and when an appointment begins and ends.
_MOMENTS = ((0x0039, "Date"), (0x0060, "Begins"), (0x0061, "Ends"))
_MOMENT, _EPOCH = 0x0040, datetime(1601, 1, 1, tzinfo=UTC)
_ATTACHED_NAMES, _ATTACHED_TYPE = ("3707", "3704", "3001"), "370E"
_ATTACHED_BYTES, _ATTACHED_MESSAGE = "__substg1.0_37010102", "__substg1.0_3701000D"
_MOST_NESTED = 5
_HEAD_BYTES = 1 << 12


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Read a message and return its subject."""
    from olefile import OleFileIO

    with OleFileIO(str(path)) as file:
        header = _header(file, "")
        header |= _moments(file)
        assembly.add("\n".join(f"{name}: {value}" for name, value in header.items()))
        body = _property(file, "", _BODY)
        if body.strip():
            assembly.add(body)
        elif html := _property(file, "", _HTML_BODY):
            add_markup(clean(html), assembly)
        elif file.exists(_RTF_BODY):
            add_rtf(decompressed(file.openstream(_RTF_BODY).read()), assembly)
        names = [name for storage in _attachments(file, "") if (name := _attach(file, storage, assembly))]
        if names:
            assembly.add("Attachments: " + ", ".join(names))
        if assembly.is_empty:
            raise ExtractionError("empty", "The message holds no text.")
        return header.get("Subject")


def _header(file: OleFileIO, storage: str) -> dict[str, str]:
    """The message's headers that are shown, each on one line."""
    header_fields = {name: one_line(clean(_property(file, storage, identifier))) for name, identifier in _SHOWN_HEADERS}
    return {name: value for name, value in header_fields.items() if value}


def _property(file: OleFileIO, storage: str, identifier: str) -> str:
    """A text property: UTF-16 by its type, otherwise in the message's code page."""
    for kind in ("001F", "001E", "0102"):
        name = f"{storage}__substg1.0_{identifier}{kind}"
        if file.exists(name):
            data: bytes = file.openstream(name).read()
            return data.decode("utf-16-le", "replace") if kind == "001F" else decode(data, _code_page(file))
    return ""


def _moments(file: OleFileIO) -> dict[str, str]:
    """When a message was sent, and from when to when an appointment lasts, in UTC."""
    moments: dict[int, str] = {}
    for entry in _fixed_entries(file):
        if int.from_bytes(entry[0:2], "little") == _MOMENT:
            # Tenths of a microsecond since 1601.
            ticks = int.from_bytes(entry[8:16], "little")
            if 0 < ticks < 1 << 59:
                moment = _EPOCH + timedelta(microseconds=ticks // 10)
                moments[int.from_bytes(entry[2:4], "little")] = f"{moment:%Y-%m-%d %H:%M} UTC"
    return {name: moments[identifier] for identifier, name in _MOMENTS if identifier in moments}


def _fixed_entries(file: OleFileIO) -> list[bytes]:
    fixed: bytes = file.openstream("__properties_version1.0").read()[_FIXED_HEADER_BYTES:]
    return [fixed[at : at + _FIXED_ENTRY_BYTES] for at in range(0, len(fixed), _FIXED_ENTRY_BYTES)]


def _code_page(file: OleFileIO) -> str | None:
    numbers = {
        int.from_bytes(entry[2:4], "little"): int.from_bytes(entry[8:12], "little")
        for entry in _fixed_entries(file)
        if int.from_bytes(entry[0:2], "little") == _INTEGER
    }
    return next((f"cp{numbers[identifier]}" for identifier in _CODE_PAGES if numbers.get(identifier)), None)


def _attachments(file: OleFileIO, storage: str) -> list[str]:
    """The storages of a message's attachments, each ending in ``/``."""
    depth = storage.count("/")
    inside = [entry for entry in file.listdir(storages=True) if storage == "".join(f"{e}/" for e in entry[:depth])]
    storage_names = {
        entry[depth] for entry in inside if len(entry) > depth and entry[depth].startswith("__attach_version1.0_")
    }
    return [f"{storage}{name}/" for name in sorted(storage_names)]


def _attach(file: OleFileIO, storage: str, assembly: TextAssembler) -> str:
    """Emit an attachment that may contain text; returns the name under which it is listed, or ""."""
    name, kind, content = _attached(file, storage, 0)
    if assembly.unpacks and content and may_hold_text(name, kind, content[:_HEAD_BYTES]):
        return assembly.member((name or "attachment").replace("/", "-"), kind, content)
    shows_text = bool(content) and assembly.picture(storage, lambda: content)
    if name and not shows_text:
        assembly.leave_out(name)
    return name


def _attached(file: OleFileIO, storage: str, depth: int) -> tuple[str, str | None, bytes | None]:
    """Name, media type and bytes of an attachment; the bytes are None for a link."""
    names = (one_line(clean(_property(file, storage, identifier))).strip("\0") for identifier in _ATTACHED_NAMES)
    name = next((name for name in names if name), "")
    if file.exists(f"{storage}{_ATTACHED_MESSAGE}"):
        inner = f"{storage}{_ATTACHED_MESSAGE}/"
        name = _header(file, inner).get("Subject") or name or "message"
        return f"{name}.eml", "message/rfc822", _as_mail(file, inner, depth) if depth < _MOST_NESTED else None
    data = f"{storage}{_ATTACHED_BYTES}"
    content: bytes | None = file.openstream(data).read() if file.exists(data) else None
    return name, one_line(_property(file, storage, _ATTACHED_TYPE)) or None, content


def _as_mail(file: OleFileIO, storage: str, depth: int) -> bytes | None:
    """A message inside a message, as an e-mail with its attachments. The same message always gives the same bytes."""
    message = EmailMessage(policy=SMTP)
    html, body = _property(file, storage, _HTML_BODY), _property(file, storage, _BODY)
    subtype = "plain" if body.strip() else "html"
    try:
        for header, value in _header(file, storage).items():
            message[header] = value
        message.set_content(clean(body if body.strip() else html), subtype=subtype)
        for attachment in _attachments(file, storage):
            name, _, content = _attached(file, attachment, depth + 1)
            if content:
                _add_file(message, name or "attachment", content)
        if message.is_multipart():
            message.set_boundary(hashlib.sha256(storage.encode() + body.encode("utf-8", "replace")).hexdigest()[:40])
        return message.as_bytes()
    except (ValueError, TypeError, LookupError, AttributeError, HeaderParseError):
        # Outlook's address fields often contain no address, and some values cannot be serialised.
        return None


def _add_file(message: EmailMessage, name: str, content: bytes) -> None:
    message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
