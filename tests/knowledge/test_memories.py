"""Memories: kept, recalled by relevance, recency and importance, merged when they say the same (K12)."""

import threading
from typing import Any

import pytest

from chalicelib.core import connection, identity
from chalicelib.knowledge.embedding import builtin, text_vectors
from chalicelib.knowledge.memories import memories
from chalicelib.knowledge.memories.models import MemorySearch, NewMemory
from tests.knowledge.memory_pairs import DIFFERENT, HELPFUL, REWORDED, SAME
from tests.service import Service, User

ANNA = "My sister is called Anna."
PUMP = "The coolant pump P-17 is inspected every ninety days."


def _write(user: User, content: str, **more: Any) -> Any:
    created = user.post("/memories", {"content": content, **more})
    assert created.status in {200, 201}, created.body
    return created.json


def _recall(user: User, query: str, **more: Any) -> list[Any]:
    result = user.post("/memories/search", {"query": query, **more})
    assert result.status == 200, result.body
    items: list[Any] = result.json["items"]
    return items


def test_an_importance_that_is_too_small_to_store_is_zero(service: Service) -> None:
    user = service.user()
    written = _write(user, ANNA, importance=3e-225)
    assert written["importance"] == 0
    changed = user.request("PATCH", f"/memories/{written['id']}", {"importance": 1e-45})
    assert (changed.status, changed.json["importance"]) == (200, 0)


def test_a_memory_is_written_read_changed_listed_and_forgotten(service: Service) -> None:
    user = service.user()
    created = user.post("/memories", {"content": f"  {ANNA} ", "kind": "fact", "importance": 0.8})
    assert created.status == 201
    assert created.headers["Location"] == f"/memories/{created.json['id']}"
    first = user.get(created.headers["Location"]).json
    assert first == {name: value for name, value in created.json.items() if name != "merged"}
    assert (first["content"], first["kind"], first["importance"]) == (ANNA, "fact", 0.8)
    assert (first["source"], first["message_id"], first["access_count"], first["last_accessed_at"]) == (
        "written",
        None,
        0,
        None,
    )
    second = _write(user, "Use metric units.", kind="instruction")
    assert second["importance"] == 0.5
    assert [item["id"] for item in user.get("/memories").json["items"]] == [second["id"], first["id"]]
    assert [item["id"] for item in user.get("/memories?kind=fact").json["items"]] == [first["id"]]
    assert user.get("/memories?source=learned").json["items"] == []
    page = user.get("/memories?limit=1").json
    rest = user.get(f"/memories?limit=1&cursor={page['next_cursor']}").json
    assert [item["id"] for item in (*page["items"], *rest["items"])] == [second["id"], first["id"]]
    changed = user.request(
        "PATCH", f"/memories/{first['id']}", {"content": "My brother is called Ben.", "importance": 1}
    )
    assert (changed.status, changed.json["content"], changed.json["importance"]) == (
        200,
        "My brother is called Ben.",
        1,
    )
    assert _recall(user, "What is my brother called?")[0]["id"] == first["id"], "it is found by its new words"
    assert user.delete(f"/memories/{first['id']}").status == 204
    assert user.get(f"/memories/{first['id']}").status == 404
    assert [item["id"] for item in user.get("/memories").json["items"]] == [second["id"]]
    assert service.rows("select count(distinct memory_id) from memory_embeddings") == [(1,)]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"content": ""},
        {"content": " \n"},
        {"content": "x" * 4001},
        {"content": "x", "importance": 1.1},
        {"content": "x", "importance": -0.1},
        {"content": "x", "kind": "secret"},
        {"content": "x", "source": "learned"},
        {"content": "a\x00b"},
    ],
)
def test_what_is_no_memory_is_refused(service: Service, body: Any) -> None:
    answer = service.user().post("/memories", body)
    assert (answer.status, answer.json["code"]) == (422, "validation_failed")


