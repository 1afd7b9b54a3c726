"""No regular expression takes longer than in proportion to the text: every pattern of the code, on hostile texts.

The patterns are collected from the modules themselves: compiled patterns wherever a module holds them, and the texts of
calls such as `re.sub(r"…", …)`. The texts are derived from each pattern: its repeated parts, their beginnings and near
misses, 20,000 characters of each. A text that costs more than the limit is measured again at several sizes, in
processor time, so that a busy machine does not matter; only a cost that grows faster than the text is a failure.
"""

import ast
import functools
import importlib
import itertools
import pkgutil
import re
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from re import _parser as parser  # type: ignore[attr-defined]
from types import FrameType, ModuleType
from typing import Any

import pytest

import chalicelib
from chalicelib.chat.analysis import intents
from chalicelib.knowledge.ingestion.extraction import sniffing
from chalicelib.knowledge.ingestion.extraction.boundaries import LONGEST_HEAD
from chalicelib.knowledge.text import names

ROOT = Path(chalicelib.__file__).parent
CHARACTERS = 20_000
# A linear pattern takes 10 to 500 ns a character, a quadratic one more than 10,000 ns at 20,000 characters.
NANOSECONDS_PER_CHARACTER = 3_000
LIMIT_SECONDS = CHARACTERS * NANOSECONDS_PER_CHARACTER / 1e9
_GUARD_SECONDS = 0.2
# A first look at a quarter of the text: a cost that would pass the limit at the whole text by growing with its cube
# shows there already, and a greater growth never ends in time.
_FIRST_CHARACTERS, _FIRST_SECONDS = CHARACTERS // 4, LIMIT_SECONDS / 4**3
_MOST_GROWTH = 2.7  # when the text doubles: 2 is linear, 4 is quadratic
SCANS = {"search", "sub", "subn", "split", "findall", "finditer"}
ANCHORED = {"match", "fullmatch"}
# Patterns that are only applied to short texts: the beginning of their name → the most characters.
SHORT = {
    "knowledge.ingestion.extraction.definitions:LANGUAGES": LONGEST_HEAD,  # `heads`: braces.py, statements.py
    "knowledge.ingestion.extraction.braces:_CALLED": LONGEST_HEAD,
    "knowledge.ingestion.extraction.sniffing:_SHEBANG": sniffing._SHEBANG_CHARS,
    "chat.reader.sentences:_LAST_WORD": 24,  # the characters before a full stop: `_ends`
    "knowledge.text.breaks:line": 12,  # the same: `_ends_sentence`
    "chat.analysis.intents:_COMPARISONS": intents._MAX_CHARS,
    "knowledge.text.identifiers:_WORD_BEFORE": 40,  # `_is_count`
    "knowledge.text.names:_SENTENCE_START": names.CHARS_BEFORE,
}
_PATTERNS = {re.Pattern, re.Pattern[str], re.Pattern[bytes], "re.Pattern[str]", "re.Pattern[bytes]"}
_PROBES = "a1 \t\n_-.,;:<>()[]{}\"'`|/\\#*+=?!@&%$A\xe9\u4e00\u201c\x00\x01"


@dataclass(frozen=True)
class Expression:
    """A pattern of the code, and in which ways the code applies it."""

    module: str
    name: str
    pattern: "re.Pattern[Any]"
    methods: frozenset[str]

    def __str__(self) -> str:
        return f"{self.module.removeprefix('chalicelib.')}:{self.name}"


def modules() -> dict[str, ModuleType]:
    """Every module of the application."""
    names = [module.name for module in pkgutil.walk_packages([str(ROOT)], "chalicelib.")]
    return {name: importlib.import_module(name) for name in names if not name.endswith("__main__")}


def _stored(value: object, path: str, depth: int = 0) -> Iterator[tuple[str, "re.Pattern[Any]"]]:
    """The patterns in a value of a module, also inside containers and objects."""
    if isinstance(value, re.Pattern):
        yield path, value
    elif depth < 5 and isinstance(value, dict):
        for key, item in value.items():
            yield from _stored(item, f"{path}[{key!r}]", depth + 1)
    elif depth < 5 and isinstance(value, list | tuple | set | frozenset):
        for number, item in enumerate(value):
            yield from _stored(item, f"{path}[{number}]", depth + 1)
    elif depth < 5 and type(value).__module__.startswith("chalicelib."):
        for name in getattr(type(value), "__slots__", None) or vars(value):
            yield from _stored(getattr(value, name, None), f"{path}.{name}", depth + 1)


