"""Scanned pages and pictures (K4, K19): their text is recognised where this is turned on, and said to be so."""

from pathlib import Path
from typing import Any

import pytest

from chalicelib.knowledge.ingestion import pictures, recognition
from chalicelib.knowledge.ingestion.extraction import (
    Extraction,
    ExtractionError,
    Limits,
    RecognisedPage,
    engine,
    extract,
)
from chalicelib.knowledge.ingestion.extraction import recognition as engine_room
from chalicelib.knowledge.text.segment import Segment
from embedder import task
from tests import make_files
from tests.config.coverage import changes
from tests.service import Service, User

requires_engine = pytest.mark.skipif(not engine.available(), reason="Tesseract is not installed (tesseract-ocr)")
PUMP = ["The coolant pump P-17 is inspected every ninety days.", "Its seal is replaced when it leaks."]
LEASE = ["The lease of the northern quarry ends in June 2031.", "The rent is nine hundred crowns a month."]


def recognised(tmp_path: Path, name: str, content: bytes) -> list[RecognisedPage]:
    path = tmp_path / "object"
    path.write_bytes(content)
    extracted = extract(path, name, None, recognises=True)
    return list(engine_room.recognise(path, extracted.pictures, "eng"))


@requires_engine
def test_pages_of_every_kind_of_picture_are_recognised(tmp_path: Path) -> None:
    for name, form in (("a.pdf", "PDF"), ("a.tiff", "TIFF")):
        first, second = recognised(tmp_path, name, make_files.scans(PUMP, LEASE, form=form))
        assert (first.page, second.page) == (1, 2)
        assert "P-17 is inspected every ninety days." in first.text
        assert "\n" in first.text, "lines stay lines"
        assert "nine hundred crowns" in second.text
        assert first.confidence > 80 > 20 > first.doubtful_words
    for form in ("PNG", "JPEG", "WEBP"):
        (page,) = recognised(tmp_path, f"a.{form.lower()}", make_files.scans(LEASE, form=form))
        assert "northern quarry ends in June 2031" in page.text


@requires_engine
def test_a_page_that_lies_on_its_side_is_turned(tmp_path: Path) -> None:
    (page,) = recognised(tmp_path, "a.png", make_files.scans((PUMP + LEASE) * 4, form="PNG", turned=90))
    assert "northern quarry ends in June" in page.text


@requires_engine
def test_damaged_huge_and_slow_pictures_are_reasons(tmp_path: Path) -> None:
    with pytest.raises(ExtractionError, match="damaged"):
        recognised(tmp_path, "a.png", make_files.scans(PUMP, form="PNG")[:600])
    (page,) = recognised(tmp_path, "a.png", make_files.picture_header(100_000, 100_000))
    assert (page.text, page.words) == ("", 0), "it is not decoded"
    path = tmp_path / "object"
    path.write_bytes(make_files.scans(PUMP))
    with pytest.raises(ExtractionError) as error:
        list(engine_room.recognise(path, [1], "eng", Limits(memory_bytes=100 << 20)))
    assert error.value.code in {"too_large", "corrupt"}


def test_without_the_setting_a_picture_says_how_to_turn_it_on(tmp_path: Path) -> None:
    path = tmp_path / "object"
    for name, content, code in (
        ("a.pdf", make_files.pdf_of_pictures(), "no_text_layer"),
        ("a.png", make_files.picture(8, 8), "unsupported"),
    ):
        path.write_bytes(content)
        with pytest.raises(ExtractionError) as error:
            extract(path, name, None)
        assert error.value.code == code
        assert "Administrators turn on text recognition (OCR) with the setting ocr_languages." in error.value.message


def _page(number: int, text: str, doubtful: int = 0) -> RecognisedPage:
    return RecognisedPage(number, text, len(text.split()), 91, doubtful, ("Crovvns",) * bool(doubtful))


def test_recognised_text_stands_on_its_page_and_doubts_are_named() -> None:
    text = "One.\n\nThree.\n\nFive."
    segments = (Segment(0, 6, 1, "A"), Segment(6, 14, 3, None), Segment(14, 19, 5, None))
    extraction = Extraction(text, segments, "application/pdf", None, pictures=(2, 4, 6, 7, 8))
    whole = pictures.with_recognised(
        extraction, {2: _page(2, "Two."), 4: None, 6: _page(6, "Six Crovvns.", 1), 7: _page(7, "")}, most=4
    )
    assert whole.text == "One.\n\nTwo.\n\nThree.\n\nFive.\n\nSix Crovvns."
    places = [(whole.text[s.start : s.end].strip(), s.page, s.section) for s in whole.segments]
    assert places == [
        ("One.", 1, "A"),
        ("Two.", 2, None),
        ("Three.", 3, None),
        ("Five.", 5, None),
        ("Six Crovvns.", 6, None),
    ]
    assert [(w.code, w.page, w.message) for w in whole.warnings] == [
        ("text_recognised", 2, "Pages 2, 6 are pictures: their text was recognised (OCR), 91 % sure."),
        ("words_doubtful", 6, "On page 6, 1 of 2 words may be wrong: Crovvns."),
        ("pages_without_text", 4, "Pages 4, 7 are drawn; no text was recognised."),
        ("pages_without_text", 8, "Page 8 is not recognised: at most 4 pages of a file are. Split it."),
    ]
    with pytest.raises(ExtractionError, match="no text was recognised"):
        pictures.with_recognised(Extraction("", (), "application/pdf", None, pictures=(1,)), {1: None}, most=4)


