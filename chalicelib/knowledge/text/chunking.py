"""Cutting a text into chunks that an embedding model reads whole, at the best places and with exact offsets.

The text is tokenised once, and every decision is made on the character offsets of its tokens; then each chunk is
counted again on its own, as the model will see it. A chunk is always a slice: ``text[start_char:end_char]``.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.knowledge.text import graphemes
from chalicelib.knowledge.text.context import Contexts, Tables
from chalicelib.knowledge.text.segment import Segment

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_MAX_TOKENS = 16
# A word that the model does not know is one token whatever its length, and white space is none. Prose has 3 to 7
# characters a token, so this bound is met only by blobs, which would otherwise make one chunk of a megabyte.
_CHARS_PER_TOKEN = 16


@dataclass(frozen=True, slots=True)
class TokenOffsets:
    """Where the tokens of one text lie, and how to count those of another.

    ``starts`` and ``ends`` are int32 of shape (tokens,), characters, in order. ``count`` gives each text's number of
    tokens. ``limit`` is how many the model reads at once. None includes special tokens.
    """

    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    count: Callable[[Sequence[str]], Sequence[int]]
    limit: int


@dataclass(frozen=True, slots=True)
class ChunkDraft:
    """A slice of a text: ``text[start_char:end_char] == text``, with page and section of its first character.

    Where lines are counted, as in source code, the section ends with those of the chunk: ``Tree.get, lines 10-42``.
    ``columns`` has the first row of the table that the chunk starts in, unless it holds it: ``Item | Price``.
    ``context`` is found and embedded with the chunk, and no part of it: the headings that the chunk stands under and
    does not hold, outermost first, ``Birds > Herons``, and the columns. ``token_count`` is that of ``text``.
    """

    index: int
    start_char: int
    end_char: int
    text: str
    page: int | None
    section: str | None
    token_count: int
    columns: str | None = None
    context: str | None = None

    @property
    def embedded_text(self) -> str:
        """What a model reads: the context, a blank line, and the text; `read_embedding_batch` says it, too."""
        return f"{self.context}\n\n{self.text}" if self.context else self.text


@dataclass(frozen=True, slots=True)
class _Budget:
    tokens: int
    overlap: int

    @property
    def chars(self) -> int:
        return self.tokens * _CHARS_PER_TOKEN


@dataclass(frozen=True, slots=True)
class _Breaks:
    """Positions where a chunk may end, each list sorted; a better kind contains none of the worse.

    ``definition`` has the sections of source code that start anew, which are whole only together.
    """

    definition: list[int]
    section: list[int]
    paragraph: list[int]
    line: list[int]
    sentence: list[int]
    wrapped_line: list[int]
    clean: list[int]


@dataclass(frozen=True, slots=True)
class _Region:
    """A stretch of the text that no chunk may leave: one page, or everything where there are no pages."""

    start: int
    end: int


def chunk(
    extraction_text: str, segments: Sequence[Segment], offsets: TokenOffsets, max_tokens: int, overlap_tokens: int
) -> list[ChunkDraft]:
    """Cut `extraction_text` into chunks of at most `max_tokens` tokens, and of no more than the model reads.

    No chunk crosses a page. A chunk ends, in this order of preference, where a section, a paragraph, a line or table
    row, a sentence, a wrapped line or a word ends, and only in a word that is longer than a chunk at a character. Small
    sections share a chunk. Source code is cut between definitions while any of them ends in the chunk, so that no chunk
    starts within one that fits into a chunk. A chunk that does not start a page or a section repeats up to
    `overlap_tokens` tokens of the one before, and no more than half of it, from the start of a sentence, or else of a
    word. Every character but white space lies in a chunk.

    A chunk's context takes at most `surroundings.MAX_CONTEXT_TOKENS`, and no more than the model reads beyond it.

    Raises `ValueError` for fewer than `MIN_MAX_TOKENS` tokens, or an overlap of more than half a chunk.
    """
    if max_tokens < MIN_MAX_TOKENS:
        raise ValueError(f"max_tokens is {max_tokens} and must be at least {MIN_MAX_TOKENS}.")
    if not 0 <= overlap_tokens <= max_tokens // 2:
        raise ValueError(f"overlap_tokens is {overlap_tokens} and must be between 0 and half of max_tokens.")
    if not extraction_text or extraction_text.isspace():
        return []
    most = min(max_tokens, offsets.limit)
    budget = _Budget(most, min(overlap_tokens, most // 2))
    splitter = _Splitter(extraction_text, _breaks(extraction_text, segments), offsets, budget)
    places, tables = _Places(segments), Tables(extraction_text)
    contexts = Contexts(offsets.count, offsets.limit)
    chunks: list[ChunkDraft] = []
    for region in _regions(extraction_text, segments):
        for start, end, tokens in splitter.cut(region):
            text, (page, section) = extraction_text[start:end], places.at(start, extraction_text, end)
            columns = None if places.is_code(start) else tables.columns(start)
            context = contexts.of(places.path(start), columns, text, tokens)
            chunks.append(ChunkDraft(len(chunks), start, end, text, page, section, tokens, columns, context))
    return chunks


class _Places:
    """Page and section by position."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = segments
        self._starts = [segment.start for segment in segments]

    def path(self, start: int) -> str | None:
        """The headings above, or the definition that it is of."""
        segment = self._segment(start)
        return segment.section if segment else None

    def is_code(self, start: int) -> bool:
        """Whether tabs are indentation here, and no cells."""
        segment = self._segment(start)
        return segment is not None and segment.line is not None

    def at(self, start: int, text: str, end: int) -> tuple[int | None, str | None]:
        segment = self._segment(start)
        if segment is None:
            return None, None
        if segment.line is None:
            return segment.page, segment.section
        first = segment.line + text.count("\n", segment.start, start)
        last = first + text.count("\n", start, end)
        lines = f"line {first}" if first == last else f"lines {first}-{last}"
        return segment.page, f"{segment.section}, {lines}" if segment.section else lines

    def _segment(self, start: int) -> Segment | None:
        return self._segments[max(0, bisect_right(self._starts, start) - 1)] if self._segments else None


