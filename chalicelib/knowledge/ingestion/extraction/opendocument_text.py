"""The text of paragraphs of OpenDocument (ISO/IEC 26300), and of the formulas in it (MathML)."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from chalicelib.knowledge.ingestion.extraction.archive import attribute, descend, local_name
from chalicelib.knowledge.ingestion.extraction.assembly import one_line
from chalicelib.knowledge.ingestion.extraction.drawing import raised
from chalicelib.knowledge.ingestion.extraction.opendocument_styles import OdfStyles

# Tracked changes contain deleted text; the others are indexes of text elsewhere, text that is not shown, and pictures.
UNSEEN = frozenset(
    (
        "tracked-changes",
        "table-of-content",
        "alphabetical-index",
        "forms",
        "note-citation",
        "ruby-text",
        "hidden-text",
        "binary-data",
    )
)
PARAGRAPHS = ("p", "h")
# What stands beside the text of its paragraph.
_BESIDE = ("note", "text-box", "annotation", "object")
_MOST_SPACES = 1000
_DEEPEST_FORMULA = 40
_SCRIPTS = {"msup": ("^",), "msub": ("_",), "msubsup": ("_", "^"), "munder": ("_",), "mover": ("^",)}
_SCRIPTS["munderover"] = ("_", "^")


def flat(container: Element, styles: OdfStyles) -> str:
    """All the text in `container` on one line."""
    skipped = UNSEEN if local_name(container) == "annotation" else {*UNSEEN, "annotation"}
    paragraphs = (e for e in descend(container, skipped) if local_name(e) in PARAGRAPHS)
    return one_line(" ".join(text_of(paragraph, styles) for paragraph in paragraphs))


def text_of(paragraph: Element, styles: OdfStyles) -> str:
    """The text of one paragraph, without its notes and text boxes; raised and lowered text is marked."""
    parts = [paragraph.text or ""]
    pending: list[Element | str] = list(reversed(paragraph))
    # The tracked deletion that the text is in: one file has such text where it stood.
    deletion: str | None = None
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            parts += [item] if item and deletion is None else []
            continue
        if item.tail:
            pending.append(item.tail)
        name = local_name(item)
        if name == "change-start" and styles.deletes(item):
            deletion = attribute(item, "change-id")
        elif name == "change-end" and deletion == attribute(item, "change-id"):
            deletion = None
        elif deletion is None and name not in UNSEEN and name not in _BESIDE and not styles.hides(item):
            text, is_done = _shown(item, name, styles.mark(item), "".join(parts[-1:]))
            parts += [text] if text else []
            pending.extend([] if is_done else reversed(item))
    return "".join(parts)


def _shown(element: Element, name: str, mark: str, before: str) -> tuple[str, bool]:
    """What an element shows of its own, and whether that is all of it."""
    if name in ("s", "tab", "line-break"):
        return _blank(element, name), True
    if name in ("title", "desc") and "svg" in element.tag:
        described = one_line(element.text or "")
        return f" [Picture: {described}] " if described else "", True
    if name == "page-number" and not (element.text or "").strip().isdecimal():
        return "", True
    return raised(element.text or "", mark, before), False


def _blank(element: Element, name: str) -> str:
    if name != "s":
        return "\t" if name == "tab" else "\n"
    count = attribute(element, "c") or "1"
    return " " * min(int(count) if count.isdecimal() else 1, _MOST_SPACES)


def formula(element: Element, depth: int = 0) -> str:
    """A formula in MathML on one line: 1/12, x^2."""
    name = local_name(element)
    if depth > _DEEPEST_FORMULA or name in ("annotation", "annotation-xml"):
        return ""
    parts = [formula(inner, depth + 1) for inner in element]
    if name == "mfrac" and len(parts) == 2:
        return "/".join(map(_grouped, parts))
    if name in _SCRIPTS and parts:
        return parts[0] + "".join(
            f"{mark}{_grouped(part)}" for mark, part in zip(_SCRIPTS[name], parts[1:], strict=False)
        )
    if name in ("msqrt", "mroot"):
        return "\u221a" + _grouped("".join(parts[:1] if name == "mroot" else parts))
    text = (element.text or "").strip() + "".join(parts)
    return f" {text} " if name in ("mtr", "mtd", "mtext") or (name == "mi" and len(text) > 1) else text


def _grouped(text: str) -> str:
    text = text.strip()
    return text if text.isalnum() or not text else f"({text})"


def formulas(root: Element) -> Iterator[str]:
    """The formula that is a whole object, if it is one."""
    if local_name(root) == "math":
        yield one_line(formula(root))
