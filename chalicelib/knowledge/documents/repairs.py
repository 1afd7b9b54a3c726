"""What tick does about documents in time: purges the deleted, and compares the bucket with the database.

Both work in bounded steps. A row without its object is noticed by verify_documents (ingestion).
"""

from datetime import timedelta

from chalicelib.core import identity, rows, sql
from chalicelib.core.repairs import repair
from chalicelib.knowledge.documents import bucket

queries = sql.load(__file__)

_CHUNKS_PER_MINUTE = 10_000
# What S3 lists in one request, and how often that is asked a minute.
_VERSIONS_PER_PAGE = 1_000
_PAGES_PER_MINUTE = 2
# How long the whole bucket is left alone after it was compared.
SWEEP_PAUSE = timedelta(hours=6)
# How long an object must have been there without a document before that counts, and how long it is kept then, so that
# somebody can read of it first.
ORPHAN_DELETE_AFTER = timedelta(hours=1)
ORPHAN_DELAY = timedelta(days=1)


@repair
def purge_documents() -> int:
    """Remove documents that can no longer be restored, the oldest first; returns how many. Their objects follow."""
    with identity.as_nobody() as conn:
        params = {"amount": _CHUNKS_PER_MINUTE}
        purged: int = rows.value(conn, queries.purge_documents, params)
    return purged


@repair
def sweep_bucket() -> int:
    """Compare some of the bucket's objects with the documents; returns how many.

    Objects of no document become an event and are deleted a day later. Of an object whose newest version is what was
    ingested, the older ones are deleted.
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
    bucket.delete_older(stored for stored in objects if stored.key in handled)
    return len(objects)
