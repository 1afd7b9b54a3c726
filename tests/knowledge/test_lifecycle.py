"""A document's life (K13, K2, K3): archived, retitled, deleted, restored, read again, purged; the bucket follows."""

import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import httpx
import pytest

from chalicelib.core import connection, process, repairs
from chalicelib.knowledge.documents import bucket, documents
from chalicelib.knowledge.documents import repairs as document_repairs
from chalicelib.knowledge.ingestion import claims, ingestion, storage
from chalicelib.knowledge.text import bm25
from chalicelib.ops import deployment
from tests.auth.test_limits import round_trips
from tests.service import Service, User

PUMP = "The coolant pump P-17 is inspected every ninety days. Replace its seal when it leaks."
VALVE = "Valve V-3 closes at six bar. It must be tested twice a year by the safety officer."
MODES = ("hybrid", "semantic", "lexical")

LEXEMES = """
    with counted as (select lexeme, sum(chunks) as n from lexeme_counts group by 1 having sum(chunks) <> 0),
    real as (
        select split_part(entry, ':', 1)::integer as lexeme, count(*) as n
          from chunk_terms t, unnest(string_to_array(trim('{' from split_part(t.weights::text, '}', 1)), ',')) entry
         where t.live and entry <> '' group by 1
        union all select 0, count(*) from chunk_terms where live having count(*) > 0)
    select lexeme from counted full join real using (lexeme) where counted.n is distinct from real.n"""
LIVE = """
    select d.id from documents d
     where (exists (select from embeddings e where e.document_id = d.id
                     and e.live <> (d.deleted_at is null and not d.is_archived))
            or exists (select from chunk_terms t where t.document_id = d.id
                        and t.live <> (d.deleted_at is null and not d.is_archived)))"""


@pytest.fixture(autouse=True)
def _consistent(service: Service) -> Any:
    """After every test: exactly what may be found is live, and exactly that is counted."""
    yield
    assert service.rows(LIVE) == []
    assert service.rows(LEXEMES) == []


def _hits(user: User, query: str) -> dict[str, set[str]]:
    return {mode: {hit["document_id"] for hit in user.search(query, mode=mode)} for mode in MODES}


def _everywhere(*ids: str) -> dict[str, set[str]]:
    return {mode: set(ids) for mode in MODES}


def _patch(user: User, document: str, **changes: Any) -> Any:
    answer = user.request("PATCH", f"/documents/{document}", changes)
    assert answer.status == 200, answer.body
    return answer.json


def _listed(user: User, query: str = "") -> list[str]:
    return [item["id"] for item in user.get(f"/documents?{query}").json["items"]]


def _age(service: Service, document: str, days: int) -> None:
    moved = "update documents set deleted_at = deleted_at - make_interval(days => %s) where id = %s returning id"
    assert service.rows(moved, days, document)


def _keys(service: Service) -> dict[str, int]:
    """How many versions of each object the bucket holds, besides received uploads."""
    counted: dict[str, int] = {}
    listed: Any = boto3.client("s3").list_object_versions(Bucket=service.bucket)
    for kind in ("Versions", "DeleteMarkers"):
        for version in listed.get(kind, []):
            if not version["Key"].startswith("uploads/"):
                counted[version["Key"]] = counted.get(version["Key"], 0) + 1
    return counted


def test_k13_an_archived_document_is_out_of_the_way_and_comes_back(service: Service) -> None:
    user = service.user()
    pump, valve = user.add("Pump", PUMP)["id"], user.add("Valve", VALVE)["id"]
    assert _patch(user, pump, is_archived=True)["is_archived"] is True
    assert _hits(user, "coolant pump valve") == _everywhere(valve)
    assert user.search("coolant pump", filters={"documents": [pump]}) == []
    assert _listed(user) == [valve]
    assert _listed(user, "archived=true") == [pump]
    assert user.get(f"/documents/{pump}").json["is_archived"] is True
    assert user.get(f"/documents/{pump}/content").json["text"] == PUMP
    assert _patch(user, pump, is_archived=True)["is_archived"] is True, "twice is once"
    assert _patch(user, pump, is_archived=False)["is_archived"] is False
    assert _hits(user, "coolant pump valve") == _everywhere(pump, valve)
    assert _listed(user, "archived=false") == [valve, pump]


