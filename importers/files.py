"""The files of documents, from a folder or a bucket of the source."""

import re
from pathlib import Path, PurePosixPath
from typing import Protocol

from chalicelib.knowledge.documents.sizes import MAX_UPLOAD_BYTES


class Files(Protocol):
    """Where the source's files are."""

    def read(self, path: str) -> bytes | None:
        """The bytes of the file that the source knows under `path`; None for none, and for one that is too big."""


class NoFiles:
    """A source whose files are not at hand."""

    def read(self, path: str) -> bytes | None:  # noqa: ARG002 — the protocol's
        return None


class Folder:
    """A folder with the source's files. A path that leads out of it names no file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve(strict=True)

    def read(self, path: str) -> bytes | None:
        for name in names(path):
            file = (self.folder / name).resolve()
            if file.is_relative_to(self.folder) and file.is_file() and file.stat().st_size <= MAX_UPLOAD_BYTES:
                return file.read_bytes()
        return None


class Bucket:
    """A bucket, such as MinIO's, below a prefix."""

    def __init__(self, bucket: str, prefix: str, endpoint: str | None) -> None:
        import boto3

        self.bucket, self.prefix = bucket, prefix.strip("/")
        self.s3 = boto3.client("s3", endpoint_url=endpoint)

    def read(self, path: str) -> bytes | None:
        from botocore.exceptions import ClientError

        for name in names(path):
            key = f"{self.prefix}/{name}" if self.prefix else name
            try:
                match = self.s3.get_object(Bucket=self.bucket, Key=key)
            except ClientError as error:
                if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
                    continue
                raise
            return match["Body"].read() if match["ContentLength"] <= MAX_UPLOAD_BYTES else None
        return None


def names(path: str) -> list[str]:
    """The names under which a file may lie: its path there, with and without the folder or bucket in front.

    `minio:documents:a/b.pdf` is `a/b.pdf`; `/root/data/a/b.pdf` is tried whole, then without its first folders.
    """
    match = re.fullmatch(r"minio:[^:]+:(.+)", path)
    parts = [part for part in PurePosixPath(match[1] if match else path).parts if part not in {"/", "..", "."}]
    return ["/".join(parts[first:]) for first in range(len(parts))]


def open_files(place: str | None, endpoint: str | None = None) -> Files:
    """The files at `place`: a folder, or `s3://bucket/prefix`. Raises FileNotFoundError for no such folder."""
    if not place:
        return NoFiles()
    if place.startswith("s3://"):
        bucket, _, prefix = place.removeprefix("s3://").partition("/")
        return Bucket(bucket, prefix, endpoint)
    return Folder(Path(place))
