"""PowerPoint presentations (Office Open XML, ECMA-376 part 1): one page per slide, its title as section, its notes.

Shapes are read in the order of their places on the slide, from top to bottom and from left to right, because the file
has them in the order in which they were drawn.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from chalicelib.knowledge.ingestion.extraction import ExtractionError
from chalicelib.knowledge.ingestion.extraction.archive import (
    attribute,
    core_title,
    descend,
    local_name,
    open_archive,
    parse_part,
    related,
)
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, one_line
from chalicelib.knowledge.ingestion.extraction.drawing import UNSEEN, graphics, lines, note_pictures, optional_part
from chalicelib.knowledge.ingestion.extraction.embedded import add_embedded
from chalicelib.knowledge.ingestion.extraction.grid import table_lines
from chalicelib.knowledge.ingestion.extraction.word_numbering import child, whole_number

_TITLES = ("title", "ctrTitle")
# Placeholders of the slide's frame, which are not content.
_FRAME = ("sldNum", "dt", "ftr", "hdr", "sldImg")
_SHAPES = frozenset(("sp", "graphicFrame", "grpSp", "pic", "cxnSp"))
# Shapes whose upper edges are nearer than this stand in one row (in EMU, 914,400 an inch).
_SAME_ROW = 300_000
_OFF = ("0", "false")
_MOST_COLUMNS = 1_000

Place = tuple[int, int]


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Read a presentation and return its title."""
    with open_archive(path, assembly.limits) as archive:
        slides = _slides(archive)
        most = assembly.limits.max_pages
        if len(slides) > most:
            raise ExtractionError(
                "too_large", f"The file has {len(slides):,} slides; at most {most:,} are read. Split it."
            )
        embedded: list[str] = []
        for number, part in enumerate(slides, 1):
            assembly.page(number)
            assembly.leave_sections()
            _add_slide(archive, part, assembly)
            embedded += add_embedded(archive, part, assembly)
        if embedded:
            assembly.add("Embedded files: " + ", ".join(embedded))
        return core_title(archive) or assembly.first_heading


def _slides(archive: zipfile.ZipFile) -> list[str]:
    """The names of the slides' parts in the order they are shown."""
    parts = related(archive, "").values()
    main = next((part for kind, part in parts if kind == "officeDocument"), "ppt/presentation.xml")
    root = parse_part(archive, main)
    if root is None:
        raise ExtractionError("corrupt", "The file is damaged: it holds no presentation.")
    targets = related(archive, main)
    slides_shown = [element for element in root.iter() if local_name(element) == "sldId"]
    identifiers = [value for element in slides_shown for key, value in element.attrib.items() if key.endswith("}id")]
    return [targets[identifier][1] for identifier in identifiers if identifier in targets]


def _add_slide(archive: zipfile.ZipFile, part: str, assembly: TextAssembler) -> None:
    root = parse_part(archive, part)
    relations = related(archive, part)
    shapes = _in_order(root, _layout_places(archive, relations)) if root is not None else []
    for shape in shapes:
        if _placeholder(shape) in _TITLES:
            assembly.heading(1, " ".join(lines(shape)))
    if root is not None and attribute(root, "show") in _OFF:
        assembly.add("(hidden slide)")
    for shape in shapes:
        _add_shape(archive, shape, relations, assembly)
    for kind, word in (("notesSlide", ""), ("comments", "Comment"), ("comment", "Comment")):
        for name in (other for each, other in relations.values() if each == kind):
            _add_aside(archive, name, word, assembly)


def _add_aside(archive: zipfile.ZipFile, part: str, word: str, assembly: TextAssembler) -> None:
    """Add the speaker's notes, or the comments on a slide."""
    root = optional_part(archive, part)
    if root is None:
        return
    if not word:
        if words := "\n".join(line for shape in _shapes(root) for line in lines(shape)):
            assembly.add(f"Note: {words}")
        return
    for element in root.iter():
        if local_name(element) == "cm":
            texts = [e.text or "" for e in element.iter() if local_name(e) == "text"] or lines(element)
            if words := one_line(" ".join(texts)):
                assembly.add(f"{word}: {words}")


