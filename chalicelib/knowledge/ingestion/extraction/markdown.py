"""Markdown (CommonMark): the source text, in sections by its headings."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_LONGEST_HEADING = 1000
_BREAKS = ("softbreak", "hardbreak")
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?\n)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:(.*)$", re.MULTILINE)


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Read Markdown. The text stays as it is, so that offsets are those of the source. Returns its title."""
    return add_markdown(assembly.decoded(path.read_bytes()), assembly)


def add_markdown(text: str, assembly: TextAssembler) -> str | None:
    """Add clean Markdown, apart from what is there already. Returns its title."""
    assembly.begin_part()
    front = _FRONT_MATTER.match(text)
    position = front.end() if front else 0
    assembly.add_verbatim(text[:position])
    for start, level, title in _headings(text[position:]):
        start += front.end() if front else 0
        assembly.add_verbatim(text[position:start])
        assembly.heading(level, title)
        position = start
    assembly.add_verbatim(text[position:])
    named = _FRONT_TITLE.search(front.group(1)) if front else None
    return (_unquoted(named.group(1).strip(" \t")) if named else "") or assembly.first_heading


def _unquoted(title: str) -> str:
    """A title without the quotation marks around it."""
    quoted = len(title) > 2 and title[0] in "'\"" and title[-1] == title[0]
    return title[1:-1] if quoted else title


def _headings(text: str) -> Iterator[tuple[int, int, str]]:
    """Offset, level and plain text of every heading that is not inside a quotation, a list or a code fence."""
    from markdown_it import MarkdownIt

    blocks = MarkdownIt("commonmark")
    # Only headings are parsed: inline parsing of all text would take most of the time.
    blocks.core.ruler.enableOnly(["normalize", "block"])
    inlines = MarkdownIt("commonmark")
    line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
    tokens = blocks.parse(text)
    for opening, content in itertools.pairwise(tokens):
        if opening.type == "heading_open" and opening.level == 0 and opening.map:
            yield line_starts[opening.map[0]], int(opening.tag[1:]), _plain(inlines, content.content)


def _plain(inlines: MarkdownIt, source: str) -> str:
    """The plain text of a heading."""
    children = [child for token in inlines.parseInline(source[:_LONGEST_HEADING]) for child in token.children or []]
    return "".join(" " if child.type in _BREAKS else child.content for child in children if child.type != "html_inline")
