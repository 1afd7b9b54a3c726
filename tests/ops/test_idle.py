"""An idle service leaves its database alone, and attends to what falls due (S2)."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import boto3
import pytest

from chalicelib.core import identity, process, repairs, tick_requests
from chalicelib.knowledge.documents import repairs as document_repairs
from chalicelib.ops import tick
from tests.service import Service


@pytest.fixture
def requests(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator["Requests"]:
    """The service with a queue of requests for ticks; they arrive at once."""
    queue = boto3.client("sqs").create_queue(QueueName=f"{service.bucket}-tick")["QueueUrl"]
    monkeypatch.setenv("ALCOVE_TICK_QUEUE_URL", queue)
    monkeypatch.setattr(tick_requests, "_DELAY_SECONDS", 0)
    process.forget()
    yield Requests(queue)
    process.forget()


class Requests:
    """What is in the queue."""

    def __init__(self, queue: str) -> None:
        self.queue = queue

    def count(self) -> int:
        """How many there are, those that are hidden included."""
        attributes = boto3.client("sqs").get_queue_attributes(QueueUrl=self.queue, AttributeNames=["All"])["Attributes"]
        return int(attributes["ApproximateNumberOfMessages"]) + int(attributes["ApproximateNumberOfMessagesNotVisible"])

    def purge(self) -> None:
        boto3.client("sqs").purge_queue(QueueUrl=self.queue)
        process.forget()


def _settle(service: Service) -> None:
    """Ticks until nothing is to be done: those that follow a new database."""
    for _ in range(20):
        if not any(repairs.run().values()):
            return
    raise AssertionError("a repair finds work in each of twenty runs")


def _connections(service: Service) -> int:
    (count,) = service.rows("select count(*) from pg_stat_activity where application_name = 'alcove'")[0]
    return int(count)


def test_s2_a_tick_that_nobody_requested_does_not_connect(service: Service, requests: Requests) -> None:
    assert tick.tick(sweep=False) is False
    assert _connections(service) == 0


def test_s2_every_change_requests_a_tick_before_it_commits(service: Service, requests: Requests) -> None:
    user = service.user()
    requests.purge()
    user.add("Pump", "The pump P-17 is inspected monthly.")
    assert requests.count() >= 1


def test_s2_reading_requests_none(service: Service, requests: Requests) -> None:
    user = service.user()
    requests.purge()
    assert user.get("/documents").status == 200
    assert requests.count() == 0


def test_s2_a_process_that_dies_before_its_commit_has_requested_the_tick(service: Service, requests: Requests) -> None:
    """The other way round, a commit without its request would be lost."""
    order: list[str] = []

    class Dies(BaseException):
        pass

    with pytest.raises(Dies), identity.as_nobody() as conn:
        original = conn.commit

        def dying() -> None:
            order.append(f"commit after {requests.count()} requests")
            raise Dies

        conn.commit = dying  # type: ignore[method-assign]
    conn.commit = original  # type: ignore[method-assign]
    conn.rollback()
    assert order == ["commit after 1 requests"]


def test_s2_what_cannot_be_requested_does_not_commit(
    service: Service, requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = service.user()
    monkeypatch.setenv("ALCOVE_TICK_QUEUE_URL", f"{requests.queue}-gone")
    process.forget()
    answer = user.post("/documents", {"title": "Pump", "content": "P-17"})
    assert (answer.status, answer.json["code"]) == (503, "unavailable")
    assert user.get("/documents").json["items"] == []


def test_s2_a_busy_process_does_not_repeat_its_request(service: Service, requests: Requests) -> None:
    requests.purge()
    for _ in range(5):
        with identity.as_nobody():
            pass
    assert requests.count() == 1


def test_s2_when_all_is_done_the_requests_are_gone(service: Service, requests: Requests) -> None:
    _settle(service)
    requests.purge()
    with identity.as_nobody():
        pass
    assert tick.tick(sweep=False) is True
    assert requests.count() == 0
    assert tick.tick(sweep=False) is False


def test_s2_a_tick_that_fails_is_repeated(
    service: Service, requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing() -> None:
        raise RuntimeError("broken")

    requests.purge()
    with identity.as_nobody():
        pass
    with monkeypatch.context() as context:
        context.setitem(repairs.registered(), "delete_expired_rows", failing)
        with pytest.raises(RuntimeError, match="broken"):
            tick.tick(sweep=False)
    assert requests.count() == 1


def test_s2_the_daily_sweep_runs_without_a_request_and_looks_again(service: Service, requests: Requests) -> None:
    requests.purge()
    assert tick.tick(sweep=True) is True
    assert requests.count() == 1


def test_s2_the_schedule_is_told_apart_by_its_name(service: Service, requests: Requests) -> None:
    requests.purge()
    event = {"resources": ["arn:aws:events:eu-central-1:123456789012:rule/alcove-trial-TickTickEvent-1X"]}
    assert _scheduled(event) == 0
    event = {"resources": ["arn:aws:events:eu-central-1:123456789012:rule/alcove-trial-sweep"]}
    assert _scheduled(event) == 1


def _scheduled(event: dict[str, Any]) -> int:
    from chalicelib.ops import handlers

    ran: list[str] = []
    registered = repairs.registered()["delete_expired_rows"]
    repairs.registered()["delete_expired_rows"] = lambda: ran.append("ran")
    try:
        handlers.tick(event)
    finally:
        repairs.registered()["delete_expired_rows"] = registered
    return len(ran)


def _due(service: Service) -> datetime | None:
    with identity.as_nobody() as conn:
        return repairs.next_due(conn)


def test_s2_nothing_is_due_in_a_service_without_work(service: Service) -> None:
    _settle(service)
    assert _due(service) is None


def test_s2_what_waits_is_due_at_its_time(service: Service) -> None:
    """Each kind of waiting work, made by the product's own ways, then moved to a known time."""
    lease = datetime.now(UTC) + timedelta(minutes=7)
    _settle(service)
    user = service.user()
    conversation = user.post("/conversations", {}).json["id"]
    assert user.post(f"/conversations/{conversation}/messages", {"content": "How often?"}).status == 202
    service.rows("delete from message_index_queue returning 1")
    service.rows("update llm_queue set leased_until = %s, lease_token = %s returning 1", lease, uuid4())
    assert _due(service) == lease
    service.rows("delete from llm_queue returning 1")
    announced = user.post("/documents", {"filename": "pump.txt", "size_bytes": 5})
    assert announced.status == 201, announced.body
    due = _due(service)
    assert due is not None
    assert timedelta(seconds=90) < due - datetime.now(UTC) <= timedelta(minutes=2)
    service.rows("update documents set status = 'processing', leased_until = %s returning 1", lease)
    assert _due(service) == lease
    service.rows("update documents set stage = 'waiting' returning 1")
    due = _due(service)
    assert due is not None
    assert due - datetime.now(UTC) <= timedelta(minutes=1)
    service.rows("delete from documents returning 1")
    # Without its document, the object is deleted some time later.
    service.rows("delete from object_deletions returning 1")
    service.rows("insert into object_deletions (object_key, due_at) values ('documents/a', %s) returning 1", lease)
    assert _due(service) == lease


