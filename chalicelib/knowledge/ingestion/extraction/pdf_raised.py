"""Raised figures in PDF: without a mark, ``10^6`` would read as ``106``, another number.

PDF has no word for them: a figure is raised when it stands close after a figure or a unit of length, is smaller, and
its foot is higher. A raised figure after another word, or after a year, is a note's and stays as it is.
"""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypdfium2 import PdfTextPage  # type: ignore[import-untyped]

# Between a base and its exponent: figures with a gap that PDFium sees, as a space or the end of a line; a power of a
# digit or of ten; a power of a unit. The group is the sign of the exponent. After a year, a raised figure is a note's.
_CANDIDATE = re.compile(
    r"(?:(?<=\d)(?<!\b(?:19|20)\d\d)(?: |\r?\n)|(?<=(?<![\d.,])[2-9])|(?<=(?<![\d.,])10)"
    r"|(?:(?<=\bm)|(?<=\b[ckm]m)|(?<=\dm)|(?<=\d[ckm]m))(?: |\r?\n)?)(?=([-+\u2212]?)\d{1,3}(?!\d))"
)
# Each takes some calls into PDFium: a page of nothing but numbers is not searched to its end.
_MOST_CANDIDATES = 300


@dataclass(frozen=True, slots=True)
class Box:
    """Where a character stands, in points from the page's lower left corner."""

    left: float
    right: float
    bottom: float
    top: float


@dataclass(frozen=True, slots=True)
class Exponent:
    """A raised figure: where the gap before it begins in the text, where it begins, and its character of the page."""

    gap: int
    start: int
    char: int


def exponents(text_page: PdfTextPage, text: str) -> list[Exponent]:
    """The exponents in `text`, the whole of the page's, in order."""
    from pypdfium2 import raw

    matches = []
    for match in islice(_CANDIDATE.finditer(text), _MOST_CANDIDATES):
        base, start = match.start() - 1, match.end()
        before, figure = _box(text_page, base), _box(text_page, start + len(match[1]))
        if before and figure and _is_exponent(before, figure, of_figure=text[base].isdigit()):
            char = raw.FPDFText_GetCharIndexFromTextIndex(text_page.raw, start)
            matches.append(Exponent(match.start(), start, char))
    return matches


def marked(text: str, matches: list[Exponent]) -> str:
    """The text with a ``^`` before each exponent, close to its base."""
    parts, end = [], 0
    for exponent in matches:
        parts.append(text[end : exponent.gap])
        end = exponent.start
    return "^".join([*parts, text[end:]])


def _is_exponent(base: Box, figure: Box, *, of_figure: bool) -> bool:
    height = base.top - base.bottom
    return (
        figure.bottom >= base.bottom + 0.25 * height
        and figure.top >= base.top - 0.1 * height
        and -0.3 * height <= figure.left - base.right <= 1.2 * height
        and (not of_figure or figure.top - figure.bottom <= 0.85 * height)
    )


def _box(text_page: PdfTextPage, place: int) -> Box | None:
    """The box of the character at `place` of the page's text."""
    from pypdfium2 import raw

    index = raw.FPDFText_GetCharIndexFromTextIndex(text_page.raw, place)
    sides = [ctypes.c_double() for _ in range(4)]
    if index < 0 or not raw.FPDFText_GetCharBox(text_page.raw, index, *sides):
        return None
    return Box(*(side.value for side in sides))
