"""Reranking: the best hits of a fused list are read again, each together with the query, by a model that ranks texts.

The setting `active_reranker` says which model does it: `off`, `built_in` (the cross-encoder that the reader uses, in
this process), or the name of a registered server. A reranker that fails changes nothing: the list stays as the fusion
ranked it, and `Reranking.error` says why. What it is worth and what it costs: docs/retrieval.md.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.knowledge.embedding import builtin, cross_encoder
from chalicelib.knowledge.reranking import rerankers
from chalicelib.knowledge.reranking.models import BUILT_IN
from chalicelib.knowledge.reranking.remote import RerankingError, sigmoid
from chalicelib.knowledge.search.models import Hit, Reranking, RerankingPart

# The share of the reranker's judgement in the score of a hit; the rest is the fused score.
WEIGHT = 0.4
# What the built-in model reads of a chunk. A longer text costs more and changes little (docs/retrieval.md).
MAX_TOKENS = 200


@dataclass(frozen=True, slots=True)
class RerankingPlan:
    """What the settings say: which reranker reads how many of the best hits."""

    reranker: str
    chunks: int


def rerank(
    query: str, hits: Sequence[Hit], plan: RerankingPlan, *, leading: int, explain: bool
) -> tuple[list[Hit], Reranking]:
    """`hits` of a fused list in their new order, the `leading` ones still before the others, and what was done.

    The score of each is 0.6 of its fused score and 0.4 of its relevance, 0 to 1; a hit that was not read has a
    relevance of 0. So a hit that was read never falls behind one that was not.
    """
    started = time.perf_counter()
    read = hits[: plan.chunks]
    error, relevances = None, [0.0] * len(read)
    try:
        relevances = _relevances(plan.reranker, query, [as_read(hit) for hit in read])
    except RerankingError as failure:
        error = str(failure)
    milliseconds = round((time.perf_counter() - started) * 1000, 1)
    done = Reranking(reranker=plan.reranker, chunks=len(read), milliseconds=milliseconds, error=error)
    if error is not None:
        return list(hits), done
    known: list[float | None] = [*relevances, *[None] * (len(hits) - len(read))]
    scored = [_scored(hit, relevance, explain=explain) for hit, relevance in zip(hits, known, strict=True)]
    ranked = [*_best_first(scored[:leading]), *_best_first(scored[leading:])]
    if explain:
        ranked = [_placed(hit, rank) for rank, hit in enumerate(ranked, 1)]
    return ranked, done


def _best_first(hits: Sequence[Hit]) -> list[Hit]:
    return sorted(hits, key=lambda hit: -hit.score)


def as_read(hit: Hit) -> str:
    """What a reranker reads of a hit: the document's title and the headings above, unless the text begins with them."""
    before = [part for part in (hit.title, hit.section) if part and not hit.text.startswith(part)]
    return ": ".join([*dict.fromkeys(before), hit.text])


def _relevances(reranker: str, query: str, texts: Sequence[str]) -> list[float]:
    """How well each text answers, 0 to 1. Raises RerankingError."""
    if not texts:
        return []
    if reranker != BUILT_IN:
        return rerankers.connect(reranker).relevances(query, texts)
    try:
        return [sigmoid(logit) for logit in cross_encoder.load().scores(query, texts, MAX_TOKENS)]
    except builtin.ModelNotFoundError as error:
        raise RerankingError("This deployment does not have the built-in reranker's model.") from error


def _scored(hit: Hit, relevance: float | None, *, explain: bool) -> Hit:
    score = (1 - WEIGHT) * hit.score + WEIGHT * (relevance or 0.0)
    changes: dict[str, object] = {"score": score}
    if explain and hit.explanation is not None:
        part = RerankingPart(rank=hit.explanation.rank, fused=hit.score, relevance=relevance, weight=WEIGHT)
        changes["explanation"] = hit.explanation.model_copy(update={"score": score, "reranking": part})
    return hit.model_copy(update=changes)


def _placed(hit: Hit, rank: int) -> Hit:
    if hit.explanation is None:
        return hit
    return hit.model_copy(update={"explanation": hit.explanation.model_copy(update={"rank": rank})})
