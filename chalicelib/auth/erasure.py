"""Erasing an account: its rows in one transaction, its objects by tick, and again when nobody can upload any more.

Rows that lie in other floors' tables go with their user by foreign keys; erase_account() names the few that need an
order. The bucket keeps versions, and every version of an object is deleted.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.core import aws, db, errors, sql
from chalicelib.core.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

    from chalicelib.core.db import Conn

queries = sql.load(__file__)

_MAX_PER_REQUEST = 1000


def erase(conn: "Conn", session_id: UUID) -> None:
    """Erase the caller's account.

    Raises Forbidden (stale_session) when the login is older than fifteen minutes, Conflict (last_administrator).
    """
    import psycopg

    try:
        outcome = db.value(conn, queries.erase_account, {"session": session_id})
    except psycopg.errors.CheckViolation as error:
        raise errors.Conflict(code="last_administrator") from error
    if outcome != "erased":
        raise errors.Forbidden(code="stale_session")


def delete_objects(most: int) -> int:
    """Delete up to `most` objects whose rows are gone, every version of each; returns how many.

    What fails stays noted, and is due again ten minutes later.
    """
    with db.as_nobody() as conn:
        keys = [row[0] for row in conn.execute(queries.claim_object_deletions, {"amount": most}).fetchall()]
    if not keys:
        return 0
    _delete([version for key in keys for version in _versions(key)])
    with db.as_nobody() as conn:
        conn.execute(queries.finish_object_deletions, {"keys": keys})
    return len(keys)


def _versions(key: str) -> "Iterator[ObjectIdentifierTypeDef]":
    pages = aws.s3().get_paginator("list_object_versions").paginate(Bucket=settings().bucket, Prefix=key)
    for page in pages:
        for found in page.get("Versions", []):
            if found["Key"] == key:
                yield {"Key": key, "VersionId": found["VersionId"]}
        for marker in page.get("DeleteMarkers", []):
            if marker["Key"] == key:
                yield {"Key": key, "VersionId": marker["VersionId"]}


def _delete(versions: "list[ObjectIdentifierTypeDef]") -> None:
    for start in range(0, len(versions), _MAX_PER_REQUEST):
        batch = versions[start : start + _MAX_PER_REQUEST]
        answer = aws.s3().delete_objects(Bucket=settings().bucket, Delete={"Objects": batch, "Quiet": True})
        if answer.get("Errors"):
            raise errors.Unavailable("The bucket did not delete every version of an object.")
