"""tests/mutations/list.toml fits the code as it is: every change can still be made. `make mutations` makes them."""

from pathlib import Path

import pytest

from tests.mutations.mutations import ROOT, Mutation, read

FEWEST, MOST_SURVIVORS = 40, 2
DOMAINS = ("auth", "core", "config", "knowledge", "chat", "ops", "infra", "migrations")


@pytest.mark.parametrize("mutation", read(), ids=lambda mutation: mutation.promise)
def test_a_mutation_can_be_made_and_names_tests(mutation: Mutation) -> None:
    text = (ROOT / mutation.file).read_text("utf-8")
    assert mutation.applied(text) != text
    assert mutation.tests
    for test in mutation.tests:
        file, _, function = test.partition("::")
        assert f"def {function}" in (ROOT / file).read_text("utf-8"), test


def test_the_mutations_are_many_over_all_domains_and_hardly_any_survives() -> None:
    mutations = read()
    assert len({mutation.promise for mutation in mutations}) == len(mutations) >= FEWEST
    domains = {part for mutation in mutations for part in Path(mutation.file).parts}
    assert set(DOMAINS) <= domains
    assert sum(bool(mutation.survives) for mutation in mutations) <= MOST_SURVIVORS
