"""Citations point at what the prompt held, word for word, however the answer is cut into pieces (M6)."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.chat.messages import citations
from chalicelib.chat.messages.citations import Checker
from chalicelib.chat.reader.chunks import RetrievedChunk

TEXT = (
    "The coolant pump P-17 is inspected every ninety days. Dr. Smith signs the protocol. "
    "Its seal is replaced when it leaks!\n\n- The valve opens at 12.5 bar."
)


def _chunk(text: str = TEXT, title: str = "Pump") -> RetrievedChunk:
    return RetrievedChunk(uuid.uuid4(), uuid.uuid4(), title, text, 3, None, 0.5)


def _checked(text: str, available: int = 3) -> tuple[str, int]:
    checker = Checker(available)
    output = checker.feed(text) + checker.rest()
    return output, checker.invented


def test_m6_invented_citations_go_and_are_counted() -> None:
    for written, output, invented in [
        ("Every ninety days [1].", "Every ninety days [1].", 0),
        ("So it is [4], or [0], or [17].", "So it is , or [0], or .", 2),
        ("Both [1, 3] and [2;9].", "Both [1][3] and [2].", 1),
        ("[1,2,3,4,5]", "[1][2][3]", 2),
        ("In [2024] and [a] and [] and [1", "In [2024] and [a] and [] and [1", 0),
        ("[[9]1] and [1,[9]2] and [[9]8]", "[…1] and [1,…2] and […8]", 3),
        ("As models write [1 ], [ 1], [^1], [1-3], [2–9].", "As models write [1], [1], [1], [1][2][3], [2][3].", 6),
        ("`[9]`[9]` and [7]", "`[9]`…` and ", 2),
        ("[9] ```\n[1] is no code, [9] neither", "… ```\n[1] is no code,  neither", 2),
        ("[١] is no number of ours", "[١] is no number of ours", 0),
    ]:
        assert _checked(written) == (output, invented), written
    assert _checked("Nothing was found [1].", 0) == ("Nothing was found .", 1)


def test_m17_marks_of_the_forms_that_models_write_are_citations_and_other_brackets_stay() -> None:
    for written, output, invented in [
        ("Every ninety days【1】.", "Every ninety days[1].", 0),
        ("So it is 【2†L3-L9】 and 【 3 】.", "So it is [2] and [3].", 0),
        ("So [1†source] or 【7†manual.pdf】.", "So [1] or .", 1),
        ("See [Source 1], [source: 2], [Doc 3] and [Sources 1, 2].", "See [1], [2], [3] and [1][2].", 0),
        ("Both [1 and 2], [Source 1, Source 3], [1 & 3] and [#2].", "Both [1][2], [1][3], [1][3] and [2].", 0),
        ("[Quelle 1] und [1 und 2]; [Document 9].", "[1] und [1][2]; .", 1),
        (
            "The list is [0, 1], the first is x[0], the range [0-1].",
            "The list is [0, 1], the first is x[0], the range [0-1].",
            0,
        ),
        ("[Version 2], [see 3], 【注】 and [Figure 1] stay.", "[Version 2], [see 3], 【注】 and [Figure 1] stay.", 0),
        ("[source", "[source", 0),
        ("An open 【1", "An open 【1", 0),
    ]:
        assert _checked(written) == (output, invented), written
        checker = Checker(3)
        streamed = "".join(checker.feed(char) for char in written) + checker.rest()
        assert (streamed, checker.invented) == (output, invented), written


def test_m6_what_stands_in_code_is_no_citation() -> None:
    for written in [
        "Use `rows[9]` here.",
        "Use ``a ` b[9]`` here.",
        "```python\nrows[9] = `x`[8]\n```\nDone.",
        "````\n```\nx[9]\n```\n````\nDone.",
        "   ```\nx[9]\n   ```",
        "```\nnever closed [9]",
    ]:
        assert _checked(written) == (written, 0), written
        assert citations.without_marks(written) == written
        assert citations.sources(written.replace("9", "1").replace("8", "1"), [_chunk()]) == []


def test_m6_a_stray_backtick_does_not_hide_what_is_invented() -> None:
    for written, output in [
        ("The pump`s seal [9] leaks.", "The pump`s seal  leaks."),
        ("A `code\nand [9]` more", "A `code\nand ` more"),
        ("```inline``` [9]", "```inline``` "),
        ("`" + "x" * 400 + "[9]`", "`" + "x" * 400 + "`"),
        ("text ``` [9]\nmore [9]", "text ``` \nmore "),
    ]:
        assert _checked(written)[0] == output, written


_PARTS = st.text(alphabet="[]1239, ;`\n ab", max_size=80)


@given(_PARTS, st.lists(st.integers(0, 80), max_size=8))
def test_how_an_answer_is_split_into_deltas_changes_nothing(text: str, cuts: list[int]) -> None:
    whole = _checked(text)
    for places in (sorted(cuts), range(len(text))):
        checker, output, start = Checker(3), "", 0
        for place in [*places, len(text)]:
            output += checker.feed(text[start:place])
            start = max(start, place)
        assert (output + checker.rest(), checker.invented) == whole


@given(_PARTS)
def test_no_invented_citation_is_left_and_checking_again_changes_nothing(text: str) -> None:
    output, _ = _checked(text)
    assert _checked(output) == (output, 0)
    assert citations.only(output, {1, 2, 3}) == output
    assert all(source.number <= 3 for source in citations.sources(output, [_chunk()] * 3))


def test_what_is_no_mark_any_more_is_let_go_at_once() -> None:
    checker = Checker(3)
    assert checker.feed("See [1") == "See "
    assert checker.feed("]") == "[1]"
    assert checker.feed(" and [x") == " and [x"
    assert checker.feed("[see") == "[see"
    assert checker.feed("[Sour") == ""
    assert checker.feed("cery") == "[Sourcery"
    assert checker.feed("[111") == ""
    assert checker.feed("1") == "[1111"


def test_m6_sources_are_what_is_cited_in_the_order_of_its_first_mention() -> None:
    chunks = [_chunk(title=f"Document {number}") for number in (1, 2, 3)]
    result = citations.sources("First [3], then [1][3], and [2] in `x[2]`, never [7].", chunks)
    assert [(source.number, source.title) for source in result] == [
        (3, "Document 3"),
        (1, "Document 1"),
        (2, "Document 2"),
    ]
    assert [source.chunk_id for source in result] == [chunks[n].chunk_id for n in (2, 0, 1)]
    assert {(source.page, source.score) for source in result} == {(3, 0.5)}
    assert citations.sources("Nothing is cited.", chunks) == []


def test_m6_the_quote_is_the_sentence_nearest_to_the_claim() -> None:
    for claim, quote in [
        ("It is inspected every ninety days", "The coolant pump P-17 is inspected every ninety days."),
        ("Smith signs", "Dr. Smith signs the protocol."),
        ("When it leaks, the seal is replaced", "Its seal is replaced when it leaks!"),
    ]:
        (source,) = citations.sources(f"{claim} [1].", [_chunk()])
        assert source.quote == quote


@given(st.text(max_size=400), st.text(max_size=200))
def test_m6_a_quote_stands_word_for_word_in_its_chunk(text: str, claim: str) -> None:
    source = citations.source(1, _chunk(text), claim)
    assert source.quote in text
    assert len(source.quote) <= 500
