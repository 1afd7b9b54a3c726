"""Assistants: personas that conversations begin with, chosen, hidden, changed and deleted (C8, C5)."""

import threading
from typing import Any

from chalicelib.config.registry import assistants, prompts
from chalicelib.config.registry.models import AssistantChanges
from chalicelib.core import errors
from tests.config.setting_values import CHAT
from tests.service import Answer, Service, User

WRONG: list[dict[str, Any]] = [
    {},
    {"name": ""},
    {"name": "  "},
    {"name": "x" * 101},
    {"name": "a\x00b"},
    {"name": "x", "task_prompt": "{context}"},
    {"name": "x", "task_prompt": "{query}"},
    {"name": "x", "task_prompt": f"{CHAT} {{query}}"},
    {"name": "x", "task_prompt": f"{CHAT} {{history}}"},
    {"name": "x", "task_prompt": ""},
    {"name": "x", "system_prompt": "x" * 20_001},
    {"name": "x", "llm_id": "01890000-0000-7000-8000-000000000000"},
    {"name": "x", "llm_id": "extractive"},
    {"name": "x", "starter_messages": [""]},
    {"name": "x", "starter_messages": ["x" * 1001]},
    {"name": "x", "starter_messages": ["x"] * 21},
    {"name": "x", "description": "x" * 2001},
    {"name": "x", "no_such_field": 1},
]


def _make(administrator: User, name: str = "Expert", **more: Any) -> Any:
    created = administrator.post("/assistants", {"name": name, **more})
    assert created.status == 201, created.body
    assert created.headers["Location"] == f"/assistants/{created.json['id']}"
    return created.json


def _patch(caller: User, assistant: Any, **changes: Any) -> Answer:
    return caller.request("PATCH", f"/assistants/{assistant['id']}", changes)


def _converse(user: User, **more: Any) -> Any:
    created = user.post("/conversations", more)
    assert created.status == 201, created.body
    return created.json


def _effective(user: User, conversation: Any, *names: str) -> list[tuple[Any, str]]:
    result = user.get(f"/config/effective?conversation_id={conversation['id']}").json
    return [(result[name]["value"], result[name]["level"]) for name in names]


def test_c8_an_assistant_is_created_changed_listed_and_deleted(service: Service) -> None:
    administrator = service.administrator()
    starters = ["How often is the pump inspected?", "Ünïcode {braces} 'quotes' \"and\" \\backslashes, commas"]
    created = _make(administrator, description="Knows pumps.", starter_messages=starters, task_prompt=CHAT)
    assert administrator.get(f"/assistants/{created['id']}").json == created
    assert (created["starter_messages"], created["created_by"]) == (starters, str(administrator.id))
    assert (created["is_default"], created["is_visible"]) == (False, True)
    assert administrator.post("/assistants", {"name": "Expert"}).status == 409
    changed = _patch(administrator, created, name=" Pumps ", starter_messages=[], task_prompt=None, system_prompt="")
    assert changed.json == created | {
        "name": "Pumps",
        "starter_messages": [],
        "task_prompt": None,
        "system_prompt": "",
        "updated_at": changed.json["updated_at"],
    }
    second = _make(administrator)
    assert _patch(administrator, second, name="Pumps").status == 409
    first = administrator.get("/assistants?limit=1").json
    then = administrator.get(f"/assistants?limit=1&cursor={first['next_cursor']}").json
    assert [item["name"] for item in first["items"] + then["items"]] == ["Expert", "Pumps"]
    assert administrator.delete(f"/assistants/{created['id']}").status == 204
    assert administrator.delete(f"/assistants/{created['id']}").status == 404
    assert _patch(administrator, created, name="x").status == 404
    actions = service.rows("select action from audit_logs where entity_id = %s order by id", created["id"])
    assert [row[0] for row in actions] == ["assistant.created", "assistant.changed", "assistant.deleted"]


