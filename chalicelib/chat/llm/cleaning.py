"""What models put into their text that is not text: thinking between tags, and characters cut into two halves."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chalicelib.chat.llm.interface import Call, Delta, Finish, Thinking, Token

# The tags with which models think aloud, only at the beginning of their text: an answer may explain such a tag.
_TAGS = ("think", "thinking", "thought", "reasoning")
_OPENING = tuple(f"<{tag}>" for tag in _TAGS)
_HIGH = re.compile("[\ud800-\udbff]\\Z")
_SURROGATES = re.compile("[\ud800-\udfff]+")


class DeltaCleaner:
    """Turns the text between `<think>` and `</think>` into thinking, and joins surrogate pairs over two deltas.

    What is undecided waits, so the result does not depend on the deltas in which the text comes.
    """

    def __init__(self) -> None:
        self._halves = {Token: "", Thinking: ""}
        self._undecided = ""
        self._closing = ""
        self._begins = True
        self._strips = False

    def feed(self, delta: Delta) -> Iterator[Delta]:
        """The deltas that are decided after this one."""
        match delta:
            case Token(text):
                yield from self._text(self._joined(Token, text))
            case Thinking(text):
                if whole := self._joined(Thinking, text):
                    yield Thinking(whole)
            case Call() | Finish():
                yield from self.rest()
                yield delta
            case _:
                yield delta

    def rest(self) -> Iterator[Delta]:
        """What is still undecided, at the end."""
        last, self._undecided = self._undecided + _whole(self._halves[Token]), ""
        self._halves[Token] = ""
        if last and self._closing:
            yield Thinking(last)
        elif last:
            yield Token(last)

    def _joined(self, kind: type[Token | Thinking], text: str) -> str:
        text, self._halves[kind] = self._halves[kind] + text, ""
        if half := _HIGH.search(text):
            text, self._halves[kind] = text[: half.start()], half[0]
        return _whole(text)

    def _text(self, text: str) -> Iterator[Delta]:
        text, self._undecided = self._undecided + text, ""
        while text:
            if self._closing:
                thought, text = self._thought(text)
                if thought:
                    yield Thinking(thought)
            elif self._begins:
                text = self._begin(text)
            else:
                yield Token(text)
                return

    def _thought(self, text: str) -> tuple[str, str]:
        """The thinking that is decided, and the text after it."""
        thought, closing, rest = text.partition(self._closing)
        if closing:
            self._closing, self._strips = "", True
            return thought, rest
        decided = len(thought) - _beginning(thought, self._closing)
        self._undecided = thought[decided:]
        return thought[:decided], ""

    def _begin(self, text: str) -> str:
        """The text after an opening tag, or all of it once it has none; nothing while that is undecided."""
        words = text.lstrip()
        if self._strips:  # the blank lines after the thinking are not part of the answer
            text = words
        opening = next((tag for tag in _OPENING if words.startswith(tag)), None)
        if opening is not None:
            self._closing = opening.replace("<", "</")
            return words[len(opening) :]
        if any(tag.startswith(words) for tag in _OPENING):
            self._undecided = text
            return ""
        self._begins = False
        return text


def answer_part(text: str) -> str:
    """A whole text without the thinking before it: some servers send no opening tag, because the prompt has it."""
    return text.rpartition("</think>")[2].strip()


def _whole(text: str) -> str:
    """The text with surrogate pairs as characters, and U+FFFD for halves alone."""
    return _SURROGATES.sub(lambda run: run[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"), text)


def _beginning(text: str, tag: str) -> int:
    """The number of characters at the end of `text` that begin `tag`."""
    return next((size for size in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:size])), 0)
