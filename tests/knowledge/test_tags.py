"""Tags (K11): one's own and everybody's, unique whatever their case, on things; they filter searches and lists."""

from secrets import token_urlsafe
from typing import Any
from uuid import uuid4

import pytest

from tests.auth.peers import session
from tests.service import Service, User

PUMP = "The coolant pump P-17 is inspected every ninety days. Replace its seal when it leaks."
SPARE = "A spare coolant pump stands in hall four. Its seal was replaced in May."
MODES = ("hybrid", "semantic", "lexical")


def _tag(user: User, name: str, **more: Any) -> str:
    created = user.post("/tags", {"name": name, **more})
    assert created.status == 201, created.body
    assert created.headers["Location"] == f"/tags/{created.json['id']}"
    return str(created.json["id"])


def _attach(user: User, tag: str, kind: str, entity: str, status: int = 204) -> None:
    answer = user.put(f"/tags/{tag}/{kind}/{entity}")
    assert answer.status == status, answer.body


def _search_ids(user: User, **filters: Any) -> dict[str, set[str]]:
    return {
        mode: {hit["document_id"] for hit in user.search("coolant pump seal", mode=mode, filters=filters)}
        for mode in MODES
    }


def _everywhere(*documents: str) -> dict[str, set[str]]:
    return {mode: set(documents) for mode in MODES}


def _ids(user: User, path: str) -> list[str]:
    answer = user.get(path)
    assert answer.status == 200, answer.body
    return [item["id"] for item in answer.json["items"]]


def test_k11_a_tag_filters_searches_and_lists(service: Service) -> None:
    user = service.user()
    pump, spare = (user.add(title, text)["id"] for title, text in (("Pump", PUMP), ("Spare", SPARE)))
    hall, both, none = (_tag(user, name) for name in ("hall four", "pumps", "nothing"))
    _attach(user, hall, "documents", spare)
    _attach(user, hall, "documents", spare)  # twice is once
    for document in (pump, spare):
        _attach(user, both, "documents", document)
    assert _search_ids(user, tags=[hall]) == _everywhere(spare)
    assert _search_ids(user, tags=[both]) == _everywhere(pump, spare)
    assert _search_ids(user, tags=[hall, none]) == _everywhere(spare), "any of them"
    assert _search_ids(user, tags=[none]) == _everywhere()
    assert _search_ids(user, tags=[both], documents=[pump]) == _everywhere(pump), "and every other condition"
    assert _ids(user, f"/documents?tag={hall}") == [spare]
    assert _ids(user, f"/documents?tag={both}&limit=1") == [spare]
    assert set(_ids(user, f"/tags?document_id={spare}")) == {hall, both}
    assert user.delete(f"/tags/{hall}/documents/{spare}").status == 204
    assert user.delete(f"/tags/{hall}/documents/{spare}").status == 204
    assert _search_ids(user, tags=[hall]) == _everywhere()
    assert user.delete(f"/tags/{both}").status == 204
    assert _search_ids(user, tags=[both]) == _everywhere()
    assert user.get(f"/documents/{pump}").status == 200


def test_k11_a_repositorys_tag_is_on_what_it_holds(service: Service) -> None:
    user = service.user()
    pump, spare = (user.add(title, text)["id"] for title, text in (("Pump", PUMP), ("Spare", SPARE)))
    repository = user.post("/repositories", {"name": "Manuals"}).json["id"]
    other = user.post("/repositories", {"name": "Other"}).json["id"]
    assert user.put(f"/repositories/{repository}/documents/{pump}", {"path": "pump.md"}).status == 200
    tag = _tag(user, "machines")
    _attach(user, tag, "repositories", repository)
    assert _search_ids(user, tags=[tag]) == _everywhere(pump)
    assert _ids(user, f"/documents?tag={tag}") == [pump]
    assert _ids(user, f"/repositories?tag={tag}") == [repository]
    assert set(_ids(user, "/repositories")) == {repository, other}
    assert _ids(user, f"/tags?repository_id={repository}") == [tag]
    assert spare not in _ids(user, f"/documents?tag={tag}")


def test_k11_conversations_and_memories_have_tags(service: Service) -> None:
    user = service.user()
    conversation = user.post("/conversations", {}).json["id"]
    memory = user.post("/memories", {"content": "The pump leaks on Mondays."}).json["id"]
    tag, other = _tag(user, "pumps"), _tag(user, "other")
    for kind, entity, name in (("conversations", conversation, "conversation_id"), ("memories", memory, "memory_id")):
        _attach(user, tag, kind, entity)
        assert _ids(user, f"/tags?{name}={entity}") == [tag]
        if kind == "memories":
            assert _ids(user, f"/memories?tag={tag}") == [memory]
            assert _ids(user, f"/memories?tag={other}") == []
        assert user.delete(f"/tags/{tag}/{kind}/{entity}").status == 204
        assert _ids(user, f"/tags?{name}={entity}") == []
        _attach(user, other, kind, entity)
        assert user.delete(f"/{kind}/{entity}").status == 204
        _attach(user, tag, kind, entity, 404)


