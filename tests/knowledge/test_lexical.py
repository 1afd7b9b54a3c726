"""Lexemes: what counts as a term in any language, and how much it weighs in a chunk."""

import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.knowledge.text import bm25
from chalicelib.knowledge.text import lexemes as lexical


def terms(text: str) -> list[str]:
    return list(lexical.terms(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Running runners RAN", ["run", "runner", "ran"]),
        ("the cat and the hat", ["cat", "hat"]),
        ("not without", ["not", "without"]),
        ("the dog's bone, the dogs’ bones", ["dog", "bone", "dog", "bone"]),
        ("l'avion d’Italie", ["avion", "itali"]),
        ("state-of-the-art", ["state", "art"]),
        ("naïve Café MÜLLER Øre Łódź", ["naiv", "cafe", "muller", "ore", "lodz"]),
        ("Straße", ["strass"]),
        ("ΑΘΗΝΑ Αθήνα", ["αθηνα", "αθηνα"]),
        ("МОСКВА Ёлка", ["москва", "елка"]),
        ("ﬁne ｆｕｌｌ", ["fine", "full"]),
        ("co\u00adoperate", ["cooper"]),
        ("العَرَبِيَّة العربية", ["العربية", "العربية"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("", []),
        (" \t\n…!?", []),
        ("🎉", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GW-4411", ["gw4411", "4411", "gw"]),
        ("COVID-19,", ["covid19", "covid", "19"]),
        ("snake_case", ["snakecas", "snake", "case"]),
        ("getUserName()", ["getusernam", "get", "user", "name"]),
        ("__init__", ["init"]),
        ("C++ and C# or C", ["c++", "c#", "c"]),
        ("libstdc++.", ["libstdc++"]),
        ("3.14 pi 3.14.", ["3.14", "pi", "3.14"]),
        ("1,000,000 and 1000000", ["1000000", "1000000"]),
        ("1,5 Meter", ["1.5", "meter"]),
        ("192.168.0.1", ["192.168.0.1", "192.168.0", "192.168"]),
        ("v1.2.3", ["1.2.3", "1.2"]),
        ("٣٫١٤ and ۴۲", ["3", "14", "42"]),
        ("___", []),
    ],
)
def test_numbers_and_identifiers_are_kept(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("黑豹队的", ["黑豹", "豹队", "队的"]),
        ("猫", ["猫"]),
        ("丢了308分", ["丢了", "308", "分"]),
        ("東京タワー", ["東京", "京タ", "タワ", "ワー"]),
        ("ﾀﾜｰ タワー", ["タワ", "ワー", "タワ", "ワー"]),
        ("한국어를", ["한국", "국어", "어를"]),
        ("ไทย", ["ไท", "ทย"]),
        ("iPhone手机", ["iphon", "phone", "手机"]),
    ],
)
def test_scripts_without_spaces_become_pairs(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


def test_a_name_in_capitals_is_no_stop_word() -> None:
    assert terms("the WHO told us") == ["who", "told"]
    assert terms("who told the US") == ["told", "us"]
    assert terms("A") == []


def test_weights_are_those_of_bm25() -> None:
    text = "w1 w2 w2 w2 w3 " + "w4 " * 20
    length = 25
    weights = bm25.document_weights(text)
    for term, tf in (("w1", 1), ("w2", 3), ("w3", 1), ("w4", 20)):
        expected = tf / (tf + 1.2 * (1 - 0.75 + 0.75 * length / bm25.AVGDL))
        assert weights[lexical.lexeme(term)] == pytest.approx(expected, rel=1e-12)
    assert len(weights) == 4


def test_title_and_headings_are_part_of_each_chunk() -> None:
    assert bm25.document_weights("w2 w3", "w1 w2") == bm25.document_weights("w1 w2 w2 w3")
    assert bm25.document_weights("w2 w3", "w1", "w2") == bm25.document_weights("w1 w2 w2 w3")


def test_a_query_has_the_lexemes_of_the_document() -> None:
    text = "Réponses: GW-4411, 東京タワー, running"
    lexemes, frequencies = lexical.query_terms(text + " running")
    assert set(lexemes) == set(bm25.document_weights(text))
    assert dict(zip(lexemes, frequencies, strict=True))[lexical.lexeme("run")] == 2
    assert sum(frequencies) == len(lexemes) + 1


def test_lexemes_are_stable() -> None:
    """They are stored: another number for the same term would make every index useless."""
    assert lexical.lexeme("alcove") == 256502569
    assert lexical.lexeme("黑豹") == 321426082


def test_to_sparsevec_counts_from_one_in_order() -> None:
    assert bm25.to_sparsevec({7: 0.5, 1: 0.25}) == "{1:0.25,7:0.5}/536870912"
    assert bm25.to_sparsevec({}) == "{}/536870912"


def test_everything_is_bounded() -> None:
    many = " ".join(f"w{n}" for n in range(40_000))
    weights = bm25.document_weights(many)
    assert len(weights) == bm25.MAX_LEXEMES
    with pytest.raises(ValueError, match="16000 lexemes; this one has 16001"):
        bm25.to_sparsevec(weights | {max(set(range(1, 20_000)) - set(weights)): 0.5})
    lexemes, frequencies = lexical.query_terms(many)
    assert len(lexemes) == len(frequencies) == lexical.MAX_QUERY_LEXEMES
    assert terms("x" * 10_000) == ["x" * lexical.MAX_TERM_CHARS]
    assert terms("9." * 10_000 + "9")[0] == ("9." * 10_000)[: lexical.MAX_TERM_CHARS]
    assert len(terms("9." * 10_000 + "9")) == 6


@pytest.mark.parametrize(
    "part",
    [
        "a-",
        "1.",
        "1,",
        "_",
        "aB",
        "a'",
        "a#",
        "+",
        "\u0301",
        "\u0915\u093c",
        "\ufdfa",
        "中",
        "\ud800",
        "a-1.",
        "1 ",
        "111 ",
        "0 ",
        "(0",
        "+1",
        "A1 ",
        "a 1 ",
        "1'",
        "00:",
        "1/",
        "9.9,",
        "DE89 ",
        "1 may ",
        "O'A",
        "A&",
        "a.",
        "年1月",
    ],
)
def test_no_text_is_slow(part: str) -> None:
    """Terms of a text are bounded, so that ten million characters take as long as these: up to 1.7 s of a processor.

    A busy machine doubles that; what grows with the square of the text takes minutes.
    """
    started = time.process_time()
    bm25.document_weights(part * (2_500_000 // len(part)))
    assert time.process_time() - started < 10


@given(st.text(max_size=300))
def test_any_text_gives_terms_that_fit(text: str) -> None:
    for term in lexical.terms(text):
        assert 1 <= len(term) <= lexical.MAX_TERM_CHARS
        assert not any(c.isspace() for c in term)
    assert all(1 <= key <= lexical.DIMENSIONS and 0 < w < 1 for key, w in bm25.document_weights(text).items())


def test_importing_it_loads_no_stemmer() -> None:
    code = "import sys, chalicelib.knowledge.text.lexemes; sys.exit('Stemmer' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("Which valves has P-17, and 25.5?", [" valv", " p-17 ", " 25.5 "]),
        ("Klein's extension", [" klein", " extens"]),
        ("M\u00fcllers caf\u00e9", [" m\u00fcller", " caf\u00e9"]),
        ("\u6771\u4eac\u90fd pump", ["\u6771\u4eac", "\u4eac\u90fd", " pump"]),
        ("of the", []),
        (" ".join(f"x{n}" for n in range(100)), [f" x{n} " for n in range(lexical.MAX_QUERY_WORDS)]),
    ],
)
def test_words_of_a_query_as_a_text_has_them(query: str, words: list[str]) -> None:
    assert lexical.query_words(query) == words