def test_k13_an_archived_document_is_replaced_and_read_again_in_the_archive(service: Service) -> None:
    user = service.user()
    pump = user.add("Pump", PUMP)["id"]
    _patch(user, pump, is_archived=True)
    assert user.put(f"/documents/{pump}/content", {"content": VALVE}).status == 202
    service.pump_ingest()
    assert user.get(f"/documents/{pump}/content").json["text"] == VALVE
    assert _hits(user, "valve safety officer") == _everywhere()
    assert user.post(f"/documents/{pump}/reindex").status == 202
    service.pump_ingest()
    assert _hits(user, "valve safety officer") == _everywhere()
    _patch(user, pump, is_archived=False)
    assert _hits(user, "valve safety officer") == _everywhere(pump)


def test_k2_the_bytes_of_an_archived_document_are_added_anew_and_never_double(service: Service) -> None:
    user = service.user()
    old = user.add("Old", PUMP)["id"]
    _patch(user, old, is_archived=True)
    new = user.add("New", PUMP)["id"]
    assert new != old
    assert _hits(user, "coolant pump") == _everywhere(new)
    assert _patch(user, old, is_archived=False)["id"] == new, "it is a copy now, and the other answers for it"
    assert _hits(user, "coolant pump") == _everywhere(new)
    assert _listed(user) == [new]
    assert service.rows("select count(*) from document_chunks") == [(1,)]


def test_k13_a_new_title_counts_in_every_chunk(service: Service) -> None:
    user = service.user()
    text = "# Bearings\n\n" + "\n\n".join(
        f"Paragraph {n} speaks of topic {n} and of nothing else. " * 8 for n in range(8)
    )
    created = user.add("Turbine manual", text)
    assert created["chunk_count"] > 3
    assert user.search("compressor", mode="lexical") == []
    changed = _patch(user, created["id"], title="Compressor handbook")
    assert (changed["title"], changed["status"]) == ("Compressor handbook", "completed")
    assert len(user.search("compressor", mode="lexical")) == created["chunk_count"]
    assert user.search("turbine", mode="lexical") == []
    contexts = set()
    for chunk_text, context, weights in service.rows(
        "select c.chunk_text, c.context, t.weights::text from document_chunks c join chunk_terms t on t.chunk_id = c.id"
    ):
        contexts.add(context)
        target_values = bm25.to_sparsevec(bm25.document_weights(chunk_text, "Compressor handbook", context or ""))
        assert service.rows("select %s::sparsevec <-> %s::sparsevec < 1e-5", weights, target_values) == [(True,)]
    assert contexts == {None, "Bearings"}


def test_k13_a_new_title_of_very_much_counts_once_it_is_read_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "WEIGHED_AT_ONCE", 0)
    user = service.user()
    created = user.add("Turbine manual", PUMP)
    assert _patch(user, created["id"], title="Compressor handbook")["status"] == "pending"
    assert user.search("turbine", mode="lexical")[0]["title"] == "Compressor handbook", "the old weights still answer"
    service.pump_ingest()
    assert user.search("turbine", mode="lexical") == []
    assert user.search("compressor", mode="lexical")[0]["document_id"] == created["id"]


def test_k13_a_title_that_changes_during_ingestion_counts(service: Service) -> None:
    user = service.user()
    created = user.post("/documents", {"title": "Turbine", "content": PUMP}).json
    service.drain("ingest")
    claim = claims.claim_document(f"documents/{created['id']}")
    assert claim is not None
    _patch(user, created["id"], title="Compressor")
    ingestion._work(claim)
    assert user.search("compressor", mode="lexical")[0]["document_id"] == created["id"]
    assert user.search("turbine", mode="lexical") == []


def test_k13_a_document_archived_while_it_is_ingested_stays_archived(service: Service) -> None:
    user = service.user()
    created = user.post("/documents", {"title": "Pump", "content": PUMP}).json
    service.drain("ingest")
    claim = claims.claim_document(f"documents/{created['id']}")
    assert claim is not None
    _patch(user, created["id"], is_archived=True)
    ingestion._work(claim)
    assert user.get(f"/documents/{created['id']}").json["status"] == "completed"
    assert _hits(user, "coolant pump") == _everywhere()


def test_k13_a_deleted_document_is_listed_and_restored(service: Service) -> None:
    user = service.user()
    pump, valve = user.add("Pump", PUMP)["id"], user.add("Valve", VALVE)["id"]
    before = service.rows("select lexeme, sum(chunks) from lexeme_counts group by 1 order by 1")
    assert user.delete(f"/documents/{pump}").status == 204
    assert _listed(user) == [valve]
    (item,) = user.get("/documents?deleted=true").json["items"]
    assert (item["id"], item["deleted_at"] is None) == (pump, False)
    assert _hits(user, "coolant pump valve") == _everywhere(valve)
    restored = user.post(f"/documents/{pump}/restore")
    assert (restored.status, restored.json["id"], restored.json["deleted_at"]) == (200, pump, None)
    assert _hits(user, "coolant pump valve") == _everywhere(pump, valve)
    assert user.get(f"/documents/{pump}/content").json["text"] == PUMP
    assert user.post(f"/documents/{pump}/restore").status == 200, "twice is once"
    counts = "select lexeme, sum(chunks) from lexeme_counts group by 1 having sum(chunks) <> 0 order by 1"
    assert service.rows(counts) == before
    service.pump_ingest()
    assert user.get(f"/documents/{pump}").json["status"] == "completed"


