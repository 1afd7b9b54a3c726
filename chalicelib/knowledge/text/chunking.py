"""Cutting a text into chunks that an embedding model reads whole, at the best places and with exact offsets.

The text is tokenised once, and every decision is made on the character offsets of its tokens; then each chunk is
counted again on its own, as the model will see it. A chunk is always a slice: ``text[start_char:end_char]``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chalicelib.knowledge.text.breaks import find_breaks
from chalicelib.knowledge.text.context import Contexts, Tables
from chalicelib.knowledge.text.segment import Segment
from chalicelib.knowledge.text.splitting import ChunkBudget, Region, Splitter
from chalicelib.knowledge.text.token_offsets import TokenOffsets

MIN_MAX_TOKENS = 16


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

    A chunk's context takes at most `context.MAX_CONTEXT_TOKENS`, and no more than the model reads beyond it.

    Raises `ValueError` for fewer than `MIN_MAX_TOKENS` tokens, or an overlap of more than half a chunk.
    """
    if max_tokens < MIN_MAX_TOKENS:
        raise ValueError(f"max_tokens is {max_tokens} and must be at least {MIN_MAX_TOKENS}.")
    if not 0 <= overlap_tokens <= max_tokens // 2:
        raise ValueError(f"overlap_tokens is {overlap_tokens} and must be between 0 and half of max_tokens.")
    if not extraction_text or extraction_text.isspace():
        return []
    most = min(max_tokens, offsets.limit)
    budget = ChunkBudget(most, min(overlap_tokens, most // 2))
    splitter = Splitter(extraction_text, find_breaks(extraction_text, segments), offsets, budget)
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


def _regions(text: str, segments: Sequence[Segment]) -> Iterator[Region]:
    start, page = 0, segments[0].page if segments else None
    for segment in segments:
        if segment.page != page:
            yield Region(start, segment.start)
            start, page = segment.start, segment.page
    yield Region(start, len(text))
