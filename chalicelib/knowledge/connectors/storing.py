"""What a run stores: a page of the listing in parts, one transaction each, and what remains when the listing ended."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib.core import identity
from chalicelib.knowledge.connectors import bounds, fetching, items, pages, readers, runs
from chalicelib.knowledge.connectors.pages import PageChanges
from chalicelib.knowledge.connectors.runs import Counts
from chalicelib.knowledge.connectors.sources import Item, Listing, SourceError
from chalicelib.knowledge.documents import bucket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from chalicelib.knowledge.connectors.fetching import Work
    from chalicelib.knowledge.connectors.items import StoredItem

# The items that one transaction stores.
_BATCH = 50
_REMOVALS_PER_TRANSACTION = 200
_RETRIED_ITEMS = 100


def listing(work: "Work", page: Listing, cursor: dict[str, Any]) -> bool:
    """Fetch and store a page of the listing; the last part stores the cursor. False when the time ended before.

    Raises SourceError, StoppedError, TooLargeError, LeaseLostError.
    """
    # A source may name an item twice in a page: its last word counts.
    named = list({item.source_id: item for item in page.items}.values())
    # Removals come first: what items remember of others, as a ticket does of its attachments, is not stored without
    # them. The removal of an item that the page also lists, or that has moved, waits until they all are stored.
    listed = {item.source_id for item in named} | {item.moved_from for item in named}
    deleted = tuple(source_id for source_id in page.deleted if source_id not in listed)
    page = replace(page, deleted=tuple(source_id for source_id in page.deleted if source_id in listed))
    parts = [named[start : start + _BATCH] for start in range(0, len(named), _BATCH)] or [[]]
    work.is_idle = True
    _withhold(work, page.withheld)
    for number, part in enumerate(parts):
        is_last = number == len(parts) - 1
        rest_of_page = replace(page, items=tuple(part)) if is_last else Listing(items=tuple(part))
        if not _part(work, rest_of_page, cursor if is_last else None, deleted if number == 0 else ()):
            return False
        if work.is_over() and not is_last:
            return False
    return True


def _withhold(work: "Work", withheld: tuple[str, ...]) -> None:
    """Remove what not everybody may read any more: before anything else is done, and also when the page then fails.

    The guard against removals does not count it: a source that hides half of its pages is to be believed.
    """
    for start in range(0, len(withheld), _REMOVALS_PER_TRANSACTION):
        part = list(withheld[start : start + _REMOVALS_PER_TRANSACTION])
        with identity.as_owner(work.claim.owner_id) as conn:
            runs.renew(conn, work.claim)
            pages.apply(conn, work.claim, work.job, PageChanges(deleted=part))


def rest(work: "Work", *, is_whole: bool) -> bool:
    """Remove what a whole listing did not name, or try again what earlier runs could not read. False: no time is left.

    Raises SourceError, StoppedError, LeaseLostError.
    """
    claim = work.claim
    if not is_whole:
        _retry_failed(work)
    else:
        with identity.as_owner(claim.owner_id) as conn:
            bounds.guard(work, items.count_vanished(conn, claim.connector_id, claim.run_id))
        while True:
            with identity.as_owner(claim.owner_id) as conn:
                deleted = items.vanished(conn, claim.connector_id, claim.run_id, _REMOVALS_PER_TRANSACTION)
                removals = pages.count_with_documents(conn, claim, deleted)
                runs.advance(conn, claim, Counts(removed=removals.before, created=-removals.brought), None)
                pages.apply(conn, claim, work.job, PageChanges(deleted=deleted))
            work.removed += removals.before
            if not deleted:
                break
            if work.is_over():
                return False
    if work.job.repository_id is not None:
        with identity.as_owner(claim.owner_id) as conn:
            runs.renew(conn, claim)
            pages.settle_paths(conn, claim, work.job.repository_id)
    return True


def _part(
    work: "Work",
    page: Listing,
    cursor: dict[str, Any] | None,
    deleted: tuple[str, ...] = (),
    *,
    is_retry: bool = False,
) -> bool:
    """Fetch and store a part of a page, and remove what was `deleted`; False when the time ended before.

    When the source fails on the way, what was judged before is stored first: a source that gives some files an hour
    gives all of them in the end, and an item that is stored as seen counts as progress once.
    """
    changes, counts = PageChanges(deleted=list(deleted)), Counts()
    requested = {item.source_id for item in page.items} | {item.moved_from for item in page.items if item.moved_from}
    if work.job.mirrors_readers and not is_retry:
        changes.readers = {
            item.source_id: readers.UNKNOWN if item.readers is None else item.readers for item in page.items
        }
    with identity.as_owner(work.claim.owner_id) as conn:
        fetching.renew(work, conn, due=True)
        stored = items.stored(conn, work.claim.connector_id, requested)
        ids = iter(pages.new_ids(conn, 2 * len(page.items)))
        # Rights that were withdrawn end before anything else is done, and also when the page then fails.
        known = {source_id: named for source_id, named in changes.readers.items() if source_id in stored}
        keys = pages.apply(conn, work.claim, work.job, PageChanges(readers=known)) if known else []
    if keys:
        bucket.ask_for_ingestion(keys)
    if work.job.mirrors_readers and is_retry:
        changes.stored_spaces = {source_id: item.space_id for source_id, item in stored.items()}
    is_complete, failure = _judge(work, page.items, stored, ids, changes, counts)
    if failure is not None and counts.listed == 0 and not changes.deleted:
        raise failure
    if is_complete:
        moved = {former for former, _ in changes.renamed_keys}
        changes.deleted += [source_id for source_id in page.deleted if source_id not in moved]
        changes.seen += page.retained
    else:
        cursor = None
    named = counts.listed + len(changes.deleted) + len(changes.seen) + len(page.withheld) + page.others
    work.is_idle = work.is_idle and named == 0
    if cursor is not None:
        cursor["idle"] = work.idle = work.idle + 1 if work.is_idle else 0
    with identity.as_owner(work.claim.owner_id) as conn:
        counts.pages = 1 if cursor is not None else 0
        removals = pages.count_with_documents(conn, work.claim, changes.deleted)
        counts.removed, counts.created = removals.before, counts.created - removals.brought
        counts.unchanged += len(page.retained) if cursor is not None else 0
        counts.withheld = len(page.withheld) if cursor is not None else 0
        if page.retains_all:
            counts.unchanged += items.count_documents(conn, work.claim.connector_id)
        bounds.guard(work, counts.removed)
        work.attempts = runs.advance(conn, work.claim, counts, cursor)
        keys = [] if changes.is_empty() else pages.apply(conn, work.claim, work.job, changes)
    work.removed += counts.removed
    work.received += counts.bytes
    work.renewed_at = time.monotonic()
    if keys:
        bucket.ask_for_ingestion(keys)
    if failure is not None:
        raise failure
    return is_complete


def _judge(
    work: "Work",
    listed: tuple[Item, ...],
    stored: "dict[str, StoredItem]",
    ids: "Iterator[UUID]",
    changes: PageChanges,
    counts: Counts,
) -> tuple[bool, SourceError | None]:
    """Judge and fetch items; whether all of them were, and the source's failure that ended it."""
    for item in listed:
        placed = replace(item, path=pages.clean_path(item.path))
        try:
            was_fetched = fetching.judge(work, placed, stored, ids, changes, counts)
        except SourceError as error:
            return False, error
        # At least one item is fetched, so that every invocation gets further.
        if was_fetched and work.is_over():
            return item is listed[-1], None
    return True, None


def _retry_failed(work: "Work") -> None:
    """Try items again that an earlier run could not read: a delta does not name them again."""
    with identity.as_owner(work.claim.owner_id) as conn:
        failed = items.failed(conn, work.claim.connector_id, work.claim.run_id, _RETRIED_ITEMS)
    again = tuple(item.listed() for item in failed)
    for start in range(0, len(again), _BATCH):
        if work.is_over():
            return
        _part(work, Listing(items=again[start : start + _BATCH]), None, is_retry=True)
