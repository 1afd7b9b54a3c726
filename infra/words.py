"""Names, sizes and duplicates in the code: `python -m infra.words`, a part of `make check`.

A name that this repository defines holds no word of `infra/words.toml`, no class name stands for two things, and a
module of more than 300 lines gives a reason in its docstring. The names of tests, which are sentences, and names that
libraries define are not checked.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = Path(__file__).with_suffix(".toml")
MAX_LINES = 300
_SOURCES = ("app.py", "chalicelib", "embedder", "importers", "infra", "bench", "migrations", "tests")
_UNIQUE_CLASSES = ("chalicelib", "embedder")  # here a class name is defined once
_LIMITED_MODULES = ("chalicelib", "embedder", "importers", "infra")  # here a long module gives its reason

_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SQL_NOISE = re.compile(r"--(?! name:)[^\n]*|/\*.*?\*/|(?<!\w)E?'(?:[^']|'')*'", re.DOTALL)
_SQL_NAME = re.compile(r"[A-Za-z_]\w*")
_REASON = re.compile(r"\bOne module because\b")


@dataclass(frozen=True, order=True)
class Finding:
    """A place that breaks a rule: a path from the repository's root, a line from 1, and the rule in a sentence."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True)
class Words:
    """Forbidden words with what replaces them, and names that stay, with the reason."""

    words: dict[str, str]
    exceptions: dict[str, str]
    exceptions_in_sql: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path = LIST) -> Words:
        """The list of `path`. TypeError for a table that is missing or unknown."""
        return cls(**tomllib.loads(path.read_text("utf-8")))

    def forbidden(self, name: str, *, in_sql: bool = False) -> list[str]:
        """The forbidden words in `name`, in their order."""
        if name in self.exceptions or name.startswith("test_") or (in_sql and name in self.exceptions_in_sql):
            return []
        return [part for part in map(str.lower, _PART.findall(name)) if part in self.words]


def sources(root: Path, suffix: str) -> Iterator[Path]:
    """Every file of the checked code with this suffix, sorted."""
    for name in _SOURCES:
        path = root / name
        yield from sorted(path.rglob(f"*{suffix}"))
        if path.is_file() and path.suffix == suffix:
            yield path


def python_names(text: str) -> Iterator[tuple[int, str]]:
    """Every name that a module defines, with its line: also attributes that it assigns and aliases of its imports."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield node.lineno, name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.alias(asname=str(name)):
                yield node.lineno, name


def sql_names(text: str) -> Iterator[tuple[int, str]]:
    """Every name in SQL outside of comments and strings, with its line; a query's name counts."""
    code = _SQL_NOISE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    for number, line in enumerate(code.splitlines(), 1):
        for match in _SQL_NAME.finditer(line):
            yield number, match[0]


def word_findings(root: Path, words: Words) -> Iterator[Finding]:
    """Names that hold a forbidden word, modules' own names included."""
    for suffix, names in ((".py", python_names), (".sql", sql_names)):
        for path in sources(root, suffix):
            relative = path.relative_to(root).as_posix()
            for line, name in {(1, path.stem), *names(path.read_text("utf-8"))}:
                for word in words.forbidden(name, in_sql=suffix == ".sql"):
                    yield Finding(relative, line, f"`{name}` contains `{word}`; better: {words.words[word]}")


def class_findings(root: Path) -> Iterator[Finding]:
    """Classes whose name another class has too."""
    definitions = defaultdict[str, list[tuple[str, int]]](list)
    for path in sources(root, ".py"):
        relative = path.relative_to(root).as_posix()
        if relative.startswith(_UNIQUE_CLASSES):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.ClassDef):
                    definitions[node.name].append((relative, node.lineno))
    for name, places in definitions.items():
        for relative, line in places[1:]:
            yield Finding(relative, line, f"the class name `{name}` stands in {places[0][0]} too")


def size_findings(root: Path) -> Iterator[Finding]:
    """Modules above the limit whose docstring gives no reason for it."""
    for path in sources(root, ".py"):
        relative, text = path.relative_to(root).as_posix(), path.read_text("utf-8")
        lines = text.count("\n")
        if not relative.startswith(_LIMITED_MODULES) or lines <= MAX_LINES:
            continue
        if not _REASON.search(ast.get_docstring(ast.parse(text)) or ""):
            message = f"{lines} lines; split it by subject, or begin a docstring's sentence with “One module because”"
            yield Finding(relative, 1, message)


def findings(root: Path, words: Words) -> list[Finding]:
    """Everything that breaks a rule, sorted by place."""
    return sorted({*word_findings(root, words), *class_findings(root), *size_findings(root)})


def main() -> None:
    """Print what breaks a rule; the exit status is 1 when something does."""
    parser = argparse.ArgumentParser(prog="python -m infra.words", description=__doc__.partition("\n")[0])
    parser.add_argument("paths", nargs="*", help="print only what lies under these")
    paths = tuple(parser.parse_args().paths)
    broken = [finding for finding in findings(ROOT, Words.read()) if not paths or finding.path.startswith(paths)]
    for finding in broken:
        print(finding)
    if broken:
        sys.exit(1)
    print("Names, classes and sizes are clean.")


if __name__ == "__main__":
    main()
