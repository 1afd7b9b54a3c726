"""K22: what a person sees in a file is in its text, format by format, as docs/formats.md says."""

# ruff: noqa: E501 - markup is easier to read on one line

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from chalicelib.knowledge.ingestion.extraction import Extraction, ExtractionError, Limits
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler
from chalicelib.knowledge.ingestion.extraction.built_in_formats import BUILT_IN
from chalicelib.knowledge.ingestion.extraction.csvtable import add_table
from chalicelib.knowledge.ingestion.extraction.jsontext import as_text
from chalicelib.knowledge.ingestion.extraction.number_formats import shown
from chalicelib.knowledge.ingestion.extraction.reading import read
from tests import make_files, office_files, old_files
from tests.office_files import CHART, GRAPHIC, cell, paragraph, slide_cell, slide_table, word_part

PAGE = Path(__file__).parents[2] / "docs/formats.md"
NAMES = {
    "PDF": "pdf",
    "Word": "docx",
    "PowerPoint": "pptx",
    "Excel": "xlsx",
    "OpenDocument": "odt",
    "HTML": "html",
    "e-mail": "eml",
}


_ODF_CHART = (
    '<o:document-content xmlns:o="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><o:body><o:chart><table:table><table:table-row>'
    "<table:table-cell><text:p>Harbour</text:p></table:table-cell><table:table-cell><text:p>14,800</text:p>"
    "</table:table-cell></table:table-row></table:table></o:chart></o:body></o:document-content>"
)


