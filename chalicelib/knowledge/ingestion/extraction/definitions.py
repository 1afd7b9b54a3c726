"""Where the definitions of a program start: its functions, methods, classes, and what stands between them.

Comments and strings are blanked first; then braces, indentation or semicolons say what belongs together. What a
program does that this does not understand makes a place coarser and never loses text.
"""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.knowledge.ingestion.extraction.languages import LANGUAGES, Head, Language

# Nobody writes so much by hand, and what is generated gains nothing.
_MOST_CHARS = 1_000_000
_MOST_PLACES = 50_000
_LONGEST_HEAD = 600
_MOST_HEAD_LINES = 30
_MOST_NESTED = 8

Place = tuple[int, str | None]

_TOKEN = re.compile(r"[(){}\[\];]")
_NOT_LINE_END = re.compile(r"[^\n]+")
_NOTHING = re.compile(r"(?:[\s)\]};]|\bend\b)*+")
_MOST_DECORATED = 40
_ATTRIBUTE = re.compile(r"@[\w.]+(?:\s*\((?:[^()]|\([^()]*\))*\))?|\[[^\[\]]*\]")
_CALLED = re.compile(r"(~?\b[A-Za-z_][\w:~]*|\boperator\s*[^\s\w(]{1,3})\s*\(")
_STATEMENTS = frozenset(("if", "for", "while", "switch", "catch", "return", "else", "do", "foreach", "using", "lock"))
_QUALIFIERS = frozenset(
    ("alignas", "decltype", "noexcept", "requires", "explicit", "throw", "sizeof", "__attribute__", "__declspec")
)


@dataclass(frozen=True, slots=True)
class _Boundary:
    """A place: where it starts, what it is of, and whether that is a definition's start or what follows one."""

    start: int
    name: str | None
    defines: bool


@dataclass(slots=True)
class _Open:
    """A definition whose end has not come: where it starts, its name's path, and how deep it stands."""

    start: int
    path: str | None
    depth: int
    is_container: bool


def places(text: str, language: str) -> list[Place]:
    """Where what stands together in `text` starts, in order and from 0 on, with the name of the definition it is of.

    A definition starts with the comments and attributes right above it. The name is the path through what surrounds
    it, as in ``Class.method``; None is what is in no definition. Every place but the first is the start of a line.
    """
    if len(text) > _MOST_CHARS or not text:
        return [(0, None)]
    language_rules = LANGUAGES[language]
    masked = language_rules.silent.sub(lambda match: _NOT_LINE_END.sub(_blank, match.group()), text)
    find = {"braces": _by_braces, "indentation": _by_indentation, "statements": _by_statements}[language_rules.blocks]
    return _tidy(text, masked, find(masked, language_rules))


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _tidy(text: str, masked: str, candidates: Iterator[_Boundary]) -> list[Place]:
    """Each place at the start of its line; a definition's takes along what is above it and belongs to it."""
    tidied = [_Boundary(0, None, defines=False)]
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
        tidied.append(_Boundary(start, place.name, place.defines))
    _drop_nothing(tidied, text, len(text))
    return [(place.start, place.name) for place in tidied] or [(0, None)]


def _drop_nothing(tidied: list[_Boundary], text: str, start: int) -> None:
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


def _around(within: list[_Open]) -> str | None:
    return next((outer.path for outer in reversed(within) if outer.path), None)


def _path(within: list[_Open], name: str) -> str:
    outer = _around(within)
    return f"{outer}.{name}" if outer else name


# --- braces -----------------------------------------------------------------------------------------------------------


