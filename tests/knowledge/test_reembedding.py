"""Moving to another embedding model (C7): in the background, whole or not at all, whatever dies on the way."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
import pytest

from chalicelib.core import connection, identity, process, repairs
from chalicelib.core.errors import LeaseLostError
from chalicelib.knowledge.embedding import builtin, embedding_models, reembedding
from chalicelib.knowledge.embedding.recipe import BUILT_IN
from chalicelib.knowledge.ingestion import ingestion
from chalicelib.knowledge.search import query_embedding, retrieval
from chalicelib.knowledge.search.models import SearchRequest
from tests.auth.test_limits import round_trips
from tests.chat.llm.servers import Connection, serving
from tests.knowledge.test_embedding_models import SHORT
from tests.service import Service, User

THINGS = ("pump", "valve", "turbine", "boiler", "ladder")
WAIT_SECONDS = 20.0


def _text(thing: str, lines: int = 14) -> str:
    """Two or three chunks."""
    return f"# About the {thing}\n\n" + "\n\n".join(
        f"Note {n} on the {thing}: it was inspected on day {n} and found {'worn' if n % 3 else 'in order'}."
        for n in range(lines)
    )


def _fill(service: Service, things: tuple[str, ...] = THINGS) -> User:
    """An administrator with documents of several chunks each, every second one the organisation's."""
    admin = service.administrator()
    for number, thing in enumerate(things):
        admin.add(thing.title(), _text(thing), scope="org" if number % 2 else "user")
    return admin


def _register(admin: User, **more: Any) -> int:
    created = admin.post("/embedding-models", SHORT | more)
    assert created.status == 201, created.body
    return int(created.json["id"])


def _activate(admin: User, model: int) -> Any:
    answer = admin.post(f"/embedding-models/{model}/activate?sends_private_documents=true")
    assert answer.status == 202, answer.body
    return answer.json


def _model(admin: User, model: int) -> Any:
    return admin.get(f"/embedding-models/{model}").json


def _active(service: Service) -> int:
    (row,) = service.rows("select id from embedding_models where status = 'active'")
    return int(row[0])


def _vectors(service: Service, model: int) -> dict[UUID, str]:
    """Which chunks have a vector of a model, and the transaction that stored it."""
    return dict(service.rows("select chunk_id, xmin::text from embeddings where model_id = %s", model))


def _chunks(service: Service) -> set[UUID]:
    return {row[0] for row in service.rows("select id from document_chunks")}


def _lapse(service: Service) -> None:
    """Let a minute pass for whoever holds documents."""
    service.rows("update embedding_queue set leased_until = now(), available_at = now() returning 1")


def _assert_whole(service: Service, model: int) -> None:
    """The model is active, and every vector of every chunk is exactly what it gives."""
    assert _active(service) == model
    assert _vectors(service, model).keys() == _chunks(service)
    assert service.rows("select count(*) from embedding_queue") == [(0,)]
    recipe = embedding_models.recipe(model)
    assert recipe is not None
    rows = service.rows(
        "select concat_ws(E'\\n\\n', c.context, c.chunk_text), e.embedding::text, e.live, d.deleted_at is null "
        "  from document_chunks c "
        "join embeddings e on e.chunk_id = c.id and e.model_id = %s join documents d on d.id = c.document_id",
        model,
    )
    expected = recipe.embed([row[0] for row in rows])
    stored = np.array([json.loads(row[1]) for row in rows])
    assert np.min(np.sum(stored * expected, axis=1)) > 0.999
    assert all(live == present for _, _, live, present in rows)


def _assert_finds(user: User, things: tuple[str, ...] = THINGS) -> None:
    for mode in ("semantic", "hybrid"):
        for thing in things:
            assert user.search(f"When is the {thing} inspected?", mode=mode)[0]["title"] == thing.title()


