"""The check of names in the code (infra/words.py), on small trees and on the list itself."""

from pathlib import Path

import pytest

from infra.words import LIST, Words, class_findings, size_findings, word_findings

WORDS = Words(
    {"wanted": "params", "made": "created"},
    {"MadeUpError": "an example of a name that stays"},
    {"made": "an example of a name that stays in SQL alone"},
)


def _tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    "code",
    [
        "class WantedRows: ...",
        "def is_made() -> None: ...",
        "def f(wanted: int) -> None: ...",
        "wanted = 1",
        "for made in (): ...",
        "class A:\n    wanted: int",
        "def f(a):\n    a.made_at = 1",
        "import os as wanted",
        "try: ...\nexcept ValueError as made: ...",
        "match 1:\n    case wanted: ...",
        "(wanted := 1)",
        "HTTPMade = 1",
    ],
)
def test_a_python_name_that_holds_a_forbidden_word_is_reported(tmp_path: Path, code: str) -> None:
    (finding,) = word_findings(_tree(tmp_path, {"chalicelib/a.py": code}), WORDS)
    assert str(finding).startswith("chalicelib/a.py:")


@pytest.mark.parametrize(
    "code",
    [
        '"""What is wanted."""',
        "# made",
        "unwanted = 1",
        "class MadeUpError(Exception): ...",
        "from library import made\nmade.wanted()",
        "f(wanted=1)",
        "def test_what_was_wanted() -> None: ...",
    ],
)
def test_prose_exceptions_and_names_of_libraries_and_tests_are_not(tmp_path: Path, code: str) -> None:
    assert list(word_findings(_tree(tmp_path, {"chalicelib/a.py": code}), WORDS)) == []


def test_a_module_and_every_name_in_sql_count(tmp_path: Path) -> None:
    tree = _tree(
        tmp_path,
        {
            "bench/made.py": "",
            "migrations/a.sql": "-- made here\nselect 'wanted ''made'' ', made, wanted from t; /* made */",
            "chalicelib/a.sql": "-- name: list_made\nselect %(wanted)s",
        },
    )
    places = [(finding.path, finding.line) for finding in sorted(word_findings(tree, WORDS))]
    assert places == [("bench/made.py", 1), ("chalicelib/a.sql", 1), ("chalicelib/a.sql", 2), ("migrations/a.sql", 2)]


def test_a_class_name_stands_for_one_thing(tmp_path: Path) -> None:
    tree = _tree(tmp_path, {"chalicelib/a.py": "class Page: ...", "embedder/b.py": "class Page: ...\nclass Task: ..."})
    (finding,) = class_findings(tree)
    assert finding.path == "embedder/b.py"


def test_a_long_module_gives_its_reason(tmp_path: Path) -> None:
    body = "\n" * 310
    tree = _tree(
        tmp_path,
        {
            "chalicelib/long.py": f'"""Long."""{body}',
            "chalicelib/argued.py": f'"""Long.\n\nOne module because its parts share a state."""{body}',
            "chalicelib/short.py": '"""Short."""',
            "bench/long.py": body,
        },
    )
    assert [finding.path for finding in size_findings(tree)] == ["chalicelib/long.py"]


def test_every_word_has_a_better_one_and_every_exception_a_reason() -> None:
    words = Words.read(LIST)
    assert all(words.words.values())
    assert all([*words.exceptions.values(), *words.exceptions_in_sql.values()])
    every_word = Words(words.words, {})
    needless = [name for name in {**words.exceptions, **words.exceptions_in_sql} if not every_word.forbidden(name)]
    assert needless == []
