"""HTML: the text that a person sees or can unfold, in sections by its headings, tables as rows, lists with numbers."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, clean, one_line
from chalicelib.knowledge.ingestion.extraction.drawing import raised
from chalicelib.knowledge.ingestion.extraction.html_tables import Table
from chalicelib.knowledge.ingestion.extraction.mathml import after, before
from chalicelib.knowledge.ingestion.extraction.word_numbering import formatted, whole_number
from chalicelib.knowledge.ingestion.extraction.xhtml import as_html

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_CHARSET = re.compile(rb"<meta[^>]{0,500}?charset\s*+=\s*+[\"']?\s*+([A-Za-z0-9_:.-]{2,40})", re.IGNORECASE)
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*+=\s*+[\"']([A-Za-z0-9_:.-]{2,40})[\"']")
_DECLARED_WITHIN = 4096
_SPACE = re.compile(r"[ \t\n\r\f]+")
_MOST_FRAMES = 20

_UNSEEN = (
    "annotation annotation-xml audio canvas datalist defs desc embed head map metadata nav rp rt script style template"
    " video"
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCK = (
    "address article aside blockquote body button caption center dd details dialog div dl dt fieldset figcaption figure"
    " footer form header hgroup hr iframe legend li main menu noscript ol p pre section summary table tbody tfoot thead"
    " tr ul"
)
_SKIPPED, _BLOCKS = frozenset(_UNSEEN.split()), frozenset(_BLOCK.split())
_CELLS = frozenset(("td", "th"))
# Blocks that start on the next line, without an empty line before.
_LINES = frozenset(("li", "tr", "dt", "dd", "thead", "tbody", "tfoot"))
# Words of a drawing, each at a place of its own.
_DRAWN = frozenset(("text", "title"))
_LIST_FORMS = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_TICKED, _UNTICKED = "\u2612 ", "\u2610 "
_DATA_PICTURE = re.compile(r"data:image/[a-z+.-]{1,20};base64,", re.IGNORECASE)
# From the address of a file beside the page to its name and what reads it.
Beside = Callable[[str], tuple[str, Callable[[], bytes | None]]]
_UNSEEN_INPUTS = frozenset(("hidden", "password", "image", "file", "color"))


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Read HTML in the encoding of its byte-order mark, its bytes or its declaration. Returns its title."""
    data = path.read_bytes()
    return add_markup(assembly.decoded(data, declared_encoding(data)), assembly)


def declared_encoding(data: bytes) -> str | None:
    """The encoding that a ``meta`` element or an XML declaration names."""
    head = data[:_DECLARED_WITHIN]
    declared = _CHARSET.search(head) or _DECLARED.match(head)
    return declared[1].decode("ascii") if declared else None


def add_markup(markup: str, assembly: TextAssembler, beside: Beside | None = None) -> str | None:
    """Add decoded HTML. Returns its title. `beside` returns the name of a file that it shows, and how to read it."""
    from selectolax.lexbor import LexborHTMLParser, SelectolaxError

    try:
        tree = LexborHTMLParser(as_html(markup))
    except SelectolaxError as error:
        # HTML's grammar accepts every text, so the only possible failure is memory.
        raise MemoryError(str(error)) from error
    title = tree.css_first("title")
    if tree.body is not None:
        _Walk(assembly, beside).walk(tree.body)
    named = one_line(title.text()) if title else ""
    return named or assembly.first_heading


