"""OpenDocument texts and presentations (ISO/IEC 26300): sections by headings, one page per slide, tables as rows."""

from __future__ import annotations

import zipfile
from pathlib import Path
from xml.etree.ElementTree import Element

from chalicelib.knowledge.ingestion.extraction import ExtractionError
from chalicelib.knowledge.ingestion.extraction.archive import (
    attribute,
    descend,
    local_name,
    open_archive,
    parse_part,
    read_part,
)
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, one_line
from chalicelib.knowledge.ingestion.extraction.sniffing import encrypted

# Tracked changes contain deleted text, and annotations are comments; the others are indexes of text elsewhere.
_UNSEEN = frozenset(
    (
        "tracked-changes",
        "annotation",
        "table-of-content",
        "alphabetical-index",
        "forms",
        "note-citation",
        "bookmark-ref",
    )
)
_PARAGRAPHS = ("p", "h")
_MOST_SPACES = 1000


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Read a text or a presentation and return its title."""
    with open_archive(path, assembly.limits) as archive:
        if b"encryption-data" in (read_part(archive, "META-INF/manifest.xml") or b""):
            raise encrypted()
        root = parse_part(archive, "content.xml")
        if root is None:
            raise ExtractionError("corrupt", "The file is damaged: it holds no document.")
        body = next((element for element in root if local_name(element) == "body"), root)
        _OdfDocument(assembly).read(body)
        return _title(archive) or assembly.first_heading


def _title(archive: zipfile.ZipFile) -> str | None:
    root = parse_part(archive, "meta.xml")
    return (
        next((e.text for e in root.iter() if local_name(e) == "title" and e.text), None) if root is not None else None
    )


class _OdfDocument:
    """One document under construction."""

    def __init__(self, assembly: TextAssembler) -> None:
        self._assembly = assembly
        self._slides = 0
        self._listed = False

    def read(self, container: Element, listed: bool = False) -> None:
        """Add everything in `container`. Notes follow their paragraph."""
        pending = [(element, listed) for element in reversed(container)]
        while pending:
            element, listed = pending.pop()
            name = local_name(element)
            if name in _UNSEEN:
                continue
            if name in _PARAGRAPHS:
                self._paragraph(element, listed)
            elif name == "table":
                self._table(element)
            else:
                self._enter(element, name)
                pending.extend((below, listed or name == "list-item") for below in reversed(element))

    def _enter(self, element: Element, name: str) -> None:
        if name == "page":
            self._slides += 1
            self._assembly.page(self._slides)
            self._assembly.leave_sections()
        elif name == "frame" and attribute(element, "class") == "title":
            self._assembly.heading(1, _flat(element))

    def _paragraph(self, paragraph: Element, listed: bool) -> None:
        text = _text(paragraph).strip()
        if local_name(paragraph) == "h":
            level = attribute(paragraph, "outline-level") or "1"
            self._assembly.heading(int(level) if level.isdecimal() else 1, text)
        if text:
            self._assembly.add(f"- {text}" if listed else text, "\n" if listed and self._listed else "\n\n")
            self._listed = listed
        for element in descend(paragraph, _UNSEEN):
            if local_name(element) in ("note-body", "text-box"):
                self._assembly.add(_flat(element))

    def _table(self, table: Element) -> None:
        separator = "\n\n"
        for row in (element for element in descend(table, _UNSEEN) if local_name(element) == "table-row"):
            cells = [_flat(cell) for cell in row if local_name(cell) in ("table-cell", "covered-table-cell")]
            if any(cells):
                self._assembly.add(" | ".join(cells).rstrip(" |"), separator)
                separator = "\n"
        self._listed = False


def _flat(container: Element) -> str:
    """All the text in `container` on one line."""
    paragraphs = (e for e in descend(container, _UNSEEN) if local_name(e) in _PARAGRAPHS)
    return one_line(" ".join(_text(paragraph) for paragraph in paragraphs))


def _text(paragraph: Element) -> str:
    """The text of one paragraph, without its notes and text boxes."""
    parts = [paragraph.text or ""]
    pending = list(reversed(paragraph))
    tails: list[Element | str] = [*pending]
    while tails:
        item = tails.pop()
        if isinstance(item, str):
            parts.append(item)
            continue
        tails.append(item.tail or "")
        name = local_name(item)
        if name == "s":
            count = attribute(item, "c") or "1"
            parts.append(" " * min(int(count) if count.isdecimal() else 1, _MOST_SPACES))
        elif name in ("tab", "line-break"):
            parts.append("\t" if name == "tab" else "\n")
        elif name not in _UNSEEN and name not in ("note", "text-box"):
            parts.append(item.text or "")
            tails.extend(reversed(item))
    return "".join(parts)
