"""S3's uploads in parts, with presigned addresses. Raises Unavailable when the bucket cannot be reached."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chalicelib.core import aws, errors
from chalicelib.core.settings import settings

_PART_LIFETIME = timedelta(hours=1)
_UNKNOWN_TYPE = "application/octet-stream"


class UnknownUploadError(errors.Unavailable):
    """The bucket does not know the upload any more: its parts were joined or deleted."""


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part that the bucket has: its number from 1, its size in bytes."""

    number: int
    size: int
    etag: str


def start(key: str, content_type: str | None) -> str:
    """Begin an upload to `key`; returns its id."""
    with _reaching():
        started = aws.s3().create_multipart_upload(
            Bucket=settings().bucket, Key=key, ContentType=content_type or _UNKNOWN_TYPE
        )
    return started["UploadId"]


def presign(key: str, upload_id: str, number: int, size: int) -> tuple[str, datetime]:
    """The address that takes a part of exactly `size` bytes, and until when."""
    url = aws.s3().generate_presigned_url(
        "upload_part",
        Params={
            "Bucket": settings().bucket,
            "Key": key,
            "UploadId": upload_id,
            "PartNumber": number,
            "ContentLength": size,
        },
        ExpiresIn=int(_PART_LIFETIME.total_seconds()),
    )
    return url, datetime.now(UTC) + _PART_LIFETIME


def stored(key: str, upload_id: str) -> list[StoredPart] | None:
    """The parts that have arrived, at most 1,000; None when the bucket joined or deleted them."""
    try:
        with _reaching():
            page = aws.s3().list_parts(Bucket=settings().bucket, Key=key, UploadId=upload_id)
    except UnknownUploadError:
        return None
    return [StoredPart(part["PartNumber"], part["Size"], part["ETag"]) for part in page.get("Parts", [])]


def complete(key: str, upload_id: str, etags: Mapping[int, str]) -> None:
    """Join the parts, whose ETags are given by their numbers, to the object at `key`.

    The bucket had these parts a moment ago. When it knows them no more, a request whose response was lost joined them.
    """
    parts = [{"PartNumber": number, "ETag": etags[number]} for number in sorted(etags)]
    with suppress(UnknownUploadError), _reaching():
        aws.s3().complete_multipart_upload(
            Bucket=settings().bucket,
            Key=key,
            UploadId=upload_id,
            MultipartUpload={"Parts": parts},  # type: ignore[typeddict-item]
        )


@contextmanager
def _reaching() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] == "NoSuchUpload":
            raise UnknownUploadError from error
        raise errors.Unavailable("The bucket did not take the document.") from error
