"""Phrases: the rules for spellings that are longer than a word, such as `14 March 2026` and `+49 30 123 45 67`.

Each rule is a pattern and a function that makes the keys of a match (spellings.py); its docstring says what it makes
equal. A pattern takes a bounded number of words, so that no text is slow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from chalicelib.knowledge.text import spellings


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its pattern, the keys of a match, and, in the docstring of its function, what it makes equal.

    Each match of the pattern has a match of `hint` in it. A hint is found or missed in a tenth of the pattern's time.
    """

    name: str
    hint: re.Pattern[str]
    pattern: re.Pattern[str]
    keys: Callable[[re.Match[str]], Iterator[str]]


RULES: list[Rule] = []


def _rule(
    hint: str, pattern: str, flags: int = 0
) -> Callable[[Callable[[re.Match[str]], Iterator[str]]], Callable[[re.Match[str]], Iterator[str]]]:
    def register(keys: Callable[[re.Match[str]], Iterator[str]]) -> Callable[[re.Match[str]], Iterator[str]]:
        RULES.append(Rule(keys.__name__, re.compile(hint, flags), re.compile(pattern, flags | re.VERBOSE), keys))
        return keys

    return register


def _day_or_month(year: str, month: str, day: str | None) -> Iterator[str]:
    """The date without its year, which is a word of its own here; without a day, the month."""
    keys = list(spellings.date(year, month, day or "1"))
    yield from keys[:2] if day else map(str, keys[1:2])


_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar jan janvier janv enero ene gennaio gen janeiro januari stycznia styczen sty",
            "feb february februar fevrier fevr febrero febbraio fevereiro februari lutego luty lut fev",
            "mar march marz maerz mars marzo marco maart mrt marca marzec",
            "apr april avril avr abril abr aprile kwietnia kwiecien kwi",
            "may mai mayo maggio mag maio mei maj maja",
            "jun june juni juin junio giugno giu junho czerwca czerwiec cze",
            "jul july juli juillet juil julio luglio lug julho lipca lipiec lip",
            "aug august aout agosto ago augustus augusti sierpnia sierpien sie",
            "sep sept september septembre septiembre settembre setembro wrzesnia wrzesien wrz",
            "oct okt october oktober octobre octubre ottobre ott outubro pazdziernika pazdziernik paz",
            "nov november novembre noviembre novembro listopada listopad lis",
            "dec dez december dezember decembre diciembre dic dicembre dezembro grudnia grudzien gru",
        ),
        1,
    )
    for name in names.split()
}


def _longest_first(names: Iterator[str]) -> str:
    return "|".join(sorted(names, key=len, reverse=True))


# Grouped by the first letter: Python tries every alternative at every word of a text.
_MONTH = "|".join(
    f"{initial}(?:{_longest_first(name[1:] for name in _MONTHS if name[0] == initial)})"
    for initial in sorted({name[0] for name in _MONTHS})
)


@_rule(
    r"[ -]\d{4}",
    rf"""\b (?: (?P<day>\d{{1,2}}) (?:st|nd|rd|th|er|\.)? [ -] (?:de[ ]|of[ ])? )? (?P<month>{_MONTH})\b \.?
        (?: [ ] (?P<after>\d{{1,2}}) (?:st|nd|rd|th)?,? )? ,? [ -] (?:del?[ ]|of[ ])? (?P<year>\d{{4}}) \b""",
    re.IGNORECASE,
)
def written_date(match: re.Match[str]) -> Iterator[str]:
    """14 March 2026, March 14, 2026, 14. März 2026, 14 de marzo de 2026 and March 2026, as 2026-03-14 and 2026-03."""
    month = str(_MONTHS[match["month"].lower()])
    day = match["day"] or match["after"]
    yield from _day_or_month(match["year"], month, day)


@_rule(r"\d[/-]\d", r"(?<![\w/.-]) (\d{1,4}) ([/-]) (\d{1,2}) \2 (\d{4}|\d\d) (?![\w/-])")
def slashed_date(match: re.Match[str]) -> Iterator[str]:
    """14/03/2026, 03/14/2026, 2026/3/14 and 14-03-2026, as 2026-03-14. 03/04/2026 is in April or in March."""
    first, middle, last = match[1], match[3], match[4]
    if len(first) == 4:
        if len(last) == 2:
            yield from spellings.date(first, middle, last)
        return
    if len(first) < 3 and (len(last) == 4 or match[2] == "/"):
        yield from dict.fromkeys((*spellings.date(last, middle, first), *spellings.date(last, first, middle)))


@_rule("[年년]", r"(\d{4}) [年년] [ ]? (\d{1,2}) [月월] (?: [ ]? (\d{1,2}) [日일] )?")
def ideographic_date(match: re.Match[str]) -> Iterator[str]:
    """2026年3月14日 and 2026년 3월 14일, as 2026-03-14."""
    yield from _day_or_month(match[1], match[2], match[3])


@_rule(r"\d[ '’]\d{3}", r"(?<![\w.,']) [1-9]\d{0,2} (?:([ '’])\d{3}(?:\1\d{3}){0,5}) (?:[.,]\d++)? (?![\w'])(?![ ]\d)")
def spaced_number(match: re.Match[str]) -> Iterator[str]:
    """1 234 567,89 and 1'234'567.89, as 1234567.89."""
    yield from spellings.number(re.sub("[ '’]", "", match[0]).replace(",", "."))


_FRACTION = re.compile(r"0\.\d")