def test_c8_wrong_assistants_are_refused(service: Service) -> None:
    administrator = service.administrator()
    remaining = _make(administrator, task_prompt=CHAT)
    for body in WRONG:
        answer = administrator.post("/assistants", body)
        assert (answer.status, answer.json["code"]) == (422, "validation_failed"), body
        changes = {name: value for name, value in body.items() if body["name"] != "x" or name != "name"} if body else {}
        answer = _patch(administrator, remaining, **changes)
        assert (answer.status, answer.json["code"]) == (422, "validation_failed"), changes
    for field in ("name", "description", "starter_messages", "is_default", "is_visible"):
        assert _patch(administrator, remaining, **{field: None}).status == 422, field
    assert administrator.get(f"/assistants/{remaining['id']}").json == remaining


def test_c8_an_assistants_model_must_exist_and_be_enabled(service: Service) -> None:
    administrator = service.administrator()
    model = administrator.post("/llms", {"name": "remote", "provider": "openai", "model_id": "m"}).json
    created = _make(administrator, llm_id=model["id"])
    assert created["llm_id"] == model["id"]
    assert administrator.request("PATCH", f"/llms/{model['id']}", {"is_enabled": False}).status == 200
    refused = administrator.post("/assistants", {"name": "Another", "llm_id": model["id"]})
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "llm_id")
    assert _patch(administrator, created, llm_id=model["id"]).status == 422
    assert _patch(administrator, created, llm_id=None).json["llm_id"] is None


def test_c5_only_the_placeholders_of_a_task_prompt_are_filled() -> None:
    template = 'Use {context} as JSON {"a": {}}; then answer {query}. {{0}}'
    prompts.check("chat", template)
    filled = prompts.fill(template, {"context": "{query} {0} %s", "query": "{context}"})
    assert filled == 'Use {query} {0} %s as JSON {"a": {}}; then answer {context}. {{0}}'


