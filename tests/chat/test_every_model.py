"""Answers of models that think, fail in helping calls or are sent no options (M17)."""

import json
from typing import Any

from tests.chat.answers import Answers, turns, words
from tests.chat.llm.servers import fails
from tests.service import User

PUMP = "The coolant pump P-17 is inspected every ninety days."
QUESTION = "How often is the coolant pump inspected?"


def _asker(answers: Answers) -> User:
    user = answers.user()
    user.add("Pump", PUMP)
    return user


def _query(user: User, answer: Any) -> str:
    return str(user.get(f"/messages/{answer['parent_message_id']}").json["rephrased_query"])


def _trace(user: User, answer: Any) -> list[Any]:
    events: list[Any] = user.get(f"/messages/{answer['id']}/trace").json["events"]
    return events


def test_m17_thinking_within_the_text_is_stored_as_thinking(answers: Answers) -> None:
    user = _asker(answers)
    script = words("<thi", "nk>Look at the manual.</th", "ink>\n\nEvery ninety days 【1†source】.")
    with answers.model(script) as (model, _):
        answer = answers.answered(user, QUESTION, model=model)
    assert (answer["content"], answer["thinking"]) == ("Every ninety days [1].", "Look at the manual.")
    assert len(answer["sources"]) == 1


def test_m17_a_follow_up_is_answered_also_where_its_rewriting_fails(answers: Answers) -> None:
    user = _asker(answers)
    refusal = fails("400 Bad Request", {"error": {"message": "No."}})
    scripts = [words("Ninety days [1]."), refusal, words("At its seal [1].")]
    with answers.model(*scripts) as (model, server):
        conversation = answers.conversation(user)
        answers.answered(user, QUESTION, conversation, model=model)
        answer = answers.answered(user, "And where does it leak?", conversation, model=model)
        assert len(server.requests) == 3
    assert answer["content"] == "At its seal [1]."
    assert "coolant pump" in _query(user, answer), "the words of the question before complete it"
    assert "condensing_failed" in json.dumps(_trace(user, answer))


def test_m17_a_rewriting_has_room_to_think_and_options_that_are_not_set_are_not_sent(answers: Answers) -> None:
    user = _asker(answers)
    answers.service.rows("update static_config set temperature = null, max_tokens = null returning 1")
    try:
        rewriting = words("How often is P-17 inspected?", thinking="long " * 300)
        with answers.model(words("Ninety days [1]."), rewriting, words("Yes [1].")) as (model, server):
            conversation = answers.conversation(user)
            answers.answered(user, QUESTION, conversation, model=model)
            answer = answers.answered(user, "And how often?", conversation, model=model)
            sent = [request.json for request in server.requests]
            assert "And how often?" in turns(server)[-1]["content"]
    finally:
        answers.service.rows("update static_config set temperature = '0.2', max_tokens = '1024' returning 1")
    assert _query(user, answer) == "How often is P-17 inspected?"
    assert not any("temperature" in request for request in sent)
    assert ["max_tokens" in request for request in sent] == [False, True, False]
    assert sent[1]["max_tokens"] > 2_000
