"""OpenDocument spreadsheets (ISO/IEC 26300), read as a stream: each cell's text as it is shown."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO
from xml.etree.ElementTree import TreeBuilder
from xml.parsers import expat

from chalicelib.knowledge.ingestion.extraction import ExtractionError
from chalicelib.knowledge.ingestion.extraction.archive import open_archive, open_part, read_part
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, one_line
from chalicelib.knowledge.ingestion.extraction.drawing import raised
from chalicelib.knowledge.ingestion.extraction.grid import Area, Sheet, add_sheet
from chalicelib.knowledge.ingestion.extraction.opendocument import title_of, words_of_object
from chalicelib.knowledge.ingestion.extraction.opendocument_styles import mark_of
from chalicelib.knowledge.ingestion.extraction.sniffing import encrypted
from chalicelib.knowledge.ingestion.extraction.worksheet import refuse_entity

# Empty rows and cells at the end of a sheet are repeated up to its size; rows with text hardly ever.
_MOST_REPEATED = 1_000
_MOST_COLUMNS = 16_384
_UNSEEN = frozenset(("ruby-text", "tracked-changes", "creator", "date", "binary-data"))
# What stands beside the cells; the last two describe a picture.
_ASIDES = {
    "annotation": "Note: ",
    "text-box": "",
    "custom-shape": "",
    "svg:desc": "Picture: ",
    "svg:title": "Picture: ",
}
_MOST_OBJECTS = 100


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Read a spreadsheet and return its title."""
    with open_archive(path, assembly.limits) as archive:
        if b"encryption-data" in (read_part(archive, "META-INF/manifest.xml") or b""):
            raise encrypted()
        stream = open_part(archive, "content.xml")
        if stream is None:
            raise ExtractionError("corrupt", "The file is damaged: it holds no document.")
        with stream:
            add_sheets(stream, assembly, archive)
        return title_of(archive)


def add_sheets(stream: IO[bytes], assembly: TextAssembler, archive: zipfile.ZipFile | None = None) -> None:
    """Add the sheets of the content in `stream`, one page each, with the charts that lie beside it in `archive`."""
    _Content(assembly, archive).parse(stream)


