"""OpenDocument texts and presentations (ISO/IEC 26300): sections by headings, one page per slide, tables as rows."""

from __future__ import annotations

import base64
import posixpath
import zipfile
from functools import partial
from pathlib import Path
from xml.etree.ElementTree import Element

from chalicelib.knowledge.ingestion.extraction import ExtractionError, Limits
from chalicelib.knowledge.ingestion.extraction.archive import (
    attribute,
    descend,
    local_name,
    open_archive,
    parse_part,
    read_part,
)
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, one_line
from chalicelib.knowledge.ingestion.extraction.drawing import optional_part
from chalicelib.knowledge.ingestion.extraction.grid import Area, Sheet, lines_of
from chalicelib.knowledge.ingestion.extraction.opendocument_places import in_order
from chalicelib.knowledge.ingestion.extraction.opendocument_styles import OdfStyles
from chalicelib.knowledge.ingestion.extraction.opendocument_text import PARAGRAPHS, UNSEEN, flat, formulas, text_of
from chalicelib.knowledge.ingestion.extraction.sniffing import encrypted
from chalicelib.knowledge.ingestion.extraction.word_numbering import whole_number

_MOST_COLUMNS = 1_000
_MOST_OBJECTS = 500
# Pictures of charts and other objects, which are read themselves.
_REPLACEMENTS = "ObjectReplacements/"


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Read a text or a presentation and return its title."""
    with open_archive(path, assembly.limits) as archive:
        if b"encryption-data" in (read_part(archive, "META-INF/manifest.xml") or b""):
            raise encrypted()
        root = parse_part(archive, "content.xml")
        if root is None:
            raise ExtractionError("corrupt", "The file is damaged: it holds no document.")
        add_content(root, assembly, archive)
        return title_of(archive) or assembly.first_heading


def title_of(archive: zipfile.ZipFile) -> str | None:
    """The title among the properties of an OpenDocument file."""
    return title_in(parse_part(archive, "meta.xml"))


def title_in(meta: Element | None) -> str | None:
    """The title among properties."""
    return (
        next((e.text for e in meta.iter() if local_name(e) == "title" and e.text), None) if meta is not None else None
    )


def add_content(root: Element, assembly: TextAssembler, archive: zipfile.ZipFile | None = None) -> None:
    """Add the body of a document, with the charts and other objects that lie beside it in its `archive`."""
    for words in formulas(root):
        assembly.add(words)
        return
    body = next((element for element in root if local_name(element) == "body"), root)
    document = _OdfDocument(assembly, root, archive, optional_part(archive, "styles.xml") if archive else None)
    is_text = any(local_name(element) == "text" for element in body)
    document.read_frame(0, is_text=is_text)
    document.read(body)
    document.read_frame(1, is_text=is_text)


def words_of_object(element: Element, archive: zipfile.ZipFile | None) -> list[str]:
    """The words of an object in a sheet, such as a chart: it is inside the element, or beside it in the archive."""
    folder = posixpath.normpath(attribute(element, "href") or ".")
    inside = next((inner for inner in element if local_name(inner) in ("document", "math")), None)
    root = optional_part(archive, f"{folder}/content.xml") if inside is None and archive is not None else inside
    if root is None:
        return []
    scratch = TextAssembler(Limits())
    add_content(root, scratch)
    return [scratch.text] if scratch.text else []


class _OdfDocument:
    """One document under construction."""

    def __init__(
        self, assembly: TextAssembler, root: Element, archive: zipfile.ZipFile | None, styles: Element | None = None
    ) -> None:
        self._assembly = assembly
        self._archive = archive
        self._objects: set[str] = set()
        self._styles = OdfStyles([root] if styles is None else [styles, root])
        self._slides = 0
        self._listed = False

    def read_frame(self, which: int, *, is_text: bool) -> None:
        """Add the headers (0) or the footers (1) of a text, each line once, under no heading."""
        frames = self._styles.headers_and_footers()[which] if is_text else []
        paragraphs = (e for frame in frames for e in descend(frame, UNSEEN) if local_name(e) in PARAGRAPHS)
        texts = dict.fromkeys(one_line(text_of(paragraph, self._styles)) for paragraph in paragraphs)
        if shown := [text for text in texts if any(character.isalnum() for character in text)]:
            self._assembly.leave_sections()
            self._assembly.add("\n".join(shown))

    def read(self, container: Element) -> None:
        """Add everything in `container`. Notes and comments follow their paragraph."""
        # With each element: the style of its list, the counts of that list, the level, and whether an item begins.
        pending: list[tuple[Element, str, dict[int, int], int, bool]] = [
            (element, "", {}, 0, False) for element in reversed(container)
        ]
        while pending:
            element, style, counts, level, begins = pending.pop()
            name = local_name(element)
            if name in UNSEEN:
                continue
            if name == "notes":
                self._add_remarks(element)
            elif name in PARAGRAPHS:
                self._paragraph(element, self._styles.next(style, counts, level) if begins else "", listed=level > 0)
            elif name == "table":
                self._table(element)
            else:
                self._enter(element, name)
                if name == "list":
                    own = attribute(element, "style-name")
                    style, level = own or style, level + 1
                    counts = counts if level > 1 else {}
                first = name == "list-item"
                inner = in_order(element) if name == "page" else list(element)
                for number, below in enumerate(reversed(inner)):
                    is_first = first and number == len(inner) - 1
                    pending.append((below, style, counts, level, is_first))

    def _enter(self, element: Element, name: str) -> None:
        if name == "page":
            self._slides += 1
            self._assembly.page(self._slides)
            self._assembly.leave_sections()
            if self._styles.hides(element):
                self._assembly.add("(hidden slide)")
        elif name == "frame" and attribute(element, "class") == "title":
            self._assembly.heading(1, flat(element, self._styles))
        elif name == "object":
            self._add_object(element)
        elif name == "image":
            self._note_picture(element)

    def _paragraph(self, paragraph: Element, number: str, *, listed: bool) -> None:
        if self._styles.hides(paragraph):
            return
        text = text_of(paragraph, self._styles).strip()
        if local_name(paragraph) == "h":
            level = attribute(paragraph, "outline-level") or "1"
            self._assembly.heading(int(level) if level.isdecimal() else 1, text)
        if text:
            marked = f"{number} {text}" if number else text
            self._assembly.add(marked, "\n" if listed and self._listed else "\n\n")
            self._listed = listed
        for element in descend(paragraph, UNSEEN):
            name = local_name(element)
            if name in ("note-body", "text-box"):
                self._assembly.add(flat(element, self._styles))
            elif name == "annotation":
                self._add_comment(element)
            elif name == "object":
                self._add_object(element)
            elif name == "image":
                self._note_picture(element)

    def _add_remarks(self, notes: Element) -> None:
        """Add what a speaker notes for a slide."""
        frames = (e for e in notes if local_name(e) == "frame" and attribute(e, "class") in (None, "notes"))
        if words := "\n".join(text for frame in frames if (text := flat(frame, self._styles))):
            self._assembly.add(f"Note: {words}")

    def _note_picture(self, element: Element) -> None:
        """A picture beside the document in its archive, or inside its one XML file."""
        part = posixpath.normpath(attribute(element, "href") or "")
        data = next((e.text or "" for e in element if local_name(e) == "binary-data"), "")
        if data:
            self._assembly.picture(data, partial(base64.b64decode, data))
        elif self._archive is not None and part != "." and not part.startswith(_REPLACEMENTS):
            self._assembly.picture(part, partial(read_part, self._archive, part))

    def _add_object(self, element: Element) -> None:
        """Add a chart, with its title and its table, or another document that is drawn in this one."""
        folder = posixpath.normpath(attribute(element, "href") or ".")
        if self._archive is None or folder in self._objects or len(self._objects) >= _MOST_OBJECTS:
            return
        self._objects.add(folder)
        root = optional_part(self._archive, f"{folder}/content.xml")
        if root is not None:
            add_content(root, self._assembly)

    def _add_comment(self, annotation: Element) -> None:
        author = next((one_line(e.text or "") for e in annotation if local_name(e) == "creator"), "")
        if words := flat(annotation, self._styles):
            self._assembly.add(f"Comment{f' by {author}' if author else ''}: {words}")

    def _table(self, table: Element) -> None:
        rows: list[dict[int, str]] = []
        areas: list[Area] = []
        for row in (element for element in descend(table, UNSEEN) if local_name(element) == "table-row"):
            cells: dict[int, str] = {}
            column = 0
            for cell in row:
                if local_name(cell) not in ("table-cell", "covered-table-cell") or column > _MOST_COLUMNS:
                    continue
                for element in descend(cell, UNSEEN):
                    if local_name(element) == "image":
                        self._note_picture(element)
                down = whole_number(attribute(cell, "number-rows-spanned"), 1)
                text = flat(cell, self._styles)
                if down > 1:
                    areas.append(Area(len(rows), column, len(rows) + down - 1, column))
                repeated = whole_number(attribute(cell, "number-columns-repeated"), 1)
                if text:
                    cells[column] = text
                column += repeated
            rows.append(cells)
        sheet = Sheet("", rows=dict(enumerate(rows)), areas=areas)
        separator = "\n\n"
        for line in lines_of(sheet):
            self._assembly.add(line, separator)
            separator = "\n"
        self._listed = False
