"""A/B comparisons end to end in one process: drawn, answered, hidden, voted on once, counted, promoted (M11)."""

import threading
import uuid
from collections import Counter
from typing import Any

import psycopg
import pytest

from chalicelib.chat.queue import claims, enqueueing
from chalicelib.core import connection, identity, repairs
from tests.service import Service, User

PUMP = "The coolant pump P-17 is inspected every ninety days. Its seal is replaced when it leaks."
QUESTION = "How often is the coolant pump inspected?"
CHAMPION = {"name": "As it is", "is_champion": True}
CHALLENGER = {"name": "Few passages", "settings": {"num_documents_to_retrieve": 1, "active_pipeline": "search"}}


def _variant(administrator: User, **provided: Any) -> Any:
    created = administrator.post("/ab/pool", provided)
    assert created.status == 201, created.body
    assert created.headers["Location"] == f"/ab/pool/{created.json['id']}"
    return created.json


def _pool(service: Service) -> tuple[User, Any, Any]:
    """An administrator with a champion and a challenger, which differ in pipeline."""
    administrator = service.administrator()
    return administrator, _variant(administrator, **CHAMPION), _variant(administrator, **CHALLENGER)


def _conversation(user: User) -> str:
    return str(user.post("/conversations", {}).json["id"])


def _compare(user: User, conversation: str | None = None, **more: Any) -> Any:
    path = f"/conversations/{conversation or _conversation(user)}/comparisons"
    queued = user.post(path, {"content": QUESTION, **more})
    assert queued.status == 202, queued.body
    assert queued.headers["Location"] == f"/comparisons/{queued.json['id']}"
    return queued.json


def _get(user: User, compared: Any) -> Any:
    result = user.get(f"/comparisons/{compared['id']}")
    assert result.status == 200, result.body
    return result.json


def _vote(user: User, compared: Any, preference: str) -> Any:
    return user.post(f"/comparisons/{compared['id']}/preference", {"preference": preference})


def _retrying(service: Service) -> None:
    """Let a minute pass for the rate limits, which have tests of their own."""
    service.rows("delete from rate_limit_buckets returning 1")


def _side_of(service: Service, compared: Any, variant: Any) -> str:
    """What only the database knows before the vote: on which side this variant stands."""
    (row,) = service.rows(
        "select is_champion_first, champion_id, challenger_id from ab_comparisons where id = %s", compared["id"]
    )
    is_champion = str(row[1]) == variant["id"]
    assert is_champion or str(row[2]) == variant["id"]
    return "first" if row[0] == is_champion else "second"


def test_m11_champion_and_challenger_answer_one_question_side_by_side(service: Service) -> None:
    _, champion, challenger = _pool(service)
    user = service.user()
    user.add("Pump manual", PUMP)
    compared = _compare(user)
    assert (compared["status"], compared["preference"]) == ("answering", None)
    assert _get(user, compared) == compared
    service.pump_answer()
    result = _get(user, compared)
    assert result["status"] == "open"
    sides = {result[_side_of(service, compared, variant)]["job_id"]: variant for variant in (champion, challenger)}
    assert len(sides) == 2
    messages = user.get(f"/conversations/{compared['conversation_id']}/messages").json["items"]
    assert [(m["role"], m["content"]) for m in messages[:1]] == [("user", QUESTION)]
    assert messages[0]["id"] == compared["message_id"]
    answers = {result[side]["answer"]["id"] for side in ("first", "second")}
    assert {m["id"] for m in messages[1:]} == answers
    assert {m["parent_message_id"] for m in messages[1:]} == {compared["message_id"]}
    events = result[_side_of(service, compared, champion)]["answer"]
    assert "ninety days" in events["content"]
    assert events["sources"][0]["quote"] in PUMP
    assert result[_side_of(service, compared, challenger)]["answer"]["content"] == ""


def test_m11_a_side_answers_with_the_callers_settings_and_the_variants_over_them(service: Service) -> None:
    _, champion, challenger = _pool(service)
    user = service.user()
    user.request("PATCH", "/me/preferences", {"preferred_temperature": 0.7, "preferred_num_documents": 5})
    compared = _compare(user)
    settings = {
        side: service.rows("select settings from llm_jobs where id = %s", compared[side]["job_id"])[0][0]
        for side in ("first", "second")
    }
    champions, challengers = (settings[_side_of(service, compared, variant)] for variant in (champion, challenger))
    assert challengers == champions | CHALLENGER["settings"]
    assert (champions["temperature"], champions["num_documents_to_retrieve"]) == (0.7, 5)


