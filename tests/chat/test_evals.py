"""Evaluations: sets of questions, runs through the real pipeline, measures with intervals, comparisons (E1)."""

import json
import uuid
from typing import Any

import pytest

from chalicelib.chat.evals import measures, runs, sets
from chalicelib.chat.evals.measures import AnswerOutcome, Expectation
from tests.chat.answers import Answers, words
from tests.service import User

PUMP = "The coolant pump P-17 is inspected every ninety days. Replace its seal when it leaks."
VALVE = "Valve V-3 closes at six bar. It must be tested twice a year by the safety officer."


def _user(answers: Answers) -> tuple[User, dict[str, str]]:
    user = answers.user()
    pump = user.add("Pump manual", PUMP)["id"]
    valve = user.add("Valve manual", VALVE, source_id="valve-3")["id"]
    return user, {"pump": pump, "valve": valve}


def _set(user: User, *questions: dict[str, Any]) -> str:
    created = user.post("/evals/sets", {"name": "Questions", "questions": list(questions)})
    assert created.status == 201, created.body
    return str(created.json["id"])


def _run(answers: Answers, user: User, set_id: str, **more: Any) -> Any:
    started = user.post("/evals/runs", {"set_id": set_id} | more)
    assert started.status == 202, started.body
    run = started.json
    for _ in range(20):
        answers.work()
        run = user.post(f"/evals/runs/{run['id']}/advance").json
        if run["status"] != "running":
            break
    return run


def test_e1_a_run_asks_every_question_and_measures_the_answers(answers: Answers) -> None:
    user, ids = _user(answers)
    set_id = _set(
        user,
        {
            "question": "How often is the coolant pump inspected?",
            "expected_documents": [ids["pump"]],
            "expected_words": ["Ninety  days", "every week"],
        },
        {"question": "At how many bar does valve V-3 close?", "expected_documents": [ids["valve"]]},
        {"question": "Who repairs turbine T-99?", "should_decline": True},
    )
    run = _run(answers, user, set_id, name="First")
    assert (run["status"], run["finished_count"], run["failed_count"], run["name"]) == ("completed", 3, 0, "First")
    means = {name: value["mean"] for name, value in run["measures"].items()}
    assert (means["recall"], means["mrr"], means["citation_precision"], means["words"]) == (1.0, 1.0, 1.0, 0.5)
    assert (means["abstention"], means["failures"], means["cost_usd"]) == (1.0, 0.0, 0.0)
    assert {name: value["questions"] for name, value in run["measures"].items()}["recall"] == 2
    assert means["milliseconds"] > 0
    results = user.get(f"/evals/runs/{run['id']}/results").json["items"]
    assert results[0]["question"] == "How often is the coolant pump inspected?"
    assert results[0]["cited_documents"] == [ids["pump"]]
    assert "ninety days" in results[0]["answer"]
    assert user.get("/conversations").json["items"] == []
    assert user.get("/conversations?archived=true").json["items"] == [], "a measured conversation is deleted"


def test_e1_questions_wait_behind_all_others_and_few_at_once(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "IN_FLIGHT", 2)
    user, _ = _user(answers)
    set_id = _set(user, *({"question": f"What closes at {n} bar?"} for n in range(5)))
    run = user.post("/evals/runs", {"set_id": set_id}).json
    priorities = answers.service.rows("select priority from llm_queue where user_id = %s", user.id)
    assert priorities == [(-10,), (-10,)]
    answers.work()
    answers.service.tick()
    assert user.get(f"/evals/runs/{run['id']}").json["finished_count"] == 2
    assert answers.service.rows("select count(*) from llm_queue where user_id = %s", user.id) == [(2,)]
    for _ in range(3):
        answers.work()
        answers.service.tick()
    assert user.get(f"/evals/runs/{run['id']}").json["status"] == "completed"


def test_e1_settings_of_a_run_hold_and_two_runs_are_compared(answers: Answers) -> None:
    user, ids = _user(answers)
    questions = [
        {"question": f"How often is pump P-17 inspected, case {n}?", "expected_documents": [ids["pump"]]}
        for n in (1, 2)
    ]
    set_id = _set(user, *questions)
    first = _run(answers, user, set_id)
    filtered = _run(answers, user, set_id, filters={"documents": [ids["valve"]]})
    searching = _run(answers, user, set_id, settings={"active_pipeline": "search"})
    assert filtered["measures"]["recall"]["mean"] == 0.0
    assert searching["status"] == "completed"
    compared = user.get(f"/evals/runs/{first['id']}/comparisons/{filtered['id']}").json["differences"]
    assert compared["recall"] == {"mean": 1.0, "low": 1.0, "high": 1.0, "questions": 2}
    assert user.post("/evals/runs", {"set_id": set_id, "settings": {"active_model": "none"}}).status == 422
    other = answers.user()
    assert other.get(f"/evals/runs/{first['id']}/comparisons/{filtered['id']}").status == 404


