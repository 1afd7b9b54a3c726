"""Spellings: one key for every way to write an identifier, a number, a date or a name.

A key is a term of BM25 (lexemes.py), and the evidence that a chunk holds what a question names (identifiers.py):
`GW-4411-B` and `GW4411B` have the key `gw4411b`, `31.12.2028` and `31 December 2028` the key `2028-12-31`. The texts
here are normalised: no diacritics, ASCII digits (`lexemes.normalised`).

What stands for a part alone is a `Part`: 2028 for 31.12.2028, or 10.20.30 for 10.20.30.40.

lexemes.py finds words, and asks `of_number` and `of_code` for the keys of those with digits. phrases.py has the rules
for what contains white space. `alternatives` are for queries alone: an index with them would grow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator


class Part(str):
    """A key that a thing has besides its own: whoever asks for the part finds it, and the part is not the thing."""

    __slots__ = ()


# --- letters ----------------------------------------------------------------------------------------------------------

# Letters that Unicode does not decompose, as they are written without them. Case folding makes ss of the sharp s.
LETTERS = str.maketrans(
    {
        "ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "ı": "i", "ħ": "h", "Ħ": "H",
        "ŧ": "t", "Ŧ": "T", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "þ": "th", "Þ": "Th", "ŋ": "n", "Ŋ": "N",
        "ə": "e", "Ə": "E", "ɓ": "b", "Ɓ": "B", "ɗ": "d", "Ɗ": "D", "ƙ": "k", "Ƙ": "K", "ƴ": "y", "Ƴ": "Y",
    }
)  # fmt: skip
# What German and the Nordic languages write where these letters are missing: Mueller, Soeren, Aarhus.
_TRANSCRIBED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
# A vowel or q before `ue` shows that it is no umlaut: neue, Bauer, Quelle.
_UMLAUT = re.compile(r"(?<![aeiouq])ue|(?<![aeiou])[ao]e|aa")


def alternatives_of_word(word: str, folded: str) -> Iterator[str]:
    """Other spellings of a query's word, given as it is written and as `lexemes.normalised` folds it."""
    lower = word.lower()
    if (transcribed := lower.translate(_TRANSCRIBED)) != lower:
        yield transcribed
    if folded.isalpha() and folded.isascii() and len(folded) > 3:
        plain = _UMLAUT.sub(lambda match: match[0][0], folded)
        if plain != folded:
            yield plain


# --- numbers and dates ------------------------------------------------------------------------------------------------

_DATE_BY_DOTS = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4}|\d\d)")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_THOUSANDS_BY_DOTS = re.compile(r"[1-9]\d{0,2}(?:(?:\.\d{3})+(?:,\d+)|(?:\.\d{3}){1,5})")
# 1112.22.333 is a number in groups; no version is so long.
_LONG_DOTTED = 9
_DECIMAL = re.compile(r"\d+[.,]\d+")


def of_number(text: str) -> Iterator[str]:
    """Keys of digits with dots or commas inside: a number, a date, a version, an address and its beginnings."""
    if day := _DATE_BY_DOTS.fullmatch(text):
        keys = list(date(day[3], day[2], day[1]))
        yield from keys
        if keys and len(day[3]) == 4:
            return
    if _THOUSANDS.fullmatch(text):
        yield from number(text.replace(",", ""))
        return
    if _THOUSANDS_BY_DOTS.fullmatch(text):
        yield from number(text.replace(".", "").replace(",", "."))
        # 1.500 is also one and a half, and 192.168.100.200 an address.
        if "," in text:
            return
    if _DECIMAL.fullmatch(text):
        yield from number(text.replace(",", "."))
    elif "," in text:
        yield from (part for part in re.split("[.,]", text) if part)
    else:
        yield from _beginnings(text)
        if len(joined := text.replace(".", "")) >= _LONG_DOTTED:
            yield joined


def number(text: str) -> Iterator[str]:
    """A number with a decimal point, and the whole number that two zeros are written behind."""
    yield text
    if text.endswith(".00"):
        yield text[:-3]


def _beginnings(dotted: str) -> Iterator[str]:
    """10.20.30.40, 10.20.30 and 10.20: of an address its network, of a version its line. At most five."""
    parts = dotted.split(".")
    yield dotted
    for count in range(min(len(parts) - 1, 5), 1, -1):
        yield Part(".".join(parts[:count]))


