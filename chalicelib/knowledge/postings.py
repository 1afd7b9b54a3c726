"""The inverted index that makes BM25 quick in large spaces; `tick` keeps it, searches need not wait for it.

Segments hold the passages of one space. What is in none yet is found all the same (docs/retrieval.md).
"""

import time
from datetime import timedelta

from chalicelib.core import db, sql

queries = sql.load(__file__)

# A space of so many passages in no segment gets one. Fewer are ranked as fast without.
LEAST = 1_000
# A segment holds at most so many: one is written in a statement, of a second or two.
MOST = 20_000
# Each segment is looked through for what was removed as often as this.
CHECK_EVERY = timedelta(days=1)


def tend(seconds: float) -> int:
    """Write what is due, beginning nothing new after `seconds`; returns how many segments it wrote or looked through.

    Each one is a transaction of its own. While another process is at it, nothing is done.
    """
    deadline, done = time.monotonic() + seconds, 0
    while time.monotonic() < deadline and _step():
        done += 1
    return done


def _step() -> bool:
    with db.as_nobody() as conn:
        return bool(
            db.value(conn, queries.extend, {"least": LEAST, "most": MOST})
            or db.value(conn, queries.check, {"age": CHECK_EVERY})
        )
