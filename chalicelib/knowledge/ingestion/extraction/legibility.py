"""Whether characters follow each other as in a text, in any language: noise has them in no order.

It judges bytes that were decoded by a guess. In a text, the letters of a word are of one script, a capital stands at
its beginning, and signs stand between words.
"""

from __future__ import annotations

import itertools
import unicodedata

from chalicelib.knowledge.ingestion.extraction import alphabets

# So many of the pairs of neighbours are out of order in noise, and so implausible are its letters (`alphabets`).
_MOST_DISORDER, _LEAST_PLAUSIBLE = 0.2, -0.2
_SPACE, _DIGIT, _SIGN, _SYMBOL, _MARK = "space", "digit", "sign", "symbol", "mark"
_OTHERS = frozenset((_SPACE, _DIGIT, _SIGN, _SYMBOL, _MARK))
# Scripts of which a text has several, and which are written without spaces.
_EAST = "EAST"
_SCRIPTS = dict.fromkeys(("CJK", "HIRAGANA", "KATAKANA", "FULLWIDTH", "IDEOGRAPHIC", "HANGUL"), _EAST)
# What stands beside letters: punctuation of all kinds, and characters of notations.
_BESIDE = frozenset(
    "-'\u2019.,:;!?()\"/&@_\u00b7\u2013\u2014\u2026\u00ab\u00bb\u201c\u201d\u201e\u2018\u201a\u2039\u203a\u00bf\u00a1*+=#%[]<>|\\~`\u00b4{}"
    "\u3001\u3002\u300c\u300d\uff08\uff09\u30fb\uff01\uff1f\uff0c\uff1a\uff1b\u300a\u300b"
)


def is_noise(text: str) -> bool:
    """Whether `text`, which was decoded by a guess, is no text in any language."""
    if disorder(text) > _MOST_DISORDER:
        return True
    letters = [_kind(character) for character in text if character > "\x7f" and character.isalpha()]
    if letters.count(_EAST) * 2 > len(letters):
        return False
    return max(alphabets.plausibility(text, latin=latin) for latin in (True, False)) < _LEAST_PLAUSIBLE


def disorder(text: str) -> float:
    """The share of pairs of neighbours that no text has, such as letters of two scripts; between 0 and 1."""
    pairs = [_out_of_order(first, second) for first, second in itertools.pairwise(text)]
    return sum(pairs) / len(pairs) if pairs else 0.0


def _out_of_order(first: str, second: str) -> float:
    """How odd a pair is, from 0 to 1."""
    before, after = _kind(first), _kind(second)
    both = {before, after}
    flips = first.islower() and second.isupper()
    is_letters = not both & _OTHERS
    if first <= "\x7f" and second <= "\x7f":
        # Programs and addresses write nearly everything.
        if is_letters:
            return 0.5 * flips
        is_odd = (_DIGIT in both and len(both - _OTHERS) == 1) or (both <= {_SIGN, _SYMBOL} and first != second)
        return 0.3 * is_odd
    if is_letters:
        return float(before != after or flips)
    if _SYMBOL in both:
        odd = 0.5 if first in alphabets.TYPOGRAPHIC or second in alphabets.TYPOGRAPHIC else 1.0
        return odd * (not both & {_SPACE, _DIGIT})
    if _MARK in both:
        return float(after == _MARK and before in _OTHERS)
    if both <= {_SIGN, _SPACE, _DIGIT}:
        return 0.0
    if _DIGIT in both:
        return 0.7 * (_EAST not in both)
    sign = first if before == _SIGN else second
    return 0.0 if _SPACE in both or sign in _BESIDE else 0.5


def _kind(character: str) -> str:
    """The script of a letter, or what another character is."""
    if character.isspace():
        return _SPACE
    category = unicodedata.category(character)
    if category[0] == "L":
        name = "LATIN" if character <= "\x7f" else unicodedata.name(character, "NONE").replace("-", " ").split(" ")[0]
        return _SCRIPTS.get(name, name)
    if category[0] == "M":
        return _MARK
    if category == "Nd":
        return _DIGIT
    return _SIGN if category[0] == "P" else _SYMBOL