def test_k13_a_restored_document_takes_what_was_uploaded_meanwhile(service: Service) -> None:
    user = service.user()
    pump = user.add("Pump", PUMP)["id"]
    announced = {"filename": "valve.txt", "content_type": "text/plain", "size_bytes": len(VALVE)}
    upload = user.put(f"/documents/{pump}/content", announced).json["upload"]
    user.delete(f"/documents/{pump}")
    assert httpx.put(upload["url"], headers=upload["headers"], content=VALVE.encode()).status_code == 200
    service.pump_ingest()
    user.post(f"/documents/{pump}/restore")
    service.pump_ingest()
    assert user.get(f"/documents/{pump}/content").json["text"] == VALVE


def test_k2_restoring_what_was_added_again_makes_no_double(service: Service) -> None:
    user = service.user()
    old = user.add("Old", PUMP)["id"]
    user.delete(f"/documents/{old}")
    new = user.add("New", PUMP)["id"]
    assert new != old
    assert user.post(f"/documents/{old}/restore").json["id"] == new
    assert _hits(user, "coolant pump") == _everywhere(new)
    assert len(user.search("coolant pump")) == 1
    assert user.put(f"/documents/{new}/content", {"content": VALVE}).status == 202
    service.pump_ingest()
    assert user.get(f"/documents/{old}").json["id"] == old, "a copy lives on when its original changes"
    assert _hits(user, "coolant pump")["lexical"] == {old}


def test_k2_restoring_and_adding_at_the_same_time_make_no_double(service: Service) -> None:
    user = service.user()
    old = user.add("Old", PUMP)["id"]
    user.delete(f"/documents/{old}")
    new = user.post("/documents", {"title": "New", "content": PUMP}).json["id"]
    service.drain("ingest")
    claim = claims.claim_document(f"documents/{new}")
    assert claim is not None
    failures: list[BaseException] = []

    def work() -> None:
        try:
            ingestion._work(claim)
        except BaseException as error:  # noqa: BLE001
            failures.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    assert user.post(f"/documents/{old}/restore").status == 200
    thread.join()
    assert failures == []
    assert len(user.search("coolant pump")) == 1
    assert user.get(f"/documents/{old}").json["id"] == user.get(f"/documents/{new}").json["id"]


def test_a_copy_made_while_its_original_is_deleted_goes_with_it(service: Service) -> None:
    """Deleting waits for who is becoming its copy, and takes it along."""
    user = service.user()
    first = user.add("First", PUMP)["id"]
    copy = user.post("/documents", {"filename": "copy.txt", "size_bytes": len(PUMP)}).json["id"]
    boto3.client("s3").put_object(Bucket=service.bucket, Key=f"documents/{copy}", Body=PUMP.encode())
    service.drain("ingest")
    with service.database.connect() as storing:
        storing.execute("begin")
        storing.execute("select assume_user(%s)", [user.id])
        claim = claims.claim_document(f"documents/{copy}")
        assert claim is not None
        sha256 = service.rows("select content_sha256 from documents where id = %s", first)[0][0]
        own = {"id": copy, "token": claim.token, "sha256": sha256}
        storing.execute(storage.queries.lock_content, own)
        row = storing.execute(storage.queries.lock_document, own).fetchone()
        assert row is not None
        assert uuid.UUID(first) in row
        answers: list[int] = []

        def delete() -> None:
            answers.append(user.delete(f"/documents/{first}").status)
            connection.close()

        thread = threading.Thread(target=delete)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive(), "it did not wait for who is becoming its copy"
        finished = own | {"version": claim.stored.version, "size": 1, "duplicate_of": first}
        finished |= {"chunk_count": 0, "warnings": "[]"}
        storing.execute(storage.queries.complete, finished)
        storing.execute("commit")
        thread.join()
    assert answers == [204]
    assert service.rows("select count(*) from documents where deleted_at is null") == [(0,)]