class _Splitter:
    """One text's cuts: everything that stays the same from chunk to chunk."""

    def __init__(self, text: str, breaks: _Breaks, offsets: TokenOffsets, budget: _Budget) -> None:
        self._text = text
        self._breaks = breaks
        self._offsets = offsets
        self._budget = budget

    def cut(self, region: _Region) -> Iterator[tuple[int, int, int]]:
        """Start, end and tokens of each chunk of `region`, without white space at either end."""
        start, covered = self._skip_space(region.start, region.end), region.start
        while start < region.end:
            end, tokens = self._fit(start, max(covered, start), region.end)
            if not end:
                start = covered
                continue
            yield start, self._trim(start, end), tokens
            covered = self._skip_space(end, region.end)
            start = covered if covered >= region.end else self._overlap(start, end, covered)

    def _fit(self, start: int, covered: int, stop: int) -> tuple[int, int]:
        """Where the chunk from `start` ends and its tokens; (0, 0) when it would bring nothing beyond `covered`."""
        budget = self._budget.tokens
        remaining = self._token(stop) - self._token(start)
        if remaining <= budget and stop - start <= self._budget.chars:
            end = stop
        else:
            # Two halves read better than a full chunk and a scrap.
            halved = -(-remaining * 5 // 8) if remaining > budget else budget
            end = self._best(start, covered, stop, min(budget, halved)) or self._any(start, covered, stop, halved)
        while end:
            count = self._offsets.count([self._text[start : self._trim(start, end)]])[0]
            if count <= budget or end - start == 1:
                return end, count
            # A word cut in two is tokenised anew, and may have more tokens than the whole.
            end = self._any(start, covered, min(end - 1, start + (end - start) * budget // count), budget)
        return 0, 0

    def _any(self, start: int, covered: int, stop: int, halved: int) -> int:
        """The best break within a whole chunk, or inside a word; but 0 rather, where less overlap may save the word."""
        budget = self._budget.tokens
        high = self._furthest(start, stop, budget)
        end = self._best(start, covered, stop, budget) or self._before_row(covered, high)
        if not end and high > covered:
            words = self._furthest(start, stop, min(budget, halved))
            end = _word_break(self._text, covered, words) or _word_break(self._text, covered, high)
        if end or start < covered:
            return end
        return graphemes.boundary_before(self._text, high, covered)

    def _before_row(self, covered: int, high: int) -> int:
        """Where the table row begins that a cut at `high` would go through, or 0."""
        index_ = bisect_right(self._breaks.line, high) - 1
        begin = self._breaks.line[index_] if index_ >= 0 else 0
        return begin if begin > covered and self._is_row(begin) else 0

    def _is_row(self, position: int) -> bool:
        """Whether the line at `position` is a table row from there on."""
        end = self._text.find("\n", position, position + self._budget.chars)
        return _ROW.search(self._text, position, end if end >= 0 else position + self._budget.chars) is not None

    def _best(self, start: int, covered: int, stop: int, tokens: int) -> int:
        """The best break in ``(covered, stop]`` at most `tokens` from `start`, or 0 when there are only words.

        Late enough for its kind, of the best kind, and the last of those.
        """
        high = self._furthest(start, stop, tokens)
        if high <= covered:
            return 0
        definition = bisect_right(self._breaks.definition, high) - 1
        if definition >= 0 and self._breaks.definition[definition] > covered:
            return self._breaks.definition[definition]
        half = self._start_of(self._token(start) + tokens // 2)
        if not start < half < high:
            half = start + (high - start) // 2
        kinds = (
            (self._breaks.section, half),
            (self._breaks.paragraph, half),
            (self._breaks.line, half),
            (self._breaks.sentence, start + (half - start) // 2),
            (self._breaks.wrapped_line, half),
        )
        for positions, low in kinds:
            index_ = bisect_right(positions, high) - 1
            if index_ >= 0 and positions[index_] > max(low, covered):
                return positions[index_]
        return 0

    def _furthest(self, start: int, stop: int, tokens: int) -> int:
        """The last position at most `tokens` tokens, and a chunk's characters, from `start`."""
        by_tokens = self._start_of(self._token(start) + tokens)
        return max(start + 1, min(stop, start + self._budget.chars, by_tokens))

    def _overlap(self, start: int, end: int, covered: int) -> int:
        """Where the chunk after ``[start, end)`` starts: in its last tokens, or at `covered` when it ends a section."""
        if not self._budget.overlap or self._ends_section(end, covered):
            return covered
        low = self._start_of(self._token(end) - self._budget.overlap)
        low = max(low, start + 1, start + (end - start) // 2, self._last_section(end))
        index_ = bisect_left(self._breaks.clean, low)
        if index_ < len(self._breaks.clean) and self._breaks.clean[index_] < end:
            return self._skip_space(self._breaks.clean[index_], covered)
        if self._is_row(self._text.rfind("\n", start, end) + 1):
            return covered
        word = next((i for i in range(low, end) if self._starts_word(i)), covered)
        return self._skip_space(word, covered)

    def _starts_word(self, position: int) -> bool:
        before, here = self._text[position - 1], self._text[position]
        return not here.isspace() and (before.isspace() or _between_ideographs(self._text, position))

    def _ends_section(self, end: int, covered: int) -> bool:
        index_ = bisect_left(self._breaks.section, end)
        return index_ < len(self._breaks.section) and self._breaks.section[index_] <= covered

    def _last_section(self, end: int) -> int:
        index_ = bisect_left(self._breaks.section, end) - 1
        return self._breaks.section[index_] if index_ >= 0 else 0

    def _token(self, position: int) -> int:
        """The number of tokens that start before `position`."""
        starts = self._offsets.starts
        # A plain int would make numpy convert the whole array at every search.
        return int(starts.searchsorted(starts.dtype.type(position), side="left"))

    def _start_of(self, token: int) -> int:
        """Where token number `token` starts: the end of the text when there are not so many."""
        starts = self._offsets.starts
        return int(starts[max(token, 0)]) if token < len(starts) else len(self._text)

    def _skip_space(self, position: int, stop: int) -> int:
        while position < stop and self._text[position].isspace():
            position += 1
        return position

    def _trim(self, start: int, end: int) -> int:
        while end > start and self._text[end - 1].isspace():
            end -= 1
        return end


def _regions(text: str, segments: Sequence[Segment]) -> Iterator[_Region]:
    start, page = 0, segments[0].page if segments else None
    for segment in segments:
        if segment.page != page:
            yield _Region(start, segment.start)
            start, page = segment.start, segment.page
    yield _Region(start, len(text))


# --- where a text may be cut ------------------------------------------------------------------------------------------

_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_LINE = re.compile(r"\n")
# Terminators of the scripts that separate sentences by space, with what may close after them; and of those that do not.
_SENTENCE = re.compile(
    r"[.!?\u2026\u061f\u06d4\u0964\u0965\u0589\u1362\u1367\u104b]['\")\]\u2019\u201d\u00bb\u203a]*\s+"
    r"|[\u3002\uff01\uff1f\uff61\uff0e][\u300d\u300f\u201d\u2019\uff09\u3011\u300b)\]]*\s*"
)
_ROW = re.compile(r" \| |\t")


def _breaks(text: str, segments: Sequence[Segment]) -> _Breaks:
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
    return _Breaks(definition, section, paragraph, line, sentence, wrapped_line, clean)


def _lines(text: str) -> tuple[list[int], list[int]]:
    """Starts of lines that stand on their own, and of lines that only continue a wrapped sentence."""
    whole: list[int] = []
    wrapped: list[int] = []
    begin, row = 0, False
    for match in _LINE.finditer(text):
        end = match.end()
        was_row, row = row, bool(_ROW.search(text, begin, match.start()))
        continues = not row and not was_row and _continues(text, match.start(), end)
        (wrapped if continues else whole).append(end)
        begin = end
    return whole, wrapped


def _continues(text: str, newline: int, following: int) -> bool:
    """Whether the line break at `newline` stands in the middle of a sentence, by the characters beside it."""
    before, after = text[newline - 1 : newline], text[following : following + 1]
    return (
        (before.isalpha() or before in {",", "-", "\u060c", "\u3001", " "}) and after.isalpha() and not after.isupper()
    )


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    """Not after an initial or an abbreviation as far as these show: ``J. Smith``, ``e.g. this``, ``Dr. Who``."""
    if match.group()[0] != ".":
        return True
    if text[match.end() : match.end() + 1].islower() or graphemes.inside(text, match.end()):
        return False
    word = re.search(r"[^\s(\[\"']*$", text[max(0, match.start() - 12) : match.start()])
    last = word.group() if word else ""
    return not (len(last) == 1 and last.isalpha()) and not (
        len(last) <= 3 and last[:1].isupper() and last[1:].islower()
    )


def _word_break(text: str, low: int, high: int) -> int:
    """The last word boundary in ``(low, high]``, or 0. Punctuation is one where nothing else is."""
    punctuation = 0
    for position in range(high, low, -1):
        before, after = text[position - 1], text[position : position + 1]
        if not after or after.isspace() or _between_ideographs(text, position):
            return position
        if before.isspace() and not graphemes.inside(text, position):
            return position
        if not punctuation and not before.isalnum() and after.isalnum() and not graphemes.inside(text, position):
            punctuation = position
    return punctuation


def _inside_word(text: str, position: int) -> bool:
    return text[position - 1 : position].isalnum() and text[position : position + 1].isalnum()


def _between_ideographs(text: str, position: int) -> bool:
    """Whether a line may break at `position` in Chinese or Japanese: not before what closes or continues."""
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