def _in_order(root: Element, layout: dict[str, Place]) -> list[Element]:
    """The shapes of a slide by their places: titles first, then rows from top to bottom, each from left to right."""
    placed: list[tuple[bool, Place, int, Element]] = []
    tree = next((element for element in root.iter() if local_name(element) == "spTree"), root)
    for number, shape in enumerate(_top_shapes(tree)):
        kind = _placeholder(shape)
        place = _place(shape) or layout.get(kind or "") or (-1, number)
        placed.append((kind not in _TITLES, place, number, shape))
    placed.sort(key=lambda each: (each[0], each[1][0], each[1][1], each[2]))
    ordered: list[Element] = []
    row: list[tuple[int, int, Element]] = []
    row_top: int | None = None
    for is_body, (top, left), number, shape in placed:
        if row_top is None or not is_body or top - row_top > _SAME_ROW:
            ordered += [each[2] for each in sorted(row, key=lambda each: each[:2])]
            row, row_top = [], top if is_body else None
        row.append((left, number, shape))
    ordered += [each[2] for each in sorted(row, key=lambda each: each[:2])]
    return [inner for shape in ordered for inner in _shapes_of(shape)]


def _top_shapes(tree: Element) -> Iterator[Element]:
    pending = list(reversed(tree))
    while pending:
        element = pending.pop()
        name = local_name(element)
        if name in _SHAPES:
            yield element
        elif name in ("AlternateContent", "Choice", "contentPart"):
            pending.extend(reversed(element))


def _place(shape: Element) -> Place | None:
    """The upper left corner of a shape, upper edge first."""
    for element in shape:
        if local_name(element) in ("spPr", "grpSpPr", "xfrm"):
            frame = element if local_name(element) == "xfrm" else child(element, "xfrm")
            corner = child(frame, "off") if frame is not None else None
            if corner is not None:
                return _number(attribute(corner, "y")), _number(attribute(corner, "x"))
    return None


def _number(text: str | None) -> int:
    try:
        return int(text or "0")
    except ValueError:
        return 0


def _layout_places(archive: zipfile.ZipFile, relations: dict[str, tuple[str, str]]) -> dict[str, Place]:
    """Where the layout puts its placeholders, by their kinds."""
    part = next((other for kind, other in relations.values() if kind == "slideLayout"), "")
    root = optional_part(archive, part) if part else None
    shapes = (e for e in root.iter() if local_name(e) == "sp") if root is not None else ()
    return {kind: place for shape in shapes if (kind := _placeholder(shape)) and (place := _place(shape))}


def _shapes_of(shape: Element) -> Iterator[Element]:
    """A shape, or the shapes of a group in its order; a table or a graphic stays one."""
    if local_name(shape) == "grpSp":
        inner = sorted(enumerate(_top_shapes(shape)), key=lambda each: (*(_place(each[1]) or (0, each[0])), each[0]))
        for _, element in inner:
            yield from _shapes_of(element)
    elif _placeholder(shape) not in _FRAME:
        yield shape


def _shapes(root: Element) -> Iterator[Element]:
    """The shapes that contain text, in order, including those in groups."""
    for element in descend(root, UNSEEN):
        if local_name(element) == "sp" and _placeholder(element) not in _FRAME:
            yield element


def _placeholder(shape: Element) -> str | None:
    """The kind of placeholder that a shape fills: ``body`` when it has no name, None when it fills none."""
    mark = next((element for element in shape.iter() if local_name(element) == "ph"), None)
    return None if mark is None else attribute(mark, "type") or "body"


def _add_shape(
    archive: zipfile.ZipFile, shape: Element, relations: dict[str, tuple[str, str]], assembly: TextAssembler
) -> None:
    table = next((element for element in descend(shape, UNSEEN) if local_name(element) == "tbl"), None)
    if table is None:
        if local_name(shape) == "sp":
            assembly.add("\n".join(lines(shape)))
        for words in graphics(archive, shape, relations):
            assembly.add(words)
        note_pictures(archive, shape, relations, assembly)
        return
    separator = "\n\n"
    for line in table_lines(_rows(table)):
        assembly.add(line, separator)
        separator = "\n"


def _rows(table: Element) -> list[dict[int, str]]:
    """The rows of a table; a merged cell stands in each of its rows."""
    rows: list[dict[int, str]] = []
    for row in (element for element in table if local_name(element) == "tr"):
        above = rows[-1] if rows else {}
        cells: dict[int, str] = {}
        for column, cell in enumerate(e for e in row if local_name(e) == "tc"):
            if column >= _MOST_COLUMNS or whole_number(attribute(cell, "hMerge")):
                continue
            text = one_line(" ".join(lines(cell)))
            cells[column] = above.get(column, "") if attribute(cell, "vMerge") in ("1", "true") else text
        rows.append(cells)
    return rows
