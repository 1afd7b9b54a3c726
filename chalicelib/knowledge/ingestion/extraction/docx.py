"""Word documents (Office Open XML, ECMA-376 part 1): paragraphs in sections by their headings, tables as rows.

This module reads the markup itself and not through an object model, because visible text is also in content controls,
tracked insertions, text boxes, notes, comments, headers and fields. It reads both editions of the format, transitional
and strict.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from chalicelib.knowledge.ingestion.extraction import ExtractionError, grid
from chalicelib.knowledge.ingestion.extraction.archive import (
    attribute,
    core_title,
    descend,
    local_name,
    open_archive,
    parse_part,
    read_part,
    related,
)
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, one_line
from chalicelib.knowledge.ingestion.extraction.drawing import graphics, note_pictures, optional_part
from chalicelib.knowledge.ingestion.extraction.embedded import add_embedded
from chalicelib.knowledge.ingestion.extraction.listing import add_file
from chalicelib.knowledge.ingestion.extraction.word_numbering import BULLET, Numbering, child, value, whole_number
from chalicelib.knowledge.ingestion.extraction.word_runs import ParagraphReader, is_placeholder
from chalicelib.knowledge.ingestion.extraction.word_styles import BODY_TEXT_LEVEL, Styles, outline_level

_CONTAINERS = frozenset(
    # The last two are those of Word 2003.
    ("sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag", "AlternateContent", "Choice", "sect", "sub-section")
)
_DELETED = frozenset(("Fallback", "del", "moveFrom"))
_ASIDES = (
    ("footnotes", "footnote", "Footnote"),
    ("endnotes", "endnote", "Endnote"),
    ("comments", "comment", "Comment"),
)
_MOST_COLUMNS = 1_000


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Read a Word document and return its title. External references are never fetched."""
    with open_archive(path, assembly.limits) as archive:
        return read_package(archive, assembly)


def read_package(archive: zipfile.ZipFile, assembly: TextAssembler) -> str | None:
    """Read an opened Word document and return its title."""
    main = _main_part(archive)
    root = parse_part(archive, main)
    if root is None:
        raise ExtractionError("corrupt", "The file is damaged: it holds no Word document.")
    document = _DocxDocument(archive, main, assembly)
    document.read_frame(root, "headerReference")
    document.read_blocks(root)
    document.read_rest()
    document.read_frame(root, "footerReference")
    if names := add_embedded(archive, main, assembly):
        assembly.add("Embedded files: " + ", ".join(names))
    return core_title(archive) or document.title or assembly.first_heading


def _main_part(archive: zipfile.ZipFile) -> str:
    parts = related(archive, "").values()
    return next((part for kind, part in parts if kind == "officeDocument"), "word/document.xml")