def test_m11_which_side_is_whose_is_hidden_until_the_vote(service: Service) -> None:
    administrator, champion, challenger = _pool(service)
    user = service.user()
    user.add("Pump manual", PUMP)
    compared = _compare(user)
    service.pump_answer()

    def reported(query: str = "") -> list[tuple[str, str]]:
        return [(job["pipeline"], job["model"]) for job in administrator.get(f"/jobs{query}").json["items"]]

    assert (reported(), reported("?model=extractive")) == ([("hidden", "hidden")] * 2, [])
    assert [compared[side]["variant"] for side in ("first", "second")] == [None, None]
    result = _get(user, compared)
    job_ids = [result[side]["job_id"] for side in ("first", "second")]
    answers = [result[side]["answer"]["id"] for side in ("first", "second")]
    events = [user.get(f"/jobs/{job}").json for job in job_ids]
    assert [(job["pipeline"], job["model"]) for job in events] == [("hidden", "hidden")] * 2
    messages = [user.get(f"/messages/{answer}").json for answer in answers]
    assert [(m["pipeline"], m["model"], m["prompts"]) for m in messages] == [(None, None, [])] * 2
    assert [user.get(f"/messages/{answer}/trace").status for answer in answers] == [404, 404]
    everything = [result, events, messages, user.get(f"/conversations/{compared['conversation_id']}/comparisons").json]
    everything += [user.get(f"/jobs/{job}/events").body.decode() for job in job_ids]
    for secret in (champion["id"], challenger["id"], champion["name"], challenger["name"], "extractive", '"search"'):
        assert secret not in str(everything), secret

    voted = _vote(user, compared, "tie").json
    assert sorted(reported("?model=extractive")) == [("qa", "extractive"), ("search", "extractive")]
    for variant in (champion, challenger):
        revealed = voted[_side_of(service, compared, variant)]
        assert (revealed["variant"]["id"], revealed["variant"]["name"]) == (variant["id"], variant["name"])
        assert revealed["variant"]["is_champion"] == variant["is_champion"]
        pipeline = "qa" if variant["is_champion"] else "search"
        assert (revealed["variant"]["pipeline"], revealed["variant"]["model"]) == (pipeline, "extractive")
        assert user.get(f"/jobs/{revealed['job_id']}").json["pipeline"] == pipeline
        message = user.get(f"/messages/{revealed['answer']['id']}").json
        assert (message["pipeline"], message["model"]) == (pipeline, "extractive")
        assert user.get(f"/messages/{message['id']}/trace").json["pipeline"] == pipeline


def test_m11_prompts_come_back_with_the_vote(service: Service) -> None:
    _pool(service)
    user = service.user()
    compared = _compare(user)
    used = [{"kind": "chat", "name": "default", "version": 1}]
    for _ in range(2):
        claim = claims.claim()
        assert claim is not None
        with identity.as_user(user.id) as conn:
            claims.start(conn, claim)
            claims.complete(conn, claim, "Ninety days.", {"prompts": used}, cancelled=False)
    answers = [_get(user, compared)[side]["answer"]["id"] for side in ("first", "second")]
    assert [user.get(f"/messages/{answer}").json["prompts"] for answer in answers] == [[], []]
    assert _vote(user, compared, "both_bad").status == 200
    assert [user.get(f"/messages/{answer}").json["prompts"] for answer in answers] == [used, used]


def test_m11_the_order_is_a_coins_and_challengers_come_by_weight(service: Service) -> None:
    """Draws as the application makes them. Each bound is missed by a right implementation once in 10^7 runs or so."""
    administrator, champion, rare = _pool(service)
    often = _variant(administrator, name="Often", weight=3)
    resting = _variant(administrator, name="Resting", is_active=False)
    user, draws = service.user(), 2000
    with service.database.connect() as conn, conn.transaction():
        conn.execute("select assume_user(%s)", [user.id])
        drawn = [conn.execute("select * from draw_variants()").fetchone() for _ in range(draws)]
    assert {str(row[0]) for row in drawn if row} == {champion["id"]}
    picked = Counter(str(row[3]) for row in drawn if row)
    assert picked.keys() == {rare["id"], often["id"]}
    assert resting["id"] not in picked
    assert abs(picked[often["id"]] / draws - 0.75) < 0.052
    assert abs(sum(row[6] for row in drawn if row) / draws - 0.5) < 0.06


def test_m11_no_variant_is_drawn_without_an_identity(service: Service) -> None:
    _pool(service)
    with service.database.connect() as conn:
        assert conn.execute("select * from draw_variants()").fetchall() == []


