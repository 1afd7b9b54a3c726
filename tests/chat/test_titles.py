"""Titles: a first question's beginning, or a few words of the model for users who want that."""

from typing import Any

import pytest

from chalicelib.chat.answering import titling
from tests.chat.answers import Answers, breaks_off, turns, words
from tests.service import User

QUESTION = "How often do I have to inspect   the coolant pump?"
PLAIN = "How often do I have to inspect the coolant pump?"


@pytest.fixture
def user(answers: Answers) -> User:
    created = answers.user()
    assert created.request("PATCH", "/me/preferences", {"title_by_model": True}).status == 200
    return created


def _title(user: User, answer: Any) -> str:
    title: str = user.get(f"/conversations/{answer['conversation_id']}").json["title"]
    return title


def test_a_model_gives_a_title_from_the_question_alone(answers: Answers, user: User) -> None:
    user.add("Pump manual", "The coolant pump P-17 is inspected every ninety days.")
    scripts = (words("Every ninety days [1].", used=(40, 4)), words('"Inspecting the\tpump"\nBecause', used=(30, 5)))
    with answers.model(*scripts) as (model, server):
        queued = answers.ask(user, QUESTION, model=model)
        assert _title(user, queued["message"]) == PLAIN
        answers.work()
        answer = answers.check(user, queued)
    assert _title(user, answer) == "Inspecting the pump"
    (provided,) = turns(server)
    assert f"<message>\n{QUESTION}\n</message>" in provided["content"]
    assert "ninety" not in provided["content"], "no document speaks in a title"
    assert (answer["prompt_tokens"], answer["completion_tokens"]) == (70, 9), "what it cost is counted"
    notice = [event.data for event in answers.events(user, queued["job"]["id"]) if "title" in event.data]
    assert notice == [{"title": "Inspecting the pump"}]


def test_only_a_first_question_gives_one_and_no_name_is_taken_away(answers: Answers, user: User) -> None:
    scripts = (words("Yes."), words("Pump"), words("How often is the valve inspected?"), words("No."))
    with answers.model(*scripts) as (model, server):
        first = answers.answered(user, QUESTION, model=model)
        answers.answered(user, "And the valve?", model=model, conversation=first["conversation_id"])
        assert len(server.requests) == 4
    assert _title(user, first) == "Pump"
    with answers.model(words("Yes."), words("Valve")) as (model, server):
        named = user.post("/conversations", {"title": "Mine"}).json["id"]
        answers.answered(user, QUESTION, model=model, conversation=named)
        assert len(server.requests) == 1
    assert user.get(f"/conversations/{named}").json["title"] == "Mine"


def test_without_the_setting_or_a_model_the_question_is_the_title(answers: Answers, user: User) -> None:
    assert _title(user, answers.answered(user, QUESTION, model="extractive")) == PLAIN
    other = answers.user()
    with answers.model(words("Yes.")) as (model, server):
        assert _title(other, answers.answered(other, QUESTION, model=model)) == PLAIN
    assert len(server.requests) == 1


def test_a_search_without_an_answer_asks_no_model_for_a_title(answers: Answers, user: User) -> None:
    with answers.model(words("Pump")) as (model, server):
        assert _title(user, answers.answered(user, QUESTION, model=model, pipeline="search")) == PLAIN
    assert server.requests == []


def test_a_failure_leaves_the_answer_and_the_question_as_title(answers: Answers, user: User) -> None:
    with answers.model(words("Yes."), breaks_off()) as (model, _):
        answer = answers.answered(user, QUESTION, model=model)
    assert answer["content"] == "Yes."
    assert _title(user, answer) == PLAIN
    events = [entry["event"] for entry in user.get(f"/messages/{answer['id']}/trace").json["events"]]
    assert "title_failed" in events


@pytest.mark.parametrize(
    ("reply", "title"),
    [
        ("  \n\n**Pump  inspection**\n", "Pump inspection"),
        ("«Пуск насоса»", "Пуск насоса"),
        ("\n \n", ""),
        ('""', ""),
        ("x" * 500, "x" * titling.MAX_TITLE_CHARS),
    ],
)
def test_what_a_model_says_becomes_a_short_line(reply: str, title: str) -> None:
    assert titling.cleaned(reply) == title
