"""OpenDocument as one XML file (ISO/IEC 26300-1, 3.1): texts, spreadsheets and presentations."""

from __future__ import annotations

from pathlib import Path

from chalicelib.knowledge.ingestion.extraction.archive import local_name, parse_xml
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler
from chalicelib.knowledge.ingestion.extraction.opendocument import add_content, title_in


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Read a document and return its title."""
    if assembly.kind == "fods":
        from chalicelib.knowledge.ingestion.extraction.ods import add_sheets

        with path.open("rb") as stream:
            add_sheets(stream, assembly)
        return None
    root = parse_xml(path.read_bytes())
    add_content(root, assembly)
    meta = next((element for element in root if local_name(element) == "meta"), None)
    return title_in(meta) or assembly.first_heading
