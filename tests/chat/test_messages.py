"""What is kept and said about messages: timing, feedback, mistakes, branches, titles, and the order of the queue."""

import json
import threading
import time
from typing import Any

import pytest

from chalicelib.chat.queue import claims
from chalicelib.core import connection
from tests.chat.answers import Answers, words
from tests.chat.llm import servers
from tests.chat.llm.servers import Connection, chunk, events, usage
from tests.service import User

PUMP = "The coolant pump P-17 is inspected every ninety days. Its seal is replaced when it leaks."
QUESTION = "How often is the coolant pump inspected?"


@pytest.fixture(scope="module")
def asker(answers: Answers) -> User:
    """A user with a document."""
    user = answers.user()
    user.add("Pump manual", PUMP)
    return user


@pytest.fixture(scope="module")
def other_user(answers: Answers) -> User:
    """Somebody else."""
    return answers.user()


@pytest.fixture
def answer(answers: Answers, asker: User) -> Any:
    """An answer of the built-in reader."""
    return answers.answered(asker, QUESTION)


def test_m8_every_stage_is_measured_by_itself(answers: Answers, asker: User) -> None:
    def slow(connection: Connection) -> None:
        time.sleep(0.15)
        connection.head()
        connection.send(events(chunk(content="Every ninety days "), done=False))
        time.sleep(0.1)
        connection.send(events(chunk(content="[1]."), chunk(finish="stop"), usage(5, 5)))

    conversation = answers.conversation(asker)
    with answers.model(words("Yes [1]."), words(QUESTION), slow) as (model, _):
        answers.answered(asker, "Is there a coolant pump?", conversation, model=model)
        queued = answers.ask(asker, "How often is it inspected?", conversation, model=model)
        answers.service.rows("update llm_jobs set created_at = created_at - interval '3 seconds' returning 1")
        answers.work()
        created = answers.check(asker, queued)
    timing = asker.get(f"/messages/{created['id']}/timing").json
    assert asker.get(f"/messages/{queued['message']['id']}/timing").json == timing
    stages = {stage["stage"]: stage for stage in timing["stages"]}
    took = {name: stage["milliseconds"] for name, stage in stages.items()}
    assert took.keys() == {"waiting", "analysis", "condensing", "retrieval", "memory", "answer", "total"}
    assert took["waiting"] >= 3000
    assert took["answer"] >= 250
    assert len(set(took.values())) == len(took), "no two are stamped together"
    own = ["analysis", "condensing", "retrieval", "memory", "answer"]
    assert sum(took[name] for name in own) <= took["total"]
    starts = [stages[name]["started_at"] for name in own]
    assert starts == sorted(starts)
    overlaps = answers.service.rows(
        "select a.stage, b.stage from timing a join timing b on a.job_id = b.job_id and a.started_at < b.started_at "
        "where a.job_id = %s and 'total' not in (a.stage, b.stage) and a.stage <> 'waiting' "
        "and a.started_at + a.milliseconds * interval '1 millisecond' > b.started_at + interval '1 millisecond'",
        queued["job"]["id"],
    )
    assert overlaps == []
    event_names = [event["event"] for event in asker.get(f"/messages/{created['id']}/trace").json["events"]]
    assert event_names == ["analysis", "first_piece", "model", "condensed", "retrieval", "first_piece", "model"]


def test_m9_only_the_owner_reads_timing_and_trace(answers: Answers, answer: Any, asker: User, other_user: User) -> None:
    trace = asker.get(f"/messages/{answer['id']}/trace").json
    assert (trace["message_id"], trace["pipeline"], trace["model"]) == (answer["id"], "qa", "extractive")
    assert trace["settings"]["num_documents_to_retrieve"] == 10
    assert trace["total_tokens_used"] == 0
    for caller in (other_user, answers.administrator):
        for path in ("", "/timing", "/trace", "/feedback"):
            assert caller.get(f"/messages/{answer['id']}{path}").status == 404
    other = answers.ask(asker, "Not answered yet?")
    assert asker.get(f"/messages/{other['message']['id']}/trace").status == 404
    assert asker.get(f"/messages/{other['message']['id']}/timing").json["stages"] == []


