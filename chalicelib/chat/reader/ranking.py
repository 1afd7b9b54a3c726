"""Ranking: the sentences of the chunks, ordered by the evidence that they answer the question.

Where the constants come from and what they achieve: docs/reader.md. `make bench` measures it again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.chat.reader.chunks import ChunkSentences, RetrievedChunk
from chalicelib.chat.reader.sentences import Sentence
from chalicelib.knowledge.text import lexemes

if TYPE_CHECKING:
    from chalicelib.knowledge.embedding.builtin import Embedder

# Bounds of the cost of one question.
MAX_QUESTION_CHARS = 2_000
MAX_QUESTION_TERMS = 64
MAX_CHUNKS = 20
MAX_CANDIDATES = 20


@dataclass(frozen=True, slots=True)
class SentenceFeatures:
    """The features of a sentence, each 0 to 1 except `cosine`, which may be below 0.

    ``own`` is the share of the question's terms, weighted by idf, in the sentence; ``context`` adds its heading and the
    sentence before it; ``chunk`` adds the whole chunk and its title. ``rank`` is the chunk's score relative to the best
    chunk's. ``foreign`` is 0 for a language that the embedding model knows (English), 1 for an unknown one (Chinese).
    """

    cosine: float
    own: float
    context: float
    chunk: float
    rank: float
    first: bool
    foreign: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may answer: sentence number `index` of chunk number `place`."""

    place: int
    index: int
    sentence: Sentence
    features: SentenceFeatures
    score: float


def rank(question: str, chunks: Sequence[RetrievedChunk], embedder: Embedder) -> list[Candidate]:
    """The candidate sentences with their features, best first; empty for a question without content words."""
    return rank_sentences(question, [ChunkSentences(chunk) for chunk in chunks[:MAX_CHUNKS]], embedder)


# Inflected forms of languages without a stemmer share most of their letters: urlop and urlopu, Rechnung and Rechnungen.
_SHARED_LETTERS = 5
_SHARED_PART = 0.8
_INFLECTED_CREDIT = 0.8

# An English model gives any two texts of another language a high cosine. How foreign a language is to it shows in how
# many tokens its words fall into (fertility; Rust et al. 2021, "How Good is Your Tokenizer?"): English has 3.6 to 5.7
# characters a token here, German, French and Spanish 2.7 to 3.3, Russian, Arabic and Chinese about 1.1. The median
# cosine of unrelated sentences is 0.07, about 0.4, and 0.6 to 0.8.
_NATIVE_CHARS_PER_TOKEN = 3.8
_FERTILITY_RANGE = 1.5
_FOREIGN_COSINE = 0.6
# A word in a script that the model's vocabulary lacks is one token, however long it is (Thai).
_MOST_UNKNOWN = 0.2


# In a handful of sentences every term is rare, and the terms that they lack would outweigh those that they have. The
# regressions below were fitted on about so many retrieved sentences.
_FEWEST_SENTENCES = 45


class QuestionTerms:
    """The question's terms, weighted by BM25's idf over the sentences of the chunks."""

    def __init__(self, question: str, pages: Sequence[ChunkSentences]) -> None:
        question_terms = list(dict.fromkeys(lexemes.terms(question)))[:MAX_QUESTION_TERMS]
        vocabulary = frozenset[str]().union(*(page.about.union(*page.terms) for page in pages))
        self._credits = {term: _credits(term, vocabulary) for term in question_terms}
        items = [terms for page in pages for terms in page.terms]
        self._weights = {term: self._idf(term, items) for term in question_terms}
        self._total = sum(self._weights.values())

    def __bool__(self) -> bool:
        return bool(self._weights)

    def __iter__(self) -> Iterator[str]:
        return iter(self._weights)

    def _idf(self, term: str, items: Sequence[frozenset[str]]) -> float:
        frequency = sum(self._credit(term, terms) > 0 for terms in items)
        total = max(len(items), _FEWEST_SENTENCES)
        return math.log1p((total - frequency + 0.5) / (frequency + 0.5))

    def _credit(self, term: str, terms: frozenset[str]) -> float:
        if term in terms:
            return 1.0
        return _INFLECTED_CREDIT if not self._credits[term].isdisjoint(terms) else 0.0

    def terms_in(self, terms: frozenset[str]) -> frozenset[str]:
        """The question's terms that are in `terms`, in any inflected form."""
        return frozenset(term for term in self._weights if self._credit(term, terms) > 0)

    def share(self, terms: frozenset[str]) -> float:
        """The weighted share of the question's terms in `terms`, 0 to 1."""
        return sum(weight * self._credit(term, terms) for term, weight in self._weights.items()) / self._total


def _credits(term: str, vocabulary: Iterable[str]) -> frozenset[str]:
    """The words of `vocabulary` that look like inflected forms of `term`."""
    if len(term) < _SHARED_LETTERS or not term.isalpha():
        return frozenset()
    start = term[:_SHARED_LETTERS]
    return frozenset(word for word in vocabulary if word.startswith(start) and word != term and _inflected(term, word))


def _inflected(left: str, other: str) -> bool:
    shared = next((i for i, (a, b) in enumerate(zip(left, other, strict=False)) if a != b), min(len(left), len(other)))
    return shared >= _SHARED_PART * max(len(left), len(other))


