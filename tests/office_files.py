"""Small office files with exactly the markup that a test is about, and PDFs with forms and notes."""

# ruff: noqa: E501 - markup is easier to read on one line

from __future__ import annotations

import io

from tests.make_files import NAMESPACE, archive, docx_of

_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_R = f'xmlns:r="{_REL}"'
_A = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
_P = 'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
_C = 'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"'
CHART = (
    f"<c:chartSpace {_C} {_A}><c:chart><c:title><c:tx><c:rich><a:p><a:r><a:t>Visitors</a:t></a:r></a:p></c:rich></c:tx>"
    "</c:title><c:plotArea><c:barChart><c:ser><c:cat><c:strCache><c:pt idx='0'><c:v>Harbour</c:v></c:pt></c:strCache>"
    "</c:cat><c:val><c:numCache><c:formatCode>#,##0</c:formatCode><c:pt idx='0'><c:v>14800</c:v></c:pt></c:numCache>"
    "</c:val></c:ser></c:barChart></c:plotArea></c:chart></c:chartSpace>"
)
GRAPHIC = f'<a:graphic {_A}><a:graphicData><c:chart {_C} {_R} r:id="c1"/></a:graphicData></a:graphic>'


def relations(**targets: str) -> str:
    """A part with relations: by id, the kind and the target as `kind target`."""
    rows = "".join(
        f'<Relationship Id="{identifier}" Type="{_REL}/{kind}" Target="{target}"/>'
        for identifier, (kind, target) in ((i, value.split(" ")) for i, value in targets.items())
    )
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{rows}</Relationships>'


def paragraph(text: str, properties: str = "", run: str = "") -> str:
    """A paragraph of Word with one run."""
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:rPr>{run}</w:rPr><w:t>{text}</w:t></w:r></w:p>"


def docx(body: str, parts: dict[str, str] | None = None, **targets: str) -> bytes:
    """A Word document with this body, parts and relations."""
    named = {f"word/{name}": content for name, content in (parts or {}).items()}
    return docx_of(body, parts=named | {"word/_rels/document.xml.rels": relations(**targets)})


def word_part(name: str, content: str) -> str:
    """A part of Word such as ``footnotes``."""
    return f"<w:{name} {NAMESPACE}>{content}</w:{name}>"


def xlsx(
    rows: str,
    after: str = "",
    *,
    state: str = "visible",
    styles: str = "",
    parts: dict[str, str] | None = None,
    **targets: str,
) -> bytes:
    """A workbook of one sheet with these rows, and `after` behind them."""
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    return archive(
        {
            "[Content_Types].xml": '<Types><Override ContentType="x.spreadsheetml.sheet.main+xml"/></Types>',
            "_rels/.rels": relations(a="officeDocument xl/workbook.xml"),
            "xl/workbook.xml": f'<workbook {space} {_R}><sheets><sheet name="S" state="{state}" r:id="s"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": relations(s="worksheet worksheets/sheet1.xml", t="styles styles.xml"),
            "xl/styles.xml": f"<styleSheet {space}>{styles}</styleSheet>",
            "xl/worksheets/sheet1.xml": f"<worksheet {space} {_R}><sheetData>{rows}</sheetData>{after}</worksheet>",
            "xl/worksheets/_rels/sheet1.xml.rels": relations(**targets),
            **{f"xl/{name}": content for name, content in (parts or {}).items()},
        }
    )


def cell(reference: str, text: str) -> str:
    """A cell with a text of its own."""
    return f'<c r="{reference}" t="inlineStr"><is><t>{text}</t></is></c>'


def pptx(shapes: str, *, show: str = "1", parts: dict[str, str] | None = None, **targets: str) -> bytes:
    """A presentation of one slide with these shapes."""
    slide = f'<p:sld {_P} {_A} {_R} show="{show}"><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:sld>'
    return archive(
        {
            "[Content_Types].xml": '<Types><Override ContentType="x.presentationml.presentation.main+xml"/></Types>',
            "_rels/.rels": relations(a="officeDocument ppt/presentation.xml"),
            "ppt/presentation.xml": f'<p:presentation {_P} {_R}><p:sldIdLst><p:sldId r:id="s"/></p:sldIdLst></p:presentation>',
            "ppt/_rels/presentation.xml.rels": relations(s="slide slides/slide1.xml"),
            "ppt/slides/slide1.xml": slide,
            "ppt/slides/_rels/slide1.xml.rels": relations(**targets),
            **{f"ppt/{name}": content for name, content in (parts or {}).items()},
        }
    )


def shape(text: str, top: int = 0, left: int = 0, run: str = "", placeholder: str = "") -> str:
    """A shape of a slide at a place, with one paragraph."""
    mark = f'<p:nvPr><p:ph type="{placeholder}"/></p:nvPr>' if placeholder else ""
    place = f'<p:spPr><a:xfrm><a:off x="{left}" y="{top}"/></a:xfrm></p:spPr>'
    return f"<p:sp><p:nvSpPr>{mark}</p:nvSpPr>{place}<p:txBody><a:p><a:r>{run}<a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"


def slide_table(rows: str) -> str:
    """A table of a slide."""
    return (
        f"<p:graphicFrame><a:graphic><a:graphicData><a:tbl>{rows}</a:tbl></a:graphicData></a:graphic></p:graphicFrame>"
    )


def slide_cell(text: str, attributes: str = "") -> str:
    """A cell of a slide's table."""
    return f"<a:tc {attributes}><a:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:txBody></a:tc>"


def pdf_form() -> bytes:
    """A PDF with a filled field beside its label and two boxes, one of them ticked."""
    from reportlab.pdfgen.canvas import Canvas

    file = io.BytesIO()
    page = Canvas(file)
    page.drawString(72, 700, "Boat:")
    page.acroForm.textfield(name="boat", value="Silver Heron", x=120, y=694, width=200, height=18)
    page.drawString(100, 660, "Insured")
    page.acroForm.checkbox(name="insured", checked=True, x=72, y=656, size=16)
    page.drawString(100, 630, "Leased")
    page.acroForm.checkbox(name="leased", checked=False, x=72, y=626, size=16)
    page.drawString(72, 600, "The end.")
    page.showPage()
    page.save()
    return file.getvalue()


def pdf_annotated() -> bytes:
    """A PDF with a text box that was typed onto it, and a note."""
    from reportlab.pdfgen.canvas import Canvas

    file = io.BytesIO()
    page = Canvas(file)
    page.drawString(72, 700, "The fee is 300 crowns.")
    page.drawString(72, 600, "The end.")
    page.freeTextAnnotation("Fee was lowered to 250 crowns", Rect=[72, 640, 300, 660], DA="/Helv 12 Tf")
    page.textAnnotation("Ask the notary", Rect=[300, 690, 320, 710])
    page.showPage()
    page.save()
    return file.getvalue()


def pdf_across(left: list[str], right: list[str]) -> bytes:
    """A PDF of two columns that is drawn line by line, under a heading over both."""
    from reportlab.pdfgen.canvas import Canvas

    file = io.BytesIO()
    page = Canvas(file)
    page.drawString(72, 760, "A heading that runs over both of the columns of the page")
    for number, (first, second) in enumerate(zip(left, right, strict=True)):
        page.drawString(72, 720 - 14 * number, first)
        page.drawString(320, 720 - 14 * number, second)
    page.showPage()
    page.save()
    return file.getvalue()
