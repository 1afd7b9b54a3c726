"""Spellings: what is written in one way is found when it is asked for in another, and nothing else is."""

import random

import pytest

from chalicelib.knowledge.text import lexemes, phrases

# For each rule: a document's text, a query, and the key that they share. The tests below go through the table.
TABLE: dict[str, list[tuple[str, str, str]]] = {
    "letters": [
        ("Łódź", "Lodz", "lodz"),
        ("Straße", "STRASSE", "strass"),
        ("Søren Åberg", "Soren", "soren"),
        ("Đorđe", "Dorde", "dord"),
        ("Iğdır", "Igdir", "igdir"),
        ("Æther", "aether", "aether"),
    ],
    "alternatives_of_word": [
        ("Müller", "Mueller", "muller"),
        ("Mueller", "Müller", "mueller"),
        ("Søren", "Soeren", "soren"),
        ("Århus", "Aarhus", "arhus"),
        ("Aarhus", "Århus", "aarhus"),
    ],
    "of_number": [
        ("1.234.567,89 EUR", "1234567.89", "1234567.89"),
        ("1,234,567.89", "1.234.567,89", "1234567.89"),
        ("1,5 l", "1.5", "1.5"),
        ("1.500 pieces", "1500", "1500"),
        ("1.200,00 EUR", "1200", "1200"),
        ("31.12.2028", "2028", "2028"),
        ("2026-03-14", "14.03.2026", "2026-03-14"),
        ("14.03.26", "2026-03-14", "2026-03-14"),
        ("10.20.30.40", "10.20.30", "10.20.30"),
        ("release 2.3.1", "v2.3.1", "2.3.1"),
    ],
    "of_code": [
        ("v2.3.1", "2.3.1", "2.3.1"),
        ("v2.3.1", "2.3", "2.3"),
        ("v3.0.0-rc1", "3.0.0-RC1", "3.0.0rc1"),
        ("python3.11", "3.11", "3.11"),
        ("E1042", "E-1042", "e1042"),
        ("E-1042", "E1042", "e1042"),
        ("E1042", "1042", "1042"),
        ("GW-4411-B", "GW4411B", "gw4411b"),
        ("GW4411B", "gw-4411-b", "gw4411b"),
        (
            "550e8400-e29b-41d4-a716-446655440000",
            "550E8400E29B41D4A716446655440000",
            "550e8400e29b41d4a716446655440000",
        ),
        ("00-1A-2B-3C-4D-5E", "001a2b3c4d5e", "001a2b3c4d5e"),
        ("14.03.2026", "20260314", "2026-03-14"),
        ("0301234567", "301234567", "301234567"),
    ],
    "words": [
        ("W.H.O.", "WHO", "who"),
        ("the U.S.A.", "USA", "usa"),
        ("a Ph.D. thesis", "PhD", "phd"),
        ("co-operate", "cooperate", "cooper"),
        ("follow-up", "followup", "followup"),
        ("followup", "follow-up", "followup"),
        ("user_name", "userName", "usernam"),
    ],
    "alternatives": [
        ("E1042", "e 1042", "e1042"),
        ("GW-4411-B", "gw 4411 b", "gw4411b"),
        ("+49 30 1234567", "49301234567", "301234567"),
        ("5kg", "5 kg", "5kg"),
    ],
    "written_date": [
        ("14 March 2026", "2026-03-14", "2026-03-14"),
        ("March 14th, 2026", "14.03.2026", "2026-03-14"),
        ("14. März 2026", "14.3.2026", "2026-03-14"),
        ("14 de marzo de 2026", "2026-03-14", "2026-03-14"),
        ("1er août 2026", "01/08/2026", "2026-08-01"),
        ("14.03.2026", "March 2026", "2026-03"),
    ],
    "slashed_date": [
        ("14/03/2026", "2026-03-14", "2026-03-14"),
        ("03/14/2026", "14.03.2026", "2026-03-14"),
        ("2026/3/14", "2026-03-14", "2026-03-14"),
        ("14-03-2026", "14.03.2026", "2026-03-14"),
        ("03/04/2026", "4 March 2026", "2026-03-04"),
        ("03/04/2026", "3 April 2026", "2026-04-03"),
    ],
    "ideographic_date": [
        ("2026年3月14日", "2026-03-14", "2026-03-14"),
        ("2026년 3월 14일", "2026-03-14", "2026-03-14"),
    ],
    "spaced_number": [
        ("1 234 567,89", "1234567.89", "1234567.89"),
        ("1'234'567.89 CHF", "1,234,567.89", "1234567.89"),
        ("12 500 km", "12500", "12500"),
    ],
    "phone_number": [
        ("+49 (0)30 123-4567", "+49301234567", "301234567"),
        ("+49 30 1234567", "0049 30 1234567", "301234567"),
        ("030 / 123 45 67", "0301234567", "301234567"),
        ("(030) 1234567", "+49 30 1234567", "301234567"),
        ("(415) 555-0123", "+1 415 555 0123", "4155550123"),
        ("+48 22 123 45 67", "221234567", "221234567"),
        ("+351 21 123 4567", "211234567", "211234567"),
    ],
    "bank_account": [
        ("DE89 3704 0044 0532 0130 00", "DE89370400440532013000", "de89370400440532013000"),
        ("DE89370400440532013000", "de89 3704 0044 0532 0130 00", "de89370400440532013000"),
        ("DE89370400440532013000", "370400440532013000", "370400440532013000"),
        ("GB82 WEST 1234 5698 7654 32", "GB82WEST12345698765432", "gb82west12345698765432"),
    ],
    "spaced_code": [
        ("Error E 1042", "E1042", "e1042"),
        ("CHE-123.456.789", "CHE123456789", "che123456789"),
        ("GB 123 4567 89", "GB123456789", "gb123456789"),
    ],
    "spaced_digits": [
        ("4111 1111 1111 1111", "4111111111111111", "4111111111111111"),
        ("order 4500 123 456", "4500123456", "4500123456"),
        ("9 1 110000 600037341L", "91110000600037341L", "91110000600037341l"),
        ("181/815/0815 5", "18181508155", "18181508155"),
        ("+48 12 345 67 89", "12 345 67 89", "123456789"),
    ],
    "slashed_code": [
        ("C-2023/045", "C2023/045", "c2023045"),
        ("ZG/1204/26", "zg120426", "zg120426"),
        ("KX90/217", "KX90217", "kx90217"),
    ],
    "hardware_address": [
        ("00:1A:2B:3C:4D:5E", "001a2b3c4d5e", "001a2b3c4d5e"),
        ("001a.2b3c.4d5e", "00-1A-2B-3C-4D-5E", "001a2b3c4d5e"),
    ],
    "initials": [("AT&T", "ATT", "att"), ("R & D", "R&D", "rd")],
    "name_with_apostrophe": [("O'Brien", "obrien", "obrien"), ("OBrien", "O’Brien", "obrien")],
}


