"""XHTML as HTML: in XML a tag closes itself, and a marked section is text; in HTML neither does."""

from __future__ import annotations

import re

_XHTML = re.compile(r"\A\s*(?:<\?xml|<!DOCTYPE[^>]{0,300}XHTML|<html[^>]{0,500}xmlns=)", re.IGNORECASE)
_TAG = re.compile(r"<([A-Za-z][\w:.-]*+)([^<>]*+)>")
_SECTION, _SECTION_END = "<![CDATA[", "]]>"
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "wbr")
)


def as_html(markup: str) -> str:
    """XHTML with an end tag for each tag that closes itself, which would swallow what follows; HTML as it is."""
    if not _XHTML.match(markup):
        return markup
    first, *sections = markup.split(_SECTION)
    parts = [_closed(first)]
    for section in sections:
        text, end, rest = section.partition(_SECTION_END)
        parts.append(text.replace("&", "&amp;").replace("<", "&lt;") if end else _closed(text))
        parts.append(_closed(rest))
    return "".join(parts)


def _closed(markup: str) -> str:
    """Markup whose tags that close themselves have an end tag."""

    def close(tag: re.Match[str]) -> str:
        if not tag[2].endswith("/") or tag[1].lower() in _VOID:
            return tag[0]
        return f"<{tag[1]}{tag[2][:-1]}></{tag[1]}>"

    return _TAG.sub(close, markup)
