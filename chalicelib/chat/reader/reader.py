"""The built-in reader: it answers with the best-supported sentences of the retrieved chunks, or declines.

It requires no key and no network, and cannot invent: every word of an answer is in a chunk, and each part is followed
by the number of its citation. Sentences are ranked by their cosine similarity to the question, by the question's terms
in the sentence and its context, and by the rank of their chunk. A logistic regression on the same features decides
whether the best sentence answers the question. The same input gives the same answer.

Where the constants come from and what they achieve: docs/reader.md. `make bench` measures it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chalicelib.chat.reader.chunks import ChunkSentences, RetrievedChunk
from chalicelib.chat.reader.composition import ExtractedAnswer, choose, compose
from chalicelib.chat.reader.ranking import MAX_CHUNKS, MAX_QUESTION_CHARS, QuestionTerms, rank_sentences, support

if TYPE_CHECKING:
    from chalicelib.knowledge.embedding.builtin import Embedder

DECLINED = "The documents do not answer this question."

# Below this probability it declines.
MIN_SUPPORT = 0.5


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
    has content words, the sentences of the answer must have one of them in their text or context.
    """
    pages = [ChunkSentences(chunk) for chunk in chunks[:MAX_CHUNKS]]
    ranked = rank_sentences(question, pages, embedder)
    if own := QuestionTerms(about[:MAX_QUESTION_CHARS], pages):
        ranked = [items for items in ranked if own.share(pages[items.place].whole(items.index)) > 0]
    if not ranked:
        return ExtractedAnswer(DECLINED, (), declined=True, support=0.0)
    probability = support(ranked[0].features)
    if probability < min_support:
        return ExtractedAnswer(DECLINED, (), declined=True, support=probability)
    text, citations = compose(choose(ranked, pages), pages)
    return ExtractedAnswer(text, citations, declined=False, support=probability)
