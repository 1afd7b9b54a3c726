"""Citations in a model's answer: `[2]` points at passage 2 of those it was given, or it goes."""

import re
from collections.abc import Callable, Container, Sequence

from chalicelib.chat.messages.models import Source
from chalicelib.chat.reader import sentences
from chalicelib.chat.reader.chunks import RetrievedChunk
from chalicelib.knowledge.text import lexemes

# One number, or several as models like to write them: [1, 3], [2-4], [ 1 ], [^1]. At most 62 characters.
_MARK = re.compile(r"\[\^? ?([0-9]{1,3}(?: ?[,;–-] ?[0-9]{1,3}){0,9}) ?\]")
# What may become a mark once more has come: every beginning of one is held back.
_PARTIAL_MARK = re.compile(r"\[[\^0-9,;– -]{0,60}")
_OPEN = re.compile(r"(?:\[[\^0-9,;– -]{0,60}|`)\Z")
_MARK_CHARS = 62
_SPECIAL = re.compile(r"[\[`]")
_TICKS = re.compile(r"`+")
# A block of code (CommonMark 0.31, section 4.5): three backticks or more at the beginning of a line.
_FENCE_CHARS = 3
_LINE_BEGINS = re.compile(r"(?:^|\n) {0,3}\Z")
# Code within a line ends on it, and within so many characters; else its backtick is only a backtick.
_CODE_CHARS = 300
_CLAIM_CHARS = 400
_RANGE = 20
_QUOTE_CHARS = 500

Judge = Callable[[re.Match[str]], str]


class _Reader:
    """Reads text as it streams and replaces each mark outside of code by what `judge` makes of it.

    What cannot be told yet is held back, so that the pieces in which the text comes change nothing.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._pending = ""
        self._line = ""  # what the present line began with, as far as it can begin a block of code
        self._fence = ""
        self._written = ""

    def feed(self, text: str, *, final: bool = False) -> str:
        """What can be said now that `text` has come; everything when it is the last."""
        text, self._pending = self._pending + text, ""
        output: list[str] = []
        position = 0
        while position < len(text):
            part = self._next_part(text, position, final=final)
            if part is None:
                self._pending = text[position:]
                break
            end, replacement = part
            if not replacement and (_OPEN.search(self._written) or self._would_fence(text, end)):
                replacement = "…"  # else what stands around the mark would become one, or the edge of other code
            self._line = (self._line + text[position:end])[-5:]
            self._written = (self._written + replacement)[-_MARK_CHARS:]
            output.append(replacement)
            position = end
        return "".join(output)

    def _next_part(self, text: str, position: int, *, final: bool) -> tuple[int, str] | None:
        """Where the next part ends and what becomes of it; None when that is not known yet."""
        special = _SPECIAL.search(text, position) if not self._fence else _TICKS.search(text, position)
        if special is None:
            return len(text), text[position:]
        if special.start() > position:
            return special.start(), text[position : special.start()]
        if text[position] == "[":
            return self._mark(text, position, final=final)
        return self._code(text, position, final=final)

    def _mark(self, text: str, position: int, *, final: bool) -> tuple[int, str] | None:
        if mark := _MARK.match(text, position):
            if not final and _LINE_BEGINS.search(self._line) and not text[mark.end() :].strip(" "):
                return None  # what follows may begin a block of code, once the mark is gone
            return mark.end(), self._judge(mark)
        partial = _PARTIAL_MARK.match(text, position)
        if not final and partial is not None and partial.end() == len(text):
            return None
        return position + 1, "["

    def _would_fence(self, text: str, end: int) -> bool:
        """Whether a run of backticks would begin the line, if what stands before `end` went."""
        return _LINE_BEGINS.search(self._line) is not None and text[end:].lstrip(" ").startswith("`")

    def _code(self, text: str, position: int, *, final: bool) -> tuple[int, str] | None:
        """A run of backticks: the edge of a block, code within the line, or nothing special."""
        end = position
        while text[end : end + 1] == "`":
            end += 1
        ticks = text[position:end]
        if not final and end == len(text):
            return None
        begins = len(ticks) >= _FENCE_CHARS and _LINE_BEGINS.search(self._line) is not None
        if self._fence:
            self._fence = "" if begins and len(ticks) >= len(self._fence) else self._fence
            return end, ticks
        line, newline, _ = text[end : end + _CODE_CHARS].partition("\n")
        if begins and newline and "`" not in line:
            self._fence = ticks
            return end, ticks
        for closing in _TICKS.finditer(text, end, end + len(line)):
            if not final and closing.end() == len(text):
                return None
            if closing[0] == ticks and text[closing.end() : closing.end() + 1] != "`":
                return closing.end(), text[position : closing.end()]
        is_whole = final or newline or len(line) == _CODE_CHARS
        return (end, ticks) if is_whole else None


class Checker:
    """Reads an answer as it streams and lets through only citations of passages 1 to `available`.

    What stands in code is left alone: there `[0]` is an index.
    """

    def __init__(self, available: int) -> None:
        self.invented = 0
        self.available = available
        self._reader = _Reader(self._checked_mark)

    def feed(self, text: str) -> str:
        """What of the answer can be said now that `text` has come."""
        return self._reader.feed(text)

    def rest(self) -> str:
        """What was held back, at the end of the answer or of one of its parts; the next one begins afresh."""
        remainder = self._reader.feed("", final=True)
        self._reader = _Reader(self._checked_mark)
        return remainder

    def _checked_mark(self, mark: re.Match[str]) -> str:
        numbers = _numbers(mark)
        valid = [number for number in numbers if 1 <= number <= self.available]
        self.invented += len(numbers) - len(valid)
        return "".join(f"[{number}]" for number in valid)


def without_marks(text: str) -> str:
    """An answer without its citations: their numbers mean nothing in another question's prompt."""
    return _Reader(lambda _: "").feed(text, final=True)


