"""The built-in reader: it answers with the best-supported sentences of the retrieved passages, or says that it cannot.

It needs no key and no network, and can invent nothing: every word of an answer stands in a passage, and each of its
pieces is followed by the number of the citation that quotes it. Sentences are ranked by cosine similarity to the
question, by how much of the question's terms they and their context hold, and by their passage's rank; whether the best
one answers at all is a logistic regression on the same evidence. The same input gives the same answer.

Where the constants come from and what they reach: docs/reader.md. `make bench` measures it again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.chat.reader import sentences
from chalicelib.chat.reader.sentences import Sentence
from chalicelib.knowledge.text import lexemes

if TYPE_CHECKING:
    from chalicelib.knowledge.embedding.builtin import Embedder

DECLINED = "The documents do not answer this question."

# Bounds of what one question may cost.
MAX_QUESTION_CHARS = 2_000
MAX_QUESTION_TERMS = 64
MAX_CHUNKS = 20
MAX_CHUNK_CHARS = 8_000
MAX_CANDIDATES = 20
MAX_SENTENCES = 4

# Below this it declines: as likely as not, the answer is not there.
MIN_SUPPORT = 0.5


@dataclass(frozen=True, slots=True)
class RetrievedChunk:
    """A retrieved passage. Passages come best first; `score` is comparable only among those of one question."""

    document_id: UUID
    chunk_id: UUID
    title: str
    text: str
    page: int | None
    section: str | None
    score: float
    columns: str | None = None


@dataclass(frozen=True, slots=True)
class Citation:
    """A place that supports the answer: `quote` is a substring of the passage's text, white space and all."""

    number: int
    chunk: RetrievedChunk
    quote: str


@dataclass(frozen=True, slots=True)
class ExtractedAnswer:
    """Prose with markers ``[1]`` that point at `citations`; or, `declined`, one fixed sentence and no citation.

    `support`, 0 to 1, estimates the probability that the passages answer the question.
    """

    text: str
    citations: tuple[Citation, ...]
    declined: bool
    support: float


@dataclass(frozen=True, slots=True)
class SentenceFeatures:
    """What speaks for a sentence, each 0 to 1 except `cosine`, which may be below 0.

    ``own`` is the share of the question's terms, by their idf, that the sentence holds; ``context`` adds its heading
    and the sentence before; ``passage`` adds its whole passage and title. ``rank`` is the passage's score relative to
    the best one's. ``foreign`` says how little of the language the model knows: 0 English, 1 Chinese.
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
    """A sentence that may answer: number `index` of those of passage number `place`."""

    place: int
    index: int
    sentence: Sentence
    evidence: SentenceFeatures
    score: float


def read(
    question: str,
    chunks: Sequence[RetrievedChunk],
    embedder: Embedder,
    *,
    about: str = "",
    min_support: float = MIN_SUPPORT,
) -> ExtractedAnswer:
    """Answer `question` from `chunks`, best first, in one to four sentences, or decline.

    Declines below `min_support`, without passages, and a question without content words. Reads the first `MAX_CHUNKS`
    passages, of each the first `MAX_CHUNK_CHARS` characters, and embeds at most `MAX_CANDIDATES` sentences. Where
    `about` has content words, only sentences that hold one of them, or stand under one, count.
    """
    pages = [_Page(chunk) for chunk in chunks[:MAX_CHUNKS]]
    ranked = _rank(question[:MAX_QUESTION_CHARS], pages, embedder)
    if own := _Terms(about[:MAX_QUESTION_CHARS], pages):
        ranked = [items for items in ranked if own.share(pages[items.place].whole(items.index)) > 0]
    if not ranked:
        return ExtractedAnswer(DECLINED, (), declined=True, support=0.0)
    probability = support(ranked[0].evidence)
    if probability < min_support:
        return ExtractedAnswer(DECLINED, (), declined=True, support=probability)
    text, citations = _write(_choose(ranked, pages), pages)
    return ExtractedAnswer(text, citations, declined=False, support=probability)


def rank(question: str, chunks: Sequence[RetrievedChunk], embedder: Embedder) -> list[Candidate]:
    """The sentences that `read` chooses from and their evidence, best first. None where there is no content word."""
    return _rank(question[:MAX_QUESTION_CHARS], [_Page(chunk) for chunk in chunks[:MAX_CHUNKS]], embedder)


# --- passages as sentences and terms ----------------------------------------------------------------------------------

_QUESTION_END = ("?", "\uff1f", "\u061f", "\u037e")
_CONTEXT_KINDS = ("heading", "line")


class _Page:
    """A passage in sentences, with the terms of each and of what it stands under."""

    def __init__(self, chunk: RetrievedChunk) -> None:
        self.chunk = chunk
        self.text = chunk.text[:MAX_CHUNK_CHARS]
        self.sentences = sentences.split(self.text)
        self.terms = [frozenset(lexemes.terms(self.quote(i))) for i in range(len(self.sentences))]
        self.leads = list(self._leads())
        around = (chunk.title, chunk.section or "", chunk.columns or "")
        self.about = frozenset(term for part in around for term in lexemes.terms(part))

    def quote(self, index: int) -> str:
        """A sentence as it stands."""
        return self.text[self.sentences[index].start : self.sentences[index].end]

    def is_row(self, index: int) -> bool:
        """Whether a sentence is a row of a table, and not its head."""
        return self.sentences[index].kind == "row" and not self.is_head(index)

    def is_head(self, index: int) -> bool:
        """Whether a sentence is the row that a table begins with."""
        if self.sentences[index].kind != "row":
            return False
        return self.chunk.columns is None if index == 0 else self.sentences[index - 1].kind != "row"

    def asks(self, index: int) -> bool:
        """Whether a sentence is itself a question, as in a list of frequent ones: it leads to an answer and is none."""
        return self.quote(index).rstrip("\"')\u201d\u2019\u00bb*_ ").endswith(_QUESTION_END)

    def context(self, index: int) -> frozenset[str]:
        """The terms of what a sentence stands under: its passage's title and section, its leads."""
        return self.about.union(*(self.terms[lead] for lead in self.leads[index]))

    def whole(self, index: int) -> frozenset[str]:
        """The terms of a sentence and of what it stands under."""
        return self.terms[index] | self.context(index)

    def _leads(self) -> Iterator[tuple[int, ...]]:
        """What every sentence leans on: the one before, the head of its list or table, its heading."""
        heading: int | None = None
        head: int | None = None
        # The first rows of a passage that starts within a table stand under its columns, and not under one of them.
        headless = self.chunk.columns is not None
        for index, sentence in enumerate(self.sentences):
            before = self.sentences[index - 1] if index else None
            headless = headless and sentence.kind == "row"
            if headless or sentence.kind not in ("item", "row"):
                head = None
            elif before is None or before.kind != sentence.kind:
                head = index - 1 if sentence.kind == "item" and index else index
            close = index - 1 if before and not headless and _near(self.text, before, sentence) else None
            yield tuple(sorted({lead for lead in (heading, head, close) if lead is not None and lead < index}))
            if sentence.kind in _CONTEXT_KINDS or self.asks(index):
                heading = index


