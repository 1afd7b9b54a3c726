"""The pages of docs/ tell the truth: what exists is documented, what is documented exists."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from chalicelib.chat.answering import pipelines, tools
from chalicelib.chat.messages.models import AnswerStage
from chalicelib.config.registry.models import PLACEHOLDERS
from chalicelib.config.settings.models import ConversationSettings, Preferences
from chalicelib.core import errors, settings
from chalicelib.knowledge.connectors import types
from chalicelib.knowledge.ingestion import extraction
from infra import pages
from infra.page_types import type_name
from tests.infra import aws_calls
from tests.service import Database

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.name)
def test_generated_pages_are_up_to_date(page: Path) -> None:
    assert page.read_text("utf-8") == pages.PAGES[page](), "run `python -m infra.pages`"


def test_a_type_is_written_with_its_limits() -> None:
    for schema, written in (
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 2}, "number (above 0, at most 2)"),
        ({"type": "number", "minimum": 0, "maximum": 1}, "number (0 to 1)"),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 100}, "list (at most 100) of string"),
        ({"type": "array", "items": {"type": "string"}}, "list of string"),
    ):
        assert type_name(schema) == written


def test_every_variable_of_the_environment_is_documented() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", (DOCS / "settings.md").read_text("utf-8"), re.MULTILINE))
    assert documented == set(settings.variables())


def test_the_functions_that_read_a_variable_are_documented() -> None:
    documented = re.findall(
        r"^\| `([A-Z_]+)` \| ([a-z, ]+) \|", (DOCS / "settings.md").read_text("utf-8"), re.MULTILINE
    )
    readers = aws_calls.readers_of_settings()
    for name, functions in documented:
        derived = readers.get(name.removeprefix("ALCOVE_").lower())
        if functions != "all" and derived:
            assert set(functions.split(", ")) == derived, name


def test_every_setting_is_documented_with_its_default_and_its_levels(database: Database) -> None:
    with database.connect("owner") as conn:
        conn.execute("update static_config set registration_open = default")  # the tests' users register
        row = conn.execute("select to_jsonb(s), to_jsonb(d) from static_config s, dynamic_config d").fetchone()
        preferred = conn.execute(
            "select jsonb_object_keys(preferred_settings((select jsonb_object_agg(n, 1) from unnest(%s::text[]) n)))",
            [list(Preferences.model_fields)],
        ).fetchall()
    assert row is not None
    static, dynamic = (set(columns) - {"id", "revision", "updated_by", "created_at", "updated_at"} for columns in row)
    levels = {
        "S": static,
        "D": dynamic,
        "U": {name for (name,) in preferred},
        "C": set(ConversationSettings.model_fields),
    }
    page = (DOCS / "settings.md").read_text("utf-8")
    section = page.split("### Every setting", 1)[1].split("\n## ", 1)[0]
    documented = re.findall(r"^\| `(\w+)` \| ([^|]*?) \| [^|]*\| ([SDUC ]+) \| ", section, re.MULTILINE)
    assert {name: json.loads(cell.strip("`")) for name, cell, _ in documented} == {
        name: row[0][name] for name in static
    }
    assert {name: set(letters.split()) for name, _, letters in documented} == {
        name: {letter for letter, settings in levels.items() if name in settings} for name in static
    }
    assert len(documented) == len(static), "a setting stands there twice"


def test_the_placeholders_of_every_kind_of_prompt_are_documented() -> None:
    page = (DOCS / "settings.md").read_text("utf-8")
    section = page.split("## Prompts", 1)[1]
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*)\|", section, re.MULTILINE)
    assert {kind: tuple(re.findall(r"`\{(\w+)\}`", names)) for kind, names in rows} == PLACEHOLDERS


def test_every_reason_why_a_file_fails_is_documented() -> None:
    assert set(get_args(extraction.ErrorCode)) <= set(errors.failures())


def test_every_pipeline_is_documented_and_accepted_by_the_schema(database: Database) -> None:
    page = (DOCS / "answering.md").read_text("utf-8").split("## Pipelines", 1)[1].split("\n## ", 1)[0]
    documented = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    with database.connect("owner") as conn:
        row = conn.execute("select available_pipelines from static_config").fetchone()
    assert row is not None
    assert documented == set(row[0]) == set(pipelines.registered())


def test_every_tool_of_the_agent_is_documented() -> None:
    sections = [
        (DOCS / "answering.md").read_text("utf-8").split("## The agent", 1)[1].split("\n## ", 1)[0],
        (DOCS / "memory.md").read_text("utf-8").split("### The agent's tools", 1)[1].split("\n## ", 1)[0],
    ]
    documented = [name for text in sections for name in re.findall(r"^\| `(\w+)\b.*?` \|", text, re.MULTILINE)]
    assert sorted(documented) == sorted(tool.name for tool in tools.definitions())


_UNITS = {"count": "Count", "milliseconds": "Milliseconds"}


def test_every_metric_is_documented_with_its_unit_and_its_dimensions() -> None:
    section = (DOCS / "operations.md").read_text("utf-8").split("## Metrics", 1)[1].split("\n## ", 1)[0]
    documented = {
        (name, _UNITS[unit], frozenset(re.findall(r"`([A-Z]\w+)`", dimensions)))
        for names, unit, dimensions in re.findall(r"^\| (`.*?) \| (\w+) \| (.*?)\| ", section, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }
    assert documented == set(_metrics_of_the_code())


def test_the_stages_of_an_answer_are_documented() -> None:
    page = (DOCS / "operations.md").read_text("utf-8")
    (stages,) = re.findall(r"^\| `AnswerStage` \| milliseconds \| `Stage` \((.*?)\)", page, re.MULTILINE)
    assert tuple(re.findall(r"`(\w+)`", stages)) == get_args(AnswerStage)


def _metrics_of_the_code() -> Iterator[tuple[str, str, frozenset[str]]]:
    """The name, the unit and the dimensions of every metric that `metrics.put` prints."""
    for path in (DOCS.parent / "chalicelib").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "metrics.put":
                unit, values = call.args
                assert isinstance(unit, ast.Constant), path
                assert isinstance(values, ast.Dict), path
                for name in values.keys:
                    assert isinstance(name, ast.Constant), path
                    yield str(name.value), str(unit.value), frozenset(keyword.arg or "" for keyword in call.keywords)


def test_a_retention_period_is_stated_in_one_place(database: Database) -> None:
    with database.connect("owner") as conn:
        names = [name for (name,) in conn.execute("select name from retention").fetchall()]
    for page in (DOCS / "schema.md", DOCS / "operations.md"):
        for section in re.split(r"\n(?=#)|\n\n", page.read_text("utf-8")):
            if any(f"`{name}`" in section for name in names):
                assert not re.search(r"(kept|\*Kept\*)[^.]*\b\d+ days", section), (page.name, section)


def test_every_retention_period_is_documented(database: Database) -> None:
    with database.connect("owner") as conn:
        rows = conn.execute("select name, extract(day from lifetime)::integer from retention").fetchall()
    section = (DOCS / "security.md").read_text("utf-8").split("## Retention\n", 1)[1].split("\n## ", 1)[0]
    documented = re.findall(r"^\| `(\w+)` \| (a|\d+) days?\b", section, re.MULTILINE)
    assert {name: 1 if days == "a" else int(days) for name, days in documented} == dict(rows)


@pytest.mark.parametrize("name", types.TYPES)
def test_every_type_of_connector_has_its_section_with_every_setting_and_credential(name: str) -> None:
    page = (DOCS / "connectors.md").read_text("utf-8")
    section = re.search(rf"^## [^\n]*\(`{name}`\)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert section is not None
    kind = types.source_type(name)
    fields = {*kind.settings.model_fields, *kind.credentials.model_fields}
    named = set(re.findall(r"`([a-z_]+)`", section[1]))
    assert fields <= named, f"docs/connectors.md does not say what {sorted(fields - named)} of {name} means"
