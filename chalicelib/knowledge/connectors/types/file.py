"""Files of a bucket: a prefix of S3, or of a store that speaks S3's protocol.

A run lists the keys and fetches those whose ETag or size changed. A file that has another key now, with the same bytes,
keeps its document.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Annotated
from urllib.parse import quote, urlencode, urlsplit
from xml.etree import ElementTree

from pydantic import Field

from chalicelib.core.browsing import Response
from chalicelib.core.models import Request, Text, matching
from chalicelib.knowledge.connectors.sources import (
    Access,
    ConfigurationError,
    CredentialsError,
    Fetched,
    Item,
    ItemDeletedError,
    Json,
    KnownItem,
    Listing,
    SourceError,
)
from chalicelib.knowledge.connectors.types import rest
from chalicelib.knowledge.ingestion.extraction import kinds

_KEYS = 500

_Pattern = Annotated[Text, Field(min_length=1, max_length=300)]


class FileSettings(Request):
    """The bucket and the prefix of its keys; patterns are compared with keys without the prefix."""

    bucket: Annotated[
        Text, matching(r"^[a-z0-9][a-z0-9.-]+[a-z0-9]$", "must be the name of a bucket", min_length=3, max_length=63)
    ]
    prefix: Annotated[Text, Field(max_length=500)] = ""
    region: Annotated[Text, matching(r"^[a-z0-9-]+$", "must be a region such as eu-central-1", max_length=50)] = (
        "us-east-1"
    )
    endpoint_url: (
        Annotated[
            Text, matching(r"^https?://[^\s?#]+$", "must be an address such as https://s3.example.org", max_length=500)
        ]
        | None
    ) = None
    include: Annotated[list[_Pattern], Field(max_length=100)] = Field(default_factory=list)
    exclude: Annotated[list[_Pattern], Field(max_length=100)] = Field(default_factory=list)


class FileCredentials(Request):
    """An access key that may list and read the bucket."""

    access_key_id: Annotated[Text, Field(min_length=1, max_length=200)]
    secret_access_key: Annotated[Text, Field(min_length=1, max_length=500)]


SETTINGS, CREDENTIALS = FileSettings, FileCredentials


def connect(access: Access) -> "BucketPrefix":
    """The bucket of these settings. Raises ConfigurationError, CredentialsError."""
    if access.credentials is None:
        raise CredentialsError("A bucket requires an access key.")
    endpoint = access.settings.endpoint_url or f"https://s3.{access.settings.region}.amazonaws.com"
    if urlsplit(endpoint).scheme == "http" and not access.browser.allow_private:
        raise ConfigurationError("Credentials are only sent to an address that begins with https://.")
    return BucketPrefix(access, f"{endpoint.rstrip('/')}/{access.settings.bucket}")


@dataclass(frozen=True, slots=True)
class BucketPrefix:
    """A prefix of a bucket during one invocation."""

    access: Access
    url: str

    def close(self) -> None:
        """Nothing: the spine closes the connections."""

    def page(self, cursor: Json | None, state: Json) -> Listing:  # noqa: ARG002 — every run lists all keys
        """The next keys, in their order (ListObjectsV2 of the Amazon S3 API reference)."""
        query = {"list-type": "2", "max-keys": str(_KEYS), "prefix": self.access.settings.prefix}
        if cursor is not None:
            query["start-after"] = cursor["after"]
        response = self._get(f"{self.url}?{urlencode(sorted(query.items()), quote_via=quote)}")
        try:
            root = ElementTree.fromstring(response.body)  # noqa: S314 — expat expands no entity without a bound
        except ElementTree.ParseError:
            root = ElementTree.Element("")
        if root.tag.rpartition("}")[2] != "ListBucketResult":
            raise SourceError(f"{urlsplit(self.url).hostname} does not answer with a bucket's listing.")
        entries = list(_entries(root))
        listed = [entry for entry in entries if self._is_selected(entry)]
        known = self.access.stored_items.known([entry.key for entry in listed])
        items = tuple(self._item(entry, known.get(entry.key)) for entry in listed)
        others = len(entries) - len(items)
        if _text(root, "IsTruncated") == "true" and entries:
            return Listing(items=items, others=others, cursor={"after": entries[-1].key})
        return Listing(items=items, is_whole=True)

    def fetch(self, item: Item, known: KnownItem | None, into: Path) -> Fetched:  # noqa: ARG002 — ETags are compared
        """Download an object."""
        url, name = self._object(item.source_id), item.source_id
        headers = self._signed("GET", url)
        listing = {"list-type": "2", "max-keys": "1", "prefix": self.access.settings.prefix}
        check = lambda: self._get(f"{self.url}?{urlencode(sorted(listing.items()), quote_via=quote)}")  # noqa: E731
        response = rest.download(
            self.access.browser, url, into, name=name, check=check, headers=headers, redirect=False
        )
        version = f"{response.headers.get('etag', '').strip(chr(34))}:{response.size}"
        return Fetched(version=version, content_type=kinds.content_type_of(name, response.headers.get("content-type")))

    def _is_selected(self, entry: "_Entry") -> bool:
        name, settings = entry.key.removeprefix(self.access.settings.prefix), self.access.settings
        if entry.key.endswith("/") or entry.size == 0 or kinds.by_name(PurePosixPath(name).name) in kinds.WORDLESS:
            return False
        if settings.include and not any(fnmatchcase(name, pattern) for pattern in settings.include):
            return False
        return not any(fnmatchcase(name, pattern) for pattern in settings.exclude)

    def _item(self, entry: "_Entry", known: KnownItem | None) -> Item:
        return Item(
            source_id=entry.key,
            path=entry.key.removeprefix(self.access.settings.prefix),
            version=entry.version,
            original_url=f"s3://{self.access.settings.bucket}/{entry.key}",
            modified_at=entry.modified_at,
            metadata={"bucket": self.access.settings.bucket},
            moved_from=self._moved_from(entry) if known is None else None,
            size=entry.size,
        )

    def _moved_from(self, entry: "_Entry") -> str | None:
        """The former key of a new object: of one with the same bytes, which is not in the bucket any more."""
        for candidate in self.access.stored_items.with_version(entry.version)[:3]:
            try:
                self._get(self._object(candidate.source_id), method="HEAD")
            except ItemDeletedError:
                return candidate.source_id
        return None

    def _object(self, key: str) -> str:
        return f"{self.url}/{quote(key, safe='/~')}"

    def _get(self, url: str, method: str = "GET") -> Response:
        """A signed request. Raises as rest.request() does."""
        return rest.request(self.access.browser, method, url, headers=self._signed(method, url), redirect=False)

    def _signed(self, method: str, url: str) -> dict[str, str]:
        """The headers of a request (Signature Version 4)."""
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        keys = self.access.credentials
        request = AWSRequest(method=method, url=url)
        S3SigV4Auth(
            Credentials(keys.access_key_id, keys.secret_access_key), "s3", self.access.settings.region
        ).add_auth(request)
        return {name: str(value) for name, value in request.headers.items()}


@dataclass(frozen=True, slots=True)
class _Entry:
    key: str
    version: str
    size: int
    modified_at: datetime


def _entries(root: ElementTree.Element) -> Iterator[_Entry]:
    for node in root:
        if node.tag.rpartition("}")[2] == "Contents":
            etag, size = _text(node, "ETag").strip('"'), int(_text(node, "Size"))
            modified = datetime.fromisoformat(_text(node, "LastModified"))
            yield _Entry(_text(node, "Key"), f"{etag}:{size}", size, modified)


def _text(node: ElementTree.Element, name: str) -> str:
    """The text of a child, whatever namespace it is in."""
    return next((child.text or "" for child in node if child.tag.rpartition("}")[2] == name), "")
