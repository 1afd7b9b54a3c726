"""What a person sees in files of many programs: formulas, lists, heads of tables, notes, raised and hidden text."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from chalicelib.knowledge.ingestion.extraction import Extraction, ExtractionError, Limits, pdf_layout, pdf_raised
from chalicelib.knowledge.ingestion.extraction.cms import signed_content
from chalicelib.knowledge.ingestion.extraction.drawing import lines
from chalicelib.knowledge.ingestion.extraction.reading import read
from chalicelib.knowledge.ingestion.extraction.word_runs import formula
from tests import make_files, office_files, old_files


def shown(tmp_path: Path, name: str, content: bytes | str) -> Extraction:
    path = tmp_path / "object"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read(path, name, None, Limits(), lambda path, kind, part: None)


# --- HTML -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<ol><li><p>Open</p></li><li><p>Wait</p></li></ol>", "1. Open\n\n2. Wait"),
        ("<ul><li><p>Open</p><p>More</p></li><li><ul><li>Inner</ul></ul>", "- Open\n\nMore\n\n- Inner"),
        ("<ol><li></li><li>Second</li></ol>", "1.\n2. Second"),
        (
            "<table><thead><tr><th>Item<th>Price</tr></thead><tbody><tr><td>Nut<td>9</tr></tbody></table>",
            "Item | Price\nNut | 9",
        ),
        ("<svg><text>Pump</text><text>Valve</text></svg>", "Pump Valve"),
        ("<math><mfrac><mn>1</mn><mn>12</mn></mfrac></math>", "1/12"),
        (
            "<math><mfrac><mrow><mi>a</mi><mo>+</mo><mn>1</mn></mrow><mi>b</mi></mfrac><msup><mi>x</mi><mn>2</mn></msup>"
            "<msubsup><mi>y</mi><mn>1</mn><mn>3</mn></msubsup><mi>cos</mi><mi>n</mi><msqrt><mn>2</mn></msqrt></math>",
            "(a+1)/bx^2y_1^3 cos n\u221a2",
        ),
    ],
)
def test_a_page_shows(tmp_path: Path, markup: str, expected: str) -> None:
    assert shown(tmp_path, "a.html", markup).text == expected


_GROUPS = "<tr><th rowspan=2>Depot<th colspan=2>2025<th colspan=2>2026</tr>"
_NAMES = "<tr><th>Plan<th>Actual<th>Plan<th>Actual</tr>"
_ROW = "<tr><td>York<td>1<td>2<td>3<td>4</tr>"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (_GROUPS + _NAMES + _ROW, "Depot | 2025 Plan | 2025 Actual | 2026 Plan | 2026 Actual\nYork | 1 | 2 | 3 | 4"),
        ("<tr><td colspan=2>Title of all<tr><td>Item<td>Price<tr><td>Nut<td>9", "Title of all\nItem | Price\nNut | 9"),
        ("<tr><td colspan=2>Alone", "Alone"),
        (
            "<tr><td colspan=2>Wide<tr><td>x<td><table><tr><td colspan=2>In<tr><td>1<td>2</table>",
            "Wide\nx |\n\nIn\n1 | 2",
        ),
    ],
)
def test_the_head_of_a_table_in_a_page_is_one_row(tmp_path: Path, rows: str, expected: str) -> None:
    assert shown(tmp_path, "a.html", f"<table>{rows}</table>").text == expected


# --- Word and PowerPoint ----------------------------------------------------------------------------------------------

_MATH = "http://schemas.openxmlformats.org/officeDocument/2006/math"


def test_a_function_in_a_formula_stands_apart_from_its_argument() -> None:
    markup = f"<m:func xmlns:m='{_MATH}'><m:fName><m:t>cos</m:t></m:fName><m:e><m:t>nx</m:t></m:e></m:func>"
    assert formula(ElementTree.fromstring(markup)) == "cos nx"


_LEGAL = (
    '<w:abstractNum w:abstractNumId="1"><w:lvl w:ilvl="0"><w:numFmt w:val="upperRoman"/><w:lvlText w:val="Article %1"/>'
    '</w:lvl><w:lvl w:ilvl="1"><w:numFmt w:val="decimalZero"/><w:isLgl/><w:lvlText w:val="Section %1.%2"/></w:lvl>'
    '</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="1"/></w:num>'
)


def test_clauses_are_numbered_in_digits_where_their_level_says_so(tmp_path: Path) -> None:
    def clause(text: str, level: int) -> str:
        numbered = f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="1"/></w:numPr>'
        return office_files.paragraph(text, numbered)

    content = office_files.docx(
        clause("Term", 0) + clause("Rent", 0) + clause("Late rent", 1),
        {"numbering.xml": office_files.word_part("numbering", _LEGAL)},
        n="numbering numbering.xml",
    )
    text = shown(tmp_path, "a.docx", content).text
    assert text == "Article I Term\nArticle II Rent\nSection 2.01 Late rent"


def test_a_fraction_in_a_field_is_read(tmp_path: Path) -> None:
    field = "".join(f'<w:r><w:fldChar w:fldCharType="{kind}"/>{{}}</w:r>' for kind in ("begin", "end"))
    code = "<w:instrText> EQ \\f(1,12) </w:instrText>"
    content = office_files.docx(f"<w:p><w:r><w:t>Share </w:t></w:r>{field.format(code, '')}</w:p>")
    assert shown(tmp_path, "a.docx", content).text == "Share 1/12"


def test_a_formula_is_read_in_a_time_that_grows_with_its_size() -> None:
    deep = f"<m:e xmlns:m='{_MATH}'>" + "<m:e>" * 30 + "<m:t>x</m:t>" + "</m:e>" * 30 + "</m:e>"
    started = time.process_time()
    assert formula(ElementTree.fromstring(deep)) == "x"
    assert time.process_time() - started < 1


def test_paragraphs_of_slides_have_their_automatic_numbers() -> None:
    def paragraph(text: str, kind: str = "", level: int = 0) -> str:
        numbered = f"<buAutoNum type='{kind}'/>" if kind else ""
        return f"<p><pPr lvl='{level}'>{numbered}</pPr><r><t>{text}</t></r></p>"

    body = (
        paragraph("One", "arabicPeriod")
        + paragraph("a", "alphaLcParenR", 1)
        + paragraph("b", "alphaLcParenR", 1)
        + paragraph("Two", "arabicPeriod")
        + paragraph("a", "romanUcParenBoth", 1)
        + paragraph("Plain")
        + paragraph("Again", "arabicPeriod")
    )
    assert lines(ElementTree.fromstring(f"<x>{body}</x>")) == [
        "1. One", "a) a", "b) b", "2. Two", "(I) a", "Plain", "1. Again",
    ]  # fmt: skip


def test_characters_of_word_97_are_shown_as_they_look(tmp_path: Path) -> None:
    text = "Load 106 N. Seen secret words gone.\r"
    looks = {(7, 8): bytes((0x48, 0x2A, 1)), (17, 24): bytes((0x3C, 0x08, 1)), (30, 34): bytes((0x00, 0x08, 1))}
    assert shown(tmp_path, "a.doc", old_files.word_97(text, "Nine.\r", looks=looks)).text == (
        "Load 10^6 N. Seen words .\n\nFootnote: Nine."
    )


# --- RTF --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (r"Due{\*\atnauthor Ada}{\*\annotation{\*\atnref 1}Too low\par} now.{\footnote Nine}\par End",
         "Due now.\n\nComment by Ada: Too low\n\nFootnote: Nine\n\nEnd"),
        (r"{\header KX-2291\par}Body\par", "KX-2291\n\nBody"),
        (r"{\shp{\*\shpinst{\sp{\sn a}{\sv 202}}{\shptxt Boxed\par}}{\shprslt Boxed}}Body\par", "Boxed\n\nBody"),
        (r"Kept {\deleted gone}{\v secret}words\par", "Kept words"),
        (r"\trowd\clvmgf\cellx1\cellx2 Kestrel\cell L1\cell\row\trowd\clvmrg\cellx1\cellx2\cell L2\cell\row",
         "Kestrel | L1\nKestrel | L2"),
        (r"{\listtext 1.\tab}Open\par{\listtext 2.\tab}Wait\par", "1.\tOpen\n\n2.\tWait"),
        (r"1{\super st} of 10{\super 6} and H{\sub 2}O\par", "1st of 10^6 and H_2O"),
    ],
)  # fmt: skip
def test_rich_text_shows(tmp_path: Path, body: str, expected: str) -> None:
    assert shown(tmp_path, "a.rtf", rf"{{\rtf1\ansi {body}}}").text == expected


def test_headings_of_rich_text_are_sections(tmp_path: Path) -> None:
    body = r"\pard\s3 Kilns\par\pard Nine.\par\pard\outlinelevel1 Glaze\par\pard Blue.\par"
    result = shown(tmp_path, "a.rtf", rf"{{\rtf1\ansi{{\stylesheet{{\s3\sbasedon0\fs28 Heading 1;}}}}{body}}}")
    assert result.text == "Kilns\n\nNine.\n\nGlaze\n\nBlue."
    assert [segment.section for segment in result.segments] == ["Kilns", "Kilns > Glaze"]
    assert result.title == "Kilns"


# --- OpenDocument -----------------------------------------------------------------------------------------------------

_STYLES = (
    f"<office:document-styles {make_files.ODF} xmlns:style='style' xmlns:fo='fo'><office:styles>"
    "<style:style style:name='Raised'><style:text-properties style:text-position='super 58%'/></style:style>"
    "<style:style style:name='Hidden'><style:text-properties text:display='none'/></style:style>"
    "<text:list-style style:name='Clauses'><text:list-level-style-number text:level='1' style:num-format='a'"
    " style:num-prefix='(' style:num-suffix=')'/></text:list-style></office:styles><office:master-styles>"
    "<style:master-page><style:header><text:p>KX-2291</text:p></style:header><style:footer><text:p>Until 2031</text:p>"
    "</style:footer></style:master-page><style:master-page><style:header><text:p>KX-2291</text:p></style:header>"
    "</style:master-page></office:master-styles></office:document-styles>"
)


def test_styles_of_the_whole_document_count(tmp_path: Path) -> None:
    body = (
        "<text:p>Load 10<text:span text:style-name='Raised'>6</text:span> N<text:span text:style-name='Hidden'> secret"
        "</text:span>, see <text:bookmark-ref>clause 2</text:bookmark-ref>.</text:p>"
        "<text:list text:style-name='Clauses'><text:list-item><text:p>Open</text:p></text:list-item></text:list>"
    )
    content = make_files.odt(body, parts={"styles.xml": _STYLES})
    assert shown(tmp_path, "a.odt", content).text == "KX-2291\n\nLoad 10^6 N, see clause 2.\n\n(a) Open\n\nUntil 2031"


def test_text_that_is_tracked_as_deleted_is_left_out_where_it_stands(tmp_path: Path) -> None:
    body = (
        "<text:tracked-changes><text:changed-region text:id='c1'><text:deletion/></text:changed-region>"
        "<text:changed-region text:id='c2'><text:insertion/></text:changed-region></text:tracked-changes>"
        "<text:p>A <text:change-start text:change-id='c1'/>struck<text:change-end text:change-id='c1'/>"
        "<text:change-start text:change-id='c2'/>new<text:change-end text:change-id='c2'/> word.</text:p>"
    )
    assert shown(tmp_path, "a.odt", make_files.odt(body)).text == "A new word."


def test_formulas_and_descriptions_of_pictures_are_read(tmp_path: Path) -> None:
    body = (
        "<text:p>Share<draw:frame><draw:object xmlns:x='x' x:href='./Object 1'/></draw:frame> and<draw:frame>"
        "<draw:image/><s:desc xmlns:s='urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0'>Wiring</s:desc>"
        "</draw:frame></text:p>"
    )
    math = "<math><mfrac><mn>1</mn><mn>12</mn></mfrac><annotation>{1} over {12}</annotation></math>"
    content = make_files.odt(body, parts={"Object 1/content.xml": math})
    assert shown(tmp_path, "a.odt", content).text == "Share and [Picture: Wiring]\n\n1/12"


def _opendocument(kind: str, body: str, **parts: str) -> bytes:
    content = f"<office:document-content {make_files.ODF}>{body}</office:document-content>"
    return make_files.archive(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "content.xml": content,
            "META-INF/manifest.xml": "<m/>",
            **{name.replace("__", "/").replace("_xml", ".xml"): part for name, part in parts.items()},
        }
    )


def test_the_shapes_of_a_slide_are_read_by_their_places(tmp_path: Path) -> None:
    def frame(text: str, top: str, left: str, more: str = "") -> str:
        return (
            f"<draw:frame s:y='{top}' s:x='{left}' {more}><draw:text-box><text:p>{text}</text:p></draw:text-box>"
            "</draw:frame>"
        )

    shapes = (
        frame("Step 3", "9cm", "1cm")
        + frame("Step 2", "5.1cm", "9cm")
        + frame("Step 1", "5cm", "1cm")
        + frame("Title", "20cm", "1cm", "p:class='title'")
        + "<p:notes><draw:frame p:class='notes'><draw:text-box><text:p>Slowly.</text:p></draw:text-box></draw:frame>"
        "<draw:frame p:class='page'><draw:text-box><text:p><text:page-number>&lt;number&gt;</text:page-number></text:p>"
        "</draw:text-box></draw:frame></p:notes>"
    )
    body = f"<office:body xmlns:s='s' xmlns:p='p'><office:presentation><draw:page>{shapes}</draw:page>"
    content = _opendocument("presentation", f"{body}</office:presentation></office:body>")
    assert shown(tmp_path, "a.odp", content).text == "Title\n\nStep 1\n\nStep 2\n\nStep 3\n\nNote: Slowly."


_CHART = (
    "<table:table><table:table-row><table:table-cell><text:p>Harbour</text:p></table:table-cell><table:table-cell>"
    "<text:p>14800</text:p></table:table-cell></table:table-row></table:table>"
)
_CELL = (
    "<table:table-cell><text:p>Load 10<text:span text:style-name='T1'>6</text:span></text:p><draw:frame>{}</draw:frame>"
    "<svg:desc>Wiring</svg:desc></table:table-cell>"
)


@pytest.mark.parametrize(
    ("inside", "parts"),
    [
        (
            f"<draw:object><office:document><office:body><office:chart>{_CHART}</office:chart></office:body>"
            "</office:document></draw:object>",
            {},
        ),
        (
            "<draw:object xlink:href='./Object 1'/>",
            {"Object 1__content_xml": f"<office:document-content {make_files.ODF}>{_CHART}</office:document-content>"},
        ),
    ],
    ids=["in the sheet", "beside it"],
)
def test_objects_in_sheets_are_not_their_cells(tmp_path: Path, inside: str, parts: dict[str, str]) -> None:
    picture = "<draw:image><office:binary-data>iVBORw0KGgo=</office:binary-data></draw:image>"
    body = (
        "<office:automatic-styles xmlns:style='style' xmlns:svg='svg' xmlns:xlink='xlink'><style:style style:name='T1'>"
        "<style:text-properties style:text-position='30% 58%'/></style:style></office:automatic-styles>"
        "<office:body xmlns:svg='svg' xmlns:xlink='xlink'><office:spreadsheet><table:table table:name='S'>"
        f"<table:table-row>{_CELL.format(inside + picture)}</table:table-row></table:table></office:spreadsheet>"
        "</office:body>"
    )
    text = shown(tmp_path, "a.ods", _opendocument("spreadsheet", body, **parts)).text
    assert sorted(text.split("\n\n")) == ["Harbour | 14800", "Load 10^6", "Picture: Wiring", "S"]


# --- mail -------------------------------------------------------------------------------------------------------------

_HEAD = "From: Ada <a@x>\nSubject: S\nMIME-Version: 1.0\n"
_ARMOURED = "-----BEGIN PGP MESSAGE-----\n\nhQEMA7\n-----END PGP MESSAGE-----\n"


def test_encrypted_lines_in_a_message_are_said(tmp_path: Path) -> None:
    result = shown(tmp_path, "a.eml", f"{_HEAD}\nHello Tom,\n\n{_ARMOURED}\nAda\n")
    assert result.text == "Subject: S\nFrom: Ada <a@x>\n\nHello Tom,\n\n(encrypted)\n\nAda"
    assert [warning.code for warning in result.warnings] == ["encrypted_part"]
    with pytest.raises(ExtractionError) as refused:
        shown(tmp_path, "a.eml", f"{_HEAD}\n{_ARMOURED}")
    assert refused.value.code == "encrypted"


def _element(tag: int, content: bytes) -> bytes:
    return bytes((tag, 0x82)) + len(content).to_bytes(2, "big") + content


def _signed(content: bytes, *, without_length: bool = False) -> bytes:
    def element(tag: int, inner: bytes) -> bytes:
        return bytes((tag, 0x80)) + inner + b"\0\0" if without_length else _element(tag, inner)

    half = len(content) // 2
    octets = element(0x24, _element(0x04, content[:half]) + _element(0x04, content[half:]))
    data = element(0x30, bytes.fromhex("06092a864886f70d010701") + element(0xA0, octets))
    signed = element(0x30, b"\x02\x01\x01" + _element(0x31, b"") + data + _element(0x31, b""))
    return element(0x30, bytes.fromhex("06092a864886f70d010702") + element(0xA0, signed))


@pytest.mark.parametrize("without_length", [True, False])
def test_a_message_that_is_signed_as_a_whole_is_read(tmp_path: Path, without_length: bool) -> None:
    signed = _signed(b"Content-Type: text/plain\n\nThe rent is nine crowns.\n", without_length=without_length)
    head = f"{_HEAD}Content-Type: application/pkcs7-mime; name=smime.p7m\nContent-Transfer-Encoding: base64\n\n"
    result = shown(tmp_path, "a.eml", head + base64.b64encode(signed).decode())
    assert result.text == "Subject: S\nFrom: Ada <a@x>\n\nThe rent is nine crowns."
    assert not result.warnings


def test_what_is_no_signed_message_has_no_content() -> None:
    whole = _signed(b"Words.")
    assert signed_content(whole) == b"Words."
    assert all(signed_content(whole[:cut]) is None for cut in range(len(whole) - 10))
    assert signed_content(b"\x30\x80" * 1000) is None


def test_joiners_without_width_stay_where_they_form_letters(tmp_path: Path) -> None:
    text = "joi\u200dned, Über\u200cfall, слово\u200d, \u0645\u06cc\u200c\u0631\u0648\u0645"
    assert shown(tmp_path, "a.txt", text).text == "joined, Überfall, слово, \u0645\u06cc\u200c\u0631\u0648\u0645"


def test_a_text_under_the_name_of_an_old_word_document_is_read(tmp_path: Path) -> None:
    assert shown(tmp_path, "a.doc", "The mill opens on Monday.\n").text.strip() == "The mill opens on Monday."


# --- PDF --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (["5 x 10", "^-3", " A"], "5 x 10^-3 A"),
        (["2", "^32", " = 4294967296"], "2^32 = 4294967296"),
        (["25 m", "^2", " and 3 km", "^2"], "25 m^2 and 3 km^2"),
        (["the results", "^1", " in 2023", "^2"], "the results1 in 20232"),
        (["CO", "_2", " and 106 of 12 34 in m2"], "CO2 and 106 of 12 34 in m2"),
        (["10", "_6"], "106"),
    ],
)
def test_exponents_of_pdf_are_told_from_figures_and_from_the_numbers_of_notes(
    tmp_path: Path, parts: list[str], expected: str
) -> None:
    result = shown(tmp_path, "a.pdf", make_files.pdf_with_raised(parts, ["10 11 12"]))
    assert " ".join(result.text.split()) == f"{expected} 10 11 12"


def test_exponents_are_marked_in_columns_too(tmp_path: Path) -> None:
    from pypdfium2 import PdfDocument  # type: ignore[import-untyped]

    page = PdfDocument(make_files.pdf_with_raised(["Rated 10", "^6"])).get_page(0).get_textpage()
    lines_of_page = pdf_layout.lines_of(page, pdf_raised.exponents(page, page.get_text_range()))
    assert pdf_layout.plain(lines_of_page) == "Rated 10^6"
