"""Search over one's own past messages (K14): lexical and by meaning, indexed in the background, nobody else's."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.chat.conversations import message_search
from chalicelib.core import repairs
from tests.service import Service, User

PUMP = "How often is the coolant pump P-17 inspected?"
VALVE = "At what pressure does the safety valve open?"
PARTY = "Where shall we celebrate the anniversary of the company?"


def _conversation(user: User) -> str:
    return str(user.post("/conversations", {}).json["id"])


def _post_message(user: User, content: str, conversation: str | None = None) -> Any:
    queued = user.post(f"/conversations/{conversation or _conversation(user)}/messages", {"content": content})
    assert queued.status == 202, queued.body
    return queued.json["message"]


def _search(user: User, query: str, **more: Any) -> list[Any]:
    result = user.post("/messages/search", {"query": query, **more})
    assert result.status == 200, result.body
    items: list[Any] = result.json["items"]
    return items


def _indexed(service: Service, *users: User) -> None:
    for user in users:
        while message_search.index(user.id):
            pass
    assert service.rows("select count(*) from message_index_queue") == [(0,)]


def test_k14_messages_are_found_by_their_words_and_by_what_they_mean(service: Service) -> None:
    user = service.user()
    pump, valve, party = (_post_message(user, content) for content in (PUMP, VALVE, PARTY))
    _indexed(service, user)
    first = _search(user, "coolant pump")[0]
    assert (first["message_id"], first["conversation_id"]) == (pump["id"], pump["conversation_id"])
    assert (first["role"], first["excerpt"], first["conversation_title"]) == ("user", PUMP, PUMP)
    assert first["score"] == pytest.approx(1)
    assert first["scores"]["lexical"] > 0
    assert first["created_at"] == pump["created_at"]
    (meant,) = _search(user, "birthday party of the firm")
    assert (meant["message_id"], meant["scores"]["lexical"]) == (party["id"], 0)
    assert meant["scores"]["semantic"] > message_search.SEMANTIC_FLOOR
    assert {hit["message_id"] for hit in _search(user, "safety valve pressure")} == {valve["id"]}
    assert _search(user, "qqzzx vvkkj") == []


def test_k14_answers_are_found_as_well_and_role_distinguishes_them(service: Service) -> None:
    user = service.user()
    user.add("Pump manual", "The coolant pump P-17 is inspected every ninety days.")
    queued = _post_message(user, PUMP)
    service.pump_answer()
    assert service.rows("select count(*) from message_index_queue") == [(0,)], "the worker indexed what it answered"
    answer = user.get(f"/conversations/{queued['conversation_id']}/messages").json["items"][1]
    assert {hit["message_id"] for hit in _search(user, "coolant pump")} == {queued["id"], answer["id"]}
    assert [hit["message_id"] for hit in _search(user, "coolant pump", role="assistant")] == [answer["id"]]
    assert [hit["message_id"] for hit in _search(user, "coolant pump", role="user")] == [queued["id"]]


def test_k14_a_message_is_found_before_it_is_indexed(service: Service) -> None:
    user = service.user()
    pump, party = _post_message(user, PUMP), _post_message(user, PARTY)
    (hit,) = _search(user, "coolant pump inspection")
    assert (hit["message_id"], hit["scores"]) == (pump["id"], {"semantic": None, "lexical": None})
    assert 0 < hit["score"] <= 1
    assert [hit["message_id"] for hit in _search(user, "anniversery of the compani")] == [party["id"]], "misspelt"
    assert _search(user, "boiler") == []
    message_search.index(user.id, most=1)
    assert {hit["message_id"] for hit in _search(user, "inspected company")} == {pump["id"], party["id"]}


def test_k14_archived_conversations_are_searched_and_deleted_ones_are_not(service: Service) -> None:
    user = service.user()
    remaining, archived, deleted = (_post_message(user, f"{PUMP} ({n})") for n in range(3))
    for step in ("before", "after"):
        if step == "after":
            _indexed(service, user)
        user.request("PATCH", f"/conversations/{archived['conversation_id']}", {"is_archived": True})
        user.delete(f"/conversations/{deleted['conversation_id']}")
        result = {hit["message_id"] for hit in _search(user, "coolant pump")}
        assert result == {remaining["id"], archived["id"]}, f"{step} indexing"
        assert (
            _search(user, "coolant pump", conversation_id=remaining["conversation_id"])[0]["message_id"]
            == remaining["id"]
        )
        removed = user.post("/messages/search", {"query": "pump", "conversation_id": deleted["conversation_id"]})
        assert (removed.status, removed.json["code"]) == (404, "not_found")
        restored = user.post(f"/conversations/{deleted['conversation_id']}/restore")
        assert restored.status == 200, restored.body
        assert len(_search(user, "coolant pump")) == 3
    service.rows("delete from conversations where id = %s returning 1", deleted["conversation_id"])
    assert service.rows("select count(*) from message_terms") == [(2,)], "what is purged leaves nothing"


def test_k14_restrictions_hold_before_and_after_indexing(service: Service) -> None:
    user = service.user()
    old, new = _post_message(user, PUMP), _post_message(user, f"{PUMP} Again.")
    service.rows("update messages set created_at = now() - interval '2 days' where id = %s returning 1", old["id"])
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    for step in ("before", "after"):
        if step == "after":
            _indexed(service, user)
        for restriction, expected in (
            ({"created_after": yesterday}, new),
            ({"created_before": yesterday}, old),
            ({"conversation_id": old["conversation_id"]}, old),
        ):
            result = [hit["message_id"] for hit in _search(user, "coolant pump", **restriction)]
            assert result == [expected["id"]], (step, restriction)
        assert _search(user, "coolant pump", role="assistant") == []


def test_k14_results_come_in_pages(service: Service) -> None:
    user = service.user()
    for number in range(7):
        _post_message(user, f"Pump {number} leaks oil on floor {number}.")
    _indexed(service, user)
    body: dict[str, Any] = {"query": "which pump leaks oil", "limit": 3}
    pages = [user.post("/messages/search", body).json]
    while pages[-1]["next_cursor"]:
        pages.append(user.post("/messages/search", {**body, "cursor": pages[-1]["next_cursor"]}).json)
    assert [len(page["items"]) for page in pages] == [3, 3, 1]
    hits = [hit for page in pages for hit in page["items"]]
    assert len({hit["message_id"] for hit in hits}) == 7
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)
    for cursor in ("x", "MA==", "LTE=", "OTk5OTk5", "é", "AAAA"):
        wrong = user.post("/messages/search", {**body, "cursor": cursor})
        assert (wrong.status, wrong.json["code"]) == (400, "bad_cursor"), cursor


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": " "},
        {"query": "x" * 2001},
        {"query": "x", "limit": 0},
        {"query": "x", "limit": 101},
        {"query": "x", "role": "tool"},
        {"query": "x", "created_after": "yesterday"},
        {"query": "x", "user_id": str(uuid.uuid4())},
    ],
)
def test_what_is_no_search_is_refused(service: Service, body: Any) -> None:
    answer = service.user().post("/messages/search", body)
    assert (answer.status, answer.json["code"]) == (422, "validation_failed")


def test_k14_no_user_finds_another_users_messages(service: Service) -> None:
    owner, other_user = service.user(), service.user()
    own, theirs = _post_message(owner, PUMP), _post_message(other_user, PUMP)
    for step in ("before", "after"):
        if step == "after":
            _indexed(service, owner, other_user)
        assert [hit["message_id"] for hit in _search(owner, "coolant pump")] == [own["id"]]
        assert [hit["message_id"] for hit in _search(other_user, "coolant pump")] == [theirs["id"]]
        foreign = other_user.post("/messages/search", {"query": "pump", "conversation_id": own["conversation_id"]})
        assert foreign.status == 404
    scores = _search(owner, "coolant pump")[0]["scores"]
    for number in range(5):
        _post_message(other_user, f"The coolant pump {number} again")
    _indexed(service, other_user)
    assert _search(owner, "coolant pump")[0]["scores"] == scores, "what others say changes no score of one's own"


def test_a_long_message_is_found_by_its_end_and_shown_there(service: Service) -> None:
    user = service.user()
    shelves = " ".join(f"Shelf {number} of the warehouse holds paper." for number in range(80))
    message_ids = _post_message(user, f"{shelves} The vault's door squeaks when it rains. {shelves[:400]}")
    _indexed(service, user)
    (hit,) = _search(user, "squeaking door")
    assert hit["message_id"] == message_ids["id"]
    assert len(hit["excerpt"]) <= 400
    assert "The vault's door squeaks when it rains." in hit["excerpt"]
    assert service.rows("select count(*) > 2, max(part) <= 16 from message_embeddings") == [(True, True)]


def test_messages_without_words_and_in_any_script_are_indexed(service: Service) -> None:
    user = service.user()
    message_ids = [_post_message(user, content) for content in ("?!…", "\u200b.", "水泵多久检查一次？", "🔥" * 300)]
    _indexed(service, user)
    assert service.rows("select count(*) from message_terms") == [(len(message_ids),)]
    assert _search(user, "水泵检查")[0]["message_id"] == message_ids[2]["id"]


def test_posting_makes_no_more_round_trips_and_indexing_twice_changes_nothing(service: Service) -> None:
    user = service.user()
    _post_message(user, PUMP)
    remaining = service.rows("select message_id, conversation_id, user_id, enqueued_at from message_index_queue")
    assert len(remaining) == 1
    assert message_search.index(user.id) == 1
    before = service.rows("select * from message_terms"), service.rows("select * from message_embeddings")
    service.rows("insert into message_index_queue values (%s, %s, %s, %s) returning 1", *remaining[0])
    assert message_search.index(user.id) == 1
    assert message_search.index(user.id) == 0
    assert (service.rows("select * from message_terms"), service.rows("select * from message_embeddings")) == before


def test_o2_what_no_worker_indexed_is_indexed_within_minutes(service: Service) -> None:
    first, second, removed = service.user(), service.user(), service.user()
    for user in (first, second, removed):
        _post_message(user, PUMP)
    service.drain("answer")
    service.rows("delete from llm_queue returning 1")
    assert repairs.run("wake_message_index")["wake_message_index"] is False, "patience first"
    service.rows("update message_index_queue set enqueued_at = now() - interval '1 hour' returning 1")
    service.rows("update users set is_active = false where id = %s returning 1", removed.id)
    service.tick()
    service.pump_answer()
    assert service.rows("select user_id from message_index_queue") == [(removed.id,)]
    for user in (first, second):
        assert _search(user, "coolant pump")[0]["scores"]["lexical"] > 0
    assert repairs.run("wake_message_index")["wake_message_index"] is False
    assert service.drain("answer") == []


def test_no_answer_waits_while_messages_are_indexed(service: Service) -> None:
    users = [service.user() for _ in range(3)]
    for user in users:
        _post_message(user, PUMP)
    first, second, third = service.drain("answer")
    for wakeup, unanswered in ((first, 2), (second, 1)):
        assert service.invoke("answer", [wakeup]) == {"batchItemFailures": []}
        assert service.rows("select count(*) from llm_queue") == [(unanswered,)]
        assert service.rows("select count(*) from message_terms") == [(0,)]
    later = service.rows("update llm_queue set available_at = now() + interval '1 hour' returning user_id")
    message_search.index_after(users[0].id)
    assert service.rows("select user_id from message_terms") == [(users[0].id,)] * 2, "nobody can be answered now"
    service.rows("update llm_queue set available_at = now() returning 1")
    assert service.invoke("answer", [third]) == {"batchItemFailures": []}
    assert service.rows("select count(*) from message_terms where user_id = %s", later[0][0]) == [(2,)]
    service.rows("update message_index_queue set enqueued_at = now() - interval '1 hour' returning 1")
    assert repairs.run("wake_message_index")["wake_message_index"] is True
    service.pump_answer()
    assert service.rows("select count(*) from message_index_queue") == [(0,)]


def test_an_answer_does_not_depend_on_the_index(service: Service) -> None:
    user = service.user()
    queued = _post_message(user, PUMP)
    with service.database.connect("owner") as owner:
        owner.execute("alter table message_terms add constraint full_disk check (false) not valid")
        service.pump_answer()
        assert len(user.get(f"/conversations/{queued['conversation_id']}/messages").json["items"]) == 2
        assert service.rows("select count(*) from message_index_queue") == [(2,)]
        owner.execute("alter table message_terms drop constraint full_disk")
    service.rows("update message_index_queue set enqueued_at = now() - interval '1 hour' returning 1")
    assert repairs.run("wake_message_index")["wake_message_index"] is True
    service.pump_answer()
    assert service.rows("select count(*) from message_index_queue") == [(0,)]
