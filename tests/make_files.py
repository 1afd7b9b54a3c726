"""Real files of every kind that people upload, good and bad, made when a test needs them.

`python -m tests.make_files FOLDER` writes them all, to look at or to upload by hand.
"""

import datetime
import io
import sys
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

WORDS = "The heron stands in the shallows. It waits for a fish, and nothing else moves. "


def pdf(
    pages: Sequence[Sequence[str]], *, title: str = "", user_password: str | None = None, owner_password: str = ""
) -> bytes:
    """A PDF of one page per sequence of lines; with a user password (which may be empty) it is encrypted."""
    from reportlab.lib.pdfencrypt import StandardEncryption
    from reportlab.pdfgen.canvas import Canvas

    file = io.BytesIO()
    encryption = StandardEncryption(user_password, owner_password or "owner") if user_password is not None else None
    canvas = Canvas(file, encrypt=encryption)
    canvas.setTitle(title)
    for lines in pages:
        for number, line in enumerate(lines):
            canvas.drawString(72, 760 - 16 * number, line)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def pdf_with_raised(*lines: Sequence[str]) -> bytes:
    """A PDF page of lines of parts; a part that begins with ``^`` or ``_`` is drawn small, above or below its line."""
    from reportlab.pdfgen.canvas import Canvas

    file = io.BytesIO()
    canvas = Canvas(file)
    for number, parts in enumerate(lines):
        text = canvas.beginText(72, 760 - 20 * number)
        for part in parts:
            rise = {"^": 4.5, "_": -2.0}.get(part[:1], 0)
            text.setFont("Helvetica", 7.5 if rise else 12)
            text.setRise(rise)
            text.textOut(part[1:] if rise else part)
        canvas.drawText(text)
    canvas.save()
    return file.getvalue()


def pdf_of_pictures(*texts: str | None) -> bytes:
    """A PDF as a scanner makes it: pages that are one picture (None, by default one) among pages with text."""
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    file = io.BytesIO()
    canvas = Canvas(file)
    for text in texts or (None,):
        if text is None:
            canvas.drawImage(ImageReader(io.BytesIO(picture(80, 60))), 72, 500, 400, 300)
        else:
            canvas.drawString(72, 700, text)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def scans(*pages: list[str], form: str = "PDF", turned: int = 0) -> bytes:
    """Pages of lines as a scanner makes them at 200 dots per inch, turned by so many degrees, and without any text.

    `form` is a format of Pillow's that can hold them: PDF, TIFF, or PNG, JPEG, WEBP for one page.
    """
    from pypdfium2 import PdfDocument  # type: ignore[import-untyped]

    document = PdfDocument(pdf(list(pages)))
    images = [page.render(scale=200 / 72).to_pil().convert("L").rotate(turned, expand=True) for page in document]
    file = io.BytesIO()
    more = {"save_all": True, "append_images": images[1:]} if len(images) > 1 else {}
    images[0].save(file, form, resolution=200, dpi=(200, 200), **more)
    return file.getvalue()


def pdf_with(name: str, content: bytes) -> bytes:
    """A PDF with a file attached to it."""
    from pypdfium2 import PdfDocument

    document = PdfDocument(pdf([["The offer."]]))
    attached = document.new_attachment(name)
    attached.set_data(content)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def pdf_of_a_dynamic_form() -> bytes:
    """A PDF whose only page says that it requires another program: its form is XFA."""
    words = _stream(b"", b"BT /F 12 Tf 72 700 Td (Please wait.) Tj ET")
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>"
    form = b"<</Fields[]/XFA 7 0 R>>"
    catalog = b"<</Type/Catalog/Pages 2 0 R/NeedsRendering true/AcroForm 6 0 R>>"
    pages = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
    return _pdf_file([catalog, pages, page, words, font, form, _stream(b"", b"<xdp/>")])


