"""Four levels resolve into one value (C4), whatever was set on which of them, and its level is told."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.config import setting_values
from tests.config.setting_values import CHAT, OF_CONVERSATIONS, VALUES, as_preferences
from tests.service import Service, User

ORDER = {"static": "static", "dynamic": "dynamic", "user": "user", "assistant": "conversation", "own": "conversation"}
ASSISTANTS: dict[str, dict[str, Any]] = {
    "silent": {"system_prompt": ""},
    "expert": {"active_model": "two", "system_prompt": "You are an expert.", "task_prompt": CHAT},
}
# What only administrators are shown.
FOR_ADMINISTRATORS = {"provider_base_urls"}
Levels = Mapping[str, Mapping[str, Any]]


def reference(levels: Levels, disabled: Collection[str] = ()) -> dict[str, tuple[Any, str]]:
    """What every setting must be and where it must come from: the last level that sets it wins.

    A level above the static one that names a disabled model is passed over.
    """
    result = {}
    for which, level in ORDER.items():
        for setting, value in levels.get(which, {}).items():
            if which == "static" or setting != "active_model" or value not in disabled:
                result[setting] = (value, level)
    return result


def passed_over(levels: Levels, disabled: Collection[str]) -> list[dict[str, Any]]:
    """The models of the levels above the one that applies."""
    named = [
        (level, levels[which]["active_model"]) for which, level in ORDER.items() if levels[which].get("active_model")
    ]
    result: list[dict[str, Any]] = []
    for level, name in reversed(named[1:]):
        if name not in disabled:
            break
        result.append({"setting": "active_model", "value": name, "level": level})
    return result


@dataclass
class World:
    """Two users with a conversation each, an administrator, and what was set for the first of the two."""

    service: Service
    administrator: User
    user: User
    other: User
    owner: "psycopg.Connection[Any]"
    conversation: str = ""
    other_conversation: str = ""
    assistants: dict[str, str] = field(default_factory=dict)
    levels: dict[str, dict[str, Any]] = field(default_factory=dict)
    disabled: set[str] = field(default_factory=set)
    defaults: dict[str, Any] = field(default_factory=dict)
    addresses: dict[str, tuple[Any, str]] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def of(cls, service: Service) -> "Iterator[World]":
        with service.database.connect("owner") as owner:
            created = cls(service, service.administrator(), service.user(), service.user(), owner)
            setting_values.register(service, created.administrator)
            row = owner.execute("select to_jsonb(s) - '{id,created_at}'::text[] from static_config s").fetchone()
            assert row is not None
            created.defaults = row[0]
            created.addresses = {name: (created.defaults.pop(name), "static") for name in FOR_ADMINISTRATORS}
            llms = {item["name"]: item["id"] for item in created.administrator.get("/llms").json["items"]}
            for name, gives in ASSISTANTS.items():
                body = {key: value for key, value in gives.items() if key != "active_model"}
                model = gives.get("active_model")
                created.assistants[name] = created.administrator.post(
                    "/assistants", {"name": name, "llm_id": llms[model] if model else None, **body}
                ).json["id"]
            created.conversation = created.user.post("/conversations", {}).json["id"]
            created.other_conversation = created.other.post("/conversations", {}).json["id"]
            yield created

    def start_over(self) -> None:
        """Every level as a fresh deployment has it; the other user has set things."""
        self.owner.execute("delete from llm_jobs")
        self._set("dynamic_config", dict.fromkeys(VALUES))
        self._set("static_config", {name: self.defaults[name] for name in VALUES})
        self.owner.execute("update users set preferences = '{}'")
        self.owner.execute("update conversations set settings = '{}', assistant_id = null")
        self.levels = {name: {} for name in ORDER} | {"static": dict(self.defaults)}
        self.disable(set())
        assert self.other.request("PATCH", "/me/preferences", {"preferred_temperature": 0.125}).status == 200
        path = f"/conversations/{self.other_conversation}"
        assert self.other.request("PATCH", path, {"settings": {"top_k": 77}}).status == 200

    def _set(self, table: str, values: Mapping[str, Any]) -> None:
        assignments = [sql.SQL("{} = %s").format(sql.Identifier(name)) for name in values]
        statement = sql.SQL("update {} set {}").format(sql.Identifier(table), sql.SQL(", ").join(assignments))
        stored = [
            Jsonb(value) if name in setting_values.OPTIONS and value is not None else value
            for name, value in values.items()
        ]
        self.owner.execute(statement, stored)

    def disable(self, names: set[str]) -> None:
        """Disable these models and enable the others, also those that a setting names."""
        self.disabled = names
        self.owner.execute("update llms set is_enabled = name <> all (%s)", [list(names)])

    def apply(self, which: str, changes: dict[str, Any]) -> None:
        """Change one level as its own people change it, and note what that leaves."""
        if which == "models":
            self.disable(set(changes["disabled"]))
            return
        model = changes.get("active_model", self.levels["static"]["active_model"])
        if which in {"dynamic", "user", "own"} and self.disabled & {model, self.levels["static"]["active_model"]}:
            changes = {name: value for name, value in changes.items() if name != "active_model"}
            if not changes:
                return
        if which == "static":
            self._set("static_config", changes)
            self.levels["static"] |= changes
            return
        place = f"/conversations/{self.conversation}"
        assistant = changes.get("name", "")
        bodies: dict[str, tuple[User, str, dict[str, Any]]] = {
            "dynamic": (self.administrator, "/config/dynamic", changes),
            "user": (self.user, "/me/preferences", as_preferences(changes) if which == "user" else {}),
            "own": (self.user, place, {"settings": changes}),
            "assistant": (self.user, place, {"assistant_id": self.assistants.get(assistant)}),
        }
        caller, path, body = bodies[which]
        answer = caller.request("PATCH", path, body)
        assert answer.status == 200, answer.body
        if which == "assistant":
            self.levels[which] = ASSISTANTS.get(assistant, {})
        else:
            level = self.levels[which] | changes
            self.levels[which] = {name: value for name, value in level.items() if value is not None}

    def effective(self, caller: User, conversation: str | None) -> dict[str, tuple[Any, str]]:
        query = f"?conversation_id={conversation}" if conversation else ""
        answer = caller.get(f"/config/effective{query}")
        assert answer.status == 200, answer.body
        return {name: (entry["value"], entry["level"]) for name, entry in answer.json.items()}


def _exactly(result: Mapping[str, Any]) -> dict[str, str]:
    """The values with their types, so that false is not 0; 0 and 0.0 are one number in JSON."""
    return {
        name: repr(float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value)
        for name, value in result.items()
    }


def _same(result: dict[str, tuple[Any, str]], expected: dict[str, tuple[Any, str]]) -> None:
    assert {name: level for name, (_, level) in result.items()} == {
        name: level for name, (_, level) in expected.items()
    }
    values = ({name: value for name, (value, _) in entries.items()} for entries in (result, expected))
    assert _exactly(next(values)) == _exactly(next(values))


STEPS = st.one_of(
    st.tuples(
        st.just("models"), st.sampled_from([{"disabled": names} for names in ([], ["one"], ["two"], ["one", "two"])])
    ),
    st.tuples(st.just("static"), setting_values.changes("static")),
    st.tuples(st.just("dynamic"), setting_values.changes("dynamic")),
    st.tuples(st.just("user"), setting_values.changes("user")),
    st.tuples(st.just("own"), setting_values.changes("conversation")),
    st.tuples(st.just("assistant"), st.sampled_from([{}, *({"name": name} for name in ASSISTANTS)])),
)


def test_c4_every_combination_of_levels_resolves_like_the_reference(service: Service) -> None:
    with World.of(service) as world:

        @settings(max_examples=80)
        @given(st.lists(STEPS, min_size=1, max_size=8))
        def resolves(steps: list[tuple[str, dict[str, Any]]]) -> None:
            world.start_over()
            for which, changes in steps:
                world.apply(which, changes)
            off = world.disabled
            own = reference(world.levels, off)
            _same(world.effective(world.user, world.conversation), own)
            anywhere = {name: world.levels[name] for name in ("static", "dynamic", "user")}
            _same(world.effective(world.user, None), reference(anywhere, off))
            others = {name: world.levels[name] for name in ("static", "dynamic")}
            _same(world.effective(world.administrator, None), reference(others, off) | world.addresses)
            others |= {"user": {"temperature": 0.125}, "own": {"top_k": 77}}
            _same(world.effective(world.other, world.other_conversation), reference(others, off))
            queued = world.user.post(f"/conversations/{world.conversation}/messages", {"content": "What?"})
            assert queued.status == 202, queued.body
            rows = world.owner.execute("select settings, pipeline, model from llm_jobs").fetchall()
            assert len(rows) == 1
            assert rows[0][0].pop("passed_over") == passed_over(world.levels, off)
            assert rows[0][0].pop("filters") == []
            assert _exactly(rows[0][0]) == _exactly({name: value for name, (value, _) in own.items()})
            assert rows[0][1:] == (own["active_pipeline"][0], own["active_model"][0])

        resolves()


def test_c4_each_level_wins_over_those_below_until_its_value_is_removed(service: Service) -> None:
    with World.of(service) as world:
        world.start_over()
        for name in OF_CONVERSATIONS:
            if name in {"bm25_weight", "semantic_weight"}:
                continue
            levels = [
                which for which in ("dynamic", "user", "own") if which != "user" or name in setting_values.PREFERRED
            ]
            below = (world.defaults[name], "static")
            expected = [below]
            for which, value in zip(levels, (VALUES[name] * 2)[: len(levels)], strict=True):
                world.apply(which, {name: value})
                expected.append((value, ORDER[which]))
                assert world.effective(world.user, world.conversation)[name] == expected[-1]
            for which in reversed(levels):
                world.apply(which, {name: None})
                expected.pop()
                assert world.effective(world.user, world.conversation)[name] == expected[-1]


def test_c4_a_model_that_is_switched_off_gives_way_to_the_level_below_until_it_is_back(service: Service) -> None:
    with World.of(service) as world:
        world.start_over()
        world.apply("user", {"active_model": "one"})
        world.apply("own", {"active_model": "two"})
        path = f"/config/effective?conversation_id={world.conversation}"
        messages = f"/conversations/{world.conversation}/messages"
        two, one = {"value": "two", "level": "conversation"}, {"value": "one", "level": "user"}
        assert world.user.get(path).json["active_model"] == {**two, "passed_over": []}
        world.disable({"two"})
        assert world.user.get(path).json["active_model"] == {**one, "passed_over": [two]}
        world.disable({"one", "two"})
        expected = {"value": "extractive", "level": "static", "passed_over": [two, one]}
        assert world.user.get(path).json["active_model"] == expected
        queued = world.user.post(messages, {"content": "What leaks?"}).json
        service.pump_answer()
        assert world.user.get(f"/jobs/{queued['job']['id']}").json["status"] == "completed"
        trace = world.user.get(f"/messages/{queued['message']['id']}/trace").json
        recorded = [event for event in trace["events"] if event["event"] == "passed_over"]
        assert [(event["setting"], event["value"], event["level"]) for event in recorded] == [
            ("active_model", "two", "conversation"),
            ("active_model", "one", "user"),
        ]
        world.disable(set())
        assert world.user.get(path).json["active_model"] == {**two, "passed_over": []}


def test_c4_a_pipeline_that_the_deployment_took_away_gives_way_to_the_level_below(service: Service) -> None:
    with World.of(service) as world:
        world.start_over()
        world.apply("own", {"active_pipeline": "search"})
        world.owner.execute("update static_config set available_pipelines = '{qa}'")
        assert world.effective(world.user, world.conversation)["active_pipeline"] == ("qa", "static")


def test_c4_a_question_may_choose_its_own_pipeline_and_model(service: Service) -> None:
    with World.of(service) as world:
        world.start_over()
        body = {"content": "What?", "model": "two", "pipeline": "search"}
        job = world.user.post(f"/conversations/{world.conversation}/messages", body).json["job"]
        assert (job["pipeline"], job["model"]) == ("search", "two")
        (row,) = world.service.rows("select settings from llm_jobs where id = %s", job["id"])
        assert (row[0]["active_pipeline"], row[0]["active_model"]) == ("search", "two")
        assert world.effective(world.user, world.conversation)["active_model"] == ("extractive", "static")


def test_c4_later_changes_do_not_affect_a_queued_job(service: Service) -> None:
    with World.of(service) as world:
        world.start_over()
        world.apply("own", {"temperature": 0})
        job = world.user.post(f"/conversations/{world.conversation}/messages", {"content": "What?"}).json["job"]
        world.apply("own", {"temperature": 2})
        (row,) = world.service.rows("select settings -> 'temperature' from llm_jobs where id = %s", job["id"])
        assert row[0] == 0


def test_c4_another_users_conversation_gives_404(service: Service) -> None:
    with World.of(service) as world:
        world.start_over()
        for caller in (world.user, world.administrator):
            answer = caller.get(f"/config/effective?conversation_id={world.other_conversation}")
            assert (answer.status, answer.json["code"]) == (404, "not_found")
        assert world.user.get(f"/config/effective?conversation_id={uuid4()}").status == 404
        assert world.user.get("/config/effective?conversation_id=nonsense").status == 422
        assert world.user.delete(f"/conversations/{world.conversation}").status == 204
        assert world.user.get(f"/config/effective?conversation_id={world.conversation}").status == 404


def test_c4_without_identity_only_the_static_and_dynamic_levels_apply(service: Service) -> None:
    with World.of(service) as world, service.database.connect() as no_user:
        world.start_over()
        world.apply("dynamic", {"temperature": 0})
        levels = no_user.execute("select level from config_levels(%s)", [world.other_conversation]).fetchall()
        assert sorted(levels) == [("dynamic",), ("static",)]
        assert no_user.execute("select effective_config(null) -> 'temperature'").fetchone() == (0,)


def test_c1_static_settings_are_read_only_over_http_and_for_the_application(service: Service) -> None:
    administrator = service.administrator()
    displayed = administrator.get("/config/static")
    (columns,) = service.rows("select to_jsonb(s) - '{id,created_at}'::text[] from static_config s")
    assert displayed.json == columns[0]
    for method in ("PATCH", "PUT", "POST", "DELETE"):
        assert administrator.request(method, "/config/static", {"deployment_name": "Mine"}).status in {403, 405}
    with service.database.connect() as conn, conn.transaction(force_rollback=True):
        assert conn.execute("select assume_user(%s)", [administrator.id]).fetchone() == (True,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("update static_config set deployment_name = 'Mine'")


def test_a_conversation_is_created_with_settings(service: Service) -> None:
    user = service.user()
    created = user.post(
        "/conversations", {"settings": {"temperature": 0, "system_prompt": "", "use_hybrid_search": False}}
    )
    assert created.status == 201, created.body
    assert created.json["settings"] == {"temperature": 0, "system_prompt": "", "use_hybrid_search": False}
    effective = user.get(f"/config/effective?conversation_id={created.json['id']}").json
    assert effective["use_hybrid_search"] == {"value": False, "level": "conversation", "passed_over": []}
    changed = user.request("PATCH", f"/conversations/{created.json['id']}", {"settings": {"temperature": None}})
    assert changed.json["settings"] == {"system_prompt": "", "use_hybrid_search": False}
    refused = user.post("/conversations", {"settings": {"active_model": "nobody's"}})
    assert refused.status == 422
    assert len(user.get("/conversations").json["items"]) == 1, "a refused one is not made"
    service.rows("update conversations set settings = %s returning 1", Jsonb({"no_such_setting": 1}))
    assert user.get(f"/config/effective?conversation_id={created.json['id']}").status == 200
