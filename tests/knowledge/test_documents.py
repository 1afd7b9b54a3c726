"""Documents end to end in one process: bucket, event, extraction, chunks, vectors (K1, K2, K3, K5, K9, K13)."""

import hashlib
import json
import threading
import uuid
from typing import Any

import boto3
import httpx
import numpy as np
import pytest

from chalicelib.core import connection
from chalicelib.core.errors import LeaseLostError
from chalicelib.knowledge.embedding import builtin
from chalicelib.knowledge.ingestion import claims, ingestion
from tests import make_files
from tests.service import Service

PUMP = "The coolant pump P-17 is inspected every ninety days. Replace its seal when it leaks."
VALVE = "Valve V-3 closes at six bar. It must be tested twice a year by the safety officer."


def _state(service: Service, document_id: str) -> Any:
    """Everything searchable of a document, so that it can be compared."""
    return service.rows(
        "select c.chunk_index, c.chunk_text, c.start_char, c.end_char, "
        "       (select count(*) from embeddings e where e.chunk_id = c.id and e.live), "
        "       (select count(*) from chunk_terms t where t.chunk_id = c.id and t.live) "
        "  from document_chunks c where c.document_id = %s order by 1",
        document_id,
    )


def test_k1_an_upload_goes_through_the_bucket_and_becomes_searchable(service: Service) -> None:
    user = service.user()
    announced = user.upload("pump.txt", PUMP.encode())
    assert (announced["status"], announced["title"]) == ("pending", "pump.txt")
    service.pump_ingest()
    document = user.get(f"/documents/{announced['id']}").json
    assert (document["status"], document["error"], document["stage"]) == ("completed", None, None)
    assert document["chunk_count"] == document["chunks_done"] == document["chunks_total"] == 1
    (hit,) = user.search("coolant pump seal")
    assert hit["document_id"] == announced["id"]
    text = user.get(f"/documents/{announced['id']}/content").json["text"]
    assert text[hit["start_char"] : hit["end_char"]] == hit["text"]


def test_k4_a_chunk_is_found_by_the_headings_above_it(service: Service) -> None:
    user = service.user()
    rounds = "".join(f"On round {n} the guard looks at door {n} and signs the sheet of that hour. " for n in range(40))
    created = user.add("Handbook", f"# Night shift\n\n{rounds}")
    assert created["chunk_count"] > 3
    result = user.search("night shift", mode="lexical", per_document=20, top_k=20)
    assert len(result) == created["chunk_count"]
    assert {hit["section"] for hit in result} == {"Night shift"}
    assert sum("Night shift" in hit["text"] for hit in result) == 1
    stored = service.rows(
        "select concat_ws(E'\\n\\n', c.context, c.chunk_text), c.context, e.embedding::text "
        "  from document_chunks c join embeddings e on e.chunk_id = c.id order by c.chunk_index"
    )
    assert [row[1] for row in stored] == [None, *["Night shift"] * (len(stored) - 1)]
    vectors = builtin.load().embed([row[0] for row in stored])
    likeness = np.sum(vectors * np.array([json.loads(row[2]) for row in stored]), axis=1)
    assert likeness.min() > 0.999


def test_k4_a_row_far_down_a_spreadsheet_comes_with_the_names_of_its_columns(service: Service) -> None:
    user = service.user()
    rows = "".join(f"PX-{number},{number * 3} bar,hall {number % 7}\n" for number in range(200))
    created = user.upload("pumps.csv", f"Pump,Pressure,Place\n{rows}".encode(), "text/csv")
    service.pump_ingest()
    first, *others = user.get(f"/documents/{created['id']}/chunks?limit=100").json["items"]
    assert (first["columns"], {chunk["columns"] for chunk in others}) == (None, {"Pump | Pressure | Place"})
    hit = user.search("pressure of the pump PX-180", neighbours=1)[0]
    assert "PX-180 | 540 bar | hall 5" in hit["text"]
    assert {hit["columns"], *(other["columns"] for other in hit["neighbours"])} == {"Pump | Pressure | Place"}
    result = user.search("pressure", mode="lexical", per_document=20, top_k=100)
    assert len(result) == min(20, 1 + len(others))


