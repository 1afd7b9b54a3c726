"""Rows that have no place here."""

from collections.abc import Iterator

from importers.move import Move
from importers.records import Row, Skipped, Target, Transform


def left(reason: str) -> Transform:
    """A transform for rows that have no place here, and why."""

    def skip(row: Row, move: Move) -> Iterator[Target]:
        del row, move
        if reason:
            raise Skipped(reason)
        yield Target("users", {})

    return skip
