"""Segments of a text with their page and section, from extraction to chunking."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a text on one page and in one section: characters ``start`` to ``end``.

    ``section`` is the path of the headings above it, joined by `` > ``; in source code, the name of its definition. In
    source code, ``line`` is the number of its first line, from 1. Segments are in order and cover the whole text.
    """

    start: int
    end: int
    page: int | None
    section: str | None
    line: int | None = None
