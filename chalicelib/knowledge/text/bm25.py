"""BM25: the constants, and a chunk's side of the score.

BM25 is Robertson's and Zaragoza's (2009, "The Probabilistic Relevance Framework: BM25 and Beyond") with the idf of
Lucene, split in two so that an inner product of sparse vectors is the score: here tf / (tf + k1 (1 - b + b dl / avgdl))
of every lexeme of a chunk; in the database, which knows how many chunks contain it, the query's
qtf ln(1 + (N - df + 1/2) / (df + 1/2)) (function `bm25_weights`).
"""

from collections import Counter
from collections.abc import Mapping

from chalicelib.knowledge.text.lexemes import DIMENSIONS, lexeme, terms

K1 = 1.2
B = 0.75
# The length in terms that counts as average. A constant, so that a stored weight stays right whatever is added later.
# Chunks of 200 tokens of English have 60 to 83 with their titles; half or twice of it moves nDCG@10 by about 0.01
# (docs/retrieval.md).
AVGDL = 70.0

# What pgvector stores at most in one sparsevec.
MAX_LEXEMES = 16_000


def document_weights(text: str, *around: str) -> dict[int, float]:
    """BM25 weights of a chunk: {lexeme: tf / (tf + k1 (1 - b + b dl / avgdl))}, each above 0 and below 1.

    What stands `around` it, the document's title and the headings above, counts as part of the chunk, because a passage
    deep inside seldom repeats what it is about. At most `MAX_LEXEMES` weights, the heaviest.
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
