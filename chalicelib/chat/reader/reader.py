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

from chalicelib.chat.reader.chunks import ChunkSentences, RetrievedChunk
from chalicelib.chat.reader.composition import Citation, ExtractedAnswer, choose, compose
from chalicelib.chat.reader.evidence import Evidence, sentence_about
from chalicelib.chat.reader.ranking import MAX_CHUNKS, MAX_QUESTION_CHARS, QuestionTerms, rank_sentences, support

if TYPE_CHECKING:
    from chalicelib.knowledge.embedding.builtin import Embedder

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
) -> ExtractedAnswer:
    """Answer `question` from `chunks`, best first, in one to four sentences, or decline.

    Declines below `min_support`, without chunks, and for a question without content words. Reads the first `MAX_CHUNKS`
    chunks, the first `MAX_CHUNK_CHARS` characters of each, and embeds at most `MAX_CANDIDATES` sentences. If `about`
    has content words, the sentences of the answer must have one of them in their text or context. An identifier or name
    of the question must be in the chunks that are quoted; the answer says which one no chunk holds (evidence.py).
    """
    chunks = chunks[:MAX_CHUNKS]
    evidence = Evidence(question[:MAX_QUESTION_CHARS], chunks)
    if evidence.missing:
        text = f"{DECLINED} {sentence_about(evidence.missing)}"
        return ExtractedAnswer(text, (), declined=True, support=0.0, missing=tuple(m.word for m in evidence.missing))
    pages = [ChunkSentences(chunk) for place, chunk in enumerate(chunks) if evidence.allows(place)]
    ranked = rank_sentences(evidence.respelt(question), pages, embedder)
    if evidence.named:
        ranked = [items for items in ranked if evidence.allows_sentence(pages[items.place], items.index)]
    beside = _About(evidence, QuestionTerms(about[:MAX_QUESTION_CHARS], pages), pages)
    ranked = [items for items in ranked if beside.is_about(items.place, items.index)]
    if not ranked:
        return ExtractedAnswer(DECLINED, (), declined=True, support=0.0)
    probability = support(ranked[0].features)
    if probability < min_support:
        return ExtractedAnswer(DECLINED, (), declined=True, support=probability)
    text, citations = compose(choose(ranked, pages, beside), pages)
    return ExtractedAnswer(text, citations, declined=False, support=probability)


@dataclass(frozen=True, slots=True)
class _About:
    """What an answer may consist of: what is about the named things, and about the words that the question adds."""

    evidence: Evidence
    words: QuestionTerms
    pages: Sequence[ChunkSentences]

    def is_about(self, place: int, index: int) -> bool:
        return not self.words or self.words.share(self.pages[place].whole(index)) > 0

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
