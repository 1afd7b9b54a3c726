"""Erasing an account: its rows in a transaction, its objects by tick, and again when nobody can upload any more.

Rows that lie in other floors' tables go with their user by foreign keys; erase_account() names the few that need an
order. The bucket keeps versions, and every version of an object is deleted.
"""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from chalicelib.core import aws, errors, http, identity, rows, sql
from chalicelib.core.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

queries = sql.load(__file__)

_MAX_PER_REQUEST = 1000
_CHUNKS_PER_BATCH = 20_000
_ERASING_SECONDS = 15.0


def erase() -> None:
    """Erase the caller's account, documents by documents when it has very many.

    Raises Forbidden (stale_session) when the login is older than fifteen minutes, Conflict (last_administrator), and
    Unavailable when it takes longer than a request may: repeating it goes on where this one stopped.
    """
    deadline = time.monotonic() + _ERASING_SECONDS
    while (outcome := _erase_at_once()) == "too_much":
        if time.monotonic() > deadline:
            raise errors.Unavailable("There is much to erase, and a part of it is erased. Repeat this to go on.")
        with identity.as_caller() as conn:
            conn.execute(queries.erase_documents, {"session": http.session_id(), "amount": _CHUNKS_PER_BATCH})
    if outcome != "erased":
        raise errors.Forbidden(code="stale_session")


def _erase_at_once() -> str:
    import psycopg

    try:
        with identity.as_caller() as conn:
            outcome: str = rows.value(conn, queries.erase_account, {"session": http.session_id()})
    except psycopg.errors.CheckViolation as error:
        raise errors.Conflict(code="last_administrator") from error
    return outcome


def delete_objects(most: int) -> int:
    """Delete up to `most` objects whose rows are gone, every version of each; returns how many.

    What fails stays noted, and is due again ten minutes later.
    """
    with identity.as_nobody() as conn:
        keys = [row[0] for row in conn.execute(queries.claim_object_deletions, {"amount": most}).fetchall()]
    if not keys:
        return 0
    delete_versions([version for key in keys for version in _versions(key)])
    with identity.as_nobody() as conn:
        conn.execute(queries.finish_object_deletions, {"keys": keys})
    return len(keys)


def _versions(key: str) -> "Iterator[ObjectIdentifierTypeDef]":
    pages = aws.s3().get_paginator("list_object_versions").paginate(Bucket=settings().bucket, Prefix=key)
    for page in pages:
        for object_version in page.get("Versions", []):
            if object_version["Key"] == key:
                yield {"Key": key, "VersionId": object_version["VersionId"]}
        for marker in page.get("DeleteMarkers", []):
            if marker["Key"] == key:
                yield {"Key": key, "VersionId": marker["VersionId"]}


def delete_versions(versions: "list[ObjectIdentifierTypeDef]") -> None:
    """Delete versions of objects for good. Raises Unavailable when the bucket keeps one."""
    for start in range(0, len(versions), _MAX_PER_REQUEST):
        batch = versions[start : start + _MAX_PER_REQUEST]
        answer = aws.s3().delete_objects(Bucket=settings().bucket, Delete={"Objects": batch, "Quiet": True})
        if answer.get("Errors"):
            raise errors.Unavailable("The bucket did not delete every version of an object.")
