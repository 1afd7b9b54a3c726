"""Documents of a shared space outlive their owner's place in it (K9, K3, O2): others change them, none is stuck."""

from typing import Any

import pytest

from tests.knowledge.test_children import PUMP, VALVE, family, ingested, replace, result, zipped
from tests.service import Service, User


def _group(administrator: User, *editors: User) -> str:
    group: str = administrator.post("/groups", {"name": "Operators"}).json["id"]
    for editor in editors:
        path = f"/groups/{group}/members/{editor.id}"
        assert administrator.put(path, {"role": "editor"}).status == 204
    return group


def _owner(service: Service, document: str) -> Any:
    return service.rows("select owner_id from documents where id = %s", document)[0][0]


def _leave(administrator: User, group: str, leaver: User, how: str) -> None:
    if how == "removed":
        assert administrator.delete(f"/groups/{group}/members/{leaver.id}").status == 204
    elif how == "reads on":
        path = f"/groups/{group}/members/{leaver.id}"
        assert administrator.put(path, {"role": "member"}).status == 204
    else:
        assert administrator.request("PATCH", f"/users/{leaver.id}", {"is_active": False}).status == 200


def _heal(service: Service) -> None:
    """What tick does once its patience is over."""
    with service.database.connect("owner") as conn:
        conn.execute("alter table documents disable trigger touch")
        conn.execute("update documents set updated_at = updated_at - interval '1 hour', leased_until = null")
        conn.execute("alter table documents enable trigger touch")
    service.tick()
    service.pump_ingest()


@pytest.mark.parametrize("how", ["removed", "reads on", "deactivated"])
@pytest.mark.parametrize("change", ["replace", "reindex", "restore"])
def test_another_editor_takes_over_a_former_members_document(service: Service, how: str, change: str) -> None:
    administrator, leaver, editor = service.administrator(), service.user(), service.user()
    group = _group(administrator, leaver, editor)
    document = leaver.add("Pump", PUMP, scope="group", group_id=group)["id"]
    path = f"/documents/{document}"
    if change == "restore":
        assert leaver.delete(path).status == 204
    _leave(administrator, group, leaver, how)
    assert _owner(service, document) == leaver.id
    if change == "replace":
        assert editor.put(f"{path}/content", {"content": VALVE}).status == 202
    else:
        assert editor.post(f"{path}/{change}").status in {200, 202}
    service.pump_ingest()
    after = editor.get(path).json
    assert (after["status"], after["error"]) == ("completed", None)
    assert editor.get(f"{path}/content").json["text"] == (VALVE if change == "replace" else PUMP)
    assert _owner(service, document) == editor.id
    assert result(editor, "safety officer" if change == "replace" else "coolant pump") == {"Pump"}


def test_a_document_whose_owner_is_there_stays_its_owners(service: Service) -> None:
    administrator, owner, editor = service.administrator(), service.user(), service.user()
    group = _group(administrator, owner, editor)
    document = owner.add("Pump", PUMP, scope="group", group_id=group)["id"]
    assert editor.put(f"/documents/{document}/content", {"content": VALVE}).status == 202
    service.pump_ingest()
    assert editor.get(f"/documents/{document}").json["status"] == "completed"
    assert _owner(service, document) == owner.id


@pytest.mark.parametrize("how", ["demoted", "deactivated"])
def test_the_organisations_documents_are_taken_over_too(service: Service, how: str) -> None:
    administrator, former = service.administrator(), service.user()
    assert administrator.request("PATCH", f"/users/{former.id}", {"is_admin": True}).status == 200
    document = former.add("Pump", PUMP, scope="org")["id"]
    changes = {"is_admin": False} if how == "demoted" else {"is_active": False}
    assert administrator.request("PATCH", f"/users/{former.id}", changes).status == 200
    assert administrator.put(f"/documents/{document}/content", {"content": VALVE}).status == 202
    service.pump_ingest()
    assert administrator.get(f"/documents/{document}").json["status"] == "completed"
    assert administrator.get(f"/documents/{document}/content").json["text"] == VALVE


@pytest.mark.parametrize("how", ["removed", "deactivated"])
def test_a_document_that_no_editor_took_over_fails_with_a_reason_and_is_read_again_later(
    service: Service, how: str
) -> None:
    administrator, leaver, editor = service.administrator(), service.user(), service.user()
    group = _group(administrator, leaver, editor)
    body = {"title": "Pump", "content": PUMP, "scope": "group", "group_id": group}
    document = leaver.post("/documents", body).json["id"]
    service.drain("ingest")  # lost: tick has to find it
    _leave(administrator, group, leaver, how)
    _heal(service)
    after = editor.get(f"/documents/{document}").json
    assert (after["status"], after["stage"], after["error"]["code"]) == ("failed", None, "owner_left")
    assert "reindex" in after["error"]["message"]
    _heal(service)
    assert editor.get(f"/documents/{document}").json["status"] == "failed", "settled"
    assert editor.post(f"/documents/{document}/reindex").status == 202
    service.pump_ingest()
    assert editor.get(f"/documents/{document}").json["status"] == "completed"


