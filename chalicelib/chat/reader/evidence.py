"""Evidence: an answer is about the things that the question names, and about no other thing of their kind.

A chunk counts when it, with its title and headings, holds every named thing; or when another retrieved chunk of its
document does and it mentions no other thing of the same form. Of two things of one form (`E1042 or E1043`) one is
enough. Inside such a chunk, a sentence belongs to the last thing
of that form that was mentioned: under `E1043` nothing is said about `E1042`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from chalicelib.chat.reader.chunks import ChunkSentences, RetrievedChunk
from chalicelib.knowledge.text import identifiers, lexemes
from chalicelib.knowledge.text.names import Named


@dataclass(frozen=True, slots=True)
class _Page:
    document: UUID
    terms: frozenset[str]
    text: str

    @classmethod
    def of(cls, chunk: RetrievedChunk) -> _Page:
        text = "\n".join(filter(None, (chunk.title, chunk.section, chunk.columns, chunk.text)))
        return cls(chunk.document_id, frozenset(lexemes.terms(text)), text)

    def holds(self, thing: Named) -> bool:
        return thing.is_in(self.terms, self.text)


class Evidence:
    """What the chunks of one question hold of the things that it names."""

    def __init__(self, question: str, chunks: Sequence[RetrievedChunk]) -> None:
        self.named = identifiers.named(question)
        self._groups = _grouped(self.named)
        self._pages = [_Page.of(chunk) for chunk in chunks] if self.named else []
        self._holders = {
            thing: frozenset(page.document for page in self._pages if page.holds(thing)) for thing in self.named
        }

    @property
    def missing(self) -> list[Named]:
        """The named things that no chunk holds."""
        return [thing for thing in self.named if not self._holders[thing]]

    def allows(self, place: int) -> bool:
        """Whether chunk number `place` may be answered from."""
        if not self.named:
            return True
        page = self._pages[place]
        absent = [group for group in self._groups if not any(page.holds(thing) for thing in group)]
        if not all(any(page.document in self._holders[thing] for thing in group) for group in absent):
            return False
        shapes = {group[0].shape for group in absent if group[0].shape}
        return not (shapes and any(code.shape in shapes for code in identifiers.codes_in(page.text)))

    def allows_sentence(self, page: ChunkSentences, index: int) -> bool:
        """Whether a sentence of an allowed chunk belongs to the named things, and not to others of their form."""
        return all(_belongs(group, page, index) for group in self._groups if group[0].shape)

    def respelt(self, question: str) -> str:
        """The question with its codes as the chunks write them, because the reader compares words and meanings."""
        for thing in self.named:
            if thing.shape:
                mentions = (code for page in self._pages for code in identifiers.codes_in(page.text))
                same = next((code.word for code in mentions if not code.keys.isdisjoint(thing.keys)), thing.word)
                question = question.replace(thing.word, same)
        return question

    def allows_beside(self, page: ChunkSentences, index: int) -> bool:
        """Whether a sentence may stand beside the best one: it has a named thing, or no other thing of any form."""
        if not self.named:
            return True
        own = any(thing.is_in(page.terms[index]) for thing in self.named)
        return own or not identifiers.codes_in(page.quote(index))

    def repeats(self, page: ChunkSentences, index: int) -> bool:
        """Whether a sentence has in itself what is named: a code of every form, and one of the names."""
        own = {thing for thing in self.named if thing.is_in(page.terms[index], page.quote(index))}
        names = [thing for thing in self.named if thing.kind == "name"]
        return all(not own.isdisjoint(group) for group in self._groups if group[0].kind == "code") and (
            not names or not own.isdisjoint(names)
        )


def _grouped(named: Sequence[Named]) -> list[list[Named]]:
    """Things of one form together, each other thing by itself."""
    groups: dict[object, list[Named]] = {}
    for thing in named:
        groups.setdefault(thing.shape or thing, []).append(thing)
    return list(groups.values())


def _belongs(group: Sequence[Named], page: ChunkSentences, index: int) -> bool:
    """Whether the last thing of this form, at or above sentence number `index`, is one of `group`; or there is none."""
    for at in range(index, -1, -1):
        if any(thing.is_in(page.terms[at]) for thing in group):
            return True
        if any(code.shape == group[0].shape for code in identifiers.codes_in(page.quote(at))):
            return False
    return True


def sentence_about(missing: Sequence[Named]) -> str:
    """What a declined answer says about the things that were not found."""
    words = " and ".join(f"\u201c{thing.word}\u201d" for thing in missing[:3])
    return f"No document that you use here contains {words}."
