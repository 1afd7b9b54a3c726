"""The leak filter: prompts that a model repeats word for word do not reach the user.

A document may instruct the model to print its prompts, and a model may obey (OWASP Top 10 for LLM Applications 2025,
LLM07). A run of twelve words of a prompt is withheld, whatever separates the words. A paraphrase, a translation or an
encoding is not recognised: a prompt must not contain secrets.
"""

import re
from collections.abc import Iterable, Iterator

RUN_WORDS = 12
WITHHELD = "[…]"

# Scripts without blanks between words: each character counts as one.
_CHARACTER = r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]"
_WORD = re.compile(rf"{_CHARACTER}|(?:(?!{_CHARACTER})\w)+")
_WORD_PART = re.compile(rf"(?!{_CHARACTER})\w")
# Quotations in a prompt are meant for the answer, and the value of a placeholder is not part of the prompt.
# A quotation ends before the next opening mark, or many of these would each be followed to the end of the text.
_NOT_GUARDED = re.compile(r"\"[^\"]*\"|“[^“”]*”|„[^„“”]*[“”]|«[^«»]*»|\{[a-z_]+\}")
_MAX_WORD_CHARS = 200


class LeakFilter:
    """Removes every run of RUN_WORDS words or more of `instructions` from an answer as it streams.

    Words that may become such a run are held back. The result does not depend on the deltas in which the text comes.
    """

    def __init__(self, instructions: Iterable[str]) -> None:
        self.withheld = 0
        self._guarded = [words for text in instructions for words in _runs(text)]
        self._places: dict[str, list[tuple[int, int]]] = {}
        for number, words in enumerate(self._guarded):
            for position, word in enumerate(words):
                self._places.setdefault(word, []).append((number, position))
        self._open = ""  # a word that may be incomplete
        self._pending: list[tuple[str, str]] = []  # a possible run: each word casefolded, and as written
        self._ends: list[tuple[int, int]] = []
        self._withholds = False

    def feed(self, text: str) -> str:
        """The part of the answer that is safe to emit after `text`."""
        if not self._guarded:
            return text
        text, self._open = self._open + text, ""
        begin = _last_word(text)
        if begin > len(text) - _MAX_WORD_CHARS:
            text, self._open = text[:begin], text[begin:]
        return "".join(self._read(text))

    def rest(self) -> str:
        """The text that is held back, at the end of a generation; resets the filter for the next one."""
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
        """White space and punctuation belong to the word before them."""
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
        """Release the oldest words until the rest is a possible run again."""
        for first in range(len(self._pending)):
            ends = self._places.get(self._pending[first][0], [])
            for word, _ in self._pending[first + 1 :]:
                ends = [(number, end + 1) for number, end in ends if self._guarded[number][end + 1 : end + 2] == [word]]
            if ends:
                released, self._pending, self._ends = self._pending[:first], self._pending[first:], ends
                return "".join(written for _, written in released)
        released, self._pending, self._ends = self._pending, [], []
        return "".join(written for _, written in released)


def _last_word(text: str) -> int:
    """Where the word begins that `text` ends with. At most _MAX_WORD_CHARS characters are looked at."""
    begin = len(text)
    while begin > max(0, len(text) - _MAX_WORD_CHARS) and _WORD_PART.match(text, begin - 1):
        begin -= 1
    return begin


def _runs(text: str) -> Iterator[list[str]]:
    """The words of each part of a prompt with at least RUN_WORDS words."""
    for part in _NOT_GUARDED.split(text):
        words = [word.casefold() for word in _WORD.findall(part)]
        if len(words) >= RUN_WORDS:
            yield words