def test_recall_is_relevance_times_recency_times_weight(service: Service) -> None:
    user = service.user()
    old, weighty = _write(user, "The boiler is inspected in spring."), _write(user, PUMP, importance=1)
    service.rows(
        "update memory_items set last_accessed_at = now() - interval '60 days' where id = %s returning id",
        old["id"],
    )
    with service.database.connect("owner") as owner:
        owner.execute("alter table memory_items disable trigger touch")
        owner.execute("update memory_items set updated_at = now() - interval '90 days' where id = %s", [old["id"]])
    items = {item["id"]: item for item in _recall(user, "When is the boiler inspected?")}
    query, *stored = builtin.load().embed(["When is the boiler inspected?", "The boiler is inspected in spring.", PUMP])
    for memory, vector, age, importance in ((old, stored[0], 60, 0.5), (weighty, stored[1], 0, 1.0)):
        result = items[memory["id"]]
        assert result["relevance"] == pytest.approx(float(query @ vector), abs=2e-3)
        assert result["recency"] == pytest.approx(0.5 + 0.5 * 2 ** (-age / 30), abs=1e-4)
        assert result["weight"] == 0.5 + 0.5 * importance
        assert result["score"] == pytest.approx(result["relevance"] * result["recency"] * result["weight"])


def test_each_factor_decides_when_the_others_are_equal(service: Service) -> None:
    user = service.user()
    near, far = _write(user, PUMP), _write(user, "The coolant pump P-17 is painted green.")
    assert [item["id"] for item in _recall(user, "How often is the coolant pump P-17 inspected?")] == [
        near["id"],
        far["id"],
    ]
    service.rows(
        "update memory_items set last_accessed_at = now() - interval '1 year', updated_at = now() - interval '1 year' "
        "where id = %s returning id",
        near["id"],
    )
    assert [item["id"] for item in _recall(user, "Tell me of the coolant pump P-17")] == [far["id"], near["id"]]
    user.request("PATCH", f"/memories/{near['id']}", {"importance": 1})
    user.request("PATCH", f"/memories/{far['id']}", {"importance": 0})
    assert [item["id"] for item in _recall(user, "Tell me of the coolant pump P-17")] == [near["id"], far["id"]]


def test_recalling_counts_once_and_reading_does_not(service: Service) -> None:
    user = service.user()
    anna, pump = _write(user, ANNA), _write(user, PUMP)
    (result,) = _recall(user, "What is my sister called?")
    assert (result["id"], result["access_count"]) == (anna["id"], 1)
    assert result["last_accessed_at"] >= anna["created_at"]
    assert user.get(f"/memories/{anna['id']}").json["access_count"] == 1
    _recall(user, "What is my sister called?")
    again = user.get(f"/memories/{anna['id']}").json
    assert again["access_count"] == 2
    assert again["updated_at"] == anna["updated_at"], "being recalled changes nothing about it"
    untouched = user.get(f"/memories/{pump['id']}").json
    assert (untouched["access_count"], untouched["last_accessed_at"]) == (0, None)


def test_recall_is_bounded_and_restricted_to_kinds(service: Service) -> None:
    user = service.user()
    for number in range(5):
        _write(
            user, f"The pump P-{number} is inspected every {number + 2} weeks.", kind="event" if number % 2 else "fact"
        )
    assert len(_recall(user, "When are pumps inspected?", top_k=3)) == 3
    assert {item["kind"] for item in _recall(user, "When are pumps inspected?", kinds=["event"])} == {"event"}
    assert _recall(user, "Qxzvw jjkq") == [], "what fits nothing recalls nothing"


def test_a_long_memory_is_found_by_what_stands_at_its_end(service: Service) -> None:
    user = service.user()
    papers = " ".join(f"Shelf {number} of the warehouse holds paper." for number in range(60))
    doors = " ".join(f"The door of vault {number} squeaks when it rains." for number in range(30))
    long = _write(user, f"{papers} {doors}")
    assert len(long["content"]) > 3000
    head, question = builtin.load().embed([long["content"], "Which doors squeak?"], truncate=True)
    assert float(head @ question) < memories.RELEVANCE_FLOOR, "what the model reads at once says nothing of doors"
    (result,) = _recall(user, "Which doors squeak?")
    assert (result["id"], result["relevance"] > 0.4) == (long["id"], True)


def test_what_says_the_same_is_merged(service: Service) -> None:
    user = service.user()
    older = _write(user, "I prefer tea over coffee.", importance=0.9)
    _recall(user, "tea or coffee?")
    merged = user.post(
        "/memories", {"content": "The user prefers tea over coffee", "kind": "preference", "importance": 0.2}
    )
    assert (merged.status, merged.json["merged"], merged.json["id"]) == (200, True, older["id"])
    assert (merged.json["content"], merged.json["kind"]) == ("The user prefers tea over coffee", "preference")
    assert (merged.json["importance"], merged.json["access_count"]) == (0.9, 1), "the greater, and counts stay"
    assert merged.json["created_at"] == older["created_at"]
    assert len(user.get("/memories").json["items"]) == 1
    assert service.rows("select count(*) from memory_embeddings") == [(1,)]
    other_user = service.user()
    assert other_user.post("/memories", {"content": "I prefer tea over coffee."}).status == 201, "nobody else's merges"