def _near(text: str, before: Sentence, after: Sentence) -> bool:
    """Whether one sentence goes on from another: in the same block, or prose with no empty line between them."""
    prose = before.kind == after.kind == "sentence"
    return before.block == after.block or (prose and text.count("\n", before.end, after.start) < 2)


# --- evidence ---------------------------------------------------------------------------------------------------------

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


# In a handful of sentences everything is rare, and what a question has besides would outweigh what they hold of it. The
# regressions below were fitted where about so many were retrieved.
_FEWEST_SENTENCES = 45


class _Terms:
    """The question's terms, weighted by how few sentences hold them: BM25's idf over the sentences of the passages."""

    def __init__(self, question: str, pages: Sequence[_Page]) -> None:
        question_terms = list(dict.fromkeys(lexemes.terms(question)))[:MAX_QUESTION_TERMS]
        vocabulary = frozenset[str]().union(*(page.about.union(*page.terms) for page in pages))
        self._credits = {term: _credits(term, vocabulary) for term in question_terms}
        items = [terms for page in pages for terms in page.terms]
        self._weights = {term: self._idf(term, items) for term in question_terms}
        self._total = sum(self._weights.values())

    def __bool__(self) -> bool:
        return bool(self._weights)

    def _idf(self, term: str, items: Sequence[frozenset[str]]) -> float:
        frequency = sum(self._credit(term, terms) > 0 for terms in items)
        total = max(len(items), _FEWEST_SENTENCES)
        return math.log1p((total - frequency + 0.5) / (frequency + 0.5))

    def _credit(self, term: str, terms: frozenset[str]) -> float:
        if term in terms:
            return 1.0
        return _INFLECTED_CREDIT if not self._credits[term].isdisjoint(terms) else 0.0

    def terms_in(self, terms: frozenset[str]) -> frozenset[str]:
        """Those of the question's terms that `terms` hold, in whatever form."""
        return frozenset(term for term in self._weights if self._credit(term, terms) > 0)

    def share(self, terms: frozenset[str]) -> float:
        """How much of the question `terms` hold, 0 to 1."""
        return sum(weight * self._credit(term, terms) for term, weight in self._weights.items()) / self._total


def _credits(term: str, vocabulary: Iterable[str]) -> frozenset[str]:
    """The words of `vocabulary` that look like other forms of `term`."""
    if len(term) < _SHARED_LETTERS or not term.isalpha():
        return frozenset()
    start = term[:_SHARED_LETTERS]
    return frozenset(word for word in vocabulary if word.startswith(start) and word != term and _inflected(term, word))


