"""The inverted index that makes BM25 quick in large spaces. `tick` maintains it; searches do not wait for it.

A segment indexes chunks of one space. Searches also score chunks that are in no segment yet (docs/retrieval.md).
"""

import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, LiteralString

from chalicelib.core import connection, identity, rows, sql
from chalicelib.core.log import logger

if TYPE_CHECKING:
    from psycopg import Error

queries = sql.load(__file__)

# A space with this many chunks in no segment gets a segment. Fewer are ranked as fast without one.
LEAST = 1_000
# The most chunks and postings (lexemes of chunks) of a segment. One statement writes a segment, in two to four seconds.
# When that exceeds the statement timeout, the segment gets fewer postings.
MOST = 20_000
MOST_POSTINGS = 2_000_000
FEWER_POSTINGS = 200_000
# Each segment is looked through for what was removed as often as this.
CHECK_EVERY = timedelta(days=1)


def maintain_index(seconds: float) -> int:
    """Write what is due, beginning nothing new after `seconds`; returns how many segments it wrote or looked through.

    Each one is a transaction of its own. While another process is at it, nothing is done. Extending the index and
    looking through it take turns, at least one each. One that fails does not keep the other from going on; the last
    failure is raised.
    """
    import psycopg

    deadline, done = time.monotonic() + seconds, 0
    failure: Error | None = None
    turns: deque[Callable[[], bool]] = deque([_extend, _check])
    while turns:
        step = turns.popleft()
        try:
            is_due = step()
        except psycopg.Error as error:
            failure = error
            continue
        done += is_due
        if is_due and time.monotonic() < deadline:
            turns.append(step)
    if failure:
        raise failure
    return done


def _extend() -> bool:
    limits = {"least": LEAST, "most": MOST, "postings": MOST_POSTINGS}
    return _in_time(queries.extend, limits, {"postings": FEWER_POSTINGS})


def _check() -> bool:
    return _in_time(queries.check, {"age": CHECK_EVERY, "anew": True}, {"anew": False})


def _in_time(query: LiteralString, params: connection.Params, quicker: connection.Params) -> bool:
    """Whether there was something to do; what takes longer than a statement may is done again with `quicker`."""
    import psycopg

    try:
        return _run(query, params)
    except psycopg.errors.QueryCanceled:
        logger().warning("a segment was not written in time", exc_info=True)
        return _run(query, {**params, **quicker})


def _run(query: LiteralString, params: connection.Params) -> bool:
    with identity.as_nobody() as conn:
        return bool(rows.value(conn, query, params))
