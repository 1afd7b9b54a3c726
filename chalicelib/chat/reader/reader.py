"""The built-in reader: it answers with the best-supported sentences of the retrieved chunks, or declines.

It requires no key and no network, and cannot invent: every word of an answer is in a chunk, and each part is followed
by the number of its citation. Sentences are ranked by their cosine similarity to the question, by the question's terms
in the sentence and its context, and by the rank of their chunk. A logistic regression on the same features decides
whether the best sentence answers the question. The same input gives the same answer.

Where the constants come from and what they achieve: docs/reader.md. `make bench` measures it again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chalicelib.chat.reader import rating, wording
from chalicelib.chat.reader.chunks import ChunkSentences, RetrievedChunk
from chalicelib.chat.reader.composition import (
    Citation,
    ExtractedAnswer,
    choose,
    compose,
    compose_quotations,
)
from chalicelib.chat.reader.evidence import Evidence, sentence_about
from chalicelib.chat.reader.quotations import Quotation, Quotations
from chalicelib.chat.reader.ranking import MAX_CHUNKS, MAX_QUESTION_CHARS, QuestionTerms, rank_sentences, support

if TYPE_CHECKING:
    from chalicelib.knowledge.embedding.builtin import Embedder
    from chalicelib.knowledge.embedding.cross_encoder import CrossEncoder

DECLINED = "The documents do not answer this question."

# Below this probability it declines.
MIN_SUPPORT = 0.5
# A thing alone, without a question about it, is never as close to a sentence as a question is.
_MIN_SUPPORT_OF_A_SIDE = 0.2


def read(
    question: str,
    chunks: Sequence[RetrievedChunk],
    embedder: Embedder,
    *,
    about: str = "",
    min_support: float = MIN_SUPPORT,
    model: CrossEncoder | None = None,
) -> ExtractedAnswer:
    """Answer `question` from `chunks`, best first, with what they say, or decline.

    Declines below `min_support`, without chunks, and for a question without content words. Reads the first `MAX_CHUNKS`
    chunks and the first `MAX_CHUNK_CHARS` characters of each. If `about` has content words, the sentences of the answer
    must have one of them in their text or context. An identifier or name of the question must be in the chunks that are
    quoted; the answer says which one no chunk holds (evidence.py).

    `model` picks and decides where the chunks are in a language that it knows. Elsewhere and without it, the evidence
    alone does: the words in common and the cosine of at most `MAX_CANDIDATES` sentences.
    """
    chunks = chunks[:MAX_CHUNKS]
    evidence = Evidence(question[:MAX_QUESTION_CHARS], chunks)
    if evidence.missing:
        text = f"{DECLINED} {sentence_about(evidence.missing)}"
        return ExtractedAnswer(text, (), declined=True, support=0.0, missing=tuple(m.word for m in evidence.missing))
    pages = [ChunkSentences(chunk) for place, chunk in enumerate(chunks) if evidence.allows(place)]
    beside = _About(evidence, QuestionTerms(about[:MAX_QUESTION_CHARS], pages), pages)
    if model is not None and rating.is_readable(pages, model):
        return _quoted(evidence.respelt(question), beside, min_support, embedder, model)
    ranked = rank_sentences(evidence.respelt(question), pages, embedder)
    if evidence.named:
        ranked = [items for items in ranked if evidence.allows_sentence(pages[items.place], items.index)]
    ranked = [items for items in ranked if beside.is_about(items.place, items.index)]
    if not ranked:
        return ExtractedAnswer(DECLINED, (), declined=True, support=0.0)
    probability = support(ranked[0].features)
    if probability < min_support:
        return ExtractedAnswer(DECLINED, (), declined=True, support=probability)
    text, citations = compose(choose(ranked, pages, beside), pages)
    return ExtractedAnswer(text, citations, declined=False, support=probability)


def _quoted(
    question: str, beside: _About, min_support: float, embedder: Embedder, model: CrossEncoder
) -> ExtractedAnswer:
    """The answer by the model's judgement."""
    pages = beside.pages
    question = wording.as_spelt(question[:MAX_QUESTION_CHARS], (page.text for page in pages), model.knows)
    quotations = [part for quotation in Quotations(pages) if (part := beside.part(quotation))]
    rated = rating.rate(question, pages, quotations, model)
    if not rated:
        return ExtractedAnswer(DECLINED, (), declined=True, support=0.0)
    best = rating.read_closely(question, rated[0], pages, model)
    probability = rating.support(question, best, pages, model, embedder)
    if probability < min_support:
        return ExtractedAnswer(DECLINED, (), declined=True, support=probability)
    others = [
        each for each in rated[1:] if any(beside.repeats(each.quotation.place, i) for i in each.quotation.indexes)
    ]
    text, citations = compose_quotations(rating.choose(question, [best, *others], pages, model), pages)
    return ExtractedAnswer(text, citations, declined=False, support=probability)


