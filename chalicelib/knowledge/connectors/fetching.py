"""The items of a page: which are new, changed, moved or as they were; the bytes of those that are new are fetched.

What is fetched is staged in the bucket at once, so that a page of large files needs no more memory or disk than one.
"""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.core import identity, outbound
from chalicelib.core.log import logger
from chalicelib.core.texts import storable
from chalicelib.knowledge.connectors import pages, runs
from chalicelib.knowledge.connectors.items import StoredItem
from chalicelib.knowledge.connectors.pages import Arrival, PageChanges
from chalicelib.knowledge.connectors.runs import Counts, RunClaim, RunJob
from chalicelib.knowledge.connectors.sources import (
    UNEXPECTED,
    ConfigurationError,
    CredentialsError,
    CursorExpiredError,
    Fetched,
    Item,
    ItemDeletedError,
    ItemError,
    ItemSource,
    Json,
    Listing,
    SourceError,
    not_understood,
)
from chalicelib.knowledge.documents import bucket

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

# The lease is renewed between items when it is this old.
_RENEW_SECONDS = 20.0
# A page is tried so often before an item at which the source fails counts as failed, and the others go on.
_ATTEMPTS_AT_A_PAGE = 3


@dataclass(slots=True)
class Work:
    """One invocation's work on a run."""

    claim: RunClaim
    job: RunJob
    source: ItemSource
    directory: Path
    deadline: float
    removed: int
    # How often the present page was tried, this time included.
    attempts: int
    received: int = 0
    # The pages in succession that were empty or repeated what was named, and whether the present one is such a page.
    idle: int = 0
    is_idle: bool = True
    renewed_at: float = field(default_factory=time.monotonic)

    def is_over(self) -> bool:
        """Whether another invocation should continue."""
        return time.monotonic() > self.deadline


def page(work: Work, position: Json | None, state: Json) -> Listing:
    """A page of the listing, as Postgres can store it.

    Raises SourceError also for an answer that the type does not understand, and for a page that leads to itself.
    """
    try:
        listing = storable(work.source.page(position, state))
    except UNEXPECTED as error:
        logger().exception("a source's answer was not understood", connector_id=str(work.claim.connector_id))
        raise SourceError(not_understood(error)) from error
    if listing.cursor is not None and listing.cursor == position:
        raise SourceError("The source names the same page again and again.")
    return listing


def judge(
    work: Work,
    item: Item,
    stored: dict[str, StoredItem],
    ids: Iterator[UUID],
    changes: PageChanges,
    counts: Counts,
) -> bool:
    """Decide what an item changes; fetch and stage its bytes if they are new. Returns whether it asked for them."""
    known = stored.get(item.source_id)
    # Of several new items that say that they are a former one, the first one is.
    is_taken = any(former == item.moved_from for former, _ in changes.renamed_keys)
    if known is None and item.moved_from in stored and not is_taken:
        known = stored[item.moved_from]
        changes.renamed_keys.append((item.moved_from, item.source_id))
    is_repeated = known is not None and known.run_id == work.claim.run_id
    if known is not None and is_repeated and (known.has_failed or known.version == item.version is not None):
        return False
    counts.listed += not is_repeated
    if known is not None and (known.is_excluded or (item.version is not None and known.version == item.version)):
        _retain(item, known, changes)
        counts.unchanged += not is_repeated
        return False
    try:
        arrival, item = _fetch(work, item, known, ids)
    except (ItemDeletedError, CursorExpiredError):
        changes.deleted.append(item.source_id)
        counts.listed -= not is_repeated  # it leaves no row that tells the next try of the page that it was judged
        return True
    except (ItemError, SourceError, outbound.OutboundError) as error:
        if isinstance(error, SourceError) and not _is_of_item(work, error):
            counts.listed -= not is_repeated  # it is listed again
            raise
        if not isinstance(error, ItemError | outbound.AddressError):
            logger().info("an item was not fetched", connector_id=str(work.claim.connector_id), reason=str(error))
        changes.failed.append((item, str(error)))
        counts.failed += 1
        return True
    if arrival is None and known is not None:
        _retain(item, known, changes)
        counts.unchanged += not is_repeated
    elif arrival is not None:
        changes.arrivals.append(arrival)
        counts.bytes += arrival.size
        counts.created += arrival.is_new
        counts.updated += not arrival.is_new
    return True


