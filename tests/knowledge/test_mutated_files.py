"""K4: a damaged file of any format is a reason or harmless text; 2,000 of them in tests/endurance/mutated_files.py."""

from tests.endurance import mutated_files


def test_mutated_files_of_every_format_end_with_a_reason_or_with_text() -> None:
    good = len(mutated_files.good_files())
    outcomes = list(mutated_files.run(good, seed=24))
    assert len(outcomes) == good
    assert {outcome.code for outcome in outcomes} <= {
        "read",
        "corrupt",
        "empty",
        "unsupported",
        "encrypted",
        "no_text_layer",
        "too_large",
    }
