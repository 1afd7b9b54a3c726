"""What a run may take and remove."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.knowledge.connectors.fetching import Work

MOST_PAGES, MOST_BYTES, MOST_TIME = 100_000, 50 * 1024**3, timedelta(hours=24)
# Pages in succession that are empty or repeat what was named: a listing that never ends.
MOST_IDLE_PAGES = 2_000


class StoppedError(Exception):
    """The run would remove too much."""


class TooLargeError(Exception):
    """The run takes more than a run may."""


def within(work: "Work", page_number: int) -> None:
    """Raises TooLargeError when the run has taken what a run may take."""
    if work.idle >= MOST_IDLE_PAGES:
        raise TooLargeError(
            f"{MOST_IDLE_PAGES:,} pages of the source in succession were empty, or named what it had named before."
        )
    if page_number >= MOST_PAGES:
        raise TooLargeError(f"The source has more than {MOST_PAGES:,} pages.")
    if work.job.bytes + work.received > MOST_BYTES:
        raise TooLargeError(f"The source has more than {MOST_BYTES // 1024**3} GB of new bytes.")
    if datetime.now(UTC) - work.job.started_at > MOST_TIME:
        raise TooLargeError(f"The run takes more than {MOST_TIME.total_seconds() / 3600:.0f} hours.")


def guard(work: "Work", more: int) -> None:
    """Raises StoppedError for the removal of more than the connector permits.

    A single item may always go, unless it is the only one. What the run itself brought, and the source then removed by
    its word, is not among `more`: a first run may take hours.
    """
    total, before = work.removed + more, work.job.documents_before
    if more == 0 or work.job.allow_removals:
        return
    most = max(1, before * work.job.most_removed_percent // 100)
    if total > most or total >= before:
        raise StoppedError(
            f"The run would remove {total:,} of {before:,} documents, more than {work.job.most_removed_percent} "
            "percent. Nothing more was removed. Look at the source; if the items are really gone, start a run with "
            "`allow_removals`."
        )
