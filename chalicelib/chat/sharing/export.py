"""A conversation as a file with its sources: Markdown, HTML or DOCX, written without a library of its own.

The file loads nothing: an answer's links and images are text in it.
"""

import base64
import html
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.chat.conversations import conversations
from chalicelib.chat.messages.models import FINISH_NOTICES
from chalicelib.chat.sharing.models import ExportedConversation, ExportFormat, SharedMessage, SharedSource
from chalicelib.chat.sharing.sharing import queries
from chalicelib.core import process, rows

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

    from chalicelib.core.connection import Conn

_ENDINGS = {"markdown": "md", "html": "html", "docx": "docx"}
_TYPES = {
    "markdown": "text/markdown; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
# A response has 6 MB at most. A text's characters count as in HTML, where some become several; in JSON more do.
_MOST_MESSAGES, _MOST_BYTES = 1000, 1_500_000
_WHO = {"user": "Question", "assistant": "Answer", "system": "Instructions"}
_NOT_IN_NAMES = re.compile(r"[^\w .-]+")
# What XML 1.0 cannot hold.
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _BranchMessage(SharedMessage):
    """A message of a branch that has `total` messages."""

    total: int


def export(conn: "Conn", conversation_id: UUID, form: ExportFormat) -> ExportedConversation:
    """The newest thread branch of a conversation of the caller's, with its sources. Raises NotFound.

    Of a branch that is too long for a file, the newest messages, and a sentence about the others.
    """
    title = conversations.get(conn, conversation_id).title
    newest = rows.many(conn, _BranchMessage, queries.whole, {"id": conversation_id, "limit": _MOST_MESSAGES})
    messages = list(_fitting(newest))[::-1]
    left_out = newest[0].total - len(messages) if newest else 0
    note = f"The first {left_out:,} messages are left out: a file does not hold more." if left_out else ""
    name = " ".join(_NOT_IN_NAMES.sub(" ", title).split()).strip(".")[:100] or "conversation"
    if form == "docx":
        encoding, content = "base64", base64.b64encode(_docx(title, note, messages)).decode()
    else:
        encoding, content = "utf-8", (_markdown if form == "markdown" else _html)(title, note, messages)
    return ExportedConversation.model_validate(
        {
            "file_name": f"{name}.{_ENDINGS[form]}",
            "content_type": _TYPES[form],
            "encoding": encoding,
            "content": content,
        }
    )


def _fitting(newest: Iterable[_BranchMessage]) -> Iterator[_BranchMessage]:
    """The newest messages that a file holds."""
    size = 0
    for message in newest:
        size += sum(len(html.escape(text).encode()) for text in (message.content, *_lines(message)))
        # A message has 100,000 characters at most, so that one always fits.
        if size > _MOST_BYTES:
            return
        yield message


def _lines(message: SharedMessage) -> Iterator[str]:
    """What follows the text of a message: why it is not whole, and its sources."""
    if message.finish_reason and message.finish_reason in FINISH_NOTICES:
        yield FINISH_NOTICES[message.finish_reason]
    for source in message.sources:
        yield f"[{source.number}] {_place(source)}"


def _place(source: SharedSource) -> str:
    where = [source.title or "A document", *([f"page {source.page}"] if source.page else []), source.section or ""]
    quote = " ".join((source.quote or "").split())
    return ", ".join(part for part in where if part) + (f": “{quote}”" if quote else "")


def _markdown(title: str, note: str, messages: Sequence[SharedMessage]) -> str:
    parts = [f"# {_escaped(title)}", *filter(None, [note])]
    for message in messages:
        parts += [f"## {_WHO[message.role]}", message.content]
        parts += [f"- {_escaped(line)}" for line in _lines(message)]
    return "\n\n".join(parts) + "\n"


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_{}<>#|!])", r"\\\1", " ".join(text.split()))


@process.cached
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "link", "autolink"])


def _html(title: str, note: str, messages: Sequence[SharedMessage]) -> str:
    body = [f"<h1>{html.escape(title)}</h1>", *([f"<p>{note}</p>"] if note else [])]
    for message in messages:
        body += [f"<h2>{_WHO[message.role]}</h2>", _parser().render(message.content)]
        lines = [f"<li>{html.escape(line)}</li>" for line in _lines(message)]
        body += ["<ul>", *lines, "</ul>"] if lines else []
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title>'
    policy = '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'">'
    return f"<!doctype html>\n<html><head>{head}{policy}</head><body>\n" + "\n".join(body) + "\n</body></html>\n"


_MAIN = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_PARTS = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument'
    '.wordprocessingml.document.main+xml"/><Override PartName="/word/styles.xml" ContentType="application/'
    'vnd.openxmlformats-officedocument.wordprocessingml.styles+xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/'
    'officeDocument" Target="word/document.xml"/></Relationships>',
    "word/_rels/document.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
    'relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
    'relationships/styles" Target="styles.xml"/></Relationships>',
    "word/styles.xml": f'<w:styles xmlns:w="{_MAIN}">'
    + "".join(
        f'<w:style w:type="paragraph" w:styleId="{name.replace(" ", "")}"><w:name w:val="{name}"/>'
        f'<w:rPr><w:b/><w:sz w:val="{size}"/></w:rPr></w:style>'
        for name, size in {"heading 1": 36, "heading 2": 26}.items()
    )
    + "</w:styles>",
}


def _docx(title: str, note: str, messages: Sequence[SharedMessage]) -> bytes:
    paragraphs = [_paragraph(title, "heading1"), *([_paragraph(note)] if note else [])]
    for message in messages:
        paragraphs.append(_paragraph(_WHO[message.role], "heading2"))
        paragraphs += [_paragraph(line) for line in message.content.splitlines()]
        paragraphs += [_paragraph(line) for line in _lines(message)]
    document = f'<w:document xmlns:w="{_MAIN}"><w:body>{"".join(paragraphs)}</w:body></w:document>'
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in (*_PARTS.items(), ("word/document.xml", document)):
            # A fixed time: the same conversation makes the same file.
            package.writestr(
                zipfile.ZipInfo(name), f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>{content}'.encode()
            )
    return written.getvalue()


def _paragraph(text: str, style: str | None = None) -> str:
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    shown = html.escape(_NOT_IN_XML.sub("", text), quote=False)
    return f'<w:p>{properties}<w:r><w:t xml:space="preserve">{shown}</w:t></w:r></w:p>'
