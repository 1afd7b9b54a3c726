"""HTML: the visible text, in sections by its headings, tables as rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, one_line

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_CHARSET = re.compile(rb"<meta[^>]{0,500}?charset\s*+=\s*+[\"']?\s*+([A-Za-z0-9_:.-]{2,40})", re.IGNORECASE)
_CHARSET_WITHIN = 4096
_SPACE = re.compile(r"[ \t\n\r\f]+")

_UNSEEN = (
    "audio button canvas datalist embed head iframe input map nav noscript object script select style svg template"
    " textarea video"
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCK = (
    "address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure footer"
    " form header hgroup hr legend li main menu ol p pre section summary table tbody tfoot thead tr ul"
)
_SKIPPED, _BLOCKS = frozenset(_UNSEEN.split()), frozenset(_BLOCK.split())
_CELLS = frozenset(("td", "th"))
# Blocks that start on the next line, without an empty line before.
_LINES = frozenset(("li", "tr", "dt", "dd"))


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Read HTML in the encoding of its byte-order mark, its bytes or its ``meta`` element. Returns its title."""
    data = path.read_bytes()
    declared = _CHARSET.search(data[:_CHARSET_WITHIN])
    return add_markup(assembly.decoded(data, declared and declared[1].decode("ascii")), assembly)


def add_markup(markup: str, assembly: TextAssembler) -> str | None:
    """Add decoded HTML. Returns its title."""
    from selectolax.lexbor import LexborHTMLParser, SelectolaxError

    try:
        tree = LexborHTMLParser(markup)
    except SelectolaxError as error:
        # HTML's grammar accepts every text, so the only possible failure is memory.
        raise MemoryError(str(error)) from error
    title = tree.css_first("title")
    if tree.body is not None:
        _Walk(assembly).walk(tree.body)
    named = one_line(title.text()) if title else ""
    return named or assembly.first_heading


class _Walk:
    """One pass over a tree in reading order, without recursion, because the sender chooses the nesting."""

    def __init__(self, assembly: TextAssembler) -> None:
        self._assembly = assembly
        self._words: list[str] = []
        self._separator = "\n\n"
        self._preformatted = 0
        self._cells = 0
        self._row_cells = [0]

    def walk(self, root: LexborNode) -> None:
        """Add all visible text below `root`."""
        for node, opening in _events(root):
            if node.is_text_node:
                self._text(node.text_content or "")
            elif opening:
                self._open(node.tag or "")
            else:
                self._close(node.tag or "")
        self._flush("\n\n")

    def _text(self, text: str) -> None:
        self._words.append(text if self._preformatted else _SPACE.sub(" ", text))

    def _open(self, tag: str) -> None:
        if tag == "br":
            self._words.append(" " if self._cells else "\n")
        elif tag in _CELLS:
            self._cells += 1
            if self._row_cells[-1]:
                self._words.append(" | ")
            self._row_cells[-1] += 1
        elif tag in _HEADINGS or tag == "table":
            self._flush("\n\n")
        elif tag in _BLOCKS:
            self._block(tag)
            self._begin(tag)

    def _close(self, tag: str) -> None:
        if tag in _HEADINGS:
            self._assembly.heading(_HEADINGS[tag], "".join(self._words))
            self._flush("\n\n")
        elif tag in _CELLS:
            self._cells -= 1
        elif tag == "table":
            self._flush("\n\n")
        elif tag in _BLOCKS:
            self._block(tag)
            self._end(tag)

    def _begin(self, tag: str) -> None:
        if tag == "li":
            self._words.append("- ")
        elif tag == "tr":
            self._row_cells.append(0)
        self._preformatted += tag == "pre"

    def _end(self, tag: str) -> None:
        self._preformatted -= tag == "pre"
        if tag == "tr" and len(self._row_cells) > 1:
            self._row_cells.pop()

    def _block(self, tag: str) -> None:
        """End the line, unless the block only wraps the words of a table cell."""
        if self._cells and tag not in ("tr", "pre"):
            self._words.append(" ")
        else:
            self._flush("\n" if tag in _LINES else "\n\n")

    def _flush(self, separator: str) -> None:
        """Add the words so far; the next text is added after `separator`."""
        text = "".join(self._words)
        self._words.clear()
        if not self._preformatted:
            text = "\n".join(line.strip() for line in re.sub(r"[ \t]+", " ", text).split("\n")).strip()
        if text.strip(" |-\n"):
            self._assembly.add(text, self._separator)
            self._separator = separator
        elif separator == "\n\n":
            self._separator = separator


def _events(root: LexborNode) -> Iterator[tuple[LexborNode, bool]]:
    """Every node below `root` in document order; each element twice, before and after its contents."""
    pending: list[tuple[LexborNode, bool]] = [(root, True)]
    while pending:
        node, opening = pending.pop()
        if node.is_text_node:
            yield node, True
            continue
        if not node.is_element_node or (opening and _hidden(node)):
            continue
        yield node, opening
        if opening:
            pending.append((node, False))
            pending.extend((child, True) for child in reversed(list(node.iter(include_text=True))))


def _hidden(node: LexborNode) -> bool:
    if node.tag in _SKIPPED:
        return True
    attributes = node.attributes
    return "hidden" in attributes or attributes.get("aria-hidden") == "true" or attributes.get("role") == "navigation"
