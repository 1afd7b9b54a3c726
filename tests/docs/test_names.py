"""Comments, docstrings and pages name only what the code defines: no name survives in prose when it is renamed."""

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import filter as filter_names
from pathlib import Path

import pytest

from infra import pages

ROOT = Path(__file__).parents[2]
FOLDERS = ("chalicelib", "embedder", "infra", "migrations", "bench", "tests")
# Files without comments of ours that define names, too: settings of tools, templates, prices.
DATA = {".toml", ".yaml", ".json"}

# A name in prose is one in backticks, or one of a form that no English word has.
SPAN = re.compile(r"`([A-Za-z_][\w.]*)(?:\(\))?`")
CONSTANT_OR_ERROR = re.compile(r"(?<![\w.-])(?:[A-Z]{2,}(?:_[A-Z]+)+|[A-Z][a-z]+[A-Za-z]*Error)(?!\w)")
QUALIFIED = re.compile(r"(?<![\w./`])([a-z]\w*)\.([A-Z]\w+)(?![\w/])|`([a-z]\w*)\.([A-Z]\w+)(?:\(\))?`")
FILE = re.compile(r"(?<![\w/.*<>-])((?:[\w<>*-]+/)*[\w<>*-]+\.(?:py|sql|toml|md))\b")
SQL_STRING = re.compile(r"'(?:[^']|'')*'")
SQL_COMMENT = re.compile(r"--(?! (?:name|part): )[^\n]*|/\*.*?\*/", re.DOTALL)

# Names that others define, and examples.
FOREIGN = {
    "Class": "an example of a name in a document",
    "GENERIC_PLAN": "an option of PostgreSQL's EXPLAIN",
    "NNNN_title": "stands for the name of any migration",
    "PREPARE": "a statement of SQL",
    "src/core/pump.py": "an example of a path in a repository",
    "token_blacklist": "a table of an older system",
    "camelCase": "an example of a name in a document",
    "get_text_bounded": "a function of pypdfium2",
    "httpcore2": "a library",
    "jit_above_cost": "a setting of PostgreSQL",
}


def _definitions_with_docstring(tree: ast.Module) -> Iterator[tuple[ast.Expr, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node, clean=False)
            if text is not None and isinstance(node.body[0], ast.Expr):
                yield node.body[0], text


def _names(text: str) -> set[str]:
    """The names in code, or in a string: one of several words is prose, in which only names of a special form count."""
    words = set(re.findall(r"\w+", text))
    return {word for word in words if "_" in word} if re.search(r"\s", text.strip()) else words


def _split_python(text: str) -> tuple[set[str], list[tuple[int, str]]]:
    """The names outside of comments and docstrings, and those, each with its first line."""
    docstrings = list(_definitions_with_docstring(ast.parse(text)))
    lines = {expression.lineno for expression, _ in docstrings}
    names, prose = set[str](), [(expression.lineno, docstring) for expression, docstring in docstrings]
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            prose.append((token.start[0], token.string))
        elif token.type != tokenize.STRING or token.start[0] not in lines:
            names |= _names(token.string)
    return names, prose


def _split_sql(text: str) -> tuple[set[str], list[tuple[int, str]]]:
    comments = [(text.count("\n", 0, match.start()) + 1, match[0]) for match in SQL_COMMENT.finditer(text)]
    strings = SQL_STRING.findall(code := SQL_COMMENT.sub("", text))
    return set(re.findall(r"\w+", SQL_STRING.sub(" ", code))).union(*map(_names, strings)), comments


def _undefined(prose: str, code: "Code") -> Iterator[tuple[int, str]]:
    """The names in `prose` that no code defines, each with the number of line breaks before it."""
    for pattern in (SPAN, CONSTANT_OR_ERROR):
        for match in pattern.finditer(prose):
            name = match[match.lastindex or 0]
            if not set(re.findall(r"\w+", name)) <= code.names:
                yield prose.count("\n", 0, match.start()), name
    for match in QUALIFIED.finditer(prose):
        module, name = match[1] or match[3], match[2] or match[4]
        if module not in FOREIGN and name not in code.modules.get(module, ()):
            yield prose.count("\n", 0, match.start()), f"{module}.{name}"
    for match in FILE.finditer(prose):
        file = re.sub(r"<\w+>", "*", match[1])
        if match[1] not in FOREIGN and not (filter_names(code.paths, file) if "*" in file else file in code.paths):
            yield prose.count("\n", 0, match.start()), match[1]


@dataclass(frozen=True)
class Code:
    """The paths, the names of the code, those of each Python module, and the comments with path and line."""

    paths: set[str]
    names: set[str]
    modules: dict[str, set[str]]
    comments: list[tuple[str, int, str]]


def _paths() -> set[str]:
    """Every path from the repository's root, and each of them without its first folders."""
    files = [*ROOT.glob("*"), *(path for folder in (*FOLDERS, "docs") for path in (ROOT / folder).rglob("*"))]
    parts = [path.relative_to(ROOT).parts for path in files if path.is_file()]
    return {"/".join(part[start:]) for part in parts for start in range(len(part))}


@pytest.fixture(scope="module")
def code() -> Code:
    result = Code(_paths(), set(FOREIGN), defaultdict(set), [])
    files = [ROOT / "app.py", ROOT / "Makefile", ROOT / "pyproject.toml"]
    files += [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*"))]
    for path in files:
        # words.toml lists the words that no name contains.
        if (path.suffix not in {".py", ".sql", *DATA} and path.name != "Makefile") or path.name == "words.toml":
            continue
        relative, text = str(path.relative_to(ROOT)), path.read_text("utf-8")
        split = {".py": _split_python, ".sql": _split_sql}.get(path.suffix)
        names, comments = split(text) if split else (set(re.findall(r"\w+", text)), [])
        result.names.update(names, re.findall(r"\w+", relative))
        if path.suffix == ".py":
            result.modules[path.parent.name if path.stem == "__init__" else path.stem] |= names
        result.comments.extend((relative, line, comment) for line, comment in comments)
    return result


def test_comments_name_what_exists(code: Code) -> None:
    assert len(code.comments) > 1000
    undefined = {
        f"{path}:{line + offset}: {name}"
        for path, line, comment in code.comments
        for offset, name in _undefined(comment, code)
    }
    assert sorted(undefined) == []


def test_pages_name_what_exists(code: Code) -> None:
    """Names of one word may be of anything; those of several are ours."""
    undefined = set()
    for page in sorted({*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")} - set(pages.PAGES)):
        text = page.read_text("utf-8")
        if page.name == "schema.md":
            text = text.partition("\n## 3. ")[0]  # then come the tables of older systems
        text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
        names = [name for name in SPAN.findall(text) if "_" in name] + CONSTANT_OR_ERROR.findall(text)
        undefined |= {f"{page.name}: {name}" for name in names if not set(re.findall(r"\w+", name)) <= code.names}
    assert sorted(undefined) == []


def test_every_foreign_name_is_still_in_a_comment() -> None:
    text = "\n".join(
        path.read_text("utf-8")
        for folder in (*FOLDERS, "docs")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".sql", ".md"} and path != Path(__file__)
    )
    assert [name for name in FOREIGN if name not in text] == []
