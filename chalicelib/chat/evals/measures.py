"""What is measured of an answer, and means with bootstrap intervals.

The interval of a mean is the 2.5th to the 97.5th percentile of the means of resamples with replacement (Efron and
Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13). A comparison resamples differences of pairs: both runs
answered the same questions.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from chalicelib.chat.evals.models import Measure, MeasureInterval

RESAMPLES = 1_000


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a good answer has."""

    documents: Sequence[UUID]
    words: Sequence[str]
    should_decline: bool


@dataclass(frozen=True, slots=True)
class AnswerOutcome:
    """An answer: documents in the order of their ranks, those that it cites, its text, its cost and its time."""

    retrieved: Sequence[UUID]
    cited: Sequence[UUID]
    text: str
    cost_usd: float
    milliseconds: float


def of_answer(expected: Expectation, outcome: AnswerOutcome) -> dict[Measure, float]:
    """The measures of one answer; those whose expectation is unknown are left out."""
    result: dict[Measure, float] = {
        "failures": 0.0,
        "cost_usd": outcome.cost_usd,
        "milliseconds": outcome.milliseconds,
        # An answer without a source declines.
        "abstention": float(expected.should_decline == (not outcome.cited)),
    }
    if expected.documents:
        relevant = set(expected.documents)
        ranks = [rank for rank, document in enumerate(outcome.retrieved, 1) if document in relevant]
        result["recall"] = len(ranks) / len(relevant)
        result["mrr"] = 1 / ranks[0] if ranks else 0.0
        if outcome.cited:
            result["citation_precision"] = sum(document in relevant for document in outcome.cited) / len(outcome.cited)
    if expected.words:
        text = _plain(outcome.text)
        result["words"] = sum(_plain(word) in text for word in expected.words) / len(expected.words)
    return result


def of_failure() -> dict[Measure, float]:
    """The measures of a question that got no answer."""
    return {"failures": 1.0}


def summary(results: Sequence[Mapping[Measure, float]]) -> dict[Measure, MeasureInterval]:
    """The mean of each measure over the questions that have it."""
    names = dict.fromkeys(name for result in results for name in result)
    return {name: interval([result[name] for result in results if name in result]) for name in names}


def differences(
    first: Mapping[UUID, Mapping[Measure, float]], second: Mapping[UUID, Mapping[Measure, float]]
) -> dict[Measure, MeasureInterval]:
    """The mean of `first` minus `second` for each measure, over the questions for which both have it."""
    pairs: dict[Measure, list[float]] = {}
    for question in first.keys() & second.keys():
        for name in first[question].keys() & second[question].keys():
            pairs.setdefault(name, []).append(first[question][name] - second[question][name])
    return {name: interval(pairs[name]) for name in sorted(pairs)}


def interval(values: Sequence[float]) -> MeasureInterval:
    """The mean of at least one value, with its interval. The same values give the same interval."""
    choose = random.Random(0)  # noqa: S311 — for resamples, not for secrets
    size = len(values)
    means = sorted(sum(choose.choices(values, k=size)) / size for _ in range(RESAMPLES))
    low, high = means[int(RESAMPLES * 0.025)], means[int(RESAMPLES * 0.975)]
    return MeasureInterval(mean=sum(values) / size, low=low, high=high, questions=size)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