def _numbered_word() -> bytes:
    levels = "".join(
        f'<w:lvl w:ilvl="{level}"><w:start w:val="1"/><w:numFmt w:val="{form}"/><w:lvlText w:val="{text}"/></w:lvl>'
        for level, form, text in ((0, "decimal", "%1."), (1, "decimal", "%1.%2"), (2, "lowerLetter", "(%3)"))
    )
    numbering = word_part(
        "numbering",
        f'<w:abstractNum w:abstractNumId="1">{levels}</w:abstractNum>'
        '<w:num w:numId="7"><w:abstractNumId w:val="1"/></w:num>',
    )
    body = "".join(
        paragraph(text, f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="7"/></w:numPr>')
        for level, text in ((0, "Term"), (0, "Rent"), (1, "When."), (1, "Late rent."), (2, "first"), (2, "second"))
    )
    return office_files.docx(body, {"numbering.xml": numbering})


def _framed_word() -> bytes:
    header = word_part("hdr", "<w:p><w:r><w:t>Contract KX-2291</w:t></w:r></w:p>")
    section = "<w:sectPr><w:headerReference r:id='h'/><w:headerReference r:id='h'/></w:sectPr>".replace("r:id", "id")
    return office_files.docx(paragraph("Body.") + section, {"header1.xml": header}, h="header header1.xml")


def _commented_word() -> bytes:
    comments = word_part(
        "comments", '<w:comment w:id="1" w:author="Ada"><w:p><w:r><w:t>Too early</w:t></w:r></w:p></w:comment>'
    )
    return office_files.docx(
        "<w:p><w:r><w:t>May.</w:t><w:commentReference w:id='1'/></w:r></w:p>", {"comments.xml": comments}
    )


def _word_table(first: str, second: str) -> bytes:
    row = "<w:tr><w:tc><w:tcPr>{}</w:tcPr><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:tc><w:tc>{}</w:tc></w:tr>"
    rows = row.format('<w:vMerge w:val="restart"/>', "Kestrel", paragraph(first))
    return office_files.docx(f"<w:tbl>{rows}{row.format('<w:vMerge/>', '', paragraph(second))}</w:tbl>")


def _styled_xlsx(code: str, value: str) -> bytes:
    styles = f'<numFmts><numFmt numFmtId="170" formatCode="{code}"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="170"/></cellXfs>'
    return office_files.xlsx(f'<row r="1"><c r="A1" s="1"><v>{value}</v></c></row>', styles=styles)


def _commented_xlsx() -> bytes:
    comments = (
        "<comments><authors><author>Ada</author></authors><commentList><comment ref='A1' authorId='0'>"
        "<text><r><t>Too early</t></r></text></comment></commentList></comments>"
    )
    return office_files.xlsx(
        f'<row r="1">{cell("A1", "May")}</row>', parts={"comments1.xml": comments}, k="comments ../comments1.xml"
    )


def _charted_xlsx() -> bytes:
    drawing = f"<wsDr>{GRAPHIC}</wsDr>"
    parts = {
        "drawings/drawing1.xml": drawing,
        "drawings/_rels/drawing1.xml.rels": office_files.relations(c1="chart ../charts/chart1.xml"),
        "charts/chart1.xml": CHART,
    }
    return office_files.xlsx("", '<drawing r:id="d"/>', parts=parts, d="drawing ../drawings/drawing1.xml")


def _ods_like(body: str) -> bytes:
    return make_files.odt(body)


def _opendocument_slide(page: str) -> bytes:
    style = (
        "<style:style style:name='H'><style:drawing-page-properties presentation:visibility='hidden'/></style:style>"
    )
    return make_files.odt(
        f"<office:x xmlns:style='style' xmlns:presentation='presentation'>{style}</office:x>"
        f"{page}</draw:text-box></draw:frame></draw:page>"
    )


_TRACKED = (
    "<w:p><w:r><w:t>Kept.</w:t></w:r><w:del><w:r><w:delText>Struck</w:delText></w:r></w:del></w:p>"
    "<w:tbl><w:tr><w:trPr><w:del/></w:trPr><w:tc><w:p><w:r><w:t>Struck</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
)
_SUPER = '<w:p><w:r><w:t>10</w:t></w:r><w:r><w:rPr><w:vertAlign w:val="superscript"/></w:rPr><w:t>6</w:t></w:r></w:p>'
_SLIDE_SUPER = "<p:sp><p:txBody><a:p><a:r><a:t>10</a:t></a:r><a:r><a:rPr baseline='30000'/><a:t>6</a:t></a:r></a:p></p:txBody></p:sp>"
_RUBY = "<w:p><w:r><w:ruby><w:rt><w:r><w:t>toukyou</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>\u6771\u4eac</w:t></w:r></w:rubyBase></w:ruby></w:r></w:p>"
_DROPDOWN = (
    '<w:p><w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:ddList><w:result w:val="1"/><w:listEntry w:val="Hull"/>'
    '<w:listEntry w:val="Aberdeen"/></w:ddList></w:ffData></w:fldChar><w:instrText> FORMDROPDOWN </w:instrText></w:r></w:p>'
)
_ODT_TABLE = (
    '<table:table><table:table-row><table:table-cell table:number-rows-spanned="2"><text:p>Kestrel</text:p></table:table-cell>'
    "<table:table-cell><text:p>L1</text:p></table:table-cell></table:table-row><table:table-row><table:covered-table-cell/>"
    "<table:table-cell><text:p>L2</text:p></table:table-cell></table:table-row></table:table>"
)
_ODT_COMMENT = "<text:p>May.<office:annotation><dc:creator xmlns:dc='d'>Ada</dc:creator><text:p>Too early</text:p></office:annotation></text:p>"
_ODT_LIST = (
    '<text:list-style xmlns:style="s" style:name="L"><text:list-level-style-number text:level="1" style:num-format="1" style:num-suffix="."/>'
    '</text:list-style><text:list text:style-name="L"><text:list-item><text:p>Open</text:p></text:list-item>'
    "<text:list-item><text:p>Wait</text:p></text:list-item></text:list>"
)
_ODT_STYLES = (
    f"<office:document-styles {make_files.ODF} xmlns:style='style'><office:styles><style:style style:name='Raised'>"
    "<style:text-properties style:text-position='super 58%'/></style:style></office:styles><office:master-styles>"
    "<style:master-page><style:header><text:p>Contract KX-2291</text:p></style:header></style:master-page>"
    "</office:master-styles></office:document-styles>"
)
_HTML_TABLE = '<table><tr><td rowspan="2">Kestrel</td><td>L1</td></tr><tr><td>L2</td></tr></table>'
_SLIDE_TABLE = slide_table(
    "<a:tr>" + slide_cell("Kestrel", "rowSpan='2'") + slide_cell("L1") + "</a:tr>"
    "<a:tr>" + slide_cell("", "vMerge='1'") + slide_cell("L2") + "</a:tr>"
)
_SLIDE_CHART = f"<p:graphicFrame>{GRAPHIC}</p:graphicFrame>"
_SLIDE_COMMENTS = "<cmLst><cm><text>Too early</text></cm></cmLst>"
_STATES = ("read", "marked", "left out", "documents")

# What is in a file, by format: what the page says of it, a file, and the words: what the text has (or has not).
CASES: dict[tuple[str, str], tuple[str, Callable[[], bytes], str]] = {
    ("values of form fields", "PDF"): (
        "read",
        office_files.pdf_form,
        "Boat: Silver Heron\n\u2612 Insured\n\u2610 Leased",
    ),
    ("values of form fields", "Word"): ("read", lambda: office_files.docx(_DROPDOWN), "Aberdeen"),
    ("values of form fields", "HTML"): ("read", lambda: b"<p>Depot <input value='Aberdeen'></p>", "Depot Aberdeen"),
    ("text boxes", "PDF"): ("read", office_files.pdf_annotated, "crowns.\nFee was lowered to 250 crowns\nThe end."),
    ("text boxes", "Word"): (
        "read",
        lambda: office_files.docx(
            f"<w:p><w:r><w:pict><w:txbxContent>{paragraph('Boxed')}</w:txbxContent></w:pict></w:r></w:p>"
        ),
        "Boxed",
    ),
    ("text boxes", "PowerPoint"): ("read", lambda: office_files.pptx(office_files.shape("Boxed")), "Boxed"),
    ("comments and notes", "PDF"): ("marked", office_files.pdf_annotated, "Comment: Ask the notary"),
    ("comments and notes", "Word"): ("marked", _commented_word, "Comment by Ada: Too early"),
    ("comments and notes", "PowerPoint"): (
        "marked",
        lambda: office_files.pptx("", parts={"comments/c1.xml": _SLIDE_COMMENTS}, k="comments ../comments/c1.xml"),
        "Comment: Too early",
    ),
    ("comments and notes", "Excel"): ("marked", _commented_xlsx, "Note on A1 by Ada: Too early"),
    ("comments and notes", "OpenDocument"): (
        "marked",
        lambda: make_files.odt(_ODT_COMMENT),
        "Comment by Ada: Too early",
    ),
    ("headers and footers, once", "Word"): ("read", _framed_word, "Contract KX-2291\n\nBody."),
    ("headers and footers, once", "PowerPoint"): (
        "left out",
        lambda: office_files.pptx(
            office_files.shape("Seen") + office_files.shape("Contract KX-2291", placeholder="ftr")
        ),
        "Contract KX-2291",
    ),
    ("headers and footers, once", "OpenDocument"): (
        "read",
        lambda: make_files.odt("<text:p>Body.</text:p>", parts={"styles.xml": _ODT_STYLES}),
        "Contract KX-2291\n\nBody.",
    ),
    ("automatic numbers", "Word"): ("read", _numbered_word, "2.2 Late rent.\n(a) first\n(b) second"),
    ("automatic numbers", "OpenDocument"): ("read", lambda: make_files.odt(_ODT_LIST), "1. Open\n2. Wait"),
    ("automatic numbers", "PowerPoint"): (
        "read",
        lambda: office_files.pptx(
            "<p:sp><p:txBody><a:p><a:pPr><a:buAutoNum type='alphaLcParenR'/></a:pPr><a:r><a:t>Open</a:t></a:r></a:p>"
            "</p:txBody></p:sp>"
        ),
        "a) Open",
    ),
    ("automatic numbers", "HTML"): ("read", lambda: b"<ol type=a start=2><li>Open<li>Wait</ol>", "b. Open\nc. Wait"),
    ("charts", "Word"): (
        "read",
        lambda: office_files.docx(
            f"<w:p><w:r><w:drawing>{GRAPHIC}</w:drawing></w:r></w:p>",
            {"charts/chart1.xml": CHART},
            c1="chart charts/chart1.xml",
        ),
        "Visitors\nHarbour | 14,800",
    ),
    ("charts", "PowerPoint"): (
        "read",
        lambda: office_files.pptx(_SLIDE_CHART, parts={"charts/chart1.xml": CHART}, c1="chart ../charts/chart1.xml"),
        "Visitors\nHarbour | 14,800",
    ),
    ("charts", "OpenDocument"): (
        "read",
        lambda: make_files.odt(
            '<text:p>Visitors.<draw:frame xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0">'
            '<draw:object xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="./Object 1"/></draw:frame></text:p>',
            parts={"Object 1/content.xml": _ODF_CHART},
        ),
        "Visitors.\n\nHarbour | 14,800",
    ),
    ("charts", "Excel"): ("read", _charted_xlsx, "Visitors\nHarbour | 14,800"),
    ("merged cells in each row", "Word"): ("read", lambda: _word_table("L1", "L2"), "Kestrel | L1\nKestrel | L2"),
    ("merged cells in each row", "PowerPoint"): (
        "read",
        lambda: office_files.pptx(_SLIDE_TABLE),
        "Kestrel | L1\nKestrel | L2",
    ),
    ("merged cells in each row", "Excel"): (
        "read",
        lambda: office_files.xlsx(
            f'<row r="1">{cell("A1", "Kestrel")}{cell("B1", "L1")}</row><row r="2">{cell("B2", "L2")}</row>',
            '<mergeCells><mergeCell ref="A1:A2"/></mergeCells>',
        ),
        "Kestrel | L1\nKestrel | L2",
    ),
    ("merged cells in each row", "OpenDocument"): ("read", lambda: _ods_like(_ODT_TABLE), "Kestrel | L1\nKestrel | L2"),
    ("merged cells in each row", "HTML"): ("read", _HTML_TABLE.encode, "Kestrel | L1\nKestrel | L2"),
    ("numbers as they are shown", "Excel"): ("read", lambda: _styled_xlsx("0.0%", "0.153"), "15.3%"),
    ("raised and lowered characters", "PDF"): (
        "read",
        lambda: make_files.pdf_with_raised(["Rated 10", "^6", " ohms"]),
        "Rated 10^6\n ohms",
    ),
    ("raised and lowered characters", "Word"): ("read", lambda: office_files.docx(_SUPER), "10^6"),
    ("raised and lowered characters", "PowerPoint"): ("read", lambda: office_files.pptx(_SLIDE_SUPER), "10^6"),
    ("raised and lowered characters", "Excel"): (
        "read",
        lambda: office_files.xlsx(
            '<row r="1"><c r="A1" t="inlineStr"><is><r><t>10</t></r><r><rPr><vertAlign val="superscript"/></rPr><t>6</t>'
            "</r></is></c></row>"
        ),
        "10^6",
    ),
    ("raised and lowered characters", "OpenDocument"): (
        "read",
        lambda: make_files.odt(
            "<text:p>10<text:span text:style-name='Raised'>6</text:span></text:p>", parts={"styles.xml": _ODT_STYLES}
        ),
        "10^6",
    ),
    ("raised and lowered characters", "HTML"): (
        "read",
        lambda: b"<p>10<sup>6</sup> and the 2<sup>nd</sup></p>",
        "10^6 and the 2nd",
    ),
    ("hidden text, sheets and slides", "Word"): (
        "left out",
        lambda: office_files.docx(paragraph("Seen.") + paragraph("Secret", run="<w:vanish/>")),
        "Secret",
    ),
    ("hidden text, sheets and slides", "PowerPoint"): (
        "marked",
        lambda: office_files.pptx(office_files.shape("Secret"), show="0"),
        "(hidden slide)\n\nSecret",
    ),
    ("hidden text, sheets and slides", "Excel"): (
        "marked",
        lambda: office_files.xlsx(f'<row r="1">{cell("A1", "Secret")}</row>', state="hidden"),
        "S (hidden sheet)\n\nSecret",
    ),
    ("hidden text, sheets and slides", "OpenDocument"): (
        "marked",
        lambda: _opendocument_slide(
            "<draw:page draw:style-name='H'><draw:frame><draw:text-box><text:p>Secret</text:p>"
        ),
        "(hidden slide)\n\nSecret",
    ),
    ("panels that unfold", "HTML"): (
        "read",
        lambda: b"<p>Q</p><div hidden>Panel</div><div aria-hidden=true>Other</div>",
        "Panel",
    ),
    ("deleted text that is tracked", "Word"): ("left out", lambda: office_files.docx(_TRACKED), "Struck"),
    ("deleted text that is tracked", "OpenDocument"): (
        "left out",
        lambda: make_files.odt(
            "<text:tracked-changes><text:changed-region><text:deletion><text:p>Struck</text:p></text:deletion>"
            "</text:changed-region></text:tracked-changes><text:p>Kept.</text:p>"
        ),
        "Struck",
    ),
    ("readings of ideographs", "OpenDocument"): (
        "left out",
        lambda: make_files.odt(
            "<text:p><text:ruby><text:ruby-base>\u6771</text:ruby-base><text:ruby-text>tou</text:ruby-text></text:ruby></text:p>"
        ),
        "tou",
    ),
    ("descriptions of pictures", "OpenDocument"): (
        "marked",
        lambda: make_files.odt(
            "<text:p><draw:frame><svg:desc xmlns:svg='svg'>Wiring plan</svg:desc></draw:frame></text:p>"
        ),
        "[Picture: Wiring plan]",
    ),
    ("readings of ideographs", "Word"): ("left out", lambda: office_files.docx(_RUBY), "toukyou"),
    ("readings of ideographs", "HTML"): ("left out", lambda: "<ruby>\u6771<rt>tou</rt></ruby> seen".encode(), "tou"),
    ("descriptions of pictures", "HTML"): (
        "marked",
        lambda: b"<p><img alt='Wiring plan'></p>",
        "[Picture: Wiring plan]",
    ),
    ("files in it", "PDF"): ("documents", lambda: make_files.pdf_with("a.csv", b"a,b\n"), "a.csv"),
    ("files in it", "Word"): (
        "documents",
        lambda: office_files.docx(paragraph("Body."), {"embeddings/a.csv": "a,b\n"}, e="package embeddings/a.csv"),
        "a.csv",
    ),
    ("files in it", "PowerPoint"): (
        "documents",
        lambda: office_files.pptx(
            office_files.shape("x"), parts={"embeddings/a.csv": "a,b\n"}, e="package ../embeddings/a.csv"
        ),
        "a.csv",
    ),
    ("files in it", "e-mail"): ("documents", lambda: make_files.eml_with("a.csv", b"a,b\n"), "a.csv"),
}


def text_of(tmp_path: Path, name: str, content: bytes, members: list[str] | None = None) -> Extraction:
    """What a file holds, read in this process."""
    path = tmp_path / "file"
    path.write_bytes(content)
    return read(
        path, name, None, Limits(), lambda path, _type, _content: (members if members is not None else []).append(path)
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]} in {case[1]}")
def test_every_cell_of_the_table_is_true(tmp_path: Path, case: tuple[str, str]) -> None:
    state, make, words = CASES[case]
    members: list[str] = []
    text = text_of(tmp_path, f"a.{NAMES[case[1]]}", make(), members).text
    if state == "documents":
        assert members == [words]
    else:
        assert (words in text) is (state != "left out"), text