def date(year: str, month: str, day: str) -> Iterator[str]:
    """The keys of a date: itself, its month and its year. None if there is no such date."""
    if 1 <= int(month) <= 12 and 1 <= int(day) <= 31:
        full_year = year if len(year) == 4 else f"20{year}" if int(year) < 70 else f"19{year}"
        if full_year[:2] in ("19", "20", "18", "17", "21"):
            yield f"{full_year}-{int(month):02}-{int(day):02}"
            yield Part(f"{full_year}-{int(month):02}")
            yield Part(full_year)


# --- words with digits ------------------------------------------------------------------------------------------------

_VERSION = re.compile(r"[vV]?(\d+(?:\.\d+)+)")
_RELEASE = re.compile(r"v\d+\.\d")
_DOTTED_INSIDE = re.compile(r"(?<![\d.])\d+(?:\.\d+)+(?![\d.])")
_DATE_BY_HYPHENS = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_DATE_TOGETHER = re.compile(r"((?:19|20)\d\d)(\d\d)(\d\d)")
SEPARATORS = re.compile(r"[-_+#]|\.(?!\d)|(?<!\d)\.")
# What of E1042 or COVID19 stands for itself; shorter letters and digits say too little, and a long code is arbitrary.
_RUNS = re.compile(r"[^\W\d_]{3,}|\d{3,}")
_LONG_CODE = 20
LONG_NUMBER = 7


def of_code(word: str) -> Iterator[str]:
    """Keys of a word with a digit: GW-4411-B, v2.3.1, E1042, 2026-03-14, python3.11. The first is the whole one."""
    if version := _VERSION.fullmatch(word):
        yield from _beginnings(version[1])
        return
    if day := _DATE_BY_HYPHENS.fullmatch(word):
        keys = list(date(*day.groups()))
        yield from keys
        if keys:
            return
    joined = SEPARATORS.sub("", word).casefold()
    if _RELEASE.match(joined):
        joined = joined[1:]
    if joined.isdecimal() and len(joined) < LONG_NUMBER:
        yield word  # 10-20 is not 1020
    else:
        yield joined
        yield from (Part(key) for dotted in _DOTTED_INSIDE.findall(word) for key in _beginnings(dotted))
    if day := _DATE_TOGETHER.fullmatch(joined):
        yield from list(date(*day.groups()))[:1]
    if joined.isdecimal() and joined[0] == "0" and len(joined) >= LONG_NUMBER - 1:
        yield joined.lstrip("0") or "0"
    if joined[0] == "v" and joined[1:].isdecimal():
        yield Part(joined[1:])
    elif len(joined) <= _LONG_CODE:
        yield from (Part(run) for run in _RUNS.findall(word.casefold()) if run != joined)


# --- queries ----------------------------------------------------------------------------------------------------------

# The codes of countries are prefix-free: 1 and 7, these of two digits, the others of three (ITU-T E.164).
_TWO_DIGIT_COUNTRIES = (
    "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 "
    "91 92 93 94 95 98"
)
_COUNTRIES = frozenset(_TWO_DIGIT_COUNTRIES.split())


def without_country(digits: str) -> str:
    """The digits of a phone number after the code of its country."""
    length = 1 if digits[0] in "17" else 2 if digits[:2] in _COUNTRIES else 3
    return digits[length:]


_APART = re.compile(r"(?<![\w.,-])(?:[A-Za-z]{1,4} \d[\dA-Za-z]*+(?: [A-Za-z]{1,2}(?!\w))?+|\d++ [A-Za-z]{1,3}(?!\w))")
_BARE = re.compile(r"(?<![\w.,+-])\d{10,15}(?![\w.,-])")


def alternatives(text: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """More keys for a query, as `phrases.find` has them: `gw 4411 b` joined, a long number without its country."""
    for match in _APART.finditer(text):
        yield match.start(), match.end(), (match[0].replace(" ", "").casefold(),)
    for match in _BARE.finditer(text):
        yield match.start(), match.end(), (without_country(match[0].lstrip("0") or "0").lstrip("0"),)