def test_m11_a_vote_counts_once_however_often_it_is_sent(service: Service) -> None:
    administrator, _, challenger = _pool(service)
    user = service.user()
    compared = _compare(user)
    service.pump_answer()
    preference = _side_of(service, compared, challenger)
    first = _vote(user, compared, preference)
    assert (first.status, first.json["status"], first.json["preference"]) == (200, "voted", preference)
    again = _vote(user, compared, preference)
    assert (again.status, again.json) == (200, first.json)
    for other in {"first", "second", "tie", "both_bad"} - {preference}:
        refused = _vote(user, compared, other)
        assert (refused.status, refused.json["code"]) == (409, "already_voted")
    assert _get(user, compared) == first.json
    (pair,) = administrator.get("/ab/metrics").json["items"]
    assert (pair["votes"], pair["wins"], pair["losses"]) == (1, 1, 0)


def test_m11_of_votes_at_the_same_moment_one_counts(service: Service) -> None:
    _pool(service)
    user = service.user()
    compared = _compare(user)
    service.pump_answer()
    statuses: list[tuple[str, int]] = []

    def send(preference: str) -> None:
        statuses.append((preference, _vote(user, compared, preference).status))
        connection.close()

    threads = [threading.Thread(target=send, args=[choice]) for choice in ("first", "second", "tie") for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    remaining = _get(user, compared)["preference"]
    assert len(statuses) == 9
    assert {status for choice, status in statuses if choice == remaining} == {200}
    assert {status for choice, status in statuses if choice != remaining} == {409}


def test_m11_not_even_sql_changes_a_vote(service: Service) -> None:
    _pool(service)
    user = service.user()
    compared = _compare(user)
    service.pump_answer()
    assert _vote(user, compared, "first").status == 200
    with service.database.connect() as conn, conn.transaction(force_rollback=True):
        conn.execute("select assume_user(%s)", [user.id])
        assert conn.execute("update ab_comparisons set preference = 'second'").rowcount == 0
        for statement in ("update ab_comparisons set is_champion_first = true", "delete from ab_comparisons"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
                conn.execute(statement)


def test_m11_a_vote_waits_for_both_answers(service: Service) -> None:
    _pool(service)
    user = service.user()
    compared = _compare(user)
    claim = claims.claim()
    assert claim is not None
    with identity.as_user(user.id) as conn:
        claims.start(conn, claim)
        claims.complete(conn, claim, "Ninety days.", {}, cancelled=False)
    assert _get(user, compared)["status"] == "answering"
    refused = _vote(user, compared, "first")
    assert (refused.status, refused.json["code"]) == (409, "comparison_unfinished")
    service.pump_answer()
    assert _vote(user, compared, "first").status == 200


@pytest.mark.parametrize("ends", ["failed", "cancelled"])
def test_m11_without_two_answers_there_is_nothing_to_prefer(service: Service, ends: str) -> None:
    administrator, champion, challenger = _pool(service)
    user = service.user()
    compared = _compare(user)
    side = _side_of(service, compared, challenger)
    if ends == "cancelled":
        assert user.delete(f"/jobs/{compared[side]['job_id']}").status == 200
    else:
        service.rows(
            "update llm_queue set attempts = %s where job_id = %s returning 1",
            claims.MAX_ATTEMPTS,
            compared[side]["job_id"],
        )
    service.pump_answer()
    result = _get(user, compared)
    assert (result["status"], result[side]["status"], result[side]["answer"]) == ("void", ends, None)
    refused = _vote(user, compared, "tie")
    assert (refused.status, refused.json["code"]) == (409, "comparison_void")
    other = result[_side_of(service, compared, champion)]
    assert (other["variant"]["id"], other["variant"]["pipeline"]) == (champion["id"], "qa")
    assert user.get(f"/messages/{other['answer']['id']}").json["model"] == "extractive"
    (pair,) = administrator.get("/ab/metrics").json["items"]
    assert (pair["comparisons"], pair["void"], pair["open"], pair["votes"]) == (1, 1, 0, 0)
    assert (pair["challenger"][ends], pair["champion"]["completed"]) == (1, 1)


@pytest.mark.parametrize("fails_last", [False, True])
def test_m11_whatever_ended_first_a_void_comparison_hides_nothing(service: Service, fails_last: bool) -> None:
    _pool(service)
    user = service.user()
    compared = _compare(user)
    for number in range(2):
        claim = claims.claim()
        assert claim is not None
        with identity.as_user(user.id) as conn:
            claims.start(conn, claim)
            if fails_last == bool(number):
                claims.fail(conn, claim, "failed", "It failed.")
            else:
                claims.complete(conn, claim, "Ninety days.", {}, cancelled=False)
    result = _get(user, compared)
    assert result["status"] == "void"
    (answer,) = [result[side]["answer"] for side in ("first", "second") if result[side]["answer"]]
    assert user.get(f"/messages/{answer['id']}").json["model"] == "extractive"


@pytest.mark.parametrize("preference", [None, "first", "second", "tie"])
def test_m11_the_conversation_goes_on_from_the_preferred_answer(service: Service, preference: str | None) -> None:
    _pool(service)
    user = service.user()
    user.add("Pump manual", PUMP)
    compared = _compare(user)
    service.pump_answer()
    if preference is not None:
        assert _vote(user, compared, preference).status == 200
    preferred = _get(user, compared)["second" if preference == "second" else "first"]["answer"]["id"]
    path = f"/conversations/{compared['conversation_id']}/messages"
    assert user.post(path, {"content": "And its seal?"}).json["message"]["parent_message_id"] == preferred
    service.pump_answer()
    last = user.get(path).json["items"][-1]
    for provided, expected in (
        ({}, last["id"]),
        ({"parent_message_id": preferred}, preferred),
        ({"parent_message_id": None}, None),
    ):
        following = _compare(user, compared["conversation_id"], **provided)
        assert user.get(f"/messages/{following['message_id']}").json["parent_message_id"] == expected


def test_m11_a_follow_up_while_only_one_side_has_answered_follows_that_side(service: Service) -> None:
    _pool(service)
    user = service.user()
    compared = _compare(user)
    path = f"/conversations/{compared['conversation_id']}/messages"
    claim = claims.claim()
    assert claim is not None
    with identity.as_user(user.id) as conn:
        claims.start(conn, claim)
        claims.complete(conn, claim, "Ninety days.", {}, cancelled=False)
    (answer,) = user.get(path).json["items"][1:]
    assert user.post(path, {"content": "Why?"}).json["message"]["parent_message_id"] == answer["id"]


def test_m11_the_first_question_is_the_title_and_both_jobs_wait_in_the_queue(service: Service) -> None:
    _pool(service)
    user = service.user()
    compared = _compare(user)
    assert user.get(f"/conversations/{compared['conversation_id']}").json["title"] == QUESTION
    positions = [user.get(f"/jobs/{compared[side]['job_id']}").json["position"] for side in ("first", "second")]
    assert sorted(positions) == [1, 2]
    assert sorted(record["body"] for record in service.drain("answer")) == sorted(
        f'{{"job_id": "{compared[side]["job_id"]}"}}' for side in ("first", "second")
    )


def test_m11_a_comparison_takes_two_places_of_the_queue(service: Service) -> None:
    _pool(service)
    user = service.user()
    conversation = _conversation(user)
    for _ in range(enqueueing.MAX_WAITING_OF_USER - 1):
        _retrying(service)
        assert user.post(f"/conversations/{conversation}/messages", {"content": QUESTION}).status == 202
    _retrying(service)
    before = service.dump()
    refused = user.post(f"/conversations/{conversation}/comparisons", {"content": QUESTION})
    assert (refused.status, refused.json["code"]) == (429, "queue_full")
    assert int(refused.headers["Retry-After"]) > 0
    assert service.dump() == before


def test_m11_asking_is_limited_like_any_question(service: Service) -> None:
    _pool(service)
    user = service.user()
    conversation = _conversation(user)
    service.rows("update rate_limits set burst = 1, every = '1 hour' where name = 'ask' returning 1")
    _compare(user, conversation)
    refused = user.post(f"/conversations/{conversation}/comparisons", {"content": QUESTION})
    assert (refused.status, refused.json["code"]) == (429, "rate_limited")


def test_m11_sent_twice_with_one_key_it_is_asked_once(service: Service) -> None:
    _pool(service)
    user = service.user()
    path = f"/conversations/{_conversation(user)}/comparisons"
    sent = [user.post(path, {"content": QUESTION}, {"Idempotency-Key": "k"}) for _ in range(2)]
    assert [answer.status for answer in sent] == [202, 202]
    assert sent[0].json == sent[1].json
    assert service.rows("select count(*) from llm_jobs") == [(2,)]


def test_m11_a_spent_budget_is_spent_for_comparisons_too(service: Service) -> None:
    administrator, _, _ = _pool(service)
    model = {"name": "large", "provider": "ollama", "model_id": "large", "endpoint": "http://127.0.0.1:9/v1"}
    assert administrator.post("/llms", model).status == 201
    user = service.user()
    assert administrator.put(f"/users/{user.id}/budget", {"monthly_tokens": 0}).status in {200, 201, 204}
    _compare(user)  # the built-in reader costs nothing
    assert administrator.delete(f"/ab/pool/{administrator.get('/ab/pool').json['items'][0]['id']}").status == 204
    _variant(administrator, name="Large", settings={"active_model": "large"})
    conversation = _conversation(user)
    before = service.dump()
    refused = user.post(f"/conversations/{conversation}/comparisons", {"content": QUESTION})
    assert (refused.status, refused.json["code"]) == (402, "budget_exhausted")
    assert service.dump() == before


def test_m11_without_a_challenger_the_error_and_the_offer_say_so(service: Service) -> None:
    administrator = service.administrator()
    user = service.user()
    path = f"/conversations/{_conversation(user)}/comparisons"

    def off() -> bool:
        answer = user.post(path, {"content": QUESTION})
        assert answer.status in {202, 409}
        is_off = bool(answer.status == 409 and answer.json["code"] == "comparisons_off")
        assert user.get("/me/comparison-offer").json == {"is_offered": not is_off}
        return is_off

    assert off()
    challenger = _variant(administrator, **CHALLENGER)
    assert off()
    _variant(administrator, **CHAMPION)
    assert not off()
    administrator.request("PATCH", f"/ab/pool/{challenger['id']}", {"is_active": False})
    assert off()


@pytest.mark.parametrize("what", ["model", "prompt"])
def test_m11_a_variant_whose_model_or_prompt_is_gone_is_not_drawn(service: Service, what: str) -> None:
    administrator, _, usable = _pool(service)
    if what == "model":
        body: dict[str, Any] = {"name": "m", "provider": "ollama", "model_id": "m", "endpoint": "http://127.0.0.1:9/v1"}
        created, path, settings = administrator.post("/llms", body), "llms", {"active_model": "m"}
    else:
        body = {"kind": "system", "name": "p", "content": "Answer."}
        created, path, settings = administrator.post("/prompts", body), "prompts", {"active_system_prompt": "p"}
    assert created.status == 201, created.body
    variant = _variant(administrator, name="Fragile", settings=settings, weight=1000)
    assert variant["is_usable"] is True
    assert administrator.delete(f"/{path}/{created.json['id']}").status == 204
    assert administrator.get(f"/ab/pool/{variant['id']}").json["is_usable"] is False
    compared = _compare(service.user())
    assert _side_of(service, compared, usable) in {"first", "second"}
    refused = administrator.post("/ab/pool", {"name": "Another", "settings": settings})
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, f"settings.{next(iter(settings))}")


def test_m11_a_comparison_is_its_askers_alone(service: Service) -> None:
    administrator, _, _ = _pool(service)
    user, other = service.user(), service.user()
    compared = _compare(user)
    service.pump_answer()
    for other_user in (other, administrator):
        assert other_user.get(f"/comparisons/{compared['id']}").status == 404
        assert _vote(other_user, compared, "first").status == 404
        path = f"/conversations/{compared['conversation_id']}/comparisons"
        assert other_user.get(path).status == 404
        assert other_user.post(path, {"content": QUESTION}).status == 404
    assert _get(user, compared)["preference"] is None
    foreign = user.post(
        f"/conversations/{_conversation(user)}/comparisons",
        {"content": QUESTION, "parent_message_id": compared["message_id"]},
    )
    assert (foreign.status, foreign.json["code"]) == (404, "not_found")


def test_m11_a_deleted_conversations_comparisons_are_gone_and_come_back(service: Service) -> None:
    _pool(service)
    user = service.user()
    compared = _compare(user)
    service.pump_answer()
    assert user.delete(f"/conversations/{compared['conversation_id']}").status == 204
    assert user.get(f"/comparisons/{compared['id']}").status == 404
    assert _vote(user, compared, "first").status == 404
    assert user.post(f"/conversations/{compared['conversation_id']}/restore").status == 200
    assert _get(user, compared)["preference"] is None


def test_m11_lists_page_by_cursor(service: Service) -> None:
    administrator, _, _ = _pool(service)
    user = service.user()
    conversation = _conversation(user)
    queued = [_compare(user, conversation)["id"] for _ in range(3)]
    first = user.get(f"/conversations/{conversation}/comparisons?limit=2").json
    rest = user.get(f"/conversations/{conversation}/comparisons?limit=2&cursor={first['next_cursor']}").json
    assert [item["id"] for item in first["items"] + rest["items"]] == queued[::-1]
    assert rest["next_cursor"] is None
    page = administrator.get("/ab/pool?limit=1").json
    assert page["items"][0]["name"] == CHALLENGER["name"]
    assert administrator.get(f"/ab/pool?limit=1&cursor={page['next_cursor']}").json["items"][0]["is_champion"]


def test_m11_metrics_count_for_administrators(service: Service) -> None:
    administrator, champion, challenger = _pool(service)
    user = service.user()
    conversation = _conversation(user)
    user.add("Pump manual", PUMP)
    expected = ["win", "win", "loss", "tie", "both_bad", "open"]
    firsts = 0
    turn = "update ab_comparisons set is_champion_first = %s where id = %s returning 1"
    for number, outcome in enumerate(expected):
        _retrying(service)
        compared = _compare(user, conversation)
        service.rows(turn, number % 2 == 0, compared["id"])  # the coin shows heads and tails in turn
        service.pump_answer()
        winner = {"win": challenger, "loss": champion}.get(outcome)
        preference = _side_of(service, compared, winner) if winner else outcome
        firsts += preference == "first"
        if outcome != "open":
            assert _vote(user, compared, preference).status == 200
        spent = (0.25, 30, 12) if outcome == "win" else (0, 0, 0)
        service.rows(
            "insert into usage (user_id, job_id, model, provider, cost_usd, prompt_tokens, completion_tokens) "
            "values (%s, %s, 'm', 'openai', %s, %s, %s) returning 1",
            user.id,
            compared[_side_of(service, compared, challenger)]["job_id"],
            *spent,
        )
    service.rows("update timing set milliseconds = 100 where stage = 'total' returning 1")
    service.rows(
        "update timing set milliseconds = 1000 where stage = 'total' and job_id in (select case when is_champion_first "
        "then first_job_id else second_job_id end from ab_comparisons order by id limit 1) returning 1"
    )
    result = administrator.get("/ab/metrics").json
    assert (result["alpha"], result["minimum_effect"]) == (0.05, 0.1)
    (pair,) = result["items"]
    assert pair["is_current"] is True
    counts = {"comparisons": 6, "open": 1, "void": 0, "votes": 5, "wins": 2, "losses": 1, "ties": 1, "both_bad": 1}
    assert {name: pair[name] for name in counts} == counts
    assert pair["first_preferred"] == firsts
    assert pair["win_rate"] == pytest.approx(2 / 3)
    assert pair["win_rate_interval"]["low"] == pytest.approx(0.2077, abs=1e-4)
    assert pair["win_rate_interval"]["high"] == pytest.approx(0.9385, abs=1e-4)
    assert (pair["sequential_test"]["verdict"], pair["sequential_test"]["enough_votes"]) == ("undecided", False)
    sides = {side: pair[side] for side in ("champion", "challenger")}
    assert {name: (side["id"], side["completed"], side["failed"]) for name, side in sides.items()} == {
        "champion": (champion["id"], 6, 0),
        "challenger": (challenger["id"], 6, 0),
    }
    assert sides["challenger"]["cost_usd"] == pytest.approx(0.5)
    assert (sides["challenger"]["prompt_tokens"], sides["challenger"]["completion_tokens"]) == (60, 24)
    assert (sides["champion"]["cost_usd"], sides["champion"]["prompt_tokens"]) == (0, 0)
    assert (sides["challenger"]["latency_p50_ms"], sides["challenger"]["latency_p95_ms"]) == (100, 100)
    assert sides["champion"]["latency_p50_ms"] == 100
    assert sides["champion"]["latency_p95_ms"] == pytest.approx(775)
    for private in (QUESTION, "ninety", str(user.id), user.email, conversation):
        assert private not in str(result)


def test_m11_only_administrators_get_the_counts(service: Service) -> None:
    administrator, _, _ = _pool(service)
    user = service.user()
    _compare(user)
    assert len(administrator.get("/ab/metrics").json["items"]) == 1
    assert user.get("/ab/metrics").status == 403
    with service.database.connect() as conn, conn.transaction():
        conn.execute("select assume_user(%s)", [user.id])
        for function in ("comparison_votes", "comparison_sides"):
            assert conn.execute(f"select * from {function}()").fetchall() == []
        assert conn.execute("select * from ab_pool").fetchall() == []


def test_m11_promotion_makes_the_challengers_settings_the_dynamic_ones(service: Service) -> None:
    administrator, champion, challenger = _pool(service)
    administrator.request("PATCH", "/config/dynamic", {"temperature": 0.9})
    user = service.user()
    _compare(user)
    promoted = administrator.post(f"/ab/pool/{challenger['id']}/promote")
    assert (promoted.status, promoted.json["is_champion"], promoted.json["is_active"]) == (200, True, True)
    before = service.dump()
    assert administrator.post(f"/ab/pool/{challenger['id']}/promote").json == promoted.json
    assert service.dump() == before
    dynamic = administrator.get("/config/dynamic").json
    assert {name: dynamic[name] for name in CHALLENGER["settings"]} == CHALLENGER["settings"]
    assert dynamic["temperature"] == 0.9
    assert user.get("/config/effective").json["active_pipeline"] == {
        "value": "search",
        "level": "dynamic",
        "passed_over": [],
    }
    fields = {change["field_name"] for change in administrator.get("/config/audit").json["items"]}
    assert fields == {"num_documents_to_retrieve", "active_pipeline", "temperature"}
    old = administrator.get(f"/ab/pool/{champion['id']}").json
    assert (old["is_champion"], old["is_active"], old["archived_at"]) == (False, False, None)
    entry = administrator.get("/audit-logs?action=ab_variant.promoted").json["items"][0]
    assert (entry["entity_id"], entry["details"]["replaced"]) == (challenger["id"], champion["id"])
    (pair,) = administrator.get("/ab/metrics").json["items"]
    assert (pair["is_current"], pair["champion"]["id"]) == (False, champion["id"])


def test_m11_a_promotion_that_cannot_be_configured_changes_nothing(service: Service) -> None:
    administrator, _, _ = _pool(service)
    model = {"name": "m", "provider": "ollama", "model_id": "m", "endpoint": "http://127.0.0.1:9/v1"}
    llm = administrator.post("/llms", model).json["id"]
    variant = _variant(administrator, name="Large", settings={"active_model": "m", "temperature": 0.1})
    assert administrator.request("PATCH", f"/llms/{llm}", {"is_enabled": False}).status == 200
    before = service.dump()
    refused = administrator.post(f"/ab/pool/{variant['id']}/promote")
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "active_model")
    assert service.dump() == before


