"""Identifiers: the things that a question names, and whether a text holds them.

A question names a thing by a word with a digit (a code, a number, a date, a version, a phone number) or by a name. A
text holds it when it has one of its keys (spellings.py), so any spelling counts. `E1043` does not hold `E1042`, and
`2025` does not hold `2024`. What is asked about such a thing must be answered from a text that holds it.

names.py has the names.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from chalicelib.knowledge.text import lexemes, names, phrases, spellings
from chalicelib.knowledge.text.names import Kind, Named

MAX_NAMED = 16
_MAX_QUESTION_CHARS = 2_000


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The phrases whose words may also be things of their own.
_LOOSE = frozenset({"phone_number", "spaced_code", "spaced_digits", "slashed_code", "apart"})
_NAMES = frozenset({"initials", "name_with_apostrophe"})


def named(question: str) -> list[Named]:
    """What `question` names, codes before names; at most `MAX_NAMED` of each."""
    plain = lexemes.normalised(unicodedata.normalize("NFC", question[:_MAX_QUESTION_CHARS]))
    codes = list(islice(_things(plain), MAX_NAMED))
    # The letters of a code are no name of their own.
    proper = (
        name for name in names.of(question[:_MAX_QUESTION_CHARS]) if not any(name.word in code.word for code in codes)
    )
    return codes + list(islice(proper, MAX_NAMED))


def codes_in(text: str) -> list[Named]:
    """The things in a text that have a shape, in order, to compare them with those of a question."""
    plain = lexemes.normalised(text)
    return [thing for thing in _things(plain) if thing.shape] if any(map(str.isdecimal, plain)) else []


def _things(plain: str) -> Iterator[Named]:
    """The codes and phrases of a normalised text, in order; a longer phrase takes what is inside it."""
    words = list(_codes(plain))
    results: list[tuple[int, Named]] = []
    covered = -1
    for start, end, rule, keys in sorted(_phrases(plain), key=lambda each: (each[0], -each[1])):
        if start < covered:
            continue
        covered = end
        words = [each for each in words if not (start <= each[0] and each[1] <= end)]
        word = plain[start:end].strip()
        kind: Kind = "name" if rule in _NAMES else "code"
        parts = tuple(_tokens(plain, start, end)) if rule in _LOOSE else ()
        results.append((start, Named(word, frozenset(keys), kind, _shape(word, keys), parts)))
    results += [(start, code) for start, _, code in words]
    results.sort(key=lambda each: each[0])
    return (thing for _, thing in results)


def _tokens(plain: str, start: int, end: int) -> Iterator[Named]:
    for at, to, _ in lexemes.tokens(plain[start:end]):
        word = plain[start + at : start + to]
        yield Named(word, frozenset([word.casefold()]), "code")


def _phrases(plain: str) -> Iterator[tuple[int, int, str, Sequence[str]]]:
    for rule in phrases.RULES:
        for match in rule.pattern.finditer(plain):
            keys = [key for key in rule.keys(match) if not isinstance(key, spellings.Part)]
            if rule.name.endswith("_date"):
                # A day has the key of its month, too, and that is not the day.
                keys = [key for key in keys if key.count("-") == 2] or keys
            if keys:
                yield match.start(), match.end(), rule.name, keys
    for start, end, joined in spellings.alternatives(plain):
        letters = re.match(r"[^\W\d_]+", plain[start:end])
        # `e 1042` and `GW 4411`, but not `top 10` or `a 747`.
        if letters and (letters[0].isupper() or len(letters[0]) == 1) and letters[0].lower() not in lexemes.STOP_WORDS:
            yield start, end, "apart", joined


def _codes(plain: str) -> Iterator[tuple[int, int, Named]]:
    for start, end, kind in lexemes.tokens(plain):
        word = plain[start:end].strip("_")
        if not any(map(str.isdecimal, word)) or _ORDINAL.fullmatch(word) or _is_count(plain, start, end):
            continue
        forms = spellings.of_number(word) if kind == "number" else spellings.of_code(word)
        keys = [key for key in forms if not isinstance(key, spellings.Part)]
        if year := _FISCAL_YEAR.fullmatch(word):
            keys.append(year[1] if len(year[1]) == 4 else f"20{year[1]}")
        elif amount := _AMOUNT.fullmatch(word):
            keys.append(amount[1].replace(",", "."))
        ends = [part for part in word.split("-") if len(part) > _COUNTED_DIGITS] if _RANGE.fullmatch(word) else []
        parts = tuple(Named(part, frozenset([part]), "code") for part in ends)
        yield start, end, Named(word, frozenset(keys), "code", _shape(word, keys), parts)


# 19th and 1990s are said in other ways, too.
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th|s|er|ème|e)", re.IGNORECASE)
_FISCAL_YEAR = re.compile(r"[A-Za-z]{1,3}((?:19|20)\d\d|(?<=FY)\d\d)")
_AMOUNT = re.compile(r"(\d+(?:[.,]\d+)?)(?:[a-z]{1,3}|[A-Z][a-z]?)")
_RANGE = re.compile(r"\d{1,4}-\d{1,4}")
_COUNTED_DIGITS = 2
_SHORT_NUMBER = re.compile(r"\d{1,2}(?:-\d{1,2})?")
_WORD_BEFORE = re.compile(r"([^\W\d_]{2,})[ .#-]*$")
_WORD_AFTER = re.compile(r"[ -]*([^\W\d_]+|%)")


def _is_count(plain: str, start: int, end: int) -> bool:
    """Whether a short number counts something, 3 reasons, and does not name something, step 3."""
    if not _SHORT_NUMBER.fullmatch(plain, start, end):
        return False
    before = _WORD_BEFORE.search(plain, max(0, start - 40), start)
    after = _WORD_AFTER.match(plain, end)
    follows_noun = before is not None and before[1].casefold() not in lexemes.STOP_WORDS | _COUNTING
    counts_noun = after is not None and after[1].casefold() not in lexemes.STOP_WORDS | _LINKING
    return not follows_noun or counts_noun


_COUNTING = _words("""
    than least most only top first last next past every list give name show over about exactly nearly max min
    über mindestens höchstens alle zwei les des los las plus moins