def test_the_page_s_table_is_what_is_tested() -> None:
    table = PAGE.read_text("utf-8").split("## What is read of each format", 1)[1].split("\n## ", 1)[0]
    rows = [
        [part.strip() for part in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("|")
    ]
    formats = rows[0][1:]
    documented = {
        (row[0], name): state for row in rows[2:] for name, state in zip(formats, row[1:], strict=True) if state
    }
    assert documented == {case: state for case, (state, _, _) in CASES.items()}


# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "code", "expected"),
    [
        ("0.153", "0.0%", "15.3%"),
        ("1250000", "[$\u20ac-407]#,##0", "\u20ac1,250,000"),
        ("46095", "d mmm yyyy", "14 Mar 2026"),
        ("46095", BUILT_IN[14], "2026-03-14"),
        ("42", "00000", "00042"),
        ("4539148803436467", "General", "4539148803436467"),
        ("1.1041666666666667", "[h]:mm", "26:30"),
        ("-1234.5", "#,##0.00_);(#,##0.00)", "(1,234.50)"),
        ("5551234567", "(000) 000-0000", "(555) 123-4567"),
        ("2.75", "# ??/??", "2 3/4"),
        ("12345.678", "##0.0E+0", "12.3E+3"),
        ("0.30000000000000004", "General", "0.3"),
        ("150", '0" \u00b0C"', "150 \u00b0C"),
        ("-0.0001", "0.00", "0.00"),
        ("2.5", "0", "3"),
        ("61", "yyyy-mm-dd", "1900-03-01"),
        ("7", ";;;", ""),
        ("1e300", "0.00", "1E+300"),
        ("no number", "0.00", "no number"),
    ],
)
def test_a_number_is_shown_as_its_format_says(value: str, code: str, expected: str) -> None:
    assert shown(value, code) == expected