def test_m11_a_variant_with_history_is_archived_and_its_votes_still_count(service: Service) -> None:
    administrator, champion, challenger = _pool(service)
    unused = _variant(administrator, name="Unused")
    administrator.request("PATCH", f"/ab/pool/{unused['id']}", {"is_active": False})
    user = service.user()
    compared = _compare(user)
    service.pump_answer()
    assert _vote(user, compared, _side_of(service, compared, challenger)).status == 200
    refused = administrator.delete(f"/ab/pool/{champion['id']}")
    assert (refused.status, refused.json["code"]) == (409, "in_use")
    for variant in (unused, challenger, champion):
        assert administrator.delete(f"/ab/pool/{variant['id']}").status == 204
    assert administrator.delete(f"/ab/pool/{challenger['id']}").status == 404
    assert administrator.get("/ab/pool").json["items"] == []
    archived = administrator.get("/ab/pool?archived=true").json["items"]
    assert [variant["id"] for variant in archived] == [challenger["id"], champion["id"]]
    assert administrator.get(f"/ab/pool/{unused['id']}").status == 404
    assert administrator.post(f"/ab/pool/{challenger['id']}/promote").status == 409
    assert administrator.request("PATCH", f"/ab/pool/{challenger['id']}", {"is_active": True}).status == 409
    (pair,) = administrator.get("/ab/metrics").json["items"]
    assert (pair["challenger"]["name"], pair["wins"]) == (challenger["name"], 1)
    revealed = _get(user, compared)[_side_of(service, compared, challenger)]["variant"]
    assert revealed["name"] == challenger["name"]
    assert _variant(administrator, **CHALLENGER)["id"] != challenger["id"]


