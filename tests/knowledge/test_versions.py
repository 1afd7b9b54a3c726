"""What is known of a document's versions: when their bytes became searchable, and from whom."""

import hashlib
from typing import Any

import httpx
import pytest

from chalicelib.knowledge.documents import contents
from chalicelib.knowledge.ingestion import claims, ingestion, storage
from tests.service import Service, User

PUMP = "The coolant pump P-17 is inspected every ninety days."
VALVE = "Valve V-3 closes at six bar."


def _versions(user: User, document: str) -> list[tuple[int, str | None]]:
    items = user.get(f"/documents/{document}/versions").json["items"]
    return [(item["version"], item["sent_by"]) for item in items]


def _shared(service: Service, *editors: User) -> dict[str, str]:
    """Where documents of a new group with these editors are."""
    administrator = service.administrator()
    group = administrator.post("/groups", {"name": f"Group of {len(editors)}"}).json["id"]
    for user in editors:
        assert administrator.put(f"/groups/{group}/members/{user.id}", {"role": "editor"}).status == 204
    return {"scope": "group", "group_id": group}


def _name(user: User) -> str:
    name: str = user.get("/me").json["display_name"]
    return name


def _post(service: Service, user: User, document: str, text: str) -> None:
    assert user.put(f"/documents/{document}/content", {"content": text}).status == 202
    service.pump_ingest()


def _upload(service: Service, user: User, document: str, text: str) -> None:
    new = {"filename": "new.txt", "content_type": "text/plain", "size_bytes": len(text)}
    upload: dict[str, Any] = user.put(f"/documents/{document}/content", new).json["upload"]
    assert httpx.put(upload["url"], headers=upload["headers"], content=text.encode()).status_code == 200
    service.pump_ingest()


def test_every_version_says_when_it_became_searchable_and_who_sent_it(service: Service) -> None:
    administrator, first, second, reader = service.administrator(), service.user(), service.user(), service.user()
    group = administrator.post("/groups", {"name": "Operators"}).json["id"]
    for user, role in ((first, "editor"), (second, "editor"), (reader, "member")):
        assert administrator.put(f"/groups/{group}/members/{user.id}", {"role": role}).status == 204
    document = first.add("Pump", PUMP, scope="group", group_id=group)["id"]
    names = [user.get("/me").json["display_name"] for user in (first, second)]
    assert _versions(reader, document) == [(1, names[0])]
    _upload(service, second, document, VALVE)
    _post(service, first, document, PUMP)
    assert _versions(reader, document) == [(3, names[0]), (2, names[1]), (1, names[0])]
    newest, middle, _ = reader.get(f"/documents/{document}/versions").json["items"]
    assert (middle["filename"], middle["size_bytes"]) == ("new.txt", len(VALVE))
    assert newest["created_at"] > middle["created_at"]
    page = reader.get(f"/documents/{document}/versions?limit=2").json
    rest = reader.get(f"/documents/{document}/versions?limit=2&cursor={page['next_cursor']}").json
    assert [item["version"] for item in page["items"] + rest["items"]] == [3, 2, 1]


def test_the_same_bytes_read_again_are_no_new_version(service: Service) -> None:
    user, other = service.user(), service.user()
    document = user.add("Pump", PUMP, **_shared(service, user, other))["id"]
    assert user.post(f"/documents/{document}/reindex").status == 202
    service.pump_ingest()
    _post(service, other, document, PUMP)
    assert _versions(other, document) == [(1, _name(user))]


def test_bytes_that_could_not_be_read_are_no_version(service: Service) -> None:
    user = service.user()
    document = user.add("Pump", PUMP)["id"]
    _upload(service, user, document, "%PDF-1.4 nothing")
    assert len(_versions(user, document)) == 1


def test_nobody_else_reads_the_versions_of_a_document(service: Service) -> None:
    document = service.user().add("Pump", PUMP)["id"]
    assert service.user().get(f"/documents/{document}/versions").status == 404
    assert service.administrator().get(f"/documents/{document}/versions").status == 404