def test_e1_a_run_stops_when_its_budget_is_spent(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "IN_FLIGHT", 1)
    user, _ = _user(answers)
    set_id = _set(user, *({"question": f"How often is pump P-{n} inspected?"} for n in (17, 17, 17)))
    prices = {"prompt_price": 900.0, "completion_price": 900.0}
    with answers.model(words("Every ninety days [1]."), **prices) as (model, server):
        run = _run(answers, user, set_id, settings={"active_model": model}, budget_usd=0.01)
        assert len(server.requests) == 1
    assert (run["status"], run["finished_count"]) == ("stopped", 1)
    assert run["cost_usd"] >= 0.01
    assert "budget" in run["reason"]


def test_e1_a_failure_is_measured_and_a_cancelled_run_asks_no_more(answers: Answers) -> None:
    user, _ = _user(answers)
    set_id = _set(user, {"question": "How often is the coolant pump inspected?"})
    run = user.post("/evals/runs", {"set_id": set_id}).json
    (job,) = answers.service.rows("select job_id from llm_queue where user_id = %s", user.id)
    assert user.delete(f"/jobs/{job[0]}").status in {200, 202, 204}
    answers.work()
    run = user.post(f"/evals/runs/{run['id']}/advance").json
    assert (run["status"], run["failed_count"], run["measures"]["failures"]["mean"]) == ("completed", 1, 1.0)
    second = user.post("/evals/runs", {"set_id": set_id}).json
    assert user.post(f"/evals/runs/{second['id']}/cancel").json["status"] == "cancelled"
    answers.work()
    answers.service.tick()
    assert user.get(f"/evals/runs/{second['id']}").json["finished_count"] == 1, "what waited is still measured"
    assert user.delete(f"/evals/sets/{set_id}").status == 204
    assert user.get(f"/evals/runs/{run['id']}").status == 404


def test_e1_questions_come_from_json_lines_and_from_beir(answers: Answers) -> None:
    user, ids = _user(answers)
    set_id = _set(user)
    lines = [
        {
            "question": "How often?",
            "expected_documents": ["Pump manual", "valve-3", "nowhere"],
            "expected_words": ["ninety"],
        },
        {"query": "Which turbine?", "should_decline": True},
    ]
    content = "\n".join(json.dumps(line) for line in lines) + "\n"
    added = user.post(f"/evals/sets/{set_id}/import", {"format": "jsonl", "content": content}).json
    assert added == {"questions": 2, "unknown_documents": ["nowhere"]}
    queries = '{"_id": "q1", "text": "At how many bar?"}\n{"_id": "q2", "text": "Not judged"}'
    qrels = f"query-id\tcorpus-id\tscore\nq1\tvalve-3\t1\nq1\t{ids['pump']}\t0\n"
    beir = {"format": "beir", "queries": queries, "qrels": qrels}
    assert user.post(f"/evals/sets/{set_id}/import", beir).json["questions"] == 1
    questions = user.get(f"/evals/sets/{set_id}/questions").json["items"]
    assert [sorted(entry["expected_documents"]) for entry in questions] == [sorted(ids.values()), [], [ids["valve"]]]
    assert [entry["should_decline"] for entry in questions] == [False, True, False]
    assert user.get(f"/evals/sets/{set_id}").json["question_count"] == 3
    refused = user.post(f"/evals/sets/{set_id}/import", {"format": "jsonl", "content": '{"question": "a"}\nnonsense'})
    assert (refused.status, refused.json["errors"][0]) == (422, {"field": "content", "message": "line 2 is not JSON"})
    assert user.post(f"/evals/sets/{set_id}/import", {"format": "beir", "content": "x"}).status == 422
    strange = '{"question": "a", "expected_documents": ["\\u0000", "\\ud800"]}'
    added = user.post(f"/evals/sets/{set_id}/import", {"format": "jsonl", "content": strange})
    assert (added.status, added.json["unknown_documents"]) == (200, ["\ufffd"])
    beir["qrels"] = "q1\tvalve-3\t--1"
    refused = user.post(f"/evals/sets/{set_id}/import", beir)
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "qrels")


def test_e1_questions_come_from_mistakes_and_from_liked_answers(answers: Answers) -> None:
    user, ids = _user(answers)
    liked = answers.answered(user, "How often is the coolant pump inspected?")
    marked = answers.answered(user, "At how many bar does valve V-3 close?")
    assert user.post(f"/messages/{liked['id']}/feedback", {"kind": "like"}).status == 200
    assert user.put(f"/messages/{marked['id']}/mistake", {"is_mistake": True, "note": "wrong"}).status == 200
    set_id = _set(user)
    for origin in ("likes", "mistakes", "likes"):
        user.post(f"/evals/sets/{set_id}/collect", {"origin": origin})
    questions = user.get(f"/evals/sets/{set_id}/questions").json["items"]
    assert [(entry["origin"], entry["expected_documents"]) for entry in questions] == [
        ("like", [ids["pump"]]),
        ("mistake", []),
    ]


