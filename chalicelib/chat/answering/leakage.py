"""Keeping instructions out of answers: what a model repeats of its prompts, word for word, does not reach the asker.

A document may tell the model to print its instructions, and a model may obey (OWASP Top 10 for LLM Applications 2025,
LLM07). A run of twelve words of a prompt is withheld, whatever stands between the words. What a model says in other
words, in another language or in code is not recognised: a prompt is no place for secrets.
"""

import re
from collections.abc import Iterable, Iterator

RUN_WORDS = 12
WITHHELD = "[…]"

# Scripts without blanks between words: each character counts as one.
_CHARACTER = r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]"
_WORD = re.compile(rf"{_CHARACTER}|(?:(?!{_CHARACTER})\w)+")
_LAST_WORD = re.compile(rf"(?:(?!{_CHARACTER})\w)+\Z")
# What a prompt quotes, it wants to be said; and what is put in for a placeholder is not the prompt's.
_NOT_GUARDED = re.compile(r"\"[^\"]*\"|“[^”]*”|„[^“”]*[“”]|«[^»]*»|\{[a-z_]+\}")
_MAX_WORD_CHARS = 200


class LeakFilter:
    """Reads an answer as it streams and leaves out every run of RUN_WORDS words or more of `instructions`.

    Words that might become such a run are held back. The pieces in which the text comes change nothing.
    """

    def __init__(self, instructions: Iterable[str]) -> None:
        self.withheld = 0
        self._guarded = [words for text in instructions for words in _runs(text)]
        self._places: dict[str, list[tuple[int, int]]] = {}
        for number, words in enumerate(self._guarded):
            for position, word in enumerate(words):
                self._places.setdefault(word, []).append((number, position))
        self._open = ""  # a word that may go on
        self._pending: list[tuple[str, str]] = []  # words that are a run so far: as compared, and as written
        self._ends: list[tuple[int, int]] = []
        self._withholds = False

    def feed(self, text: str) -> str:
        """What of the answer can be said now that `text` has come."""
        if not self._guarded:
            return text
        text, self._open = self._open + text, ""
        last = _LAST_WORD.search(text)
        if last is not None and last.end() - last.start() < _MAX_WORD_CHARS:
            text, self._open = text[: last.start()], last[0]
        return "".join(self._read(text))

    def rest(self) -> str:
        """What was held back, at the end of the answer or of one of its parts; the next one begins afresh."""
        text, self._open = self._open, ""
        output = "".join(self._read(text)) + "".join(written for _, written in self._pending)
        self._pending, self._ends, self._withholds = [], [], False
        return output

    def _read(self, text: str) -> Iterator[str]:
        position = 0
        for word in _WORD.finditer(text):
            yield self._between(text[position : word.start()])
            yield self._word(word[0])
            position = word.end()
        yield self._between(text[position:])

    def _between(self, text: str) -> str:
        """Blanks and marks belong to the word before them."""
        if self._pending:
            word, written = self._pending[-1]
            self._pending[-1] = (word, written + text)
            return ""
        return "" if self._withholds else text

    def _word(self, written: str) -> str:
        word = written.casefold()
        ends = [(number, end + 1) for number, end in self._ends if self._guarded[number][end + 1 : end + 2] == [word]]
        if self._withholds and ends:
            self._ends = ends
            return ""
        output = " " if self._withholds else ""
        self._withholds = False
        self._pending.append((word, written))
        if not ends:
            output += self._release()
        else:
            self._ends = ends
        if len(self._pending) < RUN_WORDS:
            return output
        self.withheld += 1
        self._pending, self._withholds = [], True
        return output + WITHHELD

    def _release(self) -> str:
        """Let go of the oldest words until those that are left are a run again."""
        for first in range(len(self._pending)):
            ends = self._places.get(self._pending[first][0], [])
            for word, _ in self._pending[first + 1 :]:
                ends = [(number, end + 1) for number, end in ends if self._guarded[number][end + 1 : end + 2] == [word]]
            if ends:
                released, self._pending, self._ends = self._pending[:first], self._pending[first:], ends
                return "".join(written for _, written in released)
        released, self._pending, self._ends = self._pending, [], []
        return "".join(written for _, written in released)


def _runs(text: str) -> Iterator[list[str]]:
    """The words of each part of a prompt that is long enough to be recognised."""
    for part in _NOT_GUARDED.split(text):
        words = [word.casefold() for word in _WORD.findall(part)]
        if len(words) >= RUN_WORDS:
            yield words
