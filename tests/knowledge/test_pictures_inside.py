"""Pictures inside other files (K4, K19): their text is recognised in its place, or a warning says that it was not."""

import io
import json
import zipfile
from base64 import b64encode
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from chalicelib.knowledge.ingestion import pictures
from chalicelib.knowledge.ingestion.extraction import (
    Extraction,
    ExtractionError,
    RecognisedPage,
    engine,
    extract,
    recognition,
)
from chalicelib.knowledge.ingestion.extraction.pictures_inside import size
from chalicelib.knowledge.text.segment import Segment
from tests import make_files, office_files
from tests.service import Service

requires_engine = pytest.mark.skipif(not engine.available(), reason="Tesseract is not installed (tesseract-ocr)")
PUMP = ["The coolant pump P-17 is inspected every ninety days.", "Its seal is replaced when it leaks."]
PICTURE = make_files.scans(PUMP, form="PNG")
ICON = make_files.picture(64, 64)
_R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
_A = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
_BLIP = f'<a:blip {_A} {_R} r:embed="p"/>'
_DRAWN = f"<w:p><w:r><w:drawing>{_BLIP}</w:drawing></w:r></w:p>"


def _with(package: bytes, name: str, content: bytes) -> bytes:
    file = io.BytesIO(package)
    with zipfile.ZipFile(file, "a") as target:
        target.writestr(name, content)
    return file.getvalue()


def docx(picture: bytes) -> bytes:
    body = office_files.paragraph("Before.") + _DRAWN + office_files.paragraph("After.") + _DRAWN
    return _with(office_files.docx(body, p="image media/p.png"), "word/media/p.png", picture)


def files(picture: bytes) -> dict[str, bytes]:
    """A file of each kind, with text and one picture; some show it twice."""
    address = f"data:image/png;base64,{b64encode(picture).decode()}"
    pic = f"<p:pic><p:blipFill>{_BLIP}</p:blipFill></p:pic>"
    drawing = f"<xdr:wsDr xmlns:xdr='x'><xdr:pic>{_BLIP}</xdr:pic></xdr:wsDr>"
    sheet = office_files.xlsx(
        f"<row>{office_files.cell('A1', 'Words.')}</row>",
        '<drawing r:id="d"/>',
        parts={
            "drawings/drawing1.xml": drawing,
            "drawings/_rels/drawing1.xml.rels": office_files.relations(p="image ../media/p.png"),
        },
        d="drawing ../drawings/drawing1.xml",
    )
    message = EmailMessage()
    message["Subject"], message["From"] = "Pump", "ada@example.org"
    message.set_content("Words.")
    message.add_alternative('<p>Words.</p><img src="cid:p">', subtype="html")
    message.get_payload()[1].add_related(picture, "image", "png", cid="<p>")  # type: ignore[union-attr, index]
    cells = [
        {"cell_type": "markdown", "source": "Words."},
        {"cell_type": "code", "source": "1", "outputs": [{"data": {"image/png": b64encode(picture).decode()}}]},
    ]
    image = '<text:p>Words.<d:frame xmlns:d="d"><d:image xmlns:x="x" x:href="Pictures/p.png"/></d:frame></text:p>'
    chapter = '<html><body><p>Words.</p><img src="../p.png"/></body></html>'
    return {
        "a.docx": docx(picture),
        "a.pptx": _with(
            office_files.pptx(office_files.shape("Words.") + pic, p="image ../media/p.png"), "ppt/media/p.png", picture
        ),
        "a.xlsx": _with(sheet, "xl/media/p.png", picture),
        "a.odt": _with(make_files.odt(image * 2), "Pictures/p.png", picture),
        "a.epub": _with(make_files.epub(**{"OEBPS/text/one.xhtml": chapter}), "OEBPS/p.png", picture),
        "a.html": f'<html><body><p>Words.</p><img src="{address}"><img src="p.png"></body></html>'.encode(),
        "a.eml": message.as_bytes(),
        "b.eml": make_files.eml_with("scan.png", picture),
        "a.ipynb": json.dumps({"cells": cells, "nbformat": 4}).encode(),
    }


def read(tmp_path: Path, name: str, content: bytes, *, recognises: bool = False) -> Extraction:
    path = tmp_path / name
    path.write_bytes(content)
    return extract(path, name, None, recognises=recognises)


@pytest.mark.parametrize("name", list(files(ICON)))
def test_a_picture_that_is_not_read_is_counted(tmp_path: Path, name: str) -> None:
    extracted = read(tmp_path, name, files(PICTURE)[name])
    (warning,) = extracted.warnings
    assert warning.code == "pictures_not_read"
    assert warning.message.startswith("1 picture in it that may show text was not read. Administrators turn on")
    assert "pictures_not_read" not in [w.code for w in read(tmp_path, name, files(ICON)[name]).warnings], "an icon"
    assert len(read(tmp_path, name, files(PICTURE)[name], recognises=True).pictures) == 1