def rank_sentences(question: str, pages: Sequence[ChunkSentences], embedder: Embedder) -> list[Candidate]:
    """The candidate sentences of `pages`, best first; empty for a question without content words."""
    question = question[:MAX_QUESTION_CHARS]
    terms = QuestionTerms(question, pages)
    if not terms:
        return []
    drafts = sorted(
        _without_other_rows(list(_drafts(pages, terms)), pages, terms),
        key=lambda draft: (-draft.score, draft.place, draft.index),
    )[:MAX_CANDIDATES]
    texts = [_embedded(pages[draft.place], draft.index) for draft in drafts]
    foreign = _foreign([question, *texts], embedder)
    cosines = _cosines(question, texts, embedder)
    weighed = [_with_cosine(draft, cosine, foreign) for draft, cosine in zip(drafts, cosines, strict=True)]
    return sorted(weighed, key=lambda candidate: (-candidate.score, candidate.place, candidate.index))


def _drafts(pages: Sequence[ChunkSentences], terms: QuestionTerms) -> Iterator[Candidate]:
    """Every sentence that can be part of an answer, with all features except the cosine. A repeated one counts once."""
    seen: set[str] = set()
    best = max((page.chunk.score for page in pages), default=0.0)
    for place, page in enumerate(pages):
        share_of_best = page.chunk.score / best if best > 0 else 1.0
        whole = page.about.union(*page.terms)
        chunk = terms.share(whole)
        for index, sentence in enumerate(page.sentences):
            quoted_line = " ".join(page.quote(index).split())
            if sentence.kind == "heading" or page.is_question(index) or quoted_line in seen:
                continue
            seen.add(quoted_line)
            own = terms.share(page.terms[index])
            context = terms.share(page.whole(index))
            features = SentenceFeatures(
                0.0, own, context, chunk, max(share_of_best, 0.0), first=place == 0, foreign=0.0
            )
            yield Candidate(place, index, sentence, features, own + context + features.rank)


def _without_other_rows(
    drafts: Sequence[Candidate], pages: Sequence[ChunkSentences], terms: QuestionTerms
) -> list[Candidate]:
    """The drafts without rows whose question terms are a proper subset of those of another row of their document.

    The rows of a table differ only in their topic: a row with half of the question's terms has another topic.
    """
    rows: dict[UUID, set[frozenset[str]]] = {}
    items: list[tuple[Candidate, UUID, frozenset[str] | None]] = []
    for draft in drafts:
        page = pages[draft.place]
        document, own = page.chunk.document_id, None
        if page.is_row(draft.index):
            own = terms.terms_in(page.terms[draft.index])
            rows.setdefault(document, set()).add(own)
        items.append((draft, document, own))
    return [draft for draft, document, own in items if own is None or not any(own < other for other in rows[document])]


def _embedded(page: ChunkSentences, index: int) -> str:
    """The text that is embedded for a sentence: after the question that it answers in its document, if any."""
    lead_questions = [page.quote(lead) for lead in page.leads[index] if page.is_question(lead)]
    return " ".join(" ".join([*lead_questions, page.quote(index)]).split())


def _foreign(texts: Sequence[str], embedder: Embedder) -> float:
    """How foreign the language of `texts` is to the embedding model: 0 for English, 1 for unknown scripts."""
    if embedder.unknown_share(texts) > _MOST_UNKNOWN:
        return 1.0
    native = sum(map(len, texts)) / max(sum(embedder.count_tokens(texts)), 1)
    return min(max((_NATIVE_CHARS_PER_TOKEN - native) / _FERTILITY_RANGE, 0.0), 1.0)


def _cosines(question: str, texts: Sequence[str], embedder: Embedder) -> list[float]:
    if not texts:
        return []
    vectors = embedder.embed([question, *texts], truncate=True)
    return [float(cosine) for cosine in vectors[1:] @ vectors[0]]


def _with_cosine(draft: Candidate, cosine: float, foreign: float) -> Candidate:
    # The cosine of any two texts of a foreign language is the baseline.
    baseline = foreign * _FOREIGN_COSINE
    features = replace(draft.features, cosine=(cosine - baseline) / (1 - baseline), foreign=foreign)
    return replace(draft, features=features, score=_score(features))


# Listwise softmax regression on the sentences of 237 questions: which sentence holds the answer (docs/reader.md).
_COSINE, _OWN, _CONTEXT, _RANK, _FIRST = 2.2, 3.0, 2.3, 1.0, 1.5


def _score(features: SentenceFeatures) -> float:
    return (
        _COSINE * features.cosine
        + _OWN * features.own
        + _CONTEXT * features.context
        + _RANK * features.rank
        + _FIRST * features.first
    )


# Logistic regressions on English and on Chinese questions with and without an answer in the corpus: for English the
# cosine is the best predictor, for Chinese the terms. Languages between them are interpolated (docs/reader.md).
_NATIVE_FIT = (16.4, 9.4, -11.3)
_FOREIGN_FIT = (2.4, 22.0, -5.0)


def support(features: SentenceFeatures) -> float:
    """The estimated probability, 0 to 1, that the chunks answer the question, by the features of the best sentence."""
    native, foreign = (
        by_cosine * features.cosine + by_chunk * features.chunk + constant
        for by_cosine, by_chunk, constant in (_NATIVE_FIT, _FOREIGN_FIT)
    )
    return round(1 / (1 + math.exp(-(native + features.foreign * (foreign - native)))), 4)
