"""The kind of a file: by its content first, then by its name, then by the declared type."""

from __future__ import annotations

import mmap
import re
from pathlib import Path

from chalicelib.knowledge.ingestion.extraction import ExtractionError, Limits
from chalicelib.knowledge.ingestion.extraction.decoding import decode, decode_saying, is_strange, looks_binary
from chalicelib.knowledge.ingestion.extraction.kinds import (
    KINDS,
    LANGUAGES,
    TEXTUAL,
    WORDLESS,
    by_content_type,
    by_name,
)
from chalicelib.knowledge.ingestion.extraction.legibility import is_noise

_HEAD_BYTES = 1 << 16
_PDF_WITHIN = 1024
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"{\\rtf", "rtf"),
    (b"\x89PNG\r\n\x1a\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF87a", "image"),
    (b"GIF89a", "image"),
    (b"II*\x00", "image"),
    (b"MM\x00*", "image"),
    (b"BM", "image"),
    (b"8BPS", "image"),
    (b"\x1f\x8b", "archive"),
    (b"BZh", "archive"),
    (b"\xfd7zXZ\x00", "archive"),
    (b"7z\xbc\xaf\x27\x1c", "archive"),
    (b"Rar!\x1a\x07", "archive"),
    (b"\x28\xb5\x2f\xfd", "archive"),
    (b"ID3", "media"),
    (b"OggS", "media"),
    (b"fLaC", "media"),
    (b"\x1aE\xdf\xa3", "media"),
    (b"RIFF", "media"),
    (b"\x7fELF", "program"),
    (b"MZ", "program"),
    (b"\xca\xfe\xba\xbe", "program"),
    (b"\x00asm", "program"),
    (b"SQLite format 3\x00", "database"),
)
# Signatures that can also begin a text: they count where the next bytes are their format's, too, or cannot be a text's.
_WEAK = {
    b"BM": re.compile(rb"BM.{4}\0{4}.{2}\0\0", re.DOTALL),
    b"MZ": re.compile(rb"MZ.{58}.{2}\0\0", re.DOTALL),
    b"ID3": re.compile(rb"ID3[\2-\4][\0-\x0f]"),
    b"RIFF": re.compile(rb"RIFF.{4}(?:WAVE|AVI |WEBP)", re.DOTALL),
    b"BZh": re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"),
}

