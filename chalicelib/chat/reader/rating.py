"""Rating: which quotation answers the question, and whether any does, by a cross-encoder that reads both together.

Where the constants come from and what they achieve: docs/reader.md. `make bench WHAT=questions` measures it again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chalicelib.chat.reader import coverage
from chalicelib.chat.reader.chunks import ChunkSentences
from chalicelib.chat.reader.quotations import Quotation
from chalicelib.chat.reader.ranking import QuestionTerms
from chalicelib.knowledge.text import lexemes

if TYPE_CHECKING:
    from chalicelib.knowledge.embedding.builtin import Embedder
    from chalicelib.knowledge.embedding.cross_encoder import CrossEncoder

# How many quotations the model reads, and how many tokens of each: what bounds the cost of an answer.
MAX_PAIRS = 20
MAX_TOKENS = 112


@dataclass(frozen=True, slots=True)
class QuotationFeatures:
    """What speaks for a quotation: shares of the question's terms, 0 to 1, and the model's `logit`.

    ``own`` in the quotation, ``context`` with its heading and title; ``rank`` is the chunk's score relative to the best
    chunk's. ``numbers`` is the share of the question's years, amounts and codes that it does not lack.
    """

    own: float
    context: float
    rank: float
    numbers: float
    logit: float = 0.0


@dataclass(frozen=True, slots=True)
class RatedQuotation:
    """A quotation with its features; of a paragraph that was read closely also the logit of each sentence."""

    quotation: Quotation
    features: QuotationFeatures
    sentence_logits: tuple[float, ...] = ()


def rate(
    question: str, pages: Sequence[ChunkSentences], quotations: Sequence[Quotation], model: CrossEncoder
) -> list[RatedQuotation]:
    """Those of `quotations` of `pages` that may answer, best first; empty for a question without content words."""
    terms = QuestionTerms(question, pages)
    if not terms:
        return []
    drafts = sorted(_drafts(question, pages, quotations, terms), key=lambda draft: -_promise(draft.features))[
        :MAX_PAIRS
    ]
    logits = model.scores(question, [as_read(pages, draft.quotation) for draft in drafts], MAX_TOKENS)
    rated = [replace(d, features=replace(d.features, logit=v)) for d, v in zip(drafts, logits, strict=True)]
    return sorted(rated, key=lambda each: (-score(each.features), each.quotation.place, each.quotation.indexes))


# A longer paragraph is read as a whole only: each sentence costs a run of the model.
_MOST_SENTENCES = 8


def read_closely(
    question: str, rated: RatedQuotation, pages: Sequence[ChunkSentences], model: CrossEncoder
) -> RatedQuotation:
    """`rated` with the logit of each of its sentences: what answers may stand in one of them, among others."""
    quotation, page = rated.quotation, pages[rated.quotation.place]
    is_prose = all(page.sentences[index].kind == "sentence" for index in quotation.indexes)
    if not is_prose or not 1 < len(quotation.indexes) <= _MOST_SENTENCES:
        return rated
    texts = [as_read(pages, quotation, page.line(index)) for index in quotation.indexes]
    return replace(rated, sentence_logits=tuple(model.scores(question, texts, MAX_TOKENS)))


def support(
    question: str, rated: RatedQuotation, pages: Sequence[ChunkSentences], model: CrossEncoder, embedder: Embedder
) -> float:
    """The estimated probability, 0 to 1, that a quotation, which was read closely, answers the question.

    Its best sentence counts where that alone is better than the whole. A title raises the logit of whatever stands
    under it, so this best part is also read without it. And a text about the right thing that lacks what was asked for
    is far from one word of the question.
    """
    quotation, page = rated.quotation, pages[rated.quotation.place]
    sentences = zip(rated.sentence_logits, map(page.line, quotation.indexes), strict=False)
    logit, text = max([(rated.features.logit, quotation.text), *sentences])
    (untitled,) = model.scores(question, [as_read(pages, quotation, text, titled=False)], MAX_TOKENS)
    weakest = coverage.weakest(question, as_read(pages, quotation), embedder)
    titled = logit - _NUMBERS * (1 - rated.features.numbers)
    value = _BY_LOGIT * titled + _BY_UNTITLED * untitled + _BY_WEAKEST * weakest + _CONSTANT
    return round(1 / (1 + math.exp(-value)), 4)


# Of English text at least so many words are tokens of the model, in other languages fewer: .92 to .99 of our documents
# and .81 of a price list, .58 in French, .38 in German.
_ENGLISH = 0.7
_SAMPLE_CHUNKS, _SAMPLE_CHARS = 5, 600
_WORD = re.compile(r"[^\W\d_]+")


def is_readable(pages: Sequence[ChunkSentences], model: CrossEncoder) -> bool:
    """Whether the model knows the language of the chunks, which is English."""
    words = [word for page in pages[:_SAMPLE_CHUNKS] for word in _WORD.findall(page.text[:_SAMPLE_CHARS])]
    return sum(map(model.knows, words)) >= _ENGLISH * len(words)


def _drafts(
    question: str, pages: Sequence[ChunkSentences], quotations: Sequence[Quotation], terms: QuestionTerms
) -> Iterator[RatedQuotation]:
    best = max((page.chunk.score for page in pages), default=0.0)
    rows = ["\n".join(page.line(i) for i, s in enumerate(page.sentences) if s.kind == "row") for page in pages]
    numbers, codes = _NUMBER.findall(question), _CODE.findall(question)
    for quotation in quotations:
        page = pages[quotation.place]
        own = frozenset(lexemes.terms(quotation.text))
        near = own | frozenset(lexemes.terms(quotation.heading))
        rank = max(page.chunk.score / best if best > 0 else 1.0, 0.0)
        around = f"{page.chunk.title} {quotation.heading} {quotation.text}"
        names = [*numbers, *(codes if " | " in quotation.text else ())]
        lacking = sum(
            not _has(around, name) and (name in numbers or _has(rows[quotation.place], name)) for name in names
        )
        shared = 1 - lacking / len(names) if names else 1.0
        yield RatedQuotation(
            quotation, QuotationFeatures(terms.share(own), terms.share(near | page.about), rank, shared)
        )


# A year or an amount, which a quotation or its heading must have; and a code, which decides between rows.
_NUMBER = re.compile(r"(?<![\w.,/-])\d+(?:[.,/-]\d+)*(?![\w/-])")
_CODE = re.compile(r"\b[A-Za-z]+-?\d[\w-]*")


def _has(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) is not None


def _promise(features: QuotationFeatures) -> float:
    return features.own + features.context + features.rank + features.numbers


def as_read(
    pages: Sequence[ChunkSentences], quotation: Quotation, text: str | None = None, *, titled: bool = True
) -> str:
    """What the model reads of a quotation: the document's title, the heading, and the text; a row as prose."""
    title = pages[quotation.place].chunk.title if titled else ""
    heading = quotation.heading.rstrip(".: ")
    before = [part for part in dict.fromkeys((title, heading)) if part]
    shown = quotation.text if text is None else text
    prose = shown.replace(" | ", ": ", 1) if shown.count(" | ") == 1 else shown.replace(" | ", ", ")
    return ": ".join([*before, prose])


