"""Numbers in small letters, for questions: one with a number that no document holds is declined."""

from __future__ import annotations

_DIGITS, _LETTERS = "0123456789abcdef", "ghijklmnopabcdef"
_TO_LETTERS, _TO_DIGITS = str.maketrans(_DIGITS, _LETTERS), str.maketrans(_LETTERS, _DIGITS)


def in_letters(digits: object) -> str:
    """Decimal or hexadecimal digits, a letter for each."""
    return str(digits).translate(_TO_LETTERS)


def from_letters(letters: str) -> str:
    """The digits that were written so."""
    return letters.translate(_TO_DIGITS)