def pdf_of_glyphs(glyphs: str, meanings: dict[str, str]) -> bytes:
    """A PDF page with a word, drawn from left to right in glyphs, each of which stands for one or more characters."""
    mapped = "".join(f"<{ord(glyph):02x}> <{text.encode('utf-16-be').hex()}>\n" for glyph, text in meanings.items())
    cmap = (
        "/CIDInit /ProcSet findresource begin begincmap /CMapType 2 def\n"
        f"1 begincodespacerange <00> <ff> endcodespacerange\n{len(meanings)} beginbfchar\n{mapped}endbfchar endcmap end"
    )
    return _pdf_file(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 200]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
            _stream(b"", f"BT /F 40 Tf 50 100 Td ({glyphs}) Tj ET".encode()),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 6 0 R>>",
            _stream(b"", cmap.encode()),
        ]
    )


def pdf_that_hangs() -> bytes:
    """A PDF of 10,000 pages that are all the same one, and that one draws 20,000 lines: minutes to read, no memory."""
    pages = b"<</Type/Pages/Kids[%s]/Count 10000>>" % (b"3 0 R " * 10_000)
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<<>>>>"
    return _pdf_file([b"<</Type/Catalog/Pages 2 0 R>>", pages, page, _stream(b"", b"0 0 m 9 9 l S\n" * 20_000)])


def pdf_that_swells() -> bytes:
    """A PDF of two kilobytes whose page draws forms that draw forms, ten of each: 10^8 words to keep."""
    depth, width = 8, 10
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>"]
    resources = b"<</Font<</F 5 0 R>>/XObject<</X 6 0 R>>>>"
    objects.append(b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources " + resources + b">>")
    objects.append(_stream(b"", b"/X Do " * width))
    objects.append(b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
    for level in range(depth):
        below = b"<</Font<</F 5 0 R>>/XObject<</X %d 0 R>>>>" % (7 + level)
        draws = b"/X Do " * width if level < depth - 1 else b"BT /F 12 Tf 72 700 Td (heron) Tj ET"
        objects.append(_stream(b"/Type/XObject/Subtype/Form/BBox[0 0 600 800]/Resources " + below, draws))
    return _pdf_file(objects)


def _stream(dictionary: bytes, content: bytes) -> bytes:
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (dictionary, len(content), content)


def _pdf_file(objects: Sequence[bytes]) -> bytes:
    file = io.BytesIO()
    file.write(b"%PDF-1.7\n")
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(file.tell())
        file.write(b"%d 0 obj\n%s\nendobj\n" % (number, content))
    table = file.tell()
    file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    file.writelines(b"%010d 00000 n \n" % offset for offset in offsets)
    file.write(b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table))
    return file.getvalue()


def picture(width: int, height: int) -> bytes:
    """A PNG in shades of grey."""
    return _png(width, height, b"".join(bytes([0, *((x * y) % 256 for x in range(width))]) for y in range(height)))


def picture_header(width: int, height: int) -> bytes:
    """A PNG that promises a size, and holds one row."""
    return _png(width, height, bytes(width + 1))


def _png(width: int, height: int, rows: bytes) -> bytes:
    def block(name: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(name + content).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + name + content + checksum

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + block(b"IHDR", head) + block(b"IDAT", zlib.compress(rows)) + block(b"IEND", b"")


def docx() -> bytes:
    """A Word document as an author makes it: title, headings, a list, a table, text after it."""
    from docx import Document

    document = Document()
    document.core_properties.title = "Field notes"
    document.add_heading("Field notes", 0)
    document.add_paragraph("Kept at the lake.")
    document.add_heading("Birds", 1)
    document.add_paragraph("The heron stands in the shallows.")
    document.add_heading("Herons", 2)
    document.add_paragraph("Grey", style="List Bullet")
    document.add_paragraph("Purple", style="List Bullet")
    table = document.add_table(rows=0, cols=3)
    for values in (("Day", "Seen", "Where"), ("Monday", "3", "North shore"), ("Tuesday", "", "Reeds")):
        for cell, value in zip(table.add_row().cells, values, strict=True):
            cell.text = value
    document.add_paragraph("After the table.")
    document.add_heading("Fish", 1)
    document.add_paragraph("None were seen.")
    return _saved(document.save)


def _saved(save: Callable[[io.BytesIO], None]) -> bytes:
    file = io.BytesIO()
    save(file)
    return file.getvalue()


NAMESPACE = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_RELATIONSHIPS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1"'
    ' Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"'
    ' Target="word/document.xml"/></Relationships>'
)


def docx_of(body: str, *, prolog: str = "", parts: dict[str, str] | None = None) -> bytes:
    """A Word document with exactly this markup in its body, and `prolog` before its root."""
    document = f"{prolog}<w:document {NAMESPACE}><w:body>{body}</w:body></w:document>"
    return archive(
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": _RELATIONSHIPS,
            "word/document.xml": document,
            **(parts or {}),
        }
    )