def only(text: str, numbers: Container[int]) -> str:
    """A checked answer with no citations but those of these numbers."""
    return _Reader(lambda mark: mark[0] if all(n in numbers for n in _numbers(mark)) else "").feed(text, final=True)


def sources(answer: str, chunks: Sequence[RetrievedChunk]) -> list[Source]:
    """What a checked answer cites, in the order of its first mention; each with the sentence nearest to the claim."""
    seen: dict[int, str] = {}

    def collect(mark: re.Match[str]) -> str:
        for number in _numbers(mark):
            if number not in seen and 1 <= number <= len(chunks):
                seen[number] = without_marks(answer[max(0, mark.start() - _CLAIM_CHARS) : mark.start()])
        return mark[0]

    _Reader(collect).feed(answer, final=True)
    return [source(number, chunks[number - 1], claim) for number, claim in seen.items()]


def _numbers(mark: re.Match[str]) -> list[int]:
    """The numbers that a mark names, without repetition; of a range that can be meant, all between its ends."""
    seen: list[int] = []
    for first, last in re.findall(r"([0-9]+)(?: ?[–-] ?([0-9]+))?", mark[1]):
        low, high = int(first), int(last or first)
        seen += range(low, high + 1) if 0 <= high - low <= _RANGE else (low, high)
    return [*dict.fromkeys(seen)]


def source(number: int, chunk: RetrievedChunk, claim: str) -> Source:
    """A citation of `chunk`, quoting the sentence that shares most with `claim`."""
    return Source(
        number=number,
        document_id=chunk.document_id,
        chunk_id=chunk.chunk_id,
        title=chunk.title,
        page=chunk.page,
        section=chunk.section,
        quote=_quote(chunk.text, claim),
        score=chunk.score,
    )


def _quote(text: str, claim: str) -> str:
    claim_terms = set(lexemes.query_terms(claim)[0])
    best, best_score = text[:_QUOTE_CHARS], -1.0
    for sentence in sentences.split(text[:20_000]):
        own = text[sentence.start : sentence.end]
        terms = set(lexemes.query_terms(own)[0])
        score = len(claim_terms & terms) / (len(terms) + 3) if terms else 0.0
        if score > best_score:
            best, best_score = own[:_QUOTE_CHARS], score
    return best
