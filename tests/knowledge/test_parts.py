"""Files too big for one request are sent in parts: announced, sent in any order, gone on with, completed (K1)."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from chalicelib.core import aws
from chalicelib.core.settings import settings
from chalicelib.knowledge.documents import contents, multipart, parts
from chalicelib.knowledge.ingestion.extraction import Limits
from tests.config.coverage import changes
from tests.service import Service, User

PART = 5 << 20  # the least that a bucket takes for a part that is not the last
LINE = b"The coolant pump P-17 is inspected every ninety days.\n"


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of more than 5 MiB are sent in parts of 5 MiB: the same code, and less to send."""
    monkeypatch.setattr(parts, "PART_BYTES", PART)
    monkeypatch.setattr(contents, "SINGLE_UPLOAD_BYTES", PART)


def _content() -> bytes:
    """A text of little more than two parts, most of which is white space."""
    return LINE + b" " * (2 * PART) + b"\nValve V-3 closes at six bar.\n"


def _announce(user: User, size: int) -> Any:
    created = user.post("/documents", {"filename": "pumps.txt", "content_type": "text/plain", "size_bytes": size})
    assert created.status == 201, created.body
    return created.json


def _send(user: User, document: str, content: bytes, numbers: list[int]) -> None:
    answer = user.post(f"/documents/{document}/parts", {"numbers": numbers})
    assert answer.status == 200, answer.body
    for part in answer.json["items"]:
        start = PART * (part["number"] - 1)
        sent = httpx.put(part["url"], headers=part["headers"], content=content[start : start + PART])
        assert sent.status_code == 200, sent.text


@pytest.mark.usefixtures("small_parts")
def test_a_big_file_arrives_in_parts_and_goes_on_after_an_interruption(service: Service) -> None:
    user, content = service.user(), _content()
    document = _announce(user, len(content))
    assert document["upload"] is None
    assert document["upload_parts"] == {"part_bytes": PART, "count": 3}
    path = f"/documents/{document['id']}/parts"
    assert user.get(path).json["arrived"] == []
    _send(user, document["id"], content, [3, 1])
    assert user.get(path).json == {"part_bytes": PART, "count": 3, "arrived": [1, 3]}
    early = user.post(f"{path}/complete")
    assert (early.status, early.json["code"], early.json["missing"]) == (409, "parts_missing", [2])
    _send(user, document["id"], content, [2, 3])
    assert user.post(f"{path}/complete").status == 202
    service.pump_ingest()
    assert user.get(f"/documents/{document['id']}").json["status"] == "completed"
    assert "P-17" in user.search("pump")[0]["text"]
    assert user.post(path, {"numbers": [1]}).status == 404, "the announcement is used"


@pytest.mark.usefixtures("small_parts")
def test_an_upload_whose_completion_was_not_heard_of_is_completed_again(service: Service) -> None:
    """The client lost the response: it asks again, before and after the bucket's event is read."""
    user, content = service.user(), _content()
    document = _announce(user, len(content))["id"]
    path = f"/documents/{document}/parts"
    _send(user, document, content, [1, 2, 3])
    assert user.post(f"{path}/complete").status == 202
    for status in ("pending", "completed"):
        assert user.get(path).json["arrived"] == [1, 2, 3]
        again = user.post(f"{path}/complete")
        assert (again.status, again.json["id"], again.json["status"]) == (202, document, status)
        service.pump_ingest()
    assert [entry["id"] for entry in user.get("/documents").json["items"]] == [document]
    small = {"filename": "pumps.txt", "content_type": "text/plain", "size_bytes": 9}
    assert user.put(f"/documents/{document}/content", small).status == 202
    assert user.get(path).json["arrived"] == [], "a newer announcement waits for its own bytes"


