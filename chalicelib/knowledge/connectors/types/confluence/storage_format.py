"""Confluence's storage format as HTML (confluence.atlassian.com, "Confluence Storage Format").

It is XML: HTML's elements, and Atlassian's own for macros, links, pictures and tasks. A macro's own words are kept;
what it would show of other pages is not, since those may have other readers.
"""

import re
from collections.abc import Iterator, Mapping
from html import escape
from html.entities import html5
from xml.parsers import expat

_XML_NAMES = frozenset({"amp", "lt", "gt", "quot", "apos"})
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31});|&(?!#[0-9]{1,7};|#x[0-9A-Fa-f]{1,6};)")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_PEOPLE = re.compile(r'ri:(?:account-id|userkey|username)="([^"<>]{1,255})"')
_CDATA, _CDATA_END = "<![CDATA[", "]]>"

# Elements without words for readers: ids, texts for authors, and the second form of what stands beside them.
_DROPPED = frozenset(
    {"ac:task-id", "ac:task-uuid", "ac:placeholder", "ac:adf-attribute", "ac:adf-fallback", "ac:default-parameter"}
)
_BLOCK_MACROS = frozenset({"expand", "panel", "info", "note", "tip", "warning", "code", "noformat"})
_BLOCKS = {
    "ac:rich-text-body": "div",
    "ac:plain-text-body": "pre",
    "ac:layout": "div",
    "ac:layout-section": "div",
    "ac:layout-cell": "div",
    "ac:adf-content": "div",
    "ac:task-list": "ul",
    "ac:task": "li",
    "ac:caption": "p",
}
_SHOWN_PARAMETERS = frozenset({"title", "key"})
_ATTRIBUTES = frozenset({"colspan", "rowspan", "start", "type", "reversed", "value", "href", "alt"})
_VOID = frozenset({"br", "hr", "img", "col", "input", "wbr"})
# What a link or a picture leads to, in the attribute that says it in words.
_TARGETS = {
    "ri:page": "ri:content-title",
    "ri:blog-post": "ri:content-title",
    "ri:attachment": "ri:filename",
    "ri:url": "ri:value",
    "ri:space": "ri:space-key",
    "ri:shortcut": "ri:parameter",
}


def html(markup: str, names: Mapping[str, str]) -> str:
    """The words of storage format, as HTML. `names` are those of the people whom it mentions, by their ids."""
    converter = _Converter(names)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = converter.start
    parser.EndElementHandler = converter.end
    parser.CharacterDataHandler = converter.words
    cleaned = _NOT_XML.sub("\ufffd", markup)
    try:
        parser.Parse(f"<page>{''.join(_readable(cleaned))}</page>", True)
    except expat.ExpatError:  # not the XML that it should be: at least its words
        return "".join(escape(part) if is_literal else part for part, is_literal in _parts(cleaned))
    return "".join(converter.output)


def people(markup: str) -> set[str]:
    """The ids of the people whom it mentions."""
    return set(_PEOPLE.findall(markup))


def _parts(markup: str) -> Iterator[tuple[str, bool]]:
    """The markup, and between it what CDATA sections say literally."""
    position = 0
    while (start := markup.find(_CDATA, position)) >= 0:
        yield markup[position:start], False
        end = markup.find(_CDATA_END, start)
        end = len(markup) if end < 0 else end
        yield markup[start + len(_CDATA) : end], True
        position = end + len(_CDATA_END)
    yield markup[position:], False


def _readable(markup: str) -> Iterator[str]:
    """The markup with HTML's named characters as XML has them."""
    for part, is_literal in _parts(markup):
        yield escape(part) if is_literal else _ENTITY.sub(_character, part)


def _character(match: re.Match[str]) -> str:
    name = match[1]
    if name in _XML_NAMES:
        return match[0]
    return escape(html5.get(f"{name};", "")) or f"&amp;{match[0][1:]}"


class _Converter:
    """One pass over the elements, without recursion: whoever writes the page chooses the nesting."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.output: list[str] = []
        self._names = names
        self._dropped = 0
        self._endings: list[str] = []
        self._macros: list[str] = []
        # How many parts of the output say something; for each open link or picture how many before it, and its target.
        self._texts = 0
        self._targets: list[tuple[int, str]] = []
        self._status: str | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        is_hidden = tag == "ac:parameter" and attributes.get("ac:name") not in _SHOWN_PARAMETERS
        if self._dropped or tag in _DROPPED or is_hidden:
            self._dropped += 1
            return
        opening, ending = self._tags(tag, attributes)
        self._put(opening)
        self._endings.append(ending)

    def end(self, tag: str) -> None:
        """An element ends."""
        if self._dropped:
            self._dropped -= 1
            return
        if tag in {"ac:link", "ac:image"}:
            self._end_target(tag)
        elif tag in {"ac:structured-macro", "ac:macro"}:
            self._macros.pop()
        elif tag == "ac:task-status":
            checked = " checked" if (self._status or "").strip() == "complete" else ""
            self._put(f'<input type="checkbox"{checked}>')
            self._status = None
        self._put(self._endings.pop())

    def words(self, text: str) -> None:
        """Text between elements."""
        if self._status is not None:
            self._status += text
        elif not self._dropped:
            self._put(escape(text))

    def _put(self, part: str) -> None:
        self.output.append(part)
        self._texts += bool(part.strip())

    def _tags(self, tag: str, attributes: dict[str, str]) -> tuple[str, str]:
        """What stands for an element's beginning and its end."""
        if tag in {"ac:link", "ac:image"}:
            self._targets.append((self._texts, attributes.get("ac:alt") or attributes.get("ac:title") or ""))
        elif tag.startswith("ri:"):
            self._lead_to(tag, attributes)
        elif tag in {"ac:structured-macro", "ac:macro"}:
            self._macros.append(attributes.get("ac:name", ""))
            return ("<div>", "</div>") if self._macros[-1] in _BLOCK_MACROS else (" ", " ")
        elif tag == "ac:parameter":
            is_block = bool(self._macros) and self._macros[-1] in _BLOCK_MACROS
            return ("<p><strong>", "</strong></p>") if is_block else ("", " ")
        elif tag == "ac:task-status":
            self._status = ""
        elif tag == "ac:emoticon":
            fallback = attributes.get("ac:emoji-fallback", "")
            return ("" if fallback.startswith(":") else escape(fallback)), ""
        elif tag == "time":
            return escape(attributes.get("datetime", "")), ""
        elif tag in _BLOCKS:
            return f"<{_BLOCKS[tag]}>", f"</{_BLOCKS[tag]}>"
        elif ":" not in tag and tag != "page":
            shown = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items() if name in _ATTRIBUTES)
            return f"<{tag}{shown}>", "" if tag in _VOID else f"</{tag}>"
        return "", ""

    def _lead_to(self, tag: str, attributes: dict[str, str]) -> None:
        """Note what the open link or picture leads to, unless it has words of its own."""
        if not self._targets:
            return
        texts_before, target = self._targets[-1]
        if tag == "ri:user":
            ids = (attributes.get(f"ri:{name}", "") for name in ("account-id", "userkey", "username"))
            target = next((f"@{self._names[one]}" for one in ids if one in self._names), target)
        self._targets[-1] = (texts_before, target or attributes.get(_TARGETS.get(tag, ""), ""))

    def _end_target(self, tag: str) -> None:
        texts_before, target = self._targets.pop()
        if tag == "ac:image" and target:
            self._put(f'<img alt="{escape(target)}">')
        elif tag == "ac:link" and self._texts == texts_before:
            self._put(escape(target))