class _Walk:
    """One pass over a tree in reading order, without recursion, because the sender chooses the nesting."""

    def __init__(self, assembly: TextAssembler, beside: Beside | None) -> None:
        self._assembly = assembly
        self._beside = beside
        self._words: list[str] = []
        self._separator = "\n\n"
        self._preformatted = 0
        self._tables: list[Table] = []
        # For each open list its next number and the form of its numbers; None for a list without numbers.
        self._lists: list[tuple[int, str, int] | None] = []
        self._mark = ""
        # The number or dash of an item that has no words yet.
        self._started = ""
        self._frames = 0

    def walk(self, root: LexborNode) -> None:
        """Add all visible text below `root`."""
        for node, opening in _events(root):
            if node.is_text_node:
                self._text(node.text_content or "")
            elif opening:
                self._words += before(node)
                self._open(node, node.tag or "")
            else:
                self._close(node.tag or "")
                self._words += after(node)
        self._flush("\n\n")

    def _text(self, text: str) -> None:
        text = text if self._preformatted else _SPACE.sub(" ", text)
        if self._mark and text.strip():
            text, self._mark = raised(text, self._mark, "".join(self._words[-1:])), ""
        self._words.append(text)

    def _open(self, node: LexborNode, tag: str) -> None:
        if tag == "br":
            self._words.append(" " if self._in_cell else "\n")
        elif tag in _CELLS:
            self._begin_cell(node)
        elif tag in ("sup", "sub"):
            self._mark = "^" if tag == "sup" else "_"
        elif tag in ("input", "select", "img", "image"):
            self._words.append(_value_of(node, tag))
            self._note_picture(node)
        elif tag == "table":
            self._begin_table()
        elif tag in _HEADINGS:
            self._flush("\n\n")
        elif tag in _BLOCKS:
            self._block(tag)
            self._begin(node, tag)
        elif tag in _DRAWN:
            self._words.append(" ")

    def _close(self, tag: str) -> None:
        if tag in _HEADINGS:
            self._assembly.heading(_HEADINGS[tag], "".join(self._words))
            self._flush("\n\n")
        elif tag in _CELLS:
            if self._tables:
                self._tables[-1].end_cell(self._words)
        elif tag in ("sup", "sub"):
            self._mark = ""
        elif tag == "table":
            if self._tables:
                self._tables.pop().release(self._words)
            self._flush("\n\n")
        elif tag in _BLOCKS:
            self._started = "" if tag == "li" else self._started
            self._block(tag)
            self._end(tag)
        elif tag in _DRAWN:
            self._words.append(" ")

    def _note_picture(self, node: LexborNode) -> None:
        attributes = node.attributes
        address = attributes.get("src") or attributes.get("href") or attributes.get("xlink:href") or ""
        if encoded := _DATA_PICTURE.match(address):
            self._assembly.picture(address, partial(b64decode, address[encoded.end() :]))
        elif address and self._beside:
            self._assembly.picture(*self._beside(address))

    @property
    def _in_cell(self) -> bool:
        return any(table.in_cell for table in self._tables)

    def _begin_table(self) -> None:
        for table in self._tables:
            table.release(self._words)
        self._flush("\n\n")
        self._tables.append(Table())

    def _begin_cell(self, node: LexborNode) -> None:
        if not self._tables:
            self._tables.append(Table())
        rows, columns = node.attributes.get("rowspan"), node.attributes.get("colspan")
        self._tables[-1].begin_cell(self._words, whole_number(rows, 1), whole_number(columns, 1))

    def _begin(self, node: LexborNode, tag: str) -> None:
        if tag in ("ol", "ul", "menu"):
            self._begin_list(node, tag)
        elif tag == "li":
            if self._started == "- " and "".join(self._words).strip() == "-":
                # An item of nothing but a list: one dash is enough.
                self._words.clear()
            self._started = self._item(node)
            self._words.append(self._started)
        elif tag == "tr" and self._tables:
            self._tables[-1].begin_row()
        elif tag == "iframe" and (inner := node.attributes.get("srcdoc")) and self._frames < _MOST_FRAMES:
            self._frames += 1
            self._flush("\n\n")
            add_markup(clean(inner), self._assembly)
        self._preformatted += tag == "pre"

    def _end(self, tag: str) -> None:
        self._preformatted -= tag == "pre"
        if tag in ("ol", "ul", "menu") and self._lists:
            self._lists.pop()

    def _begin_list(self, node: LexborNode, tag: str) -> None:
        if tag != "ol":
            self._lists.append(None)
            return
        start = node.attributes.get("start") or ""
        backwards = "reversed" in node.attributes
        first = whole_number(start, 1)
        if backwards and not start:
            first = sum(1 for child in node.iter() if child.tag == "li")
        self._lists.append(
            (first, _LIST_FORMS.get(node.attributes.get("type") or "", "decimal"), -1 if backwards else 1)
        )

    def _item(self, node: LexborNode) -> str:
        """What stands before an item: its number, or a dash."""
        counted = self._lists[-1] if self._lists else None
        if counted is None:
            return "- "
        number, form, step = counted
        number = whole_number(node.attributes.get("value"), number)
        self._lists[-1] = (number + step, form, step)
        return f"{formatted(number, form)}. "

    def _block(self, tag: str) -> None:
        """End the line, unless the block only wraps the words of a table cell."""
        if tag == "tr" and self._tables:
            self._tables[-1].end_row(self._words)
        if self._in_cell and tag not in ("tr", "pre"):
            self._words.append(" ")
        else:
            self._flush("\n" if tag in _LINES else "\n\n")

    def _flush(self, separator: str) -> None:
        """Add the words so far; the next text is added after `separator`."""
        text = "".join(self._words)
        self._words.clear()
        if self._started and text.strip() == self._started.strip():
            # The first words of the item are in a block of their own.
            self._words.append(self._started)
            return
        self._started = ""
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
            if node.tag not in ("select", "iframe"):
                pending.extend((child, True) for child in reversed(list(node.iter(include_text=True))))


def _hidden(node: LexborNode) -> bool:
    """Whether nobody sees a node. Panels that unfold are hidden only until somebody clicks: they are read."""
    return node.tag in _SKIPPED or node.attributes.get("role") == "navigation"


def _value_of(node: LexborNode, tag: str) -> str:
    """What a control of a form or a picture shows."""
    attributes = node.attributes
    if tag == "img":
        described = one_line(attributes.get("alt") or "")
        return f" [Picture: {described}] " if described else ""
    if tag == "select":
        options = node.css("option")
        chosen = [option for option in options if "selected" in option.attributes] or options[:1]
        return f" {', '.join(one_line(option.text()) for option in chosen)} "
    kind = (attributes.get("type") or "text").lower()
    if kind in ("checkbox", "radio"):
        return _TICKED if "checked" in attributes else _UNTICKED
    return "" if kind in _UNSEEN_INPUTS else f" {attributes.get('value') or ''} "
