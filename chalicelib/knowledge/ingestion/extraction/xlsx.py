"""XLSX workbooks (ECMA-376 part 1, 18): the sheets with their cells as they are shown, notes, links, boxes and charts.

This module reads the markup itself: the libraries for it either give the stored numbers without their formats, or take
longer for a large workbook than a file may take.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from xml.etree.ElementTree import Element

from chalicelib.knowledge.ingestion.extraction import ExtractionError
from chalicelib.knowledge.ingestion.extraction import drawing as drawings
from chalicelib.knowledge.ingestion.extraction.archive import (
    attribute,
    core_title,
    descend,
    external,
    local_name,
    open_archive,
    open_part,
    parse_part,
    related,
)
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, one_line
from chalicelib.knowledge.ingestion.extraction.built_in_formats import BUILT_IN
from chalicelib.knowledge.ingestion.extraction.embedded import add_embedded
from chalicelib.knowledge.ingestion.extraction.grid import Sheet, add_remarks, add_sheet
from chalicelib.knowledge.ingestion.extraction.number_formats import GENERAL
from chalicelib.knowledge.ingestion.extraction.worksheet import Cells, Style, read_cells

_TRUE = ("1", "true", "on")
_MOST_LINKS = 2_000


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Read a workbook and return its title."""
    with open_archive(path, assembly.limits) as archive:
        parts = related(archive, "").values()
        main = next((part for kind, part in parts if kind == "officeDocument"), "xl/workbook.xml")
        root = parse_part(archive, main)
        if root is None:
            raise ExtractionError("corrupt", "The file is damaged: it holds no workbook.")
        targets = related(archive, main)
        style = _style(archive, root, targets)
        for number, element in enumerate((e for e in root.iter() if local_name(e) == "sheet"), 1):
            assembly.page(number)
            _add(archive, element, targets, style, assembly)
        return core_title(archive)


def _style(archive: zipfile.ZipFile, root: Element, targets: dict[str, tuple[str, str]]) -> Style:
    kinds = dict(targets.values())
    properties = next((e for e in root if local_name(e) == "workbookPr"), None)
    from_1904 = properties is not None and attribute(properties, "date1904") in _TRUE
    texts = _shared_texts(archive, kinds.get("sharedStrings", "xl/sharedStrings.xml"))
    return Style(texts, _formats(archive, kinds.get("styles", "xl/styles.xml")), from_1904)


def _shared_texts(archive: zipfile.ZipFile, part: str) -> list[str]:
    root = parse_part(archive, part)
    items = (item for item in root if local_name(item) == "si") if root is not None else ()
    return [rich_text(item) for item in items]


def rich_text(item: Element) -> str:
    """The text of a cell or a note with its runs; readings of ideographs (``rPh``) are left out."""
    parts: list[str] = []
    for run in item:
        name = local_name(run)
        if name == "t":
            parts.append(run.text or "")
        elif name == "r":
            text = "".join(t.text or "" for t in run if local_name(t) == "t")
            parts.append(drawings.raised(text, _raised(run), "".join(parts[-1:])))
    return one_line("".join(parts))


def _raised(run: Element) -> str:
    align = next((attribute(e, "val") for e in run.iter() if local_name(e) == "vertAlign"), None)
    return {"superscript": "^", "subscript": "_"}.get(align or "", "")


def _formats(archive: zipfile.ZipFile, part: str) -> list[str]:
    """The format code of each cell style, by its number."""
    root = drawings.optional_part(archive, part)
    if root is None:
        return []
    own = {
        attribute(e, "numFmtId"): attribute(e, "formatCode") or GENERAL
        for e in root.iter()
        if local_name(e) == "numFmt"
    }
    styles = next((e for e in root if local_name(e) == "cellXfs"), ())
    return [_code(attribute(e, "numFmtId") or "0", own) for e in styles]


def _code(identifier: str, own: dict[str | None, str]) -> str:
    if identifier in own:
        return own[identifier]
    return BUILT_IN.get(int(identifier), GENERAL) if identifier.isdecimal() else GENERAL


