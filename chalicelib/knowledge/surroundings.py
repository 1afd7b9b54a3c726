"""What a passage stands under and does not say itself: the headings above it, and the first row of its table."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# More would say more of where a passage stands than the passage itself says.
MAX_CONTEXT_TOKENS = 48
MAX_COLUMNS_CHARS = 500
# A word that the model does not know is one token whatever its length.
_CHARS_PER_TOKEN = 16
# How extraction joins the headings of a section.
_PATH = " > "
# A line of cells, as extraction writes them or as Markdown and tab-separated text have them; or Markdown's rule.
_ROW = re.compile(r"^(?:.*(?: \| |\t).*|(?=[^|\n]*\|)[|: -]++)$", re.MULTILINE)
_CELLS = re.compile(r" \| |\t")
_NAME_CHARS = 60
_DIGIT = re.compile(r"\d")


class Contexts:
    """What to embed before the chunks of one text, as far as a model that reads `limit` tokens has room for it."""

    def __init__(self, count: Callable[[Sequence[str]], Sequence[int]], limit: int) -> None:
        self._count = count
        self._limit = limit
        self._counts: dict[str, int] = {}

    def of(self, path: str | None, columns: str | None, text: str, tokens: int) -> str | None:
        """The context of `text` of so many tokens: headings of `path` and names of columns, a line each.

        Only headings that the text does not hold; the innermost, if not all find room, and then the columns.
        """
        room = min(MAX_CONTEXT_TOKENS, self._limit - tokens)
        held = text.casefold()
        headings = [part for part in (path or "").split(_PATH) if part.strip() and part.casefold() not in held]
        wholes = (_PATH.join(headings[first:]) for first in range(len(headings)))
        lines = [next((whole for whole in wholes if self._tokens(whole) <= room), None)]
        if columns and self._tokens(columns) <= room - sum(self._tokens(line) for line in lines if line):
            lines.append(columns)
        return "\n".join(line for line in lines if line) or None

    def _tokens(self, line: str) -> int:
        """The tokens of `line`, or more than find room when it is too long to be worth counting."""
        if len(line) > MAX_CONTEXT_TOKENS * _CHARS_PER_TOKEN:
            return MAX_CONTEXT_TOKENS + 1
        if line not in self._counts:
            self._counts[line] = self._count([line])[0]
        return self._counts[line]


@dataclass(frozen=True, slots=True)
class _Table:
    start: int
    first_row_end: int
    end: int


class Tables:
    """The tables of one text: lines of cells, one right after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tables: list[_Table] = []
        for row in _ROW.finditer(text):
            last = self._tables[-1] if self._tables else None
            if last and row.start() == last.end + 1:
                self._tables[-1] = _Table(last.start, last.first_row_end, row.end())
            else:
                self._tables.append(_Table(row.start(), row.end(), row.end()))
        self._starts = [table.start for table in self._tables]

    def columns(self, start: int) -> str | None:
        """The names of the columns, ``Item | Price``, for what starts at `start` in a table, below its first row.

        None where the first row does not look like names: as many numbers, or a long text. Names beyond
        `MAX_COLUMNS_CHARS` are left out.
        """
        found = bisect_right(self._starts, start) - 1
        if found < 0:
            return None
        table = self._tables[found]
        if not table.first_row_end < start < table.end:
            return None
        row = self._text[table.start : min(table.first_row_end, table.start + 2 * MAX_COLUMNS_CHARS)]
        names = [" ".join(cell.split()) for cell in _CELLS.split(row.strip().strip("|"))]
        said = [name for name in names if name]
        if len(said) < 2 or max(map(len, said)) > _NAME_CHARS or 2 * sum(map(_numeric, said)) >= len(said):
            return None
        line = " | ".join(names)
        return line if len(line) <= MAX_COLUMNS_CHARS else line[:MAX_COLUMNS_CHARS].rpartition(" | ")[0]


def _numeric(cell: str) -> bool:
    return 2 * len(_DIGIT.findall(cell)) >= len(cell)
