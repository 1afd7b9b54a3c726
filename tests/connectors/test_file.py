"""Connectors of buckets, against the emulator's S3."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from chalicelib.knowledge.connectors import bounds
from chalicelib.knowledge.connectors.types import file
from tests.connectors.connected import Library, counts
from tests.peers import serving
from tests.service import Service, User

FILES = {
    "manuals/pump.md": "The pump is inspected every ninety days.",
    "manuals/deep/valve.txt": "It closes at four bar.",
}


@dataclass
class Bucket:
    """A bucket that is not the service's own."""

    name: str
    client: Any

    def put(self, key: str, text: str) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=text.encode())

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=key)


@pytest.fixture
def bucket(connected: Service) -> Iterator[Bucket]:
    created = Bucket(f"files-{uuid.uuid4().hex[:12]}", boto3.client("s3"))
    created.client.create_bucket(Bucket=created.name)
    for key, text in FILES.items():
        created.put(key, text)
    created.put("private/notes.txt", "Not below the prefix.")
    yield created


@pytest.fixture
def library(connected: Service, admin: User, bucket: Bucket, endpoint_url: str) -> Library:
    settings = {"bucket": bucket.name, "prefix": "manuals/", "endpoint_url": endpoint_url}
    credentials = {"access_key_id": "test", "secret_access_key": "test"}
    return Library.connect(connected, admin, "file", settings, name=bucket.name, credentials=credentials)


def test_the_files_below_a_prefix_become_documents_and_stay_right(library: Library, bucket: Bucket) -> None:
    assert counts(library.sync()) == {"created": 2}
    before, stored = library.paths(), library.rows()
    assert set(before) == {"pump.md", "deep/valve.txt"}
    assert counts(library.sync()) == {"unchanged": 2}
    assert library.rows() == stored
    bucket.put("manuals/pump.md", "The pump is inspected every thirty days.")
    bucket.put("manuals/valves/valve.txt", FILES["manuals/deep/valve.txt"])
    bucket.delete("manuals/deep/valve.txt")
    bucket.put("manuals/seal.md", "The seal is made of rubber.")
    assert counts(library.sync()) == {"created": 1, "updated": 1, "unchanged": 1}
    after = library.paths()
    assert after["valves/valve.txt"] == before["deep/valve.txt"]
    assert after["pump.md"] == before["pump.md"]
    assert "thirty days" in library.text(after["pump.md"])
    bucket.delete("manuals/seal.md")
    assert counts(library.sync()) == {"removed": 1, "unchanged": 2}


def test_a_bucket_that_is_empty_or_missing_loses_nothing(library: Library, bucket: Bucket) -> None:
    library.sync()
    before = library.paths()
    for key in FILES:
        bucket.delete(key)
    assert library.sync()["error"]["code"] == "too_many_removals"
    bucket.delete("private/notes.txt")
    for version in bucket.client.list_object_versions(Bucket=bucket.name).get("Versions", []):
        bucket.client.delete_object(Bucket=bucket.name, Key=version["Key"], VersionId=version["VersionId"])
    bucket.client.delete_bucket(Bucket=bucket.name)
    assert library.sync()["error"]["code"] == "source_not_found"
    assert library.paths() == before


def test_a_long_listing_of_files_that_are_not_selected_is_no_endless_one(
    library: Library, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "MOST_IDLE_PAGES", 2)
    monkeypatch.setattr(file, "_KEYS", 1)
    for number in range(4):
        bucket.put(f"manuals/a{number}.mp4", "moving pictures")
    run = library.sync(ingest=False)
    assert (run["status"], counts(run)) == ("completed", {"created": 2}), run["error"]


def test_a_listing_that_is_too_big_is_the_sources_failure(connected: Service, admin: User) -> None:
    """And not an item's, which a run passes over."""
    with serving.serve(lambda _: serving.PeerResponse(body=b" " * (21 << 20))) as url:
        settings = {"bucket": "files", "endpoint_url": url}
        credentials = {"access_key_id": "test", "secret_access_key": "test"}
        library = Library.connect(connected, admin, "file", settings, name="big", credentials=credentials)
        assert library.sync()["error"]["code"] == "source_unavailable"


def test_a_web_page_in_place_of_an_object_replaces_no_text(library: Library, bucket: Bucket) -> None:
    library.sync()
    page = b"<html><form>Log in</form></html>"
    bucket.client.put_object(Bucket=bucket.name, Key="manuals/pump.md", Body=page, ContentType="text/html")
    run = library.sync()
    assert (run["status"], counts(run)) == ("completed", {"unchanged": 1, "failed": 1})
    assert "web page" in library.items()["manuals/pump.md"]["error"]
    assert "ninety days" in library.text(library.paths()["pump.md"])