def test_m11_every_change_of_the_pool_is_audited(service: Service) -> None:
    administrator, _, challenger = _pool(service)
    path = f"/ab/pool/{challenger['id']}"
    assert administrator.request("PATCH", path, {"weight": 2, "name": "Renamed"}).json["name"] == "Renamed"
    assert administrator.delete(path).status == 204
    entries = administrator.get("/audit-logs?entity_type=ab_variant").json["items"]
    events = [(entry["action"], entry["user_id"]) for entry in entries if entry["entity_id"] == challenger["id"]]
    verbs = ("deleted", "changed", "created")
    assert events == [(f"ab_variant.{verb}", str(administrator.id)) for verb in verbs]
    changed = next(entry for entry in entries if entry["action"] == "ab_variant.changed")
    assert changed["details"] == {"weight": 2, "name": "Renamed"}


def test_m11_the_pool_has_one_champion_and_no_name_twice(service: Service) -> None:
    administrator, champion, challenger = _pool(service)
    second = administrator.post("/ab/pool", {"name": "Second", "is_champion": True})
    assert (second.status, second.json["code"]) == (409, "in_use")
    assert administrator.post("/ab/pool", {"name": champion["name"]}).status == 409
    assert administrator.request("PATCH", f"/ab/pool/{challenger['id']}", {"name": champion["name"]}).status == 409
    off = administrator.request("PATCH", f"/ab/pool/{champion['id']}", {"is_active": False})
    assert (off.status, off.json["code"]) == (409, "in_use")
    champions = service.rows("select id::text from ab_pool where is_champion")
    assert champions == [(champion["id"],)]


