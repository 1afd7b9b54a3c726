"""Spreadsheets: one page per sheet, its name as section, one line per row, with the values that a person sees."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from chalicelib.knowledge.ingestion.extraction import ExtractionError
from chalicelib.knowledge.ingestion.extraction.archive import open_archive
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, one_line
from chalicelib.knowledge.ingestion.extraction.grid import Sheet, add_sheet
from chalicelib.knowledge.ingestion.extraction.number_formats import general
from chalicelib.knowledge.ingestion.extraction.sniffing import encrypted


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Read a spreadsheet and return its title: the values as they are shown, never the formulas."""
    if path.read_bytes()[:2] != b"PK":
        _read_old(path, assembly)
        return None
    if assembly.kind == "ods":
        from chalicelib.knowledge.ingestion.extraction import ods

        return ods.read(path, assembly)
    with open_archive(path, assembly.limits) as archive:
        is_binary = any(name.lower().endswith("workbook.bin") for name in archive.namelist())
    if is_binary:
        _read_values(path, assembly)
        return None
    from chalicelib.knowledge.ingestion.extraction import xlsx

    return xlsx.read(path, assembly)


def _read_old(path: Path, assembly: TextAssembler) -> None:
    """Read a workbook of Excel 2 to 2003 ([MS-XLS]); one that xlrd cannot read, by its stored values."""
    from xlrd import XLRDError  # type: ignore[import-untyped]

    from chalicelib.knowledge.ingestion.extraction import old_excel

    try:
        old_excel.read(path, assembly)
    except XLRDError as error:
        if "encrypted" in str(error).lower():
            raise encrypted() from error
        _read_values(path, assembly)
    except Exception:  # xlrd raises errors of many kinds on damaged files
        if not assembly.is_empty:
            raise
        _read_values(path, assembly)


def _read_values(path: Path, assembly: TextAssembler) -> None:
    """Read the stored values, without their formats, of a workbook in binary parts (XLSB)."""
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetVisibleEnum, WorksheetNotFound

    try:
        workbook = CalamineWorkbook.from_path(str(path))
        hidden = {each.name for each in workbook.sheets_metadata if each.visible != SheetVisibleEnum.Visible}
        for number, name in enumerate(workbook.sheet_names, 1):
            assembly.page(number)
            sheet = Sheet(name, is_hidden=name in hidden)
            try:
                sheet.rows = _rows(workbook.get_sheet_by_name(name).to_python(skip_empty_area=True))
            except WorksheetNotFound:
                continue
            add_sheet(sheet, assembly)
    except PasswordError as error:
        raise encrypted() from error
    except CalamineError as error:
        raise ExtractionError(
            "corrupt", "The file is damaged and cannot be opened as a spreadsheet.", str(error)
        ) from error


def _rows(values: Sequence[Sequence[object]]) -> dict[int, dict[int, str]]:
    return {
        number: {column: text for column, cell in enumerate(row) if (text := _value(cell))}
        for number, row in enumerate(values)
    }


def _value(cell: object) -> str:
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return general(Decimal(repr(cell)))
    return one_line(str(cell))