def test_a_private_document_waits_for_its_owner(service: Service) -> None:
    administrator, owner = service.administrator(), service.user()
    document = owner.post("/documents", {"title": "Pump", "content": PUMP}).json["id"]
    service.drain("ingest")
    assert administrator.request("PATCH", f"/users/{owner.id}", {"is_active": False}).status == 200
    _heal(service)
    assert service.rows("select status from documents where id = %s", document) == [("pending",)]
    assert administrator.request("PATCH", f"/users/{owner.id}", {"is_active": True}).status == 200
    _heal(service)
    assert service.rows("select status, owner_id from documents where id = %s", document) == [("completed", owner.id)]


@pytest.mark.parametrize("how", ["removed", "deactivated"])
def test_an_archives_files_go_along(service: Service, how: str) -> None:
    administrator, leaver, editor = service.administrator(), service.user(), service.user()
    group = _group(administrator, leaver, editor)
    archive = ingested(leaver, "plant.zip", zipped({"one.txt": PUMP}), scope="group", group_id=group)["id"]
    _leave(administrator, group, leaver, how)
    replace(editor, archive, "plant.zip", zipped({"one.txt": PUMP, "two.txt": VALVE}))
    files = family(editor, archive)
    assert {title: file["status"] for title, file in files.items()} == {"one.txt": "completed", "two.txt": "completed"}
    assert {_owner(service, file["id"]) for file in files.values()} == {editor.id}
    assert result(editor, "safety officer") == {"two.txt"}


def test_copies_go_along_and_are_read_for_themselves(service: Service) -> None:
    administrator, leaver, editor = service.administrator(), service.user(), service.user()
    group = _group(administrator, leaver, editor)
    place = {"scope": "group", "group_id": group}
    first = leaver.post("/documents", {"title": "One", "content": PUMP, **place}).json["id"]
    copy = leaver.post("/documents", {"title": "Two", "content": PUMP, **place}).json["id"]
    service.pump_ingest()
    ((original, alias),) = service.rows(
        "select duplicate_of::text, id::text from documents where duplicate_of is not null"
    )
    assert {original, alias} == {first, copy}
    _leave(administrator, group, leaver, "removed")
    assert editor.put(f"/documents/{original}/content", {"content": VALVE}).status == 202
    service.pump_ingest()
    assert editor.get(f"/documents/{original}/content").json["text"] == VALVE
    assert editor.get(f"/documents/{alias}").json["status"] == "completed"
    assert editor.get(f"/documents/{alias}/content").json["text"] == PUMP


def test_restoring_beside_the_same_bytes_makes_no_double(service: Service) -> None:
    administrator, leaver, editor = service.administrator(), service.user(), service.user()
    group = _group(administrator, leaver, editor)
    removed = leaver.add("Pump", PUMP, scope="group", group_id=group)["id"]
    assert leaver.delete(f"/documents/{removed}").status == 204
    own = editor.add("Mine", PUMP, scope="group", group_id=group)["id"]
    _leave(administrator, group, leaver, "removed")
    assert editor.post(f"/documents/{removed}/restore").status == 200
    service.pump_ingest()
    assert [item["id"] for item in editor.get("/documents").json["items"]] == [own]
    assert [hit["document_id"] for hit in editor.search("coolant pump")] == [own]


def test_readers_and_non_members_take_no_document_over(service: Service) -> None:
    administrator, leaver = service.administrator(), service.user()
    reader, other_user = service.user(), service.user()
    group = _group(administrator, leaver)
    assert administrator.put(f"/groups/{group}/members/{reader.id}", {"role": "member"}).status == 204
    document = leaver.add("Pump", PUMP, scope="group", group_id=group)["id"]
    _leave(administrator, group, leaver, "removed")
    for user, status in ((reader, 403), (other_user, 404), (leaver, 404)):
        assert user.put(f"/documents/{document}/content", {"content": VALVE}).status == status
        assert user.post(f"/documents/{document}/reindex").status == status
    service.pump_ingest()
    assert _owner(service, document) == leaver.id
    assert reader.get(f"/documents/{document}/content").json["text"] == PUMP
