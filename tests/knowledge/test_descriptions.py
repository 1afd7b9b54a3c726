"""What clients say about documents: metadata, tags, where they come from, extra text (K18)."""

import io
import uuid
import zipfile
from typing import Any

import httpx

from tests.service import Answer, Service, User

PUMP = "The coolant pump P-17 is inspected every ninety days. Replace its seal when it leaks."
VALVE = "Valve V-3 closes at six bar. It must be tested twice a year by the safety officer."

ORIGIN = {
    "metadata": {"department": "HR", "year": 2026, "reviewed": True},
    "source_id": "drive-1",
    "original_url": "https://wiki.example.org/pump",
    "file_modified_at": "2026-03-04T05:06:07.000Z",
}


def _change(user: User, path: str, changes: dict[str, Any]) -> Answer:
    return user.request("PATCH", path, changes)


def _tag(user: User, name: str) -> str:
    return str(user.post("/tags", {"name": name}).json["id"])


def _add(service: Service, user: User, text: str, **fields: Any) -> Any:
    created = user.post("/documents", {"title": text.split()[0], "content": text} | fields)
    assert created.status == 202, created.body
    service.pump_ingest()
    return user.get(f"/documents/{created.json['id']}").json


def _upload(service: Service, user: User, filename: str, content: bytes, **fields: Any) -> Any:
    created = user.post("/documents", {"filename": filename, "size_bytes": len(content)} | fields)
    assert created.status == 201, created.body
    upload = created.json["upload"]
    assert httpx.request("PUT", upload["url"], headers=upload["headers"], content=content).status_code == 200
    service.pump_ingest()
    return user.get(f"/documents/{created.json['id']}").json


def test_k18_a_document_has_what_was_said_at_its_upload_and_hits_show_it(service: Service) -> None:
    user = service.user()
    tag = _tag(user, "safety")
    added = _add(service, user, PUMP, tags=[tag], **ORIGIN)
    assert {name: added[name] for name in ORIGIN} == ORIGIN
    assert added["tags"] == [{"id": tag, "name": "safety", "is_global": False}]
    uploaded = _upload(service, user, "valve.txt", VALVE.encode(), tags=[tag], metadata={"department": "QA"})
    assert (uploaded["metadata"], uploaded["tags"], uploaded["status"]) == (
        {"department": "QA"},
        added["tags"],
        "completed",
    )
    hit = user.search("coolant pump seal")[0]
    assert (hit["metadata"], hit["tags"], hit["original_url"]) == (
        ORIGIN["metadata"],
        added["tags"],
        ORIGIN["original_url"],
    )


def test_k18_what_was_said_can_be_changed_and_cleared(service: Service) -> None:
    user = service.user()
    first, second = _tag(user, "first"), _tag(user, "second")
    path = f"/documents/{_add(service, user, PUMP, tags=[first], **ORIGIN)['id']}"
    changed = _change(user, path, {"metadata": {"a": None}, "tags": [second]}).json
    assert (changed["metadata"], [tag["name"] for tag in changed["tags"]]) == ({"a": None}, ["second"])
    assert (changed["source_id"], changed["original_url"]) == (ORIGIN["source_id"], ORIGIN["original_url"])
    changed = _change(user, path, {"source_id": None, "original_url": None, "file_modified_at": None, "tags": []}).json
    assert [changed[name] for name in ("source_id", "original_url", "file_modified_at", "tags")] == [None] * 3 + [[]]
    assert changed["status"] == "completed"
    missing = _change(user, path, {"tags": [str(uuid.uuid4())], "metadata": {}})
    assert (missing.status, user.get(path).json["metadata"]) == (404, {"a": None})


def test_k18_the_tags_of_other_users_stay_and_are_not_shown(service: Service) -> None:
    admin, user = service.administrator(), service.user()
    document = _add(service, admin, PUMP, scope="org")
    private = _tag(user, "mine")
    assert user.put(f"/tags/{private}/documents/{document['id']}").status == 204
    assert _change(admin, f"/documents/{document['id']}", {"tags": []}).json["tags"] == []
    assert [tag["name"] for tag in user.get(f"/documents/{document['id']}").json["tags"]] == ["mine"]


BAD_FIELDS: list[dict[str, Any]] = [
    {"metadata": {str(number): "x" * 900 for number in range(10)}},
    {"metadata": {"nested": {"a": 1}}},
    {"metadata": {"": 1}},
    {"original_url": "javascript:alert(1)"},
    {"source_id": ""},
    {"extra_text": " "},
    {"file_modified_at": "yesterday"},
    {"tags": ["x"]},
]
CONDITIONS: list[tuple[dict[str, Any], set[str]]] = [
    ({"metadata": {"department": "HR"}}, {"Pump"}),
    ({"metadata": {"department": ["HR", "QA"]}}, {"Pump", "Valve"}),
    ({"metadata": {"department": ["HR", "QA"], "year": 2026}}, {"Pump"}),
    ({"metadata": {"year": "2026"}}, set()),
    ({"metadata": {"reviewed": True}}, {"Pump"}),
    ({"metadata": {"owner": None}}, {"Valve"}),
    ({"modified_after": "2026-03-01T00:00:00Z"}, {"Pump"}),
    ({"modified_before": "2026-03-01T00:00:00Z"}, set()),
]
QUERIES = [
    ("metadata=department:HR", ["Pump"]),
    ("metadata=year:2026", ["Pump"]),
    ("metadata=reviewed:true", ["Pump"]),
    ("metadata=department:hr", []),
    ("source_id=drive-1", ["Pump"]),
    ("modified_after=2026-03-01T00:00:00Z", ["Pump"]),
    ("modified_before=2026-03-01T00:00:00Z", []),
]


