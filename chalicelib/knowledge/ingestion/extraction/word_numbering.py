"""The automatic numbers of paragraphs in Word documents (ECMA-376 part 1, 17.9): ``2.2``, ``(b)``, ``iv.``"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element

from chalicelib.knowledge.ingestion.extraction.archive import attribute, local_name

_PLACE = re.compile(r"%([1-9])")
_LEVELS = 9
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
    (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_MOST = 4_000
BULLET = "-"


@dataclass(frozen=True, slots=True)
class _Level:
    start: int
    form: str
    text: str
    style: str | None
    restarts_after: int | None
    # Whether the numbers of all levels are in digits.
    in_digits: bool = False


def child(element: Element, name: str) -> Element | None:
    """The first child with this name."""
    return next((below for below in element if local_name(below) == name), None)


def value(element: Element, name: str) -> str | None:
    """The attribute ``val`` of a child."""
    match = child(element, name)
    return attribute(match, "val") if match is not None else None


def whole_number(text: str | None, default: int = 0) -> int:
    """A whole number of a few digits, or `default`."""
    return int(text) if text and text.isdecimal() and len(text) < _LEVELS else default


class Numbering:
    """The lists of a document, and how far each of them has counted."""

    def __init__(self, root: Element | None) -> None:
        abstract = {attribute(e, "abstractNumId"): e for e in _named(root, "abstractNum")}
        self._levels: dict[str, dict[int, _Level]] = {}
        self._counted_as: dict[str, str] = {}
        self._counts: dict[str, dict[int, int]] = {}
        for number in _named(root, "num"):
            identifier = attribute(number, "numId") or ""
            of = value(number, "abstractNumId")
            levels = dict(_levels(abstract.get(of)))
            overridden = dict(_overrides(number, levels))
            self._levels[identifier] = levels | overridden
            # Lists of one definition count on, unless one of them starts anew.
            self._counted_as[identifier] = f"{identifier}!" if overridden else of or identifier

    def level_of_style(self, identifier: str, style: str | None) -> int | None:
        """The level that belongs to a paragraph style."""
        levels = self._levels.get(identifier, {})
        return next((level for level, each in levels.items() if style and each.style == style), None)

    def next(self, identifier: str, level: int) -> str:
        """Count one paragraph; what stands before its text: a number, `BULLET`, or ""."""
        levels = self._levels.get(identifier)
        if levels is None or level not in levels:
            return BULLET
        counts = self._counts.setdefault(self._counted_as[identifier], {})
        counts[level] = counts.get(level, levels[level].start - 1) + 1
        for deeper in [each for each in counts if each > level]:
            limit = levels[deeper].restarts_after if deeper in levels else None
            if limit is None or (limit and level < limit):
                del counts[deeper]
        form = levels[level].form
        if form == "bullet":
            return BULLET
        if form == "none":
            return ""
        in_digits = levels[level].in_digits

        def number(place: re.Match[str]) -> str:
            return self._number(levels, counts, int(place[1]) - 1, in_digits=in_digits)

        return _PLACE.sub(number, levels[level].text).strip()

    @staticmethod
    def _number(levels: dict[int, _Level], counts: dict[int, int], level: int, *, in_digits: bool) -> str:
        each = levels.get(level)
        if each is None:
            return ""
        form = "decimal" if in_digits and each.form != "decimalZero" else each.form
        return formatted(counts.get(level, each.start), form)


def _named(root: Element | None, name: str) -> Iterator[Element]:
    return (e for e in root if local_name(e) == name) if root is not None else iter(())


def _levels(definition: Element | None) -> Iterator[tuple[int, _Level]]:
    for element in _named(definition, "lvl"):
        yield whole_number(attribute(element, "ilvl")), _level(element)


def _level(element: Element) -> _Level:
    restart, legal = value(element, "lvlRestart"), child(element, "isLgl")
    return _Level(
        whole_number(value(element, "start"), 1),
        value(element, "numFmt") or "decimal",
        value(element, "lvlText") or "",
        value(element, "pStyle"),
        whole_number(restart) if restart is not None else None,
        legal is not None and (attribute(legal, "val") or "1") not in ("0", "false", "off"),
    )


def _overrides(number: Element, levels: dict[int, _Level]) -> Iterator[tuple[int, _Level]]:
    for element in _named(number, "lvlOverride"):
        level = whole_number(attribute(element, "ilvl"))
        own, start = child(element, "lvl"), value(element, "startOverride")
        if own is not None:
            yield level, _level(own)
        elif start is not None and level in levels:
            each = levels[level]
            yield level, replace(each, start=whole_number(start, 1))


def formatted(number: int, form: str) -> str:
    """A number in one of Word's forms; in digits where the form is that of another script."""
    if form in ("lowerLetter", "upperLetter"):
        letters = chr(97 + (number - 1) % 26) * ((number - 1) // 26 + 1) if 0 < number < _MOST else str(number)
        return letters.upper() if form == "upperLetter" else letters
    if form in ("lowerRoman", "upperRoman"):
        roman = _roman(number)
        return roman.upper() if form == "upperRoman" else roman
    if form == "ordinal":
        ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
        return f"{number}{ending}"
    return f"{number:02d}" if form == "decimalZero" else "" if form in ("none", "bullet") else str(number)


def _roman(number: int) -> str:
    if not 0 < number < _MOST:
        return str(number)
    letters = []
    for worth, letter in _ROMAN:
        times, number = divmod(number, worth)
        letters.append(letter * times)
    return "".join(letters)