def test_a_stray_cell_at_the_end_of_a_sheet_is_no_table(tmp_path: Path) -> None:
    content = office_files.xlsx(
        f'<row r="1">{cell("A1", "Pumps")}</row><row r="1048576">{cell("XFD1048576", "x")}</row>'
    )
    assert text_of(tmp_path, "a.xlsx", content).text == "S\n\nPumps\n\u2026 | x"


def test_a_head_of_two_rows_becomes_one(tmp_path: Path) -> None:
    above = cell("B1", "2025") + cell("D1", "2026")
    below = "".join(
        cell(f"{letter}2", text)
        for letter, text in zip("ABCDE", ("Depot", "Plan", "Actual", "Plan", "Actual"), strict=True)
    )
    data = cell("A3", "York") + "".join(f'<c r="{letter}3"><v>{value}</v></c>' for value, letter in enumerate("BCDE"))
    content = office_files.xlsx(f'<row r="1">{above}</row><row r="2">{below}</row><row r="3">{data}</row>')
    first = text_of(tmp_path, "a.xlsx", content).text.split("\n")[2]
    assert first == "Depot | 2025 Plan | 2025 Actual | 2026 Plan | 2026 Actual"


def test_formulas_without_a_stored_result_are_warned_of(tmp_path: Path) -> None:
    content = office_files.xlsx(f'<row r="1">{cell("A1", "Total")}<c r="B1"><f>SUM(B2:B9)</f><v></v></c></row>')
    assert [warning.code for warning in text_of(tmp_path, "a.xlsx", content).warnings] == ["not_calculated"]