def test_c8_an_assistants_settings_apply_to_its_conversations_below_their_own_settings(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    model = administrator.post("/llms", {"name": "remote", "provider": "openai", "model_id": "m"}).json
    created = _make(administrator, llm_id=model["id"], system_prompt="You are an expert.", task_prompt=CHAT)
    assert user.request("PATCH", "/me/preferences", {"preferred_model": "extractive"}).status == 200
    names = ("active_model", "system_prompt", "task_prompt")
    plain, expert = _converse(user), _converse(user, assistant_id=created["id"])
    own = _converse(user, assistant_id=created["id"], settings={"active_model": "extractive", "system_prompt": ""})
    assert _effective(user, plain, *names) == [("extractive", "user"), (None, "static"), (None, "static")]
    assert _effective(user, expert, *names) == [
        (value, "conversation") for value in ("remote", "You are an expert.", CHAT)
    ]
    assert _effective(user, own, *names) == [(value, "conversation") for value in ("extractive", "", CHAT)]
    assert _patch(administrator, created, system_prompt="", task_prompt=None, llm_id=None).status == 200
    assert _effective(user, expert, *names) == [("extractive", "user"), ("", "conversation"), (None, "static")]
    job = user.post(f"/conversations/{expert['id']}/messages", {"content": "What?"}).json["job"]
    (snapshot,) = service.rows("select settings ->> 'system_prompt' from llm_jobs where id = %s", job["id"])
    assert snapshot == ("",)


def test_c8_new_conversations_start_with_the_default_assistant(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    assert _converse(user)["assistant_id"] is None
    first = _make(administrator, "First", is_default=True)
    assert _converse(user)["assistant_id"] == first["id"]
    second = _make(administrator, "Second", is_default=True)
    assert _converse(user)["assistant_id"] == second["id"]
    listed = {item["name"]: item["is_default"] for item in user.get("/assistants").json["items"]}
    assert listed == {"First": False, "Second": True}, "there is one"
    assert _patch(administrator, first, is_default=True).json["is_default"]
    started = _converse(user)
    assert started["assistant_id"] == first["id"]
    assert _converse(user, assistant_id=second["id"])["assistant_id"] == second["id"]
    assert _patch(administrator, first, is_visible=False).status == 200
    assert _converse(user)["assistant_id"] is None, "a hidden one is nobody's default"
    assert _patch(administrator, first, is_visible=True, is_default=False).status == 200
    assert _converse(user)["assistant_id"] is None
    assert user.get(f"/conversations/{started['id']}").json["assistant_id"] == first["id"]


def test_c8_concurrent_changes_of_the_default_leave_one_default(service: Service) -> None:
    administrator = service.administrator()
    created = [_make(administrator, f"Assistant {number}") for number in range(4)]
    together = threading.Barrier(len(created))
    outcomes: list[str] = []

    def choose(assistant_id: Any) -> None:
        with service.database.connect() as conn:
            try:
                with conn.transaction():
                    conn.execute("select assume_user(%s)", [administrator.id])
                    together.wait()
                    assistants.change(conn, assistant_id, AssistantChanges(is_default=True))
                outcomes.append("default")
            except errors.Conflict as conflict:
                outcomes.append(str(conflict))

    threads = [threading.Thread(target=choose, args=(assistant["id"],)) for assistant in created]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 4
    assert "default" in outcomes
    assert all("at the same time" in outcome for outcome in outcomes if outcome != "default")
    assert service.rows("select count(*) from assistants where is_default") == [(1,)]


def test_c8_hidden_assistants_are_invisible_to_users(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    hidden = _make(administrator, is_visible=False)
    conversation = _converse(user)
    assert user.get(f"/assistants/{hidden['id']}").status == 404
    assert user.get("/assistants").json["items"] == []
    for answer in (
        user.post("/conversations", {"assistant_id": hidden["id"]}),
        user.request("PATCH", f"/conversations/{conversation['id']}", {"assistant_id": hidden["id"]}),
        user.post("/conversations", {"assistant_id": "01890000-0000-7000-8000-000000000000"}),
    ):
        assert (answer.status, answer.json["code"]) == (422, "validation_failed")
        assert answer.json["errors"] == [{"field": "assistant_id", "message": "does not exist"}]
    assert [item["id"] for item in administrator.get("/assistants").json["items"]] == [hidden["id"]]
    assert _patch(administrator, hidden, is_visible=True).status == 200
    selected = user.request("PATCH", f"/conversations/{conversation['id']}", {"assistant_id": hidden["id"]})
    assert (selected.status, selected.json["assistant_id"]) == (200, hidden["id"])
    removed = user.request("PATCH", f"/conversations/{conversation['id']}", {"assistant_id": None})
    assert (removed.status, removed.json["assistant_id"]) == (200, None)


def test_c8_deleting_an_assistant_keeps_its_conversations(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    created = _make(administrator, system_prompt="You are an expert.", is_default=True)
    conversation = _converse(user)
    assert user.post(f"/conversations/{conversation['id']}/messages", {"content": "What?"}).status == 202
    assert administrator.delete(f"/assistants/{created['id']}").status == 204
    left = user.get(f"/conversations/{conversation['id']}").json
    assert (left["assistant_id"], left["message_count"]) == (None, 1)
    assert _effective(user, conversation, "system_prompt") == [(None, "static")]
    assert user.post(f"/conversations/{conversation['id']}/messages", {"content": "And?"}).status == 202
    assert _converse(user)["assistant_id"] is None


def test_c8_users_choose_assistants_and_administrators_manage_them(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    created = _make(administrator)
    assert user.get(f"/assistants/{created['id']}").json == created
    assert user.post("/assistants", {"name": "Mine"}).status == 403
    assert _patch(user, created, name="Mine").status == 403
    assert user.delete(f"/assistants/{created['id']}").status == 403
    assert service.request("GET", "/assistants").status == 401


def test_new_conversations_begin_with_the_users_own_default_assistant(service: Service) -> None:
    administrator, caller = service.administrator(), service.user()
    administrator.post("/assistants", {"name": "Everybody's", "is_default": True})
    mine = administrator.post("/assistants", {"name": "Mine"}).json["id"]
    chosen = {"default_assistant_id": mine, "interface": {"density": "compact"}}
    assert caller.request("PATCH", "/me/preferences", chosen).json["interface"] == {"density": "compact"}
    assert caller.post("/conversations", {}).json["assistant_id"] == mine
    administrator.request("PATCH", f"/assistants/{mine}", {"is_visible": False})
    assert caller.post("/conversations", {}).json["assistant_id"] not in {mine, None}
    refused = caller.request("PATCH", "/me/preferences", {"default_assistant_id": str(caller.id)})
    assert refused.json["errors"][0]["field"] == "default_assistant_id"
