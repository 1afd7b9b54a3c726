"""Comma-separated values and similar formats: one line for each row, with separated cells."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, one_line

# In the order of preference: commas stand in numbers, dates and lists, tabs hardly ever.
_DELIMITERS = "\t;|,"
_SAMPLE_LINES = 400
_NAMED = re.compile(r'\s*"?sep=(.)"?[;,\s]*\Z', re.IGNORECASE)
# A cell in quotes may run over lines; a quotation mark that nothing closes must not swallow the rest of the file.
_MOST_LINES_OF_A_CELL = 100
_MOST_CHARS_OF_A_ROW = 50_000
_MOST_STRAY = 100


def read(path: Path, assembly: TextAssembler) -> None:
    """Read a table in any encoding and with any usual delimiter. It has no title."""
    add_table(assembly.decoded(path.read_bytes()), assembly)


def add_table(text: str, assembly: TextAssembler) -> None:
    """Add a table of separated values. Lines above its first row stay lines, apart from it."""
    lines = text.split("\n")
    named = _NAMED.match(lines[0])
    if named:
        lines = lines[1:]
    # A cell may be as long as the text.
    csv.field_size_limit(len(text) + 1)
    delimiter = named[1] if named else _delimiter(lines[:_SAMPLE_LINES])
    if not delimiter:
        assembly.add(text)
        return
    columns = _columns(lines[:_SAMPLE_LINES], delimiter)
    separator, above = "\n\n", True
    for cells in _rows(lines, delimiter, columns):
        row = " | ".join(one_line(cell) for cell in cells).rstrip(" |")
        if above and len(cells) >= columns > 1:
            above, separator = False, "\n\n"
        if row:
            assembly.add(row, separator)
            separator = "\n"


def _delimiter(lines: list[str]) -> str:
    """The delimiter by which most lines have the same number of cells, more than one; "" for a single column."""
    best = max(_DELIMITERS, key=lambda delimiter: _consistency(lines, delimiter))
    return best if _consistency(lines, best) else ""


def _consistency(lines: list[str], delimiter: str) -> float:
    """The share of the lines that have the usual number of cells, 0 where that is one cell."""
    counts = Counter(len(_cells(line, delimiter)) for line in lines if line.strip())
    least = min(2, counts.total())
    tables = {number: lines_of for number, lines_of in counts.items() if number > 1 and lines_of >= least}
    return round(max(tables.values()) / counts.total(), 2) if tables else 0.0


def _columns(lines: list[str], delimiter: str) -> int:
    """The usual number of cells of a row."""
    counts = Counter(len(_cells(line, delimiter)) for line in lines if line.strip())
    return max(counts, key=lambda number: (number > 1, counts[number]), default=1)


def _cells(line: str, delimiter: str) -> list[str]:
    """The cells of one line. A quotation mark that is not closed in it is an ordinary character."""
    if '"' not in line:
        return line.split(delimiter)
    if _is_whole(line, delimiter):
        return next(csv.reader([line], delimiter=delimiter), [])
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, quoting=csv.QUOTE_NONE), [])]


def _is_whole(line: str, delimiter: str) -> bool:
    """Whether every cell that begins with a quotation mark ends with one, on this line."""
    position = 0
    while position <= len(line):
        if line[position : position + 1] == '"':
            position = _closing(line, position + 1, delimiter)
            if position < 0:
                return False
        else:
            end = line.find(delimiter, position)
            if end < 0:
                return True
            position = end
        position += 1
    return True


def _closing(line: str, position: int, delimiter: str) -> int:
    """Where the cell in quotes that begins before `position` ends; -1 when it does not."""
    while (position := line.find('"', position)) >= 0:
        if line[position + 1 : position + 2] == '"':
            position += 2
            continue
        after = position + 1
        while line[after : after + 1] == " ":
            after += 1
        if line[after : after + 1] in ("", delimiter):
            return after
        position += 1
    return -1


def _rows(lines: list[str], delimiter: str, columns: int) -> Iterator[list[str]]:
    index, stray = 0, 0
    while index < len(lines):
        line = lines[index]
        index += 1
        if '"' in line and stray < _MOST_STRAY and not _is_whole(line, delimiter):
            whole, used = _continued(lines, index - 1, delimiter, columns)
            if whole is not None:
                index = used
                yield whole
                continue
            stray += 1
        yield _cells(line, delimiter)


def _continued(lines: list[str], start: int, delimiter: str, columns: int) -> tuple[list[str] | None, int]:
    """A row whose cells run over lines, and the line after it; None where no such row has as many cells."""
    size = len(lines[start])
    for index in range(start + 1, min(start + _MOST_LINES_OF_A_CELL, len(lines))):
        size += len(lines[index])
        if size > _MOST_CHARS_OF_A_ROW:
            break
        if _closing(lines[index], 0, delimiter) >= 0:
            joined = "\n".join(lines[start : index + 1])
            if _is_whole(joined, delimiter):
                cells = next(csv.reader(joined.splitlines(keepends=True), delimiter=delimiter), [])
                return (cells, index + 1) if len(cells) == columns else (None, 0)
    return None, 0
