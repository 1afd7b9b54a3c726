"""K19: what a file holds and was not read is a warning, shown wherever the document is."""

from pathlib import Path

import pytest

from chalicelib.knowledge.documents import file_warnings
from chalicelib.knowledge.documents.file_warnings import FileWarning
from chalicelib.knowledge.ingestion.extraction import Extraction, ExtractionError, extract
from tests import make_files
from tests.service import Service

ROOT = Path(__file__).parents[2]


def test_a_partly_scanned_document_says_so_wherever_it_is_shown(service: Service) -> None:
    user = service.user()
    batch = "0198c2a4-7b1e-7c3d-9a52-4f6e8d1b2c3a"
    content = make_files.pdf_of_pictures("The coolant pump P-17 is inspected every ninety days.", None, None)
    scanned = user.upload("pump.pdf", content, "application/pdf", batch=batch)["id"]
    whole = user.upload("valve.txt", b"Valve V-3 closes at six bar.", "text/plain", batch=batch)["id"]
    service.pump_ingest()
    document = user.get(f"/documents/{scanned}").json
    (warning,) = document["warnings"]
    assert document["status"] == "completed"
    assert (warning["code"], warning["page"]) == ("pages_without_text", 2)
    assert warning["message"].startswith("Pages 2-3 of 3 carry no text")
    assert user.get(f"/documents/{whole}").json["warnings"] == []
    for has_warnings, expected in (("true", scanned), ("false", whole)):
        listed = user.get(f"/documents?has_warnings={has_warnings}").json["items"]
        assert [item["id"] for item in listed] == [expected]
    counts = user.get(f"/documents/batches/{batch}").json
    assert (counts["completed"], counts["with_warnings"]) == (2, 1)
    hits = {hit["document_id"]: hit["warnings"] for hit in user.search("pump or valve")}
    assert hits == {scanned: [warning], whole: []}


def test_warnings_follow_the_bytes_of_a_document(service: Service) -> None:
    user = service.user()
    document = user.upload("valve.txt", "Ventil schließt früher.".encode("cp1252"))["id"]
    service.pump_ingest()
    assert [w["code"] for w in user.get(f"/documents/{document}").json["warnings"]] == ["encoding_guessed"]
    user.upload("valve.txt", "Ventil schließt früher.".encode(), document=document)
    service.pump_ingest()
    assert user.get(f"/documents/{document}").json["warnings"] == []


def warned(tmp_path: Path, name: str, content: bytes, *, unpack: bool = True) -> list[FileWarning]:
    path = tmp_path / "object"
    path.write_bytes(content)
    members = tmp_path / "members"
    members.mkdir(exist_ok=True)
    result: Extraction = extract(path, name, None, members_into=members if unpack else None)
    return list(result.warnings)


def test_files_that_are_not_read_are_named(tmp_path: Path) -> None:
    (warning,) = warned(tmp_path, "mail.eml", make_files.eml_with("scan.png", make_files.picture(4, 4)))
    assert (warning.code, warning.message) == ("files_not_read", "1 file in it was not read: scan.png.")
    assert warned(tmp_path, "mail.eml", make_files.eml_with("minutes.txt", b"Minutes.")) == []
    (deep,) = warned(tmp_path, "mail.eml", make_files.eml_with("minutes.txt", b"Minutes."), unpack=False)
    assert "because it lies inside other files itself: minutes.txt" in deep.message


def test_the_files_in_a_pdf_become_documents_or_are_named(tmp_path: Path) -> None:
    content = make_files.pdf_with("prices.csv", b"item,price\npump,250\n")
    path = tmp_path / "object"
    path.write_bytes(content)
    (tmp_path / "members").mkdir()
    result = extract(path, "offer.pdf", None, members_into=tmp_path / "members")
    assert [(member.path, member.file.read_bytes()) for member in result.members] == [
        ("prices.csv", b"item,price\npump,250\n")
    ]
    assert result.warnings == ()
    assert result.text.endswith("Attachments: prices.csv")
    (warning,) = extract(path, "offer.pdf", None).warnings
    assert warning.code == "files_not_read"


def test_a_dynamic_form_says_that_its_program_alone_shows_it(tmp_path: Path) -> None:
    assert [w.code for w in warned(tmp_path, "form.pdf", make_files.pdf_of_a_dynamic_form())] == ["dynamic_form"]


@pytest.mark.parametrize("kind", ["PGP/MIME", "S/MIME"])
def test_an_encrypted_mail_is_refused_as_such_and_an_encrypted_part_is_warned_of(tmp_path: Path, kind: str) -> None:
    secret = {
        "PGP/MIME": "Content-Type: multipart/encrypted; boundary=E\n\n--E\n\nVersion: 1\n--E--\n",
        "S/MIME": "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nMIIB\n",
    }[kind]
    with pytest.raises(ExtractionError) as refused:
        warned(tmp_path, "a.eml", f"Subject: Hidden\nMIME-Version: 1.0\n{secret}".encode())
    assert refused.value.code == "encrypted"
    head = "Subject: Half\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B\n\n--B\n\nReadable.\n--B\n"
    (warning,) = warned(tmp_path, "a.eml", f"{head}{secret}--B--\n".encode())
    assert warning.code == "encrypted_part"


