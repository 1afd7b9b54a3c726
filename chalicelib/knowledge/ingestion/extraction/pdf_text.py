"""Mending the text of PDF pages: hyphens at the ends of lines, and accents that are characters of their own."""

from __future__ import annotations

import re
import unicodedata

# PDFium replaces the hyphen of a word that is divided at a line's end with this character.
_DIVIDED, _LONGEST_WORD = "\ufffe", 60
# The accents of TeX's old fonts (OT1), which stand as signs before their letter, and those that follow it.
ACCENTS = {
    "\u00a8": "\u0308", "\u00b4": "\u0301", "\u0060": "\u0300", "\u02c6": "\u0302", "\u02dc": "\u0303",
    "\u00af": "\u0304", "\u02c9": "\u0304", "\u02d8": "\u0306", "\u02d9": "\u0307", "\u02da": "\u030a",
    "\u02dd": "\u030b", "\u02c7": "\u030c", "\u00b8": "\u0327", "\u02db": "\u0328",
}  # fmt: skip
_BESIDE = re.compile(rf"[^\W\d_][{''.join(ACCENTS)}]|[{''.join(ACCENTS)}][^\W\d_]")
# The shapes of Arabic letters in words, ligatures of them among these.
_PRESENTED = re.compile("[\ufb50-\ufdff\ufe70-\ufefc]+")
_DOTLESS = {"\u0131": "i", "\u0237": "j"}
# First parts that are hyphenated before any word, and words of one or two letters, which are never divided.
_COMPOUNDS = re.compile(
    r"(?:[A-Za-z]|non|self|ex|all|anti|co|cross|dual|half|high|low|long|short|well|ill|multi|pre|post|re|semi|sub|two"
    r"|three|four|five|six|ten|one|first|second|third|old|new|full|part|open|hard|soft|big|small|real|late|early|far"
    r"|near|deep|wide|large|fast|slow|right|left|air|fire|water|state|year|mid|quasi|pseudo|vice|know|up|down|off|on"
    r"|out|over|under|by|in|to|so|add|follow|check|built|set|back|stand|log|sign|turn)",
    re.IGNORECASE,
)


def joined(text: str) -> str:
    """`text` with words put together that are divided at a line's end; the hyphens of compounds are kept."""
    first, *parts = text.split(_DIVIDED)
    output = [first]
    for part in parts:
        output.append(("-" if _keeps_hyphen(_last_word(output[-1]), part[:1]) else "") + part)
    return _PRESENTED.sub(lambda match: unicodedata.normalize("NFKC", match[0]), "".join(output))


def _last_word(text: str) -> str:
    start = len(text)
    while start and text[start - 1].isalnum() and len(text) - start < _LONGEST_WORD:
        start -= 1
    return text[start:]


def _keeps_hyphen(before: str, after: str) -> bool:
    """Whether a word keeps the hyphen at its line's end, between its first part and the letter after it."""
    if not after.islower() or not before:
        return True
    return before[-1].isdigit() or before.isupper() or _COMPOUNDS.fullmatch(before) is not None


def has_accents(text: str) -> bool:
    """Whether signs of accents stand beside letters: they may be drawn over them."""
    return _BESIDE.search(text) is not None


def accented(letter: str, accent: str) -> str:
    """A letter with an accent as one character; "" where there is none."""
    whole = unicodedata.normalize("NFC", _DOTLESS.get(letter, letter) + ACCENTS[accent])
    return whole if len(whole) == 1 and letter.isalpha() else ""
