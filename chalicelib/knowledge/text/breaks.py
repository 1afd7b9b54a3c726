"""Where a text may be cut: at the end of a section, a paragraph, a line, a sentence or a word."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.knowledge.text import graphemes
from chalicelib.knowledge.text.segment import Segment

_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_LINE = re.compile(r"\n")
# Sentence ends, with closing quotes and brackets: in scripts that separate sentences by spaces, and in those that do
# not.
_SENTENCE = re.compile(
    r"[.!?\u2026\u061f\u06d4\u0964\u0965\u0589\u1362\u1367\u104b]['\")\]\u2019\u201d\u00bb\u203a]*\s+"
    r"|[\u3002\uff01\uff1f\uff61\uff0e][\u300d\u300f\u201d\u2019\uff09\u3011\u300b)\]]*\s*"
)
ROW = re.compile(r" \| |\t")


@dataclass(frozen=True, slots=True)
class Breaks:
    """Positions where a chunk may end, each list sorted. A list contains no position of a better kind.

    ``definition`` has the starts of definitions in source code, which should stay whole.
    """

    definition: list[int]
    section: list[int]
    paragraph: list[int]
    line: list[int]
    sentence: list[int]
    wrapped_line: list[int]
    clean: list[int]


def find_breaks(text: str, segments: Sequence[Segment]) -> Breaks:
    section = [
        after.start
        for before, after in itertools.pairwise(segments)
        if (before.page, before.section) != (after.page, after.section) and not _inside_word(text, after.start)
    ]
    definition = [segment.start for segment in segments[1:] if segment.line is not None]
    section = sorted({*section, *definition})
    paragraph = [match.end() for match in _PARAGRAPH.finditer(text)]
    line, wrapped_line = _lines(text)
    sentence = [match.end() for match in _SENTENCE.finditer(text) if _ends_sentence(text, match)]
    clean = sorted({*section, *paragraph, *line, *sentence})
    return Breaks(definition, section, paragraph, line, sentence, wrapped_line, clean)


def _lines(text: str) -> tuple[list[int], list[int]]:
    """Starts of lines that stand on their own, and of lines that continue a wrapped sentence."""
    whole: list[int] = []
    wrapped: list[int] = []
    begin, row = 0, False
    for match in _LINE.finditer(text):
        end = match.end()
        was_row, row = row, bool(ROW.search(text, begin, match.start()))
        continues = not row and not was_row and _continues(text, match.start(), end)
        (wrapped if continues else whole).append(end)
        begin = end
    return whole, wrapped


def _continues(text: str, newline: int, following: int) -> bool:
    """Whether the line break at `newline` is inside a sentence, judged by the characters around it."""
    before, after = text[newline - 1 : newline], text[following : following + 1]
    return (
        (before.isalpha() or before in {",", "-", "\u060c", "\u3001", " "}) and after.isalpha() and not after.isupper()
    )


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    """Whether a sentence ends here, and not an initial or an abbreviation: ``J. Smith``, ``e.g. this``, ``Dr. Who``."""
    if match.group()[0] != ".":
        return True
    if text[match.end() : match.end() + 1].islower() or graphemes.inside(text, match.end()):
        return False
    word = re.search(r"[^\s(\[\"']*$", text[max(0, match.start() - 12) : match.start()])
    last = word.group() if word else ""
    return not (len(last) == 1 and last.isalpha()) and not (
        len(last) <= 3 and last[:1].isupper() and last[1:].islower()
    )


def word_break(text: str, low: int, high: int) -> int:
    """The last word boundary in ``(low, high]``, or 0. Punctuation counts only when there is no white space."""
    punctuation = 0
    for position in range(high, low, -1):
        before, after = text[position - 1], text[position : position + 1]
        if not after or after.isspace() or between_ideographs(text, position):
            return position
        if before.isspace() and not graphemes.inside(text, position):
            return position
        if not punctuation and not before.isalnum() and after.isalnum() and not graphemes.inside(text, position):
            punctuation = position
    return punctuation


def _inside_word(text: str, position: int) -> bool:
    return text[position - 1 : position].isalnum() and text[position : position + 1].isalnum()


def between_ideographs(text: str, position: int) -> bool:
    """Whether Chinese or Japanese text may break at `position`: not before closing or continuing characters."""
    before, after = text[position - 1], text[position]
    if not (_ideographic(before) or _ideographic(after)):
        return False
    return unicodedata.category(after) not in {"Pe", "Pf", "Po", "Lm"} and not graphemes.inside(text, position)


def _ideographic(character: str) -> bool:
    return (
        "\u3001" <= character <= "\u30ff"
        or "\u3400" <= character <= "\u9fff"
        or "\uf900" <= character <= "\ufaff"
        or "\uff01" <= character <= "\uff9f"
        or "\U00020000" <= character <= "\U0003ffff"
    )