def test_k4_no_chunk_holds_rows_of_two_sheets(service: Service) -> None:
    user = service.user()
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    created = user.upload("counts.xlsx", make_files.xlsx(), kind)
    service.pump_ingest()
    counts, places = user.get(f"/documents/{created['id']}/chunks").json["items"]
    assert (counts["page"], counts["section"], places["page"], places["section"]) == (1, "Counts", 3, "Places")
    assert places["text"] == "Places\n\nNorth shore"


@pytest.mark.parametrize("symbols", ["\uf0b7", "\ue000 \uf0fc", "\u0301" * 200, "\ufdd0"])
def test_k1_a_page_of_which_the_model_reads_nothing_keeps_no_other_from_being_found(
    service: Service, symbols: str
) -> None:
    """A slide with an icon of a symbol font alone: its tokeniser drops what is nobody's character."""
    import io

    from pptx import Presentation
    from pptx.util import Inches

    deck, user = Presentation(), service.user()
    for text in (PUMP, symbols):
        slide = deck.slides.add_slide(deck.slide_layouts[6])
        slide.shapes.add_textbox(Inches(1), Inches(1), Inches(5), Inches(1)).text_frame.text = text
    written = io.BytesIO()
    deck.save(written)
    uploaded = user.upload("pumps.pptx", written.getvalue(), "application/octet-stream")
    service.pump_ingest()
    assert user.get(f"/documents/{uploaded['id']}").json["status"] == "completed"
    chunks = user.get(f"/documents/{uploaded['id']}/chunks").json["items"]
    assert [chunk["token_count"] for chunk in chunks[1:]] == [1]
    assert user.search("How often is the pump inspected?")[0]["page"] == 1


def test_k1_text_posted_inline_takes_the_same_way(service: Service) -> None:
    user = service.user()
    document = user.add("Valves", VALVE)
    assert (document["status"], document["source_type"], document["title"]) == ("completed", "inline", "Valves")
    assert user.search("who tests valve V-3?")[0]["title"] == "Valves"
    stored = boto3.client("s3").get_object(Bucket=service.bucket, Key=f"documents/{document['id']}")
    assert stored["Body"].read().decode() == VALVE


def test_a_document_reads_the_same_when_it_is_created_and_later(service: Service) -> None:
    user = service.user()
    announced = user.post(
        "/documents",
        {"title": "Valves", "filename": "valves.txt", "content_type": "text/plain", "content": VALVE}
        | {"batch": str(uuid.uuid4())},
    ).json
    assert announced == user.get(f"/documents/{announced['id']}").json == user.get("/documents").json["items"][0]
    service.pump_ingest()
    again = user.post("/documents", {"title": "Other", "content": VALVE, "batch": str(uuid.uuid4())}).json
    assert again == user.get(f"/documents/{announced['id']}").json
    assert (again["id"], again["batch"]) == (announced["id"], announced["batch"])


def test_chunks_are_listed_page_by_page(service: Service) -> None:
    user = service.user()
    document = user.add("Long", "\n\n".join(f"Paragraph {n} speaks of topic {n}. " * 12 for n in range(12)))
    assert document["chunk_count"] > 4
    observed, cursor = [], ""
    while True:
        page = user.get(f"/documents/{document['id']}/chunks?limit=2{cursor}").json
        observed += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert [chunk["chunk_index"] for chunk in observed] == list(range(document["chunk_count"]))
    text = user.get(f"/documents/{document['id']}/content").json["text"]
    assert all(text[chunk["start_char"] : chunk["end_char"]] == chunk["text"] for chunk in observed)