@_rule(
    r"\d[\d ()/.-]{5}",
    r"""(?<![\w.+/-]) (?: \+[ ]? | \(\+?(?=\d) | (?=0) | (?=\d{3}[-. ]\d{3}[-. ]\d{4}(?!\w)) )
        \d [\d ()/.-]{5,24} (?<=\d) (?!\w)""",
)
def phone_number(match: re.Match[str]) -> Iterator[str]:
    """+49 (0)30 123-4567, 0049 30 1234567 and 030 / 123 45 67, as 301234567: without its country and leading zeros."""
    digits = re.sub(r"\D", "", match[0].replace("(0)", ""))
    if not spellings.LONG_NUMBER <= len(digits) <= 17 or _FRACTION.match(match[0]) or _DAY.fullmatch(match[0]):
        return
    if match[0].lstrip("(").startswith("+"):
        yield spellings.without_country(digits).lstrip("0")
    elif digits.startswith("00"):
        yield spellings.without_country(digits[2:]).lstrip("0")
    elif digits.startswith("0"):
        yield digits.lstrip("0")
    else:
        yield digits


@_rule(
    r"\d{2} ?[A-Z0-9]{4} ?[A-Z0-9]{4}",
    r"(?<![\w+-]) [A-Z]{2}\d{2} (?: [ ]?[A-Z0-9]{4} ){2,7} (?: [ ]?[A-Z0-9]{1,3} )? (?!\w)",
    re.IGNORECASE,
)
def bank_account(match: re.Match[str]) -> Iterator[str]:
    """DE89 3704 0044 0532 0130 00, as de89370400440532013000, and without the country and its check digits."""
    joined = match[0].replace(" ", "").casefold()
    if sum(map(str.isdecimal, joined)) >= 10:
        yield joined
        yield spellings.Part(joined[4:])


@_rule(r"[A-Z][ -]?\d", r"(?<![\w+.,-]) [A-Z]{1,4} [ -]? \d[\dA-Z]*+ (?: [ .-] \d[\dA-Z]*+ ){0,8} (?![\w,])")
def spaced_code(match: re.Match[str]) -> Iterator[str]:
    """E 1042, GB 123 4567 89 and CHE-123.456.789, as e1042, gb123456789 and che123456789."""
    if " " in match[0] or "." in match[0]:
        yield re.sub("[ .-]", "", match[0]).casefold()


_YEARS = re.compile(r"(?:(?:1[789]|20)\d\d[ /-]?)+")
# 1/2 is a fraction.
_LEAST_SLASHED = 5
_DAY = re.compile(r"\d{1,2}([/.-])\d{1,2}\1(?:\d{4}|\d\d)|\d{4}([/-])\d{1,2}\2\d{1,2}")


@_rule(r"\d[A-Z]{0,2}[ /.-]\d", r"(?<![\w+.,/-]) \d+[A-Z]{0,2} (?: [ /.-] \d+[A-Z]{0,2} ){1,12} (?! [\w/-] | [.,]\d )")
def spaced_digits(match: re.Match[str]) -> Iterator[str]:
    """4111 1111 1111 1111 and 181/815/0815, as 4111111111111111 and 1818150815. Lists of years stay apart."""
    joined = re.sub("[ /.-]", "", match[0]).casefold()
    if (
        spellings.LONG_NUMBER <= len(joined) <= 30
        and re.search("[ /-]", match[0])
        and not (_YEARS.fullmatch(match[0]) or _DAY.fullmatch(match[0]))
    ):
        yield joined


@_rule(r"\d/\d", r"(?<![\w./-]) (?: [A-Z]{1,4}[/-]? )? \d+ (?: /\d+ ){1,4} (?![\w/-])")
def slashed_code(match: re.Match[str]) -> Iterator[str]:
    """C-2023/045, ZG/1204/26 and 4711/2026, as c2023045, zg120426 and 47112026."""
    joined = re.sub("[/-]", "", match[0]).casefold()
    if len(joined) >= _LEAST_SLASHED and not (_YEARS.fullmatch(match[0]) or _DAY.fullmatch(match[0])):
        yield joined


@_rule(
    r":[0-9a-f]{2}:|\.[0-9a-f]{4}\.",
    r"(?<![\w:]) (?: [0-9a-f]{2} (?: :[0-9a-f]{2} ){5} | [0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4} ) (?![\w:])",
    re.IGNORECASE,
)
def hardware_address(match: re.Match[str]) -> Iterator[str]:
    """00:1A:2B:3C:4D:5E and 001a.2b3c.4d5e, as 001a2b3c4d5e."""
    yield re.sub("[:.]", "", match[0]).casefold()


@_rule("&", r"\b ([A-Z]{1,3}) [ ]?&[ ]? ([A-Z]{1,3}) \b")
def initials(match: re.Match[str]) -> Iterator[str]:
    """AT&T and R & D, as att and rd."""
    yield f"{match[1]}{match[2]}".casefold()


@_rule("O['’]", r"\b (O)['’] ([A-Z][a-z]+)")
def name_with_apostrophe(match: re.Match[str]) -> Iterator[str]:
    """O'Brien, as obrien."""
    yield f"{match[1]}{match[2]}".casefold()


_DIGIT_OR_RARE = re.compile(r"[\d&'’]")


def find(text: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """What the rules find in `text`: its start, its end, its keys."""
    if not _DIGIT_OR_RARE.search(text):
        return
    for rule in RULES:
        if not rule.hint.search(text):
            continue
        for match in rule.pattern.finditer(text):
            if keys := tuple(rule.keys(match)):
                yield match.start(), match.end(), keys
