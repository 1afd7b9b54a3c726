"""The characters of a PDF page with their boxes: to put words where they stand, and to tell columns apart.

Used only for pages that require it, because each character costs a call into PDFium.
"""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.knowledge.ingestion.extraction.pdf_annotations import Placed
from chalicelib.knowledge.ingestion.extraction.pdf_text import ACCENTS, accented

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pypdfium2 import PdfTextPage  # type: ignore[import-untyped]

    from chalicelib.knowledge.ingestion.extraction.pdf_raised import Exponent

_MOST_CHARS = 60_000
# Words within so many points of a line's height belong to it.
_NEAR = 4.0


@dataclass(slots=True)
class Line:
    """A line of a page: its characters with their left edges, and its box."""

    text: list[str] = field(default_factory=list)
    lefts: list[float] = field(default_factory=list)
    rights: list[float] = field(default_factory=list)
    bottom: float = 1e9
    top: float = -1e9

    @property
    def middle(self) -> float:
        """The height of the middle of the line."""
        return (self.bottom + self.top) / 2


def lines_of(text_page: PdfTextPage, exponents: Sequence[Exponent]) -> list[Line]:
    """The lines of a page in the order of its text, with a ``^`` before each exponent."""
    from pypdfium2 import raw

    raised = {exponent.char for exponent in exponents}
    lines = [Line()]
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    right_edge = 0.0
    for index in range(min(text_page.count_chars(), _MOST_CHARS)):
        code = raw.FPDFText_GetUnicode(text_page.raw, index)
        if code in (10, 13):
            if lines[-1].text and code == 10:
                lines.append(Line())
            continue
        line = lines[-1]
        if raw.FPDFText_GetCharBox(text_page.raw, index, left, right, bottom, top) and right.value > left.value:
            line.lefts.append(left.value)
            line.rights.append(right.value)
            right_edge = right.value
            line.bottom, line.top = min(line.bottom, bottom.value), max(line.top, top.value)
        else:
            line.lefts.append(right_edge)
            line.rights.append(right_edge)
        line.text.append(("^" if index in raised else "") + (chr(code) if 0 < code < 0x110000 else ""))
    return [line for line in lines if line.text]


def merge_accents(lines: list[Line]) -> None:
    """Put each accent that is drawn over a letter, as a sign of its own, together with this letter."""
    for line in lines:
        for index, sign in enumerate(line.text):
            if sign not in ACCENTS or line.rights[index] <= line.lefts[index]:
                continue
            middle = (line.lefts[index] + line.rights[index]) / 2
            for place in (index - 1, index + 1, index - 2, index + 2):
                if 0 <= place < len(line.text) and line.lefts[place] - 0.5 <= middle <= line.rights[place] + 0.5:
                    whole = accented(line.text[place], sign)
                    if whole:
                        line.text[place], line.text[index] = whole, ""
                        break


def plain(lines: list[Line]) -> str:
    """The text of the lines."""
    return "\n".join("".join(line.text).strip() for line in lines)


def with_placed(lines: list[Line], placed: tuple[Placed, ...]) -> str:
    """The text of a page with words put into the lines at whose height they stand, or between the lines."""
    # From right to left, so that what is put into a line moves nothing that follows.
    inserted: dict[int, list[tuple[int, str]]] = {}
    between: dict[int, list[str]] = {}
    for words in sorted(placed, key=lambda each: (-each.top, each.left)):
        at = _line_at(lines, words)
        if at is None:
            below = next((i for i, line in enumerate(lines) if line.middle < words.bottom), len(lines))
            labelled = words.label and not words.is_tick
            text = f"{words.label}: {words.text}" if labelled else f"{words.text} {words.label}".strip()
            between.setdefault(below, []).append(text)
            continue
        line = lines[at]
        if words.is_tick:
            place = next((i for i, x in enumerate(line.lefts) if x >= words.right - 1), None)
            if place is None:
                inserted.setdefault(at, []).append((len(line.text), f" {words.text}"))
            else:
                inserted.setdefault(at, []).append((place, f"{words.text} "))
        else:
            place = sum(1 for x in line.lefts if x < words.left)
            inserted.setdefault(at, []).append((place, f" {words.text} "))
    output: list[str] = []
    for index, line in enumerate(lines):
        output += between.get(index, [])
        parts = list(line.text)
        for place, text in sorted(inserted.get(index, []), key=lambda each: -each[0]):
            parts.insert(place, text)
        output.append(re.sub(r" {2,}", " ", "".join(parts)).strip())
    return "\n".join([*output, *between.get(len(lines), [])])


def _line_at(lines: list[Line], words: Placed) -> int | None:
    """The line beside words: the nearest to their middle whose own middle lies at their height."""
    middle = (words.bottom + words.top) / 2
    beside = [
        (abs(line.middle - middle), index)
        for index, line in enumerate(lines)
        if words.bottom - _NEAR <= line.middle <= words.top + _NEAR
    ]
    return min(beside)[1] if beside else None
