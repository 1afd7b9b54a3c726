"""The pages of docs/ tell the truth: what exists is documented, what is documented exists."""

import re
from pathlib import Path
from typing import get_args

import pytest

from chalicelib.core import errors, settings
from chalicelib.knowledge import extraction
from infra import pages
from tests.service import Database

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", [pytest.param(*pair, id=pair[0].name) for pair in ((path,) for path in pages.pages())])
def test_made_pages_are_up_to_date(page: Path) -> None:
    assert page.read_text("utf-8") == pages.pages()[page], "run `python -m infra.pages`"


def test_every_variable_of_the_environment_is_documented() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", (DOCS / "settings.md").read_text("utf-8"), re.MULTILINE))
    assert documented == set(settings._VARIABLES.values())


@pytest.mark.parametrize("table", ["static_config", "dynamic_config"])
def test_every_setting_is_documented_with_its_default(database: Database, table: str) -> None:
    with database.connect("owner") as conn:
        rows = conn.execute(
            "select column_name from information_schema.columns where table_name = %s and table_schema = 'public' "
            "and column_name <> all (array['id', 'created_at', 'updated_at', 'updated_by'])",
            [table],
        ).fetchall()
    page = (DOCS / "settings.md").read_text("utf-8")
    section = page.split(f"`{table}`", 1)[1].split("\n## ", 1)[0]
    assert set(re.findall(r"^\| `([a-z0-9_]+)` \|", section, re.MULTILINE)) == {row[0] for row in rows}


def test_every_reason_why_a_file_fails_is_documented() -> None:
    assert set(get_args(extraction.ErrorCode)) <= set(errors.FAILURES)


def test_links_between_pages_lead_somewhere() -> None:
    for page in [DOCS.parent / "README.md", *DOCS.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} → {target}"
