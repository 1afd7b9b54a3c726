"""What a question names, and whether a text holds it."""

import pytest

from chalicelib.knowledge.text import identifiers, lexemes


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("What does error E1044 mean?", ["E1044"]),
        ("error e 1042?", ["e 1042"]),
        ("Is GW 4411 B in stock?", ["GW 4411 B"]),
        ("What was the turnover in 2024?", ["2024"]),
        ("Wie hoch war der Umsatz 2024?", ["2024"]),
        ("What happened on 14 March 2026?", ["14 March 2026"]),
        ("Who has the number +49 30 1234567?", ["+49 30 1234567"]),
        ("What comes in step 3?", ["3"]),
        ("What are the 3 main reasons?", []),
        ("List the top 10 risks", []),
        ("What was built in the 19th century?", []),
        ("compare 2023 2024", ["2023", "2024"]),
        ("Who is Olga Klein?", ["Olga Klein"]),
        ("What is the notice period in the Siemens contract?", ["Siemens"]),
        ("What does the WHO say?", ["WHO"]),
        ("Wie lang ist die K\u00fcndigungsfrist?", []),
        ("Welche Telefonnummer hat Frau M\u00fcller?", ["M\u00fcller"]),
        ("\u00bfCu\u00e1l es el tel\u00e9fono de Mar\u00eda L\u00f3pez?", ["Mar\u00eda L\u00f3pez"]),
        ("E1042\u5bf9\u5e94\u4ec0\u4e48\u9519\u8bef\uff1f", ["E1042"]),
        ("HOW LONG IS THE WARRANTY?", []),
    ],
)
def test_m15_what_a_question_names(question: str, words: list[str]) -> None:
    assert [thing.word for thing in identifiers.named(question)] == words


@pytest.mark.parametrize(
    ("question", "text", "holds"),
    [
        ("What is E1042?", "E-1042: refill the oil", True),
        ("What is E1042?", "E1043: replace the fuse", False),
        ("What is e 1042?", "Error E 1042 is harmless", True),
        ("Turnover in 2024?", "In 2025 it was 44 million", False),
        ("Turnover in FY2022?", "fiscal 2022 was good", True),
        ("What changed in 2.3.1?", "v2.3.1 repairs the export", True),
        ("What changed in 2.3.1?", "v2.13.1 repairs the export", False),
        ("Who is 10.20.30?", "10.20.30.40 is the mail server", True),
        ("Who is 10.20.30.4?", "10.20.30.40 is the mail server", False),
        ("What is on 14 March 2026?", "On 14.03.2026 the auditor comes", True),
        ("What is on 14 March 2026?", "On 15.03.2026 the auditor comes; March was busy", False),
        ("Who has +48 22 123 45 68?", "+48 22 123 45 67 is the branch", False),
        ("Where is Olga Klein?", "Olga Braun sits there", False),
        ("Where is Felix Mueller?", "Felix M\u00fcller sits there", True),
        ("What did Mahatma Ghandi say?", "Mahatma Gandhi said no", True),
        ("What does the NFC do?", "The National Football Conference plays", True),
    ],
)
def test_m15_a_text_holds_what_is_named_in_any_spelling_and_nothing_like_it(
    question: str, text: str, holds: bool
) -> None:
    terms = frozenset(lexemes.terms(text))
    assert all(thing.is_in(terms, text) for thing in identifiers.named(question)) is holds


def test_k7_words_that_no_text_holds_are_named_in_order() -> None:
    texts = ["E1043: replace the fuse of the pumps.", "The pump has a valve."]
    query = "Which valve does error E1044 of the M\u00fcller pump mean?"
    assert identifiers.missing_words(query, texts) == ["error", "E1044", "M\u00fcller", "mean"]
    assert identifiers.missing_words("the pump's valve", texts) == []