def _is_of_item(work: Work, error: SourceError) -> bool:
    """Whether a failure while an item is fetched is the item's own: it stays when the page is tried again and again."""
    is_persons = isinstance(error, CredentialsError | ConfigurationError)
    return not is_persons and error.retry_after is None and work.attempts >= _ATTEMPTS_AT_A_PAGE


def _fetch(work: Work, item: Item, known: StoredItem | None, ids: Iterator[UUID]) -> tuple[Arrival | None, Item]:
    """Fetch an item's bytes and stage them; no arrival when they are those that the document has."""
    renew(work)
    _check_size(work, item.size)
    path = work.directory / "item"
    path.unlink(missing_ok=True)
    try:
        fetched = work.source.fetch(item, known.known() if known and known.version is not None else None, path)
    except UNEXPECTED as error:
        logger().exception("a source's answer was not understood", connector_id=str(work.claim.connector_id))
        raise ItemError(not_understood(error)) from error
    item = _with(item, storable(fetched))
    if fetched.is_unchanged and known is not None:
        return None, item
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").digest()
    size = path.stat().st_size
    if size == 0:
        raise ItemError("The item is empty.")
    _check_size(work, size)
    item = replace(item, version=(item.version or sha256.hex())[:1024])
    if known is not None and known.content_sha256 == sha256 and known.document_id is not None:
        return None, item
    document_id, upload_id = next(ids), next(ids)
    is_new = known is None or known.document_id is None
    if known is not None and known.document_id is not None:
        document_id = known.document_id
    bucket.stage(upload_id, path, item.content_type or "application/octet-stream")
    return Arrival(item, item.version or "", document_id, is_new, upload_id, size, sha256), item


def _check_size(work: Work, size: int | None) -> None:
    most = work.job.max_upload_mb
    if size is not None and size > most * 1_000_000:
        raise ItemError(f"The file has {size // 1_000_000:,} MB; the setting `max_upload_mb` allows {most:,}.")


def _with(item: Item, fetched: Fetched) -> Item:
    names = ("content_type", "version", "title", "original_url", "path", "memory", "modified_at", "metadata")
    known_better = {name: value for name in names if (value := getattr(fetched, name)) is not None}
    if "path" in known_better:
        known_better["path"] = pages.clean_path(known_better["path"])
    return replace(item, **known_better)


def _retain(item: Item, known: StoredItem, changes: PageChanges) -> None:
    """An item whose bytes stay: only what else changed is stored."""
    if known.is_excluded:
        changes.seen.append(item.source_id)
        return
    is_moved = known.path != item.path or (item.title is not None and known.title != pages.title_of(item))
    is_same = (
        not is_moved
        and item.version in {None, known.version}
        and dict(item.memory) == known.memory
        and dict(item.metadata) == known.metadata
        and item.original_url == known.original_url
    )
    if is_same:
        changes.seen.append(item.source_id)
    else:
        title = known.title if item.title is not None else None
        changes.touched.append((item, item.version, known.document_id if is_moved else None, title))


def renew(work: Work, conn: "Conn | None" = None, *, due: bool = False) -> None:
    """Renew the run's lease if that is due. Raises LeaseLostError."""
    if not due and time.monotonic() - work.renewed_at < _RENEW_SECONDS:
        return
    if conn is not None:
        runs.renew(conn, work.claim)
    else:
        with identity.as_owner(work.claim.owner_id) as own:
            runs.renew(own, work.claim)
    work.renewed_at = time.monotonic()
