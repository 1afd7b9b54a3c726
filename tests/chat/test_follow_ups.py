"""Follow-ups and intents: what a question takes from those before it, and which questions need another way."""

import pytest

from chalicelib.chat.analysis import follow_ups, intents
from chalicelib.chat.reader import reader
from chalicelib.knowledge.embedding import builtin
from tests.chat.answers import Answers
from tests.chat.test_reader import chunk

DESKS = (
    "The night desk opens at ten. Its phone number is 5501. "
    "The day desk opens at six. Its phone number is 5502. The spare desk never opens."
)
NIGHT = "What is the phone number of the night desk?"


@pytest.mark.parametrize(
    ("question", "depends"),
    [
        ("And the day desk?", True),
        ("When is its seal replaced?", True),
        ("What about the valve?", True),
        ("Why?", True),
        ("How long?", True),
        ("Und das Ventil?", True),
        ("Wann wird er gepr\u00fcft?", True),
        ("Wann schlie\u00dft sie?", True),
        ("Et la biblioth\u00e8que ?", True),
        ("\u00bfY el seguro completo?", True),
        ("\u90a3\u9600\u95e8\u5462\uff1f", True),
        ("Who is the chief executive?", False),
        ("Wie lang ist das Ger\u00e4t?", False),
        ("K\u00f6nnen Sie mir die Kantine zeigen?", False),
        ("Wo ist Ihre Kantine?", False),
        ("Quand ouvre la cantine ?", False),
        ("\u6cf5\u591a\u4e45\u68c0\u67e5\u4e00\u6b21\uff1f", False),
    ],
)
def test_m5_a_question_that_depends_on_another_is_recognised_in_every_language(question: str, depends: bool) -> None:
    assert follow_ups.depends(question) is depends


@pytest.mark.parametrize(
    ("earlier", "question", "query"),
    [
        ([NIGHT], "And the day desk?", "What is the phone number of the day desk?"),
        (["What does E1042 mean?"], "And E1043?", "What does E1043 mean?"),
        (["Who is Olga Klein?"], "And Felix M\u00fcller?", "Who is Felix M\u00fcller?"),
        (["What was the turnover in 2023?"], "And in 2025?", "What was the turnover in 2025?"),
        ([NIGHT, "And the day desk?", "Who works there?"], "And the spare desk?", None),
        ([NIGHT], "Where is the library?", "Where is the library?"),
        ([], "And the day desk?", "And the day desk?"),
        (
            ["Wie oft wird die Pumpe gepr\u00fcft?"],
            "Und das Ventil?",
            "Wie oft wird die Pumpe gepr\u00fcft?\nUnd das Ventil?",
        ),
    ],
)
def test_m5_the_questions_are_followed_back_to_the_last_that_stands_alone(
    earlier: list[str], question: str, query: str | None
) -> None:
    composed = follow_ups.compose(earlier, question)
    if query is None:
        assert "phone number of the spare desk" in composed.query
    else:
        assert composed.query == query


def test_m5_the_day_desk_does_not_get_the_night_desks_number() -> None:
    model = builtin.load()
    pages = [chunk(DESKS, "Desks")]
    for earlier in ([NIGHT], ["When does the night desk open?", NIGHT]):
        composed = follow_ups.compose(earlier, "And the day desk?")
        answer = reader.read(composed.query, pages, model, about=composed.about)
        assert "5502" in answer.text
        assert "5501" not in answer.text


def test_m5_a_german_follow_up_is_not_searched_bare_and_the_third_keeps_the_thread(answers: Answers) -> None:
    user = answers.user()
    user.add(
        "Pumpe", "Die Pumpe wird alle neunzig Tage gepr\u00fcft. Das Ventil der Pumpe \u00f6ffnet bei zw\u00f6lf Bar."
    )
    conversation = answers.conversation(user)

    def rephrased(question: str) -> str:
        answer = answers.answered(user, question, conversation, model="extractive")
        return str(user.get(f"/messages/{answer['parent_message_id']}").json["rephrased_query"])

    first = "Wie oft wird die Pumpe gepr\u00fcft?"
    answers.answered(user, first, conversation, model="extractive")
    assert rephrased("Und das Ventil?").startswith(first)
    assert rephrased("Warum?").startswith(first)


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("Which documents do you have?", True),
        ("How many documents are there in the library?", True),
        ("List all my documents.", True),
        ("Welche Dokumente hast du?", True),
        ("Wie viele Dokumente gibt es?", True),
        ("Quels documents avez-vous ?", True),
        ("\u00bfCu\u00e1ntos documentos tienes?", True),
        ("\u4f60\u6709\u54ea\u4e9b\u6587\u4ef6\uff1f", True),
        ("Which documents are required for a visa?", False),
        ("How many documents mention pumps?", False),
        ("Which documents do you have about pumps?", False),
        ("List the documents that Olga signed", False),
    ],
)
def test_m18_a_question_about_the_collection_is_recognised_by_its_whole_wording(question: str, asks: bool) -> None:
    assert intents.asks_for_collection(question) is asks


def test_m18_the_collection_is_answered_from_the_database_under_the_askers_rights(answers: Answers) -> None:
    asker, other_user = answers.user(), answers.user()
    ids = [asker.add(f"Manual {number}", f"Text number {number} of the library.")["id"] for number in range(3)]
    other_user.add("A stranger's paper", "Nobody else reads this.")
    answer = answers.answered(asker, "How many documents do you have?", model="extractive")
    assert answer["content"] == "You can use 3 documents here:\n- Manual 2\n- Manual 1\n- Manual 0"
    assert asker.put(f"/selection/documents/{ids[1]}", {"enabled": False}).status == 200
    filters = {"documents": ids[:2]}
    narrow = answers.answered(asker, "Which documents do you have?", model="extractive", filters=filters)
    assert narrow["content"] == "You can use 1 document here:\n- Manual 0"
    assert "A stranger's paper" not in answer["content"] + narrow["content"]


def test_a_comparison_has_both_sides(answers: Answers) -> None:
    user = answers.user()
    user.add("Basic", "The basic plan costs ten euros a month and has one seat.")
    user.add("Pro", "The pro plan costs forty euros a month and has twenty seats.")
    answer = answers.answered(
        user, "What is the difference between the basic plan and the pro plan?", model="extractive"
    )
    assert {"ten euros", "forty euros"} <= {
        words for words in ("ten euros", "forty euros") if words in answer["content"]
    }
    assert [source["number"] for source in answer["sources"]] == [1, 2]
    half = answers.answered(user, "Compare the basic plan with the gold plan", model="extractive")
    assert "ten euros" in half["content"]
    assert half["content"].endswith("say nothing about \u201cthe gold plan\u201d.")
