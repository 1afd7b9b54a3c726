"""Conversations end to end in one process: ask, queue, answer, stream, cancel, survive (M1, M2, M3, M4, M6)."""

import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from chalicelib.chat.answering import answering, event_stream
from chalicelib.chat.queue import claims, enqueueing, sse
from chalicelib.chat.queue.job_events import RetrievalEvent, TokenEvent
from chalicelib.chat.queue.models import NewMessage
from chalicelib.core import connection, errors, identity, process
from chalicelib.core.errors import LeaseLostError
from tests.service import Service, User

PUMP = "The coolant pump P-17 is inspected every ninety days. Its seal is replaced when it leaks."
QUESTION = "How often is the coolant pump inspected?"


def _conversation(user: User) -> str:
    created = user.post("/conversations", {})
    assert created.status == 201
    return str(created.json["id"])


def _ask(user: User, content: str = QUESTION, conversation: str | None = None) -> Any:
    answer = user.post(f"/conversations/{conversation or _conversation(user)}/messages", {"content": content})
    assert answer.status == 202, answer.body
    return answer.json


def _messages(user: User, queued: Any) -> list[Any]:
    items: list[Any] = user.get(f"/conversations/{queued['message']['conversation_id']}/messages").json["items"]
    return items


def _parse(stream: bytes) -> list[tuple[int, str, Any]]:
    events = []
    for block in stream.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith((":", "retry")))
        if fields:
            events.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return events


def _stream(user: User, job_id: str) -> list[tuple[int, str, Any]]:
    """Every event, reconnecting after each response as an EventSource client does."""
    events: list[tuple[int, str, Any]] = []
    while True:
        headers = {"Last-Event-ID": str(events[-1][0])} if events else {}
        response = user.get(f"/jobs/{job_id}/events", headers)
        if response.status == 204:
            return events
        assert response.headers["Content-Type"] == "text/event-stream"
        events += _parse(response.body)


def test_m1_a_question_is_stored_and_queued_before_anything_else(service: Service) -> None:
    user = service.user()
    queued = _ask(user)
    assert queued["message"]["role"] == "user"
    assert (queued["job"]["status"], queued["job"]["message_id"]) == ("pending", queued["message"]["id"])
    assert user.get(f"/jobs/{queued['job']['id']}").json["position"] == 1
    assert [message["content"] for message in _messages(user, queued)] == [QUESTION]


def test_m6_an_answer_cites_what_was_retrieved(service: Service) -> None:
    user = service.user()
    document = user.add("Pump manual", PUMP)
    queued = _ask(user)
    service.pump_answer()
    question, answer = _messages(user, queued)
    assert (answer["role"], answer["parent_message_id"]) == ("assistant", question["id"])
    assert "ninety days" in answer["content"]
    assert "[1]" in answer["content"]
    source = answer["sources"][0]
    assert (source["number"], source["document_id"], source["title"]) == (1, document["id"], "Pump manual")
    assert source["quote"] in PUMP
    chunks = user.get(f"/documents/{document['id']}/chunks").json["items"]
    assert source["chunk_id"] in {chunk["id"] for chunk in chunks}
    job = user.get(f"/jobs/{queued['job']['id']}").json
    assert (job["status"], job["answer_id"], job["error"]) == ("completed", answer["id"], None)


def test_m6_without_support_it_says_so(service: Service) -> None:
    user = service.user()
    user.add("Pump manual", PUMP)
    queued = _ask(user, "Who wrote the opera about the flying Dutchman?")
    service.pump_answer()
    answer = _messages(user, queued)[1]
    assert "do not answer" in answer["content"]
    assert answer["sources"] == []


def test_m3_the_stream_has_every_event_once_and_in_order(service: Service) -> None:
    user = service.user()
    user.add("Pump manual", PUMP)
    queued = _ask(user)
    service.pump_answer()
    events = _stream(user, queued["job"]["id"])
    assert [number for number, _, _ in events] == list(range(1, len(events) + 1))
    kinds = [kind for _, kind, _ in events]
    assert (kinds[0], kinds[-1]) == ("meta", "done")
    assert kinds.index("retrieval") < kinds.index("token")
    answer = _messages(user, queued)[1]
    assert "".join(data["text"] for _, kind, data in events if kind == "token") == answer["content"]
    assert events[-1][2]["message_id"] == answer["id"]


