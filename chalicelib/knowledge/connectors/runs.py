"""Sync runs: queued, claimed by a worker under a lease, continued page by page, ended."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID, uuid4

from chalicelib.core import errors, identity, queues, rows, sql
from chalicelib.core.errors import LeaseLostError
from chalicelib.core.models import Page, PageQuery, page_of
from chalicelib.core.settings import settings
from chalicelib.core.texts import storable
from chalicelib.knowledge.connectors import bounds
from chalicelib.knowledge.connectors.models import SyncRun

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chalicelib.core.connection import Conn
    from chalicelib.knowledge.connectors.sources import Json

queries = sql.load(__file__)

RUN_LEASE = timedelta(seconds=150)
# How often in succession a page is tried before the run fails.
MAX_ATTEMPTS = 5

Outcome = Literal["completed", "failed", "stopped"]


@dataclass(frozen=True, slots=True)
class RunClaim:
    """A worker's hold on a run."""

    run_id: UUID
    connector_id: UUID
    owner_id: UUID
    token: UUID


@dataclass(frozen=True, slots=True)
class RunJob:
    """What a worker works with: the run as it stands, and its connector."""

    space_id: int
    repository_id: UUID | None
    name: str
    type: str
    settings: dict[str, Any]
    allow_private_addresses: bool
    most_removed_percent: int
    mirrors_readers: bool
    ciphertext: bytes | None
    wrapped_key: bytes | None
    master_key: str | None
    state: dict[str, Any]
    cursor: dict[str, Any] | None
    allow_removals: bool
    started_by: str
    attempts: int
    pages: int
    removed: int
    bytes: int
    documents_before: int
    started_at: datetime
    max_upload_mb: int


@dataclass(slots=True)
class Counts:
    """What a part of a run did."""

    pages: int = 0
    listed: int = 0
    created: int = 0
    updated: int = 0
    removed: int = 0
    unchanged: int = 0
    withheld: int = 0
    failed: int = 0
    bytes: int = 0


def queue(conn: "Conn", connector_id: UUID, *, allow_removals: bool) -> SyncRun:
    """Queue a run, or return the open one. Raises NotFound, Conflict (connector_disabled)."""
    run_id = rows.value(conn, queries.queue, {"connector": connector_id, "allow_removals": allow_removals})
    if run_id is None:
        if rows.value(conn, queries.is_disabled, {"connector": connector_id}):
            raise errors.Conflict(code="connector_disabled")
        raise errors.NotFound
    return get(conn, connector_id, run_id)


def get(conn: "Conn", connector_id: UUID, run_id: UUID) -> SyncRun:
    """One run of a connector that the caller may see. Raises NotFound."""
    run = rows.one(conn, SyncRun, queries.get, {"connector": connector_id, "id": run_id})
    if run is None:
        raise errors.NotFound
    return run


def list_page(conn: "Conn", connector_id: UUID, query: PageQuery) -> Page[SyncRun]:
    """The runs of a connector, newest first."""
    params = {"connector": connector_id, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, SyncRun, queries.list, params), query.limit)


def wake(run_ids: "Iterable[UUID]", *, delay_seconds: int = 0) -> None:
    """Send a wake-up for each run. Raises Unavailable."""
    queues.send(
        settings().sync_queue_url, ({"sync": str(run_id)} for run_id in run_ids), delay_seconds=min(delay_seconds, 900)
    )


def claim(run_id: UUID) -> RunClaim | None:
    """Claim a run; None when it has ended, waits, or another worker has it."""
    token = uuid4()
    with identity.as_nobody() as conn:
        row = conn.execute(queries.claim, {"run": run_id, "token": token, "lease": RUN_LEASE}).fetchone()
    return RunClaim(row[0], row[1], row[2], token) if row else None


def load(conn: "Conn", claim: RunClaim) -> RunJob:
    """The claimed run; counts the connector's documents when it begins. Raises LeaseLostError."""
    job = rows.one(conn, RunJob, queries.load, _own(claim))
    if job is None:
        raise LeaseLostError
    return job


def renew(conn: "Conn", claim: RunClaim) -> None:
    """Hold the run for another lease. Raises LeaseLostError."""
    if conn.execute(queries.renew, _own(claim)).fetchone() is None:
        raise LeaseLostError


def advance(conn: "Conn", claim: RunClaim, counts: Counts, cursor: "Json | None") -> int:
    """Add what was done, and keep the cursor; None keeps the present one. Call it first in a page's transaction.

    Returns how often what follows was tried, this time included. With a cursor, or with items that this run had not
    named, the run got further, and that is the first time.

    Raises LeaseLostError: another worker holds the run, or it was ended or deleted; TooLargeError for a cursor that is
    too long.
    """
    import psycopg
    from psycopg.types.json import Jsonb

    added = {name: getattr(counts, name) for name in Counts.__slots__}
    params = _own(claim) | added | {"cursor": None if cursor is None else Jsonb(dict(cursor))}
    try:
        row = conn.execute(queries.advance, params).fetchone()
    except psycopg.errors.CheckViolation as error:
        if error.diag.constraint_name != "sync_runs_cursor_check":
            raise
        raise bounds.TooLargeError("The source has more folders or addresses than a run takes.") from error
    if row is None:
        raise LeaseLostError
    attempts: int = row[0]
    return attempts


def restart(conn: "Conn", claim: RunClaim) -> None:
    """Begin the listing anew, without a delta: the source no longer accepts the cursor. Raises LeaseLostError."""
    if conn.execute(queries.restart, _own(claim)).fetchone() is None:
        raise LeaseLostError
    conn.execute(queries.forget_seen, _own(claim))


def postpone(conn: "Conn", claim: RunClaim, delay: timedelta, code: str | None, message: str | None) -> None:
    """Let go of the run; it continues after `delay`, with the reason for people to read; without one: in good order."""
    params = _own(claim) | {"delay": delay, "code": code, "message": message and storable(message[:2000])}
    conn.execute(queries.postpone, params)


def end(
    claim: RunClaim,
    outcome: Outcome,
    *,
    code: str | None = None,
    message: str | None = None,
    pause: timedelta | None = None,
    state: "Json | None" = None,
) -> bool:
    """End the run; `state` is where the next one begins. Returns whether this worker held it."""
    from psycopg.types.json import Jsonb

    params = _own(claim) | {
        "outcome": outcome,
        "code": code,
        "message": message and storable(message),
        "pause": pause,
        "state": None if state is None else Jsonb(dict(state)),
    }
    with identity.as_nobody() as conn:
        was_claimed: bool = rows.value(conn, queries.end, params)
    return was_claimed


def _own(claim: RunClaim) -> dict[str, object]:
    return {"run": claim.run_id, "connector": claim.connector_id, "token": claim.token, "lease": RUN_LEASE}