# --- separated values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id;tags\n1;[12, 13]\n2;[15, 16]\n", ["id | tags", "1 | [12, 13]", "2 | [15, 16]"]),
        ("1,5;2,5\n3,5;4,5\n", ["1,5 | 2,5", "3,5 | 4,5"]),
        ("id,tags\n1,x;y;z\n2,x;y\n", ["id | tags", "1 | x;y;z", "2 | x;y"]),
        ("part,size\nvalve,\"2 inch\nhose,3 inch\nseal,5 inch\n", ["part | size", 'valve | "2 inch', "hose | 3 inch", "seal | 5 inch"]),
        ("sep=;\nName;City\nAda;Leeds\n", ["Name | City", "Ada | Leeds"]),
        ('a,b\n"x\ny",2\n"He documented ""no""",3\n', ["a | b", "x y | 2", 'He documented "no" | 3']),
        ("Fleet of May\n\nPlate,Depot\nTV-1,York\n", ["Fleet of May", "", "Plate | Depot", "TV-1 | York"]),
        ("one column\nwith text, and a comma\nmore\n", ["one column", "with text, and a comma", "more"]),
    ],
)  # fmt: skip
def test_a_table_of_separated_values_has_the_columns_of_most_lines(text: str, expected: list[str]) -> None:
    assembly = TextAssembler(Limits())
    add_table(text, assembly)
    assert assembly.text.split("\n") == expected