_OLE_CONTENT: tuple[tuple[str, str], ...] = (
    ("__substg1.0_", "msg"),
    ("PowerPoint Document", "ppt"),
    ("WordDocument", "doc"),
    ("Workbook", "xls"),
    ("VisioDocument", "visio"),
    ("Book", "xls"),
)
# Workbooks of Excel 2 to 4, which are no Compound Files: the record with which they begin ([MS-XLS] 2.4.21).
_OLD_WORKBOOKS = (b"\x09\x00\x04\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00")
# XML that is a document of an office program, by the name or the namespace of its first element.
_XML_CONTENT: tuple[tuple[str, str], ...] = (
    ("urn:schemas-microsoft-com:office:spreadsheet", "sheetxml"),
    ("http://schemas.microsoft.com/office/word/2003/wordml", "wordxml"),
    ("http://schemas.microsoft.com/office/2006/xmlpackage", "wordxml"),
    ('office:mimetype="application/vnd.oasis.opendocument.text', "fodt"),
    ('office:mimetype="application/vnd.oasis.opendocument.spreadsheet', "fods"),
    ('office:mimetype="application/vnd.oasis.opendocument.presentation', "fodp"),
)
_XML_WITHIN = 8192
# Kinds whose files often are something else under their name: exports of other programs.
_EXPORTS = frozenset(("xls", "xlsx", "ods"))
_HTML_START = re.compile(r"<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_BEFORE_HTML = (("<?xml", ">"), ("<!--", "-->"))
_HTML_TAG = re.compile(r"<(?:html|head|body|title|meta|div|table|p|h[1-6])\b[^<>]*>", re.IGNORECASE)
# Paragraphs, which formats of journals and books have under HTML's name.
_PROSE = re.compile(r"<p(?:\s[^<>]*)?>")
_MAIL_HEADER = re.compile(r"(?:From |[!-9;-~]++:[ \t]?).*+\n(?:[ \t]++.*+\n|[!-9;-~]++:.*+\n)*+", re.ASCII)
_MAIL_FIELD = re.compile(
    r"^(?:from|to|date|subject|message-id|mime-version|received|return-path):", re.IGNORECASE | re.MULTILINE
)
_MAIL_FIELDS = 3


_SHEBANG = re.compile(r"#!\s*\S*?(?:/env(?:\s+-\S+)*\s+|/)([a-z]+)[\d.]*(?=\s|\Z)")
_SHEBANG_CHARS = 200
_INTERPRETERS = {
    **dict.fromkeys(("sh", "bash", "zsh", "ksh", "dash"), "shell"),
    **dict.fromkeys(("node", "deno", "bun"), "javascript"),
    **{name: name for name in ("python", "ruby", "php")},
}
# A file whose name promises another format, and which is one of these, is damaged.
_UNEXPECTED = ("text", "markdown", "binary", "package")
# Texts that do not say what encoding they are in.
_PLAIN = frozenset({"text", "csv", "markdown"}) | LANGUAGES
_FEW_BYTES = 64
_TAR_MAGIC, _TAR_MAGIC_AT = b"ustar", 257
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")


def may_hold_text(name: str, declared_type: str | None, head: bytes) -> bool:
    """Whether a packed file with this name, which begins with `head`, may contain text.

    Only kinds that are known to contain none are left out: other files become documents, which can fail for a reason of
    their own.
    """
    if signature_kind := _by_signature(head):
        return signature_kind not in WORDLESS
    if head.startswith((_OLE, *_ZIP)) or b"%PDF-" in head[:_PDF_WITHIN]:
        return True
    claimed = by_name(name) or by_content_type(declared_type)
    return claimed not in WORDLESS and (not looks_binary(head) or claimed not in {None, *TEXTUAL})


def sniff(path: Path, filename: str, declared_type: str | None, limits: Limits) -> str:
    """The name in `kinds.KINDS` of the kind of the file at `path`.

    Raises `ExtractionError`: ``encrypted`` for a file that a password protects as a whole, ``corrupt`` for a file whose
    content does not match the format in its name.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    claimed = by_name(filename) or by_content_type(declared_type)
    kind = _binary_kind(path, filename, head, claimed, limits)
    if kind is None:
        kind = "binary" if looks_binary(head) or _is_noise(head, claimed) else _text_kind(decode(head), claimed)
    if kind == "text" and claimed in _EXPORTS:
        kind = _exported(decode(head))
    if kind == "text" and claimed == "doc":
        return kind
    if claimed and claimed not in TEXTUAL and kind in _UNEXPECTED and _promises_format(claimed):
        label = KINDS[claimed].label
        raise ExtractionError(
            "corrupt", f"The name or type says {label}, but the content is not {label}, or it is damaged."
        )
    return kind


def _is_noise(head: bytes, claimed: str | None) -> bool:
    """Whether the most likely encoding does not read this either.

    A longer text by its name or type may be in an encoding that is not known: then less counts.
    """
    is_plain = claimed in _PLAIN
    if not is_plain and claimed is not None and claimed not in WORDLESS:
        return False
    text, guessed = decode_saying(head)
    if guessed is None:
        return False
    return is_strange(text) or (is_noise(text) and (not is_plain or len(head) <= _FEW_BYTES))


def _promises_format(claimed: str) -> bool:
    return claimed not in WORDLESS and claimed not in ("archive", "rtf", "package")


def _binary_kind(path: Path, filename: str, head: bytes, claimed: str | None, limits: Limits) -> str | None:
    if head.startswith(_OLE):
        return _ole_kind(path)
    if head.startswith(_OLD_WORKBOOKS):
        return "xls"
    if head.startswith(_ZIP):
        from chalicelib.knowledge.ingestion.extraction import packages

        return packages.kind_of(path, filename, claimed, limits)
    if b"%PDF-" in head[:_PDF_WITHIN] and (claimed == "pdf" or _starts_as_pdf(head) or looks_binary(head)):
        return "pdf"
    if head[_TAR_MAGIC_AT:].startswith(_TAR_MAGIC) or (head.startswith(_COMPRESSED) and _holds_tar(path)):
        return "tar"
    return _by_signature(head)


def _by_signature(head: bytes) -> str | None:
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image"
    return next((kind for mark, kind in _SIGNATURES if head.startswith(mark) and _certain(mark, head)), None)


def _holds_tar(path: Path) -> bool:
    """Whether compressed data begins as a TAR archive; only its first block is unpacked."""
    import tarfile

    try:
        with tarfile.open(path, "r|*"):
            return True
    except (tarfile.TarError, OSError, EOFError, ValueError):
        return False


def _starts_as_pdf(head: bytes) -> bool:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"%PDF-")


def _certain(mark: bytes, head: bytes) -> bool:
    return mark not in _WEAK or bool(_WEAK[mark].match(head)) or looks_binary(head)


def _ole_kind(path: Path) -> str:
    """The kind of a Compound File, by the names of its streams, which are UTF-16 ([MS-CFB] 2.6.1)."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for name in ("EncryptedPackage", "EncryptedSummary", "EncryptionInfo"):
            if content.find(name.encode("utf-16-le")) >= 0:
                raise encrypted()
        return next((kind for name, kind in _OLE_CONTENT if content.find(name.encode("utf-16-le")) >= 0), "binary")


def _exported(head: str) -> str:
    """The kind of a text under the name of a spreadsheet: a table is read as one, whatever its name says."""
    lines = [line for line in head.splitlines()[:50] if line.strip()]
    return "csv" if any(all(mark in line for line in lines) for mark in "\t;,|") else "text"


def _text_kind(head: str, claimed: str | None) -> str:
    if claimed in LANGUAGES:
        return claimed
    if certain := _certain_text_kind(head, claimed):
        return certain
    if claimed != "markdown" and _starts_as_html(head):
        return "html"
    if claimed in TEXTUAL and claimed != "text":
        return claimed
    if language := _language(head):
        return language
    if claimed == "text":
        return claimed
    if _is_mail(head):
        return "eml"
    if claimed is not None:
        return "text"
    paragraphs = len(_PROSE.findall(head)) if head.startswith("<?xml") else 0
    return "html" if max(paragraphs, len(_HTML_TAG.findall(head[:4096]))) >= 3 else "text"


def _certain_text_kind(head: str, claimed: str | None) -> str | None:
    """The kind of a text whose beginning says it, whatever its name is."""
    start = head[:_XML_WITHIN].lstrip("\ufeff \t\r\n")
    if start.startswith(("<?xml", "<office:", "<Workbook", "<w:wordDocument")):
        return next((kind for mark, kind in _XML_CONTENT if mark in start), None)
    if start.startswith("BEGIN:VCALENDAR"):
        return "ics"
    # A single message may begin with the line that a mailbox has before each of its messages.
    return "mbox" if head.startswith("From ") and claimed != "eml" and _is_mail(head) else None


def _starts_as_html(head: str) -> bool:
    """Whether the first element is HTML's; a declaration of XML and comments may stand before it."""
    position = 0
    while position < len(head):
        if head[position].isspace():
            position += 1
            continue
        ending = next(
            (end for begin, end in _BEFORE_HTML if head[position : position + 5].lower().startswith(begin)), ""
        )
        if not ending:
            break
        closed = head.find(ending, position)
        position = len(head) if closed < 0 else closed + len(ending)
    return _HTML_START.match(head, position) is not None


def _language(head: str) -> str | None:
    """The language that the first line of a program names."""
    if head.startswith("<?php"):
        return "php"
    named = _SHEBANG.match(head[:_SHEBANG_CHARS])
    return _INTERPRETERS.get(named[1]) if named else None


def _is_mail(head: str) -> bool:
    fields = _MAIL_HEADER.match(head.replace("\r\n", "\n"))
    return fields is not None and len(_MAIL_FIELD.findall(fields.group())) >= _MAIL_FIELDS


def encrypted() -> ExtractionError:
    """The error of a file that requires a password."""
    return ExtractionError("encrypted", "The file is locked by a password. Remove the password and upload it again.")
