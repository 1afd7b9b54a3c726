"""Budgets: what may be spent in a month, checked before any model is called, for users and for members of groups."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import sql

from chalicelib.core import connection
from tests.chat.answers import Answers, words
from tests.chat.llm import servers
from tests.chat.llm.servers import Connection, Server
from tests.service import Answer, User

QUESTION = "How often is the coolant pump inspected?"
_LONGEST_TEST = timedelta(seconds=30)


@pytest.fixture(autouse=True)
def _month() -> None:
    """What is spent is forgotten as the month turns: a test that would see that begins in the new month."""
    now = datetime.now(UTC)
    next_month = (now.replace(day=1) + timedelta(days=31)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    if next_month - now < _LONGEST_TEST:
        time.sleep((next_month - now).total_seconds())


@pytest.fixture(scope="module")
def priced(answers: Answers) -> Iterator[tuple[str, Server]]:
    """A model whose every answer costs 0.15 dollars and 150 tokens."""
    with answers.model(words("Every ninety days."), words("Every ninety days.", used=(100, 50))) as (model, server):
        answers.answered(answers.user(), QUESTION, model=model)
        (llm,) = [item["id"] for item in answers.administrator.get("/llms").json["items"] if item["name"] == model]
        priced = {"prompt_price": 1000, "completion_price": 1000}
        assert answers.administrator.request("PATCH", f"/llms/{llm}", priced).status == 200
        yield model, server


def _ask(answers: Answers, user: User, **more: Any) -> Answer:
    return user.post(f"/conversations/{answers.conversation(user)}/messages", {"content": QUESTION, **more})


def _limit(answers: Answers, path: str, **limits: Any) -> Any:
    put = answers.administrator.put(f"/{path}/budget", limits)
    assert put.status == 200, put.body
    return put.json


def _refused(answers: Answers, user: User, priced: tuple[str, Server]) -> None:
    """That a question is refused with nothing stored and no model called."""
    model, server = priced
    before, called = answers.service.rows("select count(*) from messages"), len(server.requests)
    answer = _ask(answers, user, model=model)
    assert (answer.status, answer.json["code"]) == (402, "budget_exhausted")
    answers.work()
    assert answers.service.rows("select count(*) from messages") == before
    assert len(server.requests) == called


def test_a_used_up_budget_refuses_before_any_model_is_called(answers: Answers, priced: tuple[str, Server]) -> None:
    user, (model, _) = answers.user(), priced
    budget = _limit(answers, f"users/{user.id}", monthly_cost_usd=0.30)
    assert (budget["user_id"], budget["group_id"], budget["monthly_tokens"]) == (str(user.id), None, None)
    assert user.get("/me/spending").json == {
        "cost_usd": 0,
        "tokens": 0,
        "allowed_cost_usd": 0.3,
        "allowed_tokens": None,
    }
    for _ in range(2):
        answers.answered(user, QUESTION, model=model)
    assert user.get("/me/spending").json["cost_usd"] == 0.3
    _refused(answers, user, priced)
    again = user.post(f"/messages/{answers.answered(user, QUESTION)['id']}/regenerate", {"model": model})
    assert (again.status, again.json["code"]) == (402, "budget_exhausted")
    reader = answers.answered(user, QUESTION, model="extractive")
    assert reader["model"] == "extractive", "the built-in reader costs nothing"
    _limit(answers, f"users/{user.id}", monthly_cost_usd=0.31)
    assert _ask(answers, user, model=model).status == 202
    answers.work()


def test_tokens_count_too_and_a_budget_can_be_taken_away(answers: Answers, priced: tuple[str, Server]) -> None:
    user, (model, _) = answers.user(), priced
    _limit(answers, f"users/{user.id}", monthly_tokens=150)
    answers.answered(user, QUESTION, model=model)
    _refused(answers, user, priced)
    assert answers.administrator.delete(f"/users/{user.id}/budget").status == 204
    assert answers.administrator.delete(f"/users/{user.id}/budget").status == 404
    answers.answered(user, QUESTION, model=model)
    _limit(answers, f"users/{user.id}", monthly_tokens=0)
    _refused(answers, user, priced)


def test_a_groups_budget_holds_for_each_of_its_members_and_the_tightest_counts(
    answers: Answers, priced: tuple[str, Server]
) -> None:
    first, second, model = answers.user(), answers.user(), priced[0]
    groups = [answers.administrator.post("/groups", {"name": name}).json["id"] for name in ("Wide", "Narrow")]
    for group in groups:
        for user in (first, second):
            put = answers.administrator.put(f"/groups/{group}/members/{user.id}", {"role": "member"})
            assert put.status == 204
    _limit(answers, f"groups/{groups[0]}", monthly_cost_usd=100, monthly_tokens=1_000_000)
    _limit(answers, f"groups/{groups[1]}", monthly_cost_usd=0.15)
    answers.answered(first, QUESTION, model=model)
    _refused(answers, first, priced)
    spent = first.get("/me/spending").json
    assert (spent["allowed_cost_usd"], spent["allowed_tokens"], spent["tokens"]) == (0.15, 1_000_000, 150)
    answers.answered(second, QUESTION, model=model)
    assert answers.administrator.delete(f"/groups/{groups[1]}/members/{first.id}").status == 204
    answers.answered(first, QUESTION, model=model)


@pytest.fixture
def openai(answers: Answers) -> Iterator[str]:
    """A model of a provider for whom users may have keys of their own, at the price of `priced`."""

    def provider(connection: Connection) -> None:
        if connection.request.line.startswith("GET"):  # to check a key
            servers.responds(b'{"data": []}', "application/json")(connection)
        else:
            words("Every ninety days.", used=(100, 50))(connection)

    with servers.serving(provider) as server:
        address = "update static_config set provider_base_urls = jsonb_build_object('openai', %s::text) returning 1"
        answers.service.rows(address, server.url)
        yield answers.register(None, provider="openai", prompt_price=1000, completion_price=1000)
    answers.service.rows("update static_config set provider_base_urls = default returning 1")


def test_what_a_users_own_key_paid_costs_no_budget(answers: Answers, openai: str) -> None:
    keyed, other = answers.user(), answers.user()
    assert keyed.put("/me/provider-keys/openai", {"key": "sk-own-0123456789abcdefGHIJ"}).status == 200
    for user in (keyed, other):
        _limit(answers, f"users/{user.id}", monthly_cost_usd=0.15)
        answers.answered(user, QUESTION, model=openai)
    assert [user.get("/me/spending").json["cost_usd"] for user in (keyed, other)] == [0, 0.15]
    assert _ask(answers, other, model=openai).status == 402
    answers.answered(keyed, QUESTION, model=openai)
    assert keyed.delete("/me/provider-keys/openai").status == 204
    answers.answered(keyed, QUESTION, model=openai)
    assert (keyed.get("/me/spending").json["cost_usd"], _ask(answers, keyed, model=openai).status) == (0.15, 402)


def test_last_month_is_over(answers: Answers, priced: tuple[str, Server]) -> None:
    user, (model, _) = answers.user(), priced
    _limit(answers, f"users/{user.id}", monthly_tokens=150)
    answers.answered(user, QUESTION, model=model)
    _refused(answers, user, priced)
    month = "date_trunc('month', now() at time zone 'UTC') at time zone 'UTC'"
    with answers.service.database.connect("owner") as conn:
        bounds = conn.execute(
            f"select uuid_floor({month} - interval '1 month'), uuid_floor({month} - interval '1 millisecond'), "
            f"uuid_floor({month}), to_char(now() at time zone 'UTC' - interval '1 month', '\"usage\"_YYYY_MM')"
        ).fetchone()
        assert bounds is not None
        begins, last, ends, name = bounds
        # It exists already if the month has turned since the database was created.
        conn.execute(
            sql.SQL("create table if not exists {} partition of usage for values from ({}) to ({})").format(
                sql.Identifier(name), sql.Literal(begins), sql.Literal(ends)
            )
        )
        conn.execute("update usage set id = %s where user_id = %s", [last, user.id])
    assert user.get("/me/spending").json["tokens"] == 0
    assert _ask(answers, user, model=model).status == 202
    answers.work()


def test_only_administrators_set_and_list_budgets_and_people_see_their_own(answers: Answers) -> None:
    user, other = answers.user(), answers.user()
    _limit(answers, f"users/{other.id}", monthly_tokens=5)
    assert user.put(f"/users/{user.id}/budget", {"monthly_tokens": 10**9}).status == 403
    assert user.get("/budgets").status == 403
    assert user.get("/me/spending").json["allowed_tokens"] is None
    listed = answers.administrator.get("/budgets").json["items"]
    assert str(other.id) in [item["user_id"] for item in listed]
    path = f"/users/{user.id}/budget"
    for wrong in ({}, {"monthly_tokens": -1}, {"monthly_cost_usd": -0.1}, {"monthly_cost_usd": "much"}):
        assert answers.administrator.put(path, wrong).status == 422, wrong
    no_user = answers.administrator.put("/users/00000000-0000-7000-8000-000000000000/budget", {"monthly_tokens": 1})
    assert no_user.status == 404
    actions = answers.service.rows("select distinct action from audit_logs where action like 'budget%%' order by 1")
    assert ("budget.set",) in actions


def test_budgets_that_are_set_together_leave_one(answers: Answers) -> None:
    user, statuses = answers.user(), []

    def put(tokens: int) -> None:
        statuses.append(answers.administrator.put(f"/users/{user.id}/budget", {"monthly_tokens": tokens}).status)
        connection.close()

    threads = [threading.Thread(target=put, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 200 in statuses
    assert set(statuses) <= {200, 409}
    assert answers.service.rows("select count(*) from budgets where user_id = %s", user.id) == [(1,)]


def test_a_budget_that_ran_out_meanwhile_stops_what_still_waits(answers: Answers, priced: tuple[str, Server]) -> None:
    user, (model, server) = answers.user(), priced
    _limit(answers, f"users/{user.id}", monthly_tokens=200)
    queued = [_ask(answers, user, model=model) for _ in range(4)]
    assert [answer.status for answer in queued] == [202] * 4, "nothing is spent yet"
    called = len(server.requests)
    answers.work()
    ends = [user.get(f"/jobs/{answer.json['job']['id']}").json for answer in queued]
    assert [job["status"] for job in ends] == ["completed", "completed", "failed", "failed"]
    assert {job["error"]["code"] for job in ends[2:]} == {"budget_exhausted"}
    assert len(server.requests) == called + 2
