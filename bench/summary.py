"""Figures of a list of measurements."""

import math
from collections.abc import Sequence


def p95(values: Sequence[float]) -> float:
    """The 95th percentile: the least value that 95 % of the values do not exceed (nearest rank)."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]
