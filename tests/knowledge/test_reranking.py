"""Reranking (M8, C4): the best hits of a fused list are read again by a model, the built-in one or a server's."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.core import process
from chalicelib.knowledge.reranking.remote import RemoteReranker, RerankingError
from infra import models
from tests.chat.llm.servers import Connection, Server, serving
from tests.config.coverage import changes
from tests.service import Service, User

QUESTION = "how do i borrow e-books"
BESIDE = "E-books, e-books, borrow, e-books."
ANSWER = "To borrow an e-book, log in to the app with your card number, choose a title and tap Borrow."
KEY = "sk-reranker-0123456789"


def _script(score: Callable[[str], float], key: str | None = None) -> Callable[[Connection], None]:
    """A reranking server that speaks both protocols and gives each text the score of `score`."""

    def answer(connection: Connection) -> None:
        request = connection.request
        if key is not None and request.headers.get("authorization") != f"Bearer {key}":
            connection.head("401 Unauthorized", "application/json")
            return
        body = request.json
        is_tei = "texts" in body
        name = "score" if is_tei else "relevance_score"
        scored = [{"index": n, name: score(text)} for n, text in enumerate(body["texts" if is_tei else "documents"])]
        scored.sort(key=lambda entry: -entry[name])
        connection.head("200 OK", "application/json")
        connection.send(json.dumps(scored if is_tei else {"results": scored}).encode())

    return answer


@pytest.fixture
def ranking() -> Iterator[Server]:
    """A server that finds the answer, with a key."""
    with serving(_script(lambda text: 0.9 if "card number" in text else 0.1, KEY)) as running:
        yield running


@pytest.fixture
def reader(service: Service) -> User:
    """An administrator with a document that repeats the question's words, and one that answers."""
    return _with_documents(service.administrator())


def _with_documents(admin: User) -> User:
    admin.add("Minutes", BESIDE)
    admin.add("App", ANSWER)
    _set(admin, bm25_weight=0, semantic_weight=1)
    return admin


def _set(admin: User, **values: Any) -> None:
    changed = admin.request("PATCH", "/config/dynamic", values)
    assert changed.status == 200, changed.body


def _register(admin: User, ranking: Server, **more: Any) -> Any:
    body = {"name": "ours", "provider": "jina", "model": "m", "base_url": f"{ranking.url}/v1", "api_key": KEY}
    created = admin.post("/rerankers", body | more)
    assert created.status == 201, created.body
    assert created.headers["Location"] == f"/rerankers/{created.json['id']}"
    return created.json


def _search(caller: User, **more: Any) -> Any:
    result = caller.post("/search", {"query": QUESTION} | more)
    assert result.status == 200, result.body
    return result.json


def _titles(result: Any) -> list[str]:
    return [hit["title"] for hit in result["items"]]


@changes("active_reranker")
def test_the_built_in_reranker_puts_the_answer_first(service: Service, reader: User) -> None:
    models.fetch()
    plain = _search(reader, explain=True)
    assert (_titles(plain), plain["reranking"]) == (["Minutes", "App"], None)
    assert plain["items"][0]["explanation"]["reranking"] is None
    _set(reader, active_reranker="built_in")
    reranked = _search(reader, explain=True)
    assert _titles(reranked) == ["App", "Minutes"]
    done = reranked["reranking"]
    assert (done["reranker"], done["chunks"], done["error"]) == ("built_in", 2, None)
    assert done["milliseconds"] > 0
    for rank, hit in enumerate(reranked["items"], 1):
        reported = hit["explanation"]
        part = reported["reranking"]
        assert (reported["rank"], reported["score"]) == (rank, hit["score"])
        mixed = (1 - part["weight"]) * part["fused"] + part["weight"] * part["relevance"]
        assert hit["score"] == pytest.approx(mixed)
    assert [hit["explanation"]["reranking"]["rank"] for hit in reranked["items"]] == [2, 1]
    for mode in ("lexical", "semantic"):
        assert _search(reader, mode=mode)["reranking"] is None, "a list by one score stays one"


@changes("reranked_chunks")
def test_how_many_hits_are_read_whatever_the_search_returns(service: Service, reader: User) -> None:
    models.fetch()
    _set(reader, active_reranker="built_in", reranked_chunks=2)
    only = _search(reader, top_k=1)
    assert (_titles(only), only["reranking"]["chunks"]) == (["App"], 2), "it was second before"
    _set(reader, reranked_chunks=1)
    result = _search(reader, explain=True)
    assert (_titles(result), result["reranking"]["chunks"]) == (["Minutes", "App"], 1)
    assert result["items"][1]["explanation"]["reranking"]["relevance"] is None