@pytest.mark.parametrize(
    ("document", "query", "key"),
    [pytest.param(*row, id=f"{rule}: {row[1]}") for rule, rows in TABLE.items() for row in rows],
)
def test_another_spelling_is_found(document: str, query: str, key: str) -> None:
    assert key in set(lexemes.terms(document))
    assert key in {*lexemes.terms(query), *lexemes.alternatives(query)}
    assert lexemes.lexeme(key) in lexemes.query_terms(query)[0]


def test_every_rule_is_in_the_table() -> None:
    assert {rule.name for rule in phrases.RULES} <= TABLE.keys()
    assert all(rule.keys.__doc__ for rule in phrases.RULES)


def test_a_hint_misses_no_match() -> None:
    """Texts made of what the rules look for, and of the table's examples."""
    dice = random.Random(7)
    parts = [
        "1",
        "20",
        "2026",
        "14",
        "March ",
        "Mai ",
        "O'Brien",
        "AT&T",
        "R & D",
        *"/-.:, '’年月일",
        "E ",
        "GB",
        "DE89",
    ]
    parts += ["DE89", "3704", "0044", "+49", "(0)30", "00", "1a", "2B", "(", "10", "d ", "\u0661"]
    parts += [text for rows in TABLE.values() for document, query, _ in rows for text in (document, query)]
    matched = set()
    for _ in range(10_000):
        text = "".join(dice.choices(parts, k=dice.randint(1, 12)))
        for rule in phrases.RULES:
            for match in rule.pattern.finditer(text):
                matched.add(rule.name)
                assert rule.hint.search(match[0]), (rule.name, match[0])
    assert matched == {rule.name for rule in phrases.RULES}


def test_prose_with_numbers_is_read_by_few_rules() -> None:
    """Each rule that reads a text costs as much as a fifth of finding its words."""
    prose = "In 1904 the valve held 12 bar for 3.5 hours. By May of that year, 40 of them were in use."
    assert [rule.name for rule in phrases.RULES if rule.hint.search(prose)] == ["written_date", "spaced_digits"]


@pytest.mark.parametrize(
    ("document", "query"),
    [
        ("2.3.1", "231"),
        ("1.5", "15"),
        ("10-20", "1020"),
        ("10.20.30.40", "10.20.30.4"),
        ("E1042", "E1043"),
        ("E-1042", "F-1042"),
        ("GW-4411-A", "GW-4411-B"),
        ("31.12.2028", "2028-11-30"),
        ("0.0001", "1"),
        ("2019/2020", "20192020"),
        ("+49 30 1234567", "+49 30 1234568"),
    ],
)
def test_another_thing_has_another_key(document: str, query: str) -> None:
    wholes = {key for key in lexemes.terms(query) if len(key) == max(map(len, lexemes.terms(query)))}
    assert wholes.isdisjoint(lexemes.terms(document))


def test_spellings_of_a_query_are_not_in_the_index() -> None:
    assert list(lexemes.terms("Mueller e 1042")) == ["mueller", "e", "1042"]
    assert list(lexemes.alternatives("Mueller e 1042")) == ["muller", "e1042"]
