"""docs/schema.md names what the migrated database holds, all of it and nothing else."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.endurance import published
from tests.service import Database

PAGE = Path(__file__).parents[2] / "docs" / "schema.md"

# Tables, partitioned parents included. Partitions stand for their parent; yoyo's tables and an extension's are theirs.
TABLES = """
select c.relname from pg_class c
 where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'f') and not c.relispartition
   and c.relname not like '\\_yoyo\\_%' and c.relname <> 'yoyo_lock'
   and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
"""
VIEWS = "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('v', 'm')"
DEFINERS = "select distinct proname from pg_proc where pronamespace = 'public'::regnamespace and prosecdef"
COLUMNS = """
select c.relname || '.' || a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid
 where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'f', 'v', 'm')
   and a.attnum > 0 and not a.attisdropped
"""

SECTION = re.compile(r"^## (?P<title>.+)\n(?P<text>(?:(?!^## ).*\n?)*)", re.MULTILINE)
TABLE = re.compile(r"^#### `(?P<name>\w+)`\n(?P<text>(?:(?!^#).*\n?)*)", re.MULTILINE)
SPAN = re.compile(r"`([^`]+)`")
SYSTEMS = ["Archi", "EchoMind", "AI Chat v2", "Arasul", "Knowledge core"]
# A target of section 3: a table, or a column of it.
TARGET = re.compile(r"(?P<planned>planned: )?`(?P<table>[a-z_]\w*)(?:\.(?P<column>[a-z_]\w*))?")

SAME_NAMES = re.compile(r"(?P<planned>planned: columns of )?`(?P<table>\w+)`, same names")


@dataclass(frozen=True)
class Catalog:
    """Names of what schema public holds; a column is `table.column`."""

    tables: frozenset[str]
    views: frozenset[str]
    definers: frozenset[str]
    columns: frozenset[str]


@pytest.fixture
def catalog(database: Database) -> Catalog:
    with database.connect("owner") as conn:
        queries = (TABLES, VIEWS, DEFINERS, COLUMNS)
        return Catalog(*(frozenset(row[0] for row in conn.execute(query).fetchall()) for query in queries))


@pytest.fixture(scope="module")
def sections() -> list[str]:
    """The texts of the page's numbered sections, in order."""
    result = [match["text"] for match in SECTION.finditer(PAGE.read_text("utf-8")) if match["title"][0].isdigit()]
    assert len(result) == 3, "docs/schema.md has three numbered sections: the spine, what exists, where it went"
    return result


def _cells(text: str) -> list[list[str]]:
    """The rows of every Markdown table in `text`, without headers and rules."""
    rows: list[list[str]] = []
    for line in text.splitlines():
        if not line.startswith("|"):
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if set(cells[0]) <= set("-:"):
            rows.pop()  # the header above the rule
        else:
            rows.append(cells)
    return rows


def _rows_under(heading: str, text: str) -> list[list[str]]:
    block = text.split(f"### {heading}\n", 1)[1].split("\n### ", 1)[0]
    return _cells(block)


def _first_names(rows: list[list[str]]) -> list[str]:
    return [SPAN.findall(row[0])[0].partition("(")[0] for row in rows]


def _assert_same(documented: list[str], existing: frozenset[str]) -> None:
    assert sorted(existing.difference(documented)) == [], "docs/schema.md does not name what exists"
    assert sorted(set(documented) - existing) == [], "docs/schema.md names what does not exist"
    assert len(documented) == len(existing), "docs/schema.md names something twice"


def test_every_table_has_one_heading_and_every_heading_a_table(catalog: Catalog, sections: list[str]) -> None:
    headings = [match["name"] for match in TABLE.finditer(sections[1])]
    _assert_same(headings, catalog.tables)


def test_every_column_that_is_explained_exists(catalog: Catalog, sections: list[str]) -> None:
    explained = {
        f"{table['name']}.{column}"
        for table in TABLE.finditer(sections[1])
        for line in table["text"].splitlines()
        if line.startswith("- ")
        for column in SPAN.findall(line.partition(":")[0])
    }
    assert explained, "no table has a list of columns"
    assert sorted(explained - catalog.columns) == []


@pytest.mark.parametrize("kind", ["views", "definers"])
def test_every_view_and_definer_function_has_its_row(catalog: Catalog, sections: list[str], kind: str) -> None:
    heading = {"views": "Views", "definers": "Functions that run with the owner's rights"}[kind]
    _assert_same(_first_names(_rows_under(heading, sections[1])), getattr(catalog, kind))


def _targets(row: list[str]) -> tuple[set[str], set[str]]:
    """What a row of section 3 says that exists, and what it calls planned: tables, and columns as `table.column`."""
    _, columns, fate = row
    built, planned = set(), set()
    for target in TARGET.finditer(fate):
        name = f"{target['table']}.{target['column']}" if target["column"] else target["table"]
        if target["planned"]:
            planned.add(name)
        elif target["column"]:
            built.add(name)
    if same := SAME_NAMES.match(fate):
        names = {f"{same['table']}.{column}" for column in SPAN.findall(columns)}
        (planned if same["planned"] else built).update(names)
    return built, planned


def test_a_source_column_is_where_the_page_points(catalog: Catalog, sections: list[str]) -> None:
    rows = _cells(sections[2])
    assert all(len(row) == 3 and all(row) for row in rows), "a row is `table | columns | Alcove`"
    existing = catalog.columns | catalog.tables | catalog.views
    built = set().union(*(_targets(row)[0] for row in rows))
    planned = set().union(*(_targets(row)[1] for row in rows))
    assert built, "section 3 points at no column"
    assert sorted(built - existing) == [], "section 3 points at columns that do not exist"
    assert sorted(planned & existing) == [], "section 3 calls planned what exists: say where it went"


def test_a_source_column_is_mapped_once(sections: list[str]) -> None:
    systems = re.split(r"^### ", sections[2], flags=re.MULTILINE)[1:]
    assert [system.splitlines()[0] for system in systems] == SYSTEMS
    for system in systems:
        named = [(table, column) for table, columns, _ in _cells(system) for column in SPAN.findall(columns)]
        assert [name for name, times in Counter(named).items() if times > 1] == [], "a column is mapped twice"


@pytest.mark.parametrize("system", sorted(published.HEADINGS))
def test_every_column_that_the_moves_fill_has_its_fate(system: str) -> None:
    """tests/importers has all published columns; `python -m tests.endurance published FOLDER` compares the two."""
    assert published.lacking(published.filled(system), published.documented(system)) == []