def _applied(trees: dict[str, ast.Module]) -> dict[tuple[str, str], set[str]]:
    """The methods that the code calls on each name of a module, and on each attribute of any; `other` where it passes
    the pattern on."""
    methods: dict[tuple[str, str], set[str]] = {}
    for module, tree in trees.items():
        called = {
            id(node.func.value): node.func.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
                key = (module, node.id) if isinstance(node, ast.Name) else ("", node.attr)
                method = called.get(id(node), "other")
                methods.setdefault(key, set()).add(method if method in SCANS | ANCHORED else "other")
    return methods


def _written(name: str, tree: ast.Module) -> Iterator[Expression]:
    """The patterns that stand as text in a call of `re`."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        if getattr(node.func.value, "id", None) != "re" or node.func.attr not in SCANS | ANCHORED | {"compile"}:
            continue
        if not isinstance(node.args[0], ast.Constant):
            continue
        text = node.args[0].value
        flags = re.NOFLAG
        for part in ast.walk(ast.Tuple([*node.args[1:], *(keyword.value for keyword in node.keywords)])):
            if isinstance(part, ast.Attribute) and getattr(part.value, "id", None) == "re":
                flag = getattr(re, part.attr)
                flags |= flag if isinstance(flag, re.RegexFlag) else re.NOFLAG
        method = "other" if node.func.attr == "compile" else node.func.attr
        yield Expression(name, f"line {node.lineno}", re.compile(text, flags), frozenset({method}))


def expressions() -> Iterator[Expression]:
    """Every pattern of the application."""
    sources = {name: Path(str(module.__file__)) for name, module in modules().items()}
    trees = {name: ast.parse(path.read_text("utf-8")) for name, path in sources.items()}
    applied = _applied(trees)
    for name, module in modules().items():
        seen = set()
        for variable, value in list(vars(module).items()):
            for path, pattern in _stored(value, variable):
                if (pattern.pattern, pattern.flags, path) in seen or isinstance(value, ModuleType):
                    continue
                seen.add((pattern.pattern, pattern.flags, path))
                attribute = re.split(r"[.\]]", path)[-1]
                used = applied.get((name, variable), set()) if path == variable else set()
                used = used | applied.get(("", attribute or variable), set())
                yield Expression(name, path, pattern, frozenset(used or {"other"}))
            if getattr(value, "__annotations__", {}).get("return") in _PATTERNS and value.__module__ == name:
                yield Expression(name, f"{variable}()", value(), frozenset({"other"}))
        stored = {text for text, _, _ in seen}
        yield from (item for item in _written(name, trees[name]) if item.pattern.pattern not in stored)


@functools.cache
def unique() -> Mapping[str, Expression]:
    """The patterns by their names, each once: a module that imports a pattern does not have another one."""
    result: dict[tuple[object, int, frozenset[str]], Expression] = {}
    for expression in expressions():
        result.setdefault((expression.pattern.pattern, expression.pattern.flags, expression.methods), expression)
    return {str(expression): expression for expression in result.values()}


# What a pattern repeats, from its parse tree.


def _samples(items: Any, most: int = 3) -> list[str]:
    """Some texts that a sequence of parsed items may match."""
    results = [""]
    for op, value in items:
        results = [before + after for before in results[:most] for after in (_of_item(op, value) or [""])][: most * 2]
    return results


def _of_item(op: Any, value: Any) -> list[str]:
    name = str(op)
    if name == "LITERAL":
        return [chr(value)]
    if name == "NOT_LITERAL":
        return [character for character in _PROBES if character != chr(value)][:2]
    if name == "ANY":
        return ["x", " "]
    if name == "IN":
        return _of_class(value)
    if name == "BRANCH":
        return [text for branch in value[1] for text in _samples(branch, 2)][:8]
    if name == "SUBPATTERN":
        return _samples(value[3])
    if name == "ATOMIC_GROUP":
        return _samples(value)
    if name.endswith("REPEAT"):
        return [text * max(1, min(value[0], 50)) for text in _samples(value[2])]
    return []


def _of_class(items: Any) -> list[str]:
    """Characters of a class: those that it names, and others that it accepts."""
    named = [chr(value) for op, value in items if str(op) == "LITERAL"]
    named += [chr(value[0]) for op, value in items if str(op) == "RANGE"]
    accepts = re.compile(_class_text(items))
    candidates = [*dict.fromkeys([*_PROBES, *named])]
    accepted = [character for character in candidates if accepts.fullmatch(character)]
    own = [character for character in accepted if character in named]
    return [*dict.fromkeys([*accepted[:2], *own[:2], *accepted[-1:]])]


def _class_text(items: Any) -> str:
    categories = {
        "DIGIT": r"\d",
        "SPACE": r"\s",
        "WORD": r"\w",
        "NOT_DIGIT": r"\D",
        "NOT_SPACE": r"\S",
        "NOT_WORD": r"\W",
    }
    text = ""
    for op, value in items:
        if str(op) == "NEGATE":
            text += "^"
        elif str(op) == "LITERAL":
            text += re.escape(chr(value))
        elif str(op) == "RANGE":
            text += f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
        else:
            text += categories[str(value).removeprefix("CATEGORY_")]
    return f"[{text}]"


def _repeats(items: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """Each repeated part, as a text before it and a text that it repeats."""
    for op, value in items:
        name = str(op)
        if name.endswith("REPEAT"):
            if value[1] > 1:
                yield from ((before, text) for text in _samples(value[2]) if text)
            yield from _repeats(value[2], before)
        elif name == "BRANCH":
            for branch in value[1]:
                yield from _repeats(branch, before)
        elif name in {"SUBPATTERN", "ATOMIC_GROUP"} or name.startswith("ASSERT"):
            inner = value[3] if name == "SUBPATTERN" else value[1] if name.startswith("ASSERT") else value
            yield from _repeats(inner, before)
        before += next(iter(_of_item(op, value)), "")


def hostile(pattern: "re.Pattern[Any]") -> list[tuple[str, str, str]]:
    """Texts as beginning, what is repeated, and end."""
    text = pattern.pattern
    tree = parser.parse(text, pattern.flags & ~re.UNICODE if isinstance(text, bytes) else pattern.flags)
    repeats = list(dict.fromkeys(_repeats(tree)))
    wholes = _samples(tree, 4)
    units: dict[tuple[str, str], None] = {}
    for before, unit in repeats:
        units |= dict.fromkeys([(before, unit), ("", before + unit), ("", unit), (before, unit + "\n")])
    for (_, first), (_, second) in itertools.islice(itertools.pairwise(repeats), 20):
        units |= dict.fromkeys([("", first + second)])
    for whole in wholes[:4]:
        units |= dict.fromkeys(("", whole[:end]) for end in range(1, min(len(whole), 10) + 1))
        units |= dict.fromkeys([("", whole)])
    units |= dict.fromkeys(
        ("", unit) for unit in (" ", "\n", "\t", "a", "1", "a ", " \n", "-", "<", "(", "[", "{", '"', ".")
    )
    return [(before, unit, end) for before, unit in units for end in ("", "\x00") if unit]


def _text(pattern: "re.Pattern[Any]", parts: tuple[str, str, str], size: int) -> Any:
    before, unit, end = parts
    text = before + unit * (size // len(unit)) + end
    return text.encode("latin-1", "replace") if isinstance(pattern.pattern, bytes) else text


class _TooSlowError(Exception):
    pass


@contextmanager
def _guard(seconds: float) -> Iterator[None]:
    """Raises _TooSlowError after so much processor time; `re` looks for signals while it matches."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise _TooSlowError

    former = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, former)


