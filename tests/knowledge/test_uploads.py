"""An upload is tied to its announcement: who announced it, for which document, once, while this user may write (K1-K3).

The walk goes over announcements × lost rights × what the announcement's URL was used for before.
"""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import boto3
import httpx
import pytest

from chalicelib.core import connection
from chalicelib.knowledge.documents import bucket
from tests.service import Service, User

PUMP = "The coolant pump P-17 is inspected every ninety days."
VALVE = "Valve V-3 closes at six bar."
CRANE = "The crane lifts nine hundred tons."

# Who announces what: a document of one's own, new bytes for it, or new bytes for a colleague's.
ANNOUNCEMENTS = ("first", "own", "colleague's")
# What the announcer loses before the bytes arrive.
LOSSES: dict[str, Callable[["Place"], Any]] = {
    "nothing": lambda place: None,
    "removed": lambda place: place.administrator.delete(place.membership),
    "demoted": lambda place: place.administrator.put(place.membership, {"role": "member"}),
    "deactivated": lambda place: place.administrator.request(
        "PATCH", f"/users/{place.announcer.id}", {"is_active": False}
    ),
}
# What became of the announcement before: nothing, it was used, or a colleague replaced the document.
BEFORE = ("unused", "used", "replaced")


@dataclass
class Place:
    """A group with an announcer, a colleague who also writes, and a reader."""

    service: Service
    administrator: User
    announcer: User
    colleague: User
    reader: User
    group: str

    @property
    def membership(self) -> str:
        return f"/groups/{self.group}/members/{self.announcer.id}"


def _place(service: Service, administrator: User, name: str) -> Place:
    group = administrator.post("/groups", {"name": name}).json["id"]
    place = Place(service, administrator, service.user(), service.user(), service.user(), group)
    for user, role in ((place.announcer, "editor"), (place.colleague, "editor"), (place.reader, "member")):
        assert administrator.put(f"/groups/{place.group}/members/{user.id}", {"role": role}).status == 204
    return place


def _announced(text: str) -> dict[str, Any]:
    return {"filename": "notes.txt", "content_type": "text/plain", "size_bytes": len(text)}


def _put(upload: dict[str, Any], text: str) -> None:
    assert httpx.put(upload["url"], headers=upload["headers"], content=text.encode()).status_code == 200


def _announce(place: Place, kind: str) -> Any:
    """The document with the announcer's upload of a text as long as VALVE."""
    group = {"scope": "group", "group_id": place.group}
    if kind == "first":
        return place.announcer.post("/documents", _announced(VALVE) | group).json
    owner = place.announcer if kind == "own" else place.colleague
    document = owner.add("Pump", PUMP, **group)
    return place.announcer.put(f"/documents/{document['id']}/content", _announced(VALVE)).json


def _settle(service: Service) -> None:
    service.pump_ingest()
    service.tick()
    service.pump_ingest()


def _refusals(service: Service, document: str) -> list[Any]:
    return service.rows(
        "select details ->> 'reason', user_id from audit_logs "
        "where action = 'document.upload_refused' and entity_type = 'document' and entity_id = %s",
        document,
    )


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", ANNOUNCEMENTS)
def test_only_the_announcers_first_bytes_are_taken_and_only_while_they_may_write(
    service: Service, kind: str, loss: str
) -> None:
    administrator = service.administrator()
    other = VALVE.replace("six", "two")
    for before, arriving in itertools.product(BEFORE, (VALVE, other)):
        if (before, arriving) == ("unused", other):
            continue  # like the first bytes
        place = _place(service, administrator, f"{before} {arriving}")
        document = _announce(place, kind)
        path = f"/documents/{document['id']}"
        expected = None if kind == "first" else PUMP
        if before == "used":
            _put(document["upload"], VALVE)
            expected = VALVE
        elif before == "replaced":
            assert place.colleague.put(f"{path}/content", {"content": CRANE}).status == 202
            expected = CRANE
        service.pump_ingest()
        LOSSES[loss](place)
        _put(document["upload"], arriving)
        _settle(service)
        taken = (before, loss) == ("unused", "nothing")
        repeated = before == "used" and arriving == VALVE
        expected = arriving if taken else expected
        result = place.reader.get(f"{path}/content")
        assert (result.json.get("text"), result.status) == (expected, 404 if expected is None else 200), before
        status = place.reader.get(path).json
        code = None if expected is not None else "upload_refused"
        assert (status["status"], (status["error"] or {}).get("code")) == ("failed" if code else "completed", code)
        refusals = _refusals(service, document["id"])
        assert len(refusals) == (0 if taken or repeated else 1), (before, arriving)
        assert {user_id for _, user_id in refusals} <= {place.announcer.id}
        _settle(service)
        assert place.reader.get(f"{path}/content").json.get("text") == expected, "and it stays so"
        assert len(_refusals(service, document["id"])) == len(refusals), "each refusal is recorded once"


