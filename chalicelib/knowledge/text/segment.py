"""Where the parts of a text come from: what extraction says and chunking keeps."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a text that lies on one page and in one section: characters ``start`` to ``end``.

    ``section`` is the path of headings above it, joined by `` > ``; of source code, the definition that it is of.
    Where lines are counted, as in source code, ``line`` is the number of its first, from 1. Segments are in order and
    cover the text whole.
    """

    start: int
    end: int
    page: int | None
    section: str | None
    line: int | None = None
