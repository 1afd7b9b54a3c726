"""Quotations: the parts of retrieved chunks that an answer can consist of, each whole by itself.

A quotation is a sentence, a row of a table with its columns, or a list with the sentence that introduces it. Titles,
headlines, menus and page headers repeat the words of a question and say nothing, so they are only context.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chalicelib.chat.reader.chunks import ChunkSentences, continues

# A list or a run of steps is quoted whole up to so many items.
MAX_ITEMS = 8
MAX_LIST_CHARS = 500
# A paragraph is weighed in parts of so many characters.
MAX_CHARS = 300
# Entries of a menu have at most so many words.
_MENU_WORDS = 5
_COLON = (":", "\uff1a")
_STOP = re.compile(r"[.!?\u2026\u061f\u06d4\u0964\u3002\uff01\uff1f][\"'\u201d\u2019)\]]*$")
_LEADERS = re.compile(r"\.{4,}|(?:\. ){4,}|\u2026{2,}")
_PAGE = re.compile(r"(?:page|seite|p\.)\s*\d+(?:\s*(?:of|/|von)\s*\d+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Quotation:
    """Sentences `indexes` of chunk number `place`, consecutive.

    `heading` is what stands above, `text` the quotation on one line, a row with the names of its columns.
    """

    place: int
    indexes: tuple[int, ...]
    heading: str
    text: str


class Quotations:
    """The quotations of the chunks of one question."""

    def __init__(self, pages: Sequence[ChunkSentences]) -> None:
        self.pages = pages
        self._furniture = _repeated(pages)

    def __iter__(self) -> Iterator[Quotation]:
        """Every quotation; a repeated one once."""
        seen: set[str] = set()
        for place, page in enumerate(self.pages):
            for quotation in self._of(place, page):
                if quotation.text not in seen:
                    seen.add(quotation.text)
                    yield quotation

    def _of(self, place: int, page: ChunkSentences) -> Iterator[Quotation]:
        heading = _last(page.chunk.section)
        index = 0
        has_statements = any(self._is_statement(page, i) for i in range(len(page.sentences)))
        while index < len(page.sentences):
            kind = page.sentences[index].kind
            items = _items(page, index) if kind != "row" else ()
            if items:
                yield from _listed(place, page, heading, index, items)
                index = items[-1] + 1
                continue
            if kind == "row":
                if row := shown_row(page, index):
                    yield Quotation(place, (index,), heading, row)
            elif page.is_question(index) or (kind in ("heading", "line") and not self._is_furniture(page, index)):
                if kind != "line" or has_statements or page.is_question(index):
                    heading = page.line(index)
                else:
                    yield Quotation(place, (index,), heading, page.line(index))
            elif self._is_statement(page, index):
                for indexes in _windows(page, run := self._run(page, index)):
                    yield Quotation(place, indexes, heading, " ".join(page.line(i) for i in indexes))
                index = run[-1]
            index += 1

    def _is_statement(self, page: ChunkSentences, index: int) -> bool:
        """Whether a sentence says something by itself."""
        kind = page.sentences[index].kind
        letters = sum(map(str.isalpha, page.line(index)))
        return letters > 1 and kind in ("sentence", "code", "item", "row") and not self._is_furniture(page, index)

    def _run(self, page: ChunkSentences, index: int) -> tuple[int, ...]:
        """The sentences of a paragraph from `index` on, up to what introduces a list."""
        end = index + 1
        while (
            end < len(page.sentences)
            and continues(page.text, page.sentences[end - 1], page.sentences[end])
            and page.sentences[end].kind == page.sentences[index].kind
            and self._is_statement(page, end)
            and not page.is_question(end)
            and not _items(page, end)
        ):
            end += 1
        return tuple(range(index, end))

    def _is_furniture(self, page: ChunkSentences, index: int) -> bool:
        """Whether this is a page's header or footer, or a line of a table of contents."""
        line = page.line(index)
        return (
            _LEADERS.search(line) is not None
            or _PAGE.fullmatch(line) is not None
            or _without_numbers(line) in self._furniture
        )


