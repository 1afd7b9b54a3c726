"""The properties of a Word document's styles, with inheritance from the style that each is based on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from chalicelib.knowledge.ingestion.extraction.archive import attribute, local_name
from chalicelib.knowledge.ingestion.extraction.word_numbering import child, value

_HEADING_STYLE = re.compile(r"heading ([1-9])$")
_MOST_ANCESTORS = 20
BODY_TEXT_LEVEL = 9


class Styles:
    """The styles by their identifiers."""

    def __init__(self, root: Element | None) -> None:
        styles = [style for style in root if local_name(style) == "style"] if root is not None else []
        self._styles = {identifier: style for style in styles if (identifier := attribute(style, "styleId"))}
        self._hiding: dict[str | None, bool] = {None: False}

    def level(self, identifier: str | None) -> int | None:
        """The heading level, from 1; 0 for the document's title; 10 for body text."""
        levels = (_level(style) for style in self._lineage(identifier))
        return next((level for level in levels if level is not None), None)

    def numbering(self, identifier: str | None) -> tuple[str | None, str | None]:
        """The list that paragraphs of this style belong to, and their level in it."""
        for style in self._lineage(identifier):
            properties = child(style, "pPr")
            number = child(properties, "numPr") if properties is not None else None
            if number is not None and value(number, "numId") is not None:
                return value(number, "numId"), value(number, "ilvl")
        return None, None

    def hides(self, identifier: str | None) -> bool:
        """Whether text of this style is hidden."""
        if identifier not in self._hiding:
            states = (_vanish(style) for style in self._lineage(identifier))
            self._hiding[identifier] = next((state for state in states if state is not None), False)
        return self._hiding[identifier]

    def _lineage(self, identifier: str | None) -> Iterator[Element]:
        for _ in range(_MOST_ANCESTORS):
            style = self._styles.get(identifier or "")
            if style is None:
                return
            yield style
            identifier = value(style, "basedOn")


def _level(style: Element) -> int | None:
    name = (value(style, "name") or "").lower()
    if name == "title":
        return 0
    if match := _HEADING_STYLE.match(name):
        return int(match[1])
    properties = child(style, "pPr")
    return outline_level(properties) if properties is not None else None


def outline_level(properties: Element) -> int | None:
    """The level from 1; 10 is body text, which ends inheritance."""
    level = value(properties, "outlineLvl")
    return int(level) + 1 if level and level.isdecimal() else None


def _vanish(style: Element) -> bool | None:
    properties = child(style, "rPr")
    vanish = child(properties, "vanish") if properties is not None else None
    return None if vanish is None else (attribute(vanish, "val") or "1") not in ("0", "false", "off")
