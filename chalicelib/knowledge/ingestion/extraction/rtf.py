"""Rich Text Format: sections by its headings, tables as rows, notes and comments marked."""

from __future__ import annotations

import re
from pathlib import Path

from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, one_line
from chalicelib.knowledge.ingestion.extraction.rtf_text import CELL, HEADING, MERGED, text_of

_LEVEL = re.compile(f"{HEADING}([1-9])")


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Read an RTF file and return its first heading as its title."""
    add_rtf(path.read_bytes(), assembly)
    return assembly.first_heading


def add_rtf(data: bytes, assembly: TextAssembler) -> None:
    """Add the text of an RTF document."""
    separator = "\n\n"
    in_table = False
    above: list[str] = []
    for line in text_of(data).split("\n"):
        level, line = _heading(line)
        is_row = CELL in line
        cells = [one_line(cell) for cell in line.split(CELL)]
        for column, cell in enumerate(line.split(CELL)):
            if MERGED in cell:
                cells[column] = above[column] if column < len(above) else ""
        above = cells if is_row else []
        text = " | ".join(cells).rstrip(" |") if is_row else line.strip()
        if text and level and not is_row:
            assembly.heading(level, text)
        if text:
            assembly.add(text, "\n" if is_row and in_table else separator)
        in_table = is_row


def _heading(line: str) -> tuple[int, str]:
    """The level of a line that is a heading, or 0, and the line without its mark."""
    levels = _LEVEL.findall(line)
    return int(levels[-1]) if levels else 0, _LEVEL.sub("", line)
