"""Which fusion of BM25 and cosine ranks best: nDCG@10 of several, with the same weights on every collection.

Both scores are computed here, exactly and without a database; the 100 best chunks of each side are fused.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from bench import collection as collections
from bench.collection import Collection
from bench.commands import Command, parser
from chalicelib.knowledge.embedding.recipe import BUILT_IN, Recipe
from chalicelib.knowledge.search import retrieval
from chalicelib.knowledge.text import bm25, lexemes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Scores = NDArray[np.float64]

COMMAND = Command(
    "How BM25 and cosine are fused, and with which weights; DATA=collections", usual=None, smallest=("{collection}",)
)

WEIGHTS = (0.7, 0.6, 0.5, 0.4)
# semantic scores, lexical scores, the query's highest possible BM25, the weight of the semantic side
Fusion = Callable[["Scores", "Scores", float, float], "Scores"]


@dataclass(frozen=True)
class Scored:
    """Both scores of the candidates of one query, the documents they belong to, and the bound of its BM25."""

    semantic: "Scores"
    lexical: "Scores"
    documents: list[str]
    bound: float


def reciprocal_rank(semantic: "Scores", words: "Scores", _bound: float, weight: float) -> "Scores":
    """Weighted reciprocal ranks with k = 60 (Cormack, Clarke and Buettcher 2009)."""
    fused: Scores = weight / (60 + _ranks(semantic)) + (1 - weight) / (60 + _ranks(words)) * (words > 0)
    return fused


def min_max(semantic: "Scores", words: "Scores", _bound: float, weight: float) -> "Scores":
    """Each score from its lowest to its highest among the candidates."""
    return weight * _scaled(semantic, float(semantic.min())) + (1 - weight) * _scaled(words, float(words.min()))


def theoretical_minimum(semantic: "Scores", words: "Scores", _bound: float, weight: float) -> "Scores":
    """Each score from the lowest it could be, cosine -1 and BM25 0 (Bruch, Gai and Ingber 2023). What Alcove does."""
    return weight * _scaled(semantic, -1.0) + (1 - weight) * _scaled(words, 0.0)


def zero_minimum(semantic: "Scores", words: "Scores", _bound: float, weight: float) -> "Scores":
    """The same with 0 as the lowest cosine."""
    return weight * _scaled(semantic, 0.0) + (1 - weight) * _scaled(words, 0.0)


def z_score(semantic: "Scores", words: "Scores", _bound: float, weight: float) -> "Scores":
    """Each score in standard deviations from the candidates' mean."""
    return weight * _standard(semantic) + (1 - weight) * _standard(words)


def absolute(semantic: "Scores", words: "Scores", bound: float, weight: float) -> "Scores":
    """The cosine as it is, and BM25 as a share of the highest that the query allows."""
    fused: Scores = weight * semantic + (1 - weight) * words / max(bound, 1e-9)
    return fused


METHODS: Mapping[str, Fusion] = {
    "reciprocal rank": reciprocal_rank,
    "min-max": min_max,
    "minimum -1 and 0": theoretical_minimum,
    "minimum 0 and 0": zero_minimum,
    "z-score": z_score,
    "absolute": absolute,
}


def _ranks(scores: "Scores") -> "Scores":
    import numpy as np

    ranks = np.empty(len(scores))
    ranks[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return ranks


def _scaled(scores: "Scores", lowest: float) -> "Scores":
    scaled: Scores = (scores - lowest) / max(float(scores.max()) - lowest, 1e-9)
    return scaled


def _standard(scores: "Scores") -> "Scores":
    scaled: Scores = (scores - scores.mean()) / max(float(scores.std()), 1e-9)
    return scaled


def candidates(collection: Collection, by: Recipe = BUILT_IN) -> dict[str, Scored]:
    """Both exact scores of every query's candidates."""
    import numpy as np

    source = collections.chunks(collection, by)
    postings: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for number, (document, chunk) in enumerate(zip(source.document, source.chunk, strict=True)):
        title = collection.documents[document].title
        for key, weight in bm25.document_weights(chunk.text, title).items():
            postings[key].append((number, weight))
    names = [collection.documents[document].id for document in source.document]
    vectors = [by.embed_query(text) for text in collection.queries.values()]
    scored: dict[str, Scored] = {}
    for (query, text), vector in zip(collection.queries.items(), vectors, strict=True):
        words, bound = np.zeros(len(names)), 0.0
        for key, frequency in zip(*lexemes.query_terms(text), strict=True):
            result = postings.get(key, [])
            idf = math.log(1 + (len(names) - len(result) + 0.5) / (len(result) + 0.5))
            bound += frequency * idf
            for number, weight in result:
                words[number] += frequency * idf * weight
        semantic = (source.vectors @ vector).astype(np.float64)
        selected = np.union1d(_best(semantic), [number for number in _best(words) if words[number] > 0]).astype(int)
        scored[query] = Scored(semantic[selected], words[selected], [names[number] for number in selected], bound)
    return scored


def _best(scores: "Scores") -> "NDArray[np.intp]":
    import numpy as np

    return np.argsort(-scores, kind="stable")[: retrieval.CANDIDATES]


def ndcg(collection: Collection, scored: Mapping[str, Scored], fusion: Fusion, weight: float) -> float:
    """nDCG@10 of one fusion, a document being as good as its best chunk."""
    import numpy as np

    rankings = {}
    for query, provided in scored.items():
        fused = fusion(provided.semantic, provided.lexical, provided.bound, weight)
        rankings[query] = list(dict.fromkeys(provided.documents[place] for place in np.argsort(-fused, kind="stable")))
    return collections.quality(collection, rankings).ndcg_10


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and print the table."""
    command_line = parser("bench.fitting fusion", __doc__)
    command_line.add_argument(
        "folders", nargs="+", type=Path, metavar="FOLDER", help="corpus.jsonl, queries.jsonl, qrels/"
    )
    command_line.add_argument("--model", default=BUILT_IN.model, help="a built-in embedding model")
    options = command_line.parse_args(arguments)
    read = [collections.read(folder) for folder in options.folders]
    scored = [candidates(collection, collections.recipe(options.model)) for collection in read]
    print(f"{'fusion':<18}{'semantic':>9}", *(f"{collection.name:>16}" for collection in read), f"{'mean':>9}")
    for name, fusion in METHODS.items():
        for weight in WEIGHTS:
            result = [ndcg(*pair, fusion, weight) for pair in zip(read, scored, strict=True)]
            print(
                f"{name:<18}{weight:>9}", *(f"{value:>16.4f}" for value in result), f"{fmean(result):>9.4f}", flush=True
            )