def test_k11_names_are_unique_in_any_case_and_against_global_tags(service: Service) -> None:
    administrator, user, other = service.administrator(), service.user(), service.user()
    own_ = _tag(user, "  Straße Ä  ")
    assert user.get(f"/tags/{own_}").json["name"] == "Straße Ä"
    for used in ("Straße Ä", "straße ä"):
        refused = user.post("/tags", {"name": used})
        assert (refused.status, refused.json["code"]) == (409, "name_taken")
    _tag(other, "Straße Ä")
    _tag(administrator, "Straße Ä", is_global=True)
    for again in ("Straße Ä", "STRAßE ä"):
        refused = administrator.post("/tags", {"name": again, "is_global": True})
        assert (refused.status, refused.json["code"]) == (409, "name_taken")
    second = _tag(user, "second")
    own_name_conflict = user.request("PATCH", f"/tags/{second}", {"name": "STRAßE Ä"})
    assert (own_name_conflict.status, own_name_conflict.json["code"]) == (409, "name_taken")
    assert user.request("PATCH", f"/tags/{second}", {"name": "Second"}).json["name"] == "Second"


def test_k11_only_administrators_create_and_change_global_tags(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    assert user.post("/tags", {"name": "official", "is_global": True}).status == 403
    tag = _tag(administrator, "official", is_global=True)
    assert user.get(f"/tags/{tag}").json["is_global"] is True
    assert user.request("PATCH", f"/tags/{tag}", {"name": "mine"}).status == 403
    assert user.delete(f"/tags/{tag}").status == 403
    own = _tag(user, "own")
    assert _ids(user, "/tags?is_global=true") == [tag]
    assert _ids(user, "/tags?is_global=false") == [own]
    assert administrator.get(f"/tags/{own}").status == 404, "an administrator does not see what is one's own"
    assert administrator.request("PATCH", f"/tags/{tag}", {"name": "Official"}).status == 200
    actions = service.rows("select action from audit_logs where entity_type = 'tag' order by id")
    assert actions == [("tag.created",), ("tag.renamed",)]


def test_k11_a_global_tag_goes_on_what_a_user_may_change_and_all_readers_of_that_see_it(service: Service) -> None:
    administrator, editor, member, other_user = service.administrator(), *(service.user() for _ in range(3))
    group = administrator.post("/groups", {"name": "Operators"}).json["id"]
    for person, role in ((editor, "editor"), (member, "member")):
        assert administrator.put(f"/groups/{group}/members/{person.id}", {"role": role}).status == 204
    shared = editor.add("Pump", PUMP, scope="group", group_id=group)["id"]
    official, own = _tag(administrator, "official", is_global=True), _tag(member, "own")
    _attach(member, official, "documents", shared, 403)
    _attach(member, own, "documents", shared)
    _attach(editor, official, "documents", shared)
    assert member.delete(f"/tags/{official}/documents/{shared}").status == 403
    assert set(_ids(member, f"/tags?document_id={shared}")) == {official, own}
    assert _ids(editor, f"/tags?document_id={shared}") == [official]
    assert _search_ids(member, tags=[official]) == _everywhere(shared)
    assert _search_ids(other_user, tags=[official]) == _everywhere()
    assert _ids(other_user, f"/tags?document_id={shared}") == []
    assert _search_ids(editor, tags=[own]) == _everywhere(), "somebody else's own tag is no tag"
    own_ = other_user.add("Mine", SPARE)["id"]
    _attach(other_user, official, "documents", own_)
    assert _search_ids(other_user, tags=[official]) == _everywhere(own_)
    assert _ids(editor, f"/documents?tag={official}") == [shared]
    assert editor.delete(f"/tags/{official}/documents/{shared}").status == 204
    assert _search_ids(other_user, tags=[official]) == _everywhere(own_)


def test_another_users_tags_and_things_are_not_there(service: Service) -> None:
    owner, other_user = service.user(), service.user()
    local_result = {
        "documents": owner.add("Pump", PUMP)["id"],
        "repositories": owner.post("/repositories", {"name": "R"}).json["id"],
        "conversations": owner.post("/conversations", {}).json["id"],
        "memories": owner.post("/memories", {"content": "The pump leaks."}).json["id"],
    }
    tag, theirs = _tag(owner, "pumps"), _tag(other_user, "pumps")
    for kind, entity in local_result.items():
        _attach(owner, tag, kind, entity)
    before = service.dump()
    for kind, entity in local_result.items():
        _attach(other_user, tag, kind, entity, 404)
        _attach(other_user, theirs, kind, entity, 404)
        _attach(other_user, theirs, kind, str(uuid4()), 404)
        assert other_user.delete(f"/tags/{tag}/{kind}/{entity}").status == 404
    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        assert other_user.request(method, f"/tags/{tag}", body).status == 404
    assert _ids(other_user, f"/tags?document_id={local_result['documents']}") == []
    assert service.dump() == before


def test_tags_page_and_are_found_misspelt(service: Service) -> None:
    user = service.user()
    names = ["maintenance", "safety", "safety valves", "holiday", "compressors"]
    created = {name: _tag(user, name) for name in names}
    first = user.get("/tags?limit=3").json
    rest = user.get(f"/tags?limit=3&cursor={first['next_cursor']}").json
    assert [tag["name"] for tag in first["items"] + rest["items"]] == names[::-1]
    assert rest["next_cursor"] is None
    assert _ids(user, "/tags?q=saftey") == [created["safety valves"], created["safety"]]
    assert _ids(user, "/tags?q=maintainance") == [created["maintenance"]]
    ranked = user.get("/tags?q=safety&limit=1").json
    assert [tag["id"] for tag in ranked["items"]] == [created["safety"]]
    assert _ids(user, f"/tags?q=safety&limit=1&cursor={ranked['next_cursor']}") == [created["safety valves"]]


def test_there_may_be_so_many_tags_and_a_key_makes_one(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.knowledge.collections import tags

    monkeypatch.setattr(tags, "_MOST", 2)
    user = service.user()
    key = {"Idempotency-Key": "once"}
    first, again = (user.post("/tags", {"name": "one"}, key) for _ in range(2))
    assert first.json["id"] == again.json["id"]
    _tag(user, "two")
    refused = user.post("/tags", {"name": "three"})
    assert (refused.status, refused.json["code"]) == (409, "too_many")


def test_tags_go_with_what_they_are_on_and_with_their_user(service: Service) -> None:
    user = service.user()
    pump = user.add("Pump", PUMP)["id"]
    repository = user.post("/repositories", {"name": "R"}).json["id"]
    tag = _tag(user, "pumps")
    _attach(user, tag, "documents", pump)
    _attach(user, tag, "repositories", repository)
    assert user.delete(f"/repositories/{repository}").status == 204
    assert user.delete(f"/documents/{pump}").status == 204
    assert _ids(user, f"/documents?tag={tag}") == []
    _attach(user, tag, "documents", pump, 404)
    assert user.post(f"/documents/{pump}/restore").status == 200
    assert _ids(user, f"/documents?tag={tag}") == [pump], "a restored document has its tags"
    assert user.delete("/me").status == 204
    assert service.rows("select (select count(*) from tags), (select count(*) from entity_tags)") == [(0, 0)]


def test_an_anonymous_users_library_follows_into_the_account(service: Service) -> None:
    guest = session(service, service.request("POST", "/auth/anonymous", {"client_id": token_urlsafe(24)}))
    pump, spare = (guest.add(title, text)["id"] for title, text in (("Pump", PUMP), ("Spare", SPARE)))
    conversation = guest.post("/conversations", {}).json["id"]
    tag = _tag(guest, "pumps")
    repository = guest.post("/repositories", {"name": "Manuals"}).json["id"]
    assert guest.put(f"/repositories/{repository}/documents/{pump}", {"path": "pump.md"}).status == 200
    for kind, entity in (("documents", pump), ("repositories", repository), ("conversations", conversation)):
        _attach(guest, tag, kind, entity)
    assert guest.put(f"/selection/documents/{spare}", {"enabled": False}).status == 200
    assert guest.put(f"/conversations/{conversation}/selection/{spare}", {"enabled": True}).status == 200
    person = service.user()
    login = {"email": person.email, "password": person.password}
    account = session(service, guest.post("/auth/anonymous/upgrade", {"login": login}))
    assert str(account.id) == str(person.id)
    assert _search_ids(account, tags=[tag]) == _everywhere(pump)
    assert _ids(account, f"/repositories?tag={tag}") == [repository]
    assert _ids(account, f"/repositories/{repository}/documents") == [pump]
    assert _ids(account, f"/tags?conversation_id={conversation}") == [tag]
    tiers = {
        item["id"]: item["tier"] for item in account.get(f"/selection?conversation_id={conversation}").json["items"]
    }
    assert tiers == {pump: "default", spare: "conversation"}
    assert _ids(account, "/selection?enabled=false") == [spare]
