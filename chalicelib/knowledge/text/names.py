"""Names in a question, and the things that a question names.

Names are words with a capital inside a sentence. In German every noun has one, so there only words in capitals and
words after a title count; in scripts without capitals there are no names here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from chalicelib.knowledge.text import lexemes

Kind = Literal["code", "name"]


@dataclass(frozen=True, slots=True)
class Named:
    """A thing that a question names. `word` is as the question writes it; a text with one of `keys` holds it.

    `shape` is the form of a code, `aaa-99`: other things of this form are other things of its kind. `parts` are the
    words of a name, and of what may also be several things, `E 1042`: a text that holds all of them holds it.
    """

    word: str
    keys: frozenset[str]
    kind: Kind
    shape: str | None = None
    parts: tuple[Named, ...] = ()

    def is_in(self, terms: frozenset[str], text: str = "") -> bool:
        """Whether a text with these `terms` holds it. `text` shows names that are spelt out or inflected."""
        if not self.keys.isdisjoint(terms):
            return True
        if self.parts and all(part.is_in(terms, text) for part in self.parts):
            return True
        return self.kind == "name" and (
            self._is_inflected_in(terms) or self._is_spelt_out_in(text) or self._is_misspelt_in(terms)
        )

    def _is_inflected_in(self, terms: frozenset[str]) -> bool:
        return any(
            len(key) >= _LONG_NAME
            and any(term.startswith(key[:_LONG_NAME]) and abs(len(term) - len(key)) <= _ENDING for term in terms)
            for key in self.keys
        )

    def _is_misspelt_in(self, terms: frozenset[str]) -> bool:
        """Whether a long word of a text differs in a letter or two: Ghandi and Gandhi, but not Meier and Maier."""
        return any(
            len(key) >= _LONG_WORD
            and any(abs(len(term) - len(key)) <= 1 and _differ_little(key, term) for term in terms if term[0] == key[0])
            for key in self.keys
        )

    def _is_spelt_out_in(self, text: str) -> bool:
        """Whether words of `text` in a row begin with the letters of this abbreviation."""
        if not (self.word.isupper() and self.word.isalpha()):
            return False
        initials = "".join(word[0] for word in re.findall(r"[^\W\d_]+", text))
        return self.word.casefold() in initials.casefold()


_LONG_WORD = 6


def _differ_little(left: str, other: str) -> bool:
    """Whether one letter is wrong, missing or too many, or two are swapped or far apart."""
    start = next((i for i, (a, b) in enumerate(zip(left, other, strict=False)) if a != b), min(len(left), len(other)))
    end = next((i for i, (a, b) in enumerate(zip(left[::-1], other[::-1], strict=False)) if a != b), 0)
    return max(len(left), len(other)) - start - end <= 1 or (
        len(left) == len(other) and sorted(left) == sorted(other) and left[:1] == other[:1]
    )


# Inflected names share their beginning: Warschau and Warschauer, Polska and Polsce.
_LONG_NAME = 4
_ENDING = 4


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


WORDS = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_SENTENCE_START = re.compile(r"(?:^|[.!?:;\n\"“„«(])\s*[\"“„«(¿¡*-]*\s*$")
# How much of what stands before a word is looked at: blanks and marks between it and the end of a sentence.
CHARS_BEFORE = 40
# Words with a capital that name nothing, in English above all.
_COMMON = _words("""
    i i'm i'd i'll i've ok pdf faq url api ceo cfo cto hr it id please monday tuesday wednesday thursday friday
    saturday sunday january february march april may june july august september october november december
    english german french spanish chinese polish russian mr mrs ms dr prof herr frau
    american british european african asian indian french italian japanese roman greek latin western eastern northern
    southern united states kingdom nations new old world middle east west north south age war president minister member
    celsius fahrenheit internet english
""")
_GERMAN = _words("""
    welchem welchen welche welcher welches der das den dem des ein eine einen einem einer ist sind wie wer wem wen wo
    wann warum wessen wieviel viele wird werden hat haben für mit und oder nicht ich wir im zu zum zur auf gibt unter
""")
_TITLES = _words("""
    herr herrn frau dr prof firma
""")


def of(question: str) -> Iterator[Named]:
    """The names of a question; words in a row are one name, which a text holds if it has all of them."""
    run: list[re.Match[str]] = []
    for match in _name_words(question):
        if run and question[run[-1].end() : match.start()].strip(" "):
            yield from _name(question, run)
            run = []
        run.append(match)
    yield from _name(question, run)


def _name(question: str, run: Sequence[re.Match[str]]) -> Iterator[Named]:
    words = [(match[0], frozenset({*lexemes.terms(match[0]), *lexemes.alternatives(match[0])})) for match in run]
    parts = [Named(word, keys, "name") for word, keys in words if keys]
    if len(parts) == 1:
        yield parts[0]
    elif parts:
        yield Named(question[run[0].start() : run[-1].end()], frozenset(), "name", None, tuple(parts))


def _name_words(question: str) -> Iterator[re.Match[str]]:
    matches = list(WORDS.finditer(question))
    if not matches or question.isupper():
        return
    is_german = any(match[0].lower() in _GERMAN for match in matches)
    before = ""
    for match in matches:
        word, previous, before = match[0], before, match[0].lower()
        if not word[0].isupper() or word.lower() in _COMMON:
            continue
        in_capitals = word.isupper() and len(word) > 2
        start = match.start()
        starts = _SENTENCE_START.search(question, max(0, start - CHARS_BEFORE), start) is not None
        if not in_capitals and (starts or len(word) == 1 or (is_german and previous not in _TITLES)):
            continue
        yield match
