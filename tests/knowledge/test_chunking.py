"""K4's other half: chunks are exact slices, whole for the model, cut where a reader would cut."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.knowledge.embedding import builtin
from chalicelib.knowledge.text import graphemes
from chalicelib.knowledge.text.chunking import MIN_MAX_TOKENS, ChunkDraft, chunk
from chalicelib.knowledge.text.context import MAX_COLUMNS_CHARS, MAX_CONTEXT_TOKENS, Contexts, Tables
from chalicelib.knowledge.text.segment import Segment

SENTENCE = "The heron stands in the shallows and waits for a fish. "


@pytest.fixture(scope="module")
def model() -> builtin.Embedder:
    return builtin.load()


def cut(
    model: builtin.Embedder, text: str, segments: Sequence[Segment] = (), max_tokens: int = 64, overlap: int = 0
) -> list[ChunkDraft]:
    return chunk(text, segments, model.token_offsets(text), max_tokens, overlap)


def in_sections(*sections: tuple[int | None, str | None, str]) -> tuple[str, list[Segment]]:
    """A text and its segments, from page, section and text of each."""
    text, segments = "", []
    for page, section, content in sections:
        segments.append(Segment(len(text), len(text) + len(content), page, section))
        text += content
    return text, segments


def test_a_page_without_a_token_is_a_chunk_nevertheless(model: builtin.Embedder) -> None:
    text, segments = in_sections((1, None, SENTENCE), (2, None, "\uf0b7"), (3, None, SENTENCE))
    assert model.count_tokens(["\uf0b7"]) == [0]
    chunks = cut(model, text, segments)
    assert [(part.page, part.text) for part in chunks] == [(1, SENTENCE[:-1]), (2, "\uf0b7"), (3, SENTENCE[:-1])]
    assert chunks[1].token_count == 1, "the database wants a count above zero"


# --- what always holds ------------------------------------------------------------------------------------------------

PARTS = st.one_of(
    st.sampled_from(
        [
            SENTENCE,
            "\n\n",
            "\n",
            " ",
            "\t",
            "\u00a0\u2003",
            "\r\n",
            "- item\n- item\n",
            "| a | b |\n",
            "x" * 130,
            "x" * 700,
            "https://example.org/a/b?c=d#e ",
            "我们认为这些真理是不言而喻的。",
            "すべての人間は、生まれながらにして自由。",
            "모든 인간은 태어날 때부터 자유로우며 ",
            "يولد جميع الناس أحرارًا متساوين. ",
            "มนุษย์ทั้งหลายเกิดมามีอิสระ",
            "👩‍👩‍👧‍👦🇩🇪🇫🇷👍🏽",
            "e\u0301" * 40,
            "Z\u0300\u0301\u0302\u0303" * 5,
            "\u200b\u200d\ufeff",
            "\ufffd\ue000",
            "[CLS] [SEP] [MASK]",
        ]
    ),
    st.text(max_size=30),
)

SECTIONS = [
    None,
    "Heron",
    "Birds > Heron",
    "Birds > " + "very " * 60 + "long > Shores",
    "x" * 3000,
    " > ",
    "自由 > 👩🏽",
]


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, list[Segment]]:
    """Any text, cut anywhere into segments of pages and sections."""
    text = "".join(draw(st.lists(PARTS, max_size=25)))
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=6))) if len(text) > 1 else []
    bounds = [0, *cuts, len(text)]
    paged = draw(st.booleans())
    segments, page = [], 1
    for start, end in itertools.pairwise(bounds):
        page += draw(st.integers(0, 1))
        segments.append(Segment(start, end, page if paged else None, draw(st.sampled_from(SECTIONS))))
    return text, segments


@settings(max_examples=300)
@given(
    document=documents(),
    max_tokens=st.integers(MIN_MAX_TOKENS, 80),
    overlap_share=st.floats(0, 0.5),
)
def test_chunks_are_exact_whole_and_leave_nothing_out(
    model: builtin.Embedder, document: tuple[str, list[Segment]], max_tokens: int, overlap_share: float
) -> None:
    text, segments = document
    chunks = cut(model, text, segments, max_tokens, int(max_tokens * overlap_share))
    covered = bytearray(len(text))
    for number, fragment in enumerate(chunks):
        assert fragment.index == number
        assert text[fragment.start_char : fragment.end_char] == fragment.text
        assert fragment.text == fragment.text.strip() != ""
        assert fragment.token_count == max(model.count_tokens([fragment.text])[0], 1) <= max_tokens
        place = next(s for s in segments if s.start <= fragment.start_char < s.end)
        assert (fragment.page, fragment.section) == (place.page, place.section)
        _assert_context(model, fragment, place.section)
        assert {s.page for s in segments if s.start < fragment.end_char and s.end > fragment.start_char} == {place.page}
        covered[fragment.start_char : fragment.end_char] = b"\x01" * len(fragment.text)
    assert "".join(c for c, observed in zip(text, covered, strict=True) if not observed).strip() == ""
    assert all(a.start_char < b.start_char and a.end_char < b.end_char for a, b in itertools.pairwise(chunks))


def _assert_context(model: builtin.Embedder, fragment: ChunkDraft, section: str | None) -> None:
    assert model.count_tokens([fragment.embedded_text])[0] <= model.content_tokens
    if fragment.context is None:
        assert fragment.embedded_text == fragment.text
        return
    headings, *columns = fragment.context.split("\n")
    if headings == fragment.columns:
        columns = [headings]
    else:
        assert section is not None and set(headings.split(" > ")) <= set(section.split(" > "))
        assert not any(heading.casefold() in fragment.text.casefold() for heading in headings.split(" > "))
    assert columns in ([], [fragment.columns])
    assert model.count_tokens([fragment.context])[0] <= MAX_CONTEXT_TOKENS
    assert fragment.embedded_text == f"{fragment.context}\n\n{fragment.text}"


@settings(max_examples=100)
@given(text=st.text(st.sampled_from("ab é\u0301\u0308\u200d👩🏽🇩🇪🇫\u1100\u1161\u11a8각ก\u0e33\u0e49 .\n")))
def test_no_chunk_cuts_a_character_as_a_reader_sees_it(model: builtin.Embedder, text: str) -> None:
    for fragment in cut(model, text, max_tokens=MIN_MAX_TOKENS):
        assert not graphemes.inside(text, fragment.start_char)
        assert not graphemes.inside(text, fragment.end_char)


ROWS = st.lists(
    st.lists(
        st.sampled_from(["heron", "3", "North shore", "2026-03-02", "seen at dawn", "自由", "أحرار", ""]),
        min_size=2,
        max_size=5,
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=100)
@given(rows=ROWS, overlap=st.integers(0, 20))
def test_no_chunk_cuts_a_table_row_that_fits(model: builtin.Embedder, rows: list[list[str]], overlap: int) -> None:
    lines = [" | ".join(row) for row in rows]
    text = "\n".join(lines)
    whole = {line.strip() for line in lines}
    for fragment in cut(model, text, max_tokens=48, overlap=overlap):
        assert {line.strip() for line in fragment.text.split("\n")} <= whole


@settings(max_examples=100)
@given(
    sentences=st.lists(
        st.sampled_from(
            [
                "我们认为这些真理是不言而喻的。",
                "すべての人間は、生まれながらにして自由である。",
                "人人生而自由，在尊严和权利上一律平等！",
                "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق. ",
                "The heron stands in the shallows. ",
                "모든 인간은 자유롭다. ",
            ]
        ),
        min_size=1,
        max_size=30,
    )
)
def test_sentences_of_every_script_stay_whole_side_by_side(model: builtin.Embedder, sentences: list[str]) -> None:
    text = "".join(sentences)
    ends = {0}
    for sentence in sentences:
        ends.add(max(ends) + len(sentence))
    for fragment in cut(model, text, max_tokens=80):
        assert fragment.start_char in ends
        assert fragment.end_char in ends | {end - 1 for end in ends}, "white space after it is left out"


@settings(max_examples=100)
@given(
    words=st.lists(st.text(st.characters(categories=["Ll", "Lu", "Nd"], max_codepoint=0x24F), min_size=1, max_size=9))
)
@example(words=["00000", "0A0002", "0A02A0A0", "0", "0", "0", "0"])
def test_no_chunk_cuts_a_word(model: builtin.Embedder, words: list[str]) -> None:
    text = " ".join(words)
    for fragment in cut(model, text, max_tokens=MIN_MAX_TOKENS, overlap=5):
        assert set(fragment.text.split()) <= set(text.split())


# --- where a reader would cut -----------------------------------------------------------------------------------------


def test_small_sections_share_a_chunk_and_the_first_names_it(model: builtin.Embedder) -> None:
    text, segments = in_sections(*((None, f"S{n}", f"S{n}\n\n{SENTENCE}\n\n") for n in range(6)))
    chunks = cut(model, text, segments, max_tokens=64)
    assert [(c.section, c.text.count("heron")) for c in chunks] == [("S0", 3), ("S3", 3)]


def test_a_section_boundary_wins_over_a_fuller_chunk(model: builtin.Embedder) -> None:
    text, segments = in_sections((None, "A", SENTENCE * 3 + "\n\n"), (None, "B", (SENTENCE + "\n\n") * 6))
    chunks = cut(model, text, segments, max_tokens=60, overlap=20)
    assert chunks[0].text == (SENTENCE * 3).strip()
    assert chunks[1].start_char == segments[1].start
    assert chunks[1].section == "B"


@pytest.mark.parametrize(
    ("separator", "unit"),
    [
        ("\n\n", SENTENCE + SENTENCE.strip()),
        ("\n", "Grey heron | 3 | north shore | seen on a monday"),
        (" ", SENTENCE.strip()),
        ("", "我们认为这些真理是不言而喻的。"),
        (" ", "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق؟"),
        ("\n", "- grey herons of the north shore, and purple ones"),
    ],
)
def test_chunks_end_where_the_text_s_units_end(model: builtin.Embedder, separator: str, unit: str) -> None:
    text = separator.join([unit] * 30)
    for fragment in cut(model, text, max_tokens=70):
        assert fragment.text == separator.join([unit] * (fragment.text.count(unit)))
        assert fragment.text.count(unit) >= 1


def test_wrapped_lines_are_not_sentence_ends(model: builtin.Embedder) -> None:
    prose = "The heron stands in the shallows\nand waits for a fish while the\nother birds sleep. "
    for fragment in cut(model, prose * 12, max_tokens=64):
        assert fragment.text.startswith("The heron")
        assert fragment.text.endswith("sleep.")


def test_initials_and_abbreviations_are_not_sentence_ends(model: builtin.Embedder) -> None:
    text = "It was seen by Dr. J. Smith, e.g. near the old mill, and by nobody else. " * 12
    for fragment in cut(model, text, max_tokens=50):
        assert fragment.text.startswith("It was")
        assert fragment.text.endswith("else.")


def test_a_page_starts_a_chunk_and_gets_no_overlap(model: builtin.Embedder) -> None:
    text, segments = in_sections((1, None, SENTENCE * 8), (2, None, SENTENCE * 8))
    chunks = cut(model, text, segments, max_tokens=64, overlap=20)
    assert {c.page for c in chunks} == {1, 2}
    first = next(c for c in chunks if c.page == 2)
    assert first.start_char == segments[1].start


def test_overlap_repeats_whole_sentences_within_its_tokens(model: builtin.Embedder) -> None:
    text = "".join(f"{SENTENCE.strip()[:-1]} number {n}. " for n in range(30))
    chunks = cut(model, text, max_tokens=64, overlap=20)
    shared = [text[b.start_char : a.end_char] for a, b in itertools.pairwise(chunks)]
    assert all(part.startswith("The heron") and part.count("heron") == 1 for part in shared)
    assert max(model.count_tokens(shared)) <= 20


def test_overlap_of_text_without_sentences_starts_at_a_word(model: builtin.Embedder) -> None:
    text = " ".join(f"heron{n % 7}" for n in range(400))
    chunks = cut(model, text, max_tokens=64, overlap=16)
    for before, after in itertools.pairwise(chunks):
        assert 0 < model.count_tokens([text[after.start_char : before.end_char]])[0] <= 16
        assert text[after.start_char - 1] == " "


def test_a_little_more_than_a_chunk_makes_two_halves(model: builtin.Embedder) -> None:
    chunks = cut(model, SENTENCE * 6, max_tokens=64)
    assert [c.text.count("heron") for c in chunks] in ([3, 3], [4, 2])


def test_a_monstrous_word_is_cut_and_bounded(model: builtin.Embedder) -> None:
    chunks = cut(model, "x" * 1_000_000, max_tokens=64)
    assert "".join(c.text for c in chunks) == "x" * 1_000_000
    assert max(len(c.text) for c in chunks) <= 64 * 16


def test_an_address_is_cut_at_its_punctuation(model: builtin.Embedder) -> None:
    text = "https://example.org/" + "/".join(f"folder{n}" for n in range(200))
    for fragment in cut(model, text, max_tokens=40)[:-1]:
        assert not (text[fragment.end_char - 1].isalnum() and text[fragment.end_char].isalnum())


@pytest.mark.parametrize(("max_tokens", "overlap"), [(MIN_MAX_TOKENS - 1, 0), (64, 33), (64, -1)])
def test_a_senseless_size_is_refused(model: builtin.Embedder, max_tokens: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        cut(model, SENTENCE, (), max_tokens, overlap)


@pytest.mark.parametrize("text", ["", " \n\t\u2003 "])
def test_nothing_makes_no_chunk(model: builtin.Embedder, text: str) -> None:
    assert cut(model, text) == []


@pytest.mark.parametrize("cluster", ["e\u0301", "👩‍👩‍👧", "👍🏽", "🇩🇪", "\u1100\u1161\u11a8", "하\u11ab", "\r\n", "ｶﾞ"])
def test_grapheme_boundaries_follow_the_standard(cluster: str) -> None:
    text = f"a{cluster}a"
    assert [graphemes.inside(text, position) for position in range(1, len(text))] == [
        False,
        *[True] * (len(cluster) - 1),
        False,
    ]


def test_two_flags_are_two_graphemes() -> None:
    assert [graphemes.inside("🇩🇪🇫🇷", position) for position in (1, 2, 3)] == [True, False, True]


# --- headings as context ----------------------------------------------------------------------------------------------


def _contexts(model: builtin.Embedder, section: str, content: str, max_tokens: int = 64) -> list[str | None]:
    text, segments = in_sections((None, section, content))
    return [fragment.context for fragment in cut(model, text, segments, max_tokens)]


def test_the_context_of_a_chunk_is_the_headings_above_it_that_it_does_not_hold(model: builtin.Embedder) -> None:
    content = "Wading birds\n\n" + SENTENCE * 20
    first, *others = _contexts(model, "Fauna > Wading birds", content)
    assert first == "Fauna"
    assert len(others) > 2 and set(others) == {"Fauna > Wading birds"}
    assert _contexts(model, "Heron > Shallows", SENTENCE) == [None]


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("The rapid start of the process.", "Safety > API > Art"),
        ("Safety first: the API's art.", None),
        ("SAFETY, (api) and art", None),
    ],
)
def test_a_heading_is_held_where_it_is_no_part_of_a_word(
    model: builtin.Embedder, text: str, context: str | None
) -> None:
    assert _contexts(model, "Safety > API > Art", text) == [context]
    assert _contexts(model, "自由", "人生而自由的") == [None]


def test_what_has_no_headings_has_no_context(model: builtin.Embedder) -> None:
    assert [fragment.context for fragment in cut(model, SENTENCE * 20)] == [None] * len(cut(model, SENTENCE * 20))
    text = SENTENCE * 20
    lines = cut(model, text, [Segment(0, len(text), None, None, 1)])
    assert {fragment.context for fragment in lines} == {None}
    code = cut(model, text, [Segment(0, len(text), None, "Nest.build", 1)])
    assert {(fragment.section, fragment.context) for fragment in code} == {("Nest.build, line 1", "Nest.build")}


def test_the_innermost_headings_stay_where_not_all_find_room(model: builtin.Embedder) -> None:
    assert _contexts(model, "many " * 60 + "> Shores > Reeds", SENTENCE) == ["Shores > Reeds"]
    assert _contexts(model, "x" * 5000, SENTENCE) == [None]
    full = _contexts(model, "Shores > Reeds", "stork " * 1100, model.content_tokens)
    assert full[0] == "Reeds" and set(full) == {"Reeds", "Shores > Reeds"}


def test_a_chunk_is_never_longer_than_the_model_reads_whatever_is_configured(model: builtin.Embedder) -> None:
    parts = cut(model, SENTENCE * 100, max_tokens=8192, overlap=4096)
    assert max(fragment.token_count for fragment in parts) <= model.content_tokens
    assert any(after.start_char < before.end_char for before, after in itertools.pairwise(parts))


# --- the columns of tables --------------------------------------------------------------------------------------------

_ITEMS = "\n".join(f"Heron {number} | North shore | {number} eggs" for number in range(60))


@pytest.mark.parametrize(
    "head", ["Bird | Place | Clutch", "| Bird | Place | Clutch |\n|---|:-:|---|", "Bird\tPlace\tClutch"]
)
def test_a_chunk_that_starts_within_a_table_has_its_columns(model: builtin.Embedder, head: str) -> None:
    text, segments = in_sections((None, "Nests", f"What was seen.\n\n{head}\n{_ITEMS}\n\n{SENTENCE}"))
    first, *others = cut(model, text, segments)
    assert (first.columns, first.context) == (None, "Nests")
    within = [fragment for fragment in others if fragment.text.startswith("Heron")]
    assert len(within) > 5
    assert {(p.columns, p.context) for p in within} == {("Bird | Place | Clutch", "Nests\nBird | Place | Clutch")}
    assert all(fragment.columns is None for fragment in others if fragment not in within)


_WORDS = "\n".join(f"{name} | North shore | quiet" for name in ("Bittern", "Egret", "Stork") * 20)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        # What begins with a number, holds mostly numbers, or says much, names nothing; nor does a row like the others.
        (f"2024-03-01 | INFO | started\n{_ITEMS}", None),
        (f"Bird | 2 | 14\n{_ITEMS}", None),
        (f"{'A long sentence ' * 5}| and another | one\n{_ITEMS}", None),
        (f" |  |  \n{_ITEMS}", None),
        (_ITEMS, None),
        ("\n".join(f"Ann | {n} | 555 {n}" for n in range(60)), None),
        # Of years it may consist, and begin with nothing.
        ("Item | 2024 | 2025\n" + "\n".join(f"pump | {n} | {n}" for n in range(60)), "Item | 2024 | 2025"),
        (f" | Place | Mood\n{_WORDS}", " | Place | Mood"),
        # Two columns may be keys and values.
        ("Client | Mary\nPlace | Shore\n" * 30, None),
        ("Client | Age\n" + "\n".join(f"Mary | {n}" for n in range(60)), "Client | Age"),
        ("| Client | Place |\n|---|---|\n" + "| Mary | Shore |\n" * 60, "Client | Place"),
        # A row of one cell, empty ones left away, ends no table; its next is no head.
        (f"Bird | Place | Mood\n{_WORDS}\nNorth region\nAnn Secret | divorced | hold\n{_WORDS}", "Bird | Place | Mood"),
        (f"Fruits\nBird | Place | Mood\n{_WORDS}", "Bird | Place | Mood"),
    ],
)
def test_columns_are_named_by_what_looks_like_names(text: str, columns: str | None) -> None:
    assert Tables(text).columns(text.rindex("\n") - 3) == columns


def test_tables_end_at_blank_lines_and_names_of_columns_are_bounded(model: builtin.Embedder) -> None:
    text = f"A | B\n1 | 2\n3 | 4\n \nC | D\n5 | 6\n\n{SENTENCE}"
    tables = Tables(text)
    result = [tables.columns(text.index(mark)) for mark in ("A |", "1 |", "3 |", "C |", "5 |", "The heron")]
    assert result == [None, "A | B", "A | B", None, "C | D", None]
    names = [f"column {chr(97 + n % 26)}" for n in range(200)]
    wide = " | ".join(names) + "\n" + "\n".join(" | ".join("x" * 3 for _ in names) for _ in range(9))
    columns = Tables(wide).columns(len(wide) - 5)
    assert columns is not None and wide.startswith(columns + " | ") and len(columns) <= MAX_COLUMNS_CHARS
    assert {fragment.context for fragment in cut(model, wide)} == {None}
    assert {fragment.columns for fragment in cut(model, wide)[-3:]} == {columns}


def test_looking_around_takes_as_long_as_the_text_is(model: builtin.Embedder) -> None:
    rules = ("-" * 4000 + "x\n") * 50
    for fragment in (
        "|" * 400_000 + "x\n",
        " | " * 200_000,
        "\t\n" * 200_000,
        "-| " * 200_000 + "x",
        f"a | b\n{rules}",
    ):
        assert Tables(fragment).columns(len(fragment) - 2) is None
    path = " > ".join(f"heading {n}" for n in range(100_000))
    contexts = Contexts(model.count_tokens, model.content_tokens)
    assert {contexts.of(path, None, SENTENCE, 14 + n % 9) for n in range(500)} == {
        contexts.of(path, None, SENTENCE, 14)
    }


def test_indented_code_has_no_columns(model: builtin.Embedder) -> None:
    text = "def walk\tof\ttree\n" + "\tstep\tinto\tit\n" * 80
    assert {p.columns for p in cut(model, text, [Segment(0, len(text), None, "walk", 1)])} == {None}
