"""The bucket's objects: their versions and the parts of uploads that never ended, listed and deleted for good."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from chalicelib.core import aws, errors
from chalicelib.core.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

# Where clients send their bytes, in parts too; documents lie elsewhere.
UPLOADS = "uploads/"
# S3 deletes at most 1,000 versions in one request (DeleteObjects).
_BATCH = 1000


def versions(key: str) -> "Iterator[ObjectIdentifierTypeDef]":
    """Every version of one object, delete markers too."""
    pages = aws.s3().get_paginator("list_object_versions").paginate(Bucket=settings().bucket, Prefix=key)
    for page in pages:
        for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            if version["Key"] == key:  # the prefix matches longer keys too
                yield {"Key": key, "VersionId": version["VersionId"]}


def delete_versions(versions: "Sequence[ObjectIdentifierTypeDef]") -> None:
    """Delete versions of objects for good. Raises Unavailable unless the bucket deletes all of them."""
    for start in range(0, len(versions), _BATCH):
        batch = versions[start : start + _BATCH]
        answer = aws.s3().delete_objects(Bucket=settings().bucket, Delete={"Objects": batch, "Quiet": True})
        if answer.get("Errors"):
            raise errors.Unavailable("The bucket did not delete every version of an object.")


def abort_uploads(key: str) -> None:
    """Delete the parts of every upload to this key that was not completed; the bucket charges for them until then.

    Only keys under UPLOADS have such parts. An upload that its client ends meanwhile is no error.
    """
    from botocore.exceptions import ClientError

    if not key.startswith(UPLOADS):
        return
    pages = aws.s3().get_paginator("list_multipart_uploads").paginate(Bucket=settings().bucket, Prefix=key)
    for upload in (upload for page in pages for upload in page.get("Uploads", []) if upload["Key"] == key):
        try:
            aws.s3().abort_multipart_upload(Bucket=settings().bucket, Key=key, UploadId=upload["UploadId"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchUpload":
                raise
