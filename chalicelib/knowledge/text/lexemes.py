"""Lexemes: the units of BM25, the same for documents and queries. bm25.py has the weights.

Terms come from text of any language. Words are case-folded, stripped of diacritics and, in English letters, stemmed.
Scripts without spaces between words, and Hangul, become overlapping pairs of characters. A word with a digit, an
underscore or a capital inside (`GW-4411`, `3.14`, `snake_case`, `camelCase`) is kept whole and also in parts, whole
without its separators; `C++` and `C#` are kept whole. What can be written in several ways has the same term in each:
spellings.py.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import md5
from itertools import islice, pairwise

from chalicelib.knowledge.text import phrases, spellings

# Lexemes are 29-bit numbers from 1: a sparsevec's dimensions must stay below 10^9.
DIMENSIONS = 1 << 29
MAX_QUERY_LEXEMES = 256
MAX_QUERY_WORDS = 32
MAX_TEXT_CHARS = 1 << 18
MAX_TERM_CHARS = 64
# Words whose terms a process remembers, and terms whose numbers it does: a few megabytes.
_REMEMBERED = 1 << 14

# English function words: they are frequent and carry no meaning. The list leaves out those that change the meaning,
# such as "not", and those that are also nouns, such as "can".
_STOP_WORDS = (
    "a about after all also am an and any are as at be because been before being between both but by could did do "
    "does doing during each for from further had has have having he her here hers him his how i if in into is it "
    "its itself me more most my of on or other our ours own same she should so some such than that the their "
    "theirs them then there these they this those through to too under until up us very was we were what when where "
    "which while who whom whose why will with would you your yours"
)
STOP_WORDS = frozenset(_STOP_WORDS.split())

# Optional marks: diacritics of Latin, Greek and Cyrillic, points of Hebrew, vowel marks and the tatweel of Arabic, the
# soft hyphen. Marks of other scripts, such as the vowels of Devanagari, are letters and stay.
_OPTIONAL = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0640\u064b-\u065f\u0670\u00ad]+"
)
# Han, kana, bopomofo, Hangul, Thai, Lao, Tibetan, Myanmar and Khmer, without their digits.
_UNSPACED = (
    "\u3005\u3007\u3031-\u3035\u3040-\u30ff\u3105-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff\u1100-\u11ff\u3131-\u318e\ua960-\ua97f\uac00-\ud7ff"
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf\u0f40-\u0fbc\u1000-\u103f\u1050-\u108f\u1780-\u17d3"
)
_JOINERS = re.compile(r"[-._+#]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_CAMEL_IN_CODE = re.compile(r"(?<=[a-z])(?=[A-Z])")
# English 's, 't, 'll and the like; French and Italian l', d', qu', but not the O' of Irish names.
_CLITIC = re.compile(r"(?<=\w)['’](?:s|t|d|m|ll|re|ve)\b", re.IGNORECASE)
_ELISION = re.compile(r"\b(?!O['’][A-Z])[^\W\d_]{1,2}['’](?=\w)")
# W.H.O and Ph.D, but not co.uk.
_ABBREVIATION = re.compile(r"(?=(?:[^.]+\.)*[^.](?:\.|\Z))[^\W\d_]{1,2}(?:\.[^\W\d_]{1,2})+")
_MAX_COMPOUND_PARTS = 3
_WORD = re.compile(r"[^\W\d_]+")
_FOREIGN_DIGIT = re.compile(r"[^\x00-\x7f\D]")


def terms(text: str) -> Iterator[str]:
    """The terms of `text`, repetitions included, each of 1 to `MAX_TERM_CHARS` characters.

    Those of words stand in order; those of what is longer than a word follow.
    """
    plain = normalised(text[:MAX_TEXT_CHARS])[:MAX_TEXT_CHARS]
    with_digits: dict[int, tuple[str, ...]] = {}
    for match in _matches(plain):
        candidate, kind = match[0], match.lastgroup
        if kind == "unspaced":
            yield from _pairs(candidate)
            continue
        read = _remembered if len(candidate) <= MAX_TERM_CHARS else _of_match
        of_match, has_digits = read(candidate, kind == "number")
        if has_digits:
            with_digits[match.start()] = of_match
        yield from of_match
    for start, _, keys in phrases.find(plain):
        known = with_digits.get(start, ())
        yield from (key[:MAX_TERM_CHARS] for key in keys if key not in known)


def _of_match(text: str, is_number: bool) -> tuple[tuple[str, ...], bool]:
    """The terms of a number or word, and whether it has digits."""
    return tuple(_number(text) if is_number else _word(text)), any(map(str.isdecimal, text))


# The same words come again and again, also in other texts.
_remembered = functools.lru_cache(maxsize=_REMEMBERED)(_of_match)


@functools.lru_cache(maxsize=_REMEMBERED)
def lexeme(term: str) -> int:
    """The stable id of a term, 1 to `DIMENSIONS`. Two terms have the same id with a probability of 2 in 10^9."""
    digest = md5(term.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
    return int.from_bytes(digest[:4], "big") % DIMENSIONS + 1


def tokens(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and kind of each candidate term of a text that is `normalised`: unspaced, number or word."""
    for match in _matches(text):
        yield match.start(), match.end(), match.lastgroup or "word"


