"""Statistics of votes: an interval for the win rate, and a sequential test that is valid after every vote.

A vote is decisive when the user preferred one of the two answers. Wins are the decisive votes for the challenger,
losses those for the champion. Without a difference between the two, a decisive vote is a fair coin, independent of the
user and of earlier votes, because the order of the two answers is random. A habit of preferring the first answer, many
votes of one user, or looking at the figures in between therefore do not invalidate the test.
"""

from dataclasses import dataclass
from math import exp, lgamma, log, log1p, sqrt
from typing import Literal

ALPHA = 0.05
# A win rate of 0.4 to 0.6 is no relevant difference.
MINIMUM_EFFECT = 0.1
# The prior: win rates lie about as far from one half as the minimum effect. Beta(12, 12) has the standard deviation
# 0.1.
_PRIOR = 12.0
_LOG_PRIOR_BETA = 2 * lgamma(_PRIOR) - lgamma(2 * _PRIOR)
# The standard normal distribution's quantile at 0.975.
_Z95 = 1.959963984540054
_BISECTIONS = 50

Verdict = Literal["undecided", "challenger_better", "champion_better", "no_relevant_difference"]


@dataclass(frozen=True, slots=True)
class Interval:
    """The bounds of a rate; both belong to the interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class VoteEvidence:
    """The result of the test, with the error probability ALPHA over the whole course of voting.

    `interval` contains the true win rate at all times simultaneously with probability 1 - ALPHA.
    """

    e_value: float
    p_value: float
    interval: Interval
    verdict: Verdict


def wilson(wins: int, losses: int) -> Interval:
    """The 95 % score interval of wins / (wins + losses), for one look at a number of votes that was fixed before.

    E. B. Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22, 209-212. Without
    votes, the interval is [0, 1].
    """
    votes = wins + losses
    if votes == 0:
        return Interval(0.0, 1.0)
    share, z2 = wins / votes, _Z95**2
    middle = (share + z2 / (2 * votes)) / (1 + z2 / votes)
    reach = _Z95 / (1 + z2 / votes) * sqrt(share * (1 - share) / votes + z2 / (4 * votes**2))
    return Interval(max(middle - reach, 0.0) if wins else 0.0, min(middle + reach, 1.0) if losses else 1.0)


def log_e_value(wins: int, losses: int, rate: float = 0.5) -> float:
    """The logarithm of the evidence against `rate`, 0 < rate < 1, being the challenger's true win rate.

    The e-value is the likelihood of the votes averaged over win rates from Beta(12, 12), divided by their likelihood
    under `rate`: B(12 + wins, 12 + losses) / B(12, 12) / (rate^wins (1 - rate)^losses). Under `rate` it is a
    non-negative martingale that begins at 1, so by Ville's inequality (J. Ville 1939, Étude critique de la notion de
    collectif) the probability that it ever reaches 1 / α is at most α, however often one looks and whenever one stops.

    H. Robbins (1970), Statistical methods related to the law of the iterated logarithm, Annals of Mathematical
    Statistics 41, 1397-1409, mixes likelihood ratios like this; A. Ramdas, P. Grünwald, V. Vovk and G. Shafer (2023),
    Game-theoretic statistics and safe anytime-valid inference, Statistical Science 38, 576-601, is the modern account.
    """
    mixed = lgamma(_PRIOR + wins) + lgamma(_PRIOR + losses) - lgamma(2 * _PRIOR + wins + losses) - _LOG_PRIOR_BETA
    return mixed - wins * log(rate) - losses * log1p(-rate)


def confidence_sequence(wins: int, losses: int) -> Interval:
    """The win rates that the votes do not reject at ALPHA, at any moment.

    I. Waudby-Smith and A. Ramdas (2020), Confidence sequences for sampling without replacement, NeurIPS 33, invert the
    ratio of prior to posterior like this. The e-value is least at wins / votes and grows to both sides, so each bound
    is found by bisection.
    """
    votes = wins + losses
    share = wins / votes if votes else 0.5
    return Interval(
        0.0 if wins == 0 else _bound(wins, losses, refuted=0.0, accepted=share),
        1.0 if losses == 0 else _bound(wins, losses, refuted=1.0, accepted=share),
    )


def _bound(wins: int, losses: int, *, refuted: float, accepted: float) -> float:
    """The win rate, between `refuted` and `accepted`, at which the evidence reaches 1 / ALPHA, on the refuted side."""
    limit = -log(ALPHA)
    for _ in range(_BISECTIONS):
        middle = (refuted + accepted) / 2
        if log_e_value(wins, losses, middle) >= limit:
            refuted = middle
        else:
            accepted = middle
    return refuted


def evidence(wins: int, losses: int) -> VoteEvidence:
    """The test of these votes. Every verdict except `undecided` means that there are enough votes.

    A side is declared better once the e-value against one half reaches 1 / ALPHA. Without a difference, the probability
    that this ever happens is at most ALPHA. The probability that the worse side is declared better is at most ALPHA /
    (2 - ALPHA): the half of the mixture that supports the side with fewer votes is then at most 1, so the other half,
    which is a supermartingale when that side is no better, must have reached 2 / ALPHA - 1. The verdict "no relevant
    difference" follows once the confidence sequence lies within MINIMUM_EFFECT of one half.
    """
    log_e, interval = log_e_value(wins, losses), confidence_sequence(wins, losses)
    verdict: Verdict = "undecided"
    if log_e >= -log(ALPHA):
        verdict = "challenger_better" if wins > losses else "champion_better"
    elif interval.low >= 0.5 - MINIMUM_EFFECT and interval.high <= 0.5 + MINIMUM_EFFECT:
        verdict = "no_relevant_difference"
    # A float overflows beyond e^700.
    return VoteEvidence(exp(min(log_e, 700.0)), min(1.0, exp(-log_e)), interval, verdict)