def test_e1_sets_are_bounded(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    user = answers.user()
    monkeypatch.setattr(sets, "MAX_QUESTIONS", 1)
    refused = user.post("/evals/sets", {"name": "Two", "questions": [{"question": "a"}, {"question": "b"}]})
    assert (refused.status, refused.json["code"]) == (409, "too_many")
    monkeypatch.setattr(sets, "MAX_SETS", 0)
    assert user.post("/evals/sets", {"name": "None"}).json["code"] == "too_many"
    assert user.post("/evals/runs", {"set_id": str(uuid.uuid4())}).status == 404


def test_e1_measures_of_an_answer() -> None:
    first, second, other = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    outcome = AnswerOutcome([other, first], [other, first], "It is <b>ninety</b>\n DAYS", 0.5, 12.0)
    assert measures.of_answer(Expectation([first, second], ["ninety</b> days", "x"], False), outcome) == {
        "failures": 0.0,
        "cost_usd": 0.5,
        "milliseconds": 12.0,
        "abstention": 1.0,
        "recall": 0.5,
        "mrr": 0.5,
        "citation_precision": 0.5,
        "words": 0.5,
    }
    declined = measures.of_answer(Expectation([], [], True), AnswerOutcome([], [], "", 0.0, 0.0))
    assert (declined["abstention"], "recall" in declined) == (1.0, False)


def test_e1_an_interval_narrows_with_questions_and_is_the_same_every_time() -> None:
    few, many = measures.interval([0.0, 1.0] * 10), measures.interval([0.0, 1.0] * 200)
    assert few == measures.interval([0.0, 1.0] * 10)
    assert few.mean == many.mean == 0.5
    assert 0.2 < few.low < few.mean < few.high < 0.8
    assert many.high - many.low < 0.11 < 0.3 < few.high - few.low


def test_e1_a_schedule_starts_runs_and_says_why_it_does_not(answers: Answers) -> None:
    user, ids = _user(answers)
    set_id = _set(user, {"question": "How often is the coolant pump inspected?", "expected_documents": [ids["pump"]]})
    for expression in ("", "daily", "* * * * * *"):
        refused = user.post("/evals/schedules", {"set_id": set_id, "schedule": expression})
        assert (refused.status, refused.json["errors"][0]["field"]) == (422, "schedule")
    wrong = {"set_id": set_id, "schedule": "0 3 * * 1", "settings": {"active_model": "nobody"}}
    assert user.post("/evals/schedules", wrong).status == 422
    body = {"set_id": set_id, "schedule": "0 3 * * 1", "settings": {"active_pipeline": "search"}, "budget_usd": 0.25}
    created = user.post("/evals/schedules", body)
    assert created.status == 201, created.body
    place = f"/evals/schedules/{created.json['id']}"
    answers.service.tick()
    assert user.get("/evals/runs").json["items"] == [], "its time has not come"
    first_time = created.json["next_run_at"]
    answers.service.rows("update eval_schedules set next_run_at = now() returning 1")
    answers.service.tick()
    (run,) = user.get("/evals/runs").json["items"]
    assert (run["status"], run["name"], run["budget_usd"]) == ("running", "Questions", 0.25)
    schedule = user.get(place).json
    assert (schedule["last_run_id"], schedule["next_run_at"], schedule["error_message"]) == (
        run["id"],
        first_time,
        None,
    )
    answers.service.rows("update eval_schedules set next_run_at = now() returning 1")
    answers.service.tick()
    assert len(user.get("/evals/runs").json["items"]) == 1
    assert "still going on" in user.get(place).json["error_message"]
    answers.work()
    assert user.post(f"/evals/runs/{run['id']}/advance").json["status"] == "completed"
    answers.service.rows(
        "update eval_schedules set configuration = jsonb_set(configuration, "
        "'{settings,active_pipeline}', '\"nothing\"'), next_run_at = now() returning 1"
    )
    answers.service.tick()
    newest = user.get("/evals/runs").json["items"][0]
    assert (newest["id"], newest["status"]) == (user.get(place).json["last_run_id"], "stopped")
    assert newest["reason"], "there is no such pipeline any more"
    assert answers.user().get(place).status == 404
    assert user.delete(place).status == 204
    assert user.get("/evals/schedules").json["items"] == []
    assert len(user.get("/evals/runs").json["items"]) == 2, "the runs stay"
