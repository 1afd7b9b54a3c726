"""The cells of a spreadsheet as lines: one for each row, cells in their columns, merged cells in all of their rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, one_line

# So many empty cells between two are shown as one mark: a stray cell at the end of a sheet is no table.
_WIDEST_GAP = 30
_MARK = "\u2026"
_NUMBER = re.compile(r"[-+(]?[^\w\s]?[\d.,' ]*\d[\d.,' ]*[^\w\s]?\)?")
# How many rows a merged cell is repeated in: more than a table has that a person merged.
_MOST_REPEATED = 5_000
_MOST_MERGED = 20_000
_LAST_COLUMN = 1 << 20


@dataclass(frozen=True, slots=True)
class Area:
    """A merged area: its first and last row and column, from 0."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(slots=True)
class Sheet:
    """One sheet: its rows by number, each with its texts by column, and what stands beside the cells."""

    name: str
    is_hidden: bool = False
    rows: dict[int, dict[int, str]] = field(default_factory=dict)
    areas: list[Area] = field(default_factory=list)
    # Lines below the table: texts of boxes and charts, notes of cells, addresses of links.
    beside: list[str] = field(default_factory=list)


def add_sheet(sheet: Sheet, assembly: TextAssembler) -> None:
    """Add a sheet under its name; a hidden one is marked as hidden."""
    name = f"{sheet.name} (hidden sheet)" if sheet.is_hidden else sheet.name
    assembly.leave_sections()
    assembly.heading(1, name)
    lines = list(lines_of(sheet))
    if lines or sheet.beside:
        assembly.add(name)
    separator = "\n\n"
    for line in lines:
        assembly.add(line, separator)
        separator = "\n"
    for text in sheet.beside:
        assembly.add(text)


def lines_of(sheet: Sheet) -> Iterator[str]:
    """The lines of a sheet's cells."""
    _fill(sheet)
    numbers = sorted(number for number, cells in sheet.rows.items() if any(cells.values()))
    first = min((column for number in numbers for column, text in sheet.rows[number].items() if text), default=0)
    yield from table_lines([sheet.rows[number] for number in numbers], first)


def table_lines(rows: list[dict[int, str]], first: int = 0) -> Iterator[str]:
    """The lines of a table's rows, from column `first` on; a head of two rows becomes one line."""
    if len(rows) > 2 and _is_head(rows[0], rows[1]):
        rows = [_joined(rows[0], rows[1]), *rows[2:]]
    for cells in rows:
        line = _line(cells, first)
        if line.strip(" |"):
            yield line


def one_head(above: dict[int, str], below: dict[int, str]) -> str | None:
    """The line of a table's head of two rows; None if they are no such head."""
    return _line(_joined(above, below), 0) if _is_head(above, below) else None


def _is_head(above: dict[int, str], below: dict[int, str]) -> bool:
    return _is_grouped(above, below) and not _has_numbers(below)


def _fill(sheet: Sheet) -> None:
    """Repeat a merged cell's text in the first column of each of its rows."""
    for area in sheet.areas[:_MOST_MERGED]:
        text = sheet.rows.get(area.top, {}).get(area.left, "")
        if not text:
            continue
        for row in range(area.top + 1, min(area.bottom, area.top + _MOST_REPEATED) + 1):
            # A row with nothing else would only repeat the text.
            if sheet.rows.get(row):
                sheet.rows[row].setdefault(area.left, text)


def _is_grouped(above: dict[int, str], below: dict[int, str]) -> bool:
    """Whether two rows are the head of one table: each name above stands for several columns named below."""
    if not below:
        return False
    names = [text for text in below.values() if text]
    groups = [column for column, text in above.items() if text and below.get(column) != text]
    if len(groups) < 2 or len(names) <= len(groups) or len(set(names)) == len(names):
        return False
    return all(below.get(column) for column in groups) and min(below) <= min(groups)


def _has_numbers(cells: dict[int, str]) -> bool:
    return any(_NUMBER.fullmatch(text) for text in cells.values() if text)


def _joined(above: dict[int, str], below: dict[int, str]) -> dict[int, str]:
    """The head of two rows as one: each name below with the name above it."""
    result: dict[int, str] = {}
    group = ""
    for column in range(min({*above, *below}), max({*above, *below}) + 1):
        group = above.get(column) or group
        name = below.get(column, "")
        if name or above.get(column):
            result[column] = one_line(name if name == group else f"{group} {name}")
    return result


def _line(cells: dict[int, str], first: int) -> str:
    parts: list[str] = []
    expected = first
    for column in sorted(column for column, text in cells.items() if text):
        gap = column - expected
        parts += [""] * gap if gap <= _WIDEST_GAP else [_MARK]
        parts.append(cells[column])
        expected = column + 1
    return " | ".join(parts)


def column_of(reference: str) -> int:
    """The column of a cell's reference, from 0: C7 is in column 2; -1 for none."""
    return _column_named(reference.rstrip("0123456789"))


@lru_cache(maxsize=1 << 14)
def _column_named(letters: str) -> int:
    number = 0
    for character in letters.upper():
        if not "A" <= character <= "Z" or number > _LAST_COLUMN:
            break
        number = number * 26 + ord(character) - 64
    return number - 1


def row_of(reference: str) -> int:
    """The row of a cell's reference, from 0: C7 is in row 6; -1 for none."""
    digits = reference.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz$")
    return int(digits) - 1 if digits.isdecimal() and len(digits) < 9 else -1


def area_of(reference: str) -> Area | None:
    """The area of a reference such as A2:A4."""
    first, colon, last = reference.partition(":")
    if not colon:
        return None
    area = Area(row_of(first), column_of(first), row_of(last), column_of(last))
    return area if min(area.top, area.left) >= 0 and area.bottom >= area.top else None


def add_remarks(sheet: Sheet, remarks: Sequence[tuple[str, str, str]]) -> None:
    """Put notes beside a sheet's cells: the cell's reference, the author and the text of each."""
    for cell, author, text in remarks:
        if words := one_line(text):
            by = f" by {one_line(author)}" if author.strip() else ""
            sheet.beside.append(f"Note on {cell}{by}: {words}")