def test_k18_searches_and_lists_filter_by_metadata_source_and_the_files_time(service: Service) -> None:
    user = service.user()
    _add(service, user, PUMP, title="Pump", **ORIGIN)
    _add(service, user, VALVE, title="Valve", metadata={"department": "QA", "owner": None})
    for conditions, expected in CONDITIONS:
        for mode in ("hybrid", "semantic"):
            hits = user.search("pump or valve", filters=conditions, mode=mode)
            assert {hit["title"] for hit in hits} == expected, conditions
    for query, listed in QUERIES:
        assert [entry["title"] for entry in user.get(f"/documents?{query}").json["items"]] == listed, query


def test_k18_a_conversation_within_metadata_narrows_its_searches(service: Service) -> None:
    user = service.user()
    _add(service, user, PUMP, title="Pump", metadata={"department": "HR", "year": 2026})
    _add(service, user, VALVE, title="Valve", metadata={"department": "HR"})
    created = user.post("/conversations", {"filters": {"metadata": {"department": "HR"}}}).json
    question = {"query": "pump or valve", "conversation_id": created["id"], "filters": {"metadata": {"year": 2026}}}
    assert [hit["title"] for hit in user.post("/search", question).json["items"]] == ["Pump"]


def test_k18_extra_text_is_searched_and_read_again_when_it_changes(service: Service) -> None:
    user = service.user()
    document = _add(service, user, PUMP, extra_text="Nicknamed  the blue whale.")
    (hit,) = user.search("blue whale", mode="lexical")
    path = f"/documents/{document['id']}"
    text = user.get(f"{path}/content").json["text"]
    assert text == f"{PUMP}\n\nNicknamed  the blue whale."
    assert text[hit["start_char"] : hit["end_char"]] == hit["text"]
    assert _change(user, path, {"extra_text": "Nicknamed the red fox."}).json["status"] == "pending"
    service.pump_ingest()
    assert user.search("blue whale", mode="lexical") == []
    assert len(user.search("red fox", mode="lexical")) == 1
    _change(user, path, {"extra_text": None})
    service.pump_ingest()
    assert user.get(f"{path}/content").json["text"] == PUMP


def test_k18_a_worker_that_read_the_former_extra_text_stores_nothing(service: Service) -> None:
    user = service.user()
    document = _add(service, user, PUMP, extra_text="Nicknamed the blue whale.")
    service.rows(
        "update documents set status = 'processing', lease_token = gen_random_uuid(), "
        "       leased_until = now() + interval '1 hour' where id = %s returning 1",
        document["id"],
    )
    _change(user, f"/documents/{document['id']}", {"extra_text": "Nicknamed the red fox."})
    service.pump_ingest()
    assert user.get(f"/documents/{document['id']}").json["status"] == "completed"
    assert len(user.search("red fox", mode="lexical")) == 1


def test_k18_the_same_text_again_adds_what_was_not_said_before(service: Service) -> None:
    user = service.user()
    tag = _tag(user, "safety")
    first = _add(service, user, PUMP, title="Pump", metadata={"department": "HR"})
    again = user.post(
        "/documents",
        {"title": "Pump", "content": PUMP, "metadata": {"department": "QA", "year": 2026}, "tags": [tag]},
    )
    assert (again.status, again.json["id"]) == (200, first["id"])
    assert again.json["metadata"] == {"department": "HR", "year": 2026}
    assert [entry["id"] for entry in again.json["tags"]] == [tag]
    other = user.post("/documents", {"title": "Pump", "content": PUMP, "extra_text": "Blue."})
    assert other.json["id"] != first["id"]


def test_k18_a_copy_gives_its_original_what_only_the_copy_says(service: Service) -> None:
    user = service.user()
    tag = _tag(user, "safety")
    original = _upload(service, user, "a.txt", PUMP.encode(), metadata={"department": "HR"})
    copy = _upload(
        service, user, "b.txt", PUMP.encode(), tags=[tag], metadata={"department": "QA", "year": 1}, source_id="s2"
    )
    assert copy["id"] == original["id"]
    assert (copy["metadata"], [entry["id"] for entry in copy["tags"]]) == ({"department": "HR", "year": 1}, [tag])
    assert service.rows("select source_id from documents where duplicate_of = %s", original["id"]) == [("s2",)]


def test_k18_what_is_packed_into_a_file_gets_its_metadata_and_tags(service: Service) -> None:
    user = service.user()
    tag = _tag(user, "safety")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("pump.txt", PUMP)
    parent = _upload(service, user, "all.zip", packed.getvalue(), tags=[tag], **ORIGIN)
    service.pump_ingest()
    (child,) = user.get(f"/documents?parent_id={parent['id']}").json["items"]
    assert (child["metadata"], child["original_url"]) == (ORIGIN["metadata"], ORIGIN["original_url"])
    assert (child["source_id"], [entry["id"] for entry in child["tags"]]) == (None, [tag])


def test_k18_what_is_said_is_bounded(service: Service) -> None:
    user = service.user()
    for fields in BAD_FIELDS:
        assert user.post("/documents", {"title": "t", "content": "c"} | fields).status == 422, fields
    conditions: list[dict[str, Any]] = [{}, {"a": []}, {"a": {"x": 1}}]
    for condition in conditions:
        assert user.post("/search", {"query": "pump", "filters": {"metadata": condition}}).status == 422, condition
