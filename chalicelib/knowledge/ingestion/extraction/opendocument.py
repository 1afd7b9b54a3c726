"""OpenDocument texts and presentations (ISO/IEC 26300): sections by headings, one page per slide, tables as rows."""

from __future__ import annotations

import base64
import posixpath
import zipfile
from functools import partial
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
from chalicelib.knowledge.ingestion.extraction.drawing import optional_part
from chalicelib.knowledge.ingestion.extraction.grid import Area, Sheet, lines_of
from chalicelib.knowledge.ingestion.extraction.sniffing import encrypted
from chalicelib.knowledge.ingestion.extraction.word_numbering import formatted, whole_number

# Tracked changes contain deleted text; the others are indexes of text elsewhere, text that is not shown, and pictures.
_UNSEEN = frozenset(
    (
        "tracked-changes",
        "table-of-content",
        "alphabetical-index",
        "forms",
        "note-citation",
        "bookmark-ref",
        "ruby-text",
        "hidden-text",
        "binary-data",
    )
)
# What stands beside the text of its paragraph.
_BESIDE = ("note", "text-box", "annotation")
_FORMS = {"1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_MOST_COLUMNS = 1_000
_PARAGRAPHS = ("p", "h")
_MOST_SPACES = 1000
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
    body = next((element for element in root if local_name(element) == "body"), root)
    _OdfDocument(assembly, root, archive).read(body)


class _Lists:
    """The forms of numbered lists, by the names of their styles."""

    def __init__(self, root: Element) -> None:
        self._levels: dict[str, dict[int, tuple[str, str, int, int]]] = {}
        for style in root.iter():
            if local_name(style) == "list-style":
                levels = {
                    whole_number(attribute(e, "level"), 1): (
                        _FORMS.get(attribute(e, "num-format") or "", ""),
                        attribute(e, "num-suffix") or "",
                        whole_number(attribute(e, "display-levels"), 1),
                        whole_number(attribute(e, "start-value"), 1),
                    )
                    for e in style
                    if local_name(e) == "list-level-style-number"
                }
                self._levels[attribute(style, "name") or ""] = levels

    def next(self, style: str, counts: dict[int, int], level: int) -> str:
        """Count one item of a list; its number, or a dash."""
        levels = self._levels.get(style, {})
        form, suffix, shown, start = levels.get(level, ("", "", 1, 1))
        counts[level] = counts.get(level, start - 1) + 1
        for deeper in [each for each in counts if each > level]:
            del counts[deeper]
        if not form:
            return "-"
        numbers = [
            formatted(counts.get(each, 1), levels.get(each, ("decimal", "", 1, 1))[0] or "decimal")
            for each in range(max(level - shown + 1, 1), level + 1)
        ]
        return ".".join(numbers) + suffix


class _OdfDocument:
    """One document under construction."""

    def __init__(self, assembly: TextAssembler, root: Element, archive: zipfile.ZipFile | None) -> None:
        self._assembly = assembly
        self._archive = archive
        self._objects: set[str] = set()
        self._lists = _Lists(root)
        self._hidden = {attribute(e, "name") for e in root.iter() if _is_hidden_style(e)}
        self._slides = 0
        self._listed = False

    def read(self, container: Element) -> None:
        """Add everything in `container`. Notes and comments follow their paragraph."""
        # With each element: the style of its list, the counts of that list, the level, and whether an item begins.
        pending: list[tuple[Element, str, dict[int, int], int, bool]] = [
            (element, "", {}, 0, False) for element in reversed(container)
        ]
        while pending:
            element, style, counts, level, begins = pending.pop()
            name = local_name(element)
            if name in _UNSEEN:
                continue
            if name in _PARAGRAPHS:
                self._paragraph(element, self._lists.next(style, counts, level) if begins else "", listed=level > 0)
            elif name == "table":
                self._table(element)
            else:
                self._enter(element, name)
                if name == "list":
                    own = attribute(element, "style-name")
                    style, level = own or style, level + 1
                    counts = counts if level > 1 else {}
                first = name == "list-item"
                for number, below in enumerate(reversed(list(element))):
                    is_first = first and number == len(element) - 1
                    pending.append((below, style, counts, level, is_first))

    def _enter(self, element: Element, name: str) -> None:
        if name == "page":
            self._slides += 1
            self._assembly.page(self._slides)
            self._assembly.leave_sections()
            if attribute(element, "style-name") in self._hidden:
                self._assembly.add("(hidden slide)")
        elif name == "frame" and attribute(element, "class") == "title":
            self._assembly.heading(1, _flat(element))
        elif name == "object":
            self._add_object(element)
        elif name == "image":
            self._note_picture(element)

    def _paragraph(self, paragraph: Element, number: str, *, listed: bool) -> None:
        if attribute(paragraph, "style-name") in self._hidden:
            return
        text = _text(paragraph).strip()
        if local_name(paragraph) == "h":
            level = attribute(paragraph, "outline-level") or "1"
            self._assembly.heading(int(level) if level.isdecimal() else 1, text)
        if text:
            marked = f"{number} {text}" if number else text
            self._assembly.add(marked, "\n" if listed and self._listed else "\n\n")
            self._listed = listed
        for element in descend(paragraph, _UNSEEN):
            name = local_name(element)
            if name in ("note-body", "text-box"):
                self._assembly.add(_flat(element))
            elif name == "annotation":
                self._add_comment(element)
            elif name == "object":
                self._add_object(element)
            elif name == "image":
                self._note_picture(element)

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
        if words := _flat(annotation):
            self._assembly.add(f"Comment{f' by {author}' if author else ''}: {words}")

    def _table(self, table: Element) -> None:
        rows: list[dict[int, str]] = []
        areas: list[Area] = []
        for row in (element for element in descend(table, _UNSEEN) if local_name(element) == "table-row"):
            cells: dict[int, str] = {}
            column = 0
            for cell in row:
                if local_name(cell) not in ("table-cell", "covered-table-cell") or column > _MOST_COLUMNS:
                    continue
                for element in descend(cell, _UNSEEN):
                    if local_name(element) == "image":
                        self._note_picture(element)
                down = whole_number(attribute(cell, "number-rows-spanned"), 1)
                text = _flat(cell)
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


def _is_hidden_style(element: Element) -> bool:
    """Whether a style hides its text, or its slide."""
    if local_name(element) != "style":
        return False
    return any(
        attribute(properties, "display") == "none" or attribute(properties, "visibility") == "hidden"
        for properties in element
    )


def _flat(container: Element) -> str:
    """All the text in `container` on one line."""
    skipped = _UNSEEN if local_name(container) == "annotation" else {*_UNSEEN, "annotation"}
    paragraphs = (e for e in descend(container, skipped) if local_name(e) in _PARAGRAPHS)
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
        elif name not in _UNSEEN and name not in _BESIDE:
            parts.append(item.text or "")
            tails.extend(reversed(item))
    return "".join(parts)