def test_k2_late_doubled_and_reordered_events_change_nothing(service: Service) -> None:
    user = service.user()
    document = user.add("Pump", PUMP)
    events = [{"messageId": "1", "body": f'{{"object_key": "documents/{document["id"]}"}}', "attributes": {}}]
    before = _state(service, document["id"])
    counts = service.rows("select lexeme, sum(chunks) from lexeme_counts group by 1 order by 1")
    for _ in range(3):
        assert service.invoke("ingest", events * 2) == {"batchItemFailures": []}
    assert _state(service, document["id"]) == before
    assert service.rows("select lexeme, sum(chunks) from lexeme_counts group by 1 order by 1") == counts


def test_k2_parallel_workers_leave_one_set_of_chunks(service: Service) -> None:
    user = service.user()
    created = user.post("/documents", {"title": "Pump", "content": PUMP}).json
    service.drain("ingest")
    failures: list[BaseException] = []

    def work() -> None:
        try:
            ingestion.ingest(f"documents/{created['id']}")
        except BaseException as error:  # noqa: BLE001
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert user.get(f"/documents/{created['id']}").json["status"] == "completed"
    assert len(_state(service, created["id"])) == 1


def test_k2_a_worker_that_lost_its_lease_stores_nothing(service: Service) -> None:
    user = service.user()
    created = user.post("/documents", {"title": "Pump", "content": PUMP}).json
    slow = claims.claim_document(f"documents/{created['id']}")
    assert slow is not None
    service.rows("update documents set leased_until = now() where id = %s returning id", created["id"])
    service.pump_ingest()
    before = _state(service, created["id"])
    with pytest.raises(LeaseLostError):
        ingestion._work(slow)
    assert _state(service, created["id"]) == before


def test_k2_an_event_during_the_work_makes_the_worker_look_again(service: Service) -> None:
    user = service.user()
    created = user.post("/documents", {"title": "Pump", "content": PUMP}).json
    service.drain("ingest")
    key = f"documents/{created['id']}"
    claim = claims.claim_document(key)
    assert claim is not None
    boto3.client("s3").put_object(Bucket=service.bucket, Key=key, Body=VALVE.encode(), ContentType="text/plain")
    service.pump_ingest()  # another worker sees the lease and only leaves word
    assert ingestion._work(claim) is True
    ingestion.ingest(key)
    assert user.get(f"/documents/{created['id']}/content").json["text"] == VALVE


def test_k2_the_same_bytes_twice_by_one_owner_are_one_document(service: Service) -> None:
    user, other = service.user(), service.user()
    first = user.add("Pump", PUMP)
    again = user.post("/documents", {"title": "Another name", "content": PUMP})
    assert (again.status, again.json["id"]) == (200, first["id"])
    uploaded = user.upload("copy.txt", PUMP.encode())
    service.pump_ingest()
    assert user.get(f"/documents/{uploaded['id']}").json["id"] == first["id"]
    assert [item["id"] for item in user.get("/documents").json["items"]] == [first["id"]]
    assert len(user.search("coolant pump")) == 1
    theirs = other.add("Pump", PUMP)
    assert theirs["id"] != first["id"]
    assert len(other.search("coolant pump")) == 1


def test_k2_a_copy_lives_on_when_the_first_one_changes(service: Service) -> None:
    user = service.user()
    first = user.add("First", PUMP)  # a title counts in BM25, so it must not speak of pumps
    copy = user.upload("copy.txt", PUMP.encode())
    service.pump_ingest()
    assert user.put(f"/documents/{first['id']}/content", {"content": VALVE}).status == 202
    service.pump_ingest()
    assert user.get(f"/documents/{copy['id']}").json["id"] == copy["id"]
    assert {hit["document_id"] for hit in user.search("coolant pump", mode="lexical")} == {copy["id"]}
    assert {hit["document_id"] for hit in user.search("valve safety officer", mode="lexical")} == {first["id"]}