def test_hits_that_take_turns_by_document_still_do(service: Service, reader: User) -> None:
    models.fetch()
    _set(reader, active_reranker="built_in")
    reader.add("Long", "\n\n".join([ANSWER, "Nothing else is said here about anything at all, in many words. " * 20]))
    result = _search(reader, per_document=1)
    assert len(set(_titles(result)[:3])) == 3


def test_an_answer_is_made_from_the_reranked_list_and_its_trace_answers_with_so(service: Service, reader: User) -> None:
    models.fetch()
    _set(reader, active_reranker="built_in", active_pipeline="search")
    conversation = reader.post("/conversations", {}).json["id"]
    queued = reader.post(f"/conversations/{conversation}/messages", {"content": QUESTION})
    service.pump_answer()
    answer = reader.get(f"/conversations/{conversation}/messages").json["items"][-1]
    assert queued.status == 202
    trace = reader.get(f"/messages/{answer['id']}/trace").json
    (event,) = [event for event in trace["events"] if event["event"] == "reranking"]
    assert (event["reranker"], event["chunks"], event["error"]) == ("built_in", 2, None)
    stream = service.rows("select data -> 'sources' -> 0 ->> 'title' from job_events where event = 'retrieval'")
    assert stream == [("App",)]


def test_a_conversation_chooses_its_own_reranker(service: Service, reader: User) -> None:
    models.fetch()
    conversation = reader.post("/conversations", {}).json["id"]
    changed = reader.request("PATCH", f"/conversations/{conversation}", {"settings": {"active_reranker": "built_in"}})
    assert changed.status == 200, changed.body
    assert _titles(_search(reader, conversation_id=conversation))[0] == "App"
    assert _titles(_search(reader))[0] == "Minutes"
    refused = reader.request("PATCH", f"/conversations/{conversation}", {"settings": {"active_reranker": "nobody"}})
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "active_reranker")


@pytest.mark.parametrize("provider", ["cohere", "jina", "tei"])
def test_a_server_reranks_with_its_sealed_key(keeping: Service, ranking: Server, provider: str) -> None:
    admin = _with_documents(keeping.administrator())
    created = _register(admin, ranking, provider=provider, **({"model": None} if provider == "tei" else {}))
    assert (created["key_last_four"], created["base_url"]) == (KEY[-4:], f"{ranking.url}/v1")
    assert KEY not in keeping.dump()
    _set(admin, active_reranker="ours")
    result = _search(admin)
    assert (_titles(result), result["reranking"]["error"]) == (["App", "Minutes"], None)
    request = ranking.requests[-1]
    assert request.line.split()[:2] == ["POST", "/v1/rerank"]
    assert request.json["query"] == QUESTION
    assert sorted(request.json.get("texts") or request.json["documents"]) == sorted(
        [f"Minutes: {BESIDE}", f"App: {ANSWER}"]
    )
    assert request.json.get("model") == (None if provider == "tei" else "m")
    processors = keeping.user().get("/data-processors").json["items"]
    assert [(each["kind"], each["name"], each["status"], each["receives"]) for each in processors] == [
        ("reranker", "ours", "in_use", ["chunks", "questions"])
    ]


def test_a_reranker_that_fails_leaves_the_list_as_it_was(keeping: Service, ranking: Server) -> None:
    admin = _with_documents(keeping.administrator())
    created = _register(admin, ranking)
    before = _search(admin)
    _set(admin, active_reranker="ours")
    broken: list[tuple[str, Any]] = [
        ("500 Oops", {}),
        ("200 OK", {"results": []}),
        ("200 OK", {"results": [{"index": 0, "relevance_score": 0.5}, {"index": 0, "relevance_score": 0.5}]}),
        ("200 OK", [{"index": 0, "score": "x"}, {"index": 1, "score": 1}]),
        ("200 OK", "nothing"),
    ]
    for status, body in broken:
        with serving(_answers_with(status, body)) as other:
            keeping.rows("update rerankers set base_url = %s returning id", other.url)
            result = _search(admin, explain=True)
        assert [(hit["title"], hit["score"]) for hit in result["items"]] == [
            (hit["title"], hit["score"]) for hit in before["items"]
        ]
        assert result["reranking"]["error"], body
    # A key that was copied from another row does not open.
    keeping.rows("update rerankers set id = default where id = %s returning id", created["id"])
    assert "does not open" in _search(admin)["reranking"]["error"]
    assert KEY not in json.dumps(_search(admin))