def test_m3_resuming_after_any_event_misses_and_repeats_nothing(service: Service) -> None:
    user = service.user()
    user.add("Pump manual", PUMP)
    queued = _ask(user)
    service.pump_answer()
    events = _stream(user, queued["job"]["id"])
    for observed in range(1, len(events)):
        service.forget_connection()  # any other instance
        resumed = user.get(f"/jobs/{queued['job']['id']}/events", {"Last-Event-ID": str(observed)})
        assert _parse(resumed.body) == events[observed:]
        assert _parse(user.get(f"/jobs/{queued['job']['id']}/events?after={observed}").body) == events[observed:]


def test_m3_a_waiting_stream_hears_the_first_event(service: Service) -> None:
    user = service.user()
    queued = _ask(user)
    received: list[str | None] = []

    def read_events() -> None:
        session = uuid.UUID(service.rows("select id::text from sessions")[0][0])
        token = identity.caller.set(identity.Caller(identity.Credential(identity.SessionId(session)), "read"))
        try:
            received.append(sse.wait_for_events(uuid.UUID(queued["job"]["id"]), 1))
        finally:
            identity.caller.reset(token)
            connection.close()

    listener = threading.Thread(target=read_events)
    listener.start()
    service.pump_answer()
    listener.join(timeout=20)
    assert received[0] is not None
    assert _parse(received[0].encode())[0][0] == 2


@pytest.mark.parametrize("provided", ["x", "-1", "1.5", "9" * 12, "١"])
def test_m3_a_wrong_last_event_id_is_a_clear_error(service: Service, provided: str) -> None:
    user = service.user()
    queued = _ask(user)
    answer = user.get(f"/jobs/{queued['job']['id']}/events", {"Last-Event-ID": provided})
    assert (answer.status, answer.json["code"]) == (400, "bad_request")


def test_m2_doubled_and_late_wakeups_answer_once(service: Service) -> None:
    user = service.user()
    user.add("Pump manual", PUMP)
    queued = _ask(user)
    records = service.drain("answer")
    for _ in range(3):
        service.invoke("answer", records * 2)
    assert len(_messages(user, queued)) == 2
    assert service.rows("select count(*) from llm_queue") == [(0,)]


def test_m2_parallel_workers_answer_each_question_once(service: Service) -> None:
    user = service.user()
    user.add("Pump manual", PUMP)
    queued = [_ask(user, f"{QUESTION} ({n})") for n in range(6)]
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while answering.answer_next():
                pass
        except BaseException as error:  # noqa: BLE001
            failures.append(error)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    for one in queued:
        assert [message["role"] for message in _messages(user, one)] == ["user", "assistant"]


def test_m2_a_crashed_answer_is_resumed_without_repeating_itself(service: Service) -> None:
    user = service.user()
    user.add("Pump manual", PUMP)
    queued = _ask(user)
    claim = claims.claim()
    assert claim is not None
    with identity.as_user(user.id) as conn:
        claims.start(conn, claim)
        claims.append_events(conn, claim, [RetrievalEvent(sources=[]), TokenEvent(text="The coolant pump ")])
    # … and here the worker dies: its lease runs out.
    service.rows("update llm_queue set leased_until = now() returning job_id")
    service.pump_answer()
    answer = _messages(user, queued)[1]
    events = _stream(user, queued["job"]["id"])
    restart = max((number for number, kind, data in events if kind == "meta" and data.get("restart")), default=0)
    text = "".join(data["text"] for number, kind, data in events if kind == "token" and number > restart)
    assert text == answer["content"]
    assert [kind for _, kind, _ in events].count("done") == 1
    with pytest.raises(LeaseLostError), identity.as_user(user.id) as conn:
        claims.complete(conn, claim, "too late", {}, cancelled=False)
    assert len(_messages(user, queued)) == 2


def test_m2_poison_ends_failed_with_a_reason_and_a_dead_letter(service: Service) -> None:
    user = service.user()
    queued = _ask(user)
    for _ in range(claims.MAX_ATTEMPTS):
        assert claims.claim() is not None
        service.rows("update llm_queue set leased_until = now() returning job_id")
    service.pump_answer()
    job = user.get(f"/jobs/{queued['job']['id']}").json
    assert (job["status"], job["error"]["code"]) == ("failed", "gave_up")
    events = _stream(user, queued["job"]["id"])
    assert events[-1][1] == "error"
    assert events[-1][2]["code"] == "gave_up"
    (dead,) = service.drain("answer-dead")
    assert json.loads(dead["body"])["job_id"] == queued["job"]["id"]


