"""Three-tier selection inside retrieval (K8): opt-outs, conversation overrides, full lists, nobody else concerned."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest

from chalicelib.core import errors
from chalicelib.knowledge.search import retrieval
from chalicelib.knowledge.search.models import SearchFilters, SearchRequest
from tests.knowledge.test_retrieval import (
    OWN,
    PER_DOCUMENT,
    SHARED,
    Crowd,
    Library,
    _crowd,
    _places,
    clustered,
    ids,
    query_vector,
)
from tests.service import Service, User

PUMP = "The coolant pump P-17 is inspected every ninety days. Replace its seal when it leaks."
SPARE = "A spare coolant pump stands in hall four. Its seal was replaced in May."
MODES = ("hybrid", "semantic", "lexical")


def _search_ids(user: User, **more: Any) -> dict[str, set[str]]:
    return {mode: {h["document_id"] for h in user.search("coolant pump seal", mode=mode, **more)} for mode in MODES}


def _everywhere(*documents: str) -> dict[str, set[str]]:
    return {mode: set(documents) for mode in MODES}


def _choose(user: User, document: str, enabled: bool) -> Any:
    answer = user.put(f"/selection/documents/{document}", {"enabled": enabled})
    assert answer.status == 200, answer.body
    return answer.json


def _override(user: User, conversation: str, document: str, enabled: bool) -> Any:
    answer = user.put(f"/conversations/{conversation}/selection/{document}", {"enabled": enabled})
    assert answer.status == 200, answer.body
    return answer.json


def test_k8_three_tiers_hold_in_every_mode_filtered_or_not(service: Service) -> None:
    user = service.user()
    pump, spare = (user.add(title, text)["id"] for title, text in (("Pump", PUMP), ("Spare", SPARE)))
    chat = user.post("/conversations", {}).json["id"]
    other = user.post("/conversations", {}).json["id"]
    for filters in ({}, {"filters": {"source_types": ["inline"]}}, {"filters": {"documents": [pump, spare]}}):
        assert _search_ids(user, **filters) == _everywhere(pump, spare)
        assert _choose(user, pump, False)["tier"] == "user"
        assert _search_ids(user, **filters) == _everywhere(spare)
        assert _search_ids(user, conversation_id=chat, **filters) == _everywhere(spare)
        assert _override(user, chat, pump, True) == {
            "id": pump,
            "title": "Pump",
            "scope": "user",
            "group_id": None,
            "enabled": True,
            "tier": "conversation",
        }
        assert _search_ids(user, conversation_id=chat, **filters) == _everywhere(pump, spare)
        assert _search_ids(user, conversation_id=other, **filters) == _everywhere(spare)
        _override(user, chat, spare, False)
        assert _search_ids(user, conversation_id=chat, **filters) == _everywhere(pump)
        assert _search_ids(user, **filters) == _everywhere(spare)
        _choose(user, pump, True)
        _override(user, chat, pump, False)
        assert _search_ids(user, conversation_id=chat, **filters) == _everywhere()
        assert _search_ids(user, **filters) == _everywhere(pump, spare)
        for document in (pump, spare):
            assert user.delete(f"/conversations/{chat}/selection/{document}").status == 204
        assert _search_ids(user, conversation_id=chat, **filters) == _everywhere(pump, spare)


def test_k8_answers_follow_the_selection(service: Service) -> None:
    user = service.user()
    pump = user.add("Pump", PUMP)["id"]
    chat = user.post("/conversations", {}).json["id"]

    def sources() -> set[str]:
        path = f"/conversations/{chat}/messages"
        assert user.post(path, {"content": "How often is the coolant pump P-17 inspected?"}).status == 202
        service.pump_answer()
        answer = max(user.get(f"{path}?limit=100").json["items"], key=lambda message: message["id"])
        assert answer["role"] == "assistant"
        return {source["document_id"] for source in answer["sources"]}

    assert sources() == {pump}
    _override(user, chat, pump, False)
    assert sources() == set()
    _override(user, chat, pump, True)
    _choose(user, pump, False)
    assert sources() == {pump}


def test_k8_one_members_opt_out_concerns_no_other_member(service: Service) -> None:
    administrator, one, other = service.administrator(), service.user(), service.user()
    group = administrator.post("/groups", {"name": "Operators"}).json["id"]
    for member, role in ((one, "member"), (other, "editor")):
        assert administrator.put(f"/groups/{group}/members/{member.id}", {"role": role}).status == 204
    shared = other.add("Pump", PUMP, scope="group", group_id=group)["id"]
    assert _choose(one, shared, False)["scope"] == "group"
    assert _search_ids(one) == _everywhere()
    assert _search_ids(other) == _everywhere(shared)
    assert one.get(f"/documents/{shared}").status == 200, "it is not hidden, only not used"
    assert other.get("/selection").json["items"][0]["tier"] == "default"


def test_k8_deleted_and_archived_documents_are_never_found_whatever_is_selected(service: Service) -> None:
    user = service.user()
    pump = user.add("Pump", PUMP)["id"]
    chat = user.post("/conversations", {}).json["id"]
    _override(user, chat, pump, True)
    _choose(user, pump, True)
    assert user.request("PATCH", f"/documents/{pump}", {"is_archived": True}).status == 200
    assert _search_ids(user, conversation_id=chat) == _everywhere()
    assert user.put(f"/selection/documents/{pump}", {"enabled": True}).status == 404
    assert user.request("PATCH", f"/documents/{pump}", {"is_archived": False}).status == 200
    assert _search_ids(user, conversation_id=chat) == _everywhere(pump)
    assert user.delete(f"/documents/{pump}").status == 204
    assert _search_ids(user, conversation_id=chat) == _everywhere()


def test_a_copy_stays_opted_out_when_it_becomes_a_document_of_its_own(service: Service) -> None:
    user = service.user()
    first = user.add("First", PUMP)["id"]
    service.rows("update documents set status = 'pending' where id = %s returning id", first)
    copy = user.post("/documents", {"title": "Copy", "content": PUMP}).json["id"]
    service.pump_ingest()
    service.rows("update documents set status = 'completed' where id = %s returning id", first)
    assert user.get(f"/documents/{copy}").json["id"] == first
    _choose(user, copy, False)
    user.put(f"/documents/{first}/content", {"content": SPARE})
    service.pump_ingest()
    assert user.get(f"/documents/{copy}").json["id"] == copy
    assert _search_ids(user) == _everywhere()


def test_the_selection_is_listed_page_by_page_with_its_tiers(service: Service) -> None:
    user = service.user()
    created = [user.add(f"Pump {n}", f"{PUMP} Number {n}.")["id"] for n in range(5)]
    chat = user.post("/conversations", {}).json["id"]
    _choose(user, created[0], False)
    _choose(user, created[1], False)
    _override(user, chat, created[1], True)
    _override(user, chat, created[2], False)

    def listed(query: str) -> list[tuple[str, bool, str]]:
        items, cursor = [], ""
        while True:
            page = user.get(f"/selection?limit=2{query}{cursor}").json
            items += page["items"]
            if page["next_cursor"] is None:
                return [(item["id"], item["enabled"], item["tier"]) for item in items]
            cursor = f"&cursor={page['next_cursor']}"

    newest = [(key, True, "default") for key in created[:1:-1]]
    assert listed("") == [*newest, (created[1], False, "user"), (created[0], False, "user")]
    in_conversation = [
        *newest[:2],
        (created[2], False, "conversation"),
        (created[1], True, "conversation"),
        (created[0], False, "user"),
    ]
    assert listed(f"&conversation_id={chat}") == in_conversation
    assert listed(f"&conversation_id={chat}&enabled=false") == [in_conversation[2], in_conversation[4]]
    assert next(key for key, _, _ in listed("&q=pumo%203")) == created[3]


def test_no_user_selects_for_others_or_what_they_cannot_see(service: Service) -> None:
    owner, other_user = service.user(), service.user()
    pump = owner.add("Pump", PUMP)["id"]
    chat = owner.post("/conversations", {}).json["id"]
    own, own_conversation = other_user.add("Spare", SPARE)["id"], other_user.post("/conversations", {}).json["id"]
    before = service.dump()
    for method, path in (
        ("PUT", f"/selection/documents/{pump}"),
        ("PUT", f"/selection/documents/{uuid4()}"),
        ("PUT", f"/conversations/{chat}/selection/{own}"),
        ("PUT", f"/conversations/{own_conversation}/selection/{pump}"),
        ("DELETE", f"/conversations/{chat}/selection/{pump}"),
        ("GET", f"/selection?conversation_id={chat}"),
    ):
        answer = other_user.request(method, path, {"enabled": False} if method == "PUT" else None)
        assert (answer.status, answer.json["code"]) == (404, "not_found"), path
    for conversation in (chat, str(uuid4())):
        answer = other_user.post("/search", {"query": "pump", "conversation_id": conversation})
        assert (answer.status, answer.json["code"]) == (404, "not_found")
    assert service.dump() == before
    assert other_user.post("/search", {"query": "pump", "conversation_id": own_conversation}).status == 200
    _override(owner, chat, pump, False)
    assert other_user.delete(f"/conversations/{own_conversation}").status == 204
    assert other_user.put(f"/conversations/{own_conversation}/selection/{own}", {"enabled": True}).status == 404
    assert other_user.post("/search", {"query": "pump", "conversation_id": own_conversation}).status == 404
    assert _search_ids(other_user) == _everywhere(own)


@pytest.fixture(scope="module")
def crowd(server: Any, template: str) -> Iterator[Crowd]:
    """A collection of the organisation's, a user's own and a stranger's, with half of it opted out of."""
    from infra.local import postgres
    from tests import conftest

    name = f"test_{uuid4().hex}"
    postgres.create_database(server, name, template)
    with Library.of(conftest._database(server, name)) as library:
        yield _crowd(library)
    postgres.drop_database(server, name)


