"""Looking back: search mode, replay, comparison and token analytics (M13), each of one's own only."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from tests.chat.answers import Answers, breaks_off, words
from tests.service import User

PUMP = "The coolant pump P-17 is inspected every ninety days. Its seal is replaced when it leaks."
QUESTION = "How often is the coolant pump inspected?"


@pytest.fixture(scope="module")
def asker(answers: Answers) -> User:
    """A user with a document."""
    user = answers.user()
    user.add("Pump manual", PUMP)
    return user


def test_m13_search_mode_stops_after_retrieval(answers: Answers, asker: User) -> None:
    with answers.model(words("Never asked.")) as (model, server):
        queued = answers.ask(asker, QUESTION, pipeline="search", model=model)
        answers.work()
        answer = answers.check(asker, queued)
    assert server.requests == []
    assert (answer["content"], answer["pipeline"]) == ("", "search")
    assert [(source["number"], source["title"]) for source in answer["sources"]] == [(1, "Pump manual")]
    assert answer["sources"][0]["quote"] in PUMP
    events = [event.event for event in answers.events(asker, queued["job"]["id"])]
    assert events == ["meta", "meta", "retrieval", "done"]
    stages = {stage["stage"] for stage in asker.get(f"/messages/{answer['id']}/timing").json["stages"]}
    assert stages == {"waiting", "analysis", "retrieval", "total"}
    assert answers.service.rows("select 1 from usage where job_id = %s", queued["job"]["id"]) == []


def test_m13_a_replay_has_the_pauses_between_messages(answers: Answers, asker: User) -> None:
    conversation = answers.conversation(asker)
    for question in (QUESTION, "When is its seal replaced?"):
        answers.answered(asker, question, conversation)
    for number, message in enumerate(answers.messages(asker, conversation)):
        answers.service.rows(
            "update messages set created_at = '2026-11-01T10:00:00Z'::timestamptz + %s * interval '1.5 seconds' "
            "where id = %s returning 1",
            number * number,
            message["id"],
        )
    replay = asker.get(f"/conversations/{conversation}/replay").json
    assert replay["title"] == QUESTION
    assert [message["delay_ms"] for message in replay["messages"]] == [0, 1500, 4500, 7500]
    assert [message["role"] for message in replay["messages"]] == ["user", "assistant"] * 2
    assert answers.user().get(f"/conversations/{conversation}/replay").status == 404


def test_m13_two_conversations_are_compared_in_numbers(answers: Answers, asker: User) -> None:
    first, second = answers.conversation(asker), answers.conversation(asker)
    with answers.model(words("Every ninety days [1].", used=(1000, 100)), prompt_price=1) as (model, _):
        liked = answers.answered(asker, QUESTION, first, model=model)
    answers.answered(asker, QUESTION, second)
    answers.answered(asker, "When is the seal of the coolant pump replaced?", second)
    assert asker.post(f"/messages/{liked['id']}/feedback", {"kind": "like"}).status == 200
    assert asker.post(f"/messages/{liked['id']}/feedback", {"kind": "comment", "comment": "Good."}).status == 200
    result = asker.post("/analytics/compare", {"first": first, "second": second}).json
    one, other = result["first"], result["second"]
    assert (one["message_count"], other["message_count"]) == (2, 4)
    assert (one["prompt_tokens"], one["completion_tokens"], one["cost_usd"]) == (1000, 100, 0.001)
    assert (one["models"], other["models"]) == ([model], ["extractive"])
    assert (one["likes"], one["dislikes"], other["likes"]) == (1, 0, 0)
    assert one["answer_ms"] > 0
    assert other["answer_ms"] > 0
    other_user = answers.user()
    own = answers.conversation(other_user)
    for pair in ((own, first), (first, own)):
        assert other_user.post("/analytics/compare", {"first": pair[0], "second": pair[1]}).status == 404
    assert other_user.post("/analytics/compare", {"first": own, "second": own}).json["first"]["answer_ms"] is None


def _tokens(user: User, **query: Any) -> Any:
    provided = "&".join(f"{name}={quote(str(value))}" for name, value in query.items())
    result = user.get(f"/analytics/tokens?{provided}")
    assert result.status == 200, result.body
    return result.json


def test_m13_tokens_are_counted_by_day_and_model(answers: Answers) -> None:
    user = answers.user()
    assert _tokens(user) == {"prompt_tokens": 0, "completion_tokens": 0, "cost_usd": 0, "answers": 0, "items": []}
    with (
        answers.model(words("One.", used=(10, 1)), prompt_price=100) as (cheap, _),
        answers.model(words("Two.", used=(200, 20)), prompt_price=100) as (dear, _),
    ):
        for model in (cheap, dear, dear):
            answers.answered(user, QUESTION, model=model)
    # The day may have turned between two answers.
    (today,), *_ = answers.service.rows(
        "update usage u set created_at = (select min(created_at) from usage where user_id = u.user_id) "
        "where user_id = %s returning (created_at at time zone 'UTC')::date",
        user.id,
    )
    (oldest,) = answers.service.rows("select id from usage where user_id = %s and model = %s limit 1", user.id, dear)
    answers.service.rows(
        "update usage set created_at = created_at - interval '1 day' where id = %s returning 1", oldest[0]
    )
    result = _tokens(user)
    assert (result["prompt_tokens"], result["completion_tokens"], result["answers"]) == (410, 41, 3)
    assert result["cost_usd"] == pytest.approx(0.041)
    assert [(item["day"], item["model"], item["answers"]) for item in result["items"]] == [
        (str(today), cheap, 1),
        (str(today), dear, 1),
        (str(today - timedelta(days=1)), dear, 1),
    ]
    assert _tokens(user, model=cheap)["prompt_tokens"] == 10
    midnight = datetime.combine(today, datetime.min.time(), UTC).isoformat()
    assert _tokens(user, until=midnight)["prompt_tokens"] == 200
    assert _tokens(user, since=midnight, model=dear)["prompt_tokens"] == 200
    for wrong in ("since=yesterday", "until=2026-01-01T00:00:00", "model=%00", "user_id=x"):
        assert user.get(f"/analytics/tokens?{wrong}").status == 422, wrong
    for edge in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        assert user.get(f"/analytics/tokens?since={quote(edge)}").status in {200, 422}, edge
    assert _tokens(answers.user())["answers"] == 0


def test_m13_an_answer_is_counted_once_however_often_it_was_attempted(answers: Answers) -> None:
    user = answers.user()
    with answers.model(breaks_off("Every ", "ninety"), words("Every ninety days.")) as (model, server):
        queued = answers.ask(user, QUESTION, model=model)
        answers.work()
        answers.expire_leases()
        answers.work()
    assert user.get(f"/jobs/{queued['job']['id']}").json["status"] == "completed"
    assert len(server.requests) == 2
    rows = answers.service.rows("select count(*) from usage where user_id = %s", user.id)
    assert rows == [(2,)], "both attempts used something"
    result = _tokens(user)
    assert (result["answers"], [item["answers"] for item in result["items"]]) == (1, [1])
    assert result["prompt_tokens"] > 50


def test_m13_what_failed_is_spent_and_no_answer(answers: Answers) -> None:
    user = answers.user()
    with answers.model(*[breaks_off("Every ", "ninety")] * 5) as (model, _):
        queued = answers.ask(user, QUESTION, model=model)
        for _ in range(6):
            answers.work()
            answers.expire_leases()
    assert user.get(f"/jobs/{queued['job']['id']}").json["status"] == "failed"
    result = _tokens(user)
    assert result["answers"] == 0
    assert result["prompt_tokens"] > 0


def test_m13_what_was_spent_stays_when_the_conversation_goes(answers: Answers) -> None:
    user = answers.user()
    with answers.model(words("One.", used=(10, 1))) as (model, _):
        answer = answers.answered(user, QUESTION, model=model)
    answers.service.rows("delete from conversations where id = %s returning 1", answer["conversation_id"])
    assert _tokens(user)["answers"] == 1