def test_m2_priority_then_turn_then_age(service: Service) -> None:
    eager, patient, urgent = service.user(), service.user(), service.user()
    many = [_ask(eager, f"eager {n}")["job"]["id"] for n in range(4)]
    one = _ask(patient)["job"]["id"]
    first = _ask(urgent)["job"]["id"]
    service.rows("update llm_queue set priority = 5 where job_id = %s returning job_id", first)
    order = []
    while (claim := claims.claim()) is not None:
        order.append(str(claim.job_id))
        with identity.as_user(claim.user_id) as conn:
            claims.start(conn, claim)
            claims.complete(conn, claim, "answered", {}, cancelled=False)
    assert order == [first, many[0], one, *many[1:]]


def test_m2_a_user_being_answered_does_not_keep_others_waiting(service: Service) -> None:
    eager, patient = service.user(), service.user()
    for n in range(4):
        _ask(eager, f"eager {n}")
    waiting = _ask(patient)["job"]["id"]
    order = [str(claim.job_id) for claim in (claims.claim(), claims.claim()) if claim]
    assert waiting == order[1]
    assert patient.get(f"/jobs/{waiting}").json["position"] is None


def test_m2_a_full_queue_says_when_to_come_back(service: Service) -> None:
    user, other = service.user(), service.user()
    conversation = _conversation(user)
    for n in range(enqueueing.MAX_WAITING_OF_USER):
        _ask(user, f"question {n}", conversation)
    refused = user.post(f"/conversations/{conversation}/messages", {"content": "one more"})
    assert (refused.status, refused.json["code"]) == (429, "queue_full")
    assert int(refused.headers["Retry-After"]) > 0
    assert service.rows("select count(*) from messages where content = 'one more'") == [(0,)]
    _ask(other)


def test_m4_cancelling_a_waiting_job_ends_it_at_once(service: Service) -> None:
    user = service.user()
    queued = _ask(user)
    path = f"/jobs/{queued['job']['id']}"
    assert user.delete(path).json["status"] == "cancelled"
    assert [kind for _, kind, _ in _stream(user, queued["job"]["id"])] == ["meta", "cancelled"]
    service.pump_answer()
    assert len(_messages(user, queued)) == 1
    again = user.delete(path)
    assert (again.status, again.json["code"]) == (409, "job_finished")


def test_m4_cancelling_during_the_answer_keeps_its_text(service: Service) -> None:
    user = service.user()
    queued = _ask(user)
    claim = claims.claim()
    assert claim is not None
    stream = event_stream.EventStream(claim, "")
    with identity.as_user(user.id) as conn:
        claims.start(conn, claim)
    stream.emit_token("This much ")
    stream.flush()
    user.delete(f"/jobs/{queued['job']['id']}")
    with pytest.raises(event_stream.CancelledError):
        stream.flush()
    with identity.as_user(user.id) as conn:
        claims.complete(conn, claim, stream.content, {}, cancelled=True)
    assert user.get(f"/jobs/{queued['job']['id']}").json["status"] == "cancelled"
    assert _messages(user, queued)[1]["content"] == "This much "
    assert _stream(user, queued["job"]["id"])[-1][1] == "cancelled"


def test_o2_a_lost_wakeup_is_sent_again(service: Service) -> None:
    user = service.user()
    queued = _ask(user)
    service.drain("answer")  # lost
    service.tick()
    assert service.drain("answer") == [], "patience first"
    service.rows("update llm_queue set woken_at = now() - interval '1 hour' returning job_id")
    service.tick()
    (message,) = service.drain("answer")
    assert json.loads(message["body"]) == {"job_id": queued["job"]["id"]}
    assert service.rows("select event_type, severity, entity_id::text from self_healing_events") == [
        ("wakeup_lost", "warning", queued["job"]["id"])
    ]


def test_o2_a_dead_workers_job_is_freed(service: Service) -> None:
    user = service.user()
    queued = _ask(user)
    service.drain("answer")
    assert claims.claim() is not None
    service.rows("update llm_queue set leased_until = now() returning job_id")
    service.tick()
    service.pump_answer()
    assert user.get(f"/jobs/{queued['job']['id']}").json["status"] == "completed"
    assert service.rows("select event_type from self_healing_events") == [("lease_lapsed",)]


