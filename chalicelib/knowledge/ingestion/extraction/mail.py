"""E-mail messages (RFC 5322, MIME): the headers, then the text; attachments by name, and as files of their own.

A message inside a message is an attachment too. Its text becomes part of the outer message only without unpacking. Web
pages that a browser saved as one file (MHTML) are messages as well.
"""

from __future__ import annotations

import re
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

from chalicelib.knowledge.ingestion.extraction import ExtractionError
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, clean, one_line
from chalicelib.knowledge.ingestion.extraction.calendar import add_calendar
from chalicelib.knowledge.ingestion.extraction.decoding import decode
from chalicelib.knowledge.ingestion.extraction.html import add_markup
from chalicelib.knowledge.ingestion.extraction.kinds import KINDS, by_content_type, by_name
from chalicelib.knowledge.ingestion.extraction.sniffing import may_hold_text

_SHOWN_HEADERS = ("Subject", "From", "To", "Cc", "Date")
_MOST_NESTED = 20
_HEAD_BYTES = 1 << 12
# Signatures and keys: they belong to the message and contain no text.
_SIGNATURES = frozenset(
    f"application/{name}" for name in ("pgp-signature", "pgp-keys", "pkcs7-signature", "x-pkcs7-signature")
)
# Parts of a web page that are not its text.
_STYLES = frozenset(("text/css", "text/javascript", "application/javascript", "application/x-javascript"))
_SIGNED = frozenset(("application/pkcs7-mime", "application/x-pkcs7-mime"))
_PGP = "-----BEGIN PGP MESSAGE-----"
_PGP_BLOCK = re.compile(r"^-----BEGIN PGP MESSAGE-----$.*?(?:^-----END PGP MESSAGE-----$|\Z)", re.DOTALL | re.MULTILINE)
_ENCRYPTED_PART = "A part of the message is encrypted. Decrypt it and upload the text."
_RTF = frozenset(("text/rtf", "application/rtf", "text/richtext"))
_TNEF = frozenset(("application/ms-tnef", "application/vnd.ms-tnef"))
# The plain form of a text is preferred when it has nearly all of the other's words.
_NEARLY_ALL, _ITS_OWN = 0.8, 0.5


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Read a message and return its subject."""
    with path.open("rb") as file:
        message = BytesParser().parse(file)
    if _is_encrypted(message, message.get_content_type()):
        raise ExtractionError(
            "encrypted", "The message is encrypted. Decrypt it in its mail program, and upload the text."
        )
    _add_message(message, assembly, 0)
    return header_of(message, "Subject")


def _add_message(message: Message, assembly: TextAssembler, depth: int) -> None:
    # A saved page has the headers of no person.
    is_page = message.get("Snapshot-Content-Location") is not None or "Saved by" in header_of(message, "From")
    lines = (
        [f"{name}: {value}" for name in _SHOWN_HEADERS if (value := header_of(message, name))] if not is_page else []
    )
    names: list[str] = []
    assembly.add("\n".join(lines))
    _add_part(message, assembly, depth, names)
    if names:
        assembly.add("Attachments: " + ", ".join(names))


def _add_part(part: Message, assembly: TextAssembler, depth: int, names: list[str]) -> None:
    if depth > _MOST_NESTED:
        assembly.warn("too_deep", f"Parts of the message lie more than {_MOST_NESTED} levels deep, and were not read.")
        return
    kind = part.get_content_type()
    if _is_encrypted(part, kind):
        assembly.warn("encrypted_part", _ENCRYPTED_PART)
        return
    below = _below(part)
    if kind == "message/rfc822":
        for message in below:
            _add_enclosed(message, assembly, depth, names)
    elif kind == "multipart/alternative":
        _add_best(below, assembly, depth, names)
    elif below:
        for inner in below:
            _add_part(inner, assembly, depth + 1, names)
    else:
        _add_leaf(part, kind, assembly, depth, names)


def _below(part: Message) -> list[Message]:
    return [p for p in part.get_payload() if isinstance(p, Message)] if part.is_multipart() else []


def _signed(part: Message) -> Message | None:
    """The message in a part that is signed as a whole, and not beside its signature (RFC 8551, 3.5.2)."""
    from chalicelib.knowledge.ingestion.extraction.cms import signed_content

    payload = part.get_payload(decode=True)
    content = signed_content(payload) if isinstance(payload, bytes) else None
    return BytesParser().parsebytes(content) if content else None


def _add_leaf(part: Message, kind: str, assembly: TextAssembler, depth: int, names: list[str]) -> None:
    name = _filename(part)
    _shows_text(part, assembly)
    if kind in _SIGNED and (signed := _signed(part)) is not None:
        _add_part(signed, assembly, depth + 1, names)
    elif kind in _TNEF or name.lower() == "winmail.dat":
        from chalicelib.knowledge.ingestion.extraction.tnef import add_tnef

        content = part.get_payload(decode=True)
        names += add_tnef(content if isinstance(content, bytes) else b"", assembly)
    elif kind == "text/calendar":
        add_calendar(clean(_content(part)), assembly)
    elif name or part.get_content_disposition() == "attachment":
        names.append(_attach(part, name or _named_by(kind), kind, assembly))
    elif kind in _STYLES:
        return
    elif kind in _RTF:
        _add_text(part, "text/rtf", assembly)
    elif part.get_content_maintype() == "text":
        _add_text(part, kind, assembly)
    elif not _is_decoration(part, kind) and kind not in _SIGNATURES and _content(part).strip():
        names.append(_attach(part, _named_by(kind), kind, assembly))


def _is_encrypted(part: Message, kind: str) -> bool:
    """Whether a part is encrypted by PGP (RFC 3156, or as lines of text: RFC 9580) or S/MIME (RFC 8551)."""
    if kind == "multipart/encrypted":
        return True
    if kind in _SIGNED:
        return str(part.get_param("smime-type")) not in ("signed-data", "certs-only") and _signed(part) is None
    return kind == "text/plain" and _content(part).lstrip().startswith(_PGP)


def _add_enclosed(message: Message, assembly: TextAssembler, depth: int, names: list[str]) -> None:
    """Emit a message that is enclosed in another; only when that is not possible, its text is added here."""
    content = _whole(message) if assembly.unpacks else None
    if content is None:
        _add_message(message, assembly, depth + 1)
    else:
        name = f"{header_of(message, 'Subject') or 'message'}.eml".replace("/", "-")
        names.append(assembly.member(name, "message/rfc822", content))


def _whole(message: Message) -> bytes | None:
    try:
        return message.as_bytes()
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        # The parser accepts messages that cannot be serialised again.
        return None


def _attach(part: Message, name: str, kind: str, assembly: TextAssembler) -> str:
    """Emit an attachment that may contain text; returns the name under which it is listed."""
    content = part.get_payload(decode=True) if assembly.unpacks and kind not in _SIGNATURES else None
    if isinstance(content, bytes) and content and may_hold_text(name, kind, content[:_HEAD_BYTES]):
        return assembly.member(name.replace("/", "-"), kind, content)
    if kind not in _SIGNATURES and not _is_decoration(part, kind) and not _shows_text(part, assembly):
        assembly.leave_out(name)
    return name


def _shows_text(part: Message, assembly: TextAssembler) -> bool:
    """Tell `assembly` of a picture; whether it may show text."""
    kind = by_name(_filename(part)) or part.get_content_maintype()
    if kind != "image" or part.is_multipart():
        return False

    def content() -> bytes | None:
        decoded = part.get_payload(decode=True)
        return decoded if isinstance(decoded, bytes) else None

    return assembly.picture(str(part.get_payload()), content)


def _is_decoration(part: Message, kind: str) -> bool:
    """Whether an attachment is a picture or a font that the text shows, such as a logo."""
    shown = any(part.get(header) is not None for header in ("Content-ID", "Content-Location"))
    shown = shown or part.get_content_disposition() == "inline"
    return shown and kind.partition("/")[0] in ("image", "font", "audio", "video")


def _named_by(kind: str) -> str:
    """A name for an attachment without one."""
    kind_of_type = by_content_type(kind)
    return f"attachment.{KINDS[kind_of_type].suffixes[0]}" if kind_of_type else kind


def _add_best(alternatives: list[Message], assembly: TextAssembler, depth: int, names: list[str]) -> None:
    """Add one of several forms of the same text, the files that the others hold, and an invitation beside them."""
    bodies = [p for p in alternatives if p.get_content_type() != "text/calendar"]
    invitations = [p for p in alternatives if p.get_content_type() == "text/calendar"]
    best = _best(bodies, depth)
    if best is not None:
        _add_part(best, assembly, depth + 1, names)
    for part in bodies:
        if part is not best:
            _add_files(part, assembly, depth + 1, names)
    for part in invitations:
        add_calendar(clean(_content(part)), assembly)


def _best(bodies: list[Message], depth: int) -> Message | None:
    """The plain form if it has nearly all words of the others; else the one with the most words.

    Programs put a sentence into the plain form that asks for another program, or only its first part.
    """
    texts = [_words_of(part, depth) for part in bodies]
    most = max(texts, key=len, default=[])
    for part, words in zip(bodies, texts, strict=True):
        shared = len(set(words) & set(most))
        if part.get_content_type() == "text/plain" and words and len(words) >= _NEARLY_ALL * len(most):
            return part if shared >= _ITS_OWN * len(set(words)) else bodies[texts.index(most)]
    return bodies[texts.index(most)] if most else bodies[-1] if bodies else None


def _words_of(part: Message, depth: int) -> list[str]:
    """The words of a form of a text, without files."""
    from chalicelib.knowledge.ingestion.extraction import Limits

    scratch = TextAssembler(Limits())
    try:
        _add_part(part, scratch, depth + 1, [])
    except ExtractionError:
        return []
    return scratch.text.split()


def _add_files(part: Message, assembly: TextAssembler, depth: int, names: list[str]) -> None:
    """Emit the attachments in a form of the text that is not shown itself."""
    if depth > _MOST_NESTED:
        return
    for inner in _below(part):
        _add_files(inner, assembly, depth + 1, names)
    _shows_text(part, assembly)
    name = _filename(part)
    if name and not part.is_multipart() and name not in names:
        names.append(_attach(part, name, part.get_content_type(), assembly))


def _add_text(part: Message, kind: str, assembly: TextAssembler) -> None:
    if kind == "text/rtf":
        from chalicelib.knowledge.ingestion.extraction.rtf import add_rtf

        payload = part.get_payload(decode=True)
        add_rtf(payload if isinstance(payload, bytes) else b"", assembly)
        return
    text = clean(_content(part))
    if kind == "text/html":
        add_markup(text, assembly)
    else:
        readable = _PGP_BLOCK.sub("(encrypted)", text)
        if readable != text:
            assembly.warn("encrypted_part", _ENCRYPTED_PART)
        assembly.add(readable)


def _content(part: Message) -> str:
    payload = part.get_payload(decode=True)
    charset = part.get_param("charset")
    return decode(payload, charset if isinstance(charset, str) else None) if isinstance(payload, bytes) else ""


def _filename(part: Message) -> str:
    try:
        return one_line(_decoded(part.get_filename() or ""))
    except (ValueError, TypeError, LookupError):
        return ""


def header_of(message: Message, name: str) -> str:
    """A header of a message on one line, decoded; "" for none."""
    # `Message.get` would replace bytes above ASCII.
    raw = next((str(value) for key, value in message.raw_items() if key.lower() == name.lower()), "")
    return one_line(clean(_decoded(raw)))


def _decoded(value: str) -> str:
    """A header's text with its encoded words (RFC 2047) decoded, even if some of them are invalid."""
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
