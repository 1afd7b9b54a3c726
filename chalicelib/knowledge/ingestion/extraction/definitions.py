"""Where the definitions of a program start: functions, methods, classes, and the text between them.

Comments and strings are blanked first; then braces, indentation or semicolons mark the blocks. When a program uses
syntax that this module does not recognise, positions are coarser, and no text is lost.
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

# Longer source files are generated, and their definitions help no reader.
_MOST_CHARS = 1_000_000
_MOST_PLACES = 50_000

Place = tuple[int, str | None]

_NOT_LINE_END = re.compile(r"[^\n]+")
_NOTHING = re.compile(r"(?:[\s)\]};]|\bend\b)*+")
_MOST_DECORATED = 40


def places(text: str, language: str) -> list[Place]:
    """The starts of the blocks in `text`, in order and from 0, each with the name of its definition.

    A definition starts with the comments and attributes right above it. The name is a path through the surrounding
    definitions, such as ``Class.method``; None outside of definitions. Every start except the first is the start of a
    line.
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
    """Move each boundary to the start of its line; a definition also takes the comments and decorators above it."""
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
    """Remove a part before `start` that is only a closing brace, or that the next definition takes."""
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
    """The start of a decorator whose parentheses the line at `closing` closes, if there is one."""
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
