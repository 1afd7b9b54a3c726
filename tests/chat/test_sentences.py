"""Sentences of any text, with exact offsets."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.chat.reader.sentences import MAX_SENTENCE_CHARS, split


def cut(text: str) -> list[str]:
    return [text[sentence.start : sentence.end] for sentence in split(text)]


def kinds(text: str) -> list[tuple[str, str]]:
    return [(sentence.kind, text[sentence.start : sentence.end]) for sentence in split(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The boiler is old. It leaks! Who repairs it?", ["The boiler is old.", "It leaks!", "Who repairs it?"]),
        ("Dr. Vu met J. Roe at 3.14 p.m. today. She left.", ["Dr. Vu met J. Roe at 3.14 p.m. today.", "She left."]),
        ("Use screws, e.g. M4, in the U.S. Army shed.", ["Use screws, e.g. M4, in the U.S. Army shed."]),
        ('"Is it on?" he asked. "Yes."', ['"Is it on?" he asked.', '"Yes."']),
        ("Version 2.0.1 costs 3.50 EUR. See example.com.", ["Version 2.0.1 costs 3.50 EUR.", "See example.com."]),
        ("It failed.[4] It was mended.[citation needed] It runs.", 3),
        ("Am 3. Oktober ist Feiertag. Die Nr. 5 bleibt zu.", ["Am 3. Oktober ist Feiertag.", "Die Nr. 5 bleibt zu."]),
        ("¿Dónde está? Está aquí. ¡Claro!", ["¿Dónde está?", "Está aquí.", "¡Claro!"]),
        ("仓库周日关门。谁有钥匙？门卫有！", ["仓库周日关门。", "谁有钥匙？", "门卫有！"]),
        ("「開いています。」と彼は言った。", 2),
        ("متى يفتح المخزن؟ يفتح صباحا۔ شكرا.", ["متى يفتح المخزن؟", "يفتح صباحا۔", "شكرا."]),
        ("गोदाम बंद है। चाबी किसके पास है?", ["गोदाम बंद है।", "चाबी किसके पास है?"]),
        ("Wait... what? Yes… no.", ["Wait... what?", "Yes… no."]),
    ],
)
def test_prose_is_cut_after_its_sentences(text: str, expected: list[str] | int) -> None:
    result = cut(text)
    assert (len(result) if isinstance(expected, int) else result) == expected


def test_a_line_break_inside_a_sentence_does_not_end_it() -> None:
    page = """4.2 Opening hours
The workshop on the second floor opens every day at
seven and closes at noon. Keys are kept
by the porter."""
    assert kinds(page) == [
        ("line", "4.2 Opening hours"),
        ("sentence", "The workshop on the second floor opens every day at\nseven and closes at noon."),
        ("sentence", "Keys are kept\nby the porter."),
    ]


def test_lists_tables_headings_and_code_stand_on_their_own() -> None:
    text = """# Pumps

Bring these:
- a wrench,
  size 12
- oil

1. Stop the pump. Wait.
2. Open the valve.

| Part | Price |
|------|-------|
| Seal | 4.50 |

```python
value = pump[1] ; stop. Now
run(value)
```
Service
=======
Call us.
"""
    assert kinds(text) == [
        ("heading", "Pumps"),
        ("line", "Bring these:"),
        ("item", "a wrench,\n  size 12"),
        ("item", "oil"),
        ("item", "Stop the pump."),
        ("item", "Wait."),
        ("item", "Open the valve."),
        ("row", "| Part | Price |"),
        ("row", "| Seal | 4.50 |"),
        ("code", "value = pump[1] ; stop. Now\nrun(value)"),
        ("heading", "Service"),
        ("sentence", "Call us."),
    ]


def test_a_chunk_that_begins_inside_code_goes_on_in_prose() -> None:
    assert kinds("run(value)\nstop()\n```\nThe pump stops.\nThen call us.") == [
        ("code", "run(value)\nstop()"),
        ("sentence", "The pump stops."),
        ("sentence", "Then call us."),
    ]
    assert kinds("The pump starts.\n\n```\nrun(value)") == [("sentence", "The pump starts."), ("code", "run(value)")]


def test_a_sentence_without_end_is_cut_between_words() -> None:
    text = "word " * 1000
    parts = cut(text)
    assert all(0 < len(part) <= MAX_SENTENCE_CHARS for part in parts)
    assert all(set(part.split()) == {"word"} for part in parts)
    assert sum(part.count("word") for part in parts) == 1000


_PARTS = st.one_of(
    st.sampled_from("aB7é文ש\u0301.!?。؟…:;|#-*`=()\u201d \t\n\u2028\x85\x1c\ud800"),
    st.sampled_from(["Dr", "👩\u200d👧", "```", "[1]", "  ", "\n\n", "\r\n"]),
)


@given(st.lists(_PARTS, max_size=60).map("".join) | st.text(max_size=80))
def test_offsets_are_exact_and_nothing_is_lost(text: str) -> None:
    result = split(text)
    position = 0
    for sentence in result:
        assert position <= sentence.start < sentence.end <= len(text)
        inside = text[sentence.start : sentence.end]
        assert inside == inside.strip()
        assert any(map(str.isalnum, inside))
        between = text[position : sentence.start]
        # A list item's mark is all that may hold a letter or digit outside: at most three digits or one letter.
        assert all(sum(map(str.isalnum, line)) <= 3 for line in between.splitlines() if "```" not in line)
        position = sentence.end


@pytest.mark.parametrize(
    "part", [".", "a. ", "\t", "a\t", "[", ".[a]", "|", "a\n", "。", "```\n", " ", "x.)", "A. ", "1. "]
)
def test_hostile_text_takes_time_linear_in_its_length(part: str) -> None:
    started = time.process_time()
    split(part * (200_000 // len(part)))
    assert time.process_time() - started < 4.0