@requires_engine
@pytest.mark.parametrize("name", list(files(ICON)))
def test_the_text_of_a_picture_is_recognised(tmp_path: Path, name: str) -> None:
    extracted = read(tmp_path, name, files(PICTURE)[name], recognises=True)
    pages = {
        page.page: page for page in recognition.recognise(tmp_path / name, extracted.pictures, "eng", filename=name)
    }
    whole = pictures.with_recognised(extracted, dict(pages), most=9)
    assert "P-17 is inspected every ninety days." in whole.text
    assert [w.code for w in whole.warnings] == ["text_recognised"]


def test_a_file_of_pictures_alone_says_so(tmp_path: Path) -> None:
    content = _with(office_files.docx(_DRAWN, p="image media/p.png"), "word/media/p.png", PICTURE)
    with pytest.raises(ExtractionError, match="pictures and no text") as error:
        read(tmp_path, "a.docx", content)
    assert error.value.code == "no_text_layer"
    assert read(tmp_path, "a.docx", content, recognises=True).pictures


def test_a_damaged_picture_leaves_its_document_readable(tmp_path: Path) -> None:
    package = docx(PICTURE)
    at = package.index(PICTURE[:40])
    damaged = package[: at + 60] + bytes(40) + package[at + 100 :]
    assert "After." in read(tmp_path, "a.docx", damaged).text


def _page(number: int, text: str, doubtful: int = 0) -> RecognisedPage:
    return RecognisedPage(number, text, len(text.split()), 91, doubtful, ("Crovvns",) * bool(doubtful))


def test_recognised_text_follows_the_paragraph_or_table_of_its_picture() -> None:
    text = "One.\n\nTwo | 2\nThree | 3\n\nFour."
    segments = (Segment(0, 6, 1, "A"), Segment(6, 31, 2, None))
    places = tuple(Segment(at, at, page, section) for at, page, section in ((4, 1, "A"), (13, 2, None), (30, 2, None)))
    extraction = Extraction(text, segments, "x", None, pictures=(70, 50, 60), places=places)
    whole = pictures.with_recognised(extraction, {70: _page(70, "P.", 1), 50: _page(50, "Q."), 60: _page(60, "")}, 9)
    assert [(whole.text[s.start : s.end].strip(), s.page, s.section) for s in whole.segments] == [
        ("One.", 1, "A"),
        ("P.", 1, "A"),
        ("Two | 2\nThree | 3", 2, None),
        ("Q.", 2, None),
        ("Four.", 2, None),
    ]
    assert [(w.code, w.message) for w in whole.warnings] == [
        ("text_recognised", "The text of 2 pictures in the file was recognised (OCR), 91 % sure."),
        ("words_doubtful", "Words in 1 picture may be wrong: Crovvns."),
    ]
    assert (whole.pictures, whole.places) == ((), ())
    unread = pictures.with_recognised(replace(extraction, pictures=(70, 50, 60)), {70: None, 50: None}, most=2)
    assert unread.text == text
    assert [(w.code, w.message) for w in unread.warnings] == [
        (
            "pictures_not_read",
            "2 pictures in the file could not be read: damaged, too big, or no machine did it.",
        ),
        ("pictures_not_read", "1 picture in the file was not read: at most 2 of a file are. Split it."),
    ]


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"])
def test_the_size_of_a_picture_is_read_from_its_header(form: str) -> None:
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (311, 207)).save(file, form)
    assert size(file.getvalue()) == (311, 207)
    assert all(isinstance(size(file.getvalue()[:length]), tuple) for length in range(64))


@requires_engine
def test_a_picture_in_a_document_is_found_by_its_words(service: Service) -> None:
    service.rows("update static_config set ocr_languages = 'eng' returning id")
    user = service.user()
    document = user.upload("pump.docx", docx(PICTURE), "application/octet-stream")["id"]
    archive = _with(make_files.archive({"a.txt": "Words."}), "scan.png", PICTURE)
    user.upload("scans.zip", archive, "application/zip")
    service.pump_ingest()
    hits = {hit["title"]: hit for hit in user.search("How often is the coolant pump inspected?")}
    assert {"pump.docx", "scan.png"} <= set(hits)
    assert "ninety days" in hits["pump.docx"]["text"]
    (warning,) = user.get(f"/documents/{document}").json["warnings"]
    assert warning["code"] == "text_recognised"