def test_m11_the_pool_is_bounded(service: Service) -> None:
    administrator, _, _ = _pool(service)
    service.rows("insert into ab_pool (name, settings) select 'v' || n, '{}' from generate_series(3, 50) n returning 1")
    full = administrator.post("/ab/pool", {"name": "One more"})
    assert (full.status, full.json["code"]) == (409, "too_many")


def test_m11_an_assistants_model_and_prompts_go_into_the_snapshot(service: Service) -> None:
    administrator, _, _ = _pool(service)
    persona = {"name": "Pirate", "system_prompt": "Arr.", "task_prompt": "{context} {query}"}
    assistant = administrator.post("/assistants", persona).json
    own = {"system_prompt": None, "temperature": None, "max_tokens": 100}
    variant = _variant(administrator, name="Pirate", assistant_id=assistant["id"], settings=own)
    assert variant["settings"] == own | {"task_prompt": persona["task_prompt"]}
    administrator.request("PATCH", f"/assistants/{assistant['id']}", {"task_prompt": "{query} {context}"})
    assert administrator.delete(f"/assistants/{assistant['id']}").status == 204
    remaining = administrator.get(f"/ab/pool/{variant['id']}").json
    assert (remaining["assistant_id"], remaining["settings"]) == (None, variant["settings"])


