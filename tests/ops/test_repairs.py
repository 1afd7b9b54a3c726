"""What tick repairs about documents (O2): lost events, dead workers, uploads that never come."""

import boto3
import pytest

from chalicelib.knowledge.ingestion import claims
from tests.service import Service

PUMP = "The coolant pump P-17 is inspected every ninety days."
VALVE = "Valve V-3 closes at six bar."


def _age(service: Service, document_id: str, column: str = "updated_at", by: str = "1 hour") -> None:
    """Let time pass for a document."""
    with service.database.connect("owner") as conn:
        conn.execute("alter table documents disable trigger touch")
        statement = {
            "updated_at": "update documents set updated_at = updated_at - %s::interval, "
            "verified_at = verified_at - %s::interval where id = %s",
            "announced_at": "update documents set announced_at = announced_at - %s::interval, "
            "created_at = created_at - %s::interval where id = %s",
        }[column]
        conn.execute(statement, [by, by, document_id])
        conn.execute("alter table documents enable trigger touch")


def test_a_lost_event_of_a_new_document(service: Service) -> None:
    user = service.user()
    created = user.post("/documents", {"title": "Pump", "content": PUMP}).json
    service.drain("ingest")  # lost
    service.tick()
    assert service.drain("ingest") == [], "patience first"
    _age(service, created["id"])
    service.tick()
    service.pump_ingest()
    assert user.get(f"/documents/{created['id']}").json["status"] == "completed"
    assert service.rows("select event_type, severity, entity_id::text from self_healing_events") == [
        ("document_stuck", "warning", created["id"])
    ]


def test_a_lost_event_of_a_replaced_document(service: Service) -> None:
    user = service.user()
    document = user.add("Pump", PUMP)
    user.put(f"/documents/{document['id']}/content", {"content": VALVE})
    service.drain("ingest")
    _age(service, document["id"])
    service.tick()
    service.pump_ingest()
    assert user.get(f"/documents/{document['id']}/content").json["text"] == VALVE


def test_bytes_that_were_put_without_a_word_are_noticed_within_a_day(service: Service) -> None:
    user = service.user()
    document = user.add("Pump", PUMP)
    _age(service, document["id"])
    service.tick()
    assert service.drain("ingest") == [], "nothing is wrong yet"
    key = f"documents/{document['id']}"
    boto3.client("s3").put_object(Bucket=service.bucket, Key=key, Body=VALVE.encode(), ContentType="text/plain")
    service.drain("ingest")
    _age(service, document["id"], by="25 hours")
    service.tick()
    service.pump_ingest()
    assert user.get(f"/documents/{document['id']}/content").json["text"] == VALVE
    service.tick()
    assert service.rows("select count(*) from self_healing_events") == [(1,)], "healed once"


def test_a_dead_workers_document(service: Service) -> None:
    user = service.user()
    created = user.post("/documents", {"title": "Pump", "content": PUMP}).json
    service.drain("ingest")
    assert claims.claim_document(f"documents/{created['id']}") is not None
    service.tick()
    assert service.drain("ingest") == [], "its lease still holds"
    service.rows("update documents set leased_until = now() where id = %s returning id", created["id"])
    service.tick()
    service.pump_ingest()
    assert user.get(f"/documents/{created['id']}").json["status"] == "completed"


def test_the_ingestion_of_a_dead_workers_document_is_requested_again_when_its_wake_up_is_lost_too(
    service: Service,
) -> None:
    user = service.user()
    created = user.post("/documents", {"title": "Pump", "content": PUMP}).json
    service.drain("ingest")
    assert claims.claim_document(f"documents/{created['id']}") is not None
    service.rows("update documents set leased_until = now() where id = %s returning id", created["id"])
    service.tick()
    assert len(service.drain("ingest")) == 1, "and the queue forgets it"
    service.tick()
    assert service.drain("ingest") == [], "somebody may be about to take it"
    _age(service, created["id"])
    service.tick()
    service.pump_ingest()
    assert user.get(f"/documents/{created['id']}").json["status"] == "completed"


@pytest.mark.parametrize("had_a_version", [False, True])
def test_an_announced_upload_that_never_arrives_fails_after_a_day(service: Service, had_a_version: bool) -> None:
    user = service.user()
    announced = {"filename": "never.txt", "size_bytes": 5}
    if had_a_version:
        document = user.add("Pump", PUMP)
        document = user.put(f"/documents/{document['id']}/content", announced).json
    else:
        document = user.post("/documents", announced).json
    _age(service, document["id"])
    service.tick()
    assert user.get(f"/documents/{document['id']}").json["status"] == "pending"
    _age(service, document["id"], "announced_at", "2 days")
    _age(service, document["id"])
    service.tick()
    after = user.get(f"/documents/{document['id']}").json
    if had_a_version:
        assert (after["status"], after["error"]) == ("completed", None)
        assert user.search("coolant pump")[0]["text"] == PUMP
    else:
        assert (after["status"], after["error"]["code"]) == ("failed", "upload_missing")


def test_a_repair_that_fails_keeps_none_of_the_others_from_running(service: Service) -> None:
    user = service.user()
    created = user.post("/documents", {"title": "Pump", "content": PUMP}).json
    service.drain("ingest")
    _age(service, created["id"])
    with service.database.connect("owner") as conn:
        conn.execute("revoke execute on function free_expired_jobs(interval) from alcove_app")
    with pytest.raises(Exception, match="free_expired_jobs"):
        service.tick()
    service.pump_ingest()
    assert user.get(f"/documents/{created['id']}").json["status"] == "completed"


def test_lexeme_counts_are_folded_without_changing(service: Service) -> None:
    user = service.user()
    for number in range(3):
        user.add(f"Pump {number}", f"{PUMP} Number {number}.")
    sums = "select lexeme, sum(chunks) from lexeme_counts group by 1 having sum(chunks) <> 0 order by 1"
    before = service.rows(sums)
    service.tick()
    assert service.rows(sums) == before
    assert service.rows("select max(n) from (select count(*) n from lexeme_counts group by lexeme) c") == [(1,)]
