"""Moving documents to another space, and bulk actions (K20)."""

import io
import uuid
import zipfile
from typing import Any

import httpx
import pytest

from chalicelib.knowledge.documents import moves
from tests.service import Answer, Service, User

PUMP = "The coolant pump P-17 is inspected every ninety days. Replace its seal when it leaks."
VALVE = "Valve V-3 closes at six bar. It must be tested twice a year by the safety officer."


def _group(service: Service, administrator: User, **members: User) -> str:
    group = str(administrator.post("/groups", {"name": uuid.uuid4().hex}).json["id"])
    for role, member in members.items():
        assert administrator.put(f"/groups/{group}/members/{member.id}", {"role": role}).status < 300
    return group


def _move(user: User, document: str, **place: Any) -> Answer:
    return user.request("PATCH", f"/documents/{document}", place)


def _upload(service: Service, user: User, filename: str, content: bytes) -> str:
    created = user.post("/documents", {"filename": filename, "size_bytes": len(content)}).json
    upload = created["upload"]
    assert httpx.request("PUT", upload["url"], headers=upload["headers"], content=content).status_code == 200
    service.pump_ingest()
    return str(created["id"])


def _spaces(service: Service) -> set[tuple[str, int]]:
    """Which spaces the rows of documents are in, by table."""
    tables = ("documents", "document_texts", "document_chunks", "embeddings", "chunk_terms", "entity_tags", "uploads")
    return {(table, space) for table in tables for (space,) in service.rows(f"select space_id from {table}")}


