"""The shapes of a slide of OpenDocument in the order in which a person reads them."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from chalicelib.knowledge.ingestion.extraction.archive import attribute, local_name

_LENGTH = re.compile(r"(-?\d{1,6}(?:\.\d{1,9})?)(mm|cm|in|pt|pc|px)")
_INCHES = {"mm": 1 / 25.4, "cm": 1 / 2.54, "in": 1.0, "pt": 1 / 72, "pc": 1 / 6, "px": 1 / 96}
# Shapes whose upper edges are nearer than this stand in one row, in inches.
_SAME_ROW = 0.33
_TRANSLATED = re.compile(r"translate\s*\(\s*([^\s,()]+)[\s,]+([^\s,()]+)\s*\)")


def in_order(page: Element) -> list[Element]:
    """What is on a slide: its title, then rows of shapes from top to bottom, each from left to right, then the rest."""
    titles, shapes, rest = [], [], []
    for number, element in enumerate(page):
        place = _place(element)
        if attribute(element, "class") == "title":
            titles.append(element)
        elif place is None:
            rest.append(element)
        else:
            shapes.append((*place, number, element))
    shapes.sort(key=lambda shape: shape[:3])
    ordered: list[Element] = []
    row: list[tuple[float, float, int, Element]] = []
    for shape in shapes:
        if row and shape[0] - row[0][0] > _SAME_ROW:
            ordered += _across(row)
            row = []
        row.append(shape)
    return [*titles, *ordered, *_across(row), *rest]


def _across(row: list[tuple[float, float, int, Element]]) -> list[Element]:
    return [shape[3] for shape in sorted(row, key=lambda shape: shape[1:3])]


def _place(element: Element) -> tuple[float, float] | None:
    """The upper and the left edge of a shape in inches; of a group, of its first shape; None where none is said."""
    shape: Element | None = element
    if local_name(element) == "g":
        shape = next((inner for inner in element.iter() if attribute(inner, "y")), None)
    if shape is None:
        return None
    top, left = attribute(shape, "y"), attribute(shape, "x")
    if top is None and (moved := _TRANSLATED.search(attribute(shape, "transform") or "")):
        left, top = moved[1], moved[2]
    edges = [_LENGTH.fullmatch(edge or "") for edge in (top, left)]
    if edges[0] is None or edges[1] is None:
        return None
    return float(edges[0][1]) * _INCHES[edges[0][2]], float(edges[1][1]) * _INCHES[edges[1][2]]