def _windows(page: ChunkSentences, run: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Parts of a paragraph of at most `MAX_CHARS`, or of one sentence; each begins with the last of the one before."""
    begin = 0
    while begin < len(run):
        end = begin + 1
        while end < len(run) and len(page.quote(run[begin])) and _length(page, run[begin : end + 1]) <= MAX_CHARS:
            end += 1
        yield run[begin:end]
        if end == len(run):
            return
        begin = max(end - 1, begin + 1)


def _length(page: ChunkSentences, indexes: tuple[int, ...]) -> int:
    return page.sentences[indexes[-1]].end - page.sentences[indexes[0]].start


def _last(section: str | None) -> str:
    return section.rsplit(" > ", 1)[-1] if section else ""


def _without_numbers(line: str) -> str:
    return re.sub(r"\d+", "", line).strip().casefold()


def _repeated(pages: Sequence[ChunkSentences]) -> frozenset[str]:
    """Lines that stand more than once apart from their numbers, as headers and footers of pages do."""
    seen: dict[tuple[object, str], int] = {}
    for page in pages:
        for index, sentence in enumerate(page.sentences):
            if sentence.kind in ("line", "heading", "sentence") and not _STOP.search(line := page.line(index)):
                key = page.chunk.document_id, _without_numbers(line)
                seen[key] = seen.get(key, 0) + 1
    return frozenset(line for (_, line), count in seen.items() if count > 1 and line)


def _items(page: ChunkSentences, index: int) -> tuple[int, ...]:
    """The items of the list that begins at a sentence or is introduced by it; empty when there is none."""
    first = index if page.sentences[index].kind == "item" else index + 1
    if first > index and not page.quote(index).rstrip().endswith(_COLON):
        return ()
    end = first
    while end < len(page.sentences) and page.sentences[end].kind == "item":
        end += 1
    return tuple(range(first, end))


def _listed(place: int, page: ChunkSentences, heading: str, index: int, items: tuple[int, ...]) -> Iterator[Quotation]:
    """A short list as a whole with what introduces it; of a longer one each item, and its beginning."""
    intro = (index,) if index < items[0] else ()
    introduction = page.line(index) if intro else ""
    shown = items[:MAX_ITEMS]
    is_menu = not intro and all(
        len(page.line(item).split()) <= _MENU_WORDS and not _STOP.search(page.line(item)) for item in items
    )
    if is_menu:
        return
    text = " ".join([introduction, "; ".join(page.line(item).rstrip(";.,") for item in shown)]).strip()
    if len(items) <= MAX_ITEMS and len(text) <= MAX_LIST_CHARS:
        yield Quotation(place, (*intro, *shown), heading, text)
        return
    above = f"{heading}. {introduction}" if heading and introduction else heading or introduction
    for item in items:
        yield Quotation(place, (item,), above, page.line(item))
    if intro:
        yield Quotation(place, (*intro, *shown), heading, text)


def cells(row: str) -> list[str]:
    """The cells of a row."""
    separator = "\t" if "\t" in row and " | " not in row else "|"
    return [" ".join(cell.split()) for cell in row.strip().strip("|").split(separator)]


def shown_row(page: ChunkSentences, index: int) -> str:
    """A row as an answer shows it: with the names of its columns from three columns on; empty for a table's head."""
    own = cells(page.quote(index))
    head = _head(page, index)
    if head is None:
        return " | ".join(own)
    if own == head:
        return ""
    if len(own) == len(head) + 1:  # the first cell of the head is empty
        head = ["", *head]
    if len(own) != len(head) or len(own) < 3:
        return " | ".join(own)
    return " | ".join(f"{name}: {cell}" if name else cell for name, cell in zip(head, own, strict=True) if cell)


def _head(page: ChunkSentences, index: int) -> list[str] | None:
    """The cells of the first row of a row's table, where they name columns."""
    first = index
    while first and page.sentences[first - 1].kind == "row":
        first -= 1
    if first == 0 and page.chunk.columns is not None:
        head, others = cells(page.chunk.columns), range(index + 1)
    else:
        head, others = cells(page.quote(first)), range(first + 1, first + 2)
        if first + 1 >= len(page.sentences) or page.sentences[first + 1].kind != "row":
            return None
        between = page.text[page.sentences[first].end : page.sentences[first + 1].start]
        if "---" in between:
            return head
    rows = [cells(page.quote(i)) for i in others]
    # A first row with figures like those below it is a row like them.
    is_head = len(head) > 2 or _names(head, rows) or any(len(row) > len(head) for row in rows)
    return head if is_head else None


def _names(head: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first of two columns' cells are names of columns: without digits, over figures."""
    plain = not any(char.isdigit() for cell in head for char in cell)
    return plain and any(char.isdigit() for row in rows for cell in row[1:] for char in cell)