def test_k3_the_old_version_answers_until_the_new_one_is_whole_then_never(service: Service) -> None:
    user = service.user()
    document = user.add("Manual", PUMP)
    replaced = user.put(f"/documents/{document['id']}/content", {"content": VALVE})
    assert replaced.status == 202
    assert user.search("coolant pump", mode="lexical")[0]["text"] == PUMP
    service.pump_ingest()
    assert user.search("coolant pump", mode="lexical") == []
    assert user.search("valve", mode="lexical")[0]["document_id"] == document["id"]
    text = user.get(f"/documents/{document['id']}/content").json["text"]
    assert text == VALVE


def test_k3_a_broken_new_version_leaves_the_old_one_answering_and_says_why(service: Service) -> None:
    user = service.user()
    document = user.add("Manual", PUMP)
    announced = user.put(
        f"/documents/{document['id']}/content",
        {"filename": "new.pdf", "content_type": "application/pdf", "size_bytes": 9},
    ).json
    httpx.put(announced["upload"]["url"], headers=announced["upload"]["headers"], content=b"%PDF-1.7\n")
    service.pump_ingest()
    after = user.get(f"/documents/{document['id']}").json
    assert (after["status"], after["error"]["code"]) == ("failed", "corrupt")
    assert user.search("coolant pump")[0]["text"] == PUMP


def test_k3_replacing_with_an_upload(service: Service) -> None:
    user = service.user()
    document = user.add("Manual", PUMP)
    body = {"filename": "valve.txt", "content_type": "text/plain", "size_bytes": len(VALVE)}
    upload = user.put(f"/documents/{document['id']}/content", body).json["upload"]
    assert httpx.put(upload["url"], headers=upload["headers"], content=VALVE.encode()).status_code == 200
    service.pump_ingest()
    assert user.get(f"/documents/{document['id']}").json["filename"] == "valve.txt"
    assert user.search("valve")[0]["text"] == VALVE


@pytest.mark.parametrize(
    ("filename", "content", "code"),
    [
        ("blank.txt", b" \n\t \n", "empty"),
        ("broken.pdf", b"%PDF-1.4 and then nothing of use", "corrupt"),
        ("noise.bin", bytes(range(256)) * 16, "unsupported"),
    ],
)
def test_k5_a_bad_file_fails_with_a_reason(service: Service, filename: str, content: bytes, code: str) -> None:
    user = service.user()
    created = user.upload(filename, content, "application/octet-stream")
    service.pump_ingest()
    document = user.get(f"/documents/{created['id']}").json
    assert (document["status"], document["error"]["code"]) == ("failed", code)
    assert len(document["error"]["message"]) > 20
    assert user.add("Good", VALVE)["status"] == "completed", "the worker lives on"


def test_k5_a_file_that_kills_its_workers_fails_with_a_reason(service: Service) -> None:
    user = service.user()
    created = user.post("/documents", {"title": "Killer", "content": PUMP}).json
    service.drain("ingest")
    for _ in range(5):
        assert claims.claim_document(f"documents/{created['id']}") is not None
        service.rows("update documents set leased_until = now() where id = %s returning id", created["id"])
    assert claims.claim_document(f"documents/{created['id']}") is None
    document = user.get(f"/documents/{created['id']}").json
    assert (document["status"], document["error"]["code"]) == ("failed", "gave_up")


def test_a_deleted_document_is_never_found_again(service: Service) -> None:
    user = service.user()
    document = user.add("Pump", PUMP)
    remaining = user.add("Valve", VALVE)
    assert user.delete(f"/documents/{document['id']}").status == 204
    assert user.get(f"/documents/{document['id']}").status == 404
    assert user.delete(f"/documents/{document['id']}").status == 404
    for mode in ("hybrid", "semantic", "lexical"):
        assert {hit["document_id"] for hit in user.search("coolant pump", mode=mode)} <= {remaining["id"]}
    assert service.rows("select sum(chunks) from lexeme_counts where lexeme = 0") == [(1,)]