@dataclass(frozen=True, slots=True)
class _About:
    """What an answer may consist of: what is about the named things, and about the words that the question adds."""

    evidence: Evidence
    words: QuestionTerms
    pages: Sequence[ChunkSentences]

    def is_about(self, place: int, index: int) -> bool:
        return not self.words or self.words.share(self.pages[place].whole(index)) > 0

    def part(self, quotation: Quotation) -> Quotation | None:
        """A quotation without sentences about other things of the same form; None where nothing remains."""
        page = self.pages[quotation.place]
        if not any(self.is_about(quotation.place, index) for index in quotation.indexes):
            return None
        if not self.evidence.named:
            return quotation
        indexes = tuple(index for index in quotation.indexes if self.evidence.allows_sentence(page, index))
        if indexes == quotation.indexes:
            return quotation
        if not indexes or indexes[-1] - indexes[0] >= len(indexes):
            return None
        return replace(quotation, indexes=indexes, text=" ".join(page.line(index) for index in indexes))

    def repeats_in(self, quotation: Quotation) -> bool:
        return any(self.repeats(quotation.place, index) for index in quotation.indexes)

    def repeats(self, place: int, index: int) -> bool:
        return self.evidence.repeats(self.pages[place], index)

    def allows(self, place: int, index: int) -> bool:
        return self.is_about(place, index) and self.evidence.allows_beside(self.pages[place], index)


def compare(sides: Sequence[str], chunks: Sequence[RetrievedChunk], embedder: Embedder) -> ExtractedAnswer:
    """What the chunks say of each of `sides`, one after the other, each sentence once; declines if they say nothing.

    A side about which they say nothing is named.
    """
    texts: list[str] = []
    citations: list[Citation] = []
    missing: list[str] = []
    answers = [read(side, chunks, embedder, min_support=_MIN_SUPPORT_OF_A_SIDE) for side in sides]
    for side, answer in zip(sides, answers, strict=True):
        if answer.declined:
            missing.append(side)
            continue
        quotes = {citation.quote for citation in citations}
        if all(citation.quote in quotes for citation in answer.citations):
            continue
        texts.append(_renumbered(answer.text, len(citations)))
        citations += [replace(each, number=each.number + len(citations)) for each in answer.citations]
    support = max(answer.support for answer in answers)
    nothing = " and ".join(f"\u201c{side}\u201d" for side in missing)
    about_missing = f"The documents that were found say nothing about {nothing}." if missing else ""
    if not citations:
        return ExtractedAnswer(
            f"{DECLINED} {about_missing}", (), declined=True, support=support, missing=tuple(missing)
        )
    text = " ".join([*texts, *([about_missing] if about_missing else [])])
    return ExtractedAnswer(text, tuple(citations), declined=False, support=support, missing=tuple(missing))


def _renumbered(text: str, first: int) -> str:
    return _MARK.sub(lambda mark: f"[{int(mark[1]) + first}]", text)


_MARK = re.compile(r"\[(\d+)\]")
