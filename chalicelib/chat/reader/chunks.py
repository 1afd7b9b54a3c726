"""A retrieved chunk, and its sentences with their terms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.chat.reader import sentences
from chalicelib.chat.reader.sentences import Sentence
from chalicelib.knowledge.text import lexemes

if TYPE_CHECKING:
    from chalicelib.knowledge.search.models import Hit

MAX_CHUNK_CHARS = 8_000


@dataclass(frozen=True, slots=True)
class RetrievedChunk:
    """A retrieved chunk. `score` is comparable only among the chunks of one question."""

    document_id: UUID
    chunk_id: UUID
    title: str
    text: str
    page: int | None
    section: str | None
    score: float
    columns: str | None = None
    # The codes of the document's warnings.
    warnings: tuple[str, ...] = ()

    @classmethod
    def of_hit(cls, hit: Hit) -> RetrievedChunk:
        """The chunk of a search hit."""
        codes = tuple(warning.code for warning in hit.warnings)
        place = (hit.page, hit.section)
        return cls(hit.document_id, hit.chunk_id, hit.title, hit.text, *place, hit.score, hit.columns, codes)


_QUESTION_END = ("?", "\uff1f", "\u061f", "\u037e")
_CONTEXT_KINDS = ("heading", "line")


class ChunkSentences:
    """The sentences of a chunk, with the terms of each sentence and of its context."""

    def __init__(self, chunk: RetrievedChunk) -> None:
        self.chunk = chunk
        self.text = chunk.text[:MAX_CHUNK_CHARS]
        self.sentences = sentences.split(self.text)
        self.terms = [frozenset(lexemes.terms(self.quote(i))) for i in range(len(self.sentences))]
        self.leads = list(self._leads())
        around = (chunk.title, chunk.section or "", chunk.columns or "")
        self.about = frozenset(term for part in around for term in lexemes.terms(part))

    def quote(self, index: int) -> str:
        """The text of a sentence."""
        return self.text[self.sentences[index].start : self.sentences[index].end]

    def line(self, index: int) -> str:
        """A sentence on one line."""
        return " ".join(self.quote(index).split())

    def is_row(self, index: int) -> bool:
        """Whether a sentence is a row of a table, but not its head."""
        return self.sentences[index].kind == "row" and not self.is_head(index)

    def is_head(self, index: int) -> bool:
        """Whether a sentence is the first row of a table."""
        if self.sentences[index].kind != "row":
            return False
        return self.chunk.columns is None if index == 0 else self.sentences[index - 1].kind != "row"

    def is_question(self, index: int) -> bool:
        """Whether a sentence is itself a question, as in a list of FAQs: it leads to an answer and is not an answer."""
        return self.quote(index).rstrip("\"')\u201d\u2019\u00bb*_ ").endswith(_QUESTION_END)

    def context(self, index: int) -> frozenset[str]:
        """The terms of a sentence's context: title and section of its chunk, and its leads."""
        return self.about.union(*(self.terms[lead] for lead in self.leads[index]))

    def whole(self, index: int) -> frozenset[str]:
        """The terms of a sentence and of its context."""
        return self.terms[index] | self.context(index)

    def _leads(self) -> Iterator[tuple[int, ...]]:
        """The leads of every sentence: the one before it, the head of its list or table, its heading."""
        heading: int | None = None
        head: int | None = None
        # The first rows of a chunk that starts within a table have the columns as context, not the first of these rows.
        headless = self.chunk.columns is not None
        for index, sentence in enumerate(self.sentences):
            before = self.sentences[index - 1] if index else None
            headless = headless and sentence.kind == "row"
            if headless or sentence.kind not in ("item", "row"):
                head = None
            elif before is None or before.kind != sentence.kind:
                head = index - 1 if sentence.kind == "item" and index else index
            close = index - 1 if before and not headless and continues(self.text, before, sentence) else None
            yield tuple(sorted({lead for lead in (heading, head, close) if lead is not None and lead < index}))
            if sentence.kind in _CONTEXT_KINDS or self.is_question(index):
                heading = index


def continues(text: str, before: Sentence, after: Sentence) -> bool:
    """Whether one sentence continues another: in the same block, or prose without an empty line between them."""
    prose = before.kind == after.kind == "sentence"
    return before.block == after.block or (prose and text.count("\n", before.end, after.start) < 2)