@pytest.mark.parametrize("most", [moves.MOVED_AT_ONCE, 0])
def test_k20_a_moved_document_takes_everything_along(
    service: Service, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(moves, "MOVED_AT_ONCE", most)
    administrator, user, reader, other_user = (service.administrator(), *(service.user() for _ in range(3)))
    group = _group(service, administrator, editor=user, member=reader)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("pump.txt", PUMP)
    document = _upload(service, user, "all.zip", packed.getvalue())
    tag = user.post("/tags", {"name": "pumps"}).json["id"]
    assert user.put(f"/tags/{tag}/documents/{document}").status == 204
    before = user.get("/me/storage").json["items"]
    assert reader.search("coolant pump seal") == []
    moved = _move(user, document, scope="group", group_id=group)
    assert (moved.status, moved.json["scope"], moved.json["group_id"]) == (200, "group", group)
    service.pump_ingest()
    (space,) = service.rows("select id from spaces where group_id = %s", group)
    assert {number for _, number in _spaces(service)} == {space[0]}
    assert reader.search("coolant pump seal")[0]["title"] == "pump.txt"
    assert user.search("coolant pump seal")[0]["title"] == "pump.txt"
    assert other_user.search("coolant pump seal") == []
    assert [entry["id"] for entry in user.get(f"/documents/{document}").json["tags"]] == [tag]
    used = {entry["scope"]: entry["used_bytes"] for entry in user.get("/me/storage").json["items"]}
    assert (used["user"], used["group"]) == (0, before[0]["used_bytes"])
    counted = "select coalesce(sum(chunks), 0)::integer from lexeme_counts where lexeme = 0"
    assert service.rows(counted) == service.rows("select count(*)::integer from document_chunks")
    assert _move(user, document, scope="user").json["scope"] == "user"
    service.pump_ingest()
    assert reader.search("coolant pump seal") == []
    assert user.search("coolant pump seal")[0]["title"] == "pump.txt"


def test_k20_who_may_not_write_both_spaces_moves_nothing(service: Service) -> None:
    administrator, user, viewer = service.administrator(), service.user(), service.user()
    group = _group(service, administrator, editor=user, member=viewer)
    own, shared = viewer.add("Pump", PUMP)["id"], user.add("Valve", VALVE, scope="group", group_id=group)["id"]
    assert _move(viewer, own, scope="group", group_id=group).status == 403
    assert _move(viewer, own, scope="org").status == 403
    assert _move(viewer, own, scope="group", group_id=str(uuid.uuid4())).status == 404
    assert _move(viewer, shared, scope="user").status == 403
    assert _move(user, own, scope="user").status == 404
    assert _move(viewer, own, scope="group").status == 422
    assert viewer.get(f"/documents/{own}").json["scope"] == "user"


def test_k20_who_takes_a_document_of_a_group_becomes_its_owner(service: Service) -> None:
    administrator, user, editor = service.administrator(), service.user(), service.user()
    group = _group(service, administrator, editor=user)
    administrator.put(f"/groups/{group}/members/{editor.id}", {"role": "editor"})
    document = user.add("Pump", PUMP, scope="group", group_id=group)["id"]
    assert _move(editor, document, scope="user").status == 200
    service.pump_ingest()
    assert service.rows("select owner_id from documents where id = %s", document) == [(editor.id,)]
    assert (user.get(f"/documents/{document}").status, len(editor.search("coolant pump"))) == (404, 1)


def test_k20_a_moved_document_leaves_repositories_whose_readers_cannot_see_it(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    first, second = (_group(service, administrator, editor=user) for _ in range(2))
    document = user.add("Pump", PUMP, scope="group", group_id=first)["id"]
    shared = user.post("/repositories", {"name": "Shared", "scope": "group", "group_id": first}).json["id"]
    own = user.post("/repositories", {"name": "Own"}).json["id"]
    for repository in (shared, own):
        assert user.put(f"/repositories/{repository}/documents/{document}", {"path": "pump.md"}).status == 200
    assert _move(user, document, scope="group", group_id=second).status == 200
    contents = [len(user.get(f"/repositories/{repository}/documents").json["items"]) for repository in (shared, own)]
    assert contents == [0, 1]


def test_k20_a_document_whose_bytes_are_there_already_becomes_a_copy(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    group = _group(service, administrator, editor=user)
    own = user.add("Pump", PUMP)["id"]
    shared = user.add("Pump", PUMP, scope="group", group_id=group)["id"]
    assert own != shared
    _move(user, own, scope="group", group_id=group)
    service.pump_ingest()
    assert user.get(f"/documents/{own}").json["id"] == shared
    assert len(user.search("coolant pump seal")) == 1


def test_k20_what_is_packed_moves_with_its_parent_alone(service: Service) -> None:
    user, administrator = service.user(), service.administrator()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("pump.txt", PUMP)
    parent = _upload(service, user, "all.zip", packed.getvalue())
    (child,) = user.get(f"/documents?parent_id={parent}").json["items"]
    group = _group(service, administrator, editor=user)
    refused = _move(user, child["id"], scope="group", group_id=group)
    assert (refused.status, refused.json["code"]) == (409, "packed")


def test_k20_one_action_is_done_with_many_documents_and_refusals_are_named(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    group = _group(service, administrator, editor=user)
    documents = [user.add(f"Document {n}", f"{PUMP} Copy {n}.")["id"] for n in range(3)]
    foreign = administrator.add("Handbook", VALVE, scope="org")["id"]
    tag = user.post("/tags", {"name": "pumps"}).json["id"]

    def bulk(**body: Any) -> Any:
        answer = user.post("/documents/bulk", body)
        assert answer.status == 200, answer.body
        return answer.json

    result = bulk(action="archive", documents=[*documents, foreign, str(uuid.uuid4())])
    assert sorted(result["documents"]) == sorted(documents)
    assert sorted(refusal["code"] for refusal in result["refused"]) == ["forbidden", "not_found"]
    assert user.search("coolant pump", mode="lexical") == []
    one = bulk(action="unarchive", where={"archived": True, "limit": 1})
    assert (len(one["documents"]), one["next_after"]) == (1, one["documents"][0])
    assert len(bulk(action="unarchive", where={"archived": True})["documents"]) == 2
    assert len(bulk(action="tag", documents=documents[:2], tag=tag)["documents"]) == 2
    links = bulk(action="download", where={"tag": tag})["originals"]
    assert {httpx.get(link["url"]).status_code for link in links} == {200}
    assert {link["document_id"] for link in links} == set(documents[:2])
    bulk(action="untag", documents=documents[:1], tag=tag)
    shared = bulk(action="share", where={"tag": tag}, group_id=group)["documents"]
    assert (shared, user.get(f"/documents/{documents[1]}").json["scope"]) == (documents[1:2], "group")
    assert bulk(action="reindex", documents=documents[:1])["documents"] == documents[:1]
    service.pump_ingest()
    bulk(action="delete", documents=documents)
    assert user.get("/documents").json["items"][0]["id"] == foreign
    assert len(bulk(action="restore", where={"deleted": True})["documents"]) == 3
    actions = {row[0] for row in service.rows("select action from audit_logs where entity_id = %s", documents[1])}
    assert {"document.archive", "document.share", "document.delete"} <= actions


def test_k20_a_filter_goes_on_where_the_last_request_ended(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.knowledge.documents.bulk.MOST", 2)
    user = service.user()
    ids = {user.add(f"Document {n}", f"{PUMP} Copy {n}.")["id"] for n in range(3)}
    first = user.post("/documents/bulk", {"action": "reindex", "where": {}}).json
    second = user.post("/documents/bulk", {"action": "reindex", "where": {}, "after": first["next_after"]}).json
    assert (len(first["documents"]), second["next_after"]) == (2, None)
    assert {*first["documents"], *second["documents"]} == ids


@pytest.mark.parametrize(
    "body",
    [
        {"action": "delete"},
        {"action": "delete", "documents": []},
        {"action": "delete", "documents": [str(uuid.uuid4())], "where": {}},
        {"action": "tag", "where": {}},
        {"action": "move", "where": {}},
        {"action": "share", "where": {}},
        {"action": "delete", "where": {}, "scope": "org"},
        {"action": "delete", "where": {"q": "pump"}},
    ],
)
def test_what_is_no_bulk_action_is_refused(service: Service, body: Any) -> None:
    assert service.user().post("/documents/bulk", body).status == 422
