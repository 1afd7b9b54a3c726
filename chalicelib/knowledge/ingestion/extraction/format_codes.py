"""The parts of a number format's code: sections for positive, negative and zero numbers, each a row of tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|_.|\*.|\[\$(?P<currency>[^\]\[-]*+)[^\]\[]*+\]'
    r"|\[(?P<elapsed>h+|m+|s+)\]|\[(?P<condition>[<>=]+-?[\d.]+)\]|\[[^\]\[]*+\]"
    r"|(?P<general>general)|(?P<half>am/pm|a/p)|(?P<scientific>e[+-])|(?P<moment>y+|m+|d+|h+|s+)|(?P<digit>[0#?])"
    r"|(?P<point>\.)|(?P<comma>,)|(?P<percent>%)|(?P<slash>/)|(?P<text>@)|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Section:
    """One section: its tokens as kind and text, and the condition that a number must fulfil for it."""

    tokens: tuple[tuple[str, str], ...]
    condition: str | None

    def has(self, *kinds: str) -> bool:
        """Whether a token is of one of these kinds."""
        return any(kind in kinds for kind, _ in self.tokens)


@lru_cache(maxsize=512)
def sections(code: str) -> tuple[Section, ...]:
    """The sections of a code."""
    result: list[Section] = []
    tokens: list[tuple[str, str]] = []
    condition: str | None = None
    for match in _TOKEN.finditer(code):
        kind = match.lastgroup
        text = match[kind] if kind else ""
        if kind == "other" and text == ";":
            result.append(Section(tuple(_minutes(tokens)), condition))
            tokens, condition = [], None
        elif kind == "condition":
            condition = text
        elif kind in ("quoted", "escaped", "currency", "other"):
            tokens.append(("literal", text))
        elif kind:
            tokens.append((kind, text))
    result.append(Section(tuple(_minutes(tokens)), condition))
    return tuple(result)


def _minutes(tokens: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The tokens, with ``n`` for an ``m`` that means minutes: after hours, or before seconds."""
    moments = [(i, text[0].lower()) for i, (kind, text) in enumerate(tokens) if kind in ("moment", "elapsed")]
    minutes = {
        i
        for place, (i, letter) in enumerate(moments)
        if letter == "m"
        and ((place and moments[place - 1][1] == "h") or (place + 1 < len(moments) and moments[place + 1][1] == "s"))
    }
    for index, (kind, text) in enumerate(tokens):
        yield kind, "n" * len(text) if index in minutes and kind == "moment" else text
