"""The result of the comparisons in numbers, for each champion and challenger."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.chat.comparisons import statistics
from chalicelib.chat.comparisons.models import (
    ComparisonMetrics,
    ComparisonReport,
    ConfidenceInterval,
    SequentialTest,
    SideMetrics,
)
from chalicelib.chat.comparisons.statistics import Interval
from chalicelib.core import sql

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


def report(conn: "Conn") -> ComparisonReport:
    """Every pair of champion and challenger with its votes. For administrators; empty for other users."""
    from psycopg.rows import dict_row

    with conn.cursor(row_factory=dict_row) as cursor:
        pairs = cursor.execute(queries.votes).fetchall()
        sides = cursor.execute(queries.sides).fetchall()
    sides_by_pair = {(row["champion_id"], row["challenger_id"], row["is_champion"]): row for row in sides}
    return ComparisonReport(
        alpha=statistics.ALPHA,
        minimum_effect=statistics.MINIMUM_EFFECT,
        items=[_metrics(pair, sides_by_pair) for pair in pairs],
    )


def _metrics(pair: dict[str, Any], sides_by_pair: dict[tuple[UUID, UUID, bool], dict[str, Any]]) -> ComparisonMetrics:
    wins, losses = pair["wins"], pair["losses"]
    champion, challenger = (sides_by_pair[pair["champion_id"], pair["challenger_id"], side] for side in (True, False))
    return ComparisonMetrics(
        **{name: value for name, value in pair.items() if name in ComparisonMetrics.model_fields},
        champion=SideMetrics(id=pair["champion_id"], name=pair["champion_name"], **_without_ids(champion)),
        challenger=SideMetrics(id=pair["challenger_id"], name=pair["challenger_name"], **_without_ids(challenger)),
        votes=wins + losses + pair["ties"] + pair["both_bad"],
        win_rate=wins / (wins + losses) if wins + losses else None,
        win_rate_interval=_confidence_interval(statistics.wilson(wins, losses)),
        sequential_test=_sequential_test(wins, losses),
    )


def _sequential_test(wins: int, losses: int) -> SequentialTest:
    result = statistics.evidence(wins, losses)
    return SequentialTest(
        e_value=result.e_value,
        p_value=result.p_value,
        interval=_confidence_interval(result.interval),
        verdict=result.verdict,
        enough_votes=result.verdict != "undecided",
    )


def _confidence_interval(interval: Interval) -> ConfidenceInterval:
    return ConfidenceInterval(low=interval.low, high=interval.high)


def _without_ids(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name in SideMetrics.model_fields}
