"""Tick's work on documents: deletes those whose retention has ended, and compares the bucket with the database.

Both work in bounded steps. verify_documents (ingestion) finds rows without an object.
"""

from datetime import UTC, datetime, timedelta

from chalicelib.core import identity, rows, sql
from chalicelib.core.repairs import repair
from chalicelib.core.settings import settings
from chalicelib.knowledge.documents import bucket, contents, inbox

queries = sql.load(__file__)

_CHUNKS_PER_MINUTE = 10_000
# The number of versions that S3 lists in one request, and the requests in one run.
_VERSIONS_PER_PAGE = 1_000
_PAGES_PER_MINUTE = 2
# How long the bucket is left alone after a complete comparison.
SWEEP_PAUSE = timedelta(hours=6)
# The age from which an object without a document counts as an orphan, and the delay of its deletion, so that an
# operator can react to the event first.
ORPHAN_DELETE_AFTER = timedelta(hours=1)
ORPHAN_DELAY = timedelta(days=1)
# The most former versions of one object that are kept: how often somebody replaces a document must not fill the bucket.
_FORMER_AT_MOST = 10


@repair
def purge_documents() -> int:
    """Remove documents that can no longer be restored, the oldest first; returns how many. Their objects follow."""
    with identity.as_nobody() as conn:
        params = {"amount": _CHUNKS_PER_MINUTE}
        purged: int = rows.value(conn, queries.purge_documents, params)
    return purged


@repair
def forget_uploads() -> int:
    """Delete announcements of uploads that are kept no longer; returns how many."""
    with identity.as_nobody() as conn:
        return contents.forget_uploads(conn)


@repair
def sweep_inbox() -> int:
    """Compare some of the inbox's objects with the documents, and queue what no event brought; returns how many."""
    return inbox.sweep()


@repair
def sweep_bucket() -> int:
    """Compare some of the bucket's objects with the documents; returns how many.

    An object without a document is recorded as an event and deleted a day later. Older versions are deleted when the
    newest version has been ingested, and in an account once the database cannot be restored to their time.
    """
    compared = 0
    for _ in range(_PAGES_PER_MINUTE):
        with identity.as_nobody() as conn:
            after = rows.value(conn, queries.next_sweep, {"pause": SWEEP_PAUSE})
        if after is None:
            break
        compared += _sweep_page(after)
    return compared


def _sweep_page(after: str) -> int:
    objects, reached = bucket.versions_after(after, _VERSIONS_PER_PAGE)
    params = {
        "keys": [stored.key for stored in objects],
        "versions": [stored.newest for stored in objects],
        "stored": [stored.stored_at for stored in objects],
        "older_than": ORPHAN_DELETE_AFTER,
        "delay": ORPHAN_DELAY,
        "reached": reached,
    }
    with identity.as_nobody() as conn:
        handled = {row[0] for row in conn.execute(queries.sweep_objects, params).fetchall()}
    before = datetime.now(UTC) - timedelta(days=int(settings().former_version_days))
    bucket.delete_older((stored for stored in objects if stored.key in handled), before, _FORMER_AT_MOST)
    return len(objects)
