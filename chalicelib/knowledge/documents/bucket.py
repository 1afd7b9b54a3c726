"""The bucket with the documents' bytes: presigned uploads, versions, and messages to the ingest queue."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.core import aws, errors, objects, queues
from chalicelib.core.settings import settings
from chalicelib.knowledge.documents.models import Upload

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CopySourceTypeDef

_PREFIX = "documents/"
_STAGED = f"{objects.UPLOADS}staged/"
_UPLOAD_LIFETIME = timedelta(hours=1)
_DOWNLOAD_LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """The newest version of an object; `size` in bytes. `etag` is the same for the same bytes."""

    key: str
    version: str
    size: int
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Download:
    """A presigned link to an object, and until when it works."""

    url: str
    expires_at: datetime


@dataclass(slots=True)
class Versions:
    """An object with all its versions: the newest (None after a deletion), the time of the newest, and older ones.

    The older ones have the time at which each was replaced or deleted, the newest of them first.
    """

    key: str
    newest: str | None
    stored_at: datetime
    older: list[tuple[str, datetime]]


def key_of(document_id: UUID) -> str:
    """The key of a document's bytes, which stays the same when they are replaced. Only the service writes there."""
    return f"{_PREFIX}{document_id}"


def announcement_of(key: str) -> UUID | None:
    """The announcement whose upload arrives at `key` (upload_key() in the database); None for any other key."""
    prefix = _STAGED if is_staged(key) else objects.UPLOADS
    try:
        return UUID(key.removeprefix(prefix)) if key.startswith(prefix) else None
    except ValueError:
        return None


def is_staged(key: str) -> bool:
    """Whether the bytes at `key` were fetched by a connector, which announces them after it has stored them."""
    return key.startswith(_STAGED)


def stage(announcement: UUID, path: Path, content_type: str) -> str:
    """Store the bytes of a file that a connector fetched, to be announced under this id; returns their key.

    Raises Unavailable.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    key = f"{_STAGED}{announcement}"
    try:
        with path.open("rb") as file:
            aws.s3().put_object(Bucket=settings().bucket, Key=key, Body=file, ContentType=content_type)
    except (BotoCoreError, ClientError) as error:
        raise errors.Unavailable("The bucket did not take the document.") from error
    return key


def presign_upload(key: str, content_type: str, size_bytes: int) -> Upload:
    """A URL that takes one PUT of exactly `size_bytes` bytes."""
    url = aws.s3().generate_presigned_url(
        "put_object",
        Params={
            "Bucket": settings().bucket,
            "Key": key,
            "ContentType": content_type,
            "ContentLength": size_bytes,
        },
        ExpiresIn=int(_UPLOAD_LIFETIME.total_seconds()),
    )
    return Upload(
        url=url,
        headers={"Content-Type": content_type, "Content-Length": str(size_bytes)},
        expires_at=datetime.now(UTC) + _UPLOAD_LIFETIME,
    )


def address() -> str:
    """The beginning of every presigned URL, the bucket with a slash: `https://s3.eu-west-1.amazonaws.com/documents/`."""
    key = "-"
    return presign_upload(key, "", 0).url.partition("?")[0].removesuffix(key)


def presign_download(key: str, content_type: str, disposition: str) -> Download:
    """A URL that returns an object's newest bytes, with these values of Content-Type and Content-Disposition."""
    url = aws.s3().generate_presigned_url(
        "get_object",
        Params={
            "Bucket": settings().bucket,
            "Key": key,
            "ResponseContentType": content_type,
            "ResponseContentDisposition": disposition,
        },
        ExpiresIn=int(_DOWNLOAD_LIFETIME.total_seconds()),
    )
    return Download(url, datetime.now(UTC) + _DOWNLOAD_LIFETIME)