def test_a_document_deleted_while_it_is_ingested_stays_deleted(service: Service) -> None:
    user = service.user()
    created = user.post("/documents", {"title": "Pump", "content": PUMP}).json
    claim = claims.claim_document(f"documents/{created['id']}")
    assert claim is not None
    assert user.delete(f"/documents/{created['id']}").status == 204
    with pytest.raises(LeaseLostError):
        ingestion._work(claim)
    service.pump_ingest()
    assert _state(service, created["id"]) == []


def test_lists_page_and_filter(service: Service) -> None:
    user = service.user()
    created = [user.add(f"Document {n}", f"{PUMP} Number {n}.")["id"] for n in range(5)]
    bad = user.upload("blank.txt", b" \n")["id"]
    service.pump_ingest()
    first = user.get("/documents?limit=4").json
    rest = user.get(f"/documents?limit=4&cursor={first['next_cursor']}").json
    assert [item["id"] for item in first["items"] + rest["items"]] == [bad, *reversed(created)]
    assert rest["next_cursor"] is None
    assert [item["id"] for item in user.get("/documents?status=failed").json["items"]] == [bad]
    wrong = user.get("/documents?cursor=nonsense")
    assert (wrong.status, wrong.json["code"]) == (400, "bad_cursor")


def test_k9_only_an_administrator_writes_to_the_organisation_and_everybody_reads_it(service: Service) -> None:
    administrator, user, other = service.administrator(), service.user(), service.user()
    shared = administrator.add("House rules", VALVE, scope="org")
    assert shared["scope"] == "org"
    refused = user.post("/documents", {"title": "Mine for all", "content": PUMP, "scope": "org"})
    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    private = user.add("Mine", PUMP)
    assert {hit["document_id"] for hit in user.search("pump valve officer")} == {shared["id"], private["id"]}
    assert {hit["document_id"] for hit in other.search("pump valve officer")} == {shared["id"]}
    assert {hit["document_id"] for hit in administrator.search("pump valve officer")} == {shared["id"]}
    for method, path, body in (
        ("DELETE", f"/documents/{shared['id']}", None),
        ("PUT", f"/documents/{shared['id']}/content", {"content": PUMP}),
    ):
        assert other.request(method, path, body).status == 403
    assert other.get(f"/documents/{shared['id']}").json["status"] == "completed"


def test_another_users_document_is_not_there(service: Service) -> None:
    owner, other_user = service.user(), service.user()
    document = owner.add("Pump", PUMP)
    before = service.dump()
    path = f"/documents/{document['id']}"
    for method, where, body in (
        ("GET", path, None),
        ("DELETE", path, None),
        ("GET", f"{path}/content", None),
        ("PUT", f"{path}/content", {"content": VALVE}),
        ("GET", f"{path}/chunks", None),
        ("GET", f"/documents/{uuid.uuid4()}", None),
        ("GET", "/documents/not-an-id", None),
    ):
        answer = other_user.request(method, where, body)
        assert (answer.status, answer.json["code"]) == (404, "not_found"), (method, where)
    assert service.dump() == before


def test_an_idempotency_key_makes_one_document(service: Service) -> None:
    user = service.user()
    body, key = {"title": "Pump", "content": PUMP}, {"Idempotency-Key": "once-only"}
    first = user.post("/documents", body, key)
    again = user.post("/documents", body, key)
    assert first.json["id"] == again.json["id"]
    other = user.post("/documents", {**body, "title": "Other"}, key)
    assert (other.status, other.json["code"]) == (409, "idempotency_mismatch")
    assert service.rows("select count(*) from documents") == [(1,)]


def test_the_stored_hash_is_that_of_the_bytes(service: Service) -> None:
    user = service.user()
    document = user.add("Pump", PUMP)
    ((digest,),) = service.rows("select content_sha256 from documents where id = %s", document["id"])
    assert digest == hashlib.sha256(PUMP.encode()).digest()
