"""A comparison is blind in its asker's own data too (M11): export, cost and counts tell no side before the vote."""

import json
from typing import Any
from urllib.parse import quote

from tests.chat.answers import Answers, words
from tests.service import User

QUESTION = "How often is the coolant pump inspected?"


def _export(user: User) -> list[tuple[str, dict[str, Any]]]:
    rows: list[tuple[str, dict[str, Any]]] = []
    cursor: str | None = None
    while True:
        page = user.get("/me/export" + (f"?cursor={quote(cursor)}" if cursor else "")).json
        rows += [(item["table"], item["row"]) for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return rows


def _usage(answers: Answers, user: User, job: str) -> dict[str, Any]:
    (data,) = [event.data for event in answers.events(user, job) if event.event == "usage"]
    return data


def test_m11_neither_export_nor_cost_lifts_the_blind(answers: Answers) -> None:
    user, administrator = answers.user(), answers.administrator
    with (
        answers.model(words("Every ninety days."), prompt_price=100, completion_price=100) as (cheap, _),
        answers.model(words("Every ninety days."), prompt_price=900, completion_price=900) as (dear, _),
    ):
        names = {"Established-7": cheap, "Contender-8": dear}
        variants = [
            administrator.post(
                "/ab/pool",
                {
                    "name": name,
                    "is_champion": model == cheap,
                    "settings": {"active_model": model, "active_pipeline": "qa"},
                },
            ).json["id"]
            for name, model in names.items()
        ]
        path = f"/conversations/{answers.conversation(user)}/comparisons"
        compared = user.post(path, {"content": QUESTION}).json
        answers.work()
    result = user.get(f"/comparisons/{compared['id']}").json
    assert result["status"] == "open"
    sides = [result["first"], result["second"]]
    messages = [user.get(f"/messages/{side['answer']['id']}").json for side in sides]
    assert [message["cost_usd"] for message in messages] == [None, None]
    assert [message["prompt_tokens"] for message in messages] == [50, 50], "tokens are no secret"
    assert [_usage(answers, user, side["job_id"])["cost_usd"] for side in sides] == [None, None]
    exported = _export(user)
    for secret in (*names, *names.values(), *variants):
        assert secret not in json.dumps(exported), secret
    own = dict(exported)
    assert own["ab_comparisons"]["id"] == compared["id"]
    hidden = {"is_champion_first", "champion_id", "challenger_name", "concealed_prompts", "concealed_costs"}
    assert not hidden & set(own["ab_comparisons"])
    assert not {"pipeline", "model", "settings"} & set(own["llm_jobs"])
    assert own["usage"]["prompt_tokens"] == 50
    assert not {"model", "provider", "cost_usd"} & set(own["usage"])
    counted = user.get("/analytics/tokens").json
    assert [(item["model"], item["provider"], item["answers"]) for item in counted["items"]] == [
        ("hidden", "hidden", 2)
    ]
    assert user.get(f"/analytics/tokens?model={dear}").json["items"] == []

    assert user.post(f"/comparisons/{compared['id']}/preference", {"preference": "tie"}).status == 200
    prices = {cheap: 57 * 100 / 1e6, dear: 57 * 900 / 1e6}
    for side in sides:
        message = user.get(f"/messages/{side['answer']['id']}").json
        assert message["cost_usd"] == prices.pop(message["model"])
    assert prices == {}
    everything = json.dumps(_export(user))
    for events in (*names, *names.values(), *variants):
        assert events in everything, events
    assert {item["model"] for item in user.get("/analytics/tokens").json["items"]} == {cheap, dear}
