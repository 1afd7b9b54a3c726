"""A question as the model reads it: misspelt words as the chunks spell them, and short forms written out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

_WORD = re.compile(r"[^\W\d_]{5,30}")
_FISCAL = re.compile(r"\bFY[ ']?(?:20)?(\d\d)\b", re.IGNORECASE)
# A question's first words are corrected; a longer one is understood without that.
_MOST_WORDS = 24


def as_spelt(question: str, texts: Iterable[str], is_word: Callable[[str], bool]) -> str:
    """`question` as it was probably meant: misspelt words corrected, and "FY2023" written as "fiscal 2023".

    A word is corrected when it has five letters at least, is no common word, stands in none of `texts`, and exactly one
    word there differs from it by one letter.
    """
    question = _FISCAL.sub(r"fiscal 20\1", question)
    known = {word.lower() for text in texts for word in _WORD.findall(text)}
    by_pattern: dict[str, set[str]] = {}
    for word in known:
        for pattern in _patterns(word):
            by_pattern.setdefault(pattern, set()).add(word)
    for word in dict.fromkeys(_WORD.findall(question)[:_MOST_WORDS]):
        lowered = word.lower()
        if lowered not in known and not is_word(lowered) and (other := _only(lowered, by_pattern)):
            question = re.sub(rf"\b{re.escape(word)}\b", other, question)
    return question


def _patterns(word: str) -> set[str]:
    """The word, and the word without each of its letters: two words that differ by one letter share one of these."""
    return {word, *(word[:i] + word[i + 1 :] for i in range(len(word)))}


def _only(word: str, by_pattern: Mapping[str, set[str]]) -> str | None:
    near = set[str]().union(*(by_pattern.get(pattern, set()) for pattern in _patterns(word)))
    # Inflected forms are other words that mean the same, and the model knows them.
    near = {other for other in near if other.rstrip("s") != word.rstrip("s")}
    return near.pop() if len(near) == 1 else None
