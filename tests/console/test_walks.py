"""People use the console: each walk is a function of walks.mjs, which fails with what a person would see."""

import pytest

from tests.console.conftest import Walk


@pytest.mark.parametrize(
    "name",
    [
        *("desktop", "phone", "library", "keyboard", "administer", "compare", "hostile", "german"),
        *("waking", "stop", "cut"),
        *("pdf", "pdf-phone", "pdf-hostile", "big"),
        *("invited", "recovered", "shared", "outside", "steer", "small"),
    ],
)
def test_a_walk_through_the_console_ends_well(walk: Walk, name: str) -> None:
    walk(name)