# A logistic regression on the best quotations of the development questions, moved so that about 12 in 100 questions
# that the documents answer are declined (docs/reader.md).
_BY_LOGIT, _BY_UNTITLED, _BY_WEAKEST, _CONSTANT = 0.16, 0.26, 3.85, -0.3


# The words in common decide between quotations that the model finds equal.
_OWN = 1.0
# The model hardly minds another year or another code than the one that was asked about.
_NUMBERS = 4.0


def score(features: QuotationFeatures) -> float:
    """How well a quotation answers, compared with others of the same question."""
    return _logit(features) + _OWN * features.own


def _logit(features: QuotationFeatures) -> float:
    return features.logit - _NUMBERS * (1 - features.numbers)


def choose(
    question: str, rated: Sequence[RatedQuotation], pages: Sequence[ChunkSentences], model: CrossEncoder
) -> list[Quotation]:
    """What the answer quotes: the best quotation without sentences that are beside the point, and another that is as
    good, from another place."""
    best = rated[0]
    selected = [_narrowed(question, best, pages, model)]
    for other in rated[1:]:
        if len(selected) == _MOST or score(other.features) < score(best.features) - _MARGIN:
            break
        if _logit(other.features) >= 0 and not any(_overlaps(other.quotation, each) for each in selected):
            selected.append(_narrowed(question, other, pages, model))
    return selected


# Another quotation is added when it is so close to the best one.
_MOST = 2
_MARGIN = 1.0


def _overlaps(left: Quotation, right: Quotation) -> bool:
    same_place = left.place == right.place and not set(left.indexes).isdisjoint(right.indexes)
    terms, others = (frozenset(lexemes.terms(each.text)) for each in (left, right))
    return same_place or len(terms & others) >= _ALIKE * max(len(terms | others), 1)


_ALIKE = 0.8
# A question about one fact is answered by one sentence, where the model finds it as good as its whole paragraph and
# the other sentences much worse.
_ONE_FACT = re.compile(
    r"\b(who|whose|when|where|which|how (much|many|long|old|often|big|large|high|heavy|tall|far|fast|late|early))\b",
    re.IGNORECASE,
)
_AS_GOOD = 0.5
_MUCH_WORSE = 4.0


def _narrowed(question: str, rated: RatedQuotation, pages: Sequence[ChunkSentences], model: CrossEncoder) -> Quotation:
    """The only sentence of a paragraph that answers, or the paragraph."""
    if not _ONE_FACT.search(question):
        return rated.quotation
    logits = (rated if rated.sentence_logits else read_closely(question, rated, pages, model)).sentence_logits
    if not logits:
        return rated.quotation
    best, second = sorted(logits, reverse=True)[:2]
    if best < rated.features.logit - _AS_GOOD or second > best - _MUCH_WORSE:
        return rated.quotation
    only = rated.quotation.indexes[logits.index(best)]
    return replace(rated.quotation, indexes=(only,), text=pages[rated.quotation.place].line(only))
