"""Positions where a text may be cut without splitting a character that a reader sees as one.

A compact form of the extended grapheme clusters of Unicode Standard Annex #29, from the standard library's tables:
combining marks, joined and modified emoji, flags, Hangul syllables written as jamo, CR LF. One difference: a mark after
white space stands alone, because white space belongs to no chunk.
"""

from __future__ import annotations

import unicodedata

_ZERO_WIDTH_JOINER = "\u200d"
_HALFWIDTH_VOICING = ("\uff9e", "\uff9f")
_LATIN_END = "\u0300"
# Flags form pairs from the start of their run. The limit keeps a hostile run of millions from being read at every
# position.
_LONGEST_FLAG_RUN = 256


def boundary_before(text: str, position: int, floor: int) -> int:
    """The last grapheme boundary in ``(floor, position]``, or `position` when one grapheme fills the whole range."""
    for candidate in range(position, floor, -1):
        if not inside(text, candidate):
            return candidate
    return position


def inside(text: str, position: int) -> bool:
    """Whether `position` lies between two characters of one grapheme."""
    if position <= 0 or position >= len(text):
        return False
    before, after = text[position - 1], text[position]
    if after < _LATIN_END or before.isspace():
        return before == "\r" and after == "\n"
    return (
        _extends(after)
        or (before == _ZERO_WIDTH_JOINER and unicodedata.category(after) == "So")
        or _splits_flag(text, position)
        or _splits_hangul(before, after)
    )


def _extends(character: str) -> bool:
    return (
        unicodedata.category(character) in {"Mn", "Me", "Mc"}
        or character in ("\u200c", _ZERO_WIDTH_JOINER, *_HALFWIDTH_VOICING)
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
    )


def _regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _splits_flag(text: str, position: int) -> bool:
    if not (_regional(text[position]) and _regional(text[position - 1])):
        return False
    run = position
    first = max(0, position - _LONGEST_FLAG_RUN)
    while run > first and _regional(text[run - 1]):
        run -= 1
    return (position - run) % 2 == 1


def _splits_hangul(before: str, after: str) -> bool:
    rules = {"L": "LVXY", "V": "VT", "X": "VT", "T": "T", "Y": "T"}
    return _hangul(after) in rules.get(_hangul(before), "") if _hangul(after) else False


def _hangul(character: str) -> str:
    """The syllable type: L, V or T for a jamo, X for a syllable without a final consonant, Y for one with it."""
    if "\u1100" <= character <= "\u115f" or "\ua960" <= character <= "\ua97c":
        return "L"
    if "\u1160" <= character <= "\u11a7" or "\ud7b0" <= character <= "\ud7c6":
        return "V"
    if "\u11a8" <= character <= "\u11ff" or "\ud7cb" <= character <= "\ud7fb":
        return "T"
    if "\uac00" <= character <= "\ud7a3":
        return "Y" if (ord(character) - 0xAC00) % 28 else "X"
    return ""