def test_c7_searches_answer_from_the_old_model_until_the_new_is_whole_and_change_at_once(fresh: Service) -> None:
    admin = _fill(fresh)
    total = len(_chunks(fresh))
    assert total >= 10
    second = _register(admin)
    started = _activate(admin, second)
    assert (started["status"], started["progress"]) == (
        "preparing",
        {"chunks_done": 0, "chunks_total": total, "documents_left": len(THINGS), "documents_failed": 0},
    )
    assert _active(fresh) == 1
    _assert_finds(admin)
    assert _vectors(fresh, second) == {}
    fresh.pump_ingest()
    _assert_whole(fresh, second)
    done, old = _model(admin, second), _model(admin, 1)
    assert (done["status"], done["progress"]["chunks_done"], done["error"]) == ("active", total, None)
    assert done["activated_at"] is not None
    assert (old["status"], old["progress"]) == ("inactive", None)
    assert old["retired_at"] is not None
    _assert_finds(admin)
    assert fresh.rows("select action from audit_logs where entity_id = %s order by id", UUID(int=second)) == [
        ("embedding_model.registered",),
        ("embedding_model.activated",),
        ("embedding_model.switched",),
    ]


def test_c7_a_process_that_does_not_know_yet_finds_the_same_within_one_more_search(fresh: Service) -> None:
    admin = _fill(fresh, THINGS[:2])
    _activate(admin, _register(admin))
    fresh.pump_ingest()
    expected = admin.search("pump")
    process.forget()
    vector = query_embedding.embed_query(SearchRequest(query="pump"))
    assert vector.model == BUILT_IN
    with identity.as_user(admin.id) as conn, pytest.raises(retrieval.StaleModelError):
        retrieval.search(conn, SearchRequest(query="pump"), vector)
    # The wrong begin and search; the roll back, with which the kept plans go; asking; the right begin, search, commit.
    # Then it is known.
    for trips in (8, 3):
        with round_trips() as counted:
            assert admin.search("pump") == expected
        assert counted == [trips]


def test_c7_nothing_of_two_models_can_be_stored_as_one(fresh: Service) -> None:
    admin = _fill(fresh, THINGS[:1])
    second = _register(admin)
    _activate(admin, second)
    fresh.pump_ingest()
    with pytest.raises(psycopg.errors.CheckViolation):
        fresh.rows("update embeddings set embedding = embedding || embedding where model_id = %s returning 1", second)
    with pytest.raises(psycopg.errors.UniqueViolation):
        fresh.rows("update embedding_models set status = 'active' returning id")


@pytest.mark.parametrize("batches", [1, 3])
def test_c7_a_killed_worker_loses_nothing_and_nothing_is_embedded_twice(fresh: Service, batches: int) -> None:
    admin = _fill(fresh)
    second = _register(admin)
    _activate(admin, second)
    fresh.drain("ingest")
    _run_and_die(second, batches)
    stored = _vectors(fresh, second)
    assert len(stored) == batches * 2
    assert _model(admin, second)["progress"]["chunks_done"] == len(stored)
    repairs.run()
    assert fresh.drain("ingest") == [], "its lease still holds"
    _lapse(fresh)
    repairs.run()
    fresh.pump_ingest()
    _assert_whole(fresh, second)
    assert stored.items() <= _vectors(fresh, second).items()


