"""One sheet of an XLSX workbook (ECMA-376 part 1, 18.3), read as a stream: its cells as they are shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import IO, Any
from xml.parsers import expat

from chalicelib.knowledge.ingestion.extraction import ExtractionError
from chalicelib.knowledge.ingestion.extraction.assembly import one_line
from chalicelib.knowledge.ingestion.extraction.drawing import raised
from chalicelib.knowledge.ingestion.extraction.grid import Area, area_of, column_of
from chalicelib.knowledge.ingestion.extraction.number_formats import GENERAL, shown

_READ_BYTES = 1 << 18
_PLAIN = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d{1,9}[1-9])?")
_MOST_CELLS = 5_000_000


@dataclass(slots=True)
class Style:
    """What the workbook says for all of its sheets: texts, formats by the cell's style, and the calendar."""

    texts: Sequence[str] = ()
    formats: Sequence[str] = ()
    from_1904: bool = False


@dataclass(slots=True)
class Cells:
    """The cells of a sheet by row and column, its merged areas and links, and what was not in the file."""

    rows: dict[int, dict[int, str]] = field(default_factory=dict)
    areas: list[Area] = field(default_factory=list)
    # The cell, the id of the relation or "", and the place in the workbook or "".
    links: list[tuple[str, str, str]] = field(default_factory=list)
    without_result: int = 0


def read_cells(part: IO[bytes], style: Style) -> Cells:
    """The cells of the sheet in `part`. Raises `ExtractionError` ``corrupt`` or ``too_large``."""
    return _SheetParser(style).parse(part)


class _SheetParser:
    """The events of one sheet. Names are without their prefix, which differs between programs."""

    def __init__(self, style: Style) -> None:
        self._style = style
        self._cells = Cells()
        self._row: dict[int, str] = {}
        self._row_number = self._column = -1
        self._type = self._code = ""
        self._parts: list[str] = []
        self._collects = self._has_formula = self._in_phonetic = False
        # How the run of a text in the cell is raised or lowered, and where it begins.
        self._mark, self._run_at = "", 0
        self._count = 0
        self._names: dict[str, str] = {}
        self._begin: dict[str, Callable[[dict[str, str]], None]] = {
            "row": self._begin_row,
            "c": self._begin_cell,
            "v": self._begin_text,
            "t": self._begin_text,
            "f": self._begin_formula,
            "rPh": self._begin_phonetic,
            "r": self._begin_run,
            "vertAlign": self._raise,
            "mergeCell": self._merge,
            "hyperlink": self._link,
        }

    def parse(self, part: IO[bytes]) -> Cells:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = refuse_entity
        try:
            parser.ParseFile(part)
        except expat.ExpatError as error:
            raise ExtractionError(
                "corrupt", "The file is damaged: a sheet of it is not well-formed.", str(error)
            ) from error
        return self._cells

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = self._names.get(name)
        if local is None:
            local = self._names[name] = name.rpartition(":")[2]
        begin = self._begin.get(local)
        if begin is not None:
            begin(attributes)

    def _end(self, name: str) -> None:
        local = self._names[name]
        if local == "c":
            self._end_cell()
        elif local in ("v", "t"):
            self._collects = False
            if self._mark:
                text = "".join(self._parts[self._run_at :])
                self._parts[self._run_at :] = [raised(text, self._mark, "".join(self._parts[: self._run_at]))]
        elif local == "rPh":
            self._in_phonetic = False

    def _text(self, text: str) -> None:
        if self._collects:
            self._parts.append(text)

    def _begin_row(self, attributes: dict[str, str]) -> None:
        number = attributes.get("r", "")
        self._row_number = int(number) - 1 if number.isdecimal() else self._row_number + 1
        self._column = -1
        self._row = self._cells.rows.setdefault(self._row_number, {})

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        reference = attributes.get("r")
        self._column = column_of(reference) if reference else self._column + 1
        self._type = attributes.get("t", "n")
        style = attributes.get("s", "")
        formats = self._style.formats
        self._code = formats[int(style)] if style.isdecimal() and int(style) < len(formats) else GENERAL
        self._parts.clear()
        self._has_formula, self._mark = False, ""

    def _begin_text(self, _: dict[str, str]) -> None:
        self._collects = not self._in_phonetic

    def _begin_run(self, _: dict[str, str]) -> None:
        self._mark, self._run_at = "", len(self._parts)

    def _raise(self, attributes: dict[str, str]) -> None:
        self._mark = {"superscript": "^", "subscript": "_"}.get(attributes.get("val", ""), "")

    def _begin_formula(self, _: dict[str, str]) -> None:
        self._has_formula = True

    def _begin_phonetic(self, _: dict[str, str]) -> None:
        self._in_phonetic = True

    def _merge(self, attributes: dict[str, str]) -> None:
        if area := area_of(attributes.get("ref", "")):
            self._cells.areas.append(area)

    def _link(self, attributes: dict[str, str]) -> None:
        identifier = next((value for name, value in attributes.items() if name.endswith(":id")), "")
        self._cells.links.append((attributes.get("ref", ""), identifier, attributes.get("location", "")))

    def _end_cell(self) -> None:
        if not self._parts:
            self._cells.without_result += self._has_formula
            return
        raw = self._parts[0] if len(self._parts) == 1 else "".join(self._parts)
        text = self._shown(raw)
        if text:
            self._count += 1
            if self._count > _MOST_CELLS:
                raise ExtractionError("too_large", f"A sheet has more than {_MOST_CELLS:,} cells. Split it.")
            self._row[self._column] = text

    def _shown(self, raw: str) -> str:
        kind = self._type
        if kind == "n":
            if self._code == GENERAL and _PLAIN.fullmatch(raw):
                return raw
            return formatted(raw, self._code, self._style.from_1904)
        if kind == "s":
            texts = self._style.texts
            return texts[int(raw)] if raw.isdecimal() and int(raw) < len(texts) else ""
        if kind == "b":
            return "TRUE" if raw.strip() in ("1", "true") else "FALSE"
        if kind == "d":
            return raw.replace("T", " ").removesuffix(" 00:00:00").removesuffix("Z")
        return one_line(raw)


@lru_cache(maxsize=65_536)
def formatted(raw: str, code: str, from_1904: bool) -> str:
    """A stored number as its format shows it."""
    return one_line(shown(raw.strip(), code, from_1904=from_1904))


def refuse_entity(*_: Any) -> None:
    """The handler of an entity's declaration: entities can grow without end, or name other files."""
    raise ExtractionError("corrupt", "The file declares entities in an XML document type, which is refused.")