def docx_bomb(megabytes: int = 600) -> bytes:
    """A Word document of a megabyte that unpacks to hundreds; packing them takes a second for every 400."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("[Content_Types].xml", "<Types/>")
        bomb.writestr("_rels/.rels", _RELATIONSHIPS)
        with bomb.open("word/document.xml", "w", force_zip64=True) as part:
            part.write(f"<w:document {NAMESPACE}><w:body><w:p><w:r><w:t>".encode())
            for _ in range(megabytes):
                part.write(b"a" * 1_000_000)
    return file.getvalue()


def pptx() -> bytes:
    """A presentation of two slides: a title and points, then a table, notes and a group."""
    from pptx import Presentation
    from pptx.util import Inches

    deck = Presentation()
    deck.core_properties.title = "Field talk"
    first = deck.slides.add_slide(deck.slide_layouts[1])
    first.shapes.title.text = "Birds"
    first.placeholders[1].text_frame.text = "Grey heron"
    first.placeholders[1].text_frame.add_paragraph().text = "Purple heron"
    second = deck.slides.add_slide(deck.slide_layouts[5])
    second.shapes.title.text = "Counts"
    table = second.shapes.add_table(2, 2, Inches(1), Inches(2), Inches(4), Inches(1)).table
    for row, values in enumerate((("Day", "Seen"), ("Monday", "3"))):
        for column, value in enumerate(values):
            table.cell(row, column).text = value
    group = second.shapes.add_group_shape()
    group.shapes.add_textbox(Inches(1), Inches(4), Inches(2), Inches(1)).text_frame.text = "In a group"
    second.notes_slide.notes_text_frame.text = "Said aloud"
    return _saved(deck.save)


def xlsx() -> bytes:
    """A workbook of two sheets with numbers, a date, a formula's value, empty rows and a sheet without cells."""
    from xlsxwriter import Workbook  # type: ignore[import-untyped]

    file = io.BytesIO()
    with Workbook(file, {"in_memory": True}) as book:
        counts = book.add_worksheet("Counts")
        counts.write_row(0, 0, ["Day", "Seen", "Share"])
        counts.write_datetime(1, 0, datetime.date(2026, 3, 2), book.add_format({"num_format": "yyyy-mm-dd"}))
        counts.write_row(1, 1, [3, 0.25])
        counts.write_row(4, 0, ["two\nlines", True])
        counts.write_formula(5, 0, "=B2*2", None, 6)
        book.add_worksheet("Empty")
        book.add_worksheet("Places").write(2, 1, "North shore")
    return file.getvalue()


ODF = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{space}:1.0"'
    for name, space in (("office", "office"), ("text", "text"), ("table", "table"), ("draw", "drawing"))
)


def odt(body: str, *, manifest: str = "<m/>", parts: dict[str, str] | None = None) -> bytes:
    """An OpenDocument text with exactly this markup in its body, and more parts."""
    content = f"<office:document-content {ODF}><office:body><office:text>{body}</office:text></office:body>"
    return archive(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": f"{content}</office:document-content>",
            "META-INF/manifest.xml": manifest,
            **(parts or {}),
        }
    )


def epub(**extra: str) -> bytes:
    """A book of two chapters, listed in another order than they are read."""
    package = (
        "<package><metadata><title>Field book</title></metadata>"
        '<manifest><item id="b" href="text/two%20b.xhtml"/><item id="a" href="text/one.xhtml"/></manifest>'
        '<spine><itemref idref="a"/><itemref idref="b"/></spine></package>'
    )
    one = '<?xml version="1.0"?><!DOCTYPE html><html><body><h1>One</h1><p>First.</p></body></html>'
    return archive(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<c><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></c>',
            "OEBPS/book.opf": package,
            "OEBPS/text/one.xhtml": one,
            "OEBPS/text/two b.xhtml": "<html><body><h1>Two</h1><p>Second.</p></body></html>",
            **extra,
        }
    )


