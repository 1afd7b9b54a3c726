"""A sync run, as one invocation of the function `sync` works on it: page by page, until the run or the time ends.

A page is listed and fetched without a transaction, then stored in one (storing.py), which the run's lease guards. What
was not stored is listed again: so a worker that dies, and one that is slow and was replaced, change nothing. Nothing is
removed but by the source's word, or after a whole listing, and never more than the connector permits.
"""

import json
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from chalicelib.core import errors, identity, metrics, outbound, sealed
from chalicelib.core.browsing import Browser
from chalicelib.core.errors import LeaseLostError
from chalicelib.core.log import logger
from chalicelib.knowledge.connectors import bounds, fetching, readers, runs, storing, types
from chalicelib.knowledge.connectors.consents import StoredTokens
from chalicelib.knowledge.connectors.fetching import Work
from chalicelib.knowledge.connectors.items import StoredItems
from chalicelib.knowledge.connectors.runs import RunClaim, RunJob
from chalicelib.knowledge.connectors.sealed_columns import CREDENTIALS
from chalicelib.knowledge.connectors.sources import (
    Access,
    ConfigurationError,
    CredentialsError,
    CursorExpiredError,
    ItemDeletedError,
    ItemSource,
    SourceError,
)

# One invocation works this long, then another one continues.
WORK_SECONDS = 200.0
# After this time no request to the source begins: the function ends after 300 seconds.
ASKING_SECONDS = 230.0

# Failures that only a person can mend, or that the run ends with: their codes (problems.py).
_CODES: dict[type[Exception], str] = {
    bounds.StoppedError: "too_many_removals",
    bounds.TooLargeError: "sync_too_large",
    CredentialsError: "credentials_refused",
    ConfigurationError: "source_not_found",
    ItemDeletedError: "source_not_found",
    outbound.AddressError: "source_not_found",
    sealed.BrokenSealError: "credentials_refused",
    identity.InactiveUserError: "connector_owner_left",
}
_SENTENCES = {"connector_owner_left": "The connector's owner is deactivated. Another person takes the connector over."}


def work(run_id: UUID) -> None:
    """Work on a run until it ends, or until another invocation should continue, which is then woken."""
    claim = runs.claim(run_id)
    if claim is None:
        return
    attempts = 0
    try:
        with identity.as_owner(claim.owner_id) as conn:
            job = runs.load(conn, claim)
        attempts = job.attempts
        with (
            tempfile.TemporaryDirectory(prefix="alcove-sync-") as directory,
            Browser(allow_private=job.allow_private_addresses, ends_at=time.monotonic() + ASKING_SECONDS) as browser,
        ):
            folder = Path(directory)
            source = _connect(claim, job, browser, folder)
            work = Work(claim, job, source, folder, time.monotonic() + WORK_SECONDS, job.removed, job.attempts)
            try:
                is_finished = _run(work)
            finally:
                attempts = work.attempts
                source.close()
        if not is_finished:
            _continue_later(claim)
    except LeaseLostError:
        logger().info("sync run lost", run_id=str(run_id))
    except Exception as error:
        if not _settle(claim, attempts, error):
            raise


def _settle(claim: RunClaim, attempts: int, error: Exception) -> bool:
    """End the run, or let it wait, after a failure that is understood; returns whether it is."""
    codes = (code for kind, code in _CODES.items() if isinstance(error, kind))
    code = error.code if isinstance(error, errors.Conflict) else next(codes, None)
    if code is None and isinstance(error, SourceError | outbound.OutboundError):
        _try_again(claim, attempts, SourceError.code, str(error), getattr(error, "retry_after", None))
        return True
    if code is None:
        return False
    outcome: runs.Outcome = "stopped" if isinstance(error, bounds.StoppedError) else "failed"
    _end(claim, outcome, code=code, message=_SENTENCES.get(code, str(error)))
    return True


