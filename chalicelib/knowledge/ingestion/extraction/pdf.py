"""PDF: the text of each page in its lines, with PDFium; values of forms, text boxes, notes and attached files.

What a page does not say is a warning: pages without text, damaged pages, forms that another program draws.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.knowledge.ingestion.extraction import ExtractionError
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, one_line
from chalicelib.knowledge.ingestion.extraction.listing import add_file
from chalicelib.knowledge.ingestion.extraction.pdf_text import has_accents, joined
from chalicelib.knowledge.ingestion.extraction.pictures_inside import TURN_IT_ON
from chalicelib.knowledge.ingestion.extraction.sniffing import encrypted

if TYPE_CHECKING:
    from pypdfium2 import PdfAttachment, PdfDocument, PdfPage, PdfTextPage  # type: ignore[import-untyped]

# PDFium's error codes (fpdfview.h): a password is required; the security handler is unknown.
_ERROR_PASSWORD = 4
_ERROR_SECURITY = 5
_MOST_ATTACHMENTS = 1_000
# A page with a picture over most of it and hardly a word is a scan with a stamp or a page number.
_FEW_CHARS, _MOST_OF_PAGE, _MOST_OBJECTS = 60, 0.6, 50
# Titles that programs write when the author gave none.
_TITLE_NOISE = re.compile(
    r"^(?:microsoft (?:word|powerpoint|excel) - |\(?untitled\)?$|\(?anonymous\)?$)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class PageText:
    """A page's text, its comments, and whether it shows something that is not in its text."""

    text: str
    comments: tuple[str, ...]
    is_scanned: bool


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Read a PDF and return its title.

    A PDF that opens with an empty password is read; one whose pages have no text is refused as `no_text_layer`, unless
    the text of pictures is recognised.
    """
    document = _open(path)
    pages, most = len(document), assembly.limits.max_pages
    if pages > most:
        raise ExtractionError("too_large", f"The file has {pages:,} pages; at most {most:,} are read. Split it.")
    _warn_of_dynamic_form(document, assembly)
    document.init_forms()
    damaged: list[int] = []
    silent: list[int] = []
    words: set[str] = set()
    for index in range(pages):
        page = _page(document, index, words)
        assembly.page(index + 1)
        if page is None:
            damaged.append(index + 1)
            continue
        if page.is_scanned:
            silent.append(index + 1)
        assembly.add(page.text)
        for comment in page.comments:
            assembly.add(comment)
    if pages == len(damaged):
        raise ExtractionError("corrupt", "The file is damaged: none of its pages can be read.", f"{pages} pages")
    if assembly.recognises:
        assembly.leave_to_recognition(silent)
    if assembly.is_empty and not document.count_attachments() and not (assembly.recognises and silent):
        raise _without_text(assembly)
    _add_attachments(document, assembly)
    _warn(assembly, "pages_damaged", damaged, pages, "cannot be read: the file is damaged there.")
    if not assembly.recognises:
        _warn(assembly, "pages_without_text", silent, pages, f"carry no text: they are scanned or drawn. {TURN_IT_ON}")
    return _TITLE_NOISE.sub("", document.get_metadata_value("Title"))


def _without_text(assembly: TextAssembler) -> ExtractionError:
    if assembly.recognises:
        return ExtractionError("no_text_layer", "The pages are empty: there is no text to recognise (OCR).")
    return ExtractionError(
        "no_text_layer",
        f"The pages carry no text: they are empty or scanned. {TURN_IT_ON} Or recognise their text, and upload the "
        "result.",
    )


def _warn_of_dynamic_form(document: PdfDocument, assembly: TextAssembler) -> None:
    """Forms of XFA have no pages of their own: their program draws them, and the page is a sentence that says so."""
    from pypdfium2 import raw

    if document.get_formtype() == raw.FORMTYPE_XFA_FULL:
        assembly.warn(
            "dynamic_form",
            "The file is a dynamic form (XFA), which Adobe's programs alone show. Print it to PDF there.",
        )


def _add_attachments(document: PdfDocument, assembly: TextAssembler) -> None:
    """Emit the files that are attached to the document, or are the parts of a portfolio."""
    names = []
    for index in range(min(document.count_attachments(), _MOST_ATTACHMENTS)):
        attachment = document.get_attachment(index)
        name = one_line(attachment.get_name()) or f"attachment {index + 1}"
        names.append(add_file(assembly, name, _attached(attachment)))
    if names:
        assembly.add("Attachments: " + ", ".join(names))


def _attached(attachment: PdfAttachment) -> bytes | None:
    from pypdfium2 import PdfiumError

    try:
        return bytes(attachment.get_data())
    except (PdfiumError, ValueError):
        return None


def _warn(assembly: TextAssembler, code: str, pages: list[int], of: int, what: str) -> None:
    if pages:
        assembly.warn(code, f"Pages {spans(pages)} of {of:,} {what}", pages[0])


def spans(numbers: list[int], most: int = 20) -> str:
    """Ascending numbers in words: ``2-4, 7``; after `most` parts ``and more``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    words = [str(first) if first == last else f"{first}-{last}" for first, last in runs[:most]]
    return ", ".join(words) + (" and more" if len(runs) > most else "")


