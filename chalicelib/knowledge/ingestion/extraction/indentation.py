"""Definitions in languages with indented blocks, or with blocks that end with a keyword: Python, Ruby, Lua, …"""

from __future__ import annotations

import re
from collections.abc import Iterator

from chalicelib.knowledge.ingestion.extraction.boundaries import (
    MOST_NESTED,
    Boundary,
    Definition,
    after_definition,
    path_around,
    path_of,
)
from chalicelib.knowledge.ingestion.extraction.languages import Language

_WORDS = re.compile(r"^([ \t]*)(?=\S)", re.MULTILINE)
_UNINDENTED = re.compile(r"(?:async[ \t]+)?(?:def|class)[ \t]+\w")
_ROUND = re.compile(r"[()\[\]{}]")


class _Nesting:
    """The number of open parentheses, for increasing positions. A definition in the first column closes all."""

    def __init__(self, masked: str) -> None:
        self._masked = masked
        self._position = 0
        self._open = 0

    def at(self, position: int) -> int:
        for sign in _ROUND.finditer(self._masked, self._position, position):
            self._open = self._open + 1 if sign.group() in "([{" else max(0, self._open - 1)
        self._position = position
        if _UNINDENTED.match(self._masked, position):
            self._open = 0
        return self._open


def by_indentation(masked: str, language: Language) -> Iterator[Boundary]:
    within: list[Definition] = []
    nested = _Nesting(masked)
    for line in _WORDS.finditer(masked):
        # Only languages without a closing keyword continue lines inside parentheses; the indentation there has no
        # meaning.
        if language.closer is None and nested.at(line.start()) and not _UNINDENTED.match(masked, line.start()):
            continue
        indent = len(line.group(1).expandtabs(8))
        closes = language.closer is not None and language.closer.match(masked, line.start()) is not None
        candidates = None if closes else _defined(masked, line.start(), language)
        own = _close(within, indent, ends=closes or candidates is not None or language.closer is None)
        if own is not None and closes and own == indent:
            yield from after_definition(masked, line.start(), within)
        elif own is not None and candidates is None:
            yield Boundary(line.start(), path_around(within), defines=False)
        if candidates and len(within) < MOST_NESTED and (not within or within[-1].is_container):
            name, is_container = candidates
            within.append(Definition(line.start(), path_of(within, name), indent, is_container))
            yield Boundary(line.start(), within[-1].path, defines=True)


def _defined(masked: str, start: int, language: Language) -> tuple[str, bool] | None:
    for rule in language.heads:
        if match := rule.pattern.match(masked, start):
            return match.group(1), rule.is_container
    return None


def _close(within: list[Definition], indent: int, *, ends: bool) -> int | None:
    """Close the definitions that end before a line at `indent`; returns the indentation of the outermost closed one."""
    closed = None
    while ends and within and within[-1].depth >= indent:
        closed = within.pop().depth
    return closed