class _Content:
    """The events of a content part: tables of rows of cells of paragraphs."""

    def __init__(self, assembly: TextAssembler, archive: zipfile.ZipFile | None) -> None:
        self._assembly = assembly
        self._archive = archive
        # The object, such as a chart, that is being read inside the sheet, and how deep in it this is.
        self._object: TreeBuilder | None = None
        self._depth = self._objects = 0
        self._marks: dict[str, str] = {}
        self._mark: list[str] = []
        self._number = 0
        self._hidden_styles: set[str] = set()
        self._style = ""
        self._sheet: Sheet | None = None
        self._tables = 0
        self._row: dict[int, str] = {}
        self._row_number = self._row_repeated = 0
        self._column = self._repeated = 0
        self._value = ""
        self._cell: list[str] = []
        self._aside: list[str] = []
        # What collects text: the cell, a note or a box beside it; and the depth of what is not shown.
        self._into: list[list[str]] = []
        self._unseen = 0
        self._spans = (1, 1)

    def parse(self, stream: IO[bytes]) -> None:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = refuse_entity
        try:
            parser.ParseFile(stream)
        except expat.ExpatError as error:
            raise ExtractionError(
                "corrupt", "The file is damaged: a part of it is not well-formed.", str(error)
            ) from error

    def _start(self, full_name: str, attributes: dict[str, str]) -> None:
        name = full_name.rpartition(":")[2]
        if self._object is not None or name == "object":
            self._start_object(name, attributes)
        elif name in _UNSEEN:
            self._unseen += 1
        elif name in ("style", "table-properties", "text-properties"):
            self._begin_style(name, attributes)
        elif name == "table":
            self._begin_table(attributes)
        elif self._sheet is None:
            return
        elif name == "table-row":
            self._row, self._column = {}, 0
            self._row_repeated = _number_of(attributes, "number-rows-repeated")
        elif name in ("table-cell", "covered-table-cell"):
            self._begin_cell(attributes)
        elif name in _ASIDES or full_name in _ASIDES:
            self._aside = []
            self._into.append(self._aside)
        else:
            self._begin_words(name, attributes)

    def _begin_words(self, name: str, attributes: dict[str, str]) -> None:
        if name == "span":
            self._mark.append(self._marks.get(_attribute(attributes, "style-name"), ""))
        elif name in ("s", "tab", "line-break", "p") and self._into:
            self._into[-1].append(" ")

    def _end(self, full_name: str) -> None:
        name = full_name.rpartition(":")[2]
        if self._object is not None:
            self._end_object(name)
        elif name in _UNSEEN:
            self._unseen -= 1
        elif name == "table":
            self._end_table()
        elif self._sheet is None:
            return
        elif name == "table-row":
            self._end_row(self._sheet)
        elif name in ("table-cell", "covered-table-cell"):
            self._end_cell(self._sheet)
        elif (name in _ASIDES or full_name in _ASIDES) and self._into:
            words = one_line("".join(self._into.pop()))
            self._sheet.beside += [_ASIDES.get(name, _ASIDES.get(full_name, "")) + words] if words else []
        elif name == "span" and self._mark:
            self._mark.pop()

    def _text(self, text: str) -> None:
        if self._object is not None:
            self._object.data(text)
        elif self._into and not self._unseen:
            mark = self._mark[-1] if self._mark else ""
            self._into[-1].append(raised(text, mark, "".join(self._into[-1][-1:])) if mark else text)

    def _start_object(self, name: str, attributes: dict[str, str]) -> None:
        """An object has a document of its own, which is not the sheet's: inside it, or beside it in the archive."""
        if self._object is None:
            self._object, self._depth = TreeBuilder(), 0
        self._depth += 1
        self._object.start(name, {key.rpartition(":")[2]: text for key, text in attributes.items()})

    def _end_object(self, name: str) -> None:
        if self._object is None:
            return
        self._object.end(name)
        self._depth -= 1
        if self._depth:
            return
        element, self._object = self._object.close(), None
        self._objects += 1
        if self._sheet is not None and self._objects <= _MOST_OBJECTS:
            self._sheet.beside += words_of_object(element, self._archive)

    def _begin_style(self, name: str, attributes: dict[str, str]) -> None:
        if name == "style":
            self._style = _attribute(attributes, "name")
        elif name == "text-properties":
            if mark := mark_of(_attribute(attributes, "text-position")):
                self._marks[self._style] = mark
        elif _attribute(attributes, "display") == "false":
            self._hidden_styles.add(self._style)

    def _begin_table(self, attributes: dict[str, str]) -> None:
        self._tables += 1
        if self._tables > 1:
            return  # a table inside a cell belongs to the cell
        self._number += 1
        self._assembly.page(self._number)
        self._sheet = Sheet(_attribute(attributes, "name"), _attribute(attributes, "style-name") in self._hidden_styles)
        self._row_number = 0

    def _end_table(self) -> None:
        self._tables -= 1
        if self._tables == 0 and self._sheet is not None:
            add_sheet(self._sheet, self._assembly)
            self._sheet = None

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        self._repeated = _number_of(attributes, "number-columns-repeated")
        self._spans = (_number_of(attributes, "number-rows-spanned"), _number_of(attributes, "number-columns-spanned"))
        self._value = _attribute(attributes, "value") or _attribute(attributes, "date-value")
        self._cell = []
        self._into = [self._cell]

    def _end_cell(self, sheet: Sheet) -> None:
        self._into = []
        text = one_line("".join(self._cell)) or self._value
        if text:
            for column in range(self._column, min(self._column + min(self._repeated, _MOST_REPEATED), _MOST_COLUMNS)):
                self._row[column] = text
            rows, columns = self._spans
            if rows > 1 or columns > 1:
                top = self._row_number
                sheet.areas.append(Area(top, self._column, top + rows - 1, self._column + columns - 1))
        self._column += self._repeated

    def _end_row(self, sheet: Sheet) -> None:
        if self._row:
            for row in range(self._row_number, self._row_number + min(self._row_repeated, _MOST_REPEATED)):
                sheet.rows[row] = dict(self._row)
        self._row_number += self._row_repeated


def _attribute(attributes: dict[str, str], name: str) -> str:
    return next((value for key, value in attributes.items() if key.rpartition(":")[2] == name), "")


def _number_of(attributes: dict[str, str], name: str) -> int:
    value = _attribute(attributes, name)
    return min(int(value), 1 << 24) if value.isdecimal() and len(value) < 9 else 1
