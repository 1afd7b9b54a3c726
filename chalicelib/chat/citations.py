"""Citations in a model's answer: `[2]` points at passage 2 of those it was given, or it goes."""

import re
from collections.abc import Sequence

from chalicelib.chat import sentences
from chalicelib.chat.models import Source
from chalicelib.chat.reader import Passage
from chalicelib.knowledge import lexical

# One number, or several as models like to write them: [1, 3].
_MARK = re.compile(r"\[(\d{1,3}(?:\s*[,;]\s*\d{1,3}){0,9})\]")
# What may become a mark once more has come.
_BEGUN = re.compile(r"\[[\d\s,;]{0,40}$")
_CODE = re.compile(r"(`+)")
_CLAIM_CHARS = 400
_QUOTE_CHARS = 500


class Checker:
    """Reads an answer as it streams and lets through only citations of passages 1 to `available`.

    A mark is held back until it is whole. What stands in code is left alone: there `[0]` is an index.
    """

    def __init__(self, available: int) -> None:
        self.invented = 0
        self.available = available
        self._held = ""
        self._fence = ""

    def feed(self, text: str) -> str:
        """What of the answer can be said now that `text` has come."""
        text = self._held + text
        begun = _BEGUN.search(text)
        end = begun.start() if begun else len(text)
        # A run of backticks at the end may go on.
        end = min(end, len(text[:end].rstrip("`")) if begun is None else end)
        self._held = text[end:]
        return self._checked(text[:end])

    def rest(self) -> str:
        """What was held back, at the end of the answer."""
        held, self._held = self._held, ""
        return self._checked(held)

    def _checked(self, text: str) -> str:
        checked = []
        for part in _CODE.split(text):
            if part.startswith("`") and (not self._fence or part == self._fence):
                self._fence = "" if self._fence else part
                checked.append(part)
            else:
                checked.append(part if self._fence else _MARK.sub(self._judged, part))
        return "".join(checked)

    def _judged(self, mark: re.Match[str]) -> str:
        numbers = [int(number) for number in re.findall(r"\d+", mark[1])]
        there = [number for number in numbers if 1 <= number <= self.available]
        self.invented += len(numbers) - len(there)
        return "".join(f"[{number}]" for number in there)


def without_marks(text: str) -> str:
    """An answer without its citations: their numbers mean nothing in another question's prompt."""
    return _MARK.sub("", text)


def sources(answer: str, passages: Sequence[Passage]) -> list[Source]:
    """What a checked answer cites, in the order of its first mention; each with the sentence nearest to the claim."""
    found: dict[int, str] = {}
    for mark in _MARK.finditer(answer):
        number = int(mark[1])
        if number not in found and 1 <= number <= len(passages):
            found[number] = without_marks(answer[max(0, mark.start() - _CLAIM_CHARS) : mark.start()])
    return [source(number, passages[number - 1], claim) for number, claim in found.items()]


def source(number: int, passage: Passage, claim: str) -> Source:
    """A citation of `passage`, quoting the sentence that shares most with `claim`."""
    return Source(
        number=number,
        document_id=passage.document_id,
        chunk_id=passage.chunk_id,
        title=passage.title,
        page=passage.page,
        section=passage.section,
        quote=_quote(passage.text, claim),
        score=passage.score,
    )


def _quote(text: str, claim: str) -> str:
    wanted = set(lexical.query_terms(claim)[0])
    best, best_score = text[:_QUOTE_CHARS], -1.0
    for sentence in sentences.split(text[:20_000]):
        own = text[sentence.start : sentence.end]
        terms = set(lexical.query_terms(own)[0])
        score = len(wanted & terms) / (len(terms) + 3) if terms else 0.0
        if score > best_score:
            best, best_score = own[:_QUOTE_CHARS], score
    return best
