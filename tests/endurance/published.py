"""The published schemas of the five systems, read from the documents that describe them: tables, columns and types.

The documents are not part of this repository: `FOLDER` has them, one Markdown file each. Prints how many columns each
system has, and which of them the sources of tests/importers, docs/schema.md or the importers lack.
"""

import re
from collections.abc import Container, Mapping
from pathlib import Path

from bench.commands import Command, parser

COMMAND = Command(
    "Compare the five published schemas, column by column, with what the moves' tests fill",
    usual=None,
    smallest=(),
    costs="it reads documents that are not part of the repository",
)

HERE = Path(__file__).parents[1] / "importers"
PAGE = Path(__file__).parents[2] / "docs" / "schema.md"
# By words of their first lines.
TITLES = {
    "archi": "Archi Database Schema",
    "echomind": "EchoMind Database Schema",
    "aichat": "PostgreSQL database schema for AI Chat v2",
    "arasul": "Complete schema reference for the Arasul Platform",
    "knowledge": "Database Architecture Overview",
}
HEADINGS = {
    "archi": "Archi",
    "echomind": "EchoMind",
    "aichat": "AI Chat v2",
    "arasul": "Arasul",
    "knowledge": "Knowledge core",
}
Schema = dict[str, dict[str, str]]
_TABLE = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+) \((.*?)\n\);", re.DOTALL | re.IGNORECASE)
_COLUMN = re.compile(r"^\s*(\w+)\s+([A-Z]\w*(?: WITH(?:OUT)? TIME ZONE)?(?:\([\d, ]+\))?(?:\[\])?)", re.IGNORECASE)
_HEADING = re.compile(r"^#{3,4} (\w+)\s*$")
_CELLS = re.compile(r"^\| `?(\w+)`? \| ([^|]+) \|")
_NO_COLUMN = {"unique", "primary", "foreign", "check", "constraint", "create", "column"}


def published(folder: Path) -> dict[str, Schema]:
    """The tables of each system: column → type, as its document says it."""
    result: dict[str, Schema] = {}
    for path in sorted(folder.glob("*.txt")) + sorted(folder.glob("*.md")):
        text = path.read_text("utf-8")
        for system, words in TITLES.items():
            if words in text[:600]:
                result[system] = _of_statements(text) or _of_tables(text)
    return result


def _of_statements(text: str) -> Schema:
    tables: Schema = {}
    for name, body in _TABLE.findall(text):
        columns = tables.setdefault(name, {})
        for line in body.splitlines():
            match = _COLUMN.match(line.split("--")[0])
            if match and match[1].lower() not in _NO_COLUMN:
                columns[match[1].lower()] = match[2].lower()
    preferred = re.search(r"User preference columns on users table\n(.*?)```", text, re.DOTALL)
    for line in preferred[1].splitlines() if preferred else []:
        match = _COLUMN.match(line.split("--")[0])
        if match:
            tables["users"][match[1].lower()] = match[2].lower()
    return tables


def _of_tables(text: str) -> Schema:
    tables: Schema = {}
    name = ""
    for line in text.splitlines():
        if heading := _HEADING.match(line):
            name = heading[1]
        elif line.startswith(("#", "**Indexes", "**AI Core")):
            name = ""
        elif name and (cells := _CELLS.match(line)) and cells[1].lower() not in _NO_COLUMN:
            tables.setdefault(name, {})[cells[1].lower()] = cells[2].strip().lower()
    return tables


def filled(system: str) -> Schema:
    """The tables of the source that tests/importers makes."""
    text = (HERE / f"{system}.sql").read_text("utf-8")
    tables: Schema = {}
    for name, body in re.findall(r"create table (\w+) \((.*?)\);\n", text, re.DOTALL):
        parts = re.split(r",(?![^(]*\))", body)
        words = [part.split(maxsplit=1) for part in parts]
        tables[name] = {word[0].strip('"'): word[1].strip() for word in words if len(word) == 2}
    return tables


def homes(system: str) -> dict[str, str]:
    """What docs/schema.md says of each column, by `table.column`; `table.*` is what it says of all of a table."""
    text = PAGE.read_text("utf-8").partition("## 3.")[2]
    block = text.split(f"### {HEADINGS[system]}\n", 1)[1].split("\n### ", 1)[0]
    result: dict[str, str] = {}
    for line in block.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        for table in re.findall(r"`(\w+)`", cells[0]):
            columns = ["*"] if cells[1].startswith("all") else re.findall(r"`(\w+)`", cells[1])
            result |= {f"{table}.{column}": cells[2] for column in columns}
    return result


def documented(system: str) -> dict[str, set[str]]:
    """The columns of each table that docs/schema.md gives a home, or says not to store."""
    tables: dict[str, set[str]] = {}
    for name in homes(system):
        table, _, column = name.partition(".")
        tables.setdefault(table, set()).add(column)
    return tables


def main(arguments: list[str]) -> int:
    """Run the command; returns the exit status: 1 when a column has no home, or is not filled."""
    command_line = parser("tests.endurance published", __doc__)
    command_line.add_argument("folder", type=Path)
    options = command_line.parse_args(arguments)
    missing = 0
    for system, tables in published(options.folder).items():
        count = sum(map(len, tables.values()))
        print(f"{system}: {len(tables)} tables, {count} columns")
        for what, have in (("docs/schema.md", documented(system)), ("tests/importers", filled(system))):
            missed = lacking(tables, have)
            missing += len(missed)
            print(f"  {what} lacks {len(missed)}: {', '.join(missed) or 'none'}")
    return 1 if missing else 0


def lacking(tables: Schema, have: Mapping[str, Container[str]]) -> list[str]:
    """The columns that `have` lacks."""
    result = []
    for table, columns in tables.items():
        known = have.get(table, ())
        result += [f"{table}.{column}" for column in columns if column not in known and "*" not in known]
    return result
