"""Plain text: line by line, without headings."""

from __future__ import annotations

from pathlib import Path

from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler


def read(path: Path, assembly: TextAssembler) -> None:
    """Read plain text in any encoding. It has no title."""
    assembly.add_verbatim(assembly.decoded(path.read_bytes()))
