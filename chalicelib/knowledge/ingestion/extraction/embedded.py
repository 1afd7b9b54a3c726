"""Files that are embedded in Office documents: packages as they are, and objects of OLE unwrapped."""

from __future__ import annotations

import io
import posixpath
import struct
import zipfile
from collections.abc import Iterator

from chalicelib.knowledge.ingestion.extraction.archive import read_part, related
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler
from chalicelib.knowledge.ingestion.extraction.decoding import decode
from chalicelib.knowledge.ingestion.extraction.listing import add_file

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_DOCUMENTS = {"WordDocument": "doc", "Workbook": "xls", "Book": "xls", "PowerPoint Document": "ppt", "CONTENTS": "pdf"}
_LONGEST_NAME = 512


def add_embedded(archive: zipfile.ZipFile, part: str, assembly: TextAssembler) -> list[str]:
    """Emit the files that `part` embeds, each once; returns their paths for display."""
    parts = [other for kind, other in related(archive, part).values() if kind in ("package", "oleObject")]
    return [
        add_file(assembly, name, content)
        for other in dict.fromkeys(parts)
        for name, content in _unwrapped(other, read_part(archive, other))
    ]


def _unwrapped(part: str, content: bytes | None) -> Iterator[tuple[str, bytes | None]]:
    name = posixpath.basename(part)
    if content is None or not content.startswith(_OLE):
        yield name, content
        return
    from olefile import OleFileIO  # type: ignore[import-untyped]

    stem = name.rpartition(".")[0] or name
    with OleFileIO(io.BytesIO(content)) as file:
        if file.exists("Package"):
            yield f"{stem}.{_ending(file.openstream('Package').read())}", file.openstream("Package").read()
        elif file.exists("\x01Ole10Native"):
            yield _native(file.openstream("\x01Ole10Native").read(), name)
        else:
            ending = next((ending for stream, ending in _DOCUMENTS.items() if file.exists(stream)), None)
            if ending == "pdf":
                yield f"{stem}.pdf", file.openstream("CONTENTS").read()
            else:
                yield f"{stem}.{ending or 'bin'}", content


def _ending(package: bytes) -> str:
    folders = ((b"word/", "docx"), (b"ppt/", "pptx"), (b"xl/", "xlsx"))
    return next((ending for folder, ending in folders if folder in package), "zip")


def _native(data: bytes, fallback: str) -> tuple[str, bytes | None]:
    """The name and the bytes in a stream of Ole10Native: a length, two bytes, the name, its path, and the bytes."""
    end = data.find(b"\0", 6)
    if end < 0 or end - 6 > _LONGEST_NAME:
        return fallback, None
    name = decode(data[6:end]).replace("\\", "/").rpartition("/")[2] or fallback
    at = data.find(b"\0", end + 1) + 1  # the path that the file came from
    try:
        # Two flags of two bytes, then a path of this length, then the bytes with their length.
        (length,) = struct.unpack_from("<I", data, at + 4)
        (size,) = struct.unpack_from("<I", data, at + 8 + length)
    except struct.error:
        return name, None
    content = data[at + 12 + length : at + 12 + length + size]
    return name, content if len(content) == size else None
