"""The inbox of the bucket: an operator puts objects there, and they become documents."""

import json
from typing import Any

import boto3
import pytest

from chalicelib.core import process
from chalicelib.knowledge.documents import inbox
from tests.service import Service, User

PUMP = "The coolant pump P-17 is inspected every ninety days. Replace its seal when it leaks."
VALVE = "The relief valve V-9 is opened by hand and greased in spring."


def put(service: Service, path: str, text: str) -> None:
    """What `aws s3 sync` does for one file."""
    boto3.client("s3").put_object(Bucket=service.bucket, Key=f"inbox/{path}", Body=text.encode())
    service.pump_ingest()


def delete(service: Service, path: str) -> None:
    boto3.client("s3").delete_object(Bucket=service.bucket, Key=f"inbox/{path}")
    # A bucket announces a deletion a moment after it was asked for.
    records = service._take("ingest", wait=5)
    assert records and service.invoke("ingest", records) == {"batchItemFailures": []}


def documents(user: User) -> list[Any]:
    items: list[Any] = user.get("/documents?limit=100").json["items"]
    return items


@pytest.fixture
def administrator(service: Service) -> User:
    return service.administrator()


def test_an_object_becomes_a_document_of_the_space_that_its_path_names(service: Service, administrator: User) -> None:
    user = service.user()
    group = administrator.post("/groups", {"name": "Operators"}).json["id"]
    assert administrator.put(f"/groups/{group}/members/{user.id}", {"role": "editor"}).status == 204
    service.rows("update users set username = 'ada' where id = %s returning 1", user.id)
    put(service, "org/rules.md", "Everybody wears a helmet in the hall.")
    put(service, "group/Operators/pump.md", PUMP)
    put(service, "user/ada/valve.md", VALVE)
    arrived = {document["filename"]: document for document in documents(user)}
    assert {name: document["scope"] for name, document in arrived.items()} == {
        "rules.md": "org",
        "pump.md": "group",
        "valve.md": "user",
    }
    assert {document["status"] for document in arrived.values()} == {"completed"}
    assert user.search("Who wears a helmet?")[0]["document_id"] == arrived["rules.md"]["id"]
    other_user = service.user()
    assert [document["filename"] for document in documents(other_user)] == ["rules.md"]


def test_folders_become_metadata(service: Service, administrator: User) -> None:
    put(service, "org/contracts/department=legal/2026/lease.md", PUMP)
    (document,) = documents(administrator)
    assert document["metadata"] == {"department": "legal", "folder": "contracts/2026"}
    assert document["source_id"] == "contracts/department=legal/2026/lease.md"
    assert document["title"] == "lease.md"


def test_changed_bytes_replace_the_document_and_the_same_bytes_do_nothing(
    service: Service, administrator: User
) -> None:
    put(service, "org/pump.md", PUMP)
    (before,) = documents(administrator)
    put(service, "org/pump.md", PUMP)
    assert documents(administrator) == [before]
    put(service, "org/pump.md", VALVE)
    (after,) = documents(administrator)
    assert after["id"] == before["id"]
    assert "V-9" in administrator.get(f"/documents/{after['id']}/content").json["text"]
    assert administrator.put(f"/documents/{after['id']}/content", {"content": PUMP}).status == 202
    service.pump_ingest()
    put(service, "org/pump.md", VALVE + " It is red.")
    versions = administrator.get(f"/documents/{after['id']}/versions").json["items"]
    assert [bool(version["sent_by"]) for version in versions] == [False, True, False, False]


def test_deletions_are_followed_where_the_deployment_says_so(
    service: Service, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(service, "org/pump.md", PUMP)
    delete(service, "org/pump.md")
    assert len(documents(administrator)) == 1
    monkeypatch.setenv("ALCOVE_INBOX_DELETIONS", "true")
    process.forget()
    put(service, "org/valve.md", VALVE)
    delete(service, "org/valve.md")
    assert [document["filename"] for document in documents(administrator)] == ["pump.md"]
    (deleted,) = administrator.get("/documents?deleted=true").json["items"]
    assert administrator.post(f"/documents/{deleted['id']}/restore").status == 200


def test_a_copy_of_a_deleted_object_stays(
    service: Service, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALCOVE_INBOX_DELETIONS", "true")
    process.forget()
    put(service, "org/a/pump.md", PUMP)
    put(service, "org/b/pump.md", PUMP)
    delete(service, "org/a/pump.md")
    service.tick()
    service.pump_ingest()
    (left,) = documents(administrator)
    assert (left["status"], left["source_id"]) == ("completed", "b/pump.md")


def test_what_a_user_deleted_comes_back_with_new_bytes_alone(service: Service, administrator: User) -> None:
    put(service, "org/pump.md", PUMP)
    assert administrator.delete(f"/documents/{documents(administrator)[0]['id']}").status == 204
    put(service, "org/pump.md", PUMP)
    assert documents(administrator) == []
    put(service, "org/pump.md", VALVE)
    assert len(documents(administrator)) == 1


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("pump.md", "no_space"),
        ("elsewhere/pump.md", "no_space"),
        ("group/Nobody/pump.md", "no_space"),
        ("user/nobody/pump.md", "no_space"),
        ("org/pump.md", "no_writer"),
    ],
)
def test_an_object_for_nobody_is_an_event_and_taken_once_there_is_somebody(
    service: Service, path: str, reason: str
) -> None:
    put(service, path, PUMP)
    put(service, path, PUMP)
    assert service.rows("select refusal, document_id from inbox_objects") == [(reason, None)]
    ((description, count),) = service.rows(
        "select min(description), count(*) from self_healing_events where event_type = 'inbox_refused'"
    )
    assert path in description
    assert count == 1
    if reason == "no_writer":
        administrator = service.administrator()
        service.tick()
        service.pump_ingest()
        assert [document["filename"] for document in documents(administrator)] == ["pump.md"]


def test_a_full_space_refuses_and_the_message_is_not_delivered_again(service: Service, administrator: User) -> None:
    service.rows("update static_config set storage_mb_of_organisation = 1 returning 1")
    put(service, "org/pump.md", PUMP * 15_000)
    assert service.rows("select refusal from inbox_objects") == [("storage_full",)]
    assert documents(administrator) == []


def test_a_lost_event_is_noticed(service: Service, administrator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "_PAGE", 2)
    monkeypatch.setenv("ALCOVE_INBOX_DELETIONS", "true")
    process.forget()
    put(service, "org/gone.md", "This is deleted at its source.")
    s3 = boto3.client("s3")
    s3.delete_object(Bucket=service.bucket, Key="inbox/org/gone.md")
    for number in range(3):
        s3.put_object(Bucket=service.bucket, Key=f"inbox/org/{number}.md", Body=f"{PUMP} {number}".encode())
    service.drain("ingest")
    service._take("ingest", wait=2)
    for _ in range(3):
        service.tick()
        service.pump_ingest()
    assert sorted(document["filename"] for document in documents(administrator)) == ["0.md", "1.md", "2.md"]
    before = json.dumps(documents(administrator))
    service.tick()
    assert service.drain("ingest") == []
    assert json.dumps(documents(administrator)) == before
