"""The questions that measure the reader fit their documents."""

import pytest

from bench import questions
from chalicelib.knowledge.ingestion.extraction import Limits, reading


@pytest.mark.parametrize("part", questions.PARTS)
def test_what_an_answer_must_contain_stands_in_the_document(part: str) -> None:
    texts = {
        path.name: " ".join(reading.read(path, path.name, None, Limits()).text.split()).lower()
        for path in (questions.FOLDER / part).iterdir()
    }
    for question in questions.questions(part):
        assert question.document in texts or question.kind == "off topic", question
        for wordings in question.expected:
            matches = [wording for wording in wordings if wording.lower() in texts[question.document]]
            assert matches, (question.text, wordings)


def test_a_third_of_three_hundred_questions_is_unseen() -> None:
    development, unseen = (questions.questions(part) for part in questions.PARTS)
    assert len(development) + len(unseen) >= 300
    assert len(unseen) >= (len(development) + len(unseen)) * 0.29
    assert not {question.text for question in development} & {question.text for question in unseen}