@pytest.mark.parametrize(
    ("provided", "field"),
    [
        ({"settings": {"active_model": "nowhere"}}, "settings.active_model"),
        ({"settings": {"active_pipeline": "nowhere"}}, "settings.active_pipeline"),
        ({"settings": {"active_chat_prompt": "nowhere"}}, "settings.active_chat_prompt"),
        ({"settings": {"task_prompt": "no placeholders"}}, "settings.task_prompt"),
        ({"settings": {"num_documents_to_retrieve": None}}, "settings"),
        ({"settings": {"bm25_weight": 0.5}}, "settings"),
        ({"settings": {"bm25_weight": 0, "semantic_weight": 0}}, "settings"),
        ({"settings": {"temperature": 3}}, "settings.temperature"),
        ({"settings": {"ingestion_schedule": "* * * * *"}}, "settings.ingestion_schedule"),
        ({"assistant_id": str(uuid.uuid4())}, "assistant_id"),
        ({"weight": 0}, "weight"),
        ({"weight": 1001}, "weight"),
        ({"is_champion": True, "is_active": False}, ""),
        ({"name": " "}, "name"),
    ],
)
def test_m11_a_variant_that_could_not_answer_is_refused(service: Service, provided: Any, field: str) -> None:
    administrator = service.administrator()
    refused = administrator.post("/ab/pool", {"name": "Wrong", **provided})
    assert (refused.status, refused.json["code"]) == (422, "validation_failed")
    assert refused.json["errors"][0]["field"] == field


def test_m11_lost_wakeups_of_both_sides_are_sent_again(service: Service) -> None:
    _pool(service)
    user = service.user()
    compared = _compare(user)
    service.drain("answer")
    service.rows("update llm_queue set woken_at = now() - interval '1 hour' returning 1")
    repairs.run("wake_jobs")
    service.pump_answer()
    assert _get(user, compared)["status"] == "open"


def test_m11_comparisons_follow_an_anonymous_user_into_an_account(service: Service) -> None:
    _pool(service)
    source, target = service.user(), service.user()
    compared = _compare(source)
    service.pump_answer()
    with service.database.connect("owner") as conn:
        conn.execute("select absorb_user(%s, %s)", [source.id, target.id])
    assert _get(target, compared)["status"] == "open"
    assert _vote(target, compared, "first").status == 200
    assert service.rows("select user_id from ab_comparisons") == [(target.id,)]
