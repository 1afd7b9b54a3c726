"""Comma-separated values and similar formats: one line for each row, with separated cells."""

from __future__ import annotations

import csv
from pathlib import Path

from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, one_line

_DELIMITERS = ",;\t|"
_SAMPLE_CHARS = 16_384


def read(path: Path, assembly: TextAssembler) -> None:
    """Read a table in any encoding and with any usual delimiter. It has no title."""
    text = assembly.decoded(path.read_bytes())
    csv.field_size_limit(assembly.limits.max_text_chars)
    rows = csv.reader(text.splitlines(keepends=True), delimiter=_delimiter(text[:_SAMPLE_CHARS]))
    for row in rows:
        assembly.add(" | ".join(one_line(cell) for cell in row).rstrip(" |"), "\n")


def _delimiter(sample: str) -> str:
    try:
        return csv.Sniffer().sniff(sample, _DELIMITERS).delimiter
    except csv.Error:
        first = sample.partition("\n")[0]
        return max(_DELIMITERS, key=first.count)
