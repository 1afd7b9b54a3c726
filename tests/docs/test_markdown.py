"""Every page is wrapped and can be reached, and what it names exists: links, anchors, files, functions."""

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

from infra import pages

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md")])
WIDTH = 120

# Where the files are that pages speak of; below `chalicelib` a page may begin a path with the floor or the wing.
FOLDERS = (
    "app.py",
    "pyproject.toml",
    "chalicelib",
    "embedder",
    "infra",
    "migrations",
    "bench",
    "tests",
    ".chalice",
    ".ci",
)
SOURCE = re.compile(r"[\w./<>*-]+\.(?:py|sql|toml|yaml)")
LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)\s]*))?\)")
STEP = re.compile(r"^\| [^|]+ \| `(?P<file>[\w/.]+\.py)` \| (?P<functions>[^|]*) \|", re.MULTILINE)


def _page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


@cache
def _anchors(page: Path) -> frozenset[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _without_code(page.read_text("utf-8")), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


@cache
def _files() -> tuple[str, ...]:
    roots = [ROOT / folder for folder in FOLDERS]
    nested = (path for root in roots if root.is_dir() for path in root.rglob("*") if path.is_file())
    return tuple(str(path.relative_to(ROOT)) for path in [*nested, *(root for root in roots if root.is_file())])


def _exists(name: str) -> bool:
    pattern = re.sub(r"<\w+>", "*", name)
    return any(fnmatch(file, pattern) or fnmatch(file, f"*/{pattern}") for file in _files())


def _named_files(text: str) -> Iterator[str]:
    for span in re.findall(r"`([^`\n]+)`", _without_code(text)):
        if SOURCE.fullmatch(span) and not span.startswith((".local", "NNNN", "migrations/NNNN")):
            yield span


@pytest.mark.parametrize("page", sorted(set(PAGES) - set(pages.PAGES)), ids=_page_id)
def test_lines_are_wrapped(page: Path) -> None:
    lines = enumerate(page.read_text("utf-8").splitlines(), start=1)
    assert [number for number, line in lines if len(line) > WIDTH and not line.startswith("|")] == []


def test_every_page_is_linked_from_the_index() -> None:
    linked = {target for target, _ in LINK.findall((DOCS / "README.md").read_text("utf-8"))}
    assert {page.name for page in DOCS.glob("*.md")} - linked == {"README.md"}


@pytest.mark.parametrize("page", PAGES, ids=_page_id)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target, anchor in LINK.findall(page.read_text("utf-8")):
        if "://" in target:
            continue
        path = (page.parent / target).resolve() if target else page
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in _anchors(path)):
            broken.append(f"{target}#{anchor}")
    assert broken == []


@pytest.mark.parametrize("page", sorted(set(PAGES) - set(pages.PAGES)), ids=_page_id)
def test_files_that_are_named_exist(page: Path) -> None:
    assert [name for name in _named_files(page.read_text("utf-8")) if not _exists(name)] == []


def test_the_walks_name_functions_that_exist() -> None:
    steps = list(STEP.finditer((DOCS / "architecture.md").read_text("utf-8")))
    assert steps, "architecture.md has no table of steps"
    missing = []
    for step in steps:
        (file,) = [name for name in _files() if name in (step["file"], f"chalicelib/{step['file']}")]
        text = (ROOT / file).read_text("utf-8")
        names = re.findall(r"`(\w+)`", step["functions"])
        missing += [
            f"{file}: {name}" for name in names if not re.search(rf"^\s*(def|class) {name}\b", text, re.MULTILINE)
        ]
    assert missing == []