def test_the_sender_is_known_however_late_the_bytes_are_read_and_nobody_else_is_named_instead(
    service: Service,
) -> None:
    first, second = service.user(), service.user()
    document = first.add("Pump", PUMP, **_shared(service, first, second))["id"]
    second.upload("new.txt", VALVE.encode(), document=document)
    (event,) = service.drain("ingest")
    service.invoke("ingest", [event])
    service.rows("delete from uploads returning 1")
    service.pump_ingest()
    assert _versions(first, document) == [(2, _name(second)), (1, _name(first))]
    second.upload("new.txt", PUMP.encode(), document=document)
    assert second.delete("/me").status == 204
    service.pump_ingest()
    assert _versions(first, document)[-2:] == [(2, None), (1, _name(first))]
    assert all(sender != _name(first) for _, sender in _versions(first, document)[:-1])


@pytest.mark.parametrize("kind", ["posted", "uploaded"])
def test_who_replaces_bytes_while_they_are_read_is_not_named_as_their_sender(service: Service, kind: str) -> None:
    first, second = service.user(), service.user()
    new = {"title": "Pump", "content": PUMP, **_shared(service, first, second)}
    document = first.post("/documents", new).json["id"]
    service.drain("ingest")
    claim = claims.claim_document(f"documents/{document}")
    assert claim is not None
    if kind == "posted":
        assert second.put(f"/documents/{document}/content", {"content": VALVE}).status == 202
    else:
        second.upload("new.txt", VALVE.encode(), document=document)
        ((upload,),) = service.rows("select id from uploads where closed_at is null")
        assert contents.receive(f"uploads/{upload}") == f"documents/{document}"
    read = {"id": document, "token": claim.token, "sha256": hashlib.sha256(PUMP.encode()).digest(), "size": len(PUMP)}
    read |= {"version": claim.stored.version, "duplicate_of": None, "chunk_count": 0, "warnings": "[]"}
    with service.database.connect() as conn, conn.transaction():
        conn.execute("select assume_user(%s)", [first.id])
        conn.execute(storage.queries.complete, read)
    assert _versions(first, document) == [(1, None)]
    assert first.post(f"/documents/{document}/reindex").status == 202
    service.pump_ingest()
    assert _versions(first, document) == [(2, _name(second)), (1, None)]


def test_bytes_that_were_read_too_early_get_their_sender_when_they_are_read_again(service: Service) -> None:
    first, second = service.user(), service.user()
    document = first.add("Pump", PUMP, **_shared(service, first, second))["id"]
    assert first.post(f"/documents/{document}/reindex").status == 202
    claim = claims.claim_document(f"documents/{document}")
    assert claim is not None
    assert second.put(f"/documents/{document}/content", {"content": VALVE}).status == 202
    ingestion._work(claim)
    assert _versions(first, document) == [(2, None), (1, _name(first))]
    service.pump_ingest()
    assert _versions(first, document) == [(2, _name(second)), (1, _name(first))]


def test_a_document_that_moves_takes_its_present_version_only(service: Service) -> None:
    user, reader = service.user(), service.user()
    document = user.upload("dismissals.txt", PUMP.encode())["id"]
    service.pump_ingest()
    _upload(service, user, document, VALVE)
    place = _shared(service, user, reader)
    assert user.request("PATCH", f"/documents/{document}", place).status == 200
    service.pump_ingest()
    assert _versions(reader, document) == [(2, _name(user))]
    _post(service, reader, document, PUMP)
    assert _versions(reader, document) == [(3, _name(reader)), (2, _name(user))]


def test_a_copy_has_the_versions_of_its_original(service: Service) -> None:
    user = service.user()
    original = user.add("Pump", PUMP)["id"]
    copy = user.upload("copy.txt", PUMP.encode())["id"]
    service.pump_ingest()
    assert service.rows("select duplicate_of::text from documents where id = %s", copy) == [(original,)]
    assert user.get(f"/documents/{copy}/versions").json == user.get(f"/documents/{original}/versions").json
    assert service.rows("select count(*) from document_versions") == [(1,)]


def test_the_newest_hundred_versions_stay(service: Service) -> None:
    user = service.user()
    document = user.add("Pump", PUMP)["id"]
    service.rows("update document_versions set version = 100, created_at = now() - interval '1 day' returning 1")
    older = "insert into document_versions (id, document_id, space_id, version, filename, content_sha256, created_at)"
    of = "select gen_random_uuid(), document_id, space_id, n, filename, sha256(n::text::bytea), created_at"
    service.rows(f"{older} {of} from document_versions, generate_series(1, 99) n returning 1")
    _post(service, user, document, VALVE)
    assert service.rows("select count(*), min(version), max(version) from document_versions") == [(100, 2, 101)]
