"""Arabic in PDF: the ligature of lam and alef, one glyph that stands for two letters.

PDFium turns a line that runs from right to left by characters. The two letters of the glyph come out the other way
round then: alef before lam, which is another word. Both have the glyph's box, which tells them from two glyphs.
"""

from __future__ import annotations

import ctypes
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypdfium2 import PdfTextPage  # type: ignore[import-untyped]

# Alef, bare or with madda or hamza, and lam.
_ALEF_LAM = re.compile("[\u0622\u0623\u0625\u0627]\u0644")


def ligatures_in_order(text_page: PdfTextPage, text: str) -> str:
    """`text`, the whole of the page's, with the letters of each ligature of lam and alef in their order."""
    parts, end = [], 0
    for match in _ALEF_LAM.finditer(text):
        box = _box(text_page, match.start())
        if box is not None and box == _box(text_page, match.start() + 1):
            parts += [text[end : match.start()], match[0][::-1]]
            end = match.end()
    return "".join([*parts, text[end:]])


def _box(text_page: PdfTextPage, place: int) -> tuple[float, ...] | None:
    """The box of the character at `place` of the page's text."""
    from pypdfium2 import raw

    index = raw.FPDFText_GetCharIndexFromTextIndex(text_page.raw, place)
    sides = [ctypes.c_double() for _ in range(4)]
    if index < 0 or not raw.FPDFText_GetCharBox(text_page.raw, index, *sides):
        return None
    return tuple(side.value for side in sides)
