"""People use the console: each walk is a function of walks.mjs, which fails with what a person would see.

`make test` takes the first walk alone, where Chromium and the driver are installed; `make test-console` takes them all.
"""

import os

import pytest

from tests.console.conftest import Walk

pytestmark = pytest.mark.long
IN_THE_SUITE = ("desktop",)
AT_LENGTH = (
    *("conversations", "versions"),
    *("phone", "library", "keyboard", "administer", "compare", "hostile", "german"),
    *("waking", "stop", "cut"),
    *("pdf", "pdf-phone", "pdf-hostile", "big"),
    *("invited", "provider", "recovered", "shared", "outside", "steer", "small", "cloud"),
)


@pytest.mark.parametrize("name", IN_THE_SUITE)
def test_a_person_adds_documents_asks_and_opens_a_citation(walk: Walk, name: str) -> None:
    walk(name)


@pytest.mark.skipif(not os.environ.get("WALKS"), reason="`make test-console` runs these walks")
@pytest.mark.parametrize("name", AT_LENGTH)
def test_a_walk_through_the_console_ends_well(walk: Walk, name: str, request: pytest.FixtureRequest) -> None:
    if name in ("provider", "cloud"):
        request.getfixturevalue(name)
    walk(name)