def _inflected(left: str, other: str) -> bool:
    shared = next((i for i, (a, b) in enumerate(zip(left, other, strict=False)) if a != b), min(len(left), len(other)))
    return shared >= _SHARED_PART * max(len(left), len(other))


def _rank(question: str, pages: Sequence[_Page], embedder: Embedder) -> list[Candidate]:
    """The sentences of `pages` that may answer `question`, best first. None for a question without content words."""
    terms = _Terms(question, pages)
    if not terms:
        return []
    drafts = sorted(
        _without_other_rows(list(_drafts(pages, terms)), pages, terms),
        key=lambda draft: (-draft.score, draft.place, draft.index),
    )[:MAX_CANDIDATES]
    texts = [_embedded(pages[draft.place], draft.index) for draft in drafts]
    foreign = _foreign([question, *texts], embedder)
    cosines = _cosines(question, texts, embedder)
    weighed = [_weighed(draft, cosine, foreign) for draft, cosine in zip(drafts, cosines, strict=True)]
    return sorted(weighed, key=lambda candidate: (-candidate.score, candidate.place, candidate.index))


def _drafts(pages: Sequence[_Page], terms: _Terms) -> Iterator[Candidate]:
    """Every sentence that can stand in an answer, with all its evidence but the cosine. Repeated ones count once."""
    seen: set[str] = set()
    best = max((page.chunk.score for page in pages), default=0.0)
    for place, page in enumerate(pages):
        rank_ = page.chunk.score / best if best > 0 else 1.0
        whole = page.about.union(*page.terms)
        chunk = terms.share(whole)
        for index, sentence in enumerate(page.sentences):
            quoted_line = " ".join(page.quote(index).split())
            if sentence.kind == "heading" or page.asks(index) or quoted_line in seen:
                continue
            seen.add(quoted_line)
            own = terms.share(page.terms[index])
            context = terms.share(page.whole(index))
            evidence = SentenceFeatures(0.0, own, context, chunk, max(rank_, 0.0), first=place == 0, foreign=0.0)
            yield Candidate(place, index, sentence, evidence, own + context + evidence.rank)


def _without_other_rows(drafts: Sequence[Candidate], pages: Sequence[_Page], terms: _Terms) -> list[Candidate]:
    """The drafts without rows that hold less of the question than another row of their document, and nothing besides.

    Rows of a table are alike in all but what they are about: one about half of what is asked is about something else.
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


def _embedded(page: _Page, index: int) -> str:
    """A sentence as the model reads it: after the question that it answers in its document, where there is one."""
    lead_questions = [page.quote(lead) for lead in page.leads[index] if page.asks(lead)]
    return " ".join(" ".join([*lead_questions, page.quote(index)]).split())


def _foreign(texts: Sequence[str], embedder: Embedder) -> float:
    """How foreign the language of `texts` is to the model: 0 for English, 1 for scripts that it hardly knows."""
    native = sum(map(len, texts)) / max(sum(embedder.count_tokens(texts)), 1)
    return min(max((_NATIVE_CHARS_PER_TOKEN - native) / _FERTILITY_RANGE, 0.0), 1.0)


def _cosines(question: str, texts: Sequence[str], embedder: Embedder) -> list[float]:
    if not texts:
        return []
    vectors = embedder.embed([question, *texts], truncate=True)
    return [float(cosine) for cosine in vectors[1:] @ vectors[0]]


def _weighed(draft: Candidate, cosine: float, foreign: float) -> Candidate:
    # What any two texts of a foreign language have in common for the model says nothing.
    baseline = foreign * _FOREIGN_COSINE
    evidence = replace(draft.evidence, cosine=(cosine - baseline) / (1 - baseline), foreign=foreign)
    return replace(draft, evidence=evidence, score=_score(evidence))


# --- judgement --------------------------------------------------------------------------------------------------------

# Listwise softmax regression on the sentences of 237 questions: which of them holds the answer (docs/reader.md).
_COSINE, _OWN, _CONTEXT, _RANK, _FIRST = 2.2, 3.0, 2.3, 1.0, 1.5


def _score(evidence: SentenceFeatures) -> float:
    return (
        _COSINE * evidence.cosine
        + _OWN * evidence.own
        + _CONTEXT * evidence.context
        + _RANK * evidence.rank
        + _FIRST * evidence.first
    )


# Logistic regressions on English and on Chinese questions with the answer in the corpus and out of it: there the cosine
# says most, here the terms. What lies between is answered between them (docs/reader.md).
_NATIVE_FIT = (16.4, 9.4, -11.3)
_FOREIGN_FIT = (2.4, 22.0, -5.0)


def support(evidence: SentenceFeatures) -> float:
    """The estimated probability, 0 to 1, that the passages answer the question, by its best sentence's evidence."""
    native, foreign = (
        by_cosine * evidence.cosine + by_chunk * evidence.chunk + constant
        for by_cosine, by_chunk, constant in (_NATIVE_FIT, _FOREIGN_FIT)
    )
    return round(1 / (1 + math.exp(-(native + evidence.foreign * (foreign - native)))), 4)