def test_k13_thirty_days_then_it_is_gone_with_its_object(service: Service) -> None:
    user = service.user()
    pump, valve = user.add("Pump", PUMP)["id"], user.add("Valve", VALVE)["id"]
    copy = user.post("/documents", {"filename": "copy.txt", "size_bytes": len(PUMP)}).json["id"]
    boto3.client("s3").put_object(Bucket=service.bucket, Key=f"documents/{copy}", Body=PUMP.encode())
    service.pump_ingest()
    assert user.get(f"/documents/{copy}").json["id"] == pump
    user.delete(f"/documents/{pump}")
    user.delete(f"/documents/{valve}")
    for document, days in ((pump, 31), (copy, 31), (valve, 29)):
        _age(service, document, days)
    assert user.post(f"/documents/{pump}/restore").status == 404
    assert _listed(user, "deleted=true") == [valve]
    assert repairs.run("purge_documents")["purge_documents"] == 2
    assert repairs.run("purge_documents")["purge_documents"] == 0
    repairs.run("delete_objects")
    assert _keys(service) == {f"documents/{valve}": 1}
    assert service.rows("select distinct document_id::text from document_chunks") == [(valve,)]
    assert user.post(f"/documents/{valve}/restore").status == 200
    assert _hits(user, "valve safety officer") == _everywhere(valve)


def test_a_purge_is_done_in_parts(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_repairs, "_CHUNKS_PER_MINUTE", 3)
    user = service.user()
    for number in range(5):
        created = user.add(f"Pump {number}", f"{PUMP} Number {number}.")["id"]
        user.delete(f"/documents/{created}")
        _age(service, created, 31 + number)
    assert [repairs.run("purge_documents")["purge_documents"] for _ in range(4)] == [2, 2, 1, 0]


def test_a_living_copy_of_what_is_purged_is_read_for_itself(service: Service) -> None:
    user = service.user()
    pump = user.add("Pump", PUMP)["id"]
    copy = user.post("/documents", {"filename": "copy.txt", "size_bytes": len(PUMP)}).json["id"]
    boto3.client("s3").put_object(Bucket=service.bucket, Key=f"documents/{copy}", Body=PUMP.encode())
    service.pump_ingest()
    user.delete(f"/documents/{pump}")
    _age(service, pump, 31)
    # As when it became a copy at the very moment of the deletion, before that waited for it.
    service.rows("update documents set deleted_at = null where id = %s returning id", copy)
    assert repairs.run("purge_documents")["purge_documents"] == 1
    ingestion.ingest(f"documents/{copy}")
    assert _hits(user, "coolant pump") == _everywhere(copy)


def test_reading_again_uses_what_holds_now_and_answers_meanwhile(service: Service) -> None:
    user = service.user()
    created = user.add("Long", "\n\n".join(f"Paragraph {n} speaks of topic {n}. " * 12 for n in range(12)))
    service.rows("update static_config set chunk_size = 64, chunk_overlap = 0 returning id")
    again = user.post(f"/documents/{created['id']}/reindex")
    assert (again.status, again.json["status"]) == (202, "pending")
    assert len(user.search("topic", mode="lexical", top_k=100)) == created["chunk_count"]
    assert user.post(f"/documents/{created['id']}/reindex").json["status"] == "pending", "it waits already"
    service.pump_ingest()
    after = user.get(f"/documents/{created['id']}").json
    assert after["status"] == "completed"
    assert after["chunk_count"] > created["chunk_count"]
    assert len(user.search("topic", mode="lexical", top_k=100)) == after["chunk_count"]


def test_a_failed_document_is_tried_again(service: Service) -> None:
    user = service.user()
    created = user.post("/documents", {"filename": "broken.pdf", "size_bytes": 9}).json
    boto3.client("s3").put_object(Bucket=service.bucket, Key=f"documents/{created['id']}", Body=b"%PDF-1.7\n")
    service.pump_ingest()
    assert user.get(f"/documents/{created['id']}").json["status"] == "failed"
    assert user.post(f"/documents/{created['id']}/reindex").json["error"] is None
    service.pump_ingest()
    assert user.get(f"/documents/{created['id']}").json["error"]["code"] == "corrupt"


def test_all_of_a_users_documents_are_reindexed_and_a_lost_request_is_repaired(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "_WAKEUPS_PER_BATCH", 12)
    user, other = service.user(), service.user()
    own_ = [user.add(f"Pump {n}", f"{PUMP} Number {n}.")["id"] for n in range(14)]
    theirs = other.add("Valve", VALVE)["id"]
    archived, deleted = own_[:2]
    _patch(user, archived, is_archived=True)
    user.delete(f"/documents/{deleted}")
    queued = user.post("/documents/reindex")
    assert (queued.status, queued.json) == (202, {"documents": 13})
    assert other.get(f"/documents/{theirs}").json["status"] == "completed"
    service.pump_ingest()
    assert len(_listed(user, "status=pending&archived=false") + _listed(user, "status=pending&archived=true")) == 1
    with service.database.connect("owner") as conn:
        conn.execute("alter table documents disable trigger touch")
        conn.execute(
            "update documents set updated_at = now() - interval '1 hour', verified_at = null where status = 'pending'"
        )
        conn.execute("alter table documents enable trigger touch")
    repairs.run("verify_documents")
    service.pump_ingest()
    assert _listed(user, "status=pending") == []
    assert len(_hits(user, "coolant pump")["lexical"]) == 10


