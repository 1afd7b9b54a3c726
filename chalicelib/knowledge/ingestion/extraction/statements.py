"""Definitions in languages whose statements end with a semicolon: SQL."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chalicelib.knowledge.ingestion.extraction.boundaries import LONGEST_HEAD, Boundary
from chalicelib.knowledge.ingestion.extraction.languages import Language

_BODY = re.compile(r"\b(?:function|procedure|proc|trigger|package)\b", re.IGNORECASE)
_BEGIN = re.compile(r"\bbegin\b", re.IGNORECASE)
_END = re.compile(r"^[ \t]*(?:end\b[^;\n]*;?|/[ \t]*$|go\b[ \t]*$)", re.IGNORECASE | re.MULTILINE)


def by_statements(masked: str, language: Language) -> Iterator[Boundary]:
    position, endless = 0, False
    while (start := _first_word(masked, position)) < len(masked):
        end = masked.find(";", start)
        end = len(masked) if end < 0 else end + 1
        head = masked[start : min(end, start + LONGEST_HEAD)]
        named = next((match for rule in language.heads if (match := rule.pattern.match(head))), None)
        if named and not endless and _BODY.search(named.group()) and _BEGIN.search(masked, start, end):
            closing = _END.search(masked, end)
            end = closing.end() if closing else end
            endless = closing is None
        yield Boundary(start, named.group(1) if named else None, defines=named is not None)
        position = end


def _first_word(masked: str, position: int) -> int:
    word = re.compile(r"\S").search(masked, position)
    return word.start() if word else len(masked)
