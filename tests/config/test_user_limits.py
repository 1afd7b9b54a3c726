"""What one user may take at once: jobs in work, so that others find workers, and event streams that wait."""

import threading
from typing import Any
from uuid import UUID

import pytest

from chalicelib.chat.answering import answering
from chalicelib.chat.queue import claims, sse
from chalicelib.doors import waiting
from tests.config.coverage import changes
from tests.service import Service, User


def _ask(user: User, count: int) -> list[str]:
    jobs = []
    for _ in range(count):
        conversation = user.post("/conversations", {}).json["id"]
        queued = user.post(f"/conversations/{conversation}/messages", {"content": "How often?"})
        assert queued.status == 202, queued.body
        jobs.append(queued.json["job"]["id"])
    return jobs


def _limit(service: Service, name: str, value: int) -> None:
    assert service.administrator().request("PATCH", "/config/dynamic", {name: value}).status == 200


@changes("jobs_per_user")
def test_one_user_leaves_workers_to_others(service: Service) -> None:
    busy, newcomer = service.user(), service.user()
    _limit(service, "jobs_per_user", 3)
    _ask(busy, 8)
    owners = [claim.user_id for claim in (claims.claim() for _ in range(8)) if claim is not None]
    assert owners == [busy.id] * 3, "workers are free, and stay so"
    (greeting,) = _ask(newcomer, 1)
    claim = claims.claim()
    assert claim is not None
    assert str(claim.job_id) == greeting
    assert claims.claim() is None
    _limit(service, "jobs_per_user", 0)
    assert [claims.claim() is not None for _ in range(6)] == [True] * 5 + [False]


def test_parallel_workers_keep_to_the_limit(service: Service) -> None:
    user = service.user()
    _limit(service, "jobs_per_user", 3)
    _ask(user, 10)
    together, claimed = threading.Barrier(8), list[UUID]()

    def work() -> None:
        with service.database.connect() as conn:
            together.wait()
            claimed.extend(row[0] for row in conn.execute("select job_id from claim_job(gen_random_uuid(), '1 hour')"))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 3


def test_a_job_that_waited_for_its_users_limit_is_answered_without_tick(service: Service) -> None:
    user = service.user()
    _limit(service, "jobs_per_user", 1)
    _ask(user, 3)
    service.drain("answer")
    # Two of the wake-ups came while the first job was in work, and found nothing.
    assert answering.answer_next()
    service.pump_answer()
    assert service.rows("select count(*) from llm_jobs where status = 'completed'") == [(3,)]


def test_jobs_at_the_limit_are_no_lost_wakeups(service: Service) -> None:
    user = service.user()
    _limit(service, "jobs_per_user", 1)
    _ask(user, 2)
    assert claims.claim() is not None
    service.rows("update llm_queue set woken_at = now() - interval '1 hour' returning 1")
    service.tick()
    assert service.rows("select count(*) from self_healing_events where event_type = 'wakeup_lost'") == [(0,)]


@changes("streams_per_user")
def test_a_users_waiting_streams_are_bounded(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    user, other = service.user(), service.user()
    monkeypatch.setattr(sse, "_WAIT_SECONDS", 0.3)
    _limit(service, "streams_per_user", 2)
    ahead, others = (f"/jobs/{_ask(follower, 1)[0]}/events?after=1000" for follower in (user, other))
    waiting = [service.rows("select begin_stream(%s, '1 minute')", user.id)[0][0] for _ in range(2)]
    assert None not in waiting
    refused = user.get(ahead)
    assert (refused.status, refused.json["code"]) == (429, "too_many_streams")
    assert int(refused.headers["Retry-After"]) > 0
    assert other.get(others).status == 200
    key = user.post("/me/api-keys", {"name": "reader", "scopes": ["read"]}).json["key"]
    by_key = {"Authorization": f"Bearer {key}"}
    assert service.request("GET", ahead, headers=by_key).status == 429
    service.rows("update event_streams set ends_at = now() where id = %s returning 1", waiting[0])
    assert service.request("GET", ahead, headers=by_key).status == 200
    assert user.get(ahead).status == 200, "a stream that ended counts no more"
    assert service.rows("select count(*) from event_streams where user_id = %s", user.id) == [(1,)]
    _limit(service, "streams_per_user", 0)
    assert user.get(ahead).status == 200


COMPLETION = {"model": "alcove", "messages": [{"role": "user", "content": "How often?"}]}
TOOL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "ask", "arguments": {"question": "How?"}}}


@pytest.mark.parametrize(("path", "body"), [("/openai/v1/chat/completions", COMPLETION), ("/mcp", TOOL)])
def test_a_response_that_waits_for_its_answer_counts_as_a_stream(
    service: Service, monkeypatch: pytest.MonkeyPatch, path: str, body: dict[str, Any]
) -> None:
    user, other = service.user(), service.user()
    monkeypatch.setattr(waiting, "SECONDS", 0.1)
    _limit(service, "streams_per_user", 1)
    (stream,) = service.rows("select begin_stream(%s, '1 minute')::text", user.id)[0]
    refused = user.post(path, body)
    assert b"too_many_streams" in refused.body
    assert service.rows("select count(*) from llm_jobs") == [(0,)], "it is refused before the question is queued"
    assert b"too_many_streams" not in other.post(path, body).body
    service.rows("select end_stream(%s)::text", stream)
    assert b"too_many_streams" not in user.post(path, body).body
    assert service.rows("select user_id from llm_jobs order by created_at") == [(other.id,), (user.id,)]
    assert service.rows("select count(*) from event_streams") == [(0,)], "what ended counts no more"


def test_a_stream_with_events_is_never_refused(service: Service) -> None:
    user = service.user()
    _limit(service, "streams_per_user", 1)
    (job,) = _ask(user, 1)
    assert service.rows("select begin_stream(%s, '1 minute')", user.id) != [(None,)]
    assert answering.answer_next()
    assert user.get(f"/jobs/{job}/events?after=0").status == 200