def _seconds(expression: Expression, text: Any) -> float:
    """Processor time of applying a pattern to the text in the code's ways; infinite when it was stopped."""
    anchored = expression.methods and not expression.methods - ANCHORED
    started = time.process_time()
    with suppress(_TooSlowError), _guard(_GUARD_SECONDS):
        if anchored:
            expression.pattern.match(text)
            expression.pattern.fullmatch(text)
        else:
            for _ in expression.pattern.finditer(text):
                pass
        return time.process_time() - started
    return float("inf")


def _grows(expression: Expression, parts: tuple[str, str, str]) -> bool:
    """Whether the cost grows faster than the text, in both of two attempts."""
    for _ in range(2):
        costs = []
        for size in (CHARACTERS // 8, CHARACTERS // 4, CHARACTERS // 2, CHARACTERS):
            costs.append(_seconds(expression, _text(expression.pattern, parts, size)))
            if costs[-1] == float("inf"):
                break
        if costs[-1] < LIMIT_SECONDS:
            return False
        finite = [cost for cost in costs if cost < float("inf")]
        if len(finite) > 1 and finite[-1] / max(finite[0], 1e-6) < _MOST_GROWTH ** (len(finite) - 1):
            return False
    return True


def _is_slow(expression: Expression, text: str) -> bool:
    """Whether a text costs more than the limit each time: a busy machine makes the cost of some runs a multiple."""
    return all(_seconds(expression, text) >= LIMIT_SECONDS for _ in range(4))


def slow_text(expression: Expression) -> tuple[str, str, str] | None:
    """A hostile text on which a pattern's cost grows faster than the text, if there is one."""
    for parts in hostile(expression.pattern):
        if _seconds(expression, _text(expression.pattern, parts, _FIRST_CHARACTERS)) < _FIRST_SECONDS:
            continue
        text = _text(expression.pattern, parts, CHARACTERS)
        if _is_slow(expression, text) and _grows(expression, parts):
            return parts
    return None


def _bound(name: str) -> int | None:
    return next((size for begin, size in SHORT.items() if name.startswith(begin) and ".silent" not in name), None)


def slow_short_text(expression: Expression, most: int) -> tuple[str, str, str] | None:
    """A hostile text of `most` characters that costs more than the limit, if there is one."""
    for parts in hostile(expression.pattern):
        text = _text(expression.pattern, parts, most)
        if _is_slow(expression, text):
            return parts
    return None


def slow_patterns(expressions: Mapping[str, Expression]) -> dict[str, tuple[str, str, str]]:
    """The names of the slow patterns, each with a text that shows it."""
    slow = {}
    for name, expression in expressions.items():
        bound = _bound(name)
        parts = slow_text(expression) if bound is None else slow_short_text(expression, bound)
        if parts is not None:
            slow[name] = parts
    return slow


def test_every_pattern_costs_in_proportion_to_the_text() -> None:
    assert slow_patterns(unique()) == {}


def test_each_slow_pattern_is_named_with_a_text() -> None:
    examples = {"slow": _example(r"(a+)+b", "match"), "quick": _example(r"\d", "sub")}
    assert slow_patterns(examples).keys() == {"slow"}


def _example(pattern: str, *methods: str) -> Expression:
    return Expression("chalicelib.example", "_EXAMPLE", re.compile(pattern), frozenset(methods))


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"\s+$", "search"),
        (r"<!--.*?-->", "finditer"),
        (r"(a+)+b", "match"),
        (r"x*y*x*z", "match"),
        (r"“[^”]*”", "split"),
        (r"\w+\Z", "search"),
        (r"[ \t]*,[ \t]*,", "sub"),
    ],
)
def test_the_hostile_texts_show_a_slow_pattern(pattern: str, method: str) -> None:
    assert slow_text(_example(pattern, method)) is not None


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"\s+\Z", "match"),
        (r"<!--[^<]*-->", "finditer"),
        (r"[a-z]++b", "match"),
        (r"“[^“”]*”", "split"),
        (r"\d", "sub"),
    ],
)
def test_the_hostile_texts_leave_a_quick_pattern_alone(pattern: str, method: str) -> None:
    assert slow_text(_example(pattern, method)) is None


