"""Word documents (Office Open XML, ECMA-376 part 1): paragraphs in sections by their headings, tables as rows.

This module reads the markup itself and not through an object model, because visible text is also in content controls,
tracked insertions, text boxes and footnotes. It reads both editions of the format, transitional and strict.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from chalicelib.knowledge.ingestion.extraction import ExtractionError
from chalicelib.knowledge.ingestion.extraction.archive import (
    attribute,
    core_title,
    local_name,
    open_archive,
    parse_part,
    related,
)
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, one_line

_HEADING_STYLE = re.compile(r"heading ([1-9])$")
_MOST_STYLE_ANCESTORS = 20
_BODY_TEXT_LEVEL = 9
# Invisible text: deleted and moved text, field codes, the older copy of a drawing. Text boxes are read separately.
_UNSEEN = frozenset(
    ("del", "moveFrom", "instrText", "delText", "Fallback", "txbxContent", "pPr", "rPr", "tblPr", "sdtPr")
)
_CHARACTERS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}
_CONTAINERS = frozenset(("sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag", "AlternateContent", "Choice"))
_FOOTNOTES = (("footnotes", "footnote"), ("endnotes", "endnote"))


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Read a Word document and return its title. External references are never fetched."""
    with open_archive(path, assembly.limits) as archive:
        main = _main_part(archive)
        root = parse_part(archive, main)
        if root is None:
            raise ExtractionError("corrupt", "The file is damaged: it holds no Word document.")
        folder = posixpath.dirname(main)
        document = _DocxDocument(assembly, _Styles(parse_part(archive, f"{folder}/styles.xml")))
        document.read_blocks(root)
        for part, footnote in _FOOTNOTES:
            document.read_footnotes(parse_part(archive, f"{folder}/{part}.xml"), footnote)
        return core_title(archive) or document.title or assembly.first_heading


def _main_part(archive: zipfile.ZipFile) -> str:
    parts = related(archive, "").values()
    return next((part for kind, part in parts if kind == "officeDocument"), "word/document.xml")


class _Styles:
    """The properties of a document's paragraph styles, with inheritance from the style that each is based on."""

    def __init__(self, root: Element | None) -> None:
        styles = [style for style in root if local_name(style) == "style"] if root is not None else []
        self._styles = {identifier: style for style in styles if (identifier := attribute(style, "styleId"))}

    def level(self, identifier: str | None) -> int | None:
        """The heading level, from 1; 0 for the document's title; 10 for body text."""
        levels = (_style_level(style) for style in self._lineage(identifier))
        return next((level for level in levels if level is not None), None)

    def is_listed(self, identifier: str | None) -> bool:
        """Whether paragraphs of this style are items of a list."""
        return any(_has_number(style) for style in self._lineage(identifier))

    def _lineage(self, identifier: str | None) -> Iterator[Element]:
        for _ in range(_MOST_STYLE_ANCESTORS):
            style = self._styles.get(identifier or "")
            if style is None:
                return
            yield style
            identifier = _value(style, "basedOn")


def _style_level(style: Element) -> int | None:
    name = (_value(style, "name") or "").lower()
    if name == "title":
        return 0
    if match := _HEADING_STYLE.match(name):
        return int(match[1])
    properties = _child(style, "pPr")
    return _outline_level(properties) if properties is not None else None


def _outline_level(properties: Element) -> int | None:
    """The level from 1; 10 is body text, which ends inheritance."""
    value = _value(properties, "outlineLvl")
    return int(value) + 1 if value and value.isdecimal() else None


def _child(element: Element, name: str) -> Element | None:
    return next((child for child in element if local_name(child) == name), None)


def _value(element: Element, name: str) -> str | None:
    child = _child(element, name)
    return attribute(child, "val") if child is not None else None