def _by_braces(masked: str, language: Language) -> Iterator[_Boundary]:
    within: list[_Open] = []
    depth = round_ = head_start = 0
    for token in _TOKEN.finditer(masked):
        sign, at = token.group(), token.start()
        if sign in "([":
            round_ += 1
        elif sign in ")]":
            round_ = max(0, round_ - 1)
        elif sign == ";":
            head_start = head_start if round_ else at + 1
        elif sign == "{":
            if not round_ and _may_define(within, depth):
                opened = _opened(masked, head_start, at, within, depth, language)
                if opened:
                    within.append(opened)
                    yield _Boundary(opened.start, opened.path, defines=opened.path is not None)
            depth += 1
            head_start = head_start if round_ else at + 1
        else:
            depth = max(0, depth - 1)
            if _unindented(masked, at):
                depth, round_ = _edge(masked, within, depth), 0
            head_start = head_start if round_ else at + 1
            if _ended(within, depth):
                yield from _after(masked, at + 1, within)


def _ended(within: list[_Open], depth: int) -> bool:
    """End the definitions that a brace back to `depth` ends; returns whether there were any."""
    before = len(within)
    while within and within[-1].depth >= depth:
        within.pop()
    return len(within) < before


def _unindented(masked: str, position: int) -> bool:
    return position == 0 or masked[position - 1] == "\n"


def _edge(masked: str, within: list[_Open], depth: int) -> int:
    """How deep it is after a brace at the edge: that closes what began there, whatever a macro left open in it."""
    enclosing = next((open_ for open_ in reversed(within) if _unindented(masked, open_.start)), None)
    if enclosing is None:
        return 0
    return depth if enclosing.is_container else enclosing.depth


def _may_define(within: list[_Open], depth: int) -> bool:
    if len(within) >= _MOST_NESTED:
        return False
    return within[-1].is_container and within[-1].depth + 1 == depth if within else depth == 0


def _after(masked: str, position: int, within: list[_Open]) -> Iterator[_Boundary]:
    """What follows a definition is of what surrounds it, from the next line on."""
    line = masked.find("\n", position) + 1
    if line:
        yield _Boundary(line, _around(within), defines=False)


def _opened(
    masked: str, head_start: int, brace: int, within: list[_Open], depth: int, language: Language
) -> _Open | None:
    """The definition whose block starts at `brace`, if its head is one's."""
    low = max(head_start, brace - _LONGEST_HEAD)
    head = masked[low:brace]
    rules = [rule for rule in language.heads if not rule.inside or (within and within[-1].path)]
    matches = [
        (match, rule)
        for rule in rules
        if (match := _last(rule, head, language)) and match[match.lastindex or 0] not in _STATEMENTS
    ]
    if matches:
        # The one nearest to the brace, where nothing else says where the head begins.
        match, rule = matches[0] if language.terminated else max(matches, key=lambda candidates: candidates[0].start())
        receiver = match[1] if (match.lastindex or 0) > 1 else ""
        start = low + _starts(head, match.start(), language)
        return _Open(start, _named(within, match[match.lastindex or 0], receiver), depth, rule.is_container)
    if language.calls and (called := _called(head)):
        return _Open(low + _starts(head, 0, language), _path(within, called), depth, is_container=False)
    return None


def _last(rule: Head, head: str, language: Language) -> re.Match[str] | None:
    if language.terminated:
        return next(iter(deque(rule.pattern.finditer(head), maxlen=1)), None)
    starts = [0, *(match.end() for match in re.finditer("\n", head))][-_MOST_HEAD_LINES:]
    return next((match for start in reversed(starts) if (match := rule.pattern.match(head, start))), None)


def _named(within: list[_Open], name: str, receiver: str) -> str | None:
    if not name:
        return None
    # Of a Go method's receiver, `r *Tree[K]`, the type's name.
    of = re.findall(r"[A-Za-z_]\w*", receiver.partition("[")[0])
    return _path(within, f"{of[-1]}.{name}" if of else name)


def _starts(head: str, match: int, language: Language) -> int:
    """Where the definition of `head` starts: with its first word, or where only the line says so, with its match."""
    if not language.terminated:
        decorated = re.search(r"^[ \t]*@", head[:match], re.MULTILINE)
        match = decorated.start() if decorated else match
    else:
        match = 0
    label = re.match(r"\s*(?:(?:public|private|protected)\s*(?:slots\s*)?:(?!:)\s*)?", head[match:])
    return match + (label.end() if label else 0)


