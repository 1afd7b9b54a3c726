"""BM25: the constants, and the document weights of a chunk.

BM25 follows Robertson and Zaragoza (2009, "The Probabilistic Relevance Framework: BM25 and Beyond") with the idf of
Lucene. The formula is split in two, so that the score is an inner product of sparse vectors. This module computes
tf / (tf + k1 (1 - b + b dl / avgdl)) for each lexeme of a chunk. The database, which knows how many chunks contain a
lexeme, computes the query's qtf ln(1 + (N - df + 1/2) / (df + 1/2)) (function `bm25_weights`).
"""

from collections import Counter
from collections.abc import Mapping

from chalicelib.knowledge.text.lexemes import DIMENSIONS, lexeme, terms

K1 = 1.2
B = 0.75
# The length in terms that counts as average. It is a constant, so that stored weights stay valid when chunks are added.
# Chunks of 200 tokens of English have 60 to 83 terms, titles included; half or twice the value changes nDCG@10 by about
# 0.01 (docs/retrieval.md).
AVGDL = 70.0

# The largest number of lexemes that pgvector stores in one sparsevec.
MAX_LEXEMES = 16_000


def document_weights(text: str, *around: str) -> dict[int, float]:
    """BM25 weights of a chunk: {lexeme: tf / (tf + k1 (1 - b + b dl / avgdl))}, each above 0 and below 1.

    The text `around` it (the document's title and the headings above) counts as part of the chunk, because a chunk
    deep inside a document seldom repeats the topic. At most `MAX_LEXEMES` weights, the greatest.
    """
    counts = Counter(lexeme(term) for part in (*around, text) for term in terms(part))
    saturation = K1 * (1 - B + B * counts.total() / AVGDL)
    return {key: tf / (tf + saturation) for key, tf in counts.most_common(MAX_LEXEMES)}


def to_sparsevec(weights: Mapping[int, float]) -> str:
    """The text form of a pgvector sparsevec: `{index:weight,...}/dimensions`, indices from 1, in order.

    Raises ValueError for more than `MAX_LEXEMES` weights, which pgvector would refuse.
    """
    if len(weights) > MAX_LEXEMES:
        raise ValueError(f"A chunk may have {MAX_LEXEMES} lexemes; this one has {len(weights)}.")
    elements = ",".join(f"{key}:{weights[key]:.6g}" for key in sorted(weights))
    return f"{{{elements}}}/{DIMENSIONS}"