def test_a_question_survives_a_queue_that_cannot_be_reached(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    user = service.user()
    conversation = _conversation(user)
    monkeypatch.setenv("ALCOVE_ANSWER_QUEUE_URL", "http://127.0.0.1:9/000000000000/nobody-listens")
    process.forget()
    queued = _ask(user, conversation=conversation)
    monkeypatch.setenv("ALCOVE_ANSWER_QUEUE_URL", service.queues["answer"])
    process.forget()
    service.rows("update llm_queue set woken_at = now() - interval '1 hour' returning job_id")
    service.tick()
    service.pump_answer()
    assert user.get(f"/jobs/{queued['job']['id']}").json["status"] == "completed"


def test_another_users_conversation_and_job_are_not_there(service: Service) -> None:
    owner, other_user = service.user(), service.user()
    queued = _ask(owner)
    conversation, job = queued["message"]["conversation_id"], queued["job"]["id"]
    before = service.dump()
    for method, path, body in (
        ("GET", f"/conversations/{conversation}", None),
        ("DELETE", f"/conversations/{conversation}", None),
        ("GET", f"/conversations/{conversation}/messages", None),
        ("POST", f"/conversations/{conversation}/messages", {"content": "mine now"}),
        ("GET", f"/jobs/{job}", None),
        ("GET", f"/jobs/{job}/events", None),
        ("DELETE", f"/jobs/{job}", None),
    ):
        answer = other_user.request(method, path, body)
        assert (answer.status, answer.json["code"]) == (404, "not_found"), (method, path)
    own = other_user.post("/conversations", {}).json["id"]
    grafted = other_user.post(
        f"/conversations/{own}/messages", {"content": "hello", "parent_message_id": queued["message"]["id"]}
    )
    assert grafted.status == 404
    service.rows("delete from conversations where id = %s returning id", own)
    assert service.dump() == before


def test_conversations_are_titled_counted_listed_and_deleted(service: Service) -> None:
    user = service.user()
    queued = _ask(user, "  How often\nis the pump inspected?  ")
    conversation = queued["message"]["conversation_id"]
    service.pump_answer()
    displayed = user.get(f"/conversations/{conversation}").json
    assert (displayed["title"], displayed["message_count"]) == ("How often is the pump inspected?", 2)
    named = user.post("/conversations", {"title": "Named"}).json["id"]
    _ask(user, conversation=named)
    assert user.get(f"/conversations/{named}").json["title"] == "Named"
    assert [item["id"] for item in user.get("/conversations").json["items"]] == [named, conversation]
    assert user.delete(f"/conversations/{conversation}").status == 204
    assert user.get(f"/conversations/{conversation}").status == 404
    assert user.get(f"/conversations/{conversation}/messages").status == 404
    refused = user.post(f"/conversations/{conversation}/messages", {"content": "still there?"})
    assert refused.status == 404


def test_an_idempotency_key_queues_one_question(service: Service) -> None:
    user = service.user()
    conversation = _conversation(user)
    key = {"Idempotency-Key": "ask-once"}
    path, body = f"/conversations/{conversation}/messages", {"content": QUESTION}
    first, again = user.post(path, body, key), user.post(path, body, key)
    assert first.json["message"]["id"] == again.json["message"]["id"]
    assert first.json["job"]["id"] == again.json["job"]["id"]
    assert service.rows("select count(*) from llm_jobs") == [(1,)]


def test_no_content_is_logged(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    user = service.user(password="unmistakable-password")
    user.add("Unmistakable title", "An unmistakable sentence about the coolant pump.")
    _ask(user, "What unmistakable thing is asked?")
    service.pump_answer()
    logged = "\n".join(str(vars(record)) for record in caplog.records)
    assert "job answered" in logged
    assert "document ingested" in logged
    for secret in ("nmistakable", user.access_token, user.refresh_token, user.email):
        assert secret not in logged


def test_m1_the_limit_of_waiting_questions_holds_for_parallel_ones(service: Service) -> None:
    user = service.user()
    conversation = user.post("/conversations", {}).json["id"]

    def ask(number: int) -> bool:
        try:
            with identity.as_user(user.id) as conn:
                enqueueing.enqueue(conn, UUID(conversation), NewMessage(content=f"Question {number}?"))
        except errors.TooManyRequests:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        used = list(pool.map(ask, range(enqueueing.MAX_WAITING_OF_USER + 16)))
    assert sum(used) == enqueueing.MAX_WAITING_OF_USER
    assert service.rows("select count(*) from llm_queue") == [(enqueueing.MAX_WAITING_OF_USER,)]