def _run_and_die(model: int, batches: int) -> None:
    """A worker that kills itself as soon as it has stored so many batches of two chunks."""
    program = f"""
import os
from chalicelib.knowledge.embedding import reembedding

store, left = reembedding.store, [{batches}]

def last(*given):
    store(*given)
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), {int(signal.SIGKILL)})

reembedding.store, reembedding.BATCH_CHUNKS = last, 2
reembedding.run({model})
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, cwd=Path(__file__).parents[2], check=False)
    assert ended.returncode == -signal.SIGKILL


def test_c7_a_run_ends_in_time_and_requests_its_continuation(fresh: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = _fill(fresh, THINGS[:3])
    second = _register(admin)
    _activate(admin, second)
    fresh.drain("ingest")
    monkeypatch.setattr(reembedding, "BATCH_CHUNKS", 2)
    reembedding.run(second, seconds=0)
    assert _vectors(fresh, second) == {}
    (message,) = fresh.drain("ingest")
    assert json.loads(message["body"]) == {"reembed": second}
    assert fresh.invoke("ingest", [message, message]) == {"batchItemFailures": []}
    _assert_whole(fresh, second)


def test_c7_a_lost_wake_up_is_sent_again(fresh: Service) -> None:
    admin = _fill(fresh, THINGS[:2])
    second = _register(admin)
    _activate(admin, second)
    fresh.drain("ingest")
    repairs.run()
    fresh.pump_ingest()
    _assert_whole(fresh, second)
    repairs.run()
    assert fresh.drain("ingest") == []


def test_c7_what_is_written_meanwhile_reaches_both(fresh: Service) -> None:
    admin = _fill(fresh, THINGS[:3])
    pump = admin.get("/documents").json["items"][-1]["id"]
    second = _register(admin)
    _activate(admin, second)
    fresh.drain("ingest")
    reembedding.run(second, seconds=0)
    fresh.drain("ingest")
    token = reembedding.claim(second, 10_000)
    assert token is not None
    current_rows = reembedding.read(token, 10_000)
    # New, replaced and deleted while a worker has it in its hands.
    admin.add("Crane", _text("crane"))
    admin.put(f"/documents/{pump}/content", {"content": _text("pump", 20)})
    (removed,) = (item["id"] for item in admin.get("/documents").json["items"] if item["title"] == "Valve")
    assert admin.delete(f"/documents/{removed}").status == 204
    records = [record for record in fresh.drain("ingest") if "reembed" not in record["body"]]
    assert fresh.invoke("ingest", records) == {"batchItemFailures": []}
    assert _active(fresh) == 1
    _assert_finds(admin, ("pump", "crane"))
    recipe = embedding_models.recipe(second)
    assert recipe is not None
    reembedding.store(
        token, [chunk.chunk_id for chunk in current_rows], recipe.embed([chunk.chunk_text for chunk in current_rows])
    )
    reembedding.finish(token)
    assert reembedding.conclude(second) == "waiting", "the new chunks are still to be embedded"
    reembedding.run(second)
    _assert_whole(fresh, second)
    _assert_finds(admin, ("pump", "crane", "turbine"))
    assert not admin.search("valve", mode="lexical")


def test_c7_a_document_that_was_embedded_before_the_switch_and_stored_after_it_is_embedded_again(
    fresh: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = _fill(fresh, THINGS[:2])
    second = _register(admin)
    _activate(admin, second)
    fresh.drain("ingest")
    embed, used = ingestion._embed, []

    def overtaken(claim: Any, model: Any, parts: Any) -> list[Any]:
        vectors = embed(claim, model, parts)
        used.append(model.id)
        if len(used) == 1:
            reembedding.run(second)
            assert _active(fresh) == second
        return vectors

    monkeypatch.setattr(ingestion, "_embed", overtaken)
    admin.add("Crane", _text("crane"))
    assert used == [1, second]
    _assert_whole(fresh, second)
    _assert_finds(admin, ("pump", "valve", "crane"))


def test_c7_the_switch_waits_for_who_is_storing_and_then_finds_the_document_missing(fresh: Service) -> None:
    admin = _fill(fresh, THINGS[:2])
    second = _register(admin)
    _activate(admin, second)
    fresh.drain("ingest")
    _work_through(second)
    created = admin.post("/documents", {"title": "Crane", "content": _text("crane")}).json
    with _blocked(fresh, "lock table lexeme_counts in exclusive mode"):
        storing = _in_thread(lambda: fresh.pump_ingest())
        _until_waiting(fresh, "lexeme_counts")
        assert reembedding.conclude(second) == "busy", "it does not wait for long"
        assert _active(fresh) == 1
        _assert_finds(admin, ("pump", "valve"))
    storing()
    assert admin.get(f"/documents/{created['id']}").json["status"] == "completed"
    assert reembedding.conclude(second) == "waiting"
    reembedding.run(second)
    _assert_whole(fresh, second)
    _assert_finds(admin, ("pump", "valve", "crane"))


def _work_through(model: int) -> None:
    """Embed all that is queued, and stop before the conclusion."""
    recipe = embedding_models.recipe(model)
    assert recipe is not None
    while (token := reembedding.claim(model, 10_000)) is not None:
        assert reembedding.work(recipe, token, float("inf"))


def _in_thread(act: Callable[[], object]) -> Callable[[], None]:
    """Begin something; what comes back waits for its end and raises what it raised."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 — raised by who waits
            raised.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()

    def wait() -> None:
        thread.join(WAIT_SECONDS)
        assert not thread.is_alive()
        if raised:
            raise raised[0]

    return wait


