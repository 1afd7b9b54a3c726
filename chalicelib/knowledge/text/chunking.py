"""Chunking: a text becomes chunks that an embedding model can read whole, with exact offsets.

The text is tokenised once, and every decision uses the character offsets of its tokens. Each chunk is then counted
again on its own, because the model reads it on its own. A chunk is always a slice: ``text[start_char:end_char]``.
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

    For source code, the section ends with the chunk's lines: ``Tree.get, lines 10-42``. ``columns`` is the first row of
    the table in which the chunk starts, unless the chunk contains that row: ``Item | Price``. ``context`` is searched
    and embedded with the chunk, but is not part of it: the headings above the chunk that it does not contain, outermost
    first, ``Birds > Herons``, and the columns. ``token_count`` is that of ``text``, and 1 for a text without tokens.
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
        """The text that a model embeds: context, blank line, text. `read_embedding_batch` composes the same."""
        return f"{self.context}\n\n{self.text}" if self.context else self.text


def chunk(
    extraction_text: str, segments: Sequence[Segment], offsets: TokenOffsets, max_tokens: int, overlap_tokens: int
) -> list[ChunkDraft]:
    """Cut `extraction_text` into chunks of at most `max_tokens` tokens, and of no more than the model reads.

    No chunk crosses a page. A chunk ends, in this order of preference, at the end of a section, a paragraph, a line or
    table row, a sentence, a wrapped line or a word; only a word that is longer than a chunk is cut inside. Small
    sections share a chunk. Source code is cut between definitions whenever a definition ends in the chunk, so that a
    chunk never starts inside a definition that fits into one. A chunk that does not start a page or a section repeats
    up to `overlap_tokens` tokens of the previous chunk, and at most half of it, from the start of a sentence or else of
    a word. Every character except white space is in a chunk.

    A chunk's context has at most `context.MAX_CONTEXT_TOKENS` tokens; chunk and context together fit into the model.

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
            # A model may read nothing of a page of symbols of a font's own: its words, if any, are found all the same.
            counted = max(tokens, 1)
            chunks.append(ChunkDraft(len(chunks), start, end, text, page, section, counted, columns, context))
    return chunks


class _Places:
    """Page and section by position."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = segments
        self._starts = [segment.start for segment in segments]

    def path(self, start: int) -> str | None:
        """The headings above `start`, or the definition around it."""
        segment = self._segment(start)
        return segment.section if segment else None

    def is_code(self, start: int) -> bool:
        """Whether tabs are indentation here, and do not separate cells."""
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