def test_json_keeps_what_is_written_and_decodes_escapes() -> None:
    assert as_text('{"a": 1.10, "a": 12345678901234567890}') == '{\n "a": 1.10,\n "a": 12345678901234567890\n}'
    assert (
        as_text('{"q": "K\\u00f6ln"}\n{"q": "\\u4ed3"}\nbroken "\\u00e9')
        == '{"q": "K\u00f6ln"}\n{"q": "\u4ed3"}\nbroken "\u00e9'
    )


# --- what a file is ---------------------------------------------------------------------------------------------------

_XLS_2003 = (
    '<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:ss="urn:schemas-microsoft-com:office:'
    'spreadsheet"><Worksheet ss:Name="Stock"><Table><Row><Cell><Data ss:Type="String">Valve</Data></Cell><Cell ss:Index="3">'
    '<Data ss:Type="Number">17</Data></Cell></Row></Table></Worksheet></Workbook>'
)
_FODT = (
    '<?xml version="1.0"?><office:document xmlns:office="o" xmlns:text="t" office:mimetype="application/vnd.oasis.opendocument.text">'
    "<office:settings><x>Noise</x></office:settings><office:body><office:text><text:p>Kiln nine.</text:p></office:text></office:body>"
    "</office:document>"
)
_WORD_2003 = (
    '<?xml version="1.0"?><w:wordDocument xmlns:w="http://schemas.microsoft.com/office/word/2003/wordml"><w:body><w:p><w:r>'
    "<w:t>Kiln nine.</w:t></w:r></w:p></w:body></w:wordDocument>"
)
_NOTEBOOK = (
    '{"cells": [{"cell_type": "markdown", "source": ["# Kilns\\n", "Nine."]}, {"cell_type": "code", "source": "1 + 1",'
    ' "outputs": [{"output_type": "execute_result", "data": {"text/plain": "2", "image/png": "iVBOR"}}]}],'
    ' "metadata": {"language_info": {"name": "python"}}}'
)
_MBOX = "From a@b Mon May  4 2026\nFrom: Ada\nSubject: First\nDate: x\n\nRed kiln.\n\nFrom a@b Mon May  4 2026\nSubject: Second\n\nBlue.\n"
_MHTML = (
    "From: <Saved by Blink>\nSubject: Kilns\nMIME-Version: 1.0\nContent-Type: multipart/related; boundary=B\n\n--B\n"
    "Content-Type: text/html\n\n<p>Kiln nine.</p>\n--B\nContent-Type: text/css\n\n.nav { color: red }\n--B--\n"
)
_RTF = rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}\f0 Gr\'f6\'dfe \u1078?\par {\*\comment no}\trowd A\cell B\cell\row}"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.xls", _XLS_2003.encode(), "Stock\n\nValve |  | 17"),
        ("a.xls", b"Part\tStock\nValve\t17\n", "Part | Stock\nValve | 17"),
        ("a.fodt", _FODT.encode(), "Kiln nine."),
        ("a.doc", _WORD_2003.encode(), "Kiln nine."),
        ("a.ipynb", _NOTEBOOK.encode(), "# Kilns\nNine.\n\n```python\n1 + 1\n```\n\n2"),
        ("a.mhtml", _MHTML.encode(), "Kiln nine."),
        ("a.mbox", _MBOX.encode(), "First.eml | Ada\nSecond.eml"),
        ("a.eml", b"From a@b Mon May\nSubject: One\nFrom: Ada\n\nRed.\n", "Subject: One\nFrom: Ada\n\nRed."),
        ("a.doc", _RTF, "Gr\u00f6\u00dfe \u0436\n\nA | B"),
        ("a.log", b"\x1b[31mturbine\x1b[0m over\xe2\x80\x8bspeed\n", "turbine overspeed\n"),
        ("a.xhtml", b"<?xml version='1.0'?><html><head><title/></head><body><p>Kiln nine.</p></body></html>", "Kiln nine."),
    ],
)  # fmt: skip
def test_the_content_says_what_a_file_is(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    assert text_of(tmp_path, name, content).text == expected


def test_word_documents_of_1997_are_read(tmp_path: Path) -> None:
    text = "Gr\u00f6\u00dfe \x13 HYPERLINK x \x14of kilns\x15\rPlant\x07Line\x07\x07Kestrel\x07L1\x07\x07End\r"
    assert text_of(tmp_path, "a.doc", old_files.word_97(text, "Nine.\r")).text == (
        "Gr\u00f6\u00dfe of kilns\n\nPlant | Line\nKestrel | L1\n\nEnd\n\nFootnote: Nine."
    )
    with pytest.raises(ExtractionError) as refused:
        text_of(tmp_path, "a.doc", old_files.word_97(text, "Nine.\r", flags=0x0300))
    assert refused.value.code == "encrypted"


def test_pictures_in_flat_opendocument_are_no_text(tmp_path: Path) -> None:
    frame = (
        "<draw:frame><draw:image><office:binary-data>aGVyb24gaGVyb24=</office:binary-data></draw:image></draw:frame>"
    )
    flat = _FODT.replace("Kiln nine.", f"Kiln {frame}nine.").replace(
        "<office:document ", "<office:document xmlns:draw='d' ", 1
    )
    assert text_of(tmp_path, "a.fodt", flat.encode()).text == "Kiln nine."


def test_parts_with_backslashes_are_found(tmp_path: Path) -> None:
    import io
    import zipfile

    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(make_files.xlsx())) as source, zipfile.ZipFile(file, "w") as target:
        for entry in source.infolist():
            target.writestr(entry.filename.replace("/", "\\"), source.read(entry))
    assert "North shore" in text_of(tmp_path, "a.xlsx", file.getvalue()).text