def test_parts_below_the_deepest_level_are_warned_of(tmp_path: Path) -> None:
    inner = "Content-Type: text/plain\n\nDeep.\n"
    for level in range(30):
        inner = f"Content-Type: multipart/mixed; boundary=B{level}x\n\n--B{level}x\n{inner}\n--B{level}x--\n"
    codes = [w.code for w in warned(tmp_path, "a.eml", f"Subject: Nested\nMIME-Version: 1.0\n{inner}".encode())]
    assert codes == ["too_deep"]


@pytest.mark.parametrize(
    ("name", "parts", "advice"),
    [
        (
            "a.pages",
            {"Index/Document.iwa": "x", "Metadata/Properties.plist": "x"},
            "Apple Pages. Export it as PDF or Word",
        ),
        ("a.numbers", {"Index/Document.iwa": "x", "Index/CalculationEngine.iwa": "x"}, "Export it as Excel or CSV"),
        ("a.key", {"Index/Document.iwa": "x", "Index/Slide-1.iwa": "x"}, "Export it as PDF or PowerPoint"),
        (
            "a.vsdx",
            {"[Content_Types].xml": "<Types/>", "visio/document.xml": "<v/>"},
            "Visio drawing. Export",
        ),
        ("a.oxps", {"[Content_Types].xml": "<Types/>", "Documents/1/FixedDocument.fdoc": "x"}, "XPS. Print it to PDF"),
        ("a.sketch", {"document.json": "{}", "pages/1.json": "{}"}, "upload it with the ending .zip"),
    ],
)
def test_packages_of_other_programs_say_what_to_do(
    tmp_path: Path, name: str, parts: dict[str, str], advice: str
) -> None:
    with pytest.raises(ExtractionError) as refused:
        warned(tmp_path, name, make_files.archive(parts))
    assert refused.value.code == "unsupported"
    assert advice in refused.value.message


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        ("Größe".encode(), []),
        ("\ufeffGröße".encode(), []),
        ("Die Größe der Tür".encode("cp1252"), ["encoding_guessed"]),
        (("Die Größe der Tür. " * 9).encode().replace("Tür".encode(), b"T\xfcr", 1), ["parts_damaged"]),
    ],
)
def test_a_guessed_encoding_and_damaged_characters_are_warned_of(
    tmp_path: Path, content: bytes, codes: list[str]
) -> None:
    assert [warning.code for warning in warned(tmp_path, "a.txt", content)] == codes


def test_every_warning_has_words_and_a_row_in_the_documentation() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "chalicelib/knowledge").rglob("*.py"))
    ways = {file_warnings.SCRIPT_UNKNOWN: "SCRIPT_UNKNOWN,"}
    page = (ROOT / "docs/formats.md").read_text()
    for code in file_warnings.ABOUT:
        assert ways.get(code, f'"{code}"') in sources, f"nothing warns of {code}"
        assert f"| `{code}` |" in page, f"docs/formats.md lacks {code}"


def test_an_unregistered_code_is_refused(tmp_path: Path) -> None:
    from chalicelib.knowledge.ingestion.extraction import Limits
    from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler

    with pytest.raises(KeyError):
        TextAssembler(Limits()).warn("surprise", "Nobody knows it.")


def test_answers_name_each_incomplete_document_once() -> None:
    words = file_warnings.sentence([("Pump\nmanual", ["pages_without_text"]), ("Pump manual", ["pages_without_text"])])
    assert words == "\u201cPump manual\u201d may be incomplete: some of its pages carry no text."
    assert file_warnings.sentence([("Pump manual", [])]) == ""


THAI = "ปั๊มน้ำหล่อเย็นต้องได้รับการตรวจสอบทุกเก้าสิบวันโดยช่างเทคนิคที่ได้รับอนุญาต และซีลต้องเปลี่ยนเมื่อมีการรั่วไหล"


def test_a_script_that_the_embedding_model_does_not_know_is_a_warning_and_an_event(service: Service) -> None:
    user = service.user()
    thai = user.add("คู่มือ", f"{THAI} " * 12)
    (warning,) = thai["warnings"]
    assert warning["code"] == "script_unknown"
    assert "all-minilm-l6-v2 does not know the script of" in warning["message"]
    user.add("คู่มือ 2", f"{THAI} {THAI}")
    events = "select severity, entity_id::text from self_healing_events where event_type = 'script_unknown'"
    assert service.rows(events) == [("warning", thai["id"])], "once, however many documents there are"
    for text in ("The pump is inspected every ninety days.", "Die Pumpe wird geprüft.", "Насос проверяют."):
        assert user.add("Known", text)["warnings"] == []
    chunks = user.get(f"/documents/{thai['id']}/chunks?limit=100").json["items"]
    longest = max(chunk["end_char"] - chunk["start_char"] for chunk in chunks)
    assert longest <= 4 * 200, "a chunk is as long as one of a script that the model knows"
    assert all(chunk["token_count"] <= 200 for chunk in chunks)
    assert user.search("ปั๊มน้ำหล่อเย็น")[0]["title"].startswith("คู่มือ")
    assert file_warnings.sentence([("Thai", ["script_unknown"])]) == "", "nothing of it is left out"
