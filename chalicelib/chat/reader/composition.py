"""Composition: the sentences that an extracted answer consists of, and their citations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from chalicelib.chat.reader.chunks import ChunkSentences, RetrievedChunk
from chalicelib.chat.reader.quotations import Quotation
from chalicelib.chat.reader.ranking import Candidate

MAX_SENTENCES = 4


@dataclass(frozen=True, slots=True)
class Citation:
    """A citation of the answer: `quote` is a substring of the chunk's text."""

    number: int
    chunk: RetrievedChunk
    quote: str


@dataclass(frozen=True, slots=True)
class ExtractedAnswer:
    """Text with markers ``[1]`` that refer to `citations`; or, `declined`, one fixed sentence without a citation.

    `support`, 0 to 1, estimates the probability that the chunks answer the question. `missing` are the words of the
    question that no chunk holds although the answer must be about them; a second sentence names them.
    """

    text: str
    citations: tuple[Citation, ...]
    declined: bool
    support: float
    missing: tuple[str, ...] = ()


class Beside(Protocol):
    """What may stand beside the best sentence of an answer, by the number of a chunk and of a sentence in it."""

    def repeats(self, place: int, index: int) -> bool:
        """Whether a sentence has in itself what the question names, so that it can stand alone."""

    def allows(self, place: int, index: int) -> bool:
        """Whether a sentence may be added to complete a selected one."""


# Another sentence is added when its score is this close to the best one's; from another document it must be closer.
_MARGIN = 2.0
_FOREIGN_MARGIN = 1.0
_MAX_RANKED = 2
# A sentence that depends on the one before it for so much of the question ("It was founded by her.") includes it.
_LEAD_MARGIN = 0.15
_ALIKE = 0.8

_Place = tuple[int, int]


def choose(ranked: Sequence[Candidate], pages: Sequence[ChunkSentences], beside: Beside) -> list[_Place]:
    """The sentences of the answer, in reading order: chunks by rank, each from its start.

    `beside` says what may stand beside the best sentence.
    """
    best = ranked[0]
    selected: list[Candidate] = [best]
    for candidate in ranked[1:]:
        if len(selected) == _MAX_RANKED or candidate.score < best.score - _MARGIN:
            break
        if beside.repeats(candidate.place, candidate.index) and _adds(candidate, selected, pages):
            selected.append(candidate)
    places = {(candidate.place, candidate.index) for candidate in selected}
    for place in [*_lead_sentences(selected, pages), *_introduced(selected, pages)]:
        if len(places) < MAX_SENTENCES and beside.allows(*place):
            places.add(place)
    order = list(dict.fromkeys(candidate.place for candidate in selected))
    return sorted(places, key=lambda place: (order.index(place[0]), place[1]))


def _adds(candidate: Candidate, selected: Sequence[Candidate], pages: Sequence[ChunkSentences]) -> bool:
    """Whether a sentence adds something to the selected ones, and its document is as relevant as theirs."""
    if pages[candidate.place].is_head(candidate.index):
        return False
    best = selected[0]
    document = pages[candidate.place].chunk.document_id
    if document != pages[best.place].chunk.document_id and candidate.score < best.score - _FOREIGN_MARGIN:
        return False
    terms = pages[candidate.place].terms[candidate.index]
    return all(not _alike(terms, pages[other.place].terms[other.index]) for other in selected)


def _alike(left: frozenset[str], other: frozenset[str]) -> bool:
    return len(left & other) >= _ALIKE * max(len(left | other), 1)


def _lead_sentences(selected: Sequence[Candidate], pages: Sequence[ChunkSentences]) -> Iterator[_Place]:
    """The sentence before a selected one that depends on it."""
    for candidate in selected:
        page = pages[candidate.place]
        leads = [lead for lead in page.leads[candidate.index] if page.sentences[lead].kind != "heading"]
        if (
            leads
            and candidate.features.context - candidate.features.own >= _LEAD_MARGIN
            and not page.is_question(leads[-1])
        ):
            yield candidate.place, leads[-1]


def _introduced(selected: Sequence[Candidate], pages: Sequence[ChunkSentences]) -> Iterator[_Place]:
    """The sentences that a colon introduces, and the rows under the head of a table."""
    for candidate in selected:
        page = pages[candidate.place]
        is_head = page.is_head(candidate.index)
        if is_head or page.quote(candidate.index).endswith((":", "\uff1a")):
            for index in range(candidate.index + 1, min(candidate.index + MAX_SENTENCES, len(page.sentences))):
                if page.sentences[index].kind == "heading" or (is_head and not page.is_row(index)):
                    break
                yield candidate.place, index


def compose(places: Sequence[_Place], pages: Sequence[ChunkSentences]) -> tuple[str, tuple[Citation, ...]]:
    """Text and citations of an answer. Consecutive sentences have one citation."""
    runs: list[list[_Place]] = [[places[0]]]
    for before, place in pairwise(places):
        if place == (before[0], before[1] + 1):
            runs[-1].append(place)
        else:
            runs.append([place])
    citations = tuple(_citation(number, run, pages) for number, run in enumerate(runs, 1))
    sentence_parts = [f"{_prose(run, pages)} [{number}]" for number, run in enumerate(runs, 1)]
    return " ".join(sentence_parts), citations


def _citation(number: int, run: Sequence[_Place], pages: Sequence[ChunkSentences]) -> Citation:
    page = pages[run[0][0]]
    start, end = page.sentences[run[0][1]].start, page.sentences[run[-1][1]].end
    return Citation(number, page.chunk, page.text[start:end])


def compose_quotations(
    quotations: Sequence[Quotation], pages: Sequence[ChunkSentences]
) -> tuple[str, tuple[Citation, ...]]:
    """Text and citations of an answer that consists of whole quotations, in this order."""
    citations = tuple(
        _citation(number, [(quotation.place, index) for index in quotation.indexes], pages)
        for number, quotation in enumerate(quotations, 1)
    )
    shown = [_MARKER.sub(r"(\1)", quotation.text) for quotation in quotations]
    return " ".join(f"{text} [{number}]" for number, text in enumerate(shown, 1)), citations


_MARKER = re.compile(r"\[(\d{1,3})\]")
_STOPS = (".", "!", "?", ":", ";", ",", "\u2026", "\u3002", "\uff01", "\uff1f", "\u061f", "\u06d4", "\u0964", "\uff1a")


def _prose(run: Sequence[_Place], pages: Sequence[ChunkSentences]) -> str:
    """The sentences of a run as one line. A marker in the document is changed, so that it is not read as a citation."""
    parts = [_shown(pages[place], index) for place, index in run]
    joined = [part if part.endswith(_STOPS) else f"{part};" for part in parts[:-1]]
    return _MARKER.sub(r"(\1)", " ".join([*joined, parts[-1]]))


def _shown(page: ChunkSentences, index: int) -> str:
    text = " ".join(page.quote(index).split())
    return text.strip("| ") if page.sentences[index].kind == "row" else text
