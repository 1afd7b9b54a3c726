"""Definitions in languages whose blocks are braces: C and its relatives, Java, Go, Rust, JavaScript, …"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

from chalicelib.knowledge.ingestion.extraction.boundaries import (
    LONGEST_HEAD,
    MOST_NESTED,
    Boundary,
    Definition,
    after_definition,
    path_of,
)
from chalicelib.knowledge.ingestion.extraction.languages import Head, Language

_MOST_HEAD_LINES = 30
_TOKEN = re.compile(r"[(){}\[\];]")
_ATTRIBUTE = re.compile(r"@[\w.]+(?:\s*\((?:[^()]|\([^()]*\))*\))?|\[[^\[\]]*\]")
_CALLED = re.compile(r"(~?\b[A-Za-z_][\w:~]*|\boperator\s*[^\s\w(]{1,3})\s*\(")
_STATEMENTS = frozenset(("if", "for", "while", "switch", "catch", "return", "else", "do", "foreach", "using", "lock"))
_QUALIFIERS = frozenset(
    ("alignas", "decltype", "noexcept", "requires", "explicit", "throw", "sizeof", "__attribute__", "__declspec")
)


def by_braces(masked: str, language: Language) -> Iterator[Boundary]:
    within: list[Definition] = []
    depth = parentheses = head_start = 0
    for token in _TOKEN.finditer(masked):
        sign, at = token.group(), token.start()
        if sign in "([":
            parentheses += 1
        elif sign in ")]":
            parentheses = max(0, parentheses - 1)
        elif sign == ";":
            head_start = head_start if parentheses else at + 1
        elif sign == "{":
            if not parentheses and _may_define(within, depth):
                opened = _opened(masked, head_start, at, within, depth, language)
                if opened:
                    within.append(opened)
                    yield Boundary(opened.start, opened.path, defines=opened.path is not None)
            depth += 1
            head_start = head_start if parentheses else at + 1
        else:
            depth = max(0, depth - 1)
            if _unindented(masked, at):
                depth, parentheses = _edge(masked, within, depth), 0
            head_start = head_start if parentheses else at + 1
            if _ended(within, depth):
                yield from after_definition(masked, at + 1, within)


def _ended(within: list[Definition], depth: int) -> bool:
    """Close the definitions that end at a brace back to `depth`; returns whether there were any."""
    before = len(within)
    while within and within[-1].depth >= depth:
        within.pop()
    return len(within) < before


def _unindented(masked: str, position: int) -> bool:
    return position == 0 or masked[position - 1] == "\n"


def _edge(masked: str, within: list[Definition], depth: int) -> int:
    """The depth after a brace in the first column: it closes the definition that starts there, even when a macro left
    another brace open."""
    enclosing = next((open_ for open_ in reversed(within) if _unindented(masked, open_.start)), None)
    if enclosing is None:
        return 0
    return depth if enclosing.is_container else enclosing.depth


def _may_define(within: list[Definition], depth: int) -> bool:
    if len(within) >= MOST_NESTED:
        return False
    return within[-1].is_container and within[-1].depth + 1 == depth if within else depth == 0


def _opened(
    masked: str, head_start: int, brace: int, within: list[Definition], depth: int, language: Language
) -> Definition | None:
    """The definition whose block starts at `brace`, if the text before is the head of one."""
    low = max(head_start, brace - LONGEST_HEAD)
    head = masked[low:brace]
    rules = [rule for rule in language.heads if not rule.inside or (within and within[-1].path)]
    matches = [
        (match, rule)
        for rule in rules
        if (match := _last(rule, head, language)) and match[match.lastindex or 0] not in _STATEMENTS
    ]
    if matches:
        # The match nearest to the brace, where the language does not mark the start of a head.
        match, rule = matches[0] if language.terminated else max(matches, key=lambda candidates: candidates[0].start())
        receiver = match[1] if (match.lastindex or 0) > 1 else ""
        start = low + _starts(head, match.start(), language)
        return Definition(start, _named(within, match[match.lastindex or 0], receiver), depth, rule.is_container)
    if language.calls and (called := _called(head)):
        return Definition(low + _starts(head, 0, language), path_of(within, called), depth, is_container=False)
    return None


def _last(rule: Head, head: str, language: Language) -> re.Match[str] | None:
    if language.terminated:
        return next(iter(deque(rule.pattern.finditer(head), maxlen=1)), None)
    starts = [0, *(match.end() for match in re.finditer("\n", head))][-_MOST_HEAD_LINES:]
    return next((match for start in reversed(starts) if (match := rule.pattern.match(head, start))), None)


def _named(within: list[Definition], name: str, receiver: str) -> str | None:
    if not name:
        return None
    # In a Go method's receiver, `r *Tree[K]`, the last word is the type's name.
    of = re.findall(r"[A-Za-z_]\w*", receiver.partition("[")[0])
    return path_of(within, f"{of[-1]}.{name}" if of else name)


def _starts(head: str, match: int, language: Language) -> int:
    """The start of the definition: its first word, or the start of its line in languages without terminators."""
    if not language.terminated:
        decorated = re.search(r"^[ \t]*@", head[:match], re.MULTILINE)
        match = decorated.start() if decorated else match
    else:
        match = 0
    label = re.match(r"\s*(?:(?:public|private|protected)\s*(?:slots\s*)?:(?!:)\s*)?", head[match:])
    return match + (label.end() if label else 0)


def _called(head: str) -> str | None:
    """The name of a function whose head has no keyword: the name before its parameters."""
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
