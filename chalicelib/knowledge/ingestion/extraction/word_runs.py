"""The visible text of a paragraph in a Word document (ECMA-376 part 1, 17.3 and 22.1): runs, fields, symbols, formulas.

Not visible are deleted and hidden text, codes of fields, the numbers of pages, and the readings of ideographs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree.ElementTree import Element

from chalicelib.knowledge.ingestion.extraction.archive import attribute, local_name
from chalicelib.knowledge.ingestion.extraction.drawing import raised
from chalicelib.knowledge.ingestion.extraction.word_numbering import child, value, whole_number

# Text boxes are read separately.
_UNSEEN = frozenset(
    ("del", "moveFrom", "delText", "Fallback", "txbxContent", "pPr", "rPr", "tblPr", "sdtPr", "rt", "drawing")
)
_CHARACTERS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}
TICKED, UNTICKED = "\u2612", "\u2610"
_OFF = ("0", "false", "off", "none")
_PAGE_FIELDS = frozenset(("PAGE", "NUMPAGES", "SECTIONPAGES"))
_WINGDINGS = {
    0x6E: "\u25a0", 0x6F: UNTICKED, 0x71: UNTICKED, 0x72: UNTICKED, 0xA8: UNTICKED, 0xFD: TICKED, 0xFE: TICKED,
    0x54: TICKED, 0x52: TICKED, 0xFB: "\u2717", 0xFC: "\u2713", 0x4A: "\u263a", 0x6C: "\u25cf", 0xA7: "\u25aa",
    0xB7: "\u2022", 0xD8: "\u27a2", 0xDF: "\u2190", 0xE0: "\u2192", 0xE1: "\u2191", 0xE2: "\u2193", 0xF0: "\u21e8",
}  # fmt: skip
_SYMBOL = dict(
    zip(
        b"ABGDEZHQIKLMNXOPRSTUFCYWabgdezhqiklmnxoprstufcyw",
        "\u0391\u0392\u0393\u0394\u0395\u0396\u0397\u0398\u0399\u039a\u039b\u039c\u039d\u039e\u039f\u03a0\u03a1\u03a3\u03a4\u03a5\u03a6\u03a7\u03a8\u03a9"
        "\u03b1\u03b2\u03b3\u03b4\u03b5\u03b6\u03b7\u03b8\u03b9\u03ba\u03bb\u03bc\u03bd\u03be\u03bf\u03c0\u03c1\u03c3\u03c4\u03c5\u03c6\u03c7\u03c8\u03c9",
        strict=True,
    )
) | {
    0xA3: "\u2264", 0xB0: "\u00b0", 0xB1: "\u00b1", 0xB3: "\u2265", 0xB4: "\u00d7", 0xB7: "\u2022", 0xB8: "\u00f7",
    0xB9: "\u2260", 0xBB: "\u2248", 0xA5: "\u221e", 0xAE: "\u2192", 0xAC: "\u2190", 0xD6: "\u221a", 0xE5: "\u2211",
    0xF2: "\u222b", 0xD2: "\u00ae", 0xD3: "\u00a9",
}  # fmt: skip
# A fraction as a field (17.16.5.17): its numerator and its denominator.
_FRACTION_FIELD = re.compile(r"\s*EQ\s*\\f\s*\(([^(),;]{1,99})[,;]([^(),;]{1,99})\)\s*", re.IGNORECASE)
_DEEPEST_FORMULA = 40

# Whether a style hides its text.
Hides = Callable[[str | None], bool]


class ParagraphReader:
    """Reads the paragraphs of a document. `hides` says of a style whether its text is hidden."""

    def __init__(self, hides: Hides) -> None:
        self._hides = hides

    def text(self, paragraph: Element) -> str:
        """The visible text of one paragraph."""
        properties = child(paragraph, "pPr")
        if properties is not None and self._hides(value(properties, "pStyle")):
            return ""
        runs = _Runs(self._hides)
        pending = list(reversed(paragraph))
        while pending:
            element = pending.pop()
            if not runs.take(element) and local_name(element) not in _UNSEEN and not is_placeholder(element):
                pending.extend(reversed(element))
        return "".join(runs.parts)


class _Runs:
    """One pass over a paragraph; fields keep their state from run to run."""

    def __init__(self, hides: Hides) -> None:
        self._hides = hides
        self.parts: list[str] = []
        self._mark = ""
        # For each open field its code, and whether its result has begun.
        self._fields: list[list[str]] = []

    def take(self, element: Element) -> bool:
        """Add what an element shows; whether it is done with."""
        name = local_name(element)
        if name == "r":
            return self._run(element)
        if name in ("t", "sym", "oMath", "fldChar", "fldSimple", "instrText"):
            return self._content(element, name)
        if name in _CHARACTERS:
            self._put(_CHARACTERS[name])
            return True
        return name in ("softHyphen", "footnoteReference", "endnoteReference", "commentReference")

    def _content(self, element: Element, name: str) -> bool:
        if name == "t":
            self._put(raised(element.text or "", self._mark, "".join(self.parts[-1:])))
        elif name == "sym":
            self._put(symbol(attribute(element, "font") or "", attribute(element, "char") or ""))
        elif name == "oMath":
            self._put(formula(element))
        elif name == "instrText":
            if self._fields:
                self._fields[-1][0] += element.text or ""
        elif name == "fldSimple":
            return _is_page_field(attribute(element, "instr") or "")
        else:
            self._field(element)
        return True

    def _run(self, run: Element) -> bool:
        """Whether a run is hidden; its raised and lowered text is marked."""
        properties = child(run, "rPr")
        self._mark = ""
        if properties is None:
            return False
        for vanish in (child(properties, "vanish"), child(properties, "webHidden")):
            if vanish is not None and (attribute(vanish, "val") or "1") not in _OFF:
                return True
        align = value(properties, "vertAlign")
        self._mark = {"superscript": "^", "subscript": "_"}.get(align or "", "")
        return self._hides(value(properties, "rStyle"))

    def _field(self, element: Element) -> None:
        kind = attribute(element, "fldCharType")
        if kind == "begin":
            self._fields.append(["", ""])
            self._put(_form_value(element))
        elif kind == "separate" and self._fields:
            self._fields[-1][1] = "result"
        elif kind == "end" and self._fields:
            code, result = self._fields.pop()
            if not result and (fraction := _FRACTION_FIELD.match(code)):
                self._put(f"{fraction[1].strip()}/{fraction[2].strip()}")

    def _put(self, text: str) -> None:
        in_page_number = any(_is_page_field(code) and state for code, state in self._fields)
        if text and not in_page_number:
            self.parts.append(text)


def is_placeholder(element: Element) -> bool:
    """Whether a content control shows only what its user should enter."""
    properties = child(element, "sdtPr") if local_name(element) == "sdt" else None
    return properties is not None and child(properties, "showingPlcHdr") is not None


def _is_page_field(code: str) -> bool:
    return code.strip().partition(" ")[0].upper() in _PAGE_FIELDS


def _form_value(element: Element) -> str:
    """What a form field shows: the tick of a box, the chosen entry of a list."""
    data = child(element, "ffData")
    if data is None:
        return ""
    box, entries = child(data, "checkBox"), child(data, "ddList")
    if box is not None:
        state = child(box, "checked")
        state = state if state is not None else child(box, "default")
        is_ticked = state is not None and (attribute(state, "val") or "1") not in _OFF
        return TICKED if is_ticked else UNTICKED
    if entries is None:
        return ""
    names = [attribute(entry, "val") or "" for entry in entries if local_name(entry) == "listEntry"]
    chosen = whole_number(value(entries, "result") or value(entries, "default"))
    return names[chosen] if chosen < len(names) else ""


def symbol(font: str, code: str) -> str:
    """A character of a font of symbols, by its code in hexadecimal; "" for one that has no likeness in Unicode."""
    try:
        number = int(code, 16) & 0xFFFF
    except ValueError:
        return ""
    number = number - 0xF000 if 0xF000 <= number <= 0xF0FF else number
    if font.lower().startswith("wingdings"):
        return _WINGDINGS.get(number, "")
    if font.lower() == "symbol":
        return _SYMBOL.get(number, chr(number) if number < 0x7F else "")
    return "" if 0xE000 <= number <= 0xF8FF else chr(number)


def formula(element: Element, depth: int = 0) -> str:
    """A formula (22.1) on one line: 1/12, 10^6."""
    if depth > _DEEPEST_FORMULA:
        return ""
    name = local_name(element)
    if name == "t":
        return element.text or ""
    if name in ("rPr", "ctrlPr", "fPr", "sSupPr", "sSubPr", "radPr", "dPr", "naryPr", "del"):
        return ""
    below = [(local_name(inner), formula(inner, depth + 1)) for inner in element]
    parts = dict(below)
    if name == "f":
        return f"{_grouped(parts.get('num', ''))}/{_grouped(parts.get('den', ''))}"
    if name in ("sSup", "sSub", "sSubSup", "sPre"):
        low = f"_{_grouped(parts['sub'])}" if parts.get("sub") else ""
        high = f"^{_grouped(parts['sup'])}" if parts.get("sup") else ""
        return parts.get("e", "") + low + high
    if name == "rad":
        return f"{parts.get('deg', '')}\u221a{_grouped(parts.get('e', ''))}"
    if name == "d":
        return _delimited(element, [text for kind, text in below if kind == "e"])
    if name == "nary":
        return _large(element, parts)
    if name == "func":
        return f"{parts.get('fName', '')} {parts.get('e', '')}"
    return "".join(text for _, text in below)


def _delimited(element: Element, inside: list[str]) -> str:
    """Parts of a formula between two signs, brackets by default (22.1.2.24)."""
    properties = child(element, "dPr")
    opening = value(properties, "begChr") if properties is not None else None
    closing = value(properties, "endChr") if properties is not None else None
    return f"{'(' if opening is None else opening}{', '.join(inside)}{')' if closing is None else closing}"


def _large(element: Element, parts: dict[str, str]) -> str:
    """A sum, an integral or the like, with its limits (22.1.2.70)."""
    properties = child(element, "naryPr")
    sign = value(properties, "chr") if properties is not None else None
    limits = "".join(f"{mark}{_grouped(parts[n])}" for mark, n in (("_", "sub"), ("^", "sup")) if parts.get(n))
    return f"{sign or chr(0x222B)}{limits} {parts.get('e', '')}"


def _grouped(text: str) -> str:
    """A part of a formula in brackets, unless it is one number or one name."""
    return text if text.isalnum() or not text else f"({text})"