def test_the_older_versions_of_a_replaced_document_leave_the_bucket(service: Service) -> None:
    user = service.user()
    pump = user.add("Pump", PUMP)["id"]
    broken = user.add("Broken", VALVE)["id"]
    for text in (VALVE + " Again.", PUMP + " Again."):
        user.put(f"/documents/{pump}/content", {"content": text})
        service.pump_ingest()
    announced = {"filename": "new.pdf", "content_type": "application/pdf", "size_bytes": 9}
    upload = user.put(f"/documents/{broken}/content", announced).json["upload"]
    httpx.put(upload["url"], headers=upload["headers"], content=b"%PDF-1.7\n")
    service.pump_ingest()
    assert _keys(service) == {f"documents/{pump}": 3, f"documents/{broken}": 2}
    assert repairs.run("sweep_bucket")["sweep_bucket"] == 2
    assert _keys(service) == {f"documents/{pump}": 1, f"documents/{broken}": 2}, "what failed keeps its last good bytes"
    stored = boto3.client("s3").get_object(Bucket=service.bucket, Key=f"documents/{pump}")
    assert stored["Body"].read().decode() == PUMP + " Again."
    assert repairs.run("sweep_bucket")["sweep_bucket"] == 0, "the bucket was compared just now"


def test_an_upload_that_lands_during_the_sweep_is_kept(service: Service) -> None:
    user = service.user()
    pump = user.add("Pump", PUMP)["id"]
    user.put(f"/documents/{pump}/content", {"content": VALVE})
    service.pump_ingest()
    objects, reached = bucket.versions_after("", 1000)
    assert ([len(stored.older) for stored in objects], reached) == ([1], "")
    user.put(f"/documents/{pump}/content", {"content": PUMP + " Newest."})
    bucket.delete_older(objects, datetime.now(UTC), most=0)
    service.pump_ingest()
    assert user.get(f"/documents/{pump}/content").json["text"] == PUMP + " Newest."
    assert repairs.run("sweep_bucket")["sweep_bucket"] == 1
    assert _keys(service) == {f"documents/{pump}": 1}


