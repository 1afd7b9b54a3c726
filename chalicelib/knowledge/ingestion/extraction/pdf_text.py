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
    r"(?:[A-Za-z]|non|self|ex|all|anti|co|cross|dual|half|high|low|long|short|well|ill|multi|post|semi|two|three|four"
    r"|five|six|ten|one|first|second|third|old|new|full|open|hard|soft|big|small|real|late|early|far|near|deep|wide"
    r"|large|fast|slow|right|left|air|fire|water|year|mid|quasi|pseudo|vice|know|down|off|on|by|follow|check|built)",
    re.IGNORECASE,
)
# First parts that are more often a syllable of a longer word, as in "in-formation", with what they are compounds with.
_SYLLABLES = re.compile(
    r"in-(?:house|depth|line|person|situ|built|app)|to-do|so-called|re-e\w*|pre-(?:e\w*|trained|process\w*|defined|war)"
    r"|sub-(?:zero|saharan)|over-the|out-of|up-(?:to|front)|back-(?:up|end|to)|set-(?:up|top)|log-(?:in|on|normal)"
    r"|sign-(?:in|up|on|off)|stand-(?:alone|by|in|up)|state-(?:of|owned|run)|part-timer?|turn-(?:key|on|off)|add-(?:ons?|in)",
    re.IGNORECASE,
)
_ENDING = re.compile(r"(?:y|ly|ment|ments|ing|ness|ity|ise|ize|ised|ized|ed|er|ers|ful|less|ship|hood)\b")
_WORDS = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_BEGINNING = re.compile(r"[^\W\d_]{1,60}")
_MOST_KNOWN = 200_000


def joined(text: str, known: set[str] | None = None) -> str:
    """`text` with words put together that are divided at a line's end; the hyphens of compounds are kept.

    What the document writes elsewhere decides: `known` has the words of its former pages, to which those of `text` are
    added.
    """
    known = set() if known is None else known
    first, *parts = text.split(_DIVIDED)
    if len(known) < _MOST_KNOWN:
        known.update(word.lower() for part in (first, *parts) for word in _WORDS.findall(part)[1:-1])
    output = [first]
    for part in parts:
        output.append(("-" if _keeps_hyphen(_last_word(output[-1]), part, known) else "") + part)
    return _PRESENTED.sub(lambda match: unicodedata.normalize("NFKC", match[0]), "".join(output))


def _last_word(text: str) -> str:
    start = len(text)
    while start and text[start - 1].isalnum() and len(text) - start < _LONGEST_WORD:
        start -= 1
    return text[start:]


def _keeps_hyphen(before: str, after: str, known: set[str]) -> bool:
    """Whether a word keeps the hyphen at its line's end, between its first part and the text after it."""
    if not after[:1].islower() or not before:
        return True
    beginning = _BEGINNING.match(after)
    rest = beginning[0] if beginning else ""
    if f"{before}{rest}".lower() in known:
        return False
    if f"{before}-{rest}".lower() in known or before[-1].isdigit() or before.isupper():
        return True
    if len(before) > 1 and _ENDING.match(rest):
        return False
    return _COMPOUNDS.fullmatch(before) is not None or _SYLLABLES.fullmatch(f"{before}-{rest}") is not None


def has_accents(text: str) -> bool:
    """Whether signs of accents stand beside letters: they may be drawn over them."""
    return _BESIDE.search(text) is not None


def accented(letter: str, accent: str) -> str:
    """A letter with an accent as one character; "" where there is none."""
    whole = unicodedata.normalize("NFC", _DOTLESS.get(letter, letter) + ACCENTS[accent])
    return whole if len(whole) == 1 and letter.isalpha() else ""
