"""A table of HTML while it is read: cells that span several rows are repeated in each of them."""

from __future__ import annotations

from chalicelib.knowledge.ingestion.extraction.grid import one_head

_MOST_ROWS, _MOST_COLUMNS = 5_000, 1_000
_BETWEEN = " | "


class Table:
    """One open table. Words are collected by the walk over the tree; the table adds what stands between them."""

    def __init__(self) -> None:
        self._column = 0
        # By column: the text of a cell from a row above, and in how many further rows it stands.
        self._above: dict[int, tuple[str, int]] = {}
        # The open cell: where its words begin, and its spans.
        self._cell: tuple[int, int, int] | None = None
        self._first = True
        # The cells of the open row by column, and where its words begin.
        self._row: dict[int, str] = {}
        self._start = 0
        self._rows = 0
        # The first row, when its cells stand for several columns: it may be one head with the next row.
        self._first_row: tuple[str, dict[int, str]] | None = None
        self._is_wide = False

    @property
    def in_cell(self) -> bool:
        """Whether a cell is open."""
        return self._cell is not None

    def begin_row(self) -> None:
        """Start a row."""
        self._column, self._first, self._cell = 0, True, None
        self._row, self._is_wide = {}, False

    def begin_cell(self, words: list[str], rows: int, columns: int) -> None:
        """Start a cell, after the cells from above that stand before it."""
        self._repeat(words, only_next=True)
        self._between(words)
        self._is_wide = self._is_wide or columns > 1
        self._cell = (len(words), min(max(rows, 1), _MOST_ROWS), min(max(columns, 1), _MOST_COLUMNS))

    def end_cell(self, words: list[str]) -> None:
        """End the open cell."""
        if self._cell is None:
            return
        start, rows, columns = self._cell
        self._cell = None
        text = " ".join("".join(words[start:]).split())
        self._row[self._column] = text
        if rows > 1 and text:
            self._above[self._column] = (text, rows - 1)
        self._column += columns

    def end_row(self, words: list[str]) -> None:
        """End a row with the cells from above that stand after its last one."""
        if self._first:
            return
        self._repeat(words, only_next=False)
        self._cell, self._first = None, True
        self._rows += 1
        if self._first_row is not None:
            head = one_head(self._first_row[1], self._row)
            if head is None:
                self.release(words)
            else:
                self._first_row = None
                words[:] = [head]
        elif self._rows == 1 and self._is_wide:
            self._first_row = "".join(words), self._row
            words.clear()

    def release(self, words: list[str]) -> None:
        """Put the first row, if it is held back, before `words`."""
        if self._first_row is not None:
            words[:0] = [self._first_row[0], "\n"]
            self._first_row = None

    def _repeat(self, words: list[str], *, only_next: bool) -> None:
        while self._above:
            column = self._column if only_next else min((c for c in self._above if c >= self._column), default=-1)
            if column not in self._above:
                return
            text, left = self._above.pop(column)
            self._between(words)
            words.append(text)
            self._row[column] = text
            if left > 1:
                self._retain(column, text, left - 1)
            self._column = column + 1
            if not only_next and self._column > _MOST_COLUMNS:
                return

    def _retain(self, column: int, text: str, left: int) -> None:
        self._above[column] = (text, left)

    def _between(self, words: list[str]) -> None:
        if not self._first:
            words.append(_BETWEEN)
        self._first = False
