"""The bench of identifiers: a part of its questions, answered by the product's search and reader."""

from bench import identifiers


def test_m15_no_answer_is_about_another_identifier() -> None:
    kinds = [kind for kind in identifiers.KINDS if kind.name in ("error", "year")]
    outcomes = identifiers.run(kinds)
    assert len(outcomes) > 40
    assert [each for each in outcomes if each.word == "wrong"] == []
    answerable = [each for each in outcomes if each.question.expected is not None]
    assert sum(each.word == "right" for each in answerable) >= 0.95 * len(answerable)


def test_the_whole_bench_has_at_least_200_questions_of_several_languages() -> None:
    every_question = list(identifiers.questions(identifiers.KINDS))
    assert len({question.text for question in every_question}) >= 200
    assert sum(question.expected is not None for question in every_question) >= 100
