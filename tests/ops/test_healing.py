"""Self-healing shows what it did (O2), and every run is recorded (O6)."""

import json
from typing import Any
from uuid import uuid4

import boto3
import pytest

from chalicelib.core import activity, repairs
from chalicelib.core.settings import settings
from tests.service import Service


def _event(service: Service, kind: str = "document_stuck", entity: object = None, severity: str = "warning") -> None:
    service.rows(
        "with added as (insert into self_healing_events (event_type, severity, description, action_taken, entity_id) "
        "values (%s, %s, 'd', 'a', %s) returning 1) select count(*) from added",
        kind,
        severity,
        entity,
    )


def test_administrators_list_events_by_severity_kind_thing_and_time(service: Service) -> None:
    administrator, thing = service.administrator(), str(uuid4())
    _event(service, "document_stuck", thing)
    _event(service, "object_missing", thing, "critical")
    _event(service, "host_returned", severity="info")
    path = "/self-healing-events"
    assert len(administrator.get(path).json["items"]) == 3
    for query, kinds in {
        "severity=critical": ["object_missing"],
        f"entity_id={thing}": ["object_missing", "document_stuck"],
        "event_type=host_returned": ["host_returned"],
        "to=2020-01-01T00:00:00Z": [],
        "limit=1": ["host_returned"],
    }.items():
        items = administrator.get(f"{path}?{query}").json["items"]
        assert [item["event_type"] for item in items] == kinds, query
    assert administrator.get(f"{path}?severity=bad").status == 422


def test_what_repeats_for_one_thing_becomes_critical_and_then_stops(service: Service) -> None:
    one, other = uuid4(), uuid4()
    for _ in range(12):
        _event(service, entity=one)
    _event(service, entity=other)
    _event(service, "wakeup_lost", one)
    query = "select severity from self_healing_events where event_type = %s and entity_id = %s order by id"
    assert [row[0] for row in service.rows(query, "document_stuck", one)] == ["warning"] * 4 + ["critical"]
    assert service.rows(query, "document_stuck", other) == [("warning",)]
    assert service.rows(query, "wakeup_lost", one) == [("warning",)]
    service.rows("update self_healing_events set created_at = created_at - interval '2 hours' returning 1")
    for _ in range(5):
        _event(service, entity=one)
    assert [row[0] for row in service.rows(query, "document_stuck", one)][5:] == ["warning"] * 4 + ["critical"]


def test_every_tick_is_recorded_and_so_is_what_a_repair_changed_or_why_it_failed(service: Service) -> None:
    administrator = service.administrator()
    service.tick()
    (run,) = administrator.get("/workflow-activity?workflow_name=tick").json["items"]
    assert (run["status"], run["counts"]) == ("completed", {"repairs": len(repairs.registered()), "failed": []})
    with service.database.connect("owner") as conn:
        conn.execute("revoke execute on function free_expired_jobs(interval) from alcove_app")
    with pytest.raises(Exception, match="free_expired_jobs"):
        service.tick()
    failed = administrator.get("/workflow-activity?status=failed").json["items"]
    assert {item["workflow_name"] for item in failed} == {"tick", "wake_jobs"}
    by_name = {item["workflow_name"]: item for item in failed}
    assert by_name["tick"]["counts"]["failed"] == ["wake_jobs"]
    assert by_name["wake_jobs"]["error"].startswith("InsufficientPrivilege: permission denied")


def test_work_that_fails_is_recorded_with_its_error(service: Service) -> None:
    with pytest.raises(ValueError, match="wrong"), activity.recorded("backup") as counts:
        counts["tables"] = 3
        raise ValueError("wrong\nand the contents of a row")
    with activity.recorded("backup"):
        pass
    runs = service.rows("select status, counts, error from workflow_activity order by id")
    assert runs == [("failed", {"tables": 3}, "ValueError: wrong"), ("completed", {}, None)]


def _dead_letter(body: Any) -> None:
    boto3.client("sqs").send_message(QueueUrl=settings().ingest_dead_letter_url, MessageBody=json.dumps(body))


def _waiting_dead_letters() -> int:
    attributes = boto3.client("sqs").get_queue_attributes(
        QueueUrl=settings().ingest_dead_letter_url,
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )
    return sum(int(value) for value in attributes["Attributes"].values())


def test_a_dead_letter_is_sent_once_more_with_its_reason_and_stays_when_it_returns(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    document = user.post("/documents", {"title": "Pump", "content": "Blue."}).json["id"]
    service.drain("ingest")
    message = {"object_key": f"documents/{document}"}
    _dead_letter(message)
    assert repairs.run("redrive_dead_letters") == {"redrive_dead_letters": 1}
    assert _waiting_dead_letters() == 0
    assert [json.loads(record["body"]) for record in service.drain("ingest")] == [message]
    (letter,) = administrator.get("/dead-letters").json["items"]
    assert (letter["object_key"], letter["returned_at"]) == (message["object_key"], None)
    _dead_letter(message)
    assert repairs.run("redrive_dead_letters") == {"redrive_dead_letters": 0}
    assert _waiting_dead_letters() == 1, "its alarm rings"
    assert service.drain("ingest") == []
    events = "select event_type, severity, entity_id::text from self_healing_events order by id"
    assert service.rows(events) == [
        ("dead_letter_redriven", "warning", document),
        ("dead_letter_returned", "critical", document),
    ]
    assert administrator.get("/dead-letters").json["items"][0]["returned_at"] is not None


def test_what_is_no_message_of_the_queue_stays_in_the_dead_letter_queue(service: Service) -> None:
    _dead_letter([1, 2])
    assert repairs.run("redrive_dead_letters") == {"redrive_dead_letters": 0}
    assert service.rows("select count(*) from dead_letters") == [(0,)]
