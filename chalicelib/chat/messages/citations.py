"""Citations in a model's answer: `[2]` refers to chunk 2 of the prompt; a citation of a missing chunk is removed."""

import re
from collections.abc import Callable, Container, Sequence

from chalicelib.chat.messages.models import Source
from chalicelib.chat.reader import sentences
from chalicelib.chat.reader.chunks import RetrievedChunk
from chalicelib.knowledge.text import lexemes

# One number or several, in the forms that models write: [1, 3], [2-4], [ 1 ], [^1], [Source 1], [1 and 2], 【1】,
# 【1†L3-L5】. Chunks have numbers from 1 on: [0] and [0, 1] are no citations.
_NUMBER = r"[1-9][0-9]{0,2}"
_WORDS = (
    *("sources", "source", "documents", "document", "docs", "doc", "chunks", "chunk", "passages", "passage"),
    *("refs", "ref", "quellen", "quelle", "dokumente", "dokument", "fuentes", "fuente"),
)
_LABEL = rf"(?:(?:{'|'.join(_WORDS)})[.:]? ?#?|#)?"
_JOIN = r"(?: ?(?:[,;–&-]|and|und|et|y|i) ?)"
_NUMBERS = rf"{_LABEL}{_NUMBER}(?:{_JOIN}{_LABEL}{_NUMBER}){{0,9}}"
_TAIL = r"(?:†[^\]】\n]{0,40})?"
_MARK = re.compile(rf"\[\^? ?{_NUMBERS}{_TAIL} ?\]|【 ?{_NUMBERS}{_TAIL} ?】", re.IGNORECASE)
# The beginning of a mark, which is held back until the mark is whole.
_PREFIXES = "|".join(
    sorted({word[:size] for word in _WORDS for size in range(1, len(word) + 1)}, key=len, reverse=True)
)
_PART = rf"{_NUMBER}(?:[,;–&. :#-]|[^\W\d_]){{1,14}}"
_BEGINNING = (
    rf"[\[【]\^? ?(?:(?:{_PREFIXES})[.:]? ?)?#?(?:(?:{_PART}){{0,9}}(?:{_NUMBER})?(?:(?<=[0-9])†[^\]】\n]{{0,40}})?)? ?"
)
_PARTIAL_MARK = re.compile(_BEGINNING, re.IGNORECASE)
_OPEN = re.compile(rf"(?:{_BEGINNING}|`)\Z", re.IGNORECASE)
_MARK_CHARS = 240
_SPECIAL = re.compile(r"[\[【`]")
_TICKS = re.compile(r"`+")
# A block of code (CommonMark 0.31, section 4.5): three backticks or more at the start of a line.
_FENCE_CHARS = 3
_LINE_BEGINS = re.compile(r"(?:^|\n) {0,3}\Z")
# Inline code ends on its line, within so many characters; otherwise its backtick is an ordinary character.
_CODE_CHARS = 300
_CLAIM_CHARS = 400
_RANGE = 20
_QUOTE_CHARS = 500

Replacement = Callable[[re.Match[str]], str]