@contextmanager
def _blocked(service: Service, statement: str) -> Iterator[None]:
    """Hold what this statement locks."""
    with service.database.connect("owner") as conn, conn.transaction():
        conn.execute(statement)
        yield


def _until_waiting(service: Service, table: str) -> None:
    """Until somebody waits for a lock on a table or one of its rows."""
    waiting = (
        "select count(*) from pg_locks l left join pg_locks h on h.pid = l.pid and h.granted "
        "where not l.granted and (l.relation = %(table)s::regclass or h.relation = %(table)s::regclass)"
    )
    with service.database.connect("owner") as conn:
        for _ in range(int(WAIT_SECONDS * 100)):
            if conn.execute(waiting, {"table": table}).fetchone() != (0,):
                return
            conn.execute("select pg_sleep(0.01)")
    raise AssertionError(f"nobody waits for {table}")


def test_k8_a_document_deleted_while_it_is_stored_is_never_found(fresh: Service) -> None:
    """The deletion's own statement began before the passages were there; it must hide them all the same."""
    admin = _fill(fresh, THINGS[:1])
    (document,) = admin.get("/documents").json["items"]
    admin.put(f"/documents/{document['id']}/content", {"content": _text("crane")})
    with _blocked(fresh, "lock table lexeme_counts in exclusive mode"):
        storing = _in_thread(lambda: fresh.pump_ingest())
        _until_waiting(fresh, "lexeme_counts")
        deleting = _in_thread(lambda: _assert_deleted(admin, document["id"]))
        _until_waiting(fresh, "documents")
    storing()
    deleting()
    assert fresh.rows("select count(*) from embeddings where live") == [(0,)]
    assert fresh.rows("select count(*) from chunk_terms where live") == [(0,)]
    assert admin.search("crane") == []


def _assert_deleted(user: User, document_id: str) -> None:
    assert user.delete(f"/documents/{document_id}").status == 204


def test_c7_a_document_deleted_while_it_is_embedded_stays_hidden(fresh: Service) -> None:
    admin = _fill(fresh, THINGS[:1])
    second = _register(admin)
    _activate(admin, second)
    fresh.drain("ingest")
    token = reembedding.claim(second, 10_000)
    assert token is not None
    current_rows = reembedding.read(token, 10_000)
    vectors = np.eye(256, dtype=np.float32)[: len(current_rows)]
    with _blocked(fresh, "update documents set deleted_at = now()"):
        storing = _in_thread(lambda: reembedding.store(token, [chunk.chunk_id for chunk in current_rows], vectors))
        _until_waiting(fresh, "embedding_queue")
    storing()
    assert fresh.rows("select count(*), count(*) filter (where live) from embeddings where model_id = %s", second) == [
        (len(current_rows), 0)
    ]