@pytest.mark.parametrize("loss", ["demoted", "deactivated"])
def test_an_administrator_who_is_none_any_more_replaces_nothing_of_the_organisations(
    service: Service, loss: str
) -> None:
    administrator, former = service.administrator(), service.user()
    assert administrator.request("PATCH", f"/users/{former.id}", {"is_admin": True}).status == 200
    document = administrator.add("Pump", PUMP, scope="org")
    path = f"/documents/{document['id']}"
    upload = former.put(f"{path}/content", _announced(VALVE)).json["upload"]
    changes = {"is_admin": False} if loss == "demoted" else {"is_active": False}
    assert administrator.request("PATCH", f"/users/{former.id}", changes).status == 200
    _put(upload, VALVE)
    _settle(service)
    assert administrator.get(f"{path}/content").json["text"] == PUMP
    assert administrator.get(path).json["status"] == "completed"
    assert _refusals(service, document["id"]) == [("no_right", former.id)]


def test_an_erased_announcers_url_changes_nothing(service: Service) -> None:
    place = _place(service, service.administrator(), "Operators")
    document = _announce(place, "colleague's")
    assert place.announcer.delete("/me").status == 204
    _put(document["upload"], VALVE)
    _settle(service)
    assert place.reader.get(f"/documents/{document['id']}/content").json["text"] == PUMP
    refused = "select details ->> 'reason' from audit_logs where action = 'document.upload_refused'"
    assert service.rows(refused) == [("unknown",)]


def test_a_refused_upload_can_be_announced_again_by_who_may(service: Service) -> None:
    place = _place(service, service.administrator(), "Operators")
    document = _announce(place, "first")
    LOSSES["demoted"](place)
    _put(document["upload"], VALVE)
    _settle(service)
    again = place.colleague.put(f"/documents/{document['id']}/content", _announced(CRANE)).json
    _put(again["upload"], CRANE)
    _settle(service)
    assert place.reader.get(f"/documents/{document['id']}/content").json["text"] == CRANE


def test_an_upload_is_taken_although_the_documents_owner_has_left_meanwhile(service: Service) -> None:
    place = _place(service, service.administrator(), "Operators")
    document = place.announcer.add("Pump", PUMP, scope="group", group_id=place.group)
    path = f"/documents/{document['id']}"
    upload = place.colleague.put(f"{path}/content", _announced(VALVE)).json["upload"]
    LOSSES["removed"](place)
    _put(upload, VALVE)
    _settle(service)
    assert place.reader.get(path).json["status"] == "completed"
    assert place.reader.get(f"{path}/content").json["text"] == VALVE
    owner = "select owner_id from documents where id = %s"
    assert service.rows(owner, document["id"]) == [(place.colleague.id,)]


def test_bytes_of_another_size_than_announced_are_refused(service: Service) -> None:
    user = service.user()
    document = user.add("Pump", PUMP)
    upload = user.put(f"/documents/{document['id']}/content", _announced(VALVE)).json["upload"]
    key = httpx.URL(upload["url"]).path.rpartition("uploads/")[2]
    # S3 refuses the signature of a PUT with another size; the judgement does not rely on it.
    boto3.client("s3").put_object(Bucket=service.bucket, Key=f"uploads/{key}", Body=CRANE.encode())
    _settle(service)
    assert user.get(f"/documents/{document['id']}/content").json["text"] == PUMP
    assert _refusals(service, document["id"]) == [("size", user.id)]