def _opt_out(crowd: Crowd, documents: list[UUID]) -> None:
    crowd.shelf.owner.execute("delete from user_document_defaults")
    crowd.shelf.owner.execute(
        "insert into user_document_defaults (user_id, document_id) select %s, unnest(%s::uuid[])",
        [crowd.caller, documents],
    )


def test_k10_lists_stay_full_and_recall_holds_with_opt_outs(crowd: Crowd) -> None:
    visible = range((SHARED + OWN) // PER_DOCUMENT)
    for share in (10, 3):
        removed = {number for number in visible if number % share == 0}
        _opt_out(crowd, [crowd.documents[number] for number in removed])
        remaining = [number for number in visible if number not in removed]
        assert crowd.recall(_places(remaining)) >= 0.95
        selected = SearchFilters(source_types=["inline"])
        assert crowd.recall(_places([n for n in remaining if n % 4 == 0]), filters=selected) >= 0.95


@pytest.mark.parametrize("iterative", ["relaxed_order", "off"])
def test_k10_what_is_left_of_very_much_is_found_whole(crowd: Crowd, iterative: str) -> None:
    """Two documents of 430 are still selected: an index would give up long before it met them."""
    left = [7, SHARED // PER_DOCUMENT + 1]
    visible = range((SHARED + OWN) // PER_DOCUMENT)
    _opt_out(crowd, [crowd.documents[number] for number in visible if number not in left])
    app = crowd.shelf.app
    for query in crowd.queries[:10]:
        for mode in MODES:
            request = SearchRequest(query="w1", mode=mode, top_k=10)
            with app.transaction():
                app.execute("select assume_user(%s)", [crowd.caller])
                app.execute("select set_config('hnsw.iterative_scan', %s, true)", [iterative])
                hits = retrieval.search(app, request, query_vector(query)).items
            assert len(hits) == 10
            assert {hit.document_id for hit in hits} <= {crowd.documents[number] for number in left}
            if mode == "semantic":
                assert set(ids(hits)) == crowd.nearest(query, _places(left))


def test_opt_outs_cost_no_index(crowd: Crowd) -> None:
    from tests.knowledge.test_retrieval import _plan

    _opt_out(crowd, crowd.documents[:40])
    nodes = _plan(crowd, SearchRequest(query="w1", mode="hybrid", top_k=10))
    [by_index] = [n for n in nodes if n.get("Index Name") == "embeddings_organisation_1"]
    assert "<=>" in by_index["Order By"]
    assert not [
        n for n in nodes if n["Node Type"] == "Seq Scan" and n["Relation Name"] in {"embeddings_1", "chunk_terms"}
    ]


def test_k8_a_search_refuses_a_conversation_that_is_not_the_callers(database: Any) -> None:
    with Library.of(database) as library:
        caller = library.user()
        library.add(caller, ["w1 w2"], clustered(np.random.default_rng(1), 1))
        with pytest.raises(errors.NotFound):
            library.search(caller, "w1", None, mode="lexical", conversation_id=uuid4())
        assert len(library.search(caller, "w1", None, mode="lexical")) == 1
