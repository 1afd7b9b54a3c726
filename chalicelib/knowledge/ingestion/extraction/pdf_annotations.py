"""What lies on the pages of a PDF beside their text: values of form fields, text boxes, notes and attached files.

Values and text boxes are put where they stand: into the line of their label. Notes follow the page, marked as comments.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.knowledge.ingestion.extraction.assembly import one_line

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage  # type: ignore[import-untyped]

TICKED, UNTICKED = "\u2612", "\u2610"
_HIDDEN, _NO_VIEW = 1 << 1, 1 << 5
_MOST = 2_000
_MOST_CHARS = 1 << 16
# Annotations with words of their own.
_WITH_WORDS = (
    "TEXT", "HIGHLIGHT", "UNDERLINE", "STRIKEOUT", "SQUIGGLY", "STAMP", "CARET", "INK", "SQUARE", "CIRCLE", "LINE",
    "POLYGON", "POLYLINE", "FILEATTACHMENT",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Placed:
    """Words on a page and their box: left, bottom, right, top in points. `is_tick` stands before its label."""

    text: str
    left: float
    bottom: float
    right: float
    top: float
    is_tick: bool = False
    label: str = ""


@dataclass(frozen=True, slots=True)
class Aside:
    """What the annotations of a page say: words with a place, and comments without one."""

    placed: tuple[Placed, ...] = ()
    comments: tuple[str, ...] = ()


def of_page(document: PdfDocument, page: PdfPage) -> Aside:
    """The words of the annotations of a page."""
    from pypdfium2 import raw

    count = min(raw.FPDFPage_GetAnnotCount(page.raw), _MOST)
    if count <= 0:
        return Aside()
    form = document.formenv.raw if document.formenv else None
    placed: list[Placed] = []
    comments: list[str] = []
    kinds = {getattr(raw, f"FPDF_ANNOT_{name}") for name in _WITH_WORDS}
    for index in range(count):
        annotation = raw.FPDFPage_GetAnnot(page.raw, index)
        if not annotation:
            continue
        try:
            if raw.FPDFAnnot_GetFlags(annotation) & (_HIDDEN | _NO_VIEW):
                continue
            kind = raw.FPDFAnnot_GetSubtype(annotation)
            if kind == raw.FPDF_ANNOT_WIDGET and form is not None:
                placed += _field(raw, form, annotation)
            elif kind == raw.FPDF_ANNOT_FREETEXT:
                if words := _string(raw, annotation, b"Contents").strip():
                    placed.append(Placed(words, *_box(raw, annotation)))
            elif kind in kinds and (words := one_line(_string(raw, annotation, b"Contents"))):
                author = one_line(_string(raw, annotation, b"T"))
                comments.append(f"Comment{f' by {author}' if author else ''}: {words}")
        finally:
            raw.FPDFPage_CloseAnnot(annotation)
    return Aside(tuple(placed), tuple(comments))


def _field(raw: Any, form: Any, annotation: Any) -> Iterator[Placed]:
    """The value of a form field, as its page shows it."""
    kind = raw.FPDFAnnot_GetFormFieldType(form, annotation)
    box = _box(raw, annotation)
    label = one_line(_text(raw.FPDFAnnot_GetFormFieldAlternateName, form, annotation))
    if kind in (raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON):
        ticked = raw.FPDFAnnot_IsChecked(form, annotation)
        yield Placed(TICKED if ticked else UNTICKED, *box, is_tick=True, label=label)
    elif kind in (raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX, raw.FPDF_FORMFIELD_TEXTFIELD):
        # The thirteenth flag of a text field hides what is typed: a password (ISO 32000-1, table 228).
        if kind == raw.FPDF_FORMFIELD_TEXTFIELD and raw.FPDFAnnot_GetFormFieldFlags(form, annotation) & 1 << 13:
            return
        chosen = _chosen(raw, form, annotation) if kind != raw.FPDF_FORMFIELD_TEXTFIELD else ""
        words = chosen or _text(raw.FPDFAnnot_GetFormFieldValue, form, annotation).strip()
        if words:
            yield Placed(words, *box, label=label)


def _chosen(raw: Any, form: Any, annotation: Any) -> str:
    """The labels of the chosen options of a list."""
    options = range(min(max(raw.FPDFAnnot_GetOptionCount(form, annotation), 0), _MOST))
    names = [
        one_line(_text(raw.FPDFAnnot_GetOptionLabel, form, annotation, index))
        for index in options
        if raw.FPDFAnnot_IsOptionSelected(form, annotation, index)
    ]
    return ", ".join(filter(None, names))


def _string(raw: Any, annotation: Any, key: bytes) -> str:
    return _text(raw.FPDFAnnot_GetStringValue, annotation, key)


def _text(function: Any, *arguments: Any) -> str:
    """What a function of PDFium writes as UTF-16 into a buffer whose size it tells first, in bytes."""
    size = min(function(*arguments, None, 0), _MOST_CHARS * 2)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    function(*arguments, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), size)
    return buffer.raw[:size].decode("utf-16-le", "replace").rstrip("\0").replace("\r\n", "\n").replace("\r", "\n")


def _box(raw: Any, annotation: Any) -> tuple[float, float, float, float]:
    rectangle = raw.FS_RECTF()
    raw.FPDFAnnot_GetRect(annotation, rectangle)
    return (
        min(rectangle.left, rectangle.right),
        min(rectangle.bottom, rectangle.top),
        max(rectangle.left, rectangle.right),
        max(rectangle.bottom, rectangle.top),
    )