def query_terms(text: str) -> tuple[list[int], list[int]]:
    """The distinct lexemes of a query and how often each occurs; at most the first `MAX_QUERY_LEXEMES`.

    Other spellings of its words count once each, where they are not words of the query themselves.
    """
    counts = Counter(lexeme(term) for term in terms(text))
    for term in alternatives(text):
        counts.setdefault(lexeme(term), 1)
    chosen = list(islice(counts.items(), MAX_QUERY_LEXEMES))
    return [key for key, _ in chosen], [frequency for _, frequency in chosen]


def alternatives(text: str) -> Iterator[str]:
    """Terms of other spellings of a query's words, which a document may have instead (spellings.py)."""
    composed = unicodedata.normalize("NFC", text[:MAX_TEXT_CHARS])
    for match in _WORD.finditer(composed):
        for other in spellings.alternatives_of_word(match[0], normalised(match[0]).casefold()):
            yield from _plain(normalised(other))
    for _, _, keys in spellings.alternatives(normalised(composed)):
        yield from (key[:MAX_TERM_CHARS] for key in keys)


def query_words(text: str) -> list[str]:
    """The beginnings of a query's distinct words, to be found in a lower-case text with spaces around its words.

    ``Which valves has P-17?`` gives `` valv`` and `` p-17 ``: a word with a digit stays whole, and words in scripts
    without spaces become pairs of characters. At most `MAX_QUERY_WORDS`.
    """
    results: dict[str, None] = {}
    plain_text = _ELISION.sub(" ", _CLITIC.sub(" ", unicodedata.normalize("NFC", text)))
    for match in _matches(plain_text):
        word, word_terms = match[0].lower(), list(terms(match[0]))
        if match.lastgroup == "unspaced":
            results.update(dict.fromkeys(word_terms))
        elif any(map(str.isdigit, word)):
            results[f" {word} "] = None
        elif word_terms:
            plain = normalised(word)
            alike = next(
                (i for i, (a, b) in enumerate(zip(plain, word_terms[0], strict=False)) if a != b), len(word_terms[0])
            )
            results[" " + (word[:alike] if alike > 2 and len(plain) == len(word) else word)] = None
    return list(islice(results, MAX_QUERY_WORDS))


def _matches(text: str) -> Iterator[re.Match[str]]:
    """The candidate terms. A text of ASCII alone is read in a third of the time, and the same is found in it."""
    return (_ascii_pattern() if text.isascii() else _unicode_pattern()).finditer(text)


@functools.cache
def _ascii_pattern() -> re.Pattern[str]:
    """As below, without the other scripts' letters and marks."""
    return re.compile(_candidates("", r"\w", r"\w++"))


