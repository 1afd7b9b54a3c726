"""What a language model is asked, and how, follows the settings: a real server records every request."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra import models
from tests.chat.llm.servers import Server, chunk, events, responds, serving, usage
from tests.config.coverage import changes
from tests.service import Service, User

PUMP = "The coolant pump P-17 is inspected every ninety days. Its seal is replaced when it leaks."
QUESTION = "How often is the coolant pump inspected?"
FOLLOW_UP = "And when is its seal replaced?"
REPLY = "Every ninety days [1]."

Ask = Callable[..., Any]


@pytest.fixture
def model() -> Iterator[Server]:
    """A server that speaks OpenAI's protocol and gives one answer."""
    with serving(responds(events(chunk(content=REPLY), chunk(finish="stop"), usage(20, 5)))) as server:
        yield server


@pytest.fixture
def administrator(service: Service, model: Server) -> User:
    """An administrator who registered that server's model as the default, and has a document."""
    caller = service.administrator()
    body = {"name": "served", "provider": "vllm", "model_id": "served-model", "endpoint": f"{model.url}/v1"}
    created = caller.post("/llms", {**body, "is_default": True})
    assert created.status == 201, created.body
    caller.add("Pump manual", PUMP)
    return caller


@pytest.fixture
def ask(service: Service, administrator: User, model: Server) -> Ask:
    """Ask in a new conversation (or `conversation`) under these dynamic settings; the last request to the model."""

    def asking(content: str = QUESTION, conversation: str | None = None, **settings: Any) -> Any:
        if settings:
            changed = administrator.request("PATCH", "/config/dynamic", settings)
            assert changed.status == 200, changed.body
        place = conversation or administrator.post("/conversations", {}).json["id"]
        queued = administrator.post(f"/conversations/{place}/messages", {"content": content})
        assert queued.status == 202, queued.body
        service.pump_answer()
        job = administrator.get(f"/jobs/{queued.json['job']['id']}").json
        assert (job["status"], job["error"]) == ("completed", None)
        return model.requests[-1].json

    return asking


@changes("use_cross_encoder")
def test_whether_a_model_judges_what_the_reader_quotes(service: Service) -> None:
    models.fetch()
    administrator = service.administrator()
    administrator.add("Library", "Borrowing e-books: what changes\n\nLog in to the app Lesebok with your card number.")
    answers = {}
    for switch in (True, False):
        assert administrator.request("PATCH", "/config/dynamic", {"use_cross_encoder": switch}).status == 200
        conversation = administrator.post("/conversations", {}).json["id"]
        queued = administrator.post(
            f"/conversations/{conversation}/messages", {"content": "how do i borrow e-books", "model": "extractive"}
        )
        service.pump_answer()
        assert administrator.get(f"/jobs/{queued.json['job']['id']}").json["status"] == "completed"
        answers[switch] = administrator.get(f"/conversations/{conversation}/messages").json["items"][-1]["content"]
    assert answers[True].startswith("Log in to the app Lesebok")
    assert answers[False].startswith("Borrowing e-books: what changes"), "a title repeats the question's words"


@changes("temperature", "max_tokens", "top_p", "top_k", "repetition_penalty")
def test_how_a_model_samples(ask: Ask) -> None:
    plain = ask()
    assert (plain["temperature"], plain["max_tokens"]) == (0.2, 1024), "the deployment's"
    assert not plain.keys() & {"top_p", "top_k", "repetition_penalty"}, "as the provider does it"
    target_values = {"temperature": 0, "max_tokens": 77, "top_p": 0.5, "top_k": 3, "repetition_penalty": 1.25}
    changed = ask(**target_values)
    assert {name: changed[name] for name in target_values} == target_values
    other = {"temperature": 2, "max_tokens": 78, "top_p": 0, "top_k": 4, "repetition_penalty": 0.5}
    changed = ask(**other)
    assert {name: changed[name] for name in other} == other