def test_s2_a_host_and_an_alert_are_due_at_their_times(service: Service) -> None:
    lease = datetime.now(UTC) + timedelta(minutes=7)
    _settle(service)
    service.rows("insert into hosts (name, interval_seconds, last_seen_at) values ('a', 60, %s) returning 1", lease)
    assert _due(service) == lease + timedelta(minutes=5)
    service.rows("update hosts set left_at = now() returning 1")
    assert _due(service) is None
    added = "insert into alerts (subject, kind, level, message) values ('s', 'test', 'ok', 'm') returning id"
    ((alert,),) = service.rows(added)
    service.rows("insert into alert_deliveries values (%s, 'telegram', 0, %s) returning 1", alert, lease)
    assert _due(service) is None, "nothing is sent while it is off"
    service.rows(
        "update telegram_config set enabled = true, chat_id = '1', wrapped_key = 'k', master_key = 'm', "
        "ciphertext = decode(repeat('00', 40), 'hex') returning 1"
    )
    assert _due(service) == lease
    service.rows("update alert_deliveries set sent_at = now() returning 1")
    service.rows(
        "insert into alert_subjects (subject, level, reported_at, pending) "
        "values ('event a', 'warning', %s, 3) returning 1",
        lease,
    )
    assert _due(service) == lease + timedelta(minutes=15)


def test_s2_an_upload_that_does_not_arrive_is_looked_for_more_and_more_seldom(service: Service) -> None:
    _settle(service)
    user = service.user()
    assert user.post("/documents", {"filename": "pump.txt", "size_bytes": 5}).status == 201
    with service.database.connect("owner") as conn:
        conn.execute("alter table documents disable trigger user")  # one of them sets updated_at
    looks = 0
    while looks < 40:
        due = _due(service)
        if due is None:
            break
        looks += 1
        # The time until then passes for this document.
        passed = due - datetime.now(UTC) + timedelta(seconds=1)
        service.rows(
            "update documents set announced_at = announced_at - %(passed)s, updated_at = updated_at - %(passed)s,"
            " verified_at = verified_at - %(passed)s returning 1".replace("%(passed)s", "%s"),
            passed,
            passed,
            passed,
        )
        repairs.run("verify_documents")
    assert user.get("/documents").json["items"][0]["status"] == "failed"
    assert looks < 25


def test_s2_every_repair_whose_work_comes_by_time_says_when_it_is_due() -> None:
    """A repair without `due` works on what a request, or the sweep of the day, leaves to it."""
    by_sweep = {
        "delete_expired_links",
        "advance_evals",
        "fail_interrupted_updates",
        "redrive_dead_letters",
        "end_left_consents",
        "forget_readers",
        "delete_expired_rows",
        "delete_idempotency_keys",
        "delete_old_account_data",
        "drop_expired_partitions",
        "drop_vectors",
        "ensure_partitions",
        "fold_lexeme_counts",
        "forget_webhook_deliveries",
        "forget_sync_runs",
        "forget_uploads",
        "index_lexemes",
        "purge_documents",
        "queue_digests",
        "sweep_bucket",
        "sweep_inbox",
    }
    assert set(repairs.registered()) - set(repairs._due) == by_sweep
    assert timedelta(days=1) > document_repairs.SWEEP_PAUSE


def test_s4_that_every_answer_fails_is_a_metric(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    user = service.user()
    for number in range(3):
        conversation = user.post("/conversations", {}).json["id"]
        assert user.post(f"/conversations/{conversation}/messages", {"content": "How often?"}).status == 202
        assert _every_answer_fails(capsys) == 0, number
        service.rows(
            "update llm_jobs set status = 'failed', error_code = 'unavailable', finished_at = now()"
            " where status = 'pending' returning 1"
        )
        service.rows("delete from llm_queue returning 1")
    assert _every_answer_fails(capsys) == 1
    service.rows("update llm_jobs set status = 'completed', error_code = null returning 1")
    assert _every_answer_fails(capsys) == 0


def _every_answer_fails(capsys: pytest.CaptureFixture[str]) -> int:
    capsys.readouterr()
    tick.measure_queue()
    (value,) = re.findall(r'"EveryAnswerFails": ?(\d)', capsys.readouterr().out)
    return int(value)