def test_m10_a_like_and_a_dislike_exclude_each_other_and_comments_add(answer: Any, asker: User) -> None:
    path = f"/messages/{answer['id']}/feedback"

    def votes() -> list[str]:
        return [item["kind"] for item in asker.get(path).json["items"]]

    assert asker.post(path, {"kind": "like"}).json["kind"] == "like"
    disliked = asker.post(path, {"kind": "dislike", "reasons": ["wrong_source", "incomplete"], "comment": "No page."})
    assert (disliked.json["reasons"], disliked.json["comment"]) == (["incomplete", "wrong_source"], "No page.")
    assert votes() == ["dislike"]
    assert asker.post(path, {"kind": "dislike"}).status == 204
    assert votes() == []
    for number in (1, 2):
        assert asker.post(path, {"kind": "comment", "comment": f"Comment {number}"}).status == 200
    assert asker.post(path, {"kind": "like"}).status == 200
    assert votes() == ["like", "comment", "comment"]
    for wrong in (
        {"kind": "comment"},
        {"kind": "comment", "comment": " "},
        {"kind": "love"},
        {"kind": "like", "reasons": ["because"]},
        {"kind": "like", "comment": "x" * 4001},
    ):
        assert asker.post(path, wrong).status == 422, wrong
    question = asker.post(f"/messages/{answer['parent_message_id']}/feedback", {"kind": "like"})
    assert (question.status, question.json["detail"]) == (422, "Feedback is for answers only.")


