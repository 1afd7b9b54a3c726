"""JSON: formatted with one value for each line, so that it can be read and chunked; lines of JSON stay lines.

Numbers stay as they are written, keys that stand twice are kept twice, and escapes become the characters they stand
for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, clean

_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)((?:\\u[0-9a-fA-F]{4})+)")


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


class _Object(list[tuple[str, Any]]):
    """The pairs of an object, those with the same key included."""

    __slots__ = ()


def read(path: Path, assembly: TextAssembler) -> None:
    """Read JSON, or JSON with one value for each line. Invalid JSON is read as plain text. It has no title."""
    assembly.add_verbatim(clean(as_text(assembly.decoded(path.read_bytes()))))


def as_text(text: str) -> str:
    """The text of a JSON document; what is no JSON stays as it is, with its escapes decoded."""
    try:
        return "\n".join(_lines(_loads(text)))
    except (ValueError, RecursionError):
        return "\n".join(_one_line(line) for line in text.split("\n"))


def _loads(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_Object, parse_float=_Number, parse_int=_Number, parse_constant=_Number)


def _one_line(line: str) -> str:
    if line.lstrip()[:1] in ("{", "[") and "\\" in line:
        try:
            return _compact(_loads(line))
        except (ValueError, RecursionError):
            pass
    return _ESCAPE.sub(_unescaped, line)


def _unescaped(match: re.Match[str]) -> str:
    units = bytes.fromhex(match[2].replace("\\u", ""))
    return match[1] + units.decode("utf-16-be", "replace")


def _compact(value: Any) -> str:
    if isinstance(value, _Object):
        return "{" + ", ".join(f"{_scalar(key)}: {_compact(below)}" for key, below in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_compact, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    return str(value) if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)


def _lines(value: Any, depth: int = 0, before: str = "", after: str = "") -> Iterator[str]:
    """The lines of a value; each stands one space further right than what contains it."""
    indent = " " * depth
    if not isinstance(value, list) or not value:
        scalar = "{}" if isinstance(value, _Object) else "[]" if isinstance(value, list) else _scalar(value)
        yield f"{indent}{before}{scalar}{after}"
        return
    opening, closing = ("{", "}") if isinstance(value, _Object) else ("[", "]")
    yield f"{indent}{before}{opening}"
    for number, item in enumerate(value, 1):
        comma = "," if number < len(value) else ""
        key, below = (f"{_scalar(item[0])}: ", item[1]) if isinstance(value, _Object) else ("", item)
        yield from _lines(below, depth + 1, key, comma)
    yield f"{indent}{closing}{after}"
