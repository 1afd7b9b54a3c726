"""What is known of a document's versions: when their bytes became searchable, and from whom."""

from typing import Any

import httpx

from tests.service import Service, User

PUMP = "The coolant pump P-17 is inspected every ninety days."
VALVE = "Valve V-3 closes at six bar."


def _versions(user: User, document: str) -> list[tuple[int, str | None]]:
    items = user.get(f"/documents/{document}/versions").json["items"]
    return [(item["version"], item["sent_by"]) for item in items]


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
    user = service.user()
    document = user.add("Pump", PUMP)["id"]
    assert user.post(f"/documents/{document}/reindex").status == 202
    service.pump_ingest()
    assert len(_versions(user, document)) == 1


def test_bytes_that_could_not_be_read_are_no_version(service: Service) -> None:
    user = service.user()
    document = user.add("Pump", PUMP)["id"]
    _upload(service, user, document, "%PDF-1.4 nothing")
    assert len(_versions(user, document)) == 1


def test_nobody_else_reads_the_versions_of_a_document(service: Service) -> None:
    document = service.user().add("Pump", PUMP)["id"]
    assert service.user().get(f"/documents/{document}/versions").status == 404
    assert service.administrator().get(f"/documents/{document}/versions").status == 404
