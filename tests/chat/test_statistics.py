"""What votes prove: intervals against published values, the sequential test by computing its error exactly."""

import math
from functools import cache

import pytest

from chalicelib.chat.comparisons import statistics
from chalicelib.chat.comparisons.statistics import ALPHA, Verdict

VOTES = 600


@pytest.mark.parametrize(
    ("share", "of", "low", "high"),
    # R. G. Newcombe (1998), Two-sided confidence intervals for the single proportion, Stat. Med. 17, 857-872, table I.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_m11_wilson_intervals_are_the_published_ones(share: int, of: int, low: float, high: float) -> None:
    result = statistics.wilson(share, of - share)
    assert (round(result.low, 4), round(result.high, 4)) == (low, high)
    mirrored = statistics.wilson(of - share, share)
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - result.high, 1 - result.low))


def test_m11_without_votes_nothing_is_known() -> None:
    assert statistics.wilson(0, 0) == statistics.Interval(0.0, 1.0)
    result = statistics.evidence(0, 0)
    assert (result.e_value, result.p_value, result.verdict) == (1.0, 1.0, "undecided")
    assert result.interval == statistics.Interval(0.0, 1.0)


@pytest.mark.parametrize("rate", [0.5, 0.3, 0.9])
def test_m11_the_e_value_is_a_martingale_under_the_rate_that_it_tests(rate: float) -> None:
    """The expectation after one more vote is the value before it: Ville's inequality needs nothing else."""
    for wins, losses in ((0, 0), (1, 0), (7, 3), (40, 61), (300, 200)):
        now, won, defeated = (
            math.exp(statistics.log_e_value(*votes, rate))
            for votes in ((wins, losses), (wins + 1, losses), (wins, losses + 1))
        )
        assert rate * won + (1 - rate) * defeated == pytest.approx(now, rel=1e-9)


def test_m11_the_e_value_is_the_mixture_of_likelihood_ratios() -> None:
    """Against the definition: a sum over ten thousand win rates, weighted by the density of Beta(12, 12)."""
    steps = 10_000
    rates = [(step + 0.5) / steps for step in range(steps)]
    weights = [math.exp(11 * math.log(rate) + 11 * math.log(1 - rate)) for rate in rates]
    for wins, losses in ((3, 1), (25, 40)):
        ratios = [(2 * rate) ** wins * (2 - 2 * rate) ** losses for rate in rates]
        mixed = sum(w * ratio for w, ratio in zip(weights, ratios, strict=True)) / sum(weights)
        assert math.exp(statistics.log_e_value(wins, losses)) == pytest.approx(mixed, rel=1e-6)


def test_m11_the_confidence_sequence_holds_what_is_not_refuted() -> None:
    for wins, losses in ((0, 9), (9, 0), (12, 5), (400, 350)):
        result = statistics.confidence_sequence(wins, losses)
        assert result.low <= wins / (wins + losses) <= result.high
        for bound, outward in ((result.low, -1e-9), (result.high, 1e-9)):
            if 0 < bound < 1:
                assert statistics.log_e_value(wins, losses, bound) == pytest.approx(-math.log(ALPHA), abs=1e-6)
                assert statistics.log_e_value(wins, losses, bound + outward) > -math.log(ALPHA) - 1e-6
        wilson = statistics.wilson(wins, losses)
        assert result.low <= wilson.low, "looking at every vote costs width"
        assert result.high >= wilson.high


@cache
def _decision(wins: int, losses: int) -> Verdict:
    return statistics.evidence(wins, losses).verdict


def _outcomes(rate: float) -> dict[Verdict, float]:
    """The exact probability of each first verdict when one looks after every vote, up to VOTES decisive ones.

    Forwards over the lattice of wins and losses: what has been decided leaves it.
    """
    ended: dict[Verdict, float] = dict.fromkeys(
        ("challenger_better", "champion_better", "no_relevant_difference", "undecided"), 0.0
    )
    lattice = {0: 1.0}
    for votes in range(1, VOTES + 1):
        following: dict[int, float] = {}
        for wins, probability in lattice.items():
            for total, chance in ((wins + 1, rate), (wins, 1 - rate)):
                following[total] = following.get(total, 0.0) + probability * chance
        lattice = {}
        for wins, probability in following.items():
            if probability < 1e-12:
                ended["undecided"] += probability
                continue
            verdict = _decision(wins, votes - wins)
            if verdict == "undecided":
                lattice[wins] = probability
            else:
                ended[verdict] += probability
    ended["undecided"] += sum(lattice.values())
    assert sum(ended.values()) == pytest.approx(1)
    return ended


def test_m11_without_a_difference_one_is_declared_in_five_percent_of_tests_at_most() -> None:
    result = _outcomes(0.5)
    assert result["challenger_better"] == pytest.approx(result["champion_better"], abs=1e-9)
    assert result["challenger_better"] + result["champion_better"] <= ALPHA
    assert result["no_relevant_difference"] > 0.9


@pytest.mark.parametrize("rate", [0.35, 0.4, 0.45])
def test_m11_the_worse_side_is_hardly_ever_declared_better(rate: float) -> None:
    result = _outcomes(rate)
    assert result["challenger_better"] <= ALPHA / (2 - ALPHA)
    if rate <= 0.5 - statistics.MINIMUM_EFFECT:
        assert result["champion_better"] > 0.95
        assert result["no_relevant_difference"] <= ALPHA


def test_m11_votes_beyond_any_float_are_counted() -> None:
    result = statistics.evidence(100_000, 0)
    assert result.verdict == "challenger_better"
    assert math.isfinite(result.e_value)
    assert 0 <= result.p_value < 1e-300