def _answers_with(status: str, body: Any) -> Callable[[Connection], None]:
    def answer(connection: Connection) -> None:
        connection.head(status, "application/json")
        connection.send(json.dumps(body).encode())

    return answer


def test_logits_become_probabilities() -> None:
    for logits, relevances in (([-1.0, 3.0], [0.269, 0.953]), ([0.2, 0.9], [0.2, 0.9]), ([-1e9, 1e9], [0.0, 1.0])):
        scored = [{"index": n, "score": logit} for n, logit in enumerate(logits)]
        with serving(_answers_with("200 OK", scored)) as server:
            result = RemoteReranker("tei", server.url).relevances("q", ["a", "b"])
        assert result == pytest.approx(relevances, abs=1e-3)


def test_an_address_inside_is_not_asked() -> None:
    with pytest.raises(RerankingError):
        RemoteReranker("tei", "http://169.254.169.254").relevances("q", ["a"])


def test_a_reranker_is_registered_only_if_it_ranks(keeping: Service, ranking: Server) -> None:
    admin = keeping.administrator()
    body = {"name": "ours", "provider": "jina", "model": "m", "base_url": f"{ranking.url}/v1", "api_key": KEY}
    for change, status, code in (
        ({"api_key": "sk-wrong"}, 502, "reranking_failed"),
        ({"base_url": "http://169.254.169.254/v1"}, 422, "reranker_refused"),
        ({"base_url": "nonsense"}, 422, "reranker_refused"),
        ({"name": "built_in"}, 422, "validation_failed"),
        ({"model": None}, 422, "validation_failed"),
        ({"provider": "tei"}, 422, "validation_failed"),
        ({"provider": "nobody"}, 422, "validation_failed"),
    ):
        refused = admin.post("/rerankers", body | change)
        assert (refused.status, refused.json["code"]) == (status, code), refused.body
        assert "sk-wrong" not in refused.body.decode()
    assert admin.get("/rerankers").json["items"] == []
    first = admin.post("/rerankers", body, {"Idempotency-Key": "k"})
    assert (first.status, admin.post("/rerankers", body, {"Idempotency-Key": "k"}).json) == (201, first.json)
    again = admin.post("/rerankers", body)
    assert (again.status, again.json["code"]) == (409, "conflict")
    reported = keeping.user().get("/rerankers").json["items"]
    assert [(each["name"], each["base_url"], each["key_last_four"]) for each in reported] == [("ours", None, None)]
    keeping.rows(
        "insert into rerankers (name, provider, base_url) "
        "select 'r' || n, 'tei', 'http://127.0.0.1:9' from generate_series(1, 49) n returning 1"
    )
    full = admin.post("/rerankers", body | {"name": "more"})
    assert (full.status, full.json["code"]) == (409, "too_many")


def test_a_reranker_is_changed_and_deleted_but_not_while_the_settings_use_it(keeping: Service, ranking: Server) -> None:
    admin = keeping.administrator()
    place = f"/rerankers/{_register(admin, ranking)['id']}"
    unkeyed = admin.request("PATCH", place, {"base_url": f"{ranking.url}/v2"})
    assert (unkeyed.status, unkeyed.json["errors"][0]["field"]) == (422, "api_key")
    moved = admin.request("PATCH", place, {"base_url": f"{ranking.url}/v2", "api_key": KEY})
    assert (moved.status, moved.json["base_url"]) == (200, f"{ranking.url}/v2")
    assert admin.request("PATCH", place, {"model": "another"}).json["model"] == "another"
    assert ranking.requests[-1].json["model"] == "another", "the stored key opens the server"
    refused = admin.request("PATCH", place, {"api_key": None})
    assert (refused.status, refused.json["code"]) == (502, "reranking_failed")
    conversation = admin.post("/conversations", {}).json["id"]
    chosen = {"settings": {"active_reranker": "ours"}}
    assert admin.request("PATCH", f"/conversations/{conversation}", chosen).status == 200
    _set(admin, active_reranker="ours")
    used = admin.delete(place)
    assert (used.status, used.json["code"]) == (409, "in_use")
    _set(admin, active_reranker=None)
    process.forget()
    assert admin.delete(place).status == 204
    assert admin.get(place).status == 404
    reported = admin.get(f"/config/effective?conversation_id={conversation}").json["active_reranker"]
    assert (reported["value"], reported["level"]) == ("off", "static"), "the conversation follows the levels below"
    actions = keeping.rows("select action from audit_logs where entity_type = 'reranker' order by id")
    assert [action for (action,) in actions] == [
        "reranker.registered",
        "reranker.changed",
        "reranker.changed",
        "reranker.deleted",
    ]
