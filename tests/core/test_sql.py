"""Named queries and the parts that they share."""

from pathlib import Path

import pytest

from chalicelib.core import sql

_FILE = """
-- A comment before the first query.
-- part: now
now() at time zone 'utc'

-- part: newest(source)
select * from {{source}} order by {{now}}

-- name: documents
select * from ({{newest: documents d
                where d.id = %(id)s}}) newest

-- name: memories
{{newest: memories}}
"""


def _queries(tmp_path: Path, text: str) -> sql.Queries:
    path = tmp_path / "noun.sql"
    path.write_text(text)
    return sql.Queries(path)


def test_a_part_stands_in_every_query_that_includes_it(tmp_path: Path) -> None:
    queries = _queries(tmp_path, _FILE)
    assert list(queries) == ["documents", "memories"]
    assert queries.memories == "select * from memories order by now() at time zone 'utc'"
    assert queries.documents == (
        "select * from (select * from documents d\n"
        "                where d.id = %(id)s order by now() at time zone 'utc') newest"
    )


def test_braces_of_vectors_and_arrays_are_no_inclusion(tmp_path: Path) -> None:
    text = "select '{' || %(entries)s || '}/9', '{1,2}'::integer[]"
    assert _queries(tmp_path, f"-- name: literal\n{text}\n").literal == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-- name: one\nselect 1\n-- name: one\nselect 2\n", "defines one twice"),
        ("-- name: one\nselect 1\n-- part: one\nselect 2\n", "defines one twice"),
        ("-- name: one\nselect {{two}}\n-- part: two\n2\n", "no such part before"),
        ("-- part: two\n2\n-- name: one\nselect {{two: 2}}\n", "no such part before"),
        ("-- part: two(of)\n{{of}}\n-- name: one\nselect {{two}}\n", "no such part before"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _ = _queries(tmp_path, text).one