class _DocxDocument:
    """One document under construction."""

    def __init__(self, assembly: TextAssembler, styles: _Styles) -> None:
        self._assembly = assembly
        self._styles = styles
        self.title: str | None = None
        self._listed = False

    def read_blocks(self, container: Element) -> None:
        """Add every paragraph and table of `container`, in order."""
        for block in _blocks(container):
            if local_name(block) == "tbl":
                self._table(block)
            else:
                self._paragraph(block)

    def read_footnotes(self, root: Element | None, name: str) -> None:
        """Add the notes of one part at the end, under no heading."""
        self._assembly.leave_sections()
        for footnote in root if root is not None else ():
            if local_name(footnote) == name and attribute(footnote, "type") in (None, "normal"):
                self._assembly.add(_cell_text(footnote))

    def _paragraph(self, paragraph: Element) -> None:
        text = _text(paragraph).strip()
        level = self._level(paragraph)
        listed = level is None and self._is_listed(paragraph)
        if level == 0:
            self.title = self.title or one_line(text)
        elif level is not None:
            self._assembly.heading(level, text)
        if text:
            self._assembly.add(f"- {text}" if listed else text, "\n" if listed and self._listed else "\n\n")
            self._listed = listed
        for box in _boxes(paragraph):
            self.read_blocks(box)

    def _level(self, paragraph: Element) -> int | None:
        properties = _child(paragraph, "pPr")
        if properties is None:
            return None
        level = _outline_level(properties)
        if level is None:
            level = self._styles.level(_value(properties, "pStyle"))
        return None if level is None or level > _BODY_TEXT_LEVEL else level

    def _is_listed(self, paragraph: Element) -> bool:
        properties = _child(paragraph, "pPr")
        style = _value(properties, "pStyle") if properties is not None else None
        return _has_number(paragraph) or self._styles.is_listed(style)

    def _table(self, table: Element) -> None:
        separator = "\n\n"
        for row in _named(table, "tr"):
            cells = [_cell_text(cell) for cell in _named(row, "tc")]
            if any(cells):
                self._assembly.add(" | ".join(cells), separator)
                separator = "\n"
        self._listed = False


def _has_number(element: Element) -> bool:
    properties = _child(element, "pPr")
    return properties is not None and _child(properties, "numPr") is not None


def _blocks(container: Element) -> Iterator[Element]:
    """The paragraphs and tables of `container` in order, including those in wrapping elements."""
    pending = [container]
    while pending:
        element = pending.pop()
        name = local_name(element)
        if name in ("p", "tbl") and element is not container:
            yield element
        elif element is container or name in _CONTAINERS or name == "body":
            pending.extend(reversed(element))


def _named(container: Element, name: str) -> Iterator[Element]:
    """The rows of a table, or the cells of a row, including those in content controls; not those of a nested table."""
    pending = list(reversed(container))
    while pending:
        element = pending.pop()
        if local_name(element) == name:
            yield element
        elif local_name(element) in _CONTAINERS:
            pending.extend(reversed(element))


def _cell_text(cell: Element) -> str:
    """All the text of a cell or a note on one line, nested tables and text boxes included."""
    return one_line(" ".join(_text(paragraph) for paragraph in cell.iter() if local_name(paragraph) == "p"))


def _text(paragraph: Element) -> str:
    """The visible text of one paragraph."""
    parts: list[str] = []
    pending = list(reversed(paragraph))
    while pending:
        element = pending.pop()
        name = local_name(element)
        if name == "t":
            parts.append(element.text or "")
        elif name in _CHARACTERS:
            parts.append(_CHARACTERS[name])
        elif name not in _UNSEEN:
            pending.extend(reversed(element))
    return "".join(parts)


def _boxes(paragraph: Element) -> Iterator[Element]:
    """The text boxes anchored in `paragraph`, outermost only, each once."""
    pending = list(reversed(paragraph))
    while pending:
        element = pending.pop()
        name = local_name(element)
        if name == "txbxContent":
            yield element
        elif name not in ("Fallback", "del", "t"):
            pending.extend(reversed(element))
