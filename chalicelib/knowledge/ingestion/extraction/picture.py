"""Pictures as documents: their text is recognised (OCR) where administrators have turned this on."""

from __future__ import annotations

import struct
from pathlib import Path

from chalicelib.knowledge.ingestion.extraction import ExtractionError
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler
from chalicelib.knowledge.ingestion.extraction.pictures_inside import TIFF_ORDERS, TURN_IT_ON


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Name the pages whose text is to be recognised: one, or the pages of a TIFF.

    Raises `ExtractionError` ``unsupported`` where text is not recognised.
    """
    if not assembly.recognises:
        raise ExtractionError("unsupported", f"A picture has no text of its own. {TURN_IT_ON}")
    pages = _pages(path.read_bytes(), assembly.limits.max_pages)
    assembly.leave_to_recognition(range(1, pages + 1))
    return None


def _pages(content: bytes, most: int) -> int:
    """The number of a TIFF's directories, which are a chain; 1 for other pictures (TIFF 6.0, section 2)."""
    order = TIFF_ORDERS.get(content[:4])
    if order is None:
        return 1
    pages, seen = 0, {0}
    (offset,) = struct.unpack_from(f"{order}I", content, 4)
    while offset not in seen and pages < most:
        seen.add(offset)
        if offset + 2 > len(content):
            break
        (entries,) = struct.unpack_from(f"{order}H", content, offset)
        following = offset + 2 + 12 * entries
        pages += 1
        if following + 4 > len(content):
            break
        (offset,) = struct.unpack_from(f"{order}I", content, following)
    if not pages:
        raise ExtractionError("corrupt", "The file is damaged: none of its pages can be read.")
    return pages
