"""Spreadsheets of Excel and OpenDocument: one page per sheet, its name as section, one line per row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chalicelib.knowledge.ingestion.extraction import ExtractionError
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, one_line
from chalicelib.knowledge.ingestion.extraction.sniffing import encrypted


def read(path: Path, assembly: TextAssembler) -> None:
    """Read a spreadsheet: the stored values, never the formulas. It has no title."""
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError, WorksheetNotFound

    if path.read_bytes()[:2] == b"PK":
        from chalicelib.knowledge.ingestion.extraction.archive import open_archive

        open_archive(path, assembly.limits).close()
    try:
        workbook = CalamineWorkbook.from_path(str(path))
        for number, name in enumerate(workbook.sheet_names, 1):
            assembly.page(number)
            assembly.leave_sections()
            assembly.heading(1, name)
            try:
                sheet = workbook.get_sheet_by_name(name)
            except WorksheetNotFound:
                continue
            _add_rows(sheet.to_python(skip_empty_area=True), name, assembly)
    except PasswordError as error:
        raise encrypted() from error
    except CalamineError as error:
        raise ExtractionError(
            "corrupt", "The file is damaged and cannot be opened as a spreadsheet.", str(error)
        ) from error


def _add_rows(rows: Sequence[Sequence[object]], name: str, assembly: TextAssembler) -> None:
    separator = "\n\n"
    for row in rows:
        line = " | ".join(_value(cell) for cell in row).rstrip(" |")
        if line.strip(" |"):
            if separator == "\n\n":
                assembly.add(name)
            assembly.add(line, separator)
            separator = "\n"


def _value(cell: object) -> str:
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return one_line(str(cell))
