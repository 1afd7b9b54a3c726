"""Users take turns in ingestion (K21): many documents of one user do not make another user's first one wait."""

from typing import Any

import pytest

from tests.service import Service, User

TEXT = "The coolant pump P-{number} is inspected every ninety days."


def _post(user: User, count: int, word: str = "pump") -> list[str]:
    posted = [user.post("/documents", {"title": f"{word} {n}", "content": f"{word} {n}"}) for n in range(count)]
    assert {answer.status for answer in posted} == {202}
    return [answer.json["id"] for answer in posted]


def _deliver(service: Service, records: list[dict[str, Any]]) -> list[str]:
    """Deliver one message after another, in the order of the queue; the documents in the order of their completion."""
    finished: list[str] = []
    for record in records:
        assert service.invoke("ingest", [record]) == {"batchItemFailures": []}
        done = {str(row[0]) for row in service.rows("select id from documents where status = 'completed'")}
        finished += sorted(done - set(finished))
    return finished


def _of(records: list[dict[str, Any]], ids: list[str]) -> list[dict[str, Any]]:
    return [record for record in records if any(document in record["body"] for document in ids)]


def test_k21_a_newcomers_document_waits_for_one_of_the_busy_users(service: Service) -> None:
    busy, newcomer = service.user(), service.user()
    many = _post(busy, 12)
    first = _post(newcomer, 1, "valve")
    queue = service.drain("ingest")
    in_order = _of(queue, many) + _of(queue, first)
    finished = _deliver(service, in_order[:2])
    assert len(finished) == 3
    assert set(first) <= set(finished)
    # Its own message comes at last, and everything is there exactly once.
    finished += _deliver(service, in_order[2:])
    assert set(finished) == {*many, *first}
    counted = service.rows("select document_id, count(*) from document_chunks group by 1 having count(*) <> 1")
    assert counted == []
    assert service.rows("select count(*) from documents where attempts > 0") == [(0,)]


def test_k21_users_with_many_documents_take_turns(service: Service) -> None:
    users = [service.user() for _ in range(3)]
    owned = [_post(user, 5, f"word{number}") for number, user in enumerate(users)]
    queue = service.drain("ingest")
    _deliver(service, _of(queue, owned[0])[:4])
    done = [
        service.rows("select count(*) from documents where owner_id = %s and status = 'completed'", user.id)[0][0]
        for user in users
    ]
    assert done[0] == 4
    assert min(done[1:]) >= 3
    assert max(done[1:]) <= 4


def test_a_failure_in_anothers_turn_does_not_fail_the_message(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    busy, other = service.user(), service.user()
    many, broken = _post(busy, 2), _post(other, 1, "valve")
    queue = service.drain("ingest")
    with service.database.connect("owner") as owner:
        owner.execute("alter table document_chunks add constraint broken check (chunk_text not like 'valve%')")
    for record in _of(queue, many):
        assert service.invoke("ingest", [record]) == {"batchItemFailures": []}
    assert "its own message will repeat it" in caplog.text
    statuses = dict(service.rows("select id::text, status from documents"))
    assert {statuses[document] for document in many} == {"completed"}
    assert statuses[broken[0]] == "processing"
    with service.database.connect("owner") as owner:
        owner.execute("alter table document_chunks drop constraint broken")
    service.rows("update documents set leased_until = now() where id = %s returning id", broken[0])
    assert service.invoke("ingest", _of(queue, broken)) == {"batchItemFailures": []}
    assert other.get(f"/documents/{broken[0]}").json["status"] == "completed"


def test_an_upload_that_is_only_announced_is_looked_for_less_and_less_often(service: Service) -> None:
    busy, slow = service.user(), service.user()
    many = _post(busy, 3)
    announced = slow.post("/documents", {"filename": "later.txt", "size_bytes": 20}).json["id"]
    records = _of(service.drain("ingest"), many)
    service.rows("update documents set announced_at = now() - interval '4 hours' where id = %s returning id", announced)
    looked = []
    for record in records:
        service.invoke("ingest", [record])
        looked += service.rows("select verified_at from documents where id = %s", announced)
    assert looked[0] == (None,), "the first message finds its owner's own turn"
    assert looked[1] != (None,)
    assert looked[2] == looked[1], "it is looked for again in an hour"
    assert slow.get(f"/documents/{announced}").json["status"] == "pending"