@changes("temperature", "max_tokens", "top_p", "top_k", "repetition_penalty")
def test_an_option_can_be_left_to_the_provider_on_every_level(service: Service, ask: Ask, administrator: User) -> None:
    numbers = {"temperature": 1, "max_tokens": 77, "top_p": 0.5, "top_k": 3, "repetition_penalty": 1.25}
    unset = dict.fromkeys(numbers, "unset")
    assert not ask(**unset).keys() & numbers.keys(), "the administrators', above the deployment's 0.2 and 1024"
    assert numbers.items() <= ask(**numbers).items()
    preferences = {f"preferred_{name}": "unset" for name in numbers if name != "repetition_penalty"}
    assert administrator.request("PATCH", "/me/preferences", preferences).status == 200
    assert ask().keys() & numbers.keys() == {"repetition_penalty"}, "the user's, above the administrators'"
    conversation = administrator.post("/conversations", {"settings": numbers}).json["id"]
    assert numbers.items() <= ask(conversation=conversation).items(), "a number above it is sent"
    place = f"/conversations/{conversation}"
    assert administrator.request("PATCH", place, {"settings": unset}).json["settings"] == unset
    assert not ask(conversation=conversation).keys() & numbers.keys()
    reported = administrator.get(f"/config/effective?conversation_id={conversation}").json["temperature"]
    assert (reported["value"], reported["level"]) == ("unset", "conversation")
    assert administrator.request("PATCH", "/me/preferences", dict.fromkeys(preferences)).status == 200
    assert administrator.request("PATCH", "/config/dynamic", dict.fromkeys(numbers)).status == 200
    service.rows("update static_config set temperature = '\"unset\"' returning 1")
    assert "temperature" not in ask(), "the deployment's"
    assert administrator.get("/config/static").json["temperature"] == "unset"


@changes("system_prompt", "active_system_prompt")
def test_the_system_prompt_that_a_model_receives(ask: Ask, administrator: User) -> None:
    assert ask()["messages"][0]["content"].startswith("You answer questions")
    created = administrator.post("/prompts", {"kind": "system", "name": "pirate", "content": "Answer as a pirate."})
    assert created.status == 201
    assert ask(active_system_prompt="pirate")["messages"][0] == {"role": "system", "content": "Answer as a pirate."}
    own = ask(system_prompt="Be {brief}.")["messages"]
    assert own[0] == {"role": "system", "content": "Be {brief}."}, "it stands above the chosen prompt"
    assert [turn["role"] for turn in ask(system_prompt="")["messages"]] == ["user"], "an empty one is none"


@changes("task_prompt", "active_chat_prompt")
def test_the_chat_prompt_that_a_model_receives(ask: Ask, administrator: User) -> None:
    assert "Question: " + QUESTION in ask()["messages"][-1]["content"]
    body = {"kind": "chat", "name": "short", "content": "{query} <- {context}"}
    assert administrator.post("/prompts", body).status == 201
    selected = ask(active_chat_prompt="short")["messages"][-1]["content"]
    assert selected.startswith(f"{QUESTION} <- ")
    assert PUMP in selected
    own = ask(task_prompt="From {context} tell: {query} {{}}")["messages"][-1]["content"]
    assert own.startswith("From ")
    assert own.endswith(f" tell: {QUESTION} {{{{}}}}")


@changes("active_condense_prompt")
def test_the_prompt_that_rewrites_a_follow_up_question(ask: Ask, administrator: User, model: Server) -> None:
    conversation = administrator.post("/conversations", {}).json["id"]
    ask(conversation=conversation)
    body = {"kind": "condense", "name": "mine", "content": "REWRITE {query} AFTER {history}"}
    assert administrator.post("/prompts", body).status == 201
    for name, expected in (("default", f"The next message: {FOLLOW_UP}"), ("mine", f"REWRITE {FOLLOW_UP} AFTER ")):
        before = len(model.requests)
        ask(FOLLOW_UP, conversation, active_condense_prompt=name)
        condensing, _ = model.requests[before:]
        assert expected in condensing.json["messages"][-1]["content"]