@pytest.mark.parametrize("events", ["in order", "reversed", "doubled", "lost"])
def test_k2_the_later_announcement_wins_however_its_events_arrive(service: Service, events: str) -> None:
    user = service.user()
    document = user.add("Pump", PUMP)
    path = f"/documents/{document['id']}"
    uploads = [user.put(f"{path}/content", _announced(text)).json["upload"] for text in (VALVE, CRANE)]
    for upload, text in zip(uploads, (VALVE, CRANE), strict=True):
        _put(upload, text)
    records = service.drain("ingest")
    assert len(records) == 2
    if events == "reversed":
        records.reverse()
    elif events == "doubled":
        records = records * 2
    elif events == "lost":
        records = []
        with service.database.connect("owner") as conn:
            conn.execute("alter table documents disable trigger touch")
            conn.execute("update documents set updated_at = now() - interval '1 hour', verified_at = null")
            conn.execute("alter table documents enable trigger touch")
    for record in records:
        assert service.invoke("ingest", [record]) == {"batchItemFailures": []}
    _settle(service)
    assert user.get(f"{path}/content").json["text"] == CRANE
    assert len(user.search("crane valve pump")) == 1


def test_k2_workers_that_get_one_event_at_once_take_the_upload_once(service: Service) -> None:
    user = service.user()
    document = user.post("/documents", _announced(VALVE)).json
    _put(document["upload"], VALVE)
    (record,) = service.drain("ingest")

    def deliver(_number: int) -> Any:
        try:
            return service.invoke("ingest", [record])
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(deliver, range(4))) == [{"batchItemFailures": []}] * 4
    _settle(service)
    assert user.get(f"/documents/{document['id']}/content").json["text"] == VALVE
    assert service.rows("select count(*) from document_chunks") == [(1,)]
    assert _refusals(service, document["id"]) == []


def test_a_presigned_url_leads_to_no_documents_own_key(service: Service) -> None:
    user = service.user()
    urls = [user.post("/documents", _announced(VALVE)).json, user.post("/documents", _announced(VALVE)).json]
    document = user.add("Pump", PUMP)["id"]
    urls += [user.put(f"/documents/{document}/content", _announced(VALVE)).json for _ in range(2)]
    keys = [httpx.URL(url["upload"]["url"]).path for url in urls]
    assert len(set(keys)) == len(keys), "each announcement has a key of its own"
    assert not any(bucket.key_of(entry["id"]) in key for entry, key in zip(urls, keys, strict=True))


def test_what_arrives_without_an_announcement_is_recorded_and_deleted(service: Service) -> None:
    user = service.user()
    document = user.add("Pump", PUMP)["id"]
    s3, key = boto3.client("s3"), f"uploads/{document}"
    s3.put_object(Bucket=service.bucket, Key=key, Body=VALVE.encode())
    s3.put_object(Bucket=service.bucket, Key="uploads/nothing-we-named", Body=VALVE.encode())
    _settle(service)
    assert service.rows(
        "select entity_type, entity_id::text, details ->> 'reason', user_id from audit_logs "
        "where action = 'document.upload_refused'"
    ) == [("upload", document, "unknown", None)]
    assert user.get(f"/documents/{document}/content").json["text"] == PUMP
    assert key not in {item["Key"] for item in s3.list_objects_v2(Bucket=service.bucket)["Contents"]}


@pytest.mark.parametrize("end", ["used", "erased"])
def test_no_bytes_stay_at_the_key_of_an_announcement(service: Service, end: str) -> None:
    user = service.user()
    document = user.post("/documents", _announced(VALVE)).json
    _put(document["upload"], VALVE)
    if end == "erased":
        assert user.delete("/me").status == 204
    _settle(service)
    service.tick()
    listed = boto3.client("s3").list_object_versions(Bucket=service.bucket)
    assert [version["Key"] for version in listed.get("Versions", []) if version["Key"].startswith("uploads/")] == []
