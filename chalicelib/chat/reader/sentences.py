"""Sentences of a text in any language, with exact offsets.

Prose is split after its sentences; headings, list items, table rows and lines of code are units of their own. A line
break inside a sentence, as in PDF pages, does not end it. The rules are deterministic and small enough for a function's
package, which a model is not, and a wrong boundary has little effect on an answer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from chalicelib.knowledge.text import graphemes

Kind = Literal["sentence", "line", "item", "row", "code", "heading"]

# Longer sentences are cut: a citation of half a page is not useful.
MAX_SENTENCE_CHARS = 700

# A line of prose that was wrapped at the page's width has at least this width; a narrower line ended by itself.
_WRAPPED_WIDTH = 40


@dataclass(frozen=True, slots=True)
class Sentence:
    """``text[start:end]``, without white space at its ends and without the mark of its heading or list item.

    A ``line`` is a short separate line without the end of a sentence, possibly a heading; a ``heading`` certainly is
    one. Sentences of the same ``block`` belong together.
    """

    start: int
    end: int
    kind: Kind
    block: int


@dataclass(slots=True)
class _Block:
    kind: Kind
    start: int
    end: int
    last_line: str
    lines: int = 1


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int
    text: str


def split(text: str) -> list[Sentence]:
    """The sentences of `text` in order. They do not overlap, and every letter and digit of the text lies in one.

    Exceptions are letters and digits in the marks of list items (``-``, ``3.``, ``a)``). The time is linear in the
    length of the text.
    """
    sentences: list[Sentence] = []
    for number, block in enumerate(_blocks(text)):
        for start, end in _within(text, block):
            sentences.append(Sentence(start, end, _kind(text, block, start, end), number))
    return sentences


# --- blocks: no sentence crosses them ---------------------------------------------------------------------------------

_FENCE = re.compile(r"[ \t]*(?:```|~~~)")
_HEADING = re.compile(r"[ \t]*#{1,6}[ \t]+")
_UNDERLINE = re.compile(r"[ \t]*(?:={3,}|-{3,})[ \t]*$")
_ITEM = re.compile(
    r"[ \t]*(?:[-*+\u2022\u2023\u25aa\u25cf\u25e6\u2043\u00b7]|\(?(?:\d{1,3}|[A-Za-z])[.)]|[\u2460-\u2473])[ \t]+(?=\S)"
)
_DASH_ITEM = re.compile(r"[ \t]*[\u2013\u2014][ \t]+(?=\S)")
_ROW = re.compile(r"\||\S *+\t[ \t]*+\S")
_TERMINAL = re.compile(
    r"[.!?\u2026\u061f\u06d4\u0964\u0965\u0589\u1362\u1367\u104b\u3002\uff01\uff1f\uff61\uff0e]['\")\]\u2019\u201d\u00bb\u203a\u300d\u300f\uff09]*$"
)


class _Blocks:
    """The blocks of one text as its lines come."""

    def __init__(self, *, fenced: bool) -> None:
        self.completed: list[_Block] = []
        self._open: _Block | None = None
        self._fenced = fenced

    def add(self, line: _Line) -> None:
        """The next line, white space at its ends included."""
        if _FENCE.match(line.text):
            self._fenced = not self._fenced
            self._open = None
        elif not any(map(str.isalnum, line.text)):
            self._rule(line)
        elif self._fenced:
            self._extend_or_begin(line, "code", flows=True)
        else:
            self._text(line)

    def _rule(self, line: _Line) -> None:
        # A line of dashes under a line of text makes it a heading.
        if self._open and self._open.kind == "sentence" and self._open.lines == 1 and _UNDERLINE.match(line.text):
            self._open.kind = "heading"
        if not (self._fenced and line.text.strip()):
            self._open = None

    def _text(self, line: _Line) -> None:
        if mark := _HEADING.match(line.text):
            self._begin(line, "heading", mark.end())
            self._open = None
        elif _ROW.search(line.text):
            self._begin(line, "row")
            self._open = None
        elif mark := _ITEM.match(line.text) or (None if self._open else _DASH_ITEM.match(line.text)):
            self._begin(line, "item", mark.end())
        else:
            flows = self._open is not None and _flows(self._open.last_line, line.text.strip())
            self._extend_or_begin(line, "sentence", flows=flows)

    def _extend_or_begin(self, line: _Line, kind: Kind, *, flows: bool) -> None:
        if self._open and flows:
            self._open.end = line.end
            self._open.last_line = line.text.strip()
            self._open.lines += 1
        else:
            self._begin(line, kind)

    def _begin(self, line: _Line, kind: Kind, mark: int = 0) -> None:
        self._open = _Block(kind, line.start + mark, line.end, line.text.strip())
        self.completed.append(self._open)


def _blocks(text: str) -> list[_Block]:
    lines = text.splitlines(keepends=True)
    blocks = _Blocks(fenced=_begins_fenced(lines))
    position = 0
    for line in lines:
        blocks.add(_Line(position, position + len(line), line))
        position += len(line)
    return blocks.completed


def _begins_fenced(lines: Sequence[str]) -> bool:
    """Whether a chunk starts inside a block of code: its first fence only closes, directly under a line of code."""
    fences = [number for number, line in enumerate(lines) if _FENCE.match(line)]
    if len(fences) % 2 == 0 or fences[0] == 0:
        return False
    return not lines[fences[0]].strip(" \t\r\n`~") and bool(lines[fences[0] - 1].strip())


def _flows(before: str, after: str) -> bool:
    """Whether a sentence may continue from the line `before` on the line `after`."""
    if after[0].islower() or before.endswith(("-", ",", ";", "\u3001", "\uff0c", "\u060c")) or _TERMINAL.search(before):
        return True
    return _width(before) >= max(_WRAPPED_WIDTH, _width(after[:160]) // 2)


def _width(line: str) -> int:
    """The width in columns; an ideograph has two."""
    return len(line) if line.isascii() else sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in line)


def _kind(text: str, block: _Block, start: int, end: int) -> Kind:
    short = block.kind == "sentence" and block.lines == 1 and end - start <= 80
    alone = short and (start, end) == _trimmed(text, block.start, block.end)
    return "line" if alone and not _TERMINAL.search(text[start:end]) else block.kind


# --- sentences inside a block -----------------------------------------------------------------------------------------

# What ends a sentence, what may close after it, and a reference such as [4]: of scripts that put a space after it, and
# of those that do not.
_END = re.compile(
    r"(?:(?<![.!?\u2026])[.!?\u2026]++|(?<![\u061f\u06d4\u0964\u0965\u0589\u1362\u1367\u104b])[\u061f\u06d4\u0964\u0965\u0589\u1362\u1367\u104b]++)['\")\]\u2019\u201d\u00bb\u203a]*(?:\[[^\[\]\n]{1,30}\])*(?=\s)"
    r"|[\u3002\uff01\uff1f\uff61\uff0e]+[\u300d\u300f\u201d\u2019\uff09\u3011\u300b\"')\]]*"
)
_LAST_WORD = re.compile(r"[^\s(\[\"'\u201c\u2018\u00ab]+$")
# Words that are followed by a name or a number and seldom end a sentence, in languages that use the Latin and Cyrillic
# scripts. Single letters and words with inner full stops (e.g., z.B., U.S.) are recognised by their form.
_ABBREVIATIONS = frozenset(
    """
    mr mrs ms dr prof st sr jr rev hon gov sen rep gen col maj capt cpt lt sgt cmdr adm messrs mme mlle mgr
    no nos nr num vol vols pp fig figs eq eqs sec sect ch chap art abs abb ed eds al cf vs approx ca circa c
    ave blvd dept dist est ext tel inc ltd co corp bros jan feb mar apr jun jul aug sep sept oct nov dec
    bzw ggf evtl inkl zzgl bsp usw sog hr fr hrn dipl ing
    env pag pág sra srta dra av apdo exmo nrº
    гл ст стр рис табл ул г т им
    """.split()  # noqa: SIM905
)
_CLAUSE = re.compile(r"[;:,\u3001\uff0c\uff1b\u060c\u061b]\s*|\s+")


def _within(text: str, block: _Block) -> Iterator[tuple[int, int]]:
    begin = block.start
    if block.kind not in ("row", "code", "heading"):
        for match in _END.finditer(text, block.start, block.end):
            if _ends(text, match, begin, block.end):
                yield from _bounded(text, begin, match.end())
                begin = match.end()
    yield from _bounded(text, begin, block.end)


def _ends(text: str, match: re.Match[str], begin: int, end: int) -> bool:
    """Whether this full stop, exclamation mark or question mark ends a sentence, by the words beside it."""
    if not match[0][0].isascii() and match[0][0] != "\u2026":
        return True
    following = text[match.end() : min(match.end() + 40, end)].lstrip()
    if following[:1].islower():
        return False
    return match[0] != "." or not _abbreviated(text[max(begin, match.start() - 24) : match.start()], following)


def _abbreviated(before: str, following: str) -> bool:
    word = _LAST_WORD.search(before)
    if not word:
        return False
    last = word[0].casefold()
    # An initial; e.g. or U.S.; Dr.; and 3. before a month, as German and others write ordinals.
    return (
        (len(last) == 1 and last.isalpha() and word[0].isupper())
        or ("." in last and all(len(part) <= 2 and part.isalpha() for part in last.split(".")))
        or last in _ABBREVIATIONS
        or (last.isdigit() and len(last) <= 2 and following[:1].isalpha() and before != word[0] and word.start() > 0)
    )


def _bounded(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """``text[start:end]`` without white space at its ends, in parts of at most `MAX_SENTENCE_CHARS`."""
    start, end = _trimmed(text, start, end)
    while end - start > MAX_SENTENCE_CHARS:
        cut = _cut(text, start)
        yield _trimmed(text, start, cut)
        start, end = _trimmed(text, cut, end)
    if any(map(str.isalnum, text[start:end])):
        yield start, end


def _cut(text: str, start: int) -> int:
    high = start + MAX_SENTENCE_CHARS
    cuts = [match.end() for match in _CLAUSE.finditer(text, start + MAX_SENTENCE_CHARS // 2, high)]
    return cuts[-1] if cuts else graphemes.boundary_before(text, high, start)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