@changes("history_tokens")
def test_how_much_of_the_conversation_a_model_reads(ask: Ask, administrator: User) -> None:
    conversation = administrator.post("/conversations", {}).json["id"]
    ask(conversation=conversation)
    remembered = ask(FOLLOW_UP, conversation, history_tokens=2000)["messages"]
    forgotten = ask(FOLLOW_UP, conversation, history_tokens=0)["messages"]
    assert [turn["role"] for turn in remembered] == ["system", "user", "assistant", "user"]
    assert remembered[1]["content"] == QUESTION
    assert [turn["role"] for turn in forgotten] == ["system", "user"]


@changes("context_tokens")
def test_how_much_of_the_documents_a_model_reads(ask: Ask) -> None:
    assert PUMP in ask(context_tokens=4000)["messages"][-1]["content"]
    assert PUMP not in ask(context_tokens=0)["messages"][-1]["content"]


@changes("num_documents_to_retrieve")
def test_how_many_chunks_a_model_reads(ask: Ask, administrator: User) -> None:
    for number in range(3):
        administrator.add(f"Pump {number}", f"{PUMP} This is pump number {number}.")
    for target_values in (1, 3):
        notice = ask(num_documents_to_retrieve=target_values)["messages"][-1]["content"]
        assert notice.count("<passage ") == target_values


@changes("active_model")
def test_which_model_answers(service: Service, ask: Ask, administrator: User, model: Server) -> None:
    second = {"name": "second", "provider": "ollama", "model_id": "other-model", "endpoint": f"{model.url}/v1"}
    assert administrator.post("/llms", second).status == 201
    assert ask(active_model="served")["model"] == "served-model"
    assert ask(active_model="second")["model"] == "other-model"
    before = len(model.requests)
    ask(active_model="extractive")
    assert len(model.requests) == before, "the built-in reader asks nobody"
    answers = service.rows("select model, content from messages where role = 'assistant' order by id")
    assert [name for name, _ in answers] == ["served", "second", "extractive"]
    assert [content == REPLY for _, content in answers] == [True, True, False]


@changes("active_pipeline")
def test_which_pipeline_answers(service: Service, ask: Ask, model: Server) -> None:
    ask(active_pipeline="qa")
    before = len(model.requests)
    ask(active_pipeline="search")
    assert len(model.requests) == before, "search stops after retrieval"
    answers = service.rows("select pipeline, content, sources from messages where role = 'assistant' order by id")
    assert [pipeline for pipeline, *_ in answers] == ["qa", "search"]
    assert [content for _, content, _ in answers] == [REPLY, ""]
    assert all(sources[0]["title"] == "Pump manual" for *_, sources in answers)


def test_c5_an_answer_names_the_versions_of_the_prompts_that_it_used(
    service: Service, ask: Ask, administrator: User
) -> None:
    (prompt,) = administrator.get("/prompts?kind=chat").json["items"]
    revised = administrator.request("PATCH", f"/prompts/{prompt['id']}", {"content": "{context} {query}"})
    assert revised.json["version"] == 2
    ask()
    ask(system_prompt="Be brief.")
    rows = service.rows("select prompts from messages where role = 'assistant' order by id")
    used = [{(entry["kind"], entry["name"], entry["version"]) for entry in row[0]} for row in rows]
    assert used == [
        {("system", "default", 1), ("chat", "default", 2)},
        {("system", None, None), ("chat", "default", 2)},
    ]


def test_c5_braces_in_documents_and_questions_stay_text(ask: Ask, administrator: User) -> None:
    nasty = "The {query} pump says {context} and {{history}} and {0} and %s about </passage> coolant."
    administrator.add("Nasty {query}", nasty)
    question = "What does the {context} coolant pump say about {query} and {system}?"
    content = ask(question)["messages"][-1]["content"]
    assert content.count(question) == 1
    assert content.endswith(f"Question: {question}\n\nAnswer from these passages, with their numbers.")
    assert "{query} pump says {context} and {{history}} and {0} and %s" in content
    assert content.count("</passage>") == content.count("<passage "), "a document closes nothing"