@pytest.mark.usefixtures("small_parts")
def test_an_upload_whose_parts_the_bucket_deleted_is_not_completed(service: Service) -> None:
    """The bucket deletes parts a day after the upload began: it then knows the upload no more, like a joined one."""
    user, content = service.user(), _content()
    document = _announce(user, len(content))["id"]
    _send(user, document, content, [1, 2, 3])
    (upload,) = aws.s3().list_multipart_uploads(Bucket=settings().bucket)["Uploads"]
    aws.s3().abort_multipart_upload(Bucket=settings().bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    with service.database.connect("owner") as conn:
        conn.execute("update uploads set announced_at = now() - interval '25 hours' where document_id = %s", [document])
    assert user.get(f"/documents/{document}/parts").json["arrived"] == []
    refused = user.post(f"/documents/{document}/parts/complete")
    assert (refused.status, refused.json["missing"]) == (409, [1, 2, 3])


def test_parts_that_are_joined_already_are_not_an_error(service: Service) -> None:
    """The library asks the bucket again when a response does not come."""
    key = f"uploads/{uuid4()}"
    upload_id = multipart.start(key, None)
    httpx.put(multipart.presign(key, upload_id, 1, 5)[0], content=b"pumps")
    etags = {part.number: part.etag for part in multipart.stored(key, upload_id) or []}
    for _ in range(2):
        multipart.complete(key, upload_id, etags)
    assert multipart.stored(key, upload_id) is None


@pytest.mark.usefixtures("small_parts")
def test_parts_belong_to_who_announced_them_and_to_the_announced_size(service: Service) -> None:
    user, other, content = service.user(), service.user(), _content()
    document = _announce(user, len(content))["id"]
    for method, path, body in (
        ("GET", f"/documents/{document}/parts", None),
        ("POST", f"/documents/{document}/parts", {"numbers": [1]}),
        ("POST", f"/documents/{document}/parts/complete", None),
    ):
        assert other.request(method, path, body).status == 404
    assert user.post(f"/documents/{document}/parts", {"numbers": [4]}).status == 422
    (part,) = user.post(f"/documents/{document}/parts", {"numbers": [3]}).json["items"]
    assert part["headers"] == {"Content-Length": str(len(content) - 2 * PART)}
    # Emulators do not check the signed length: a part of another size has not arrived.
    httpx.put(part["url"], content=b"short")
    assert user.get(f"/documents/{document}/parts").json["arrived"] == []


@changes("max_upload_mb")
def test_the_setting_bounds_files_and_the_reader_takes_what_it_allows(service: Service) -> None:
    user, administrator = service.user(), service.administrator()
    assert _announce(user, 999_000_000)["upload_parts"]["count"] == 60
    assert Limits().max_input_bytes == 1_000_000_000
    assert administrator.request("PATCH", "/config/dynamic", {"max_upload_mb": 2}).status == 200
    body = {"filename": "a.txt", "size_bytes": 2_000_001}
    refused = user.post("/documents", body)
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "size_bytes")
    document = user.add("Pump", "The pump.")
    assert user.put(f"/documents/{document['id']}/content", body).status == 422
    assert user.post("/documents", body | {"size_bytes": 2_000_000}).status == 201


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("end", ["given up", "erased"])
def test_parts_of_an_upload_that_never_ends_are_deleted(service: Service, end: str) -> None:
    user, content = service.user(), _content()
    document, other = _announce(user, len(content))["id"], _announce(service.user(), len(content))["id"]
    _send(user, document, content, [1])
    assert _unfinished() == 1
    if end == "erased":
        assert user.request("DELETE", "/me").status == 204
    else:
        with service.database.connect("owner") as conn:
            past = "announced_at = now() - interval '2 days'"
            conn.execute(f"update uploads set {past} where document_id = %s", [document])
            conn.execute(
                f"update documents set {past}, updated_at = now() - interval '1 day' where id = %s", [document]
            )
    service.tick()  # gives the upload up
    service.tick()  # deletes what it left
    assert _unfinished() == 0
    if end == "given up":
        assert user.post(f"/documents/{document}/parts/complete").status == 404
    with service.database.connect("owner") as conn:
        rows = conn.execute("select closed_at is null from uploads where document_id = %s", [other]).fetchall()
    assert rows == [(True,)], "an upload that still waits stays open"


def _unfinished() -> int:
    """How many uploads in parts the bucket has that were not completed."""
    return len(aws.s3().list_multipart_uploads(Bucket=settings().bucket).get("Uploads", []))
