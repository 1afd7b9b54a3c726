"""E2: an answer is given again as of when its question was asked, with an honest word about what is gone."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.chat.llm.servers import Server, chunk, events, responds, serving, usage
from tests.service import Service, User

PUMP = "The coolant pump P-17 is inspected every ninety days."
QUESTION = "How often is the coolant pump inspected?"
CHAT = "{context} {query}"


@pytest.fixture
def model() -> Iterator[Server]:
    """A server that gives one answer and records what it is asked."""
    with serving(
        responds(events(chunk(content="Every ninety days [1]."), chunk(finish="stop"), usage(20, 5)))
    ) as server:
        yield server


def _register(admin: User, model: Server) -> str:
    body = {"name": "served", "provider": "vllm", "model_id": "m", "endpoint": f"{model.url}/v1", "is_default": True}
    created = admin.post("/llms", body)
    assert created.status == 201, created.body
    return str(created.json["id"])


def _answer(service: Service, user: User) -> str:
    """The id of an answer to the question."""
    conversation = user.post("/conversations", {}).json["id"]
    assert user.post(f"/conversations/{conversation}/messages", {"content": QUESTION}).status == 202
    service.pump_answer()
    return str(user.get(f"/conversations/{conversation}/messages").json["items"][-1]["id"])


def _replay(service: Service, user: User, answer: str) -> tuple[Any, Any]:
    """A replay, and the answer that it gave."""
    replay = user.post(f"/messages/{answer}/replay")
    assert replay.status == 202, replay.body
    service.pump_answer()
    job = user.get(f"/jobs/{replay.json['job']['id']}").json
    assert (job["status"], job["error"]) == ("completed", None)
    return replay.json, user.get(f"/messages/{job['answer_id']}").json


def _set(admin: User, **values: Any) -> None:
    assert admin.request("PATCH", "/config/dynamic", values).status == 200


def test_e2_settings_model_prompts_and_documents_are_those_of_the_moment(service: Service, model: Server) -> None:
    admin = service.administrator()
    _register(admin, model)
    prompt = admin.post("/prompts", {"kind": "system", "name": "ours", "content": "Answer as of old."}).json
    _set(admin, active_system_prompt="ours", temperature=0.5, num_documents_to_retrieve=3)
    old = admin.add("Manual", PUMP)["id"]
    answer = _answer(service, admin)
    before = model.requests[-1].json
    assert admin.request("PATCH", f"/prompts/{prompt['id']}", {"content": "Answer as of new."}).status == 200
    _set(admin, active_system_prompt="default", temperature=1, active_model="extractive")
    admin.add("Newer manual", f"{PUMP} Since this year it is every thirty days.")
    replay, again = _replay(service, admin, answer)
    assert model.requests[-1].json == before, "the very same request"
    assert ("ours", 1) in [(entry["name"], entry["version"]) for entry in again["prompts"]]
    assert {source["document_id"] for source in again["sources"]} == {old}
    assert replay["differences"] == []
    assert replay["as_of"] < again["created_at"]
    fresh = admin.post(f"/messages/{answer}/regenerate", {})
    service.pump_answer()
    assert admin.get(f"/jobs/{fresh.json['job']['id']}").json["model"] == "extractive", "asking again is another thing"


def test_e2_what_is_gone_is_told(service: Service, model: Server) -> None:
    admin = service.administrator()
    llm = _register(admin, model)
    prompt = admin.post("/prompts", {"kind": "chat", "name": "ours", "content": CHAT}).json
    _set(admin, active_chat_prompt="ours")
    removed = admin.add("Gone", PUMP)["id"]
    changed = admin.add("Changed", f"{PUMP} It leaks.")["id"]
    answer = _answer(service, admin)
    assert admin.delete(f"/documents/{removed}").status == 204
    assert admin.put(f"/documents/{changed}/content", {"content": f"{PUMP} It is mended."}).status == 202
    service.pump_ingest()
    _set(admin, active_chat_prompt=None)
    assert admin.delete(f"/prompts/{prompt['id']}").status == 204
    replay, again = _replay(service, admin, answer)
    assert [(each["kind"], each["id"], each["name"]) for each in replay["differences"]] == [
        ("document_changed", changed, "Changed"),
        ("document_unavailable", removed, "Gone"),
        ("prompt_deleted", None, "chat ours"),
    ]
    assert {source["document_id"] for source in again["sources"]} == {changed}
    assert "mended" in str(model.requests[-1].json)
    assert admin.request("PATCH", "/config/dynamic", {"active_model": "extractive"}).status == 200
    assert admin.delete(f"/llms/{llm}").status == 204
    refused = admin.post(f"/messages/{answer}/replay")
    assert (refused.status, refused.json["code"]) == (409, "model_unavailable")


def test_only_an_answer_of_ones_own_is_replayed(service: Service) -> None:
    user, other = service.user(), service.user()
    user.add("Manual", PUMP)
    answer = _answer(service, user)
    question = user.get(f"/messages/{answer}").json["parent_message_id"]
    assert other.post(f"/messages/{answer}/replay").status == 404
    assert user.post(f"/messages/{question}/replay").status == 404
    first = user.post(f"/messages/{answer}/replay", None, {"Idempotency-Key": "k"})
    second = user.post(f"/messages/{answer}/replay", None, {"Idempotency-Key": "k"})
    assert (first.status, first.json["job"]["id"]) == (202, second.json["job"]["id"])
