"""From the rows of the search's statement to its result: hits with their explanations, reranked where that is set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.knowledge.search import reranking
from chalicelib.knowledge.search.models import Explanation, Hit, Reranking, ScorePart, SearchRequest, SearchResult
from chalicelib.knowledge.search.reranking import RerankingPlan
from chalicelib.knowledge.text import identifiers


class IncompleteIndexError(RuntimeError):
    """A live chunk lacks its vector or its lexical weights, so its rank would be wrong."""


@dataclass(frozen=True, slots=True)
class SearchMatches:
    """The hits of the statement, how many of them the answer has, and whether they are to be reranked.

    The first `leading` of them stand before all others: those of the request's `per_document`.
    """

    hits: list[Hit]
    requested: int
    leading: int
    plan: RerankingPlan | None

    @classmethod
    def of_rows(
        cls, query: SearchRequest, matches: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]
    ) -> SearchMatches:
        """The rows that match, in order, with the settings that each row of the statement has."""
        reranker = settings["reranker"]
        return cls(
            [_hit(query, row, rank) for rank, row in enumerate(matches, 1)],
            settings["requested"],
            sum(row["surplus"] is False for row in matches),
            RerankingPlan(reranker, settings["reranked"]) if reranker else None,
        )

    def as_ranked(self, query: SearchRequest) -> SearchResult:
        """The result without reranking."""
        return self._result(query, self.hits, None)

    def reranked(self, query: SearchRequest) -> SearchResult:
        """The result as the settings want it. No transaction may be open: a reranker may be a server."""
        if self.plan is None:
            return self.as_ranked(query)
        hits, done = reranking.rerank(query.query, self.hits, self.plan, leading=self.leading, explain=query.explain)
        return self._result(query, hits, done)

    def _result(self, query: SearchRequest, hits: list[Hit], done: Reranking | None) -> SearchResult:
        shown = hits[: self.requested]
        missing = _missing_terms(query, shown) if query.explain else None
        return SearchResult(items=shown, missing_terms=missing, reranking=done)


def _hit(query: SearchRequest, row: Mapping[str, Any], rank: int) -> Hit:
    mode = query.mode or "hybrid"
    semantic, bm25 = row["semantic"], row["lexical"]
    if row["score"] is None or bm25 is None or (semantic is None and mode != "lexical"):
        raise IncompleteIndexError(f"Chunk {row['chunk_id']} is live without its vector or its lexical weights.")
    score = row["score"] if mode == "hybrid" else bm25 if semantic is None or mode == "lexical" else semantic
    explanation = _explanation(row, rank, score) if query.explain else None
    return Hit.model_validate({**row, "score": score, "scores": row, "explanation": explanation})


def _missing_terms(query: SearchRequest, hits: Sequence[Hit]) -> list[str]:
    texts = ("\n".join(filter(None, (hit.title, hit.section, hit.columns, hit.text))) for hit in hits)
    return identifiers.missing_words(query.query, list(texts))


def _explanation(row: Mapping[str, Any], rank: int, score: float) -> Explanation:
    def part(side: str) -> ScorePart:
        return ScorePart(
            rank=row[f"{side}_rank"],
            score=row[side],
            scaled=row[f"{side}_scaled"],
            weight=row[f"{side}_weight"],
        )

    return Explanation(rank=rank, score=score, semantic=part("semantic"), lexical=part("lexical"))
