"""The context of a chunk that its text lacks: the headings above it, and the first row of its table."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# A longer context would outweigh the chunk's own text.
MAX_CONTEXT_TOKENS = 48
MAX_COLUMNS_CHARS = 500
# An unknown word is one token, whatever its length.
_MAX_CONTEXT_CHARS = 16 * MAX_CONTEXT_TOKENS
# The separator of a section's headings, as extraction writes it.
_PATH = " > "
# A line of cells, as extraction, Markdown and tab-separated text write them; or Markdown's rule below a header.
_ROW = re.compile(r"^(?:.*(?: \| |\t).*|(?=[^|\n]*\|)[|: -]++)$", re.MULTILINE)
_CELLS = re.compile(r" \| |\t")
_RULE = re.compile(r"(?=[^-]*-)[|: -]++")
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
_NAME_CHARS = 60
_DIGIT = re.compile(r"\d")
_YEAR = re.compile(r"(?:19|20)\d\d")
# More rows would not make the columns clearer.
_SAMPLE_ROWS, _SAMPLE_CHARS = 8, 4096


class Contexts:
    """The contexts of one text's chunks, within the tokens that a model with `limit` tokens has left."""

    def __init__(self, count: Callable[[Sequence[str]], Sequence[int]], limit: int) -> None:
        self._count = count
        self._limit = limit
        self._tokens: dict[str, int] = {}

    def of(self, path: str | None, columns: str | None, text: str, tokens: int) -> str | None:
        """The context of `text`, which has `tokens` tokens: headings of `path` and names of columns, one line each.

        Headings that the text contains are left out. The innermost headings come first when there is not room for all,
        then the columns.
        """
        room = min(MAX_CONTEXT_TOKENS, self._limit - tokens)
        if room <= 0 or not (path or columns):
            return None
        folded = text.casefold()
        # Every heading has at least one token, so at most this many have room.
        inner = [part for part in (path or "").split(_PATH)[-MAX_CONTEXT_TOKENS:] if part.strip()]
        missing = [part for part in inner if not _contains_words(folded, part.casefold())]
        self._look_up([*missing, _PATH.strip(), *([columns] if columns else [])])
        chosen: list[str] = []
        for heading in reversed(missing):
            needed = self._tokens[heading] + (self._tokens[_PATH.strip()] if chosen else 0)
            if needed > room:
                break
            room -= needed
            chosen.insert(0, heading)
        lines = [_PATH.join(chosen)] if chosen else []
        if columns and self._tokens[columns] <= room:
            lines.append(columns)
        return "\n".join(lines) or None

    def _look_up(self, texts: Sequence[str]) -> None:
        """Count the tokens of new texts, all at once. A text that is too long to have room is not counted."""
        new = [text for text in dict.fromkeys(texts) if text not in self._tokens]
        short = [text for text in new if len(text) <= _MAX_CONTEXT_CHARS]
        self._tokens.update(dict.fromkeys(new, MAX_CONTEXT_TOKENS + 1))
        if short:
            self._tokens.update(zip(short, self._count(short), strict=True))


def _contains_words(text: str, words: str) -> bool:
    """Whether `text` contains `words` as whole words, in scripts that separate words by spaces."""
    at = text.find(words)
    while at >= 0:
        before, after = text[at - 1 : at], text[at + len(words) : at + len(words) + 1]
        if not (_joins(before, words[0]) or _joins(words[-1], after)):
            return True
        at = text.find(words, at + 1)
    return False


def _joins(before: str, after: str) -> bool:
    return before.isalnum() and after.isalnum() and all(c.isascii() or c.lower() != c.upper() for c in (before, after))


@dataclass(frozen=True, slots=True)
class _Table:
    start: int
    first_row_end: int
    end: int


class Tables:
    """The tables of one text. A table is a run of lines of cells without a blank line in between."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tables: list[_Table] = []
        self._columns: dict[int, str | None] = {}
        blank = -1
        for row in _ROW.finditer(text):
            if row[0].isspace():
                continue
            last = self._tables[-1] if self._tables else None
            if last and blank < last.end:
                boundary = _BLANK_LINE.search(text, last.end)
                blank = boundary.start() if boundary else len(text)
            if last and blank >= row.start():
                self._tables[-1] = _Table(last.start, last.first_row_end, row.end())
            else:
                self._tables.append(_Table(row.start(), row.end(), row.end()))
        self._starts = [table.start for table in self._tables]

    def columns(self, start: int) -> str | None:
        """The column names, ``Item | Price``, for a chunk that starts at `start` inside a table, below its first row.

        None when the first row does not look like names. Names beyond `MAX_COLUMNS_CHARS` are left out.
        """
        boundary = bisect_right(self._starts, start) - 1
        if boundary < 0 or not self._tables[boundary].first_row_end < start < self._tables[boundary].end:
            return None
        if boundary not in self._columns:
            names, *below = self._rows(self._tables[boundary])
            self._columns[boundary] = _line(names) if _are_names(names, below) else None
        return self._columns[boundary]

    def _rows(self, table: _Table) -> list[list[str]]:
        """The cells of the first rows."""
        first = self._text[table.start : min(table.first_row_end, table.start + _SAMPLE_CHARS)]
        sample = self._text[table.first_row_end : min(table.end, table.first_row_end + _SAMPLE_CHARS)]
        return [_cells(first), *(_cells(row) for row in sample.split("\n")[1 : 1 + _SAMPLE_ROWS])]


def _cells(row: str) -> list[str]:
    plain = row.strip()
    if len(plain) > 1 and plain[0] == plain[-1] == "|":
        row = plain[1:-1]
    return [" ".join(cell.split()) for cell in _CELLS.split(row)]


def _line(names: Sequence[str]) -> str:
    line = " | ".join(names)
    return line if len(line) <= MAX_COLUMNS_CHARS else line[:MAX_COLUMNS_CHARS].rpartition(" | ")[0]


def _are_names(first: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether the first row of a table looks like column names: a row that resembles the rows below does not.

    With two columns, a rule or numbers below text are required: otherwise every row may be `key | value`.
    """
    if below and _RULE.fullmatch(" | ".join(below[0])):
        return True
    named_columns = [name for name in first if name]
    figures = [name for name in named_columns if _numeric(name) and not _YEAR.fullmatch(name)]
    if len(named_columns) < 2 or max(map(len, named_columns)) > _NAME_CHARS or 2 * len(figures) >= len(named_columns):
        return False
    rows = [row for row in below if len(row) == len(first)]
    numbers = [_most(_numeric, rows, place) for place in range(len(first))]
    if _numeric(first[0]) or (_DIGIT.search(first[0]) and _most(_DIGIT.search, rows, 0)):
        return False
    if any(name in figures and numbers[place] for place, name in enumerate(first)):
        return False
    return len(first) > 2 or any(numbers[place] and not _numeric(name) for place, name in enumerate(first))


def _most(test: Callable[[str], object], rows: Sequence[Sequence[str]], place: int) -> bool:
    return 2 * sum(bool(test(row[place])) for row in rows) > len(rows)


def _numeric(cell: str) -> bool:
    return bool(cell) and 2 * len(_DIGIT.findall(cell)) >= len(cell)