""")
_LINKING = _words("""
    say mean require der die das ist im in am von und du de la le en del y et est is am pm
""")


def _shape(word: str, keys: Sequence[str]) -> str | None:
    """The form of a code: its first letters, then 9 for digits and a for letters. A short number has no form."""
    if any(re.fullmatch(r"\d{4}-\d\d(?:-\d\d)?", key) for key in keys):
        return "date"
    if any(re.fullmatch(r"(?:19|20)\d\d", key) for key in keys):
        return "year"
    if re.fullmatch(r"[vV]?\d+(?:\.\d+){2,}", word):
        return f"dotted {word.count('.')}"
    key = max(keys, key=len, default="")
    if key.isdecimal():
        return "long number" if len(key) >= spellings.LONG_NUMBER else None
    if not any(map(str.isalpha, key)):
        return None
    # GW-4411-A and GW-4411-B have one form, E1042 and P17 have not.
    letters = re.match(r"[^\W\d_]*", key)
    prefix = letters[0] if letters else ""
    return prefix + re.sub(r"[^\W\d_]+", "a", re.sub(r"[\d.]+", "9", key[len(prefix) :]))


# --- what no text holds -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Texts:
    """The texts that are searched for what a query says, as their terms together."""

    terms: frozenset[str]
    text: str = field(default="")

    @classmethod
    def of(cls, texts: Sequence[str]) -> Texts:
        """The texts' terms and themselves."""
        return cls(frozenset(term for text in texts for term in lexemes.terms(text)), "\n".join(texts))


def missing_words(query: str, texts: Sequence[str]) -> list[str]:
    """The words of `query` that none of `texts` holds, in any spelling or inflection, in the query's order."""
    known = Texts.of(texts)
    things = named(query)
    absent = {thing.word for thing in things if not thing.is_in(known.terms, known.text)}
    results = [thing.word for thing in things if thing.word in absent]
    for match in names.WORDS.finditer(query[:_MAX_QUESTION_CHARS]):
        word, own = match[0], set(lexemes.terms(match[0]))
        if any(word in thing.word or lexemes.normalised(word) in thing.word for thing in things):
            continue
        if own and own.union(lexemes.alternatives(word)).isdisjoint(known.terms):
            results.append(word)
    return sorted(dict.fromkeys(results), key=lambda word: _place(query, word))


def _place(query: str, word: str) -> int:
    at = query.find(word)
    return at if at >= 0 else len(query)