CALLS = {f"re.{name}" for name in SCANS | ANCHORED | {"compile"}}
# Built in functions: `_any` and `_head` make what LANGUAGES holds, and those of lexemes are called for their patterns.
BUILT = {
    "chalicelib.chat.analysis.follow_ups": 1,
    "chalicelib.chat.analysis.intents": 1,
    "chalicelib.chat.reader.rating": 1,
    "chalicelib.chat.reader.wording": 1,
    "chalicelib.core.sql": 1,
    "chalicelib.knowledge.ingestion.extraction.languages": 3,
    "chalicelib.knowledge.text.lexemes": 2,
    "chalicelib.knowledge.text.phrases": 2,
}


def test_every_pattern_of_the_code_is_among_them() -> None:
    """No module compiles a pattern that is neither held by a module nor written as a text."""
    collected = {expression.pattern.pattern for expression in unique().values()}
    built: dict[str, int] = {}
    for module, loaded in modules().items():
        tree = ast.parse(Path(str(loaded.__file__)).read_text("utf-8"))
        assigned = {id(node.value) for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)}
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func) in CALLS):
                continue
            if isinstance(node.args[0], ast.Constant):
                assert node.args[0].value in collected
            elif id(node) not in assigned:
                built[module] = built.get(module, 0) + 1
        for value in vars(loaded).values():
            assert not isinstance(value, re.Pattern) or value.pattern in collected
    assert built == BUILT
    assert any("LANGUAGES" in name for name in unique())
    assert any("_pattern()" in name for name in unique())