class _Reader:
    """Replaces each mark outside code by `replacement(mark)` as the text streams.

    Undecided text is held back, so the result does not depend on the deltas in which the text comes.
    """

    def __init__(self, replacement: Replacement) -> None:
        self._replacement = replacement
        self._pending = ""
        self._line = ""  # the start of the current line, as far as it can open a block of code
        self._fence = ""
        self._written = ""

    def feed(self, text: str, *, final: bool = False) -> str:
        """The text that is decided after `text`; all of it when `final`."""
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
                replacement = "…"  # without it, the text around the mark could form a new mark or the fence of a block
            self._line = (self._line + text[position:end])[-5:]
            self._written = (self._written + replacement)[-_MARK_CHARS:]
            output.append(replacement)
            position = end
        return "".join(output)

    def _next_part(self, text: str, position: int, *, final: bool) -> tuple[int, str] | None:
        """The end of the next part and its replacement; None while it is undecided."""
        special = _SPECIAL.search(text, position) if not self._fence else _TICKS.search(text, position)
        if special is None:
            return len(text), text[position:]
        if special.start() > position:
            return special.start(), text[position : special.start()]
        if text[position] in "[【":
            return self._mark(text, position, final=final)
        return self._code(text, position, final=final)

    def _mark(self, text: str, position: int, *, final: bool) -> tuple[int, str] | None:
        if mark := _MARK.match(text, position):
            if not final and _LINE_BEGINS.search(self._line) and not text[mark.end() :].strip(" "):
                return None  # the text after the mark may open a block of code once the mark is removed
            return mark.end(), self._replacement(mark)
        partial = _PARTIAL_MARK.match(text, position)
        if not final and partial is not None and partial.end() == len(text):
            return None
        return position + 1, text[position]

    def _would_fence(self, text: str, end: int) -> bool:
        """Whether a run of backticks would start the line if the text before `end` were removed."""
        return _LINE_BEGINS.search(self._line) is not None and text[end:].lstrip(" ").startswith("`")

    def _code(self, text: str, position: int, *, final: bool) -> tuple[int, str] | None:
        """A run of backticks: the fence of a block, inline code, or ordinary characters."""
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
    """Removes citations except those of chunks 1 to `available` from an answer as it streams.

    Code is not changed: `[0]` is an index there.
    """

    def __init__(self, available: int) -> None:
        self.invented = 0
        self.available = available
        self._reader = _Reader(self._checked_mark)

    def feed(self, text: str) -> str:
        """The part of the answer that is decided after `text`."""
        return self._reader.feed(text)

    def rest(self) -> str:
        """The text that is held back, at the end of a generation; resets the checker for the next one."""
        remainder = self._reader.feed("", final=True)
        self._reader = _Reader(self._checked_mark)
        return remainder

    def _checked_mark(self, mark: re.Match[str]) -> str:
        numbers = _numbers(mark)
        valid = [number for number in numbers if 1 <= number <= self.available]
        self.invented += len(numbers) - len(valid)
        return "".join(f"[{number}]" for number in valid)


def without_marks(text: str) -> str:
    """An answer without its citations, whose numbers have no meaning in the prompt of another question."""
    return _Reader(lambda _: "").feed(text, final=True)


def only(text: str, numbers: Container[int]) -> str:
    """A checked answer with citations of these numbers only."""
    return _Reader(lambda mark: mark[0] if all(n in numbers for n in _numbers(mark)) else "").feed(text, final=True)


def sources(answer: str, chunks: Sequence[RetrievedChunk]) -> list[Source]:
    """The sources of a checked answer, by first mention, each with the sentence nearest to its claim."""
    seen: dict[int, str] = {}

    def collect(mark: re.Match[str]) -> str:
        for number in _numbers(mark):
            if number not in seen and 1 <= number <= len(chunks):
                seen[number] = without_marks(answer[max(0, mark.start() - _CLAIM_CHARS) : mark.start()])
        return mark[0]

    _Reader(collect).feed(answer, final=True)
    return [source(number, chunks[number - 1], claim) for number, claim in seen.items()]


def _numbers(mark: re.Match[str]) -> list[int]:
    """The distinct numbers of a mark; a range of plausible length stands for all its numbers."""
    seen: list[int] = []
    for first, last in re.findall(r"([0-9]+)(?: ?[–-] ?([0-9]+))?", mark[0].partition("†")[0]):
        low, high = int(first), int(last or first)
        seen += range(low, high + 1) if 0 <= high - low <= _RANGE else (low, high)
    return [*dict.fromkeys(seen)]


def source(number: int, chunk: RetrievedChunk, claim: str) -> Source:
    """A source of `chunk`, with the sentence that has most terms in common with `claim`."""
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