@pytest.fixture
def scanning(service: Service) -> Service:
    """A service whose administrators have turned text recognition on."""
    service.rows("update static_config set ocr_languages = 'eng' returning id")
    return service


def _upload(user: User, content: bytes, name: str = "lease.pdf") -> str:
    document: str = user.upload(name, content, "application/octet-stream")["id"]
    user.service.invoke("ingest", user.service.drain("ingest"))
    return document


def _document(user: User, document: str) -> Any:
    return user.get(f"/documents/{document}").json


@requires_engine
@changes("ocr_languages")
def test_a_scanned_document_is_found_by_its_words(service: Service) -> None:
    user = service.user()
    refused = _upload(user, make_files.scans(LEASE))
    assert _document(user, refused)["error"]["code"] == "no_text_layer"
    administrator = service.administrator()
    changed = administrator.request("PATCH", "/config/dynamic", {"ocr_languages": "eng"})
    assert changed.status == 200, changed.body
    assert user.post(f"/documents/{refused}/reindex").status == 202
    service.pump_ingest()
    document = _document(user, refused)
    assert (document["status"], [w["code"] for w in document["warnings"]]) == ("completed", ["text_recognised"])
    (hit,) = user.search("When does the lease of the quarry end?")
    assert (hit["document_id"], hit["page"]) == (refused, 1)
    assert "June 2031" in hit["text"]


@requires_engine
def test_k6_the_task_recognises_what_waits_and_dead_workers_leave_it_to_others(
    scanning: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognition, "wake", lambda: None)  # the ingest function has no engine, as in an account
    user = scanning.user()
    document = _upload(user, make_files.scans(LEASE, PUMP))
    waiting = _document(user, document)
    assert (waiting["status"], waiting["stage"]) == ("processing", "recognising")
    assert (waiting["chunks_done"], waiting["chunks_total"]) == (0, 2)
    (claim,) = scanning.rows(
        "select document_id, pages from claim_recognition(gen_random_uuid(), interval '1 minute', 9)"
    )
    assert claim[1] == [1, 2]
    assert recognition.work() == 0, "another worker holds the pages"
    scanning.rows("update recognised_pages set leased_until = now() - interval '1 second' returning 1")
    done = task.run(lambda model: pytest.fail(model), idle_seconds=0.05)
    assert done.pages == 2
    scanning.pump_ingest()
    whole = _document(user, document)
    assert whole["status"] == "completed"
    assert scanning.rows("select count(*) from recognised_pages where content is not null") == [(2,)]
    assert user.post(f"/documents/{document}/reindex").status == 202
    scanning.pump_ingest()
    assert _document(user, document)["status"] == "completed", "what was recognised is kept"
    assert [hit["page"] for hit in user.search("pump P-17")][:1] == [2]


def _an_hour_later(service: Service) -> None:
    with service.database.connect("owner") as conn:
        conn.execute("alter table documents disable trigger touch")
        conn.execute("update documents set updated_at = now() - interval '61 minutes'")
        conn.execute("alter table documents enable trigger touch")


def test_o2_where_nobody_recognises_text_the_rest_is_read_after_an_hour(
    scanning: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "data_folder", lambda: None)
    user = scanning.user()
    document = _upload(user, make_files.pdf_of_pictures("The coolant pump P-17 is inspected.", None))
    other = _upload(user, make_files.picture(8, 8), "photo.png")
    scanning.tick()
    scanning.pump_ingest()
    assert {_document(user, each)["stage"] for each in (document, other)} == {"recognising"}
    _an_hour_later(scanning)
    scanning.tick()
    scanning.pump_ingest()
    read = _document(user, document)
    assert (read["status"], [w["code"] for w in read["warnings"]]) == ("completed", ["pages_without_text"])
    assert _document(user, other)["error"]["code"] == "no_text_layer"
    events = scanning.rows("select distinct event_type from self_healing_events")
    assert events == [("recognition_absent",)]
    assert scanning.rows("select count(*) from recognised_pages") == [(0,)], "they are asked for again next time"


@requires_engine
def test_k2_newer_bytes_and_deletion_end_the_recognition_of_older_ones(
    scanning: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognition, "wake", lambda: None)
    user = scanning.user()
    document = _upload(user, make_files.scans(LEASE))
    user.upload("lease.pdf", make_files.scans(PUMP), "application/pdf", document=document)
    assert recognition.work() == 1
    scanning.pump_ingest()
    recognition.work()
    scanning.pump_ingest()
    assert "P-17" in user.search("pump")[0]["text"]
    deleted = _upload(user, make_files.scans(LEASE), "other.pdf")
    assert user.delete(f"/documents/{deleted}").status == 204
    assert recognition.work() == 0
