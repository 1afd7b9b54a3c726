"""PDF: the text of each page in its lines, with PDFium."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.knowledge.ingestion.extraction import ExtractionError
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler
from chalicelib.knowledge.ingestion.extraction.sniffing import encrypted

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument  # type: ignore[import-untyped]

# PDFium's error codes (fpdfview.h): a password is required; the security handler is unknown.
_ERROR_PASSWORD = 4
_ERROR_SECURITY = 5
# Titles that programs write when the author gave none.
_TITLE_NOISE = re.compile(
    r"^(?:microsoft (?:word|powerpoint|excel) - |\(?untitled\)?$|\(?anonymous\)?$)", re.IGNORECASE
)
# PDFium replaces the hyphen of a word that is divided at a line's end with this character.
_DIVIDED = re.compile("\ufffe(.?)")


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Read a PDF and return its title.

    A PDF that opens with an empty password is read; one whose pages have no text is refused as `no_text_layer`.
    """
    document = _open(path)
    pages, most = len(document), assembly.limits.max_pages
    if pages > most:
        raise ExtractionError("too_large", f"The file has {pages:,} pages; at most {most:,} are read. Split it.")
    unreadable = 0
    for index in range(pages):
        text = _page_text(document, index)
        unreadable += text is None
        assembly.page(index + 1)
        assembly.add(text or "")
    if pages == unreadable:
        raise ExtractionError("corrupt", "The file is damaged: none of its pages can be read.", f"{pages} pages")
    if assembly.is_empty:
        raise ExtractionError(
            "no_text_layer",
            "The pages carry no text: they are empty or scanned. Recognise their text (OCR) and upload the result.",
        )
    return _TITLE_NOISE.sub("", document.get_metadata_value("Title"))


def _open(path: Path) -> PdfDocument:
    from pypdfium2 import PdfDocument, PdfiumError

    try:
        return PdfDocument(path)
    except PdfiumError as error:
        if error.err_code in (_ERROR_PASSWORD, _ERROR_SECURITY):
            raise encrypted() from error
        raise ExtractionError("corrupt", "The file is damaged and cannot be opened as a PDF.", str(error)) from error


def _page_text(document: PdfDocument, index: int) -> str | None:
    """The text of one page; None when the page is damaged, because other pages can still be readable."""
    from pypdfium2 import PdfiumError

    try:
        page = document[index]
        text_page = page.get_textpage()
    except PdfiumError:
        return None
    # `get_text_bounded` would join the cells of a table without a separator.
    text: str = text_page.get_text_range()
    text_page.close()
    page.close()
    return _DIVIDED.sub(lambda match: match[1] if match[1].islower() else f"-{match[1]}", text)