def test_a_document_type_is_harmless_and_entities_are_refused(tmp_path: Path) -> None:
    book = make_files.epub(**{"OEBPS/book.opf": "<!DOCTYPE package PUBLIC '-//X' 'http://x.invalid/oeb.dtd'><package><metadata/>"
                              "<manifest><item id='a' href='text/one.xhtml'/></manifest><spine><itemref idref='a'/></spine></package>"})  # fmt: skip
    assert text_of(tmp_path, "a.epub", book).text == "One\n\nFirst."
    bomb = make_files.epub(**{"OEBPS/book.opf": "<!DOCTYPE x [<!ENTITY a 'b'>]><package>&a;</package>"})
    with pytest.raises(ExtractionError) as refused:
        text_of(tmp_path, "a.epub", bomb)
    assert refused.value.code == "corrupt"


# --- mail -------------------------------------------------------------------------------------------------------------


def _alternatives(plain: str, html: str) -> bytes:
    return (
        "Subject: S\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=B\n\n--B\nContent-Type: text/plain\n\n"
        f"{plain}\n--B\nContent-Type: text/html\n\n<p>{html}</p>\n--B--\n"
    ).encode()


@pytest.mark.parametrize(
    ("plain", "html", "expected"),
    [
        ("Please use another program.", "The pump contract ends in June and costs 4,200.", "The pump contract"),
        ("The pump contract ends in June.", "The <b>pump</b> contract ends in June.", "The pump contract ends in June."),
        ("The first part.", "The first part. And the second part of the letter.", "second part"),
    ],
)  # fmt: skip
def test_the_better_alternative_is_read(tmp_path: Path, plain: str, html: str, expected: str) -> None:
    assert expected in text_of(tmp_path, "a.eml", _alternatives(plain, html)).text


def test_an_invitation_says_when_and_where(tmp_path: Path) -> None:
    event = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;TZID=Europe/Paris:20260519T123000\nLOCATION:Quarry\\, gate two\nSUMMARY:Visit\nEND:VEVENT\nEND:VCALENDAR\n"
    text = text_of(tmp_path, "a.ics", event.encode()).text
    assert text == "Event: Visit\nBegins: 2026-05-19 12:30 (Europe/Paris)\nPlace: Quarry, gate two"