def _are_merged(pairs: tuple[tuple[str, str], ...]) -> list[bool]:
    """Whether write_memory() would merge each pair, by its own rule."""
    embedder = builtin.load()
    outcomes = []
    for older, newer in pairs:
        first, second = embedder.embed([memories.in_first_person(text) for text in (older, newer)])
        cosine, gists = float(first @ second), (memories.normalised_words(older), memories.normalised_words(newer))
        same = gists[0] == gists[1] and cosine >= memories.SAME_WORDS
        outcomes.append(same or (gists[1].startswith(gists[0] + " ") and cosine >= memories.MORE_WORDS))
    return outcomes


def test_near_duplicates_merge_and_what_differs_never_does(service: Service) -> None:
    assert not any(_are_merged(DIFFERENT)), [
        pair for pair, m in zip(DIFFERENT, _are_merged(DIFFERENT), strict=True) if m
    ]
    assert all(_are_merged(SAME)), [pair for pair, m in zip(SAME, _are_merged(SAME), strict=True) if not m]
    assert not any(_are_merged(REWORDED))
    user = service.user()
    for pairs, expected in ((SAME, 1), (DIFFERENT, 2)):
        for older, newer in pairs:
            with identity.as_user(user.id) as conn:
                for content in (older, newer):
                    memories.write(conn, NewMemory(content=content))
                remaining = conn.execute("delete from memory_items returning id").fetchall()
            assert len(remaining) == expected, (older, newer)


def test_the_relevance_floor_keeps_what_helps(service: Service) -> None:
    user = service.user()
    with identity.as_user(user.id) as conn:
        ids = [memories.write(conn, NewMemory(content=memory)).id for memory, _ in HELPFUL]
        result = [{item.id for item in memories.look_up(conn, question, 5)} for _, question in HELPFUL]
    remaining = sum(target_values in items for target_values, items in zip(ids, result, strict=True))
    others = sum(len(items - {target_values}) for target_values, items in zip(ids, result, strict=True))
    assert (remaining, others) >= (17, 0)
    assert others / (len(HELPFUL) * (len(HELPFUL) - 1)) < 0.06


def test_two_who_write_the_same_at_once_write_it_once(service: Service) -> None:
    user = service.user()
    begin, failures = threading.Barrier(4), []

    def write() -> None:
        try:
            begin.wait(timeout=20)
            with identity.as_user(user.id) as conn:
                memories.write(conn, NewMemory(content=ANNA))
        except Exception as error:  # noqa: BLE001
            failures.append(error)
        finally:
            connection.close()

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=30)
    assert failures == []
    assert service.rows("select count(*) from memory_items") == [(1,)]


