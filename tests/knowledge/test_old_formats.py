"""K4, K22: files of old programs, and what Office wraps into others: each is read, or says what to do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from chalicelib.knowledge.ingestion.extraction import Extraction, ExtractionError, Limits
from chalicelib.knowledge.ingestion.extraction.compressed_rtf import decompressed
from chalicelib.knowledge.ingestion.extraction.reading import read
from tests import make_files, office_files, old_files
from tests.office_files import paragraph

_ODS = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"><office:body><office:spreadsheet>'
    '<table:table table:name="Stock"><table:table-row>{cells}</table:table-row></table:table>'
    "</office:spreadsheet></office:body></office:document-content>"
)
_DIAGRAM = (
    '<dgm:dataModel xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><dgm:ptLst>'
    '<dgm:pt modelId="1"><dgm:t><a:p><a:r><a:t>Survey</a:t></a:r></a:p></dgm:t></dgm:pt>'
    '<dgm:pt modelId="2" type="pres"><dgm:t><a:p><a:r><a:t>Survey</a:t></a:r></a:p></dgm:t></dgm:pt>'
    '<dgm:pt modelId="3"><dgm:t><a:p><a:r><a:t>Drill</a:t></a:r></a:p></dgm:t></dgm:pt></dgm:ptLst></dgm:dataModel>'
)
_DIAGRAM_RUN = (
    '<w:p><w:r><w:drawing><a:graphic xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:graphicData>'
    '<dgm:relIds xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" r:dm="d1"/>'
    "</a:graphicData></a:graphic></w:drawing></w:r></w:p>"
)
_CHUNK = '<w:altChunk xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" r:id="h1"/>'


def extracted(tmp_path: Path, name: str, content: bytes) -> tuple[Extraction, dict[str, bytes]]:
    """What is read of a file, and the files in it."""
    path, members = tmp_path / "object", {}
    path.write_bytes(content)
    emit = lambda name, kind, part: members.update({name: part})  # noqa: E731
    return read(path, name, None, Limits(), emit), members


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.xls", old_files.excel_2(), "Sheet 1\n\nValve | 17"),
        ("a.xls", old_files.excel_95(), "Stock (hidden sheet)\n\nGr\u00f6\u00dfe | 15.30%"),
        (
            "a.ods",
            make_files.archive(
                {
                    "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
                    "content.xml": _ODS.format(
                        cells='<table:table-cell office:value-type="percentage" office:value="0.153"><text:p>15.3%'
                        '</text:p></table:table-cell><table:table-cell office:value-type="date" '
                        'office:date-value="2026-03-14">'
                        '<text:p>14 Mar 2026</text:p></table:table-cell><table:table-cell office:value-type="float" '
                        'office:value="42"><text:p>00042</text:p></table:table-cell>'
                    ),
                    "META-INF/manifest.xml": "<m/>",
                }
            ),
            "Stock\n\n15.3% | 14 Mar 2026 | 00042",
        ),
        (
            "a.docx",
            office_files.docx(
                paragraph("Plan.") + _DIAGRAM_RUN,
                {"diagrams/data1.xml": _DIAGRAM},
                d1="diagramData diagrams/data1.xml",
            ),
            "Plan.\n\nSurvey\nDrill",
        ),
        (
            "a.docx",
            office_files.docx(
                paragraph("Before.") + _CHUNK + paragraph("After."),
                {"chunk.html": "<html><body><p>The rent is <b>nine</b> crowns.</p></body></html>"},
                h1="aFChunk chunk.html",
            ),
            "Before.\n\nThe rent is nine crowns.\n\nAfter.",
        ),
    ],
    ids=["Excel 2", "Excel 95", "ODS", "SmartArt", "altChunk"],
)
def test_each_says_what_a_person_sees(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    assert extracted(tmp_path, name, content)[0].text == expected


def test_slides_of_powerpoint_97_are_read_with_their_pages_and_notes(tmp_path: Path) -> None:
    result, _ = extracted(tmp_path, "a.ppt", old_files.powerpoint_97())
    assert result.text == "Kilns\n\nGr\u00f6\u00dfe\nneun\n\nNote: Speak slowly.\n\n(hidden slide)\n\nKestrel"
    assert [(s.page, s.section) for s in result.segments] == [(1, "Kilns"), (2, None)]
    with pytest.raises(ExtractionError) as refused:
        extracted(tmp_path, "a.ppt", old_files.powerpoint_97(encrypted=True))
    assert refused.value.code == "encrypted"


def test_compressed_rtf_is_unpacked() -> None:
    assert decompressed(old_files.COMPRESSED_RTF) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"


def test_what_outlook_wraps_into_winmail_dat_is_read(tmp_path: Path) -> None:
    wrapped = old_files.tnef({"minutes.txt": b"The pump leaks.", "logo.png": make_files.picture(3, 3)})
    result, members = extracted(tmp_path, "a.eml", make_files.eml_with("winmail.dat", wrapped, "See below."))
    assert "See below." in result.text
    assert "hello world" in result.text
    assert members == {"minutes.txt": b"The pump leaks."}
    assert [warning.code for warning in result.warnings] == ["files_not_read"]
    cut, _ = extracted(tmp_path, "a.eml", make_files.eml_with("winmail.dat", wrapped[:60], "See below."))
    assert "See below." in cut.text


def test_an_appointment_of_outlook_says_when(tmp_path: Path) -> None:
    moments = {
        0x0039: datetime(2026, 5, 11, 8, 15, tzinfo=UTC),
        0x0060: datetime(2026, 5, 19, 12, 30, tzinfo=UTC),
        0x0061: datetime(2026, 5, 19, 14, 0, tzinfo=UTC),
    }
    result, _ = extracted(tmp_path, "a.msg", old_files.outlook("Visit", moments, old_files.COMPRESSED_RTF))
    assert result.text == (
        "Subject: Visit\nDate: 2026-05-11 08:15 UTC\nBegins: 2026-05-19 12:30 UTC\nEnds: 2026-05-19 14:00 UTC"
        "\n\nhello world"
    )
