"""Plain text: line by line, without headings; XML of no format that is known, with its tags."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler
from chalicelib.knowledge.ingestion.extraction.html import declared_encoding

_XML_WITHIN = 200
_REFERENCE = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|amp|lt|gt|quot|apos);")


def read(path: Path, assembly: TextAssembler) -> None:
    """Read plain text in any encoding. It has no title."""
    data = path.read_bytes()
    text = assembly.decoded(data, declared_encoding(data) if data.startswith(b"<?xml") else None)
    if text[:_XML_WITHIN].lstrip("\ufeff \t\r\n").startswith("<?xml"):
        # The characters that references and marked sections stand for, so that the words that have them are found.
        plain = text.replace("<![CDATA[", "").replace("]]>", "")
        text = _REFERENCE.sub(lambda reference: unescape(reference[0]), plain)
    assembly.add_verbatim(text)