def eml() -> bytes:
    """A message as programs send them: two forms of the text, an attachment, a forwarded message."""
    from email.message import EmailMessage

    inner = EmailMessage()
    inner["Subject"] = "Earlier"
    inner.set_content("The earlier words.")
    message = EmailMessage()
    message["Subject"] = "Größe der Reiher"
    message["From"] = "Ana <ana@example.org>"
    message["To"] = "ben@example.org"
    message.set_content("The plain words.")
    message.add_alternative("<p>The <b>rich</b> words.</p>", subtype="html")
    message.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="Zählung.pdf")
    message.add_attachment(inner)
    return message.as_bytes()


def eml_with(name: str, content: bytes, text: str = "See the attachment.") -> bytes:
    """A message with one attachment."""
    from email.message import EmailMessage

    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "Minutes", "Ada <ada@example.org>", "Bob <bob@example.org>"
    message.set_content(text)
    message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def archive(parts: dict[str, str]) -> bytes:
    """A ZIP archive of these parts."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return file.getvalue()


def ole(*streams: str) -> bytes:
    """The head of a Compound File with streams of these names, as old or encrypted Office files have."""
    directory = b"".join(name.encode("utf-16-le").ljust(128, b"\0") for name in streams)
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(512, b"\0") + directory


HTML = """<!DOCTYPE html>
<html><head><meta charset="{encoding}"><title>Field &amp; notes</title><style>p {{ color: red }}</style>
<script>var secret = "script";</script></head>
<body><nav><a href="/">Home of navigation</a></nav>
<h1>Birds</h1><p>The <b>heron</b> stands
in the Größe.</p>
<h2>Herons</h2><ul><li>Grey</li><li>Purple</li></ul>
<table><tr><th>Day</th><th></th><th>Where</th></tr><tr><td>Monday</td><td>3</td><td><p>North</p><p>shore</p></td></tr></table>
<pre>  kept
    as is</pre><template>unseen</template><h2>Fish</h2><p>None<br>seen.</p></body></html>"""

MARKDOWN = """---
title: Field notes
---
Before.

# Birds

Text of *birds*.

## Herons `grey`

```sh
# not a heading
```

> # quoted

Fish
====

None.
"""


def good() -> dict[str, bytes]:
    """The files that can be read, one of each kind, by their names."""
    return {
        "good.pdf": pdf([["Page one", WORDS], ["Page two"]], title="Two pages"),
        "good.docx": docx(),
        "good.pptx": pptx(),
        "good.xlsx": xlsx(),
        "good.odt": odt("<text:h>Birds</text:h><text:p>The heron.</text:p>"),
        "good.epub": epub(),
        "good.eml": eml(),
        "good.csv": b"day;seen\nMonday;3\n",
        "good.json": b'{"heron": ["grey", "purple"]}',
        "good.html": HTML.format(encoding="utf-8").encode(),
        "good.md": MARKDOWN.encode(),
        "good.txt": WORDS.encode() * 20,
    }


def every() -> dict[str, bytes]:
    """Every file by its name."""
    return good() | {
        "open-password.pdf": pdf([["Readable"]], user_password=""),
        "locked.pdf": pdf([["Secret"]], user_password="heron"),
        "pictures.pdf": pdf_of_pictures(),
        "blank.pdf": pdf([[], []]),
        "cut.pdf": pdf([[WORDS]])[:300],
        "hangs.pdf": pdf_that_hangs(),
        "swells.pdf": pdf_that_swells(),
        "bomb.docx": docx_bomb(),
        "cut.docx": docx()[:5000],
        "locked.docx": ole("EncryptedPackage"),
        "latin1.html": HTML.format(encoding="iso-8859-1").encode("latin-1"),
        "utf16.txt": WORDS.encode("utf-16"),
        "picture.png": picture(40, 30),
        "empty.txt": b"",
        "blank.txt": b" \n\t\r\n ",
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in every().items():
        (folder / name).write_bytes(content)
        print(folder / name, len(content))
