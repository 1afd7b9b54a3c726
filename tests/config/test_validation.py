"""What no level takes: every field's type and range, and names of what is not there (C2)."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from chalicelib.chat.answering import pipelines
from chalicelib.config.settings.models import ConversationSettings, DynamicChanges, PreferenceChanges
from tests.config import setting_values
from tests.config.setting_values import ACCEPTED, CHAT, PREFERRED, REFUSED
from tests.service import Service


@pytest.mark.parametrize("model", [DynamicChanges, ConversationSettings])
def test_c2_every_setting_has_accepted_and_refused_examples(model: type[BaseModel]) -> None:
    beyond = setting_values.OF_ADMINISTRATORS if model is ConversationSettings else set()
    assert set(model.model_fields) == set(REFUSED) - beyond == set(ACCEPTED) - beyond
    assert all(REFUSED.values())
    assert all(ACCEPTED.values())
    others = {"theme", "use_memories", "learn_from_conversations", "title_by_model", "notify_by_email"}
    others |= {"default_assistant_id", "interface"}
    assert set(PreferenceChanges.model_fields) == others | set(PREFERRED.values())


def test_c2_every_level_accepts_valid_values_and_refuses_invalid_ones(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    setting_values.register(service, administrator)
    conversation = f"/conversations/{user.post('/conversations', {}).json['id']}"
    for setting in REFUSED:
        preferred = PREFERRED.get(setting, "")
        levels: list[tuple[Any, str, str, bool]] = [
            (administrator, "/config/dynamic", setting, False),
            (user, conversation, setting, True),
            (user, "/me/preferences", preferred, False),
        ]
        for caller, path, field, nested in levels:
            if not field:
                continue
            before = service.dump()
            for value in REFUSED[setting]:
                body = {field: value}
                answer = caller.request("PATCH", path, json.dumps({"settings": body} if nested else body).encode())
                assert (answer.status, answer.json["code"]) == (422, "validation_failed"), (path, field, value)
                assert answer.json["errors"][0]["field"].split(".")[-1] == field, (answer.json, value)
            assert service.dump() == before
            for value in [*ACCEPTED[setting], None]:
                body = {field: value}
                if nested and setting in {"bm25_weight", "semantic_weight"}:
                    body = {"bm25_weight": value, "semantic_weight": None if value is None else 1}
                answer = caller.request("PATCH", path, {"settings": body} if nested else body)
                used = not (nested and setting in setting_values.OF_ADMINISTRATORS)
                assert answer.status == (200 if used else 422), (path, field, value, answer.body)


UNKNOWN: list[dict[str, Any]] = [
    {"no_such_setting": 1},
    {"temperature": 0, "Temperature": 0},
    {"revision": 7},
    {"updated_by": None},
    {"chunk_size": 100},
    {"id": 2},
    {},
]


def test_c2_unknown_fields_and_those_of_other_levels_are_refused(service: Service) -> None:
    administrator = service.administrator()
    conversation = administrator.post("/conversations", {}).json["id"]
    for body in UNKNOWN:
        for path, sent in (
            ("/config/dynamic", body),
            ("/me/preferences", body),
            (f"/conversations/{conversation}", {"settings": body}),
        ):
            answer = administrator.request("PATCH", path, sent)
            assert (answer.status, answer.json["code"]) == (422, "validation_failed"), (path, body)
    assert service.rows("select count(*) from config_audit") == [(0,)]


def test_c2_the_two_weights_cannot_both_be_0(service: Service) -> None:
    administrator = service.administrator()
    for changes, status in (
        ({"bm25_weight": 0}, 200),  # the deployment's 0.7 is left
        ({"semantic_weight": 0}, 422),
        ({"bm25_weight": 1, "semantic_weight": 0}, 200),
        ({"bm25_weight": 0}, 422),
        ({"bm25_weight": None}, 200),
        ({"semantic_weight": None}, 200),
        ({"bm25_weight": 0, "semantic_weight": 0}, 422),
    ):
        answer = administrator.request("PATCH", "/config/dynamic", changes)
        assert answer.status == status, (changes, answer.body)
    present = administrator.get("/config/dynamic").json
    assert (present["bm25_weight"], present["semantic_weight"]) == (None, None)


def test_c2_a_conversation_sets_both_weights_or_none(service: Service) -> None:
    user = service.user()
    path = f"/conversations/{user.post('/conversations', {}).json['id']}"
    for set_weights, status in (
        ((0.5, None), 422),
        ((None, 1), 422),
        ((0, 0), 422),
        ((0, 1), 200),
        ((1, 0), 200),
        ((None, None), 200),
    ):
        body = {
            "settings": {
                name: value
                for name, value in zip(("bm25_weight", "semantic_weight"), set_weights, strict=True)
                if value is not None or set_weights == (None, None)
            }
        }
        assert user.request("PATCH", path, body).status == status, set_weights
    assert user.request("PATCH", path, {"settings": {"bm25_weight": 0.5, "semantic_weight": 0}}).status == 200
    assert user.request("PATCH", path, {"settings": {"bm25_weight": None}}).status == 422
    assert user.request("PATCH", path, {"settings": {"bm25_weight": 0}}).status == 422
    assert user.get(path).json["settings"] == {"bm25_weight": 0.5, "semantic_weight": 0}


def test_c2_the_largest_settings_fit_a_conversation(service: Service) -> None:
    """However many characters JSON needs to write them down, up to those that no prompt has."""
    user = service.user()
    path = f"/conversations/{user.post('/conversations', {}).json['id']}"
    for filler in ("x", "é", '"', "\\", "\n", "😀"):
        largest = {"system_prompt": filler * 20_000, "task_prompt": CHAT + filler * (20_000 - len(CHAT))}
        answer = user.request("PATCH", path, {"settings": largest})
        assert answer.status == 200, (filler, answer.body[:300])
        assert user.get(path).json["settings"] == largest
    nonsense = {"system_prompt": "\x01" * 20_000, "task_prompt": CHAT}
    refused = user.request("PATCH", path, {"settings": nonsense})
    assert (refused.status, refused.json["code"]) == (422, "validation_failed")
    assert user.get(path).json["settings"] == largest


def test_c2_only_offered_models_and_pipelines_can_be_chosen(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    setting_values.register(service, administrator)
    conversation = user.post("/conversations", {}).json["id"]
    one = next(item for item in administrator.get("/llms").json["items"] if item["name"] == "one")

    def statuses(model: str, pipeline: str) -> set[int]:
        return {
            answer.status
            for answer in (
                administrator.request("PATCH", "/config/dynamic", {"active_model": model, "active_pipeline": pipeline}),
                user.request("PATCH", "/me/preferences", {"preferred_model": model}) if pipeline == "qa" else None,
                user.request(
                    "PATCH",
                    f"/conversations/{conversation}",
                    {"settings": {"active_model": model, "active_pipeline": pipeline}},
                ),
                user.post(
                    f"/conversations/{conversation}/messages", {"content": "?", "model": model, "pipeline": pipeline}
                ),
            )
            if answer is not None
        }

    assert statuses("one", "qa") <= {200, 202}
    assert administrator.request("PATCH", "/config/dynamic", {"active_model": None}).status == 200
    assert administrator.request("PATCH", f"/llms/{one['id']}", {"is_enabled": False}).status == 200
    assert statuses("one", "qa") == {422}, "disabled"
    assert administrator.request("PATCH", f"/llms/{one['id']}", {"is_enabled": True}).status == 200
    assert statuses("one", "qa") <= {200, 202}
    assert administrator.request("PATCH", "/config/dynamic", {"active_model": None}).status == 200
    service.rows("update static_config set available_providers = '{extractive,ollama}' returning 1")
    assert statuses("one", "qa") == {422}, "its provider is no longer offered"
    assert statuses("extractive", "search") <= {200, 202}
    assert administrator.request("PATCH", "/config/dynamic", {"active_pipeline": None}).status == 200
    service.rows("update static_config set available_pipelines = '{qa}' returning 1")
    assert statuses("extractive", "search") == {422}


def test_c2_removing_the_default_model_requires_an_enabled_static_model(service: Service) -> None:
    administrator = service.administrator()
    setting_values.register(service, administrator)
    models = {item["name"]: item["id"] for item in administrator.get("/llms").json["items"]}
    assert administrator.request("PATCH", f"/llms/{models['one']}", {"is_default": True}).status == 200
    assert administrator.request("PATCH", f"/llms/{models['extractive']}", {"is_enabled": False}).status == 200
    refused = administrator.request("PATCH", "/config/dynamic", {"active_model": None})
    assert refused.status == 422
    assert refused.json["errors"][0]["field"] == "active_model"
    assert "disabled" in refused.json["errors"][0]["message"]
    assert administrator.request("PATCH", f"/llms/{models['extractive']}", {"is_enabled": True}).status == 200
    assert administrator.request("PATCH", "/config/dynamic", {"active_model": None}).status == 200


def test_c2_the_schema_offers_the_registered_pipelines(service: Service) -> None:
    ((names, definition),) = service.rows(
        "select s.available_pipelines, pg_get_constraintdef(c.oid) from static_config s, pg_constraint c"
        " where c.conname = 'static_config_available_pipelines_check'"
    )
    assert set(names) == set(pipelines.registered())
    assert set(re.findall(r"(\w+)(?=[,}])", definition)) == set(names)


@settings(max_examples=400)
@given(st.text("0123456789*/,-#L W", max_size=40) | st.text(max_size=20))
def test_c2_any_text_is_a_schedule_or_refused(expression: str) -> None:
    try:
        used = DynamicChanges(ingestion_schedule=expression).ingestion_schedule
    except ValidationError as error:
        assert "cron expression" in str(error) or "NUL" in str(error) or "100 characters" in str(error)
    else:
        assert used is not None
        assert len(used.split()) in {0, 5}
