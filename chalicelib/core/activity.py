"""Runs of scheduled and background work (O6): what ran, how long, with which counts or error.

    with activity.recorded("backup") as counts:
        counts["tables"] = 3

A run that fails is recorded too. tick records all its repairs with one statement (record_all).
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from chalicelib.core import identity, sql
from chalicelib.core.log import logger

queries = sql.load(__file__)

_MAX_ERROR_CHARS = 500


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `counts` has small numbers and names by what they count, and never contents."""

    workflow_name: str
    status: Literal["completed", "failed"]
    duration_ms: int
    counts: dict[str, Any] = field(default_factory=dict)
    error: str | None = None


def error_text(error: BaseException) -> str:
    """An error for the record: its kind, and its first line, which may name a thing but holds no contents of rows."""
    first_line = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first_line}"[:_MAX_ERROR_CHARS]


@contextmanager
def recorded(workflow_name: str) -> Iterator[dict[str, Any]]:
    """Record a run of work that opens its own transactions; the block fills the counts."""
    started, counts = time.monotonic(), dict[str, Any]()
    try:
        yield counts
    except Exception as error:
        run = Run(workflow_name, "failed", _since(started), counts, error_text(error))
        try:
            record_all([run])
        except Exception:  # noqa: BLE001 — the work's own error is raised below
            logger().exception("a run was not recorded", workflow=workflow_name)
        raise
    record_all([Run(workflow_name, "completed", _since(started), counts)])


def record_all(runs: Sequence[Run]) -> None:
    """Store runs, in a transaction of its own."""
    from psycopg.types.json import Jsonb

    with identity.as_nobody() as conn:
        conn.execute(queries.record, {"runs": Jsonb([asdict(run) for run in runs])})


def _since(started: float) -> int:
    return round(1000 * (time.monotonic() - started))
