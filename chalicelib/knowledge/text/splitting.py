"""The offsets of one text's chunks: as long as the budget allows, and cut at the best positions."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.knowledge.text import graphemes
from chalicelib.knowledge.text.breaks import ROW, Breaks, between_ideographs, word_break
from chalicelib.knowledge.text.token_offsets import TokenOffsets

# An unknown word is one token whatever its length, and white space is none. Prose has 3 to 7 characters a token, so
# only blobs reach this limit; without it, a blob would become one chunk of a megabyte.
_CHARS_PER_TOKEN = 16


@dataclass(frozen=True, slots=True)
class ChunkBudget:
    tokens: int
    overlap: int

    @property
    def chars(self) -> int:
        return self.tokens * _CHARS_PER_TOKEN


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the text that no chunk may cross: one page, or the whole text without pages."""

    start: int
    end: int


class Splitter:
    """Cuts one text. It has what is the same for every chunk."""

    def __init__(self, text: str, breaks: Breaks, offsets: TokenOffsets, budget: ChunkBudget) -> None:
        self._text = text
        self._breaks = breaks
        self._offsets = offsets
        self._budget = budget

    def cut(self, region: Region) -> Iterator[tuple[int, int, int]]:
        """Start, end and tokens of each chunk of `region`, without white space at both ends."""
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
        """The end and the tokens of the chunk from `start`; (0, 0) when it would add nothing beyond `covered`."""
        budget = self._budget.tokens
        remaining = self._token(stop) - self._token(start)
        if remaining <= budget and stop - start <= self._budget.chars:
            end = stop
        else:
            # Two halves read better than a full chunk and a short rest.
            halved = -(-remaining * 5 // 8) if remaining > budget else budget
            end = self._best(start, covered, stop, min(budget, halved)) or self._any(start, covered, stop, halved)
        while end:
            count = self._offsets.count([self._text[start : self._trim(start, end)]])[0]
            if count <= budget or end - start == 1:
                return end, count
            # A word that is cut in two is tokenised again, and the parts may have more tokens than the word.
            end = self._any(start, covered, min(end - 1, start + (end - start) * budget // count), budget)
        return 0, 0

    def _any(self, start: int, covered: int, stop: int, halved: int) -> int:
        """The best break within a whole chunk, or inside a word; 0 when a smaller overlap may keep the word whole."""
        budget = self._budget.tokens
        high = self._furthest(start, stop, budget)
        end = self._best(start, covered, stop, budget) or self._before_row(covered, high)
        if not end and high > covered:
            words = self._furthest(start, stop, min(budget, halved))
            end = word_break(self._text, covered, words) or word_break(self._text, covered, high)
        if end or start < covered:
            return end
        return graphemes.boundary_before(self._text, high, covered)

    def _before_row(self, covered: int, high: int) -> int:
        """The start of the table row that a cut at `high` would split, or 0."""
        place = bisect_right(self._breaks.line, high) - 1
        begin = self._breaks.line[place] if place >= 0 else 0
        return begin if begin > covered and self._is_row(begin) else 0

    def _is_row(self, position: int) -> bool:
        """Whether the line is a table row from `position` on."""
        end = self._text.find("\n", position, position + self._budget.chars)
        return ROW.search(self._text, position, end if end >= 0 else position + self._budget.chars) is not None

    def _best(self, start: int, covered: int, stop: int, tokens: int) -> int:
        """The best break in ``(covered, stop]`` at most `tokens` from `start`, or 0 when only words end there.

        The best kind of break that is far enough from `start` for its kind, and the last break of that kind.
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
            place = bisect_right(positions, high) - 1
            if place >= 0 and positions[place] > max(low, covered):
                return positions[place]
        return 0

    def _furthest(self, start: int, stop: int, tokens: int) -> int:
        """The last position at most `tokens` tokens, and a chunk's characters, from `start`."""
        by_tokens = self._start_of(self._token(start) + tokens)
        return max(start + 1, min(stop, start + self._budget.chars, by_tokens))

    def _overlap(self, start: int, end: int, covered: int) -> int:
        """Start of the chunk after ``[start, end)``: inside it, or `covered` without overlap or after a section."""
        if not self._budget.overlap or self._ends_section(end, covered):
            return covered
        low = self._start_of(self._token(end) - self._budget.overlap)
        low = max(low, start + 1, start + (end - start) // 2, self._last_section(end))
        place = bisect_left(self._breaks.clean, low)
        if place < len(self._breaks.clean) and self._breaks.clean[place] < end:
            return self._skip_space(self._breaks.clean[place], covered)
        if self._is_row(self._text.rfind("\n", start, end) + 1):
            return covered
        word = next((i for i in range(low, end) if self._starts_word(i)), covered)
        return self._skip_space(word, covered)

    def _starts_word(self, position: int) -> bool:
        before, here = self._text[position - 1], self._text[position]
        return not here.isspace() and (before.isspace() or between_ideographs(self._text, position))

    def _ends_section(self, end: int, covered: int) -> bool:
        place = bisect_left(self._breaks.section, end)
        return place < len(self._breaks.section) and self._breaks.section[place] <= covered

    def _last_section(self, end: int) -> int:
        place = bisect_left(self._breaks.section, end) - 1
        return self._breaks.section[place] if place >= 0 else 0

    def _token(self, position: int) -> int:
        """The number of tokens that start before `position`."""
        starts = self._offsets.starts
        # With a plain int, numpy would convert the whole array in every search.
        return int(starts.searchsorted(starts.dtype.type(position), side="left"))

    def _start_of(self, token: int) -> int:
        """The start of token number `token`; the end of the text when there are fewer tokens."""
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