def test_two_who_recall_at_once_are_both_counted(service: Service) -> None:
    user = service.user()
    for number in range(10):
        _write(user, f"The pump P-{number} is inspected every {number + 2} weeks.")
    failures: list[BaseException] = []

    def recall(query: str) -> None:
        try:
            for _ in range(10):
                with identity.as_user(user.id) as conn:
                    assert len(memories.recall(conn, MemorySearch(query=query))) == 10
        except BaseException as error:  # noqa: BLE001
            failures.append(error)
        finally:
            connection.close()

    queries = ("The pump P-1 is inspected", "The pump P-9 is inspected")
    threads = [threading.Thread(target=recall, args=[query]) for query in queries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == [], "they must not lock each other out"
    assert service.rows("select distinct access_count from memory_items") == [(20,)]


def test_one_keeps_so_many_memories_and_no_more(service: Service) -> None:
    user = service.user()
    service.rows(
        "insert into memory_items (user_id, content, gist, kind, importance, source) "
        "select %s, 'note ' || n, 'note ' || n, 'fact', 0.5, 'written' from generate_series(1, %s) n returning 1",
        user.id,
        memories.MOST_MEMORIES,
    )
    refused = user.post("/memories", {"content": PUMP})
    assert (refused.status, refused.json["code"]) == (409, "too_many")
    with identity.as_user(user.id) as conn:
        conn.execute("delete from memory_items where content = 'note 1'")
    assert user.post("/memories", {"content": PUMP}).status == 201


def test_an_idempotency_key_writes_once(service: Service) -> None:
    user = service.user()
    created = [user.post("/memories", {"content": PUMP}, {"Idempotency-Key": "once"}) for _ in range(2)]
    assert [answer.status for answer in created] == [201, 201]
    assert created[0].json == created[1].json


def test_changing_the_active_embedding_model_does_not_touch_memories(service: Service) -> None:
    user = service.user()
    anna = _write(user, ANNA)
    vectors = service.rows("select embedding::text from memory_embeddings")
    service.rows("update embedding_models set status = 'inactive' returning id")
    service.rows(
        "insert into embedding_models (name, provider, model, dimension, native_dimension, status, activated_at) "
        "select 'short', provider, model, 128, native_dimension, 'active', now() from embedding_models returning id"
    )
    assert _recall(user, "What is my sister called?")[0]["id"] == anna["id"]
    assert service.rows("select embedding::text from memory_embeddings") == vectors
    assert (len(vectors), text_vectors.DIMENSION) == (1, 384)


def test_memories_follow_an_anonymous_user_into_an_account(service: Service) -> None:
    user, account = service.user(), service.user()
    conversation = user.post("/conversations", {}).json["id"]
    queued = user.post(f"/conversations/{conversation}/messages", {"content": ANNA}).json["message"]
    with identity.as_user(user.id) as conn:
        learned = memories.write(conn, NewMemory(content=ANNA), learned_from=(conversation, queued["id"]))
    _write(user, PUMP)
    with service.database.connect("owner") as owner:
        owner.execute("select absorb_user(%s, %s)", [user.id, account.id])
    remaining = {item["content"]: item for item in account.get("/memories").json["items"]}
    assert set(remaining) == {ANNA, PUMP}
    assert (remaining[ANNA]["id"], remaining[ANNA]["message_id"], remaining[ANNA]["source"]) == (
        str(learned.id),
        queued["id"],
        "learned",
    )
    assert _recall(account, "What is my sister called?")[0]["content"] == ANNA


def test_what_was_learned_outlives_its_message(service: Service) -> None:
    user = service.user()
    conversation = user.post("/conversations", {}).json["id"]
    queued = user.post(f"/conversations/{conversation}/messages", {"content": ANNA}).json["message"]
    with identity.as_user(user.id) as conn:
        learned = memories.write(conn, NewMemory(content=ANNA), learned_from=(conversation, queued["id"]))
    assert (str(learned.message_id), learned.source) == (queued["id"], "learned")
    service.rows("delete from conversations where id = %s returning id", conversation)
    remaining = user.get(f"/memories/{learned.id}").json
    assert (remaining["content"], remaining["message_id"], remaining["conversation_id"]) == (ANNA, None, None)
    written = user.post("/memories", {"content": ANNA})
    assert (written.status, written.json["source"]) == (200, "written"), (
        "what is written by hand is one's own from then on"
    )


def test_k12_a_key_that_may_only_read_recalls_and_counts_nothing(service: Service) -> None:
    user = service.user()
    memory = user.post("/memories", {"content": "My pump leaks."}).json["id"]
    key = user.post("/me/api-keys", {"name": "reader", "scopes": ["read"]}).json["key"]
    headers = {"Authorization": f"Bearer {key}"}
    result = service.request("POST", "/memories/search", {"query": "What leaks?"}, headers)
    assert (result.status, [item["id"] for item in result.json["items"]]) == (200, [memory])
    assert user.get(f"/memories/{memory}").json["access_count"] == 0


def test_a_memory_can_be_taken_from_a_document_and_has_metadata(service: Service) -> None:
    caller = service.user()
    document = caller.add("Pump manual", "The coolant pump P-17 is inspected every ninety days.")
    new = {"content": "P-17 is inspected every ninety days.", "document_id": document["id"], "metadata": {"hall": 3}}
    memory = caller.post("/memories", new).json
    assert (memory["source"], memory["document_id"]) == ("document", document["id"])
    assert [each["id"] for each in caller.get("/memories?source=document&metadata=hall:3").json["items"]] == [
        memory["id"]
    ]
    changed = caller.request("PATCH", f"/memories/{memory['id']}", {"metadata": {"hall": 4}}).json
    assert changed["metadata"] == {"hall": 4}
    refused = service.user().post("/memories", new)
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "document_id")
