"""How often the sequential test of A/B comparisons is wrong, looked at after every vote, and how soon it is right.

Every run is one A/B test of `--votes` votes. A quarter of them are ties; of the others the challenger wins a share that
is its true win rate, or, where everybody leans to one side, whoever happened to stand first. The verdicts are those of
`chalicelib.chat.comparisons.statistics`, taken after every vote; beside them stands what happens to somebody who stops
as soon as the 95 % Wilson interval leaves one half.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from bench.commands import Command, parser
from chalicelib.chat.comparisons import statistics

COMMAND = Command("A/B comparisons: false positives, power, votes up to a verdict", smallest=("--runs 4 --votes 12",))

TIES = 0.25
# A Wilson interval is looked at from this many decisive votes on.
FIRST_LOOK = 10
_RUNS_AT_ONCE = 1_000

Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class World:
    """What is true: the challenger's win rate, and the share of votes that go to whatever stands first."""

    name: str
    rate: float
    leaning: float = 0.0


WORLDS = (
    World("no difference", 0.5),
    World("no difference, 4 of 5 votes for the first answer", 0.5, 0.8),
    World("win rate 0.55", 0.55),
    World("win rate 0.60", 0.60),
    World("win rate 0.65", 0.65),
    World("win rate 0.70", 0.70),
)


@dataclass(frozen=True)
class Limits:
    """For each number of decisive votes, how many wins it takes for a decision. Those of losses are their mirror."""

    better: Counts  # at least so many: the challenger is better
    middle: Counts  # at most so many, and at most so many losses: no relevant difference
    wilson: Counts  # at least so many: the Wilson interval lies above one half


@dataclass(frozen=True)
class Result:
    """Shares of runs by their first verdict, and the median of votes, ties included, up to it.

    `ever` is the share in which a difference was declared at any time, also after another verdict; `naive` the same for
    the Wilson interval; `covered` the share in which the confidence sequence held the true win rate throughout.
    """

    ever: float
    challenger: float
    champion: float
    no_difference: float
    undecided: float
    median_votes: float
    naive: float
    covered: float


def least(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The least number in [low, high) for which a monotonous condition holds, or `high`."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def limits(votes: int) -> Limits:
    """The decisions of the product's own functions, for 0 to `votes` decisive votes."""
    better, middle, wilson = [1], [-1], [1]
    for total in range(1, votes + 1):
        half = (total + 1) // 2

        def verdict(wins: int, total: int = total) -> str:
            return statistics.evidence(wins, total - wins).verdict

        def above(wins: int, total: int = total) -> bool:
            return statistics.wilson(wins, total - wins).low > 0.5

        better.append(least(half, total + 1, lambda wins: verdict(wins) == "challenger_better"))
        middle.append(least(half, total + 1, lambda wins: verdict(wins) != "no_relevant_difference") - 1)
        if middle[-1] < half:
            middle[-1] = -1
        wilson.append(least(half, total + 1, above) if total >= FIRST_LOOK else total + 1)
    return Limits(np.array(better), np.array(middle), np.array(wilson))


def remaining(rate: float, votes: int) -> tuple[Counts, Counts]:
    """Between how many wins the confidence sequence holds `rate`, for 0 to `votes` decisive votes."""
    limit, low, high = -log(statistics.ALPHA), [0], [0]
    for total in range(1, votes + 1):
        expected = round(rate * total)

        def refuted(wins: int, total: int = total) -> bool:
            return statistics.log_e_value(wins, total - wins, rate) >= limit

        low.append(least(0, expected, lambda wins: not refuted(wins)))
        high.append(least(expected, total + 1, refuted) - 1)
    return np.array(low), np.array(high)


def first(flags: Flags) -> Counts:
    """For each row, the first position that is set, or the row's length."""
    result: Counts = np.where(flags.any(axis=1), flags.argmax(axis=1), flags.shape[1])
    return result


def simulate(world: World, runs: int, votes: int, limit: Limits, generator: np.random.Generator) -> Result:
    """Let `runs` A/B tests happen in this world."""
    low, high = remaining(0.5 if world.leaning else world.rate, votes)
    outcomes: list[tuple[Counts, ...]] = []
    for start in range(0, runs, _RUNS_AT_ONCE):
        shape = (min(_RUNS_AT_ONCE, runs - start), votes)
        decisive = generator.random(shape) >= TIES
        challenger_first = generator.random(shape) < 0.5
        won = np.where(generator.random(shape) < world.leaning, challenger_first, generator.random(shape) < world.rate)
        total = np.cumsum(decisive, axis=1)
        wins = np.cumsum(won & decisive, axis=1)
        losses: Counts = total - wins
        outcomes.append(
            (
                first(wins >= limit.better[total]),
                first(losses >= limit.better[total]),
                first(np.maximum(wins, losses) <= limit.middle[total]),
                first((wins >= limit.wilson[total]) | (losses >= limit.wilson[total])),
                first((wins < low[total]) | (wins > high[total])),
            )
        )
    challenger, champion, same, naive, uncovered = (np.concatenate(part) for part in zip(*outcomes, strict=True))
    ended = np.minimum(np.minimum(challenger, champion), same)
    return Result(
        ever=float((np.minimum(challenger, champion) < votes).mean()),
        challenger=float(((challenger == ended) & (ended < votes)).mean()),
        champion=float(((champion == ended) & (ended < votes)).mean()),
        no_difference=float(((same == ended) & (ended < votes)).mean()),
        undecided=float((ended == votes).mean()),
        median_votes=float(np.median(ended + 1)),
        naive=float((naive < votes).mean()),
        covered=float((uncovered == votes).mean()),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table, one line for each world."""
    command_line = parser("bench comparisons", __doc__)
    command_line.add_argument("--runs", type=int, default=10_000)
    command_line.add_argument("--votes", type=int, default=1_000)
    command_line.add_argument("--seed", type=int, default=1)
    options = command_line.parse_args(arguments)
    limit, generator = limits(options.votes), np.random.default_rng(options.seed)
    print(
        f"{options.runs} runs of {options.votes} votes, {TIES:.0%} ties, a look after every vote; "
        f"alpha {statistics.ALPHA}, minimum effect {statistics.MINIMUM_EFFECT}\n"
    )
    print(
        "| | ever a difference | challenger better | champion better | no difference | undecided | median votes |",
        end="",
    )
    print(" naive | covered |")
    print("|---|---|---|---|---|---|---|---|---|")
    for world in WORLDS:
        result = simulate(world, options.runs, options.votes, limit, generator)
        shares = (result.ever, result.challenger, result.champion, result.no_difference, result.undecided)
        line = " | ".join([world.name, *(f"{share:.2%}" for share in shares), f"{result.median_votes:.0f}"])
        print(f"| {line} | {result.naive:.1%} | {result.covered:.2%} |")