def test_m10_votes_that_come_together_leave_one(answer: Any, asker: User) -> None:
    path, statuses = f"/messages/{answer['id']}/feedback", []

    def vote(kind: str) -> None:
        statuses.append(asker.post(path, {"kind": kind}).status)
        connection.close()

    threads = [threading.Thread(target=vote, args=(kind,)) for kind in ["like", "dislike"] * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {200, 204}
    assert len(statuses) == 8
    kinds = [item["kind"] for item in asker.get(path).json["items"]]
    assert len(kinds) <= 1


def test_m10_no_user_rates_another_users_answer(answers: Answers, answer: Any, other_user: User) -> None:
    before = answers.service.rows("select count(*) from feedback")
    for caller in (other_user, answers.administrator):
        assert caller.post(f"/messages/{answer['id']}/feedback", {"kind": "like"}).status == 404
        assert caller.put(f"/messages/{answer['id']}/mistake", {"is_mistake": True}).status == 404
    assert answers.service.rows("select count(*) from feedback") == before


def test_m10_mistakes_are_marked_with_a_note_and_listed(answers: Answers, asker: User, other_user: User) -> None:
    created = [answers.answered(asker, QUESTION) for _ in range(2)]
    for number, one in enumerate(created):
        marked = asker.put(f"/messages/{one['id']}/mistake", {"is_mistake": True, "note": f"Wrong {number}"}).json
        assert (marked["is_mistake"], marked["mistake_note"]) == (True, f"Wrong {number}")
    listed = asker.get("/mistakes?limit=1").json
    assert [item["id"] for item in listed["items"]] == [created[1]["id"]]
    rest = asker.get(f"/mistakes?limit=1&cursor={listed['next_cursor']}").json
    assert [item["mistake_note"] for item in rest["items"]] == ["Wrong 0"]
    cleared = asker.put(f"/messages/{created[1]['id']}/mistake", {"is_mistake": False, "note": "ignored"}).json
    assert (cleared["is_mistake"], cleared["mistake_note"]) == (False, None)
    assert asker.delete(f"/conversations/{created[0]['conversation_id']}").status == 204
    assert asker.get("/mistakes").json["items"] == other_user.get("/mistakes").json["items"] == []


def test_m12_regenerating_and_editing_make_branches(answers: Answers, asker: User) -> None:
    conversation = answers.conversation(asker)
    first = answers.answered(asker, QUESTION, conversation)
    other = asker.post(f"/messages/{first['id']}/regenerate", {}).json
    same = asker.post(f"/messages/{first['parent_message_id']}/regenerate", {"pipeline": "search"}).json
    answers.work()
    assert {other["message"]["id"], same["message"]["id"]} == {first["parent_message_id"]}
    answers.check(asker, other)
    result = answers.check(asker, same)
    assert (result["content"], result["pipeline"]) == ("", "search")
    edit = answers.answered(asker, "How is its seal replaced?", conversation, parent_message_id=first["id"])
    beside = answers.ask(asker, "What about the pump's seal?", conversation, parent_message_id=first["id"])
    answers.work()
    items = answers.messages(asker, conversation)
    parents = [item["parent_message_id"] for item in items]
    assert parents.count(first["parent_message_id"]) == 3
    assert parents.count(first["id"]) == 2
    assert edit["parent_message_id"] != beside["message"]["id"]
    displayed = asker.get(f"/conversations/{conversation}").json
    assert displayed["message_count"] == len(items) == 8
    assert displayed["title"] == QUESTION
    assert asker.get(f"/messages/{first['parent_message_id']}").json["content"] == QUESTION


def test_m12_a_question_that_is_sent_early_waits_for_the_answer_before_and_follows_it(
    answers: Answers, asker: User
) -> None:
    scripts = (words("Every ninety days."), words("When it leaks."), words("In spring."))
    with answers.model(*scripts, words("Again.")) as (model, server):
        conversation = answers.conversation(asker, active_model=model)
        queued = [answers.ask(asker, text, conversation) for text in (QUESTION, "And its seal?", "And the valve?")]
        claim = claims.claim()
        assert claim is not None
        assert claims.claim() is None, "the other two wait for the answer to the first"
        assert asker.get(f"/jobs/{queued[1]['job']['id']}").json["position"] is None
        answers.service.rows("update llm_queue set leased_until = now() where job_id = %s returning 1", claim.job_id)
        answers.work()
        for item in queued:
            answers.check(asker, item)
        prompts = [request.json["messages"] for request in server.requests]
    items = {item["id"]: item for item in answers.messages(asker, conversation)}
    last = max(items.values(), key=lambda item: item["id"])
    branch = []
    while last is not None:
        branch.append(last["content"])
        last = items.get(last["parent_message_id"])
    assert len(branch) == len(items) == 6, "one thread without a branch"
    assert branch[::2][::-1] == [items_of["content"] for items_of in items.values() if items_of["role"] == "assistant"]
    assert "Every ninety days." in str(prompts[1])


def test_m12_an_early_question_is_woken_when_the_one_before_ends_also_without_an_answer(
    answers: Answers, asker: User
) -> None:
    conversation = answers.conversation(asker)
    failing = answers.ask(asker, QUESTION, conversation, pipeline="agent")  # which requires a language model
    early = answers.ask(asker, QUESTION, conversation)
    first, *_ = answers.service.drain("answer")
    answers.service.invoke("answer", [first])
    assert asker.get(f"/jobs/{failing['job']['id']}").json["error"]["code"] == "needs_model"
    woken = answers.service.drain("answer")
    assert {"job_id": early["job"]["id"]} in [json.loads(record["body"]) for record in woken]
    answers.service.invoke("answer", woken)
    answer = answers.check(asker, early)
    assert asker.get(f"/messages/{answer['parent_message_id']}").json["parent_message_id"] == failing["message"]["id"]


def test_m12_an_early_question_is_woken_when_the_one_before_is_cancelled(answers: Answers, asker: User) -> None:
    conversation = answers.conversation(asker)
    cancelled, early = (answers.ask(asker, QUESTION, conversation) for _ in range(2))
    answers.service.drain("answer")
    assert asker.delete(f"/jobs/{cancelled['job']['id']}").status == 200
    woken = answers.service.drain("answer")
    assert {"job_id": early["job"]["id"]} in [json.loads(record["body"]) for record in woken]
    answers.service.invoke("answer", woken)
    answers.check(asker, early)


def test_tick_does_not_take_a_question_that_waits_for_another_one_for_lost(answers: Answers, asker: User) -> None:
    conversation = answers.conversation(asker)
    _, early = (answers.ask(asker, QUESTION, conversation) for _ in range(2))
    claim = claims.claim()
    assert claim is not None
    answers.service.rows("update llm_queue set woken_at = now() - interval '1 hour' returning 1")
    answers.service.tick()
    noticed = "select 1 from self_healing_events where entity_id = %s"
    assert answers.service.rows(noticed, early["job"]["id"]) == []
    answers.service.rows("update llm_queue set leased_until = now() where job_id = %s returning 1", claim.job_id)
    answers.work()


def test_m12_conversations_are_renamed_archived_deleted_and_restored(answers: Answers, other_user: User) -> None:
    remaining, removed = (answers.conversation(other_user) for _ in range(2))
    answers.answered(other_user, QUESTION, removed)

    def change(conversation: str, **changes: Any) -> Any:
        return other_user.request("PATCH", f"/conversations/{conversation}", changes)

    def listed(query: str = "") -> list[str]:
        return [item["id"] for item in other_user.get(f"/conversations{query}").json["items"]]

    assert change(remaining, title="  Pumps  ").json["title"] == "Pumps"
    assert change(remaining, is_archived=True).json["is_archived"] is True
    assert (listed(), listed("?archived=true")) == ([removed], [remaining])
    assert change(remaining, is_archived=False).json["is_archived"] is False
    assert other_user.delete(f"/conversations/{removed}").status == 204
    assert (listed(), listed("?deleted=true")) == ([remaining], [removed])
    assert change(removed, title="No").status == 404
    restored = other_user.post(f"/conversations/{removed}/restore", {})
    assert (restored.status, restored.json["message_count"]) == (200, 2)
    assert len(answers.messages(other_user, removed)) == 2
    answers.service.rows(
        "update conversations set deleted_at = now() - interval '31 days' where id = %s returning 1", removed
    )
    assert other_user.post(f"/conversations/{removed}/restore", {}).status == 404


def test_m2_an_administrator_orders_the_queue_without_reading_it(
    answers: Answers, asker: User, other_user: User
) -> None:
    answers.work()
    jobs = [answers.ask(caller, QUESTION)["job"]["id"] for caller in (asker, asker, other_user)]
    before = asker.get("/queue").json
    assert (before["waiting"], before["mine"], before["processing"]) == (3, 2, 0)
    assert other_user.get("/queue").json["mine"] == 1
    assert asker.request("PATCH", f"/jobs/{jobs[1]}", {"priority": 5}).status == 403
    moved = answers.administrator.request("PATCH", f"/jobs/{jobs[1]}", {"priority": 5})
    assert (moved.status, moved.body) == (204, b"")
    assert answers.administrator.get(f"/jobs/{jobs[1]}").status == 404
    assert (asker.get(f"/jobs/{jobs[1]}").json["priority"], asker.get(f"/jobs/{jobs[1]}").json["position"]) == (5, 1)
    for wrong in (11, -11, "high", None):
        assert answers.administrator.request("PATCH", f"/jobs/{jobs[1]}", {"priority": wrong}).status == 422
    answers.work()
    order = answers.service.rows("select id::text from llm_jobs where id = any (%s::uuid[]) order by started_at", jobs)
    assert order[0] == (jobs[1],)
    ended = answers.administrator.request("PATCH", f"/jobs/{jobs[1]}", {"priority": 1})
    assert (ended.status, ended.json["code"]) == (409, "job_finished")
    (audited,) = answers.service.rows("select details from audit_logs where action = 'job.prioritised'")
    assert audited == ({"priority": 5},)
    after = asker.get("/queue").json
    assert (after["waiting"], after["mine"], after["oldest_wait_ms"]) == (0, 0, None)
    assert after["finished_last_hour"] >= 3
    assert 0 <= after["wait_p50_ms"] <= after["wait_p95_ms"]


def test_an_administrator_lists_everybodys_jobs_without_a_word_of_a_conversation(
    answers: Answers, asker: User, other_user: User
) -> None:
    first, second = (answers.ask(caller, QUESTION)["job"]["id"] for caller in (asker, other_user))
    assert asker.get("/jobs").status == 403
    listed = answers.administrator.get("/jobs?status=pending").json["items"]
    assert [(job["id"], job["user_id"]) for job in listed] == [(second, str(other_user.id)), (first, str(asker.id))]
    claim = claims.claim()
    assert claim is not None
    begin = "update llm_jobs set status = 'processing', started_at = now() where id = %s returning 1"
    answers.service.rows(begin, claim.job_id)

    def ids(status: str) -> list[str]:
        return [job["id"] for job in answers.administrator.get(f"/jobs?status={status}").json["items"]]

    assert (ids("processing"), ids("pending")) == ([first], [second])
    answers.service.rows("update llm_queue set leased_until = now() where job_id = %s returning 1", claim.job_id)
    assert (ids("processing"), ids("pending")) == ([], [second, first]), "its worker is gone"
    answers.work()
    (done,) = [job for job in answers.administrator.get("/jobs?status=completed").json["items"] if job["id"] == first]
    assert (done["status"], done["model"], done["attempts"], done["error_code"]) == ("completed", "extractive", 2, None)
    assert done["created_at"] <= done["started_at"] <= done["finished_at"]
    assert answers.administrator.get("/jobs?status=pending").json["items"] == []
    assert answers.administrator.get("/jobs?model=another").json["items"] == []
    page = answers.administrator.get("/jobs?limit=1").json
    rest = answers.administrator.get(f"/jobs?cursor={page['next_cursor']}").json["items"]
    assert [job["id"] for job in page["items"] + rest][:2] == [second, first]
    assert QUESTION not in str(answers.administrator.get("/jobs").json)


def test_c6_testing_a_model_returns_its_answer_or_the_error(answers: Answers) -> None:
    administrator = answers.administrator

    def attempts_of(name: str) -> Any:
        (llm,) = [item["id"] for item in administrator.get("/llms").json["items"] if item["name"] == name]
        return administrator.post(f"/llms/{llm}/test")

    assert "ninety days" in attempts_of("extractive").json["sample"]
    with answers.model(words("Hello", " there"), servers.fails("401 Unauthorized", {})) as (model, _):
        answered = attempts_of(model)
        assert (answered.status, answered.json["model"], answered.json["sample"]) == (
            200,
            "served-model",
            "Hello there",
        )
        refused = attempts_of(model)
    assert (refused.status, refused.json["code"], refused.json["reason"]) == (502, "model_failed", "wrong_key")
    assert refused.json["detail"] == "The provider does not accept the key."
    assert answers.service.rows("select 1 from usage where model = %s", model) == []


def test_m12_the_first_question_is_edited_beside_it(answers: Answers, asker: User) -> None:
    conversation = answers.conversation(asker)
    first = answers.answered(asker, QUESTION, conversation)
    edited = answers.answered(asker, "How is its seal replaced?", conversation, parent_message_id=None)
    follows = answers.answered(asker, "And when?", conversation)
    parents = {item["id"]: item["parent_message_id"] for item in answers.messages(asker, conversation)}
    assert parents[first["parent_message_id"]] is None
    assert parents[edited["parent_message_id"]] is None
    assert parents[follows["parent_message_id"]] == edited["id"], "the conversation goes on where it was last"


def test_m12_a_deleted_conversation_is_not_answered_and_emits_nothing(answers: Answers, asker: User) -> None:
    conversation = answers.conversation(asker)
    done = answers.ask(asker, QUESTION, conversation)["job"]["id"]
    answers.work()
    with answers.model(words("Never said.")) as (model, server):
        waits = answers.ask(asker, QUESTION, conversation, model=model)["job"]["id"]
        assert asker.delete(f"/conversations/{conversation}").status == 204
        answers.work()
        assert server.requests == []
    assert [asker.get(f"/jobs/{job}/events").status for job in (done, waits)] == [404, 404]
    assert asker.post(f"/conversations/{conversation}/restore", {}).status == 200
    assert asker.get(f"/jobs/{waits}").json["status"] == "cancelled"
    assert asker.get(f"/jobs/{done}/events").status == 200


def test_m1_regenerating_and_commenting_twice_with_one_key_happens_once(answers: Answers, asker: User) -> None:
    answer = answers.answered(asker, QUESTION)
    for path, body in (("regenerate", {}), ("feedback", {"kind": "comment", "comment": "Good."})):
        key = {"Idempotency-Key": f"key-for-{path}-{answer['id']}"}
        sent = [asker.request("POST", f"/messages/{answer['id']}/{path}", body, key) for _ in range(2)]
        assert [reply.status for reply in sent] == [202 if path == "regenerate" else 200] * 2
        first, second = (reply.json for reply in sent)
        assert first.get("job", first)["id"] == second.get("job", second)["id"]
    assert len(asker.get(f"/messages/{answer['id']}/feedback").json["items"]) == 1
    answers.work()
    assert [item["role"] for item in answers.messages(asker, answer["conversation_id"])].count("assistant") == 2
