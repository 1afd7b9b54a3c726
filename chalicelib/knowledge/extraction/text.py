"""Plain text: what the bytes say, line by line, under no heading."""

from __future__ import annotations

from pathlib import Path

from chalicelib.knowledge.extraction import Extraction, Limits
from chalicelib.knowledge.extraction.assembly import Assembly, clean
from chalicelib.knowledge.extraction.decoding import decode
from chalicelib.knowledge.extraction.kinds import KINDS


def read(path: Path, limits: Limits) -> Extraction:
    """Read plain text in any encoding."""
    assembly = Assembly(limits)
    assembly.add_verbatim(clean(decode(path.read_bytes())))
    return assembly.finish(KINDS["text"].content_type, None)
