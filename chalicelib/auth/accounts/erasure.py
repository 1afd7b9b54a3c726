"""Erasing an account: its rows in a transaction, and its objects by tick.

Objects are deleted a second time after the last upload URL has expired. Rows of other floors' tables are deleted by
foreign keys; erase_account() deletes the few whose order matters. Every version of an object is deleted.
"""

import time

from chalicelib.core import errors, identity, objects, request, rows, sql

queries = sql.load(__file__)

_CHUNKS_PER_BATCH = 20_000
_ERASING_SECONDS = 15.0


def erase() -> None:
    """Erase the caller's account; a large account's documents go in batches.

    Raises Forbidden (stale_session) when the session has no proof of the last fifteen minutes, Conflict
    (last_administrator), and Unavailable when it takes longer than a request may: the next call continues.
    """
    deadline = time.monotonic() + _ERASING_SECONDS
    while (outcome := _erase_at_once()) == "too_much":
        if time.monotonic() > deadline:
            raise errors.Unavailable("A part of the account is erased. Repeat the request to continue.")
        with identity.as_caller() as conn:
            conn.execute(queries.erase_documents, {"session": request.session_id(), "amount": _CHUNKS_PER_BATCH})
    if outcome != "erased":
        raise errors.Forbidden(code="stale_session")


def _erase_at_once() -> str:
    import psycopg

    try:
        with identity.as_caller() as conn:
            outcome: str = rows.value(conn, queries.erase_account, {"session": request.session_id()})
    except psycopg.errors.CheckViolation as error:
        raise errors.Conflict(code="last_administrator") from error
    return outcome


def delete_objects(most: int) -> int:
    """Delete up to `most` objects whose rows are gone, every version of each and parts sent to it; returns how many.

    Objects that could not be deleted are due again ten minutes later.
    """
    with identity.as_nobody() as conn:
        keys = [row[0] for row in conn.execute(queries.claim_object_deletions, {"amount": most}).fetchall()]
    if not keys:
        return 0
    for key in keys:
        objects.abort_uploads(key)
    objects.delete_versions([version for key in keys for version in objects.versions(key)])
    with identity.as_nobody() as conn:
        conn.execute(queries.finish_object_deletions, {"keys": keys})
    return len(keys)
