"""Source code: the text as it is, in segments that are whole definitions, each with its name and its first line."""

from __future__ import annotations

from pathlib import Path

from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler
from chalicelib.knowledge.ingestion.extraction.definitions import places


def read(path: Path, assembly: TextAssembler) -> None:
    """Read source code of the language that `assembly.kind` names. It has no title."""
    text = assembly.decoded(path.read_bytes())
    boundaries = places(text, assembly.kind)
    position, line = 0, 1
    for (start, name), end in zip(boundaries, [*(start for start, _ in boundaries[1:]), len(text)], strict=True):
        line += text.count("\n", position, start)
        position = start
        assembly.definition(name, line)
        assembly.add_verbatim(text[start:end])
