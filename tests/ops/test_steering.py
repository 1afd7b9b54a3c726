"""What administrators see of the use of the service, limits of spaces, and announcements."""

from typing import Any

from tests.service import Service, User

PUMP = "The coolant pump P-17 is inspected every ninety days. Replace its seal when it leaks."
SECRET = "xyzzy"


def _ask(user: User, question: str) -> str:
    conversation = user.post("/conversations", {"title": SECRET}).json["id"]
    assert user.post(f"/conversations/{conversation}/messages", {"content": question}).status == 202
    user.service.pump_answer()
    answer: str = user.get(f"/conversations/{conversation}/messages").json["items"][1]["id"]
    return answer


def _report(administrator: User, by: str) -> dict[str, Any]:
    answer = administrator.get(f"/reports/usage?by={by}")
    assert answer.status == 200, answer.body
    assert SECRET not in answer.body.decode()
    return {item["key"]: item for item in answer.json["items"]}


def test_use_is_seen_in_numbers_by_user_group_model_and_day(service: Service) -> None:
    administrator, user, other_user = service.administrator(), service.user(), service.user()
    group = administrator.post("/groups", {"name": "Operators"}).json["id"]
    assert administrator.put(f"/groups/{group}/members/{user.id}", {"role": "member"}).status == 204
    user.add("Pump", PUMP)
    answers = [_ask(user, "How often is the coolant pump inspected?"), _ask(other_user, f"What is {SECRET}?")]
    assert user.post(f"/messages/{answers[0]}/feedback", {"kind": "like"}).status == 200
    assert other_user.post(f"/messages/{answers[1]}/feedback", {"kind": "dislike"}).status == 200
    assert other_user.put(f"/messages/{answers[1]}/mistake", {"is_mistake": True}).status == 200
    statement = (
        "insert into usage (user_id, job_id, model, provider, prompt_tokens, completion_tokens, cost_usd) "
        "select user_id, id, 'paid', 'openai', 100, 10, 0.5 from llm_jobs where user_id = %s returning 1"
    )
    service.rows(statement, user.id)
    failed = other_user.add("Unreadable", f"{PUMP} {SECRET}")["id"]
    service.rows(
        "update documents set status = 'failed', error_code = 'unreadable', error_message = 'x' "
        "where id = %s returning 1",
        failed,
    )
    by_user = _report(administrator, "user")
    mine, theirs = by_user[str(user.id)], by_user[str(other_user.id)]
    assert next(iter(by_user)) == str(user.id), "the costliest first"
    assert (mine["label"], mine["answers"], mine["likes"], mine["cost_usd"], mine["prompt_tokens"]) == (
        user.email,
        1,
        1,
        0.5,
        100,
    )
    assert (theirs["answers_without_sources"], theirs["dislikes"], theirs["mistakes"]) == (1, 1, 1)
    assert (mine["failed_documents"], theirs["failed_documents"]) == (0, 1)
    assert set(_report(administrator, "group")) == {group}
    assert _report(administrator, "group")[group]["answers"] == 1
    by_model = _report(administrator, "model")
    assert (by_model["paid"]["cost_usd"], by_model["extractive"]["answers"]) == (0.5, 2)
    assert {entry["failed_documents"] for entry in by_model.values()} == {0}
    (day,) = _report(administrator, "day").values()
    assert (day["answers"], day["likes"], day["dislikes"], day["label"]) == (2, 1, 1, None)
    assert day["failed_documents"] == 1
    early = administrator.get("/reports/usage?since=2020-01-01T00:00:00Z&until=2020-02-01T00:00:00Z")
    assert early.json["items"] == []
    assert administrator.get("/reports/usage?since=2020-01-01T00:00:00Z").status == 422
    assert user.get("/reports/usage").status == 403


def test_what_spaces_hold_is_seen_in_numbers(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    user.add("Pump", PUMP)
    service.rows(
        "update documents set status = 'failed', error_code = 'unreadable', error_message = 'x' "
        "where owner_id = %s returning 1",
        user.id,
    )
    answer = administrator.get("/reports/storage")
    assert "Pump" not in answer.body.decode()
    (space,) = [item for item in answer.json["items"] if item["key"] == str(user.id)]
    assert (space["kind"], space["label"], space["documents"], space["failed_documents"]) == ("user", user.email, 1, 1)
    assert space["used_bytes"] > 0
    assert user.get("/reports/storage").status == 403


def test_documents_that_were_read_in_part_are_counted_apart(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    for title in ("Pump", "Valve", "Seal"):
        user.add(title, f"{PUMP} {title}")
    service.rows(
        """update documents set warnings = '[{"code": "partly", "message": "x"}]' """
        "where owner_id = %s and title <> 'Seal' returning 1",
        user.id,
    )
    service.rows("update documents set deleted_at = now() where owner_id = %s and title = 'Valve' returning 1", user.id)
    (space,) = [item for item in administrator.get("/reports/storage").json["items"] if item["key"] == str(user.id)]
    assert (space["documents"], space["failed_documents"], space["documents_with_warnings"]) == (2, 0, 1)


def test_one_users_and_one_groups_space_has_a_limit_of_its_own(service: Service) -> None:
    administrator, user, other_user = service.administrator(), service.user(), service.user()
    group = administrator.post("/groups", {"name": "Operators"}).json["id"]
    assert administrator.put(f"/groups/{group}/members/{user.id}", {"role": "editor"}).status == 204
    large = {"filename": "large.txt", "size_bytes": 2_000_000}
    assert administrator.put(f"/users/{user.id}/storage-limit", {"megabytes": 1}).status == 204
    assert user.post("/documents", large).json["code"] == "storage_full"
    assert other_user.post("/documents", large).status == 201
    for_group = large | {"scope": "group", "group_id": group}
    assert user.post("/documents", for_group).status == 201
    assert administrator.put(f"/groups/{group}/storage-limit", {"megabytes": 3}).status == 204
    assert user.post("/documents", for_group | {"filename": "another.txt"}).json["code"] == "storage_full"
    spaces = {item["scope"]: item["limit_bytes"] for item in user.get("/me/storage").json["items"]}
    assert (spaces["user"], spaces["group"]) == (1_000_000, 3_000_000)
    assert administrator.put(f"/users/{user.id}/storage-limit", {}).status == 204
    assert user.post("/documents", large).status == 201, "the settings' limit again"
    assert user.put(f"/users/{user.id}/storage-limit", {"megabytes": 0}).status == 403
    assert administrator.put(f"/users/{group}/storage-limit", {"megabytes": 0}).status == 404


def test_administrators_tell_everybody_something_for_a_while(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    new = {"message": "We move.", "severity": "warning", "ends_at": "2999-01-01T00:00:00Z"}
    shown = administrator.post("/announcements", new)
    assert shown.status == 201, shown.body
    assert administrator.post("/announcements", new | {"starts_at": "2998-01-01T00:00:00Z"}).status == 201
    assert administrator.post("/announcements", new | {"ends_at": "2020-01-01T00:00:00Z"}).status == 422
    assert user.post("/announcements", new).status == 403
    (listed,) = user.get("/announcements").json["items"]
    assert (listed["id"], listed["message"]) == (shown.json["id"], "We move.")
    assert len(user.get("/announcements?all=true").json["items"]) == 2
    assert user.delete(f"/announcements/{listed['id']}").status == 403
    assert administrator.delete(f"/announcements/{listed['id']}").status == 204
    assert user.get("/announcements").json["items"] == []