def _called(head: str) -> str | None:
    """The name of a function whose head has no word for it: that before its parameters."""
    plain = _ATTRIBUTE.sub(lambda match: " " * len(match.group()), head)
    for match in _CALLED.finditer(plain):
        before = plain[: match.start()]
        name = re.sub(r"\s+", "", match.group(1))
        if "=" in before or before.rstrip().endswith((".", "->", ",", "new")):
            return None
        if name in _STATEMENTS:
            return None
        if name not in _QUALIFIERS:
            return name
    return None


# --- indentation ------------------------------------------------------------------------------------------------------

_WORDS = re.compile(r"^([ \t]*)(?=\S)", re.MULTILINE)
_UNINDENTED = re.compile(r"(?:async[ \t]+)?(?:def|class)[ \t]+\w")
_ROUND = re.compile(r"[()\[\]{}]")


class _Nesting:
    """How many parentheses are open, asked from the front to the back. A definition at the edge closes all."""

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


def _by_indentation(masked: str, language: Language) -> Iterator[_Boundary]:
    within: list[_Open] = []
    nested = _Nesting(masked)
    for line in _WORDS.finditer(masked):
        # Inside parentheses, which only languages without a closing word use to go on, indentation says nothing.
        if language.closer is None and nested.at(line.start()) and not _UNINDENTED.match(masked, line.start()):
            continue
        indent = len(line.group(1).expandtabs(8))
        closes = language.closer is not None and language.closer.match(masked, line.start()) is not None
        candidates = None if closes else _defined(masked, line.start(), language)
        own = _close(within, indent, ends=closes or candidates is not None or language.closer is None)
        if own is not None and closes and own == indent:
            yield from _after(masked, line.start(), within)
        elif own is not None and candidates is None:
            yield _Boundary(line.start(), _around(within), defines=False)
        if candidates and len(within) < _MOST_NESTED and (not within or within[-1].is_container):
            name, is_container = candidates
            within.append(_Open(line.start(), _path(within, name), indent, is_container))
            yield _Boundary(line.start(), within[-1].path, defines=True)


def _defined(masked: str, start: int, language: Language) -> tuple[str, bool] | None:
    for rule in language.heads:
        if match := rule.pattern.match(masked, start):
            return match.group(1), rule.is_container
    return None


def _close(within: list[_Open], indent: int, *, ends: bool) -> int | None:
    """End the definitions that a line at `indent` ends; returns the indentation of the outermost, if there were any."""
    closed = None
    while ends and within and within[-1].depth >= indent:
        closed = within.pop().depth
    return closed


# --- statements -------------------------------------------------------------------------------------------------------

_BODY = re.compile(r"\b(?:function|procedure|proc|trigger|package)\b", re.IGNORECASE)
_BEGIN = re.compile(r"\bbegin\b", re.IGNORECASE)
_END = re.compile(r"^[ \t]*(?:end\b[^;\n]*;?|/[ \t]*$|go\b[ \t]*$)", re.IGNORECASE | re.MULTILINE)


def _by_statements(masked: str, language: Language) -> Iterator[_Boundary]:
    position, endless = 0, False
    while (start := _first_word(masked, position)) < len(masked):
        end = masked.find(";", start)
        end = len(masked) if end < 0 else end + 1
        head = masked[start : min(end, start + _LONGEST_HEAD)]
        named = next((match for rule in language.heads if (match := rule.pattern.match(head))), None)
        if named and not endless and _BODY.search(named.group()) and _BEGIN.search(masked, start, end):
            closing = _END.search(masked, end)
            end = closing.end() if closing else end
            endless = closing is None
        yield _Boundary(start, named.group(1) if named else None, defines=named is not None)
        position = end


def _first_word(masked: str, position: int) -> int:
    word = re.compile(r"\S").search(masked, position)
    return word.start() if word else len(masked)
