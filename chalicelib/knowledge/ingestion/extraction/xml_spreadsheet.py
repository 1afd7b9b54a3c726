"""Spreadsheets in the XML of Excel 2002 and 2003 (XML Spreadsheet Reference), as many programs still export them."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element

from chalicelib.knowledge.ingestion.extraction.archive import attribute, local_name, parse_xml
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, one_line
from chalicelib.knowledge.ingestion.extraction.grid import Area, Sheet, add_remarks, add_sheet
from chalicelib.knowledge.ingestion.extraction.number_formats import GENERAL
from chalicelib.knowledge.ingestion.extraction.word_numbering import child, whole_number
from chalicelib.knowledge.ingestion.extraction.worksheet import formatted

_NAMED = {
    "Percent": "0.00%", "Fixed": "0.00", "Standard": "#,##0.00", "Currency": '"$"#,##0.00', "Scientific": "0.00E+00",
    "General Number": GENERAL, "Yes/No": '"Yes";"Yes";"No"', "True/False": '"True";"True";"False"',
}  # fmt: skip
_MOST_COLUMNS = 16_384


def read(path: Path, assembly: TextAssembler) -> None:
    """Read a workbook. It has no title."""
    root = parse_xml(path.read_bytes())
    formats = {attribute(e, "ID"): _code(e) for e in root.iter() if local_name(e) == "Style"}
    for number, element in enumerate((e for e in root if local_name(e) == "Worksheet"), 1):
        assembly.page(number)
        is_hidden = any(local_name(e) == "Visible" and (e.text or "") != "SheetVisible" for e in element.iter())
        sheet = Sheet(attribute(element, "Name") or "", is_hidden=is_hidden)
        table = child(element, "Table")
        _add_rows(table if table is not None else Element("Table"), formats, sheet)
        add_sheet(sheet, assembly)


def _code(style: Element) -> str:
    form = child(style, "NumberFormat")
    code = attribute(form, "Format") if form is not None else None
    return _NAMED.get(code or "", code or GENERAL)


def _add_rows(table: Element, formats: dict[str | None, str], sheet: Sheet) -> None:
    row = -1
    remarks: list[tuple[str, str, str]] = []
    for element in (e for e in table if local_name(e) == "Row"):
        row = whole_number(attribute(element, "Index"), row + 2) - 1
        column = -1
        for cell in (e for e in element if local_name(e) == "Cell"):
            column = min(whole_number(attribute(cell, "Index"), column + 2) - 1, _MOST_COLUMNS)
            text = _shown(cell, formats)
            if text:
                sheet.rows.setdefault(row, {})[column] = text
            across, down = whole_number(attribute(cell, "MergeAcross")), whole_number(attribute(cell, "MergeDown"))
            if across or down:
                sheet.areas.append(Area(row, column, row + down, column + across))
            comment = child(cell, "Comment")
            if comment is not None:
                words = " ".join(comment.itertext())
                remarks.append((f"row {row + 1}", attribute(comment, "Author") or "", words))
            column += across
    add_remarks(sheet, remarks)


def _shown(cell: Element, formats: dict[str | None, str]) -> str:
    data = child(cell, "Data")
    if data is None:
        return ""
    text = one_line("".join(data.itertext()))
    kind = attribute(data, "Type")
    if kind == "Number":
        return formatted(text, formats.get(attribute(cell, "StyleID"), GENERAL), False)
    if kind == "Boolean":
        return "TRUE" if text == "1" else "FALSE"
    if kind == "DateTime":
        return text.removesuffix(".000").removesuffix("T00:00:00").replace("T", " ")
    return text