def _add(
    archive: zipfile.ZipFile,
    element: Element,
    targets: dict[str, tuple[str, str]],
    style: Style,
    assembly: TextAssembler,
) -> None:
    identifier = next((value for key, value in element.attrib.items() if key.endswith("}id")), "")
    kind, part = targets.get(identifier, ("", ""))
    sheet = Sheet(attribute(element, "name") or "", attribute(element, "state") in ("hidden", "veryHidden"))
    drawn = list(_drawings(archive, part)) if part else []
    for drawing, relations in drawn:
        _add_drawing(archive, drawing, relations, sheet)
    if part and kind != "chartsheet":
        with _opened(archive, part) as stream:
            cells = read_cells(stream, style)
        sheet.rows, sheet.areas = cells.rows, cells.areas
        if cells.without_result:
            assembly.warn(
                "not_calculated",
                f"{cells.without_result:,} formulas of the sheet {sheet.name} have no stored result. Open the file "
                "in a spreadsheet program and save it again.",
            )
        _add_beside(archive, part, cells, sheet)
        add_embedded(archive, part, assembly)
    add_sheet(sheet, assembly)
    for drawing, relations in drawn:
        drawings.note_pictures(archive, drawing, relations, assembly)


def _opened(archive: zipfile.ZipFile, part: str) -> IO[bytes]:
    stream = open_part(archive, part)
    if stream is None:
        raise ExtractionError("corrupt", "The file is damaged: a sheet of it is missing.", part)
    return stream


def _add_beside(archive: zipfile.ZipFile, part: str, cells: Cells, sheet: Sheet) -> None:
    """Notes and links of a sheet."""
    relations = related(archive, part)
    people = _people(archive)
    remarks = [
        note
        for kind, other in relations.values()
        if kind == "threadedComment"
        for note in _threads(archive, other, people)
    ]
    with_thread = {cell for cell, _, _ in remarks}
    remarks += [
        note
        for kind, other in relations.values()
        if kind == "comments"
        for note in _comments(archive, other)
        if note[0] not in with_thread
    ]
    add_remarks(sheet, remarks)
    addresses = external(archive, part)
    for cell, identifier, _place in cells.links[:_MOST_LINKS]:
        if address := addresses.get(identifier):
            sheet.beside.append(f"Link on {cell}: {address}")


def _drawings(archive: zipfile.ZipFile, part: str) -> Iterator[tuple[Element, dict[str, tuple[str, str]]]]:
    """The drawings of a sheet, each with the parts that it names."""
    for kind, other in related(archive, part).values():
        drawing = drawings.optional_part(archive, other) if kind == "drawing" else None
        if drawing is not None:
            yield drawing, related(archive, other)


def _add_drawing(
    archive: zipfile.ZipFile, drawing: Element, relations: dict[str, tuple[str, str]], sheet: Sheet
) -> None:
    """Boxes and charts."""
    for shape in descend(drawing, drawings.UNSEEN):
        if local_name(shape) == "sp" and (words := drawings.lines(shape)):
            sheet.beside.append("\n".join(words))
    sheet.beside += drawings.graphics(archive, drawing, relations)


def _comments(archive: zipfile.ZipFile, part: str) -> Iterator[tuple[str, str, str]]:
    root = drawings.optional_part(archive, part)
    if root is None:
        return
    authors = [e.text or "" for e in root.iter() if local_name(e) == "author"]
    for element in root.iter():
        if local_name(element) == "comment":
            index = attribute(element, "authorId") or ""
            author = authors[int(index)] if index.isdecimal() and int(index) < len(authors) else ""
            text = next((rich_text(e) for e in element if local_name(e) == "text"), "")
            # Excel begins a note with its author's name.
            yield attribute(element, "ref") or "", author, text.removeprefix(f"{author}:") if author else text


def _people(archive: zipfile.ZipFile) -> dict[str, str]:
    root = drawings.optional_part(archive, "xl/persons/person.xml")
    people = (e for e in root.iter() if local_name(e) == "person") if root is not None else ()
    return {attribute(e, "id") or "": attribute(e, "displayName") or "" for e in people}


def _threads(archive: zipfile.ZipFile, part: str, people: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    root = drawings.optional_part(archive, part)
    for element in root.iter() if root is not None else ():
        if local_name(element) == "threadedComment":
            text = next((e.text or "" for e in element if local_name(e) == "text"), "")
            yield attribute(element, "ref") or "", people.get(attribute(element, "personId") or "", ""), text
