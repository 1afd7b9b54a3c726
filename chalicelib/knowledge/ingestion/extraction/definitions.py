"""Where the definitions of a program start: its functions, methods, classes, and what stands between them.

Comments and strings are blanked first; then braces, indentation or semicolons say what belongs together. What a
program does that this does not understand makes a place coarser and never loses text.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from chalicelib.knowledge.ingestion.extraction.boundaries import Boundary
from chalicelib.knowledge.ingestion.extraction.braces import by_braces
from chalicelib.knowledge.ingestion.extraction.indentation import by_indentation
from chalicelib.knowledge.ingestion.extraction.languages import LANGUAGES
from chalicelib.knowledge.ingestion.extraction.statements import by_statements

# Nobody writes so much by hand, and what is generated gains nothing.
_MOST_CHARS = 1_000_000
_MOST_PLACES = 50_000

Place = tuple[int, str | None]

_NOT_LINE_END = re.compile(r"[^\n]+")
_NOTHING = re.compile(r"(?:[\s)\]};]|\bend\b)*+")
_MOST_DECORATED = 40


def places(text: str, language: str) -> list[Place]:
    """Where what stands together in `text` starts, in order and from 0 on, with the name of the definition it is of.

    A definition starts with the comments and attributes right above it. The name is the path through what surrounds
    it, as in ``Class.method``; None is what is in no definition. Every place but the first is the start of a line.
    """
    if len(text) > _MOST_CHARS or not text:
        return [(0, None)]
    language_rules = LANGUAGES[language]
    masked = language_rules.silent.sub(lambda match: _NOT_LINE_END.sub(_blank, match.group()), text)
    find = {"braces": by_braces, "indentation": by_indentation, "statements": by_statements}[language_rules.blocks]
    return _tidy(text, masked, find(masked, language_rules))


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _tidy(text: str, masked: str, candidates: Iterator[Boundary]) -> list[Place]:
    """Each place at the start of its line; a definition's takes along what is above it and belongs to it."""
    tidied = [Boundary(0, None, defines=False)]
    for place in itertools.islice(candidates, _MOST_PLACES):
        start = _line_start(text, place.start)
        if place.defines:
            fixed = tidied[-1] if tidied[-1].defines or len(tidied) == 1 else tidied[-2]
            start = _above(text, masked, start, fixed.start)
        _drop_nothing(tidied, text, start)
        if not tidied:
            start = 0
        elif start <= tidied[-1].start or not (place.defines or tidied[-1].defines or tidied[-1].name != place.name):
            continue
        tidied.append(Boundary(start, place.name, place.defines))
    _drop_nothing(tidied, text, len(text))
    return [(place.start, place.name) for place in tidied] or [(0, None)]


def _drop_nothing(tidied: list[Boundary], text: str, start: int) -> None:
    """Forget what stands between up to `start`, when that is only a closing brace, or what the next takes along."""
    while (
        tidied and not tidied[-1].defines and _NOTHING.fullmatch(text, tidied[-1].start, max(start, tidied[-1].start))
    ):
        tidied.pop()


def _line_start(text: str, position: int) -> int:
    return text.rfind("\n", 0, position) + 1


def _above(text: str, masked: str, start: int, lowest: int) -> int:
    """Where the comments, decorators and attributes right above the line at `start` begin."""
    while start > lowest:
        before = _line_start(text, start - 1)
        if before < lowest or text[before : start - 1].strip() == "":
            break
        line = masked[before : start - 1].strip()
        closes = line[:1] in (")", "}") and not line.strip(")}] \t")
        begins = _decorator(masked, before, lowest) if closes else before
        if begins is None or (line and not closes and not line.startswith(("@", "#["))):
            break
        start = begins
    return start


def _decorator(masked: str, closing: int, lowest: int) -> int | None:
    """Where the decorator starts whose parentheses the line at `closing` closes, if it is one's."""
    start = closing
    for _ in range(_MOST_DECORATED):
        if start <= lowest:
            return None
        start = _line_start(masked, start - 1)
        line = masked[start:closing].lstrip(" \t")
        if line.startswith("@"):
            return start
        if not line[:1].strip() or not masked[start].isspace():
            return None
    return None