def _open(path: Path) -> PdfDocument:
    from pypdfium2 import PdfDocument, PdfiumError

    try:
        return PdfDocument(path)
    except PdfiumError as error:
        if error.err_code in (_ERROR_PASSWORD, _ERROR_SECURITY):
            raise encrypted() from error
        raise ExtractionError("corrupt", "The file is damaged and cannot be opened as a PDF.", str(error)) from error


def _page(document: PdfDocument, index: int, words: set[str]) -> PageText | None:
    """One page; None when it is damaged, because other pages can still be readable. Its words are added to `words`."""
    from pypdfium2 import PdfiumError

    from chalicelib.knowledge.ingestion.extraction import (
        pdf_annotations,
        pdf_arabic,
        pdf_columns,
        pdf_layout,
        pdf_raised,
    )

    try:
        page = document[index]
        text_page = page.get_textpage()
    except PdfiumError:
        return None
    try:
        aside = pdf_annotations.of_page(document, page)
        # `get_text_bounded` would join the cells of a table without a separator.
        text = pdf_arabic.ligatures_in_order(text_page, text_page.get_text_range())
        exponents = pdf_raised.exponents(text_page, text)
        if aside.placed or has_accents(text):
            lines = pdf_layout.lines_of(text_page, exponents)
            pdf_layout.merge_accents(lines)
            text = pdf_layout.with_placed(lines, aside.placed) if aside.placed else pdf_layout.plain(lines)
        elif (gutter := pdf_columns.gutter_of(text_page)) is not None:
            text = pdf_columns.in_columns(pdf_layout.lines_of(text_page, exponents), gutter)
        else:
            text = pdf_raised.marked(text, exponents)
        text = joined(text, words)
        return PageText(text, aside.comments, _is_scanned(page, text_page, text))
    finally:
        text_page.close()
        page.close()


def _is_scanned(page: PdfPage, text_page: PdfTextPage, text: str) -> bool:
    """Whether something is drawn on a page without text, or a picture covers a page with hardly any."""
    from pypdfium2 import raw

    objects = raw.FPDFPage_CountObjects(page.raw)
    if not text.strip():
        return bool(objects > 0)
    if len(text.split()) > _FEW_CHARS // 6 or text_page.count_chars() > _FEW_CHARS:
        return False
    area = page.get_width() * page.get_height()
    for each in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3) if objects <= _MOST_OBJECTS else ():
        left, bottom, right, top = each.get_bounds()
        if (right - left) * (top - bottom) >= _MOST_OF_PAGE * area:
            return True
    return False