def test_former_files_stay_while_the_database_can_be_restored_to_their_time(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALCOVE_FORMER_VERSION_DAYS", "7")
    monkeypatch.setattr(document_repairs, "_FORMER_AT_MOST", 2)
    monkeypatch.setattr(document_repairs, "SWEEP_PAUSE", timedelta(0))
    process.forget()
    user = service.user()
    key = f"documents/{user.add('Pump', PUMP)['id']}"
    for text in ("One.", "Two.", "Three."):
        user.put(f"/{key}/content", {"content": text})
        service.pump_ingest()
    repairs.run("sweep_bucket")
    assert _keys(service) == {key: 3}, "the latest two of three former files"
    ((stored,), _) = bucket.versions_after("", 1000)
    (two, replaced_last), (one, replaced_first) = stored.older
    assert replaced_last == stored.stored_at, "a file is former from the moment at which the next one came"
    s3 = boto3.client("s3")
    texts = [s3.get_object(Bucket=service.bucket, Key=key, VersionId=old)["Body"].read() for old in (two, one)]
    assert texts == [b"Two.", b"One."]
    bucket.delete_older([stored], replaced_first - timedelta(microseconds=1), most=2)
    assert _keys(service) == {key: 3}
    bucket.delete_older([stored], replaced_first, most=2)
    assert _keys(service) == {key: 2}
    user.delete("/me")
    repairs.run("delete_objects")
    assert _keys(service) == {}, "an erased person's former files go with the present ones"


def test_objects_without_a_document_are_recorded_and_deleted_a_day_later(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = service.user()
    remaining = user.add("Pump", PUMP)["id"]
    deleted = user.add("Valve", VALVE)["id"]
    user.delete(f"/documents/{deleted}")
    s3 = boto3.client("s3")
    for number in range(3):
        s3.put_object(Bucket=service.bucket, Key=f"documents/nobodys-{number}", Body=b"x")
    s3.put_object(Bucket=service.bucket, Key="backups/other", Body=b"x")
    service.drain("ingest")
    assert repairs.run("sweep_bucket")["sweep_bucket"] == 5
    events = "select event_type, severity, description from self_healing_events"
    assert service.rows(events) == [], "what is new may still get its row"
    monkeypatch.setattr(document_repairs, "ORPHAN_DELETE_AFTER", timedelta(0))
    monkeypatch.setattr(document_repairs, "SWEEP_PAUSE", timedelta(0))
    repairs.run("sweep_bucket")
    repairs.run("sweep_bucket")
    notice = "3 objects of the bucket belong to no document, such as documents/nobodys-0."
    assert service.rows(events) == [("object_orphaned", "warning", notice)], "told once"
    repairs.run("delete_objects")
    everything = {f"documents/nobodys-{number}": 1 for number in range(3)} | {
        f"documents/{remaining}": 1,
        f"documents/{deleted}": 1,
        "backups/other": 1,
    }
    assert _keys(service) == everything, "not before a day has passed"
    service.rows("update object_deletions set due_at = now() returning object_key")
    # Meanwhile one of them has a document after all, as after restoring a backup of the database.
    service.rows(
        "update documents set object_key = 'documents/nobodys-1' where id = %s returning id",
        user.post("/documents", {"filename": "late.txt", "size_bytes": 1}).json["id"],
    )
    repairs.run("delete_objects")
    assert set(_keys(service)) == set(everything) - {"documents/nobodys-0", "documents/nobodys-2"}
    assert user.post(f"/documents/{deleted}/restore").status == 200


def test_a_large_bucket_is_compared_page_by_page(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_repairs, "_VERSIONS_PER_PAGE", 4)
    monkeypatch.setattr(document_repairs, "_PAGES_PER_MINUTE", 1)
    user = service.user()
    created = [user.add(f"Pump {n}", f"{PUMP} Number {n}.")["id"] for n in range(5)]
    for number in (1, 2):
        for text in ("One.", "Two.", "Three.", "Four.", "Five."):
            user.put(f"/documents/{created[number]}/content", {"content": f"{text} {number}"})
            service.pump_ingest()
    expected = dict.fromkeys((f"documents/{key}" for key in created), 1)
    assert sum(_keys(service).values()) == 15
    monkeypatch.setattr(document_repairs, "SWEEP_PAUSE", timedelta(0))
    for _ in range(30):
        repairs.run("sweep_bucket")
    assert _keys(service) == expected


def test_a_document_whose_object_is_gone_says_so_and_is_well_again(service: Service) -> None:
    user = service.user()
    pump, valve = user.add("Pump", PUMP)["id"], user.add("Valve", VALVE)["id"]
    s3 = boto3.client("s3")
    marker = s3.delete_object(Bucket=service.bucket, Key=f"documents/{pump}")["VersionId"]

    def a_day_later() -> None:
        with service.database.connect("owner") as conn:
            conn.execute("alter table documents disable trigger touch")
            conn.execute(
                "update documents set updated_at = now() - interval '2 days', verified_at = now() - interval '25 hours'"
            )
            conn.execute("alter table documents enable trigger touch")
        repairs.run("verify_documents")

    a_day_later()
    a_day_later()
    document = user.get(f"/documents/{pump}").json
    assert (document["status"], document["error"]["code"]) == ("completed", "object_missing")
    assert user.get(f"/documents/{valve}").json["error"] is None
    assert service.rows("select event_type, severity, entity_id::text from self_healing_events") == [
        ("object_missing", "critical", pump)
    ]
    assert user.search("coolant pump")[0]["document_id"] == pump, "what was read from it still answers"
    repairs.run("sweep_bucket")
    s3.delete_object(Bucket=service.bucket, Key=f"documents/{pump}", VersionId=marker)
    a_day_later()
    assert user.get(f"/documents/{pump}").json["error"] is None


def test_k13_readers_of_a_space_change_nothing_in_it(service: Service) -> None:
    administrator, reader = service.administrator(), service.user()
    shared = administrator.add("Rules", VALVE, scope="org")["id"]
    removed = administrator.add("Gone", PUMP, scope="org")["id"]
    administrator.delete(f"/documents/{removed}")
    before = service.dump()
    for method, path, body in (
        ("PATCH", f"/documents/{shared}", {"title": "Mine"}),
        ("PATCH", f"/documents/{shared}", {"is_archived": True}),
        ("DELETE", f"/documents/{shared}", None),
        ("POST", f"/documents/{shared}/reindex", None),
        ("POST", f"/documents/{removed}/restore", None),
    ):
        answer = reader.request(method, path, body)
        assert (answer.status, answer.json["code"]) == (403, "forbidden"), (method, path)
    assert reader.get("/documents?deleted=true").json["items"] == []
    assert reader.post("/documents/reindex").json == {"documents": 0}
    assert service.dump() == before
    assert administrator.post(f"/documents/{removed}/restore").status == 200


@pytest.mark.parametrize("body", [{}, {"title": None}, {"is_archived": None}, {"title": " "}, {"content": "x"}])
def test_a_change_must_be_one(service: Service, body: Any) -> None:
    user = service.user()
    created = user.post("/documents", {"title": "Pump", "content": PUMP}).json["id"]
    assert user.request("PATCH", f"/documents/{created}", body).status == 422


def test_k1_a_batch_has_its_progress(service: Service) -> None:
    user, other_user = service.user(), service.user()
    batch = str(uuid.uuid4())
    posted = [
        user.post("/documents", {"title": f"Pump {n}", "content": f"{PUMP} Number {n}.", "batch": batch}).json["id"]
        for n in range(3)
    ]
    waiting = user.post("/documents", {"filename": "later.txt", "size_bytes": 5, "batch": batch}).json["id"]
    outside = user.post("/documents", {"title": "Valve", "content": VALVE}).json
    assert (outside["batch"], user.get(f"/documents/{waiting}").json["batch"]) == (None, batch)
    progress = user.get(f"/documents/batches/{batch}").json
    assert (progress["id"], progress["total"], progress["pending"], progress["completed"]) == (batch, 4, 4, 0)
    claim = claims.claim_document(f"documents/{posted[0]}")
    assert claim is not None
    progress = user.get(f"/documents/batches/{batch}").json
    assert (progress["processing"], progress["stages"]["extracting"]) == (1, 1)
    assert ingestion._work(claim) is False
    service.pump_ingest()
    progress = user.get(f"/documents/batches/{batch}").json
    assert (progress["total"], progress["pending"], progress["completed"]) == (4, 1, 3)
    assert progress["chunks_done"] == progress["chunks_total"] == 3
    assert set(progress["stages"].values()) == {0}
    assert _listed(user, f"batch={batch}") == [waiting, *reversed(posted)]
    assert _listed(user, f"batch={batch}&status=completed&limit=2") == posted[:0:-1]
    copy = user.post("/documents", {"filename": "copy.txt", "size_bytes": len(VALVE), "batch": batch}).json["id"]
    boto3.client("s3").put_object(Bucket=service.bucket, Key=f"documents/{copy}", Body=VALVE.encode())
    service.pump_ingest()
    assert outside["id"] in _listed(user, f"batch={batch}"), "what its copy stands for"
    assert other_user.get(f"/documents/batches/{batch}").status == 404
    assert other_user.get(f"/documents?batch={batch}").json["items"] == []
    assert user.get(f"/documents/batches/{uuid.uuid4()}").status == 404


def test_lists_filter_by_kind_time_and_state(service: Service) -> None:
    user = service.user()
    inline = user.add("Pump", PUMP)["id"]
    upload = user.post("/documents", {"filename": "later.txt", "size_bytes": 5}).json["id"]
    assert _listed(user, "source_type=upload") == [upload]
    assert _listed(user, "source_type=inline") == [inline]
    assert _listed(user, "status=pending&source_type=inline") == []
    now = datetime.now(UTC)
    for before, after, expected in (
        (1, None, [upload, inline]),
        (-1, None, []),
        (None, 1, []),
        (1, -1, [upload, inline]),
    ):
        bounds = ""
        if before is not None:
            bounds += f"&created_before={(now + timedelta(hours=before)).isoformat().replace('+00:00', 'Z')}"
        if after is not None:
            bounds += f"&created_after={(now + timedelta(hours=after)).isoformat().replace('+00:00', 'Z')}"
        assert _listed(user, bounds.lstrip("&")) == expected
    assert user.get("/documents?created_after=2026-01-01T00:00:00").status == 422, "without a zone it is no instant"


def test_k13_a_misspelt_name_is_found_and_the_best_comes_first(service: Service) -> None:
    user, other = service.user(), service.user()
    titles = [
        "Quarterly report 2025",
        "Annual report 2025",
        "Holiday requests",
        "Quarry safety",
        "会议纪要",
        "Café menu",
    ]
    created = {title: user.post("/documents", {"title": title, "content": f"{title}."}).json["id"] for title in titles}
    uploaded = user.post("/documents", {"filename": "turbine-drawing.pdf", "size_bytes": 5, "title": "Plan"}).json["id"]
    other.post("/documents", {"title": "Quarterly report 2025", "content": "Theirs."})
    for typed, expected in (
        ("quartrely reprt", created["Quarterly report 2025"]),
        ("holliday", created["Holiday requests"]),
        ("anual", created["Annual report 2025"]),
        ("HOLIDAY REQUESTS", created["Holiday requests"]),
        ("会议", created["会议纪要"]),
        ("cafe", created["Café menu"]),
        ("trubine", uploaded),
        ("uarry", created["Quarry safety"]),
    ):
        assert _named(user, typed)[0] == expected, typed
    assert _named(user, "report 2025")[:2] == [created["Annual report 2025"], created["Quarterly report 2025"]]
    assert _named(user, "xylophone") == []


def _named(user: User, typed: str, limit: int = 100) -> list[str]:
    """All pages of what such a name finds."""
    result: list[str] = []
    cursor = ""
    while True:
        page = user.get(f"/documents?{httpx.QueryParams({'q': typed, 'limit': limit})}{cursor}").json
        result += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return result
        cursor = f"&cursor={page['next_cursor']}"


def test_k13_a_search_by_name_pages_without_losing_or_doubling(service: Service) -> None:
    user = service.user()
    titles = [f"Safety report {n % 4}" for n in range(11)] + ["Holiday"] * 2
    created = [user.post("/documents", {"title": t, "content": f"{t} {n}."}).json["id"] for n, t in enumerate(titles)]
    whole = _named(user, "saftey report 2")
    assert len(whole) == len(set(whole)) == 11
    assert whole[:3] == [created[10], created[6], created[2]]
    for limit in (1, 3, 10):
        assert _named(user, "saftey report 2", limit) == whole
    plain = user.get("/documents?limit=1").json["next_cursor"]
    assert user.get(f"/documents?q=report&cursor={plain}").json["code"] == "bad_cursor"
    ranked = user.get("/documents?q=report&limit=1").json["next_cursor"]
    assert user.get(f"/documents?cursor={ranked}").json["code"] == "bad_cursor"


def test_a_small_document_is_ingested_in_few_messages(service: Service) -> None:
    """Counts, not times. Whose turn it is, the claim, the source and the storing are a transaction each.

    The statements that store are planned already: they are not among the second count.
    """
    user = service.user()
    user.post("/documents", {"title": "Pump", "content": PUMP})
    service.pump_ingest()
    created = user.post("/documents", {"title": "Valve", "content": VALVE}).json["id"]
    records = service.drain("ingest")
    with round_trips() as trips:
        assert service.invoke("ingest", records) == {"batchItemFailures": []}
    assert user.get(f"/documents/{created}").json["status"] == "completed"
    user.post("/documents", {"title": "Valve 4", "content": VALVE.replace("V-3", "V-4")})
    records = service.drain("ingest")
    with round_trips("Query", "Parse") as statements:
        assert service.invoke("ingest", records) == {"batchItemFailures": []}
    assert (trips, statements) == ([13], [12])


def test_a_document_that_waits_is_requested_again_more_and_more_seldom(service: Service) -> None:
    user = service.user()
    user.add("Pump", PUMP)
    with service.database.connect("owner") as conn:
        conn.execute("alter table documents disable trigger touch")

    def is_requested(updated: str, verified: str | None) -> bool:
        with service.database.connect("owner") as conn:
            conn.execute(
                "update documents set status = 'pending', object_version = null,"
                " announced_at = now() - interval '1 year',"
                " updated_at = now() - %s::interval, verified_at = now() - %s::interval",
                (updated, verified),
            )
        return repairs.run("verify_documents") == {"verify_documents": 1}

    assert not is_requested("1 minute", None)
    assert is_requested("3 minutes", None)
    assert is_requested("3 minutes", "1 day"), "it changed since"
    assert not is_requested("60 minutes", "19 minutes"), "it waited for 41 minutes, so for half as long more"
    assert is_requested("60 minutes", "21 minutes")
    service.drain("ingest")


def test_a_restored_stage_gets_files_that_are_not_ingested_yet_as_well(service: Service) -> None:
    user = service.user()
    names = ("done", "processing", "pending")
    keys = {f"documents/{user.add(name, f'The pump {name}.')['id']}": name for name in names}
    with service.database.connect("owner") as conn:
        conn.execute("alter table documents disable trigger user")
        conn.execute("update documents set status = title, object_version = null where title <> 'done'")
    listed = deployment.restore_objects({"after": "", "amount": 500})["objects"]
    assert {keys[key]: version is None for key, version in listed} == {
        "done": False,
        "processing": True,
        "pending": True,
    }
    assert deployment.restore_objects({"after": max(keys), "amount": 500}) == {"objects": []}