class _DocxDocument:
    """One document under construction."""

    def __init__(self, archive: zipfile.ZipFile, main: str, assembly: TextAssembler) -> None:
        folder = posixpath.dirname(main)
        self._archive = archive
        self._assembly = assembly
        self._relations = related(archive, main)
        self._styles = Styles(parse_part(archive, f"{folder}/styles.xml"))
        self._numbering = Numbering(optional_part(archive, f"{folder}/numbering.xml"))
        self._runs = ParagraphReader(self._styles.hides)
        # Notes and comments by kind and id; each is taken out where the text refers to it.
        self._asides = {kind: dict(self._read_asides(folder, part, kind, word)) for part, kind, word in _ASIDES}
        self.title: str | None = None
        self._listed = False

    def _read_asides(self, folder: str, part: str, kind: str, word: str) -> Iterator[tuple[str, str]]:
        root = parse_part(self._archive, f"{folder}/{part}.xml")
        for element in root if root is not None else ():
            if local_name(element) == kind and attribute(element, "type") in (None, "normal"):
                author = one_line(attribute(element, "author") or "")
                yield (
                    attribute(element, "id") or "",
                    f"{word}{f' by {author}' if author else ''}: {self._flat(element)}",
                )

    def read_frame(self, root: Element, kind: str) -> None:
        """Add the headers or the footers of all sections, each text once, under no heading."""
        self._assembly.leave_sections()
        texts: dict[str, None] = {}
        for element in root.iter():
            if local_name(element) == kind:
                identifier = attribute(element, "id") or ""
                part = optional_part(self._archive, self._relations.get(identifier, ("", ""))[1])
                for paragraph in descend(part, _DELETED) if part is not None else ():
                    if local_name(paragraph) == "p":
                        texts.setdefault(one_line(self._runs.text(paragraph)))
        self._assembly.add("\n".join(text for text in texts if any(character.isalnum() for character in text)))

    def read_blocks(self, container: Element) -> None:
        """Add every paragraph and table of `container`, in order."""
        for block in _blocks(container):
            name = local_name(block)
            if name == "tbl":
                self._table(block)
            elif name == "altChunk":
                self._alternative(block)
            else:
                self._paragraph(block)
            self._add_asides(block)

    def read_rest(self) -> None:
        """Add the notes that nothing refers to, under no heading."""
        self._assembly.leave_sections()
        for asides in self._asides.values():
            for text in asides.values():
                self._assembly.add(text if text.partition(": ")[2] else "")

    def _add_asides(self, block: Element) -> None:
        """Add the notes and comments that a block refers to, and its charts and diagrams."""
        for element in descend(block, _DELETED):
            kind = local_name(element).removesuffix("Reference")
            asides = self._asides.get(kind)
            text = asides.pop(attribute(element, "id") or "", "") if asides and local_name(element) != kind else ""
            if text.partition(": ")[2]:
                self._assembly.add(text)
                self._listed = False
        for words in graphics(self._archive, block, self._relations):
            self._assembly.add(words)
            self._listed = False
        note_pictures(self._archive, block, self._relations, self._assembly)

    def _paragraph(self, paragraph: Element) -> None:
        text = self._runs.text(paragraph).strip()
        level = self._level(paragraph)
        number = self._number(paragraph) if text else ""
        listed = level is None and bool(number)
        marked = f"{number} {text}" if number and (number != BULLET or listed) else text
        if level == 0:
            self.title = self.title or one_line(text)
        elif level is not None:
            self._assembly.heading(level, marked)
        if text:
            self._assembly.add(marked, "\n" if listed and self._listed else "\n\n")
            self._listed = listed
        for box in _boxes(paragraph):
            self.read_blocks(box)
        for element in descend(paragraph, _DELETED):
            if local_name(element) == "textpath":
                self._assembly.add(attribute(element, "string") or "")

    def _level(self, paragraph: Element) -> int | None:
        properties = child(paragraph, "pPr")
        if properties is None:
            return None
        level = outline_level(properties)
        if level is None:
            level = self._styles.level(value(properties, "pStyle"))
        return None if level is None or level > BODY_TEXT_LEVEL else level

    def _number(self, paragraph: Element) -> str:
        """What Word writes before a paragraph: a number, `BULLET`, or ""."""
        properties = child(paragraph, "pPr")
        if properties is None:
            return ""
        style = value(properties, "pStyle")
        own = child(properties, "numPr")
        identifier = value(own, "numId") if own is not None else None
        level = value(own, "ilvl") if own is not None else None
        if identifier is None:
            identifier, style_level = self._styles.numbering(style)
            level = level or style_level
        if identifier in (None, "0"):
            return ""
        of_style = self._numbering.level_of_style(identifier or "", style) if level is None else None
        return self._numbering.next(identifier or "", of_style if of_style is not None else whole_number(level))

    def _table(self, table: Element) -> None:
        rows: list[dict[int, str]] = []
        above: dict[int, str] = {}
        for row in _named(table, "tr"):
            properties = child(row, "trPr")
            if properties is not None and child(properties, "del") is not None:
                continue
            rows.append({})
            column = 0
            for cell in _named(row, "tc"):
                span, merge, is_deleted = _cell_properties(cell)
                text = self._flat(cell) if not is_deleted else ""
                text = above.get(column, "") if merge == "continue" and not text else text
                above[column] = text if merge else ""
                rows[-1][column] = text
                column += span
        separator = "\n\n"
        for line in grid.table_lines(rows):
            self._assembly.add(line, separator)
            separator = "\n"
        self._listed = False

    def _flat(self, container: Element) -> str:
        """All the text of a cell or a note on one line, nested tables and text boxes included."""
        return one_line(" ".join(self._runs.text(e) for e in descend(container, _DELETED) if local_name(e) == "p"))

    def _alternative(self, chunk: Element) -> None:
        """Add a part in another format (17.17.2.1): HTML and text here, other files as files of their own."""
        part = self._relations.get(attribute(chunk, "id") or "", ("", ""))[1]
        content = read_part(self._archive, part) if part else None
        if content is None:
            return
        ending = part.rpartition(".")[2].lower()
        if ending in ("htm", "html", "xhtml"):
            from chalicelib.knowledge.ingestion.extraction.html import add_markup

            add_markup(self._assembly.decoded(content), self._assembly)
        elif ending == "txt":
            self._assembly.add(self._assembly.decoded(content))
        else:
            add_file(self._assembly, posixpath.basename(part), content)


def _cell_properties(cell: Element) -> tuple[int, str, bool]:
    """How many columns a cell spans, ``restart`` or ``continue`` for a merged one, and whether it is deleted."""
    properties = child(cell, "tcPr")
    if properties is None:
        return 1, "", False
    merge = child(properties, "vMerge")
    kind = "" if merge is None else attribute(merge, "val") or "continue"
    span = min(max(whole_number(value(properties, "gridSpan"), 1), 1), _MOST_COLUMNS)
    return span, kind, child(properties, "cellDel") is not None


def _blocks(container: Element) -> Iterator[Element]:
    """The paragraphs and tables of `container` in order, including those in wrapping elements."""
    pending = [container]
    while pending:
        element = pending.pop()
        name = local_name(element)
        if name in ("p", "tbl", "altChunk") and element is not container:
            yield element
        elif (element is container or name in _CONTAINERS or name == "body") and not is_placeholder(element):
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
