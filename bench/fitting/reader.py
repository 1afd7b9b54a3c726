"""Fitting the constants of the extractive reader: which sentence answers, and whether any does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.commands import Command, parser
from bench.reader import Case, Remembering, cases, options_of
from chalicelib.chat.reader import ranking
from chalicelib.chat.reader.chunks import RetrievedChunk
from chalicelib.chat.reader.ranking import Candidate, SentenceFeatures
from chalicelib.knowledge.embedding.builtin import Embedder, load

COMMAND = Command(
    "The constants of the extractive reader; DATA as for the figures of the reader",
    usual=None,
    smallest=("{collection} {collection}",),
)

Values = NDArray[np.float64]

_RIDGE = 0.01


@dataclass(frozen=True)
class _Ranked:
    case: Case
    chunks: Sequence[RetrievedChunk]
    candidates: Sequence[Candidate]

    def answers(self, candidate: Candidate) -> bool:
        """Whether the annotated answer stands in this sentence."""
        owner, offset = self.case.index.places[self.chunks[candidate.place].chunk_id]
        start, end = offset + candidate.sentence.start, offset + candidate.sentence.end
        question = self.case.question
        return owner in question.gold and any(start <= first and last <= end for first, last in question.spans)


def fit(cases: Sequence[Case], embedder: Embedder) -> None:
    """Fit both regressions on `cases` and print their constants, to be written into chat/reader/ranking.py by hand."""
    ranked = []
    for case in cases:
        chunks = case.chunks(embedder)
        ranked.append(_Ranked(case, chunks, ranking.rank(case.question.text, chunks, embedder)))
    expected_keys = [each for each in ranked if each.case.kind == "answerable" and each.case.question.spans]
    print(
        f"ranking, {len(expected_keys)} questions (cosine own context rank first):", _listwise(expected_keys).round(1)
    )
    native = {"answerable": 1.0, "hotpot": 0.3, "absent": 1.0, "foreign": 1.0}
    foreign = {"chinese answerable": 1.0, "chinese absent": 1.0, "chinese near": 0.3}
    for name, weights in (("native", native), ("foreign", foreign)):
        selected = [each for each in ranked if each.case.kind in weights and each.candidates]
        if selected:
            print(
                f"support, {name}, {len(selected)} questions (cosine passage 1):", _logistic(selected, weights).round(1)
            )


def _listwise(ranked: Sequence[_Ranked]) -> Values:
    """Softmax regression over each question's sentences: log-likelihood of those that answer, by gradient ascent."""
    lists = []
    for each in ranked:
        answers = np.array([each.answers(candidate) for candidate in each.candidates])
        if answers.any():
            lists.append((np.array([_score_features(c.features) for c in each.candidates]), answers))
    weights = np.zeros(5)
    for _ in range(2500):
        gradient = -2 * _RIDGE * weights
        for features, answers in lists:
            likelihood = np.exp(features @ weights - (features @ weights).max())
            among = likelihood * answers
            gradient += (among / among.sum() - likelihood / likelihood.sum()) @ features / len(lists)
        weights += gradient
    return weights


def _score_features(evidence: SentenceFeatures) -> tuple[float, ...]:
    return evidence.cosine, evidence.own, evidence.context, evidence.rank, float(evidence.first)


def _logistic(ranked: Sequence[_Ranked], kinds: dict[str, float]) -> Values:
    """Logistic regression on the best sentence of each question, each kind weighing the same, by Newton's method."""
    best = [each.candidates[0].features for each in ranked]
    features = np.array([(evidence.cosine, evidence.chunk, 1.0) for evidence in best])
    answered = np.array([each.case.kind.endswith(("answerable", "hotpot")) for each in ranked], dtype=float)
    names = [each.case.kind for each in ranked]
    weights = np.array([1000 * kinds[name] / names.count(name) for name in names])
    result = np.zeros(3)
    for _ in range(60):
        likelihood = 1 / (1 + np.exp(-features @ result))
        gradient = features.T @ (weights * (answered - likelihood)) - _RIDGE * result
        curvature = (features * (weights * likelihood * (1 - likelihood))[:, None]).T @ features
        result += np.linalg.solve(curvature + _RIDGE * np.eye(3), gradient)
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the constants that fit the half which is not held out."""
    options = options_of(parser("bench.fitting reader", __doc__), arguments)
    embedder = Remembering.of(load())
    fit([case for case in cases(options) if not case.question.holdout], embedder)
    embedder.save()
