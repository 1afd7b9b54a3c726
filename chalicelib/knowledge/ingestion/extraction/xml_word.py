"""Word documents as one XML file: of Word 2003 (WordprocessingML), and the flat form of later packages."""

from __future__ import annotations

import base64
import binascii
import io
import zipfile
from pathlib import Path
from xml.etree import ElementTree

from chalicelib.knowledge.ingestion.extraction import ExtractionError
from chalicelib.knowledge.ingestion.extraction.archive import attribute, local_name, parse_xml
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler
from chalicelib.knowledge.ingestion.extraction.docx import read_package

_MAIN = "word/document.xml"


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Read a document and return its title: its parts become a package in memory, which is read as every other."""
    root = parse_xml(path.read_bytes())
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        if local_name(root) == "package":
            for part in root:
                if (name := attribute(part, "name")) and (content := _content(part)) is not None:
                    archive.writestr(name.lstrip("/"), content)
        elif local_name(root) == "wordDocument":
            archive.writestr(_MAIN, ElementTree.tostring(root))
        else:
            raise ExtractionError("corrupt", "The file is damaged: it holds no Word document.")
    with zipfile.ZipFile(file) as archive:
        return read_package(archive, assembly)


def _content(part: ElementTree.Element) -> bytes | None:
    for child in part:
        name = local_name(child)
        if name == "xmlData" and len(child):
            return ElementTree.tostring(child[0])
        if name == "binaryData":
            try:
                return base64.b64decode("".join(child.itertext()))
            except binascii.Error:
                return None
    return None
