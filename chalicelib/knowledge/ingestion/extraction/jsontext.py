"""JSON: formatted with one value for each line, so that it can be read and chunked."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, clean


def read(path: Path, assembly: TextAssembler) -> None:
    """Read JSON. Invalid JSON, and JSON with one value for each line, is read as plain text. It has no title."""
    text = assembly.decoded(path.read_bytes())
    with contextlib.suppress(ValueError, RecursionError):
        text = json.dumps(json.loads(text), ensure_ascii=False, indent=1)
    assembly.add_verbatim(clean(text))