def put(key: str, content: bytes, content_type: str) -> None:
    """Store an object. Raises Unavailable when this fails."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        aws.s3().put_object(Bucket=settings().bucket, Key=key, Body=content, ContentType=content_type)
    except (BotoCoreError, ClientError) as error:
        raise errors.Unavailable("The bucket did not take the document.") from error


def newest(key: str) -> StoredObject | None:
    """The newest version of an object, or None when it does not exist."""
    from botocore.exceptions import ClientError

    try:
        head = aws.s3().head_object(Bucket=settings().bucket, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise
    version, etag = head.get("VersionId"), head["ETag"].strip('"')
    # A bucket without versioning returns "null"; the ETag then distinguishes uploads.
    return StoredObject(key, version if version and version != "null" else etag, head["ContentLength"], etag)


def copy(stored: StoredObject, key: str) -> None:
    """Copy the bytes that `stored` describes to another key of the bucket. Raises ClientError when they changed."""
    source: CopySourceTypeDef = {"Bucket": settings().bucket, "Key": stored.key}
    if stored.version != stored.etag:
        source["VersionId"] = stored.version
    aws.s3().copy_object(Bucket=settings().bucket, Key=key, CopySource=source, CopySourceIfMatch=stored.etag)


def download(stored: StoredObject, path: Path) -> None:
    """Write the newest bytes of the object to `path`. The caller has checked `stored.size`."""
    aws.s3().download_file(settings().bucket, stored.key, str(path))


def versions_after(key: str, most: int) -> tuple[list[Versions], str]:
    """The documents' objects after `key`, in the order of keys, with at most `most` (1,000) versions in total.

    Returns them and the key after which to continue, which is empty at the end. The oldest versions of an object with
    more than `most` are left out.
    """
    page = aws.s3().list_object_versions(Bucket=settings().bucket, Prefix=_PREFIX, KeyMarker=key, MaxKeys=most)
    markers = {marker["VersionId"] for marker in page.get("DeleteMarkers", [])}
    listed = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
    listed.sort(key=lambda version: (version["IsLatest"], version["LastModified"]), reverse=True)
    versions_by_key: dict[str, Versions] = {}
    replaced_at: dict[str, datetime] = {}
    for version in listed:
        key, version_id = version["Key"], version["VersionId"]
        if key in versions_by_key:
            versions_by_key[key].older.append((version_id, replaced_at[key]))
        else:
            newest_id = None if version_id in markers else version_id
            versions_by_key[key] = Versions(key, newest_id, version["LastModified"], [])
        replaced_at[key] = version["LastModified"]
    stored_objects = [versions_by_key[name] for name in sorted(versions_by_key)]
    if not page.get("IsTruncated"):
        return stored_objects, ""
    # The page may end within an object's versions; the next page begins with that object.
    whole = stored_objects[:-1] or stored_objects
    return whole, whole[-1].key


def listed_after(prefix: str, key: str, most: int) -> tuple[list[StoredObject], str]:
    """The objects under `prefix` after `key`, at most `most` (1,000), folders' own objects left out.

    Returns them, without their versions, and the key after which to continue, which is empty at the end.
    """
    page = aws.s3().list_objects_v2(Bucket=settings().bucket, Prefix=prefix, StartAfter=key, MaxKeys=most)
    contents = page.get("Contents", [])
    listed = [
        StoredObject(entry["Key"], "", entry["Size"], entry["ETag"].strip('"'))
        for entry in contents
        if not entry["Key"].endswith("/")
    ]
    return listed, contents[-1]["Key"] if page.get("IsTruncated") and contents else ""


def delete_older(stored_objects: Iterable[Versions], before: datetime, most: int) -> None:
    """Permanently delete the versions that were replaced until `before`, and all but the `most` latest of the others.

    The newest version of each object stays. Raises Unavailable when one is not deleted.
    """
    objects.delete_versions(
        [
            {"Key": stored.key, "VersionId": old}
            for stored in stored_objects
            for place, (old, replaced_at) in enumerate(stored.older)
            if replaced_at <= before or place >= most
        ]
    )


def ask_for_ingestion(keys: Iterable[str]) -> None:
    """Queue objects for ingestion, like an event of the bucket.

    Raises Unavailable unless the queue accepts all of them.
    """
    queues.send(settings().ingest_queue_url, ({"object_key": key} for key in keys))