def _connect(claim: RunClaim, job: RunJob, browser: Browser, folder: Path) -> ItemSource:
    """The source, with the credentials unsealed. Raises BrokenSealError, Unavailable, SourceError."""
    kind = types.source_type(job.type)
    credentials: dict[str, Any] = {}
    tokens: StoredTokens | None = None
    if job.ciphertext is not None and job.wrapped_key is not None and job.master_key is not None:
        secret = sealed.Sealed(job.ciphertext, job.wrapped_key, job.master_key)
        credentials = json.loads(CREDENTIALS.unseal(secret, claim.connector_id))
        tokens = StoredTokens(claim.owner_id, claim.connector_id, secret, credentials)
    access = Access(
        settings=kind.settings.model_validate(job.settings),
        credentials=kind.credentials.model_validate(credentials) if credentials else None,
        browser=browser,
        stored_items=StoredItems(claim.owner_id, claim.connector_id, claim.run_id),
        directory=folder / "source",
        is_manual=job.started_by == "user",
        mirrors_readers=job.mirrors_readers,
        refresh_tokens=tokens,
    )
    access.directory.mkdir()
    return kind.connect(access)


def _run(work: Work) -> bool:
    """List, fetch and store until the listing ends; returns whether the run has ended."""
    if not readers.read_groups(work):
        return False
    cursor = work.job.cursor or {}
    state = {} if cursor.get("anew") else work.job.state
    position, page_number, work.idle = cursor.get("at"), work.job.pages, int(cursor.get("idle", 0))
    while "ended" not in cursor:
        bounds.within(work, page_number)
        try:
            listing = fetching.page(work, position, state)
        except CursorExpiredError as error:
            if position is None and not state:
                raise SourceError("The source says that its listing no longer exists.") from error
            with identity.as_owner(work.claim.owner_id) as conn:
                runs.restart(conn, work.claim)
            state, position = {}, None
            continue
        page_number += 1
        cursor = (
            {"at": dict(listing.cursor)}
            if listing.cursor is not None
            else {"ended": {"is_whole": listing.is_whole, "state": listing.state and dict(listing.state)}}
        )
        if cursor.get("at") is not None and not state:
            cursor["anew"] = True
        position = listing.cursor
        if not storing.listing(work, listing, cursor):
            return False
        if work.is_over() and "ended" not in cursor:
            return False
    if not storing.rest(work, is_whole=cursor["ended"]["is_whole"]) or not readers.read_groups(work):
        return False
    _end(work.claim, "completed", state=cursor["ended"]["state"] or {})
    return True


def _continue_later(claim: RunClaim) -> None:
    with identity.as_owner(claim.owner_id) as conn:
        runs.postpone(conn, claim, timedelta(0), None, None)
    runs.wake([claim.run_id])


def _try_again(claim: RunClaim, attempts: int, code: str, message: str, retry_after: float | None) -> None:
    """Let the run wait for its source, or end it after several attempts at one page. Documents stay."""
    delay = timedelta(seconds=min(max(retry_after or 0, 15 * 2**attempts), 86_400))
    if attempts >= runs.MAX_ATTEMPTS or delay > timedelta(hours=1):
        _end(claim, "failed", code=code, message=message, pause=delay)
        return
    with identity.as_owner(claim.owner_id) as conn:
        runs.postpone(conn, claim, delay, code, message)
    logger().info("sync run waits for its source", run_id=str(claim.run_id), code=code)


def _end(
    claim: RunClaim,
    outcome: runs.Outcome,
    *,
    code: str | None = None,
    message: str | None = None,
    pause: timedelta | None = None,
    state: dict[str, Any] | None = None,
) -> None:
    if runs.end(claim, outcome, code=code, message=message, pause=pause, state=state):
        logger().info("sync run ended", run_id=str(claim.run_id), outcome=outcome, code=code)
        metrics.put("Count", {"SyncRuns": 1}, Outcome=outcome)
