"""What the styles of an OpenDocument file say of its text: what is hidden, what is raised, the forms of its lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element

from chalicelib.knowledge.ingestion.extraction.archive import attribute, local_name
from chalicelib.knowledge.ingestion.extraction.word_numbering import formatted, whole_number

_FORMS = {"1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_FRAMES = ("header", "header-first", "header-left"), ("footer", "footer-first", "footer-left")

_Level = tuple[str, str, str, int, int]


class OdfStyles:
    """The styles in `roots`: those of the whole document and those of its content, in one XML file or in two."""

    def __init__(self, roots: Sequence[Element]) -> None:
        self._lists: dict[str, dict[int, _Level]] = {}
        self._hidden: set[str | None] = set()
        self._marks: dict[str, str] = {}
        self._deletions = set(_deletions(roots))
        self._masters = [element for root in roots for element in root.iter() if local_name(element) == "master-page"]
        for style in (element for root in roots for element in root.iter()):
            if local_name(style) == "list-style":
                self._lists[attribute(style, "name") or ""] = dict(_levels(style))
            elif local_name(style) == "style":
                self._add(style)

    def _add(self, style: Element) -> None:
        name = attribute(style, "name") or ""
        for properties in style:
            if attribute(properties, "display") == "none" or attribute(properties, "visibility") == "hidden":
                self._hidden.add(name)
            if mark := mark_of(attribute(properties, "text-position")):
                self._marks[name] = mark

    def hides(self, element: Element) -> bool:
        """Whether an element is not shown."""
        return attribute(element, "style-name") in self._hidden

    def deletes(self, element: Element) -> bool:
        """Whether an element begins text that is tracked as deleted."""
        return attribute(element, "change-id") in self._deletions

    def mark(self, element: Element) -> str:
        """``^`` for text that is raised, ``_`` for text that is lowered, else ""."""
        return self._marks.get(attribute(element, "style-name") or "", "")

    def headers_and_footers(self) -> tuple[list[Element], list[Element]]:
        """The headers and the footers of all kinds of pages."""
        headers, footers = ([e for page in self._masters for e in page if local_name(e) in names] for names in _FRAMES)
        return headers, footers

    def next(self, style: str, counts: dict[int, int], level: int) -> str:
        """Count one item of a list; its number, or a dash."""
        levels = self._lists.get(style, {})
        form, prefix, suffix, shown, start = levels.get(level, ("", "", "", 1, 1))
        counts[level] = counts.get(level, start - 1) + 1
        for deeper in [each for each in counts if each > level]:
            del counts[deeper]
        if not form:
            return "-"
        numbers = [
            formatted(counts.get(each, 1), levels.get(each, ("decimal",))[0] or "decimal")
            for each in range(max(level - shown + 1, 1), level + 1)
        ]
        return prefix + ".".join(numbers) + suffix


def mark_of(position: str | None) -> str:
    """``^`` or ``_`` for the position of text: ``super``, ``sub`` or a percentage of its height."""
    height = (position or "").partition(" ")[0]
    if height in ("super", "sub"):
        return "^" if height == "super" else "_"
    amount = height.rstrip("%").lstrip("-")
    if not amount.replace(".", "", 1).isdecimal() or not float(amount):
        return ""
    return "_" if height.startswith("-") else "^"


def _deletions(roots: Sequence[Element]) -> Iterator[str | None]:
    """The changes that are deletions."""
    for element in (element for root in roots for element in root.iter()):
        if local_name(element) == "changed-region" and any(local_name(kind) == "deletion" for kind in element):
            yield attribute(element, "id")


def _levels(style: Element) -> Iterator[tuple[int, _Level]]:
    for element in style:
        if local_name(element) in ("list-level-style-number", "outline-level-style"):
            yield (
                whole_number(attribute(element, "level"), 1),
                (
                    _FORMS.get(attribute(element, "num-format") or "", ""),
                    attribute(element, "num-prefix") or "",
                    attribute(element, "num-suffix") or "",
                    whole_number(attribute(element, "display-levels"), 1),
                    whole_number(attribute(element, "start-value"), 1),
                ),
            )