# --- the answer -------------------------------------------------------------------------------------------------------

# A further sentence is added when its score is this close to the best one's; from another document it must be closer.
_MARGIN = 2.0
_FOREIGN_MARGIN = 1.0
_MAX_RANKED = 2
# A sentence that leans on the one before for so much of the question ("It was founded by her.") brings it along.
_LEAD_MARGIN = 0.15
_ALIKE = 0.8

_Place = tuple[int, int]


def _choose(ranked: Sequence[Candidate], pages: Sequence[_Page]) -> list[_Place]:
    """The sentences of the answer, in reading order: passages as they rank, each from its start."""
    best = ranked[0]
    selected: list[Candidate] = [best]
    for candidate in ranked[1:]:
        if len(selected) == _MAX_RANKED or candidate.score < best.score - _MARGIN:
            break
        if _adds(candidate, selected, pages):
            selected.append(candidate)
    places = {(candidate.place, candidate.index) for candidate in selected}
    for place in [*_lead_sentences(selected, pages), *_introduced(selected, pages)]:
        if len(places) < MAX_SENTENCES:
            places.add(place)
    order = list(dict.fromkeys(candidate.place for candidate in selected))
    return sorted(places, key=lambda place: (order.index(place[0]), place[1]))


def _adds(candidate: Candidate, selected: Sequence[Candidate], pages: Sequence[_Page]) -> bool:
    """Whether a sentence says something that the chosen ones do not, from a document as good as theirs."""
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


def _lead_sentences(selected: Sequence[Candidate], pages: Sequence[_Page]) -> Iterator[_Place]:
    """The sentence before, where one leans on it."""
    for candidate in selected:
        page = pages[candidate.place]
        leads = [lead for lead in page.leads[candidate.index] if page.sentences[lead].kind != "heading"]
        if leads and candidate.evidence.context - candidate.evidence.own >= _LEAD_MARGIN and not page.asks(leads[-1]):
            yield candidate.place, leads[-1]


def _introduced(selected: Sequence[Candidate], pages: Sequence[_Page]) -> Iterator[_Place]:
    """What a sentence that ends in a colon introduces, and the rows under the head of a table."""
    for candidate in selected:
        page = pages[candidate.place]
        is_head = page.is_head(candidate.index)
        if is_head or page.quote(candidate.index).endswith((":", "\uff1a")):
            for index in range(candidate.index + 1, min(candidate.index + MAX_SENTENCES, len(page.sentences))):
                if page.sentences[index].kind == "heading" or (is_head and not page.is_row(index)):
                    break
                yield candidate.place, index


def _write(places: Sequence[_Place], pages: Sequence[_Page]) -> tuple[str, tuple[Citation, ...]]:
    """Text and citations: sentences that follow each other are quoted as one."""
    runs: list[list[_Place]] = [[places[0]]]
    for before, place in pairwise(places):
        if place == (before[0], before[1] + 1):
            runs[-1].append(place)
        else:
            runs.append([place])
    citations = tuple(_citation(number, run, pages) for number, run in enumerate(runs, 1))
    sentence_parts = [f"{_prose(run, pages)} [{number}]" for number, run in enumerate(runs, 1)]
    return " ".join(sentence_parts), citations


def _citation(number: int, run: Sequence[_Place], pages: Sequence[_Page]) -> Citation:
    page = pages[run[0][0]]
    start, end = page.sentences[run[0][1]].start, page.sentences[run[-1][1]].end
    return Citation(number, page.chunk, page.text[start:end])


_MARKER = re.compile(r"\[(\d{1,3})\]")
_STOPS = (".", "!", "?", ":", ";", ",", "\u2026", "\u3002", "\uff01", "\uff1f", "\u061f", "\u06d4", "\u0964", "\uff1a")


def _prose(run: Sequence[_Place], pages: Sequence[_Page]) -> str:
    """The sentences of a run as one line. What looks like a marker in a document must not be taken for one of ours."""
    parts = [_shown(pages[place], index) for place, index in run]
    joined = [part if part.endswith(_STOPS) else f"{part};" for part in parts[:-1]]
    return _MARKER.sub(r"(\1)", " ".join([*joined, parts[-1]]))


def _shown(page: _Page, index: int) -> str:
    text = " ".join(page.quote(index).split())
    return text.strip("| ") if page.sentences[index].kind == "row" else text
