"""Announcing a signed package: an administrator gets a URL that takes exactly its bytes."""

import os
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from chalicelib.core import aws, errors
from chalicelib.core.settings import settings
from chalicelib.knowledge.documents.models import Upload
from chalicelib.ops.updates.models import AnnouncedUpdate, NewUpdate

PREFIX = "updates/"
_LIFETIME = timedelta(hours=1)
_CONTENT_TYPE = "application/octet-stream"


def announce(new: NewUpdate, administrator: UUID) -> AnnouncedUpdate:
    """Where the bytes go; the bucket tells `update` when they are there. Raises Conflict (updates_off)."""
    bucket = settings().updates_bucket
    if not bucket:
        raise errors.Conflict(code="updates_off")
    announced = _new_id()
    url = aws.s3().generate_presigned_url(
        "put_object",
        Params={
            "Bucket": bucket,
            "Key": f"{PREFIX}{administrator}/{announced}",
            "ContentType": _CONTENT_TYPE,
            "ContentLength": new.size_bytes,
        },
        ExpiresIn=int(_LIFETIME.total_seconds()),
    )
    headers = {"Content-Type": _CONTENT_TYPE, "Content-Length": str(new.size_bytes)}
    return AnnouncedUpdate(
        id=announced, upload=Upload(url=url, headers=headers, expires_at=datetime.now(UTC) + _LIFETIME)
    )


def parse_key(key: str) -> tuple[UUID, UUID] | None:
    """The administrator and the id of an announced package; None for any other key."""
    try:
        administrator, announced = key.removeprefix(PREFIX).split("/")
        return UUID(administrator), UUID(announced)
    except ValueError:
        return None


def _new_id() -> UUID:
    """A UUID of version 7 (RFC 9562): the history is listed by its ids, in the order of time."""
    milliseconds, random = time.time_ns() // 1_000_000, int.from_bytes(os.urandom(10))
    value = milliseconds << 80 | 0x7 << 76 | (random >> 68) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    return UUID(int=value)