# --- encodings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("K\u00f6ln;J\u00fcrgen Gro\u00df;Pr\u00fcfung f\u00fcr M\u00e4rz verschoben", "cp850"),
        ("\u015eehir,M\u00fcd\u00fcr,A\u00e7\u0131klama: \u0130zmir, I\u015f\u0131l \u015eahin, ya\u011f\u0131\u015f nedeniyle", "cp1254"),
        ("\u041f\u0440\u0438\u043a\u0430\u0437 \u043e \u043d\u0430\u0437\u043d\u0430\u0447\u0435\u043d\u0438\u0438 \u043e\u0442\u0432\u0435\u0442\u0441\u0442\u0432\u0435\u043d\u043d\u044b\u0445 \u043b\u0438\u0446", "cp866"),
        ("V\u0161ichni lid\u00e9 rod\u00ed se svobodn\u00ed a sob\u011b rovn\u00ed co do d\u016fstojnosti", "cp852"),
        ("L'\u00e9t\u00e9 dernier, la soci\u00e9t\u00e9 a re\u00e7u les \u00e9valuations \u00e0 Orl\u00e9ans", "mac_roman"),
        ("Visi \u017emon\u0117s gimsta laisvi ir lyg\u016bs savo orumu ir teis\u0117mis. Jiems suteiktas protas ir s\u0105\u017ein\u0117", "cp1257"),
    ],
)  # fmt: skip
def test_an_unmarked_encoding_is_the_one_whose_letters_are_a_language_s(
    tmp_path: Path, text: str, encoding: str
) -> None:
    result = text_of(tmp_path, "a.txt", text.encode(encoding))
    assert result.text == text
    assert [warning.code for warning in result.warnings] == ["encoding_guessed"]


def test_pages_with_hyphens_keep_those_of_compounds() -> None:
    from chalicelib.knowledge.ingestion.extraction.pdf_text import joined

    divided = "\ufffe"
    assert (
        joined(f"long{divided}term deliv{divided}ered X{divided}ray East{divided}West")
        == "long-term delivered X-ray East-West"
    )


def test_a_divided_word_is_joined_as_the_document_writes_it_elsewhere() -> None:
    from chalicelib.knowledge.ingestion.extraction.pdf_text import joined

    d = "\ufffe"
    assert joined(
        f"The in{d}formation over{d}view re{d}places it full{d}y, in{d}house, pre{d}existing, long{d}term."
    ) == ("The information overview replaces it fully, in-house, pre-existing, long-term.")
    known: set[str] = set()
    joined("Our subzero halls and a mill-pond here.", known)
    assert joined(f"See sub{d}zero and the mill{d}pond again.", known) == "See subzero and the mill-pond again."


def test_the_ligature_of_lam_and_alef_stays_in_its_word(tmp_path: Path) -> None:
    """A line from right to left, drawn from the left: meem, the ligature, seen; and a word with two glyphs instead."""
    letters = {"C": "\u0645", "A": "\u0644\u0627", "B": "\u0633", "D": "\u0644", "E": "\u0627"}
    assert text_of(tmp_path, "a.pdf", make_files.pdf_of_glyphs("CAB", letters)).text == "\u0633\u0644\u0627\u0645"
    assert text_of(tmp_path, "a.pdf", make_files.pdf_of_glyphs("CDE", letters)).text == "\u0627\u0644\u0645"


def test_columns_that_are_drawn_line_by_line_are_read_one_after_the_other(tmp_path: Path) -> None:
    left = ["The quarry was opened in", "spring, and its first stone", "was sold to the harbour for", "the new wall. The workers",
            "lived in huts by the lake and", "walked to the village on", "Sundays for bread and news."]  # fmt: skip
    right = ["Prices fell in the year after,", "because the mill had closed", "and nobody built. The owner", "sold the crane and the carts,",
             "and kept two horses only to", "bring water up the hill in dry", "summers, when the well was low."]  # fmt: skip
    text = text_of(tmp_path, "a.pdf", office_files.pdf_across(left, right)).text
    assert text.split("\n") == ["A heading that runs over both of the columns of the page", *left, *right]
    rows = office_files.pdf_across(["Lighthouse keeper of Marwick"] * 7, ["Paid 31 crowns each month"] * 7)
    assert "Marwick Paid" in text_of(tmp_path, "a.pdf", rows).text, "a table keeps its rows"


def test_slides_are_read_by_the_places_of_their_shapes(tmp_path: Path) -> None:
    shapes = "".join(office_files.shape(f"Step {n}", top=n * 1_000_000) for n in (3, 1, 2))
    assert re.findall(r"Step \d", text_of(tmp_path, "a.pptx", office_files.pptx(shapes)).text) == [
        "Step 1",
        "Step 2",
        "Step 3",
    ]
