"""Scope (M14): what a search can filter by, a question, a conversation and an assistant can, and each only narrows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.chat.reader import reader
from tests.chat.answers import Answers, calls, turns, words
from tests.service import User

LEAVE = "Full-time staff have twenty-six days of paid leave a year. The kitchen is closed in August."
PUMP = "The coolant pump is inspected every ninety days. The kitchen is open in August."
KITCHEN = "Is the kitchen open or closed in August?"


@dataclass
class Library:
    """An asker with two documents, one of them in a repository."""

    answers: Answers
    asker: User
    leave: str
    pump: str
    repository: str

    def ask(self, question: str = KITCHEN, conversation: str | None = None, **more: Any) -> Any:
        """The answer of the built-in reader."""
        return self.answers.answered(self.asker, question, conversation, model="extractive", **more)

    def conversation(self, **more: Any) -> str:
        """A new conversation; its id."""
        created = self.asker.post("/conversations", more)
        assert created.status == 201, created.body
        return str(created.json["id"])


@pytest.fixture(scope="module")
def library(answers: Answers) -> Iterator[Library]:
    asker = answers.user()
    leave, pump = asker.add("Leave", LEAVE)["id"], asker.add("Pump manual", PUMP)["id"]
    repository = asker.post("/repositories", {"name": "Human resources"}).json["id"]
    assert asker.put(f"/repositories/{repository}/documents/{leave}", {"path": "leave.txt"}).status == 200
    yield Library(answers, asker, leave, pump, repository)


def _titles(answer: Any) -> set[str]:
    return {source["title"] for source in answer["sources"]}


def test_m14_a_question_is_answered_within_its_own_filters(library: Library) -> None:
    for document, title in ((library.leave, "Leave"), (library.pump, "Pump manual")):
        answer = library.ask(filters={"documents": [document]})
        assert _titles(answer) == {title}
        assert answer["filters"] == [{**_NONE, "documents": [document]}]
    question = library.asker.get(f"/messages/{answer['parent_message_id']}").json
    assert question["filters"] == answer["filters"]
    assert library.ask(filters={"source_types": ["archive"]})["content"].startswith(reader.DECLINED)


def test_m14_a_question_that_is_answered_again_keeps_its_filters(library: Library) -> None:
    first = library.ask(filters={"documents": [library.pump]})
    again = library.asker.post(f"/messages/{first['id']}/regenerate", {"model": "extractive"})
    library.answers.work()
    assert _titles(library.answers.check(library.asker, again.json)) == {"Pump manual"}


def test_m14_a_conversation_is_kept_to_a_repository_and_a_question_can_only_narrow_it(library: Library) -> None:
    conversation = library.conversation(filters={"repositories": [library.repository]})
    assert _titles(library.ask(conversation=conversation)) == {"Leave"}
    outside = library.ask(conversation=conversation, filters={"documents": [library.pump]})
    assert outside["sources"] == []
    assert [set(each) - {name for name in each if each[name] is None} for each in outside["filters"]] == [
        {"repositories"},
        {"documents"},
    ]
    results = library.asker.post("/search", {"query": "kitchen August", "conversation_id": conversation}).json
    assert {hit["title"] for hit in results["items"]} == {"Leave"}
    path = f"/conversations/{conversation}"
    assert library.asker.request("PATCH", path, {"filters": {}}).json["filters"] == _NONE
    assert _titles(library.ask("How often is the coolant pump inspected?", conversation)) == {"Pump manual"}


def test_m14_an_assistant_that_is_bound_to_a_repository_reads_nothing_else(library: Library) -> None:
    filters = {"repositories": [library.repository]}
    created = library.answers.administrator.post("/assistants", {"name": "HR", "filters": filters})
    assert (created.status, created.json["filters"]) == (201, _NONE | filters)
    conversation = library.conversation(assistant_id=created.json["id"])
    assert library.ask("How often is the coolant pump inspected?", conversation)["sources"] == []
    assert _titles(library.ask("How many days of paid leave do staff have?", conversation)) == {"Leave"}
    scripts = (
        calls(
            ("search_documents", {"query": "coolant pump inspected"}),
            ("list_documents", {}),
            ("read_document", {"document_id": library.pump}),
        ),
        words("Nothing."),
    )
    with library.answers.model(*scripts) as (model, server):
        library.answers.answered(
            library.asker, "How often is the pump inspected?", conversation, model=model, pipeline="agent"
        )
    searched, listed, read = [turn["content"] for turn in turns(server) if turn["role"] == "tool"]
    assert "Pump manual" not in searched
    assert "Pump manual" not in listed
    assert "Leave" in listed
    assert read == "The document does not exist, or it must not be used here."
    changed = library.answers.administrator.request("PATCH", f"/assistants/{created.json['id']}", {"filters": {}})
    assert changed.json["filters"] == _NONE
    assert _titles(library.ask("How often is the coolant pump inspected?", conversation)) == {"Pump manual"}


def test_m14_tags_of_two_levels_hold_together(library: Library) -> None:
    first, second = (library.asker.post("/tags", {"name": name}).json["id"] for name in ("old", "safe"))
    for tag, document in ((first, library.leave), (first, library.pump), (second, library.pump)):
        assert library.asker.put(f"/tags/{tag}/documents/{document}", {}).status in (200, 204)
    conversation = library.conversation(filters={"tags": [first]})
    answer = library.ask(conversation=conversation, filters={"tags": [second]})
    assert _titles(answer) == {"Pump manual"}
    neither = library.ask(conversation=conversation, filters={"tags": [second], "repositories": [library.repository]})
    assert neither["sources"] == []


def test_k8_only_these_and_all_but_these_are_one_request(library: Library) -> None:
    asker, conversation = library.asker, library.conversation()
    only = asker.put("/selection", {"mode": "only", "documents": [library.leave]})
    assert (only.status, only.json) == (200, {"enabled": 1, "disabled": 1})
    assert _titles(library.ask()) == {"Leave"}
    path = f"/conversations/{conversation}/selection"
    assert asker.put(path, {"mode": "all_but", "documents": [library.leave]}).json == {"enabled": 1, "disabled": 1}
    assert _titles(library.ask(conversation=conversation)) == {"Pump manual"}
    assert asker.put("/selection", {"mode": "all_but", "documents": []}).json == {"enabled": 2, "disabled": 0}
    assert _titles(library.ask("How often is the coolant pump inspected?")) == {"Pump manual"}
    other_user = library.answers.user()
    for refused in ("/selection", path):
        body = {"mode": "only", "documents": [library.leave]}
        assert other_user.put(refused, body).status == 404
    assert asker.put("/selection", {"mode": "only", "documents": [conversation]}).status == 404


_NONE: dict[str, Any] = {
    "documents": None,
    "source_types": None,
    "tags": None,
    "repositories": None,
    "created_after": None,
    "created_before": None,
    "modified_after": None,
    "modified_before": None,
    "metadata": None,
}