@functools.cache
def _unicode_pattern() -> re.Pattern[str]:
    r"""The pattern of candidate terms. No part can be split in two ways, so that no text causes backtracking.

    `unspaced` is a run of a script without spaces, `number` a decimal outside of longer identifiers, `word` a run of
    letters, digits and underscores, with the hyphens and dots inside it.
    """
    # `\w` does not match combining marks; without them, words of Indic scripts would fall apart.
    marks = "".join(chr(c) for c in range(0x300, 0x1E000) if unicodedata.category(chr(c)) in {"Mn", "Mc"})
    letters = rf"[^\W{_UNSPACED}]"
    word = rf"{letters}++(?:[{marks}]++{letters}*+)*+"
    return re.compile(_candidates(rf"(?P<unspaced>[{_UNSPACED}]++)|", letters, word))


def _candidates(unspaced: str, letters: str, word: str) -> str:
    return (
        rf"{unspaced}(?P<number>\d++(?:[.,]\d++)++(?![-.]?{letters}))"
        rf"|(?P<word>{word}(?:[-.]{word})*+(?:\+\+|\#(?!\w))?)"
    )


@functools.cache
def _stem() -> Callable[[str], str]:
    import Stemmer  # type: ignore[import-not-found]

    stem: Callable[[str], str] = Stemmer.Stemmer("english").stemWord
    return stem


def normalised(text: str) -> str:
    """`text` without diacritics, optional marks, foreign digits and the clitics of words; its case stays."""
    if not text.isascii():
        text = _OPTIONAL.sub("", unicodedata.normalize("NFKD", text))
        text = unicodedata.normalize("NFC", text).translate(spellings.LETTERS)
        text = _FOREIGN_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), text)
    if "'" in text or "’" in text:
        text = _ELISION.sub(" ", _CLITIC.sub(" ", text))
    return text


def _pairs(run: str) -> Iterator[str]:
    if len(run) == 1:
        yield run
    for first, second in pairwise(run):
        yield first + second


def _number(text: str) -> Iterator[str]:
    return (key[:MAX_TERM_CHARS] for key in spellings.of_number(text))


def _word(text: str) -> Iterator[str]:
    parts = [part for joined in _JOINERS.split(text) for part in _CAMEL.split(joined) if part]
    whole = text.strip("_")
    if not parts:
        return
    if whole[-1] in "+#":
        yield whole.casefold()[:MAX_TERM_CHARS]
        if len(parts) == 1:
            return
    if any(map(str.isdecimal, whole)):
        stemmed = (_stemmed(key) if isinstance(key, spellings.Part) else key for key in spellings.of_code(whole))
        keys = dict.fromkeys(key[:MAX_TERM_CHARS] for key in stemmed)
        yield from keys
        apart = spellings.SEPARATORS.split(whole)
        parts_in_code = [part for joined in apart for part in _CAMEL_IN_CODE.split(joined) if part]
        if len(parts_in_code) > 1:
            yield from (term for part in parts_in_code for term in _plain(part) if term not in keys)
    elif len(parts) == 1:
        yield from _plain(parts[0])
    elif _ABBREVIATION.fullmatch(whole):
        yield whole.replace(".", "").casefold()[:MAX_TERM_CHARS]
    else:
        joined = "".join(parts)
        if "." not in whole and ("-" not in whole or len(parts) <= _MAX_COMPOUND_PARTS):
            yield _stemmed(joined.casefold())
        for part in parts:
            yield from _plain(part)


def _plain(text: str) -> Iterator[str]:
    folded = text.casefold()
    # WHO, IT and US in capitals are names; who, it and us are stop words.
    if folded in STOP_WORDS and not (len(text) > 1 and text.isupper()):
        return
    yield _stemmed(folded)


def _stemmed(folded: str) -> str:
    return (_stem()(folded) if folded.isascii() and folded.isalpha() else folded)[:MAX_TERM_CHARS]
