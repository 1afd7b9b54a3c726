"""Columns of a PDF page that are drawn line by line: the text of one column, then the text of the other.

Most programs write one column after the other. Where they write across, PDFium's lines run across too. Such pages are
told from tables by their words: lines of prose begin in the middle of sentences.
"""

from __future__ import annotations

import ctypes
from collections import Counter
from typing import TYPE_CHECKING

from chalicelib.knowledge.ingestion.extraction.pdf_layout import Line, plain

if TYPE_CHECKING:
    from pypdfium2 import PdfTextPage  # type: ignore[import-untyped]

_LEAST_LINES = 6
# Points: between two columns, and by how much the left edges of one may differ.
_GUTTER, _SAME = 10.0, 3.0
_PROSE, _LEAST_WORDS = 0.35, 4
_MOST_BOXES = 4_000


def gutter_of(text_page: PdfTextPage) -> float | None:
    """Where the right column begins, in points; None for a page that is not drawn across two columns."""
    from pypdfium2 import raw

    count = raw.FPDFText_CountRects(text_page.raw, 0, -1)
    if not _LEAST_LINES * 2 <= count <= _MOST_BOXES:
        return None
    left, top, right, bottom = (ctypes.c_double() for _ in range(4))
    begins: Counter[int] = Counter()
    before: tuple[float, float, float] | None = None
    for index in range(count):
        raw.FPDFText_GetRect(text_page.raw, index, left, top, right, bottom)
        middle = (top.value + bottom.value) / 2
        if before is not None and before[1] <= middle <= before[2] and left.value - before[0] > _GUTTER:
            begins[round(left.value / _SAME)] += 1
        before = (right.value, bottom.value, top.value)
    place, lines = begins.most_common(1)[0] if begins else (0, 0)
    return place * _SAME if lines >= _LEAST_LINES else None


def in_columns(lines: list[Line], gutter: float) -> str:
    """The text of the lines, with what is drawn across two columns at `gutter` put in order."""
    output: list[str] = []
    block: list[tuple[Line, Line]] = []
    for line in lines:
        parts = _split(line, gutter)
        if parts is None:
            output += _ordered(block)
            block = []
            output.append(plain([line]))
        else:
            block.append(parts)
    return "\n".join([*output, *_ordered(block)])


def _split(line: Line, gutter: float) -> tuple[Line, Line] | None:
    """The parts of a line left and right of the gutter; None for a line that runs over it."""
    at = next((i for i, x in enumerate(line.lefts) if x >= gutter - _SAME * 2 and line.text[i].strip()), len(line.text))
    edge = max((line.rights[i] for i in range(at) if line.text[i].strip()), default=-1e9)
    start = line.lefts[at] if at < len(line.lefts) else None
    if edge > gutter or (start is not None and edge > start - _GUTTER / 2):
        return None
    left = Line(line.text[:at], line.lefts[:at], line.rights[:at], line.bottom, line.top)
    right = Line(line.text[at:], line.lefts[at:], line.rights[at:], line.bottom, line.top)
    return left, right


def _ordered(block: list[tuple[Line, Line]]) -> list[str]:
    """A block of lines: the left column and then the right one, if it is prose in two columns."""
    both = [(plain([left]), plain([right])) for left, right in block]
    across = [pair for pair in both if pair[0] and pair[1]]
    parts = [part for pair in across for part in pair]
    prose = sum(1 for part in parts if part[0].islower())
    words = sum(len(part.split()) for part in parts)
    if len(across) >= _LEAST_LINES and prose >= _PROSE * len(parts) and words >= _LEAST_WORDS * len(parts):
        return [left for left, _ in both if left] + [right for _, right in both if right]
    return [" ".join(filter(None, pair)) for pair in both]
