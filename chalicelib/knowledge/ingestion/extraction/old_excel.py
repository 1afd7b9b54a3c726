"""XLS workbooks of Excel 2 to 2003, with xlrd: the cells as they are shown, merged cells, notes and links."""

from __future__ import annotations

import io
import itertools
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, one_line
from chalicelib.knowledge.ingestion.extraction.built_in_formats import BUILT_IN
from chalicelib.knowledge.ingestion.extraction.drawing import raised
from chalicelib.knowledge.ingestion.extraction.grid import Area, Sheet, add_remarks, add_sheet
from chalicelib.knowledge.ingestion.extraction.number_formats import GENERAL
from chalicelib.knowledge.ingestion.extraction.worksheet import formatted

if TYPE_CHECKING:
    from xlrd.book import Book  # type: ignore[import-untyped]

_TEXT, _NUMBER, _DATE, _BOOLEAN, _ERROR = 1, 2, 3, 4, 5
_LETTERS = 26


def read(path: Path, assembly: TextAssembler) -> None:
    """Read a workbook. It has no title. Raises XLRDError and, for damaged ones, what xlrd raises."""
    import xlrd  # type: ignore[import-untyped]

    with path.open("rb") as file:
        content = file.read()
    book = xlrd.open_workbook(file_contents=content, formatting_info=True, on_demand=True, logfile=io.StringIO())
    for number in range(book.nsheets):
        source = book.sheet_by_index(number)
        assembly.page(number + 1)
        sheet = Sheet(source.name, is_hidden=bool(source.visibility))
        for row in range(source.nrows):
            runs = {column: source.rich_text_runlist_map.get((row, column)) for column in range(source.row_len(row))}
            cells = {
                column: text
                for column, cell in enumerate(source.row(row))
                if (text := _shown(book, cell, runs.get(column)))
            }
            if cells:
                sheet.rows[row] = cells
        sheet.areas = [Area(top, left, bottom - 1, right - 1) for top, bottom, left, right in source.merged_cells]
        remarks = getattr(source, "cell_note_map", {})
        add_remarks(
            sheet, [(_name(*place), note.author or "", note.text or "") for place, note in sorted(remarks.items())]
        )
        for link in getattr(source, "hyperlink_list", []):
            if address := link.url_or_path:
                text = address.decode("utf-8", "replace") if isinstance(address, bytes) else str(address)
                sheet.beside.append(f"Link on {_name(link.frowx, link.fcolx)}: {one_line(text)}")
        add_sheet(sheet, assembly)
        book.unload_sheet(number)


def _shown(book: Book, cell: Any, runs: list[tuple[int, int]] | None) -> str:
    if cell.ctype in (_NUMBER, _DATE):
        return formatted(format(Decimal(repr(cell.value)), "f"), _code(book, cell.xf_index), bool(book.datemode))
    if cell.ctype == _BOOLEAN:
        return "TRUE" if cell.value else "FALSE"
    if cell.ctype == _ERROR:
        from xlrd import error_text_from_code

        return str(error_text_from_code.get(cell.value, ""))
    return one_line(_raised(book, str(cell.value), runs or [])) if cell.ctype == _TEXT else ""


def _raised(book: Book, text: str, runs: list[tuple[int, int]]) -> str:
    """A text with its raised and lowered characters marked; `runs` are the places and numbers of its fonts."""
    parts = [text[: runs[0][0]]] if runs else [text]
    for (start, font), (end, _) in itertools.zip_longest(runs, runs[1:], fillvalue=(len(text), 0)):
        escapement = book.font_list[font].escapement if font < len(book.font_list) else 0
        parts.append(raised(text[start:end], {1: "^", 2: "_"}.get(escapement, ""), parts[-1]))
    return "".join(parts)


def _code(book: Book, style: int | None) -> str:
    if style is None or style >= len(book.xf_list):
        return GENERAL
    key = book.xf_list[style].format_key
    if key in BUILT_IN:
        # The file's own list has the built-in dates in the order of its author's country.
        own = book.format_map.get(key)
        return BUILT_IN[key] if own is None or key in (14, 22) else str(own.format_str)
    return str(book.format_map[key].format_str) if key in book.format_map else GENERAL


def _name(row: int, column: int) -> str:
    """The reference of a cell, as in C7."""
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, _LETTERS)
        letters = chr(65 + letter) + letters
    return f"{letters}{row + 1}"