def test_c7_cancelled_and_taken_up_again(fresh: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = _fill(fresh)
    second, third = _register(admin), _register(admin, name="shorter", dimension=64)
    _activate(admin, second)
    busy = admin.post(f"/embedding-models/{third}/activate")
    assert (busy.status, busy.json["code"]) == (409, "model_preparing")
    refused = admin.delete(f"/embedding-models/{second}")
    assert (refused.status, refused.json["code"]) == (409, "model_preparing")
    fresh.drain("ingest")
    token = reembedding.claim(second, 6)
    assert token is not None
    current_rows = reembedding.read(token, 3)
    recipe = embedding_models.recipe(second)
    assert recipe is not None
    reembedding.store(
        token, [chunk.chunk_id for chunk in current_rows], recipe.embed([chunk.chunk_text for chunk in current_rows])
    )
    cancelled = admin.post(f"/embedding-models/{second}/cancel").json
    assert (cancelled["status"], cancelled["progress"]) == ("inactive", None)
    assert cancelled["retired_at"] is not None
    with pytest.raises(LeaseLostError):
        reembedding.store(token, [current_rows[0].chunk_id], recipe.embed([current_rows[0].chunk_text]))
    assert reembedding.conclude(second) == "gone"
    assert admin.post(f"/embedding-models/{second}/cancel").json == cancelled
    assert admin.post("/embedding-models/1/cancel").json["status"] == "active"
    _assert_finds(admin)
    stored = _vectors(fresh, second)
    assert len(stored) == 3
    again = _activate(admin, second)
    assert (again["progress"]["chunks_done"], again["retired_at"]) == (3, None)
    fresh.pump_ingest()
    _assert_whole(fresh, second)
    assert stored.items() <= _vectors(fresh, second).items()
    active = admin.post(f"/embedding-models/{second}/activate")
    assert (active.status, active.json["code"]) == (409, "model_active")


def test_c7_rolled_back_only_what_is_missing_is_embedded(fresh: Service) -> None:
    admin = _fill(fresh)
    second = _register(admin)
    _activate(admin, second)
    fresh.pump_ingest()
    remaining = _vectors(fresh, 1)
    new = admin.add("Forklift", _text("forklift"))
    assert _vectors(fresh, 1) == remaining
    started = _activate(admin, 1)
    assert started["progress"]["documents_left"] == 1
    assert started["progress"]["chunks_done"] == len(remaining)
    fresh.pump_ingest()
    _assert_whole(fresh, 1)
    after = _vectors(fresh, 1)
    assert remaining.items() <= after.items()
    assert len(after) == len(remaining) + new["chunk_count"]
    _assert_finds(admin, (*THINGS, "forklift"))


def test_c7_old_vectors_go_after_a_week_or_with_their_model(fresh: Service) -> None:
    admin = _fill(fresh, THINGS[:3])
    second = _register(admin)
    _activate(admin, second)
    fresh.pump_ingest()
    repairs.run("drop_vectors")
    assert _vectors(fresh, 1).keys() == _chunks(fresh)
    fresh.rows("update embedding_models set retired_at = now() - interval '8 days' where id = 1 returning id")
    repairs.run()
    assert _vectors(fresh, 1) == {}
    assert _model(admin, 1)["retired_at"] is None
    _assert_finds(admin, THINGS[:3])
    _activate(admin, 1)
    fresh.pump_ingest()
    _assert_whole(fresh, 1)
    assert admin.delete(f"/embedding-models/{second}").status == 204
    assert fresh.rows("select to_regclass(%s)", f"embeddings_{second}") == [(None,)]
    _assert_finds(admin, THINGS[:3])
    assert admin.post(f"/embedding-models/{second}/activate").status == 404


def test_c7_a_document_that_a_model_cannot_embed_is_reported_and_delays_no_other(fresh: Service) -> None:
    admin = _fill(fresh, THINGS[:3])
    with serving(_embeds_all_but("turbine", "400 Bad Request")) as server:
        second = _register(admin, name="picky", provider="openai", base_url=server.url, dimension=8)
        _activate(admin, second)
        for _ in range(8):
            fresh.pump_ingest()
            _lapse(fresh)
            repairs.run()
        stuck = _model(admin, second)
        assert (stuck["status"], stuck["error"]["code"]) == ("preparing", "gave_up")
        assert "not this one" in stuck["error"]["message"]
        assert (stuck["progress"]["documents_left"], stuck["progress"]["documents_failed"]) == (1, 1)
        events = "select severity, entity_id from self_healing_events where event_type = 'embedding_failed'"
        (turbine,) = (item["id"] for item in admin.get("/documents").json["items"] if item["title"] == "Turbine")
        assert fresh.rows(events) == [("critical", UUID(turbine))]
        repairs.run()
        assert fresh.drain("ingest") == [], "nobody tries for ever"
        assert len(fresh.rows(events)) == 1
        _assert_finds(admin, THINGS[:3])
        assert _active(fresh) == 1
        server.scripts[:] = [_embeds_all_but("nothing", "400 Bad Request")]
        assert _activate(admin, second)["error"] is None
        fresh.pump_ingest()
        assert _active(fresh) == second


def test_c7_an_unreachable_provider_is_reported_and_costs_no_document(fresh: Service) -> None:
    admin = _fill(fresh, THINGS[:3])
    with serving(_embeds_all_but("nothing", "")) as server:
        second = _register(admin, name="away", provider="openai", base_url=server.url, dimension=8)
        server.scripts[:] = [_embeds_all_but("", "503 Service Unavailable")]
        _activate(admin, second)
        for _ in range(7):
            fresh.pump_ingest()
            _lapse(fresh)
            repairs.run()
        blocked = _model(admin, second)
        assert (blocked["status"], blocked["error"]["code"]) == ("preparing", "embedding_failed")
        assert "status 503. not this one" in blocked["error"]["message"]
        assert blocked["progress"]["documents_failed"] == 0
        _assert_finds(admin, THINGS[:3])
        server.scripts[:] = [_embeds_all_but("nothing", "")]
        fresh.pump_ingest()
        assert _active(fresh) == second
        assert _model(admin, second)["error"] is None
        # And away again, now that questions need it.
        server.scripts[:] = [_embeds_all_but("", "503 Service Unavailable")]
        refused = admin.post("/search", {"query": "pump"})
        assert (refused.status, refused.json["code"]) == (502, "embedding_failed")


def _embeds_all_but(word: str, status: str) -> Callable[[Connection], None]:
    """A script that embeds with the built-in model, and refuses requests in which a word occurs."""

    def script(connection: Connection) -> None:
        texts = connection.request.json["input"]
        if any(word in text.lower() for text in texts):
            connection.head(status, "application/json")
            connection.send(json.dumps({"error": {"message": "not this one"}}).encode())
            return
        vectors = builtin.load().embed(texts).tolist()
        connection.head("200 OK", "application/json")
        result = {"data": [{"index": n, "embedding": vector} for n, vector in enumerate(vectors)]}
        connection.send(json.dumps(result).encode())

    return script


def test_c7_a_real_embedding_server(keeping: Service, remote: str) -> None:
    from tests.knowledge.test_embedding_models import KEY, _remote

    admin = keeping.administrator()
    admin.add("Pump", "The coolant pump is inspected every ninety days.")
    created = admin.post("/embedding-models", _remote(remote, api_key=KEY))
    assert created.status == 201, created.body
    _activate(admin, created.json["id"])
    keeping.pump_ingest()
    _assert_whole(keeping, created.json["id"])
    admin.add("Crane", "The crane carries two tons.")
    _assert_whole(keeping, created.json["id"])
    assert {hit["title"] for hit in admin.search("crane", mode="semantic", top_k=50)} == {"Crane", "Pump"}


def test_c7_a_document_that_kills_its_worker_is_tried_alone_and_given_up(fresh: Service) -> None:
    admin = _fill(fresh, THINGS[:4])
    second = _register(admin)
    _activate(admin, second)
    (poison,) = fresh.rows("select id from documents where title = 'Valve'")
    recipe = embedding_models.recipe(second)
    assert recipe is not None
    for _ in range(12):
        _lapse(fresh)
        if (token := reembedding.claim(second, 10_000)) is None:
            break
        current_rows = fresh.rows("select document_id from embedding_queue where lease_token = %s", token)
        if poison in current_rows:
            continue  # the worker dies of it
        assert len(current_rows) == 1, "what a dead worker held is tried alone"
        reembedding.work(recipe, token, float("inf"))
    assert fresh.rows("select document_id, attempts from embedding_queue") == [(poison[0], 5)]
    _lapse(fresh)
    assert repairs.run("wake_reembedding")["wake_reembedding"] == 0
    failed = _model(admin, second)
    assert (failed["error"]["code"], failed["progress"]["documents_failed"]) == ("gave_up", 1)
    assert "ended unexpectedly five times" in failed["error"]["message"]
