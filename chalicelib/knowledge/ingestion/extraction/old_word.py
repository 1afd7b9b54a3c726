"""Word documents of Word 97 to 2003 ([MS-DOC]): the text, tables as rows, then notes, comments and text boxes.

The text lies in pieces, which the table stream lists. Of the formatting only that of characters is read: headings are
lines, and merged cells stand in their first row.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.knowledge.ingestion.extraction import ExtractionError
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, one_line
from chalicelib.knowledge.ingestion.extraction.old_word_runs import CharacterRun, StoredText, runs_of, shown
from chalicelib.knowledge.ingestion.extraction.sniffing import encrypted

if TYPE_CHECKING:
    from olefile import OleFileIO  # type: ignore[import-untyped]

# The base of the file's information block: its mark, the flags, the first version with pieces ([MS-DOC] 2.5.1).
_MARK, _FLAGS_AT, _ENCRYPTED, _SECOND_TABLE, _FIRST_VERSION = 0xA5EC, 0x0A, 0x0100, 0x0200, 0x00C1
# Where the lengths of the parts of the text stand (2.5.5), and the place of the list of pieces (2.5.6).
_LENGTHS_AT, _PARTS_LIST_AT = 0x4C, 0x01A2
_PARTS = ("", "Footnote: ", "", "", "Comment: ", "Endnote: ", "", "")
_COMPRESSED = 1 << 30
_FIELD = re.compile("\x13[^\x13\x14\x15]*(?:\x14([^\x13\x15]*))?\x15")
_DEEPEST_FIELD = 10
_CELL, _CONTROL = "\x07", re.compile("[\x00-\x06\x08\x0e-\x1d]")
_CHARACTERS = str.maketrans({"\x0b": "\n", "\x0c": "\r", "\x1e": "-", "\x1f": None, "\xa0": " "})


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Read a document and return its title."""
    from olefile import OleFileIO

    with OleFileIO(str(path)) as file:
        content = file.openstream("WordDocument").read()
        mark, version = struct.unpack_from("<HH", content)
        if mark != _MARK or version < _FIRST_VERSION:
            raise ExtractionError(
                "unsupported", "The file is of a Word before 97, which is not read. Save it as DOCX or PDF."
            )
        (flags,) = struct.unpack_from("<H", content, _FLAGS_AT)
        if flags & _ENCRYPTED:
            raise encrypted()
        table = file.openstream("1Table" if flags & _SECOND_TABLE else "0Table").read()
        text, places = _text(content, table)
        _add_parts(text, runs_of(content, table, places), content, assembly)
        return title_of(file)


def title_of(file: OleFileIO) -> str | None:
    """The title in the properties of a file of Office 97 to 2003."""
    title = file.get_metadata().title
    return title.decode("cp1252", "replace") if isinstance(title, bytes) else None


def _text(content: bytes, table: bytes) -> tuple[str, list[StoredText]]:
    """The characters of all parts, and their pieces ([MS-DOC] 2.8.35, 2.9.38, 2.9.177)."""
    start, size = struct.unpack_from("<II", content, _PARTS_LIST_AT)
    position, end = start, min(start + size, len(table))
    while position < end and table[position] == 1:
        (length,) = struct.unpack_from("<H", table, position + 1)
        position += 3 + length
    if position >= end or table[position] != 2:
        raise ExtractionError("corrupt", "The file is damaged: the list of its text is missing.")
    (length,) = struct.unpack_from("<I", table, position + 1)
    position += 5
    count = min((length - 4) // 12, (len(table) - position - 4) // 12)
    starts = struct.unpack_from(f"<{count + 1}I", table, position)
    parts: list[str] = []
    places: list[StoredText] = []
    before = 0
    for index in range(count):
        (place,) = struct.unpack_from("<I", table, position + 4 * (count + 1) + 8 * index + 2)
        characters = max(min(starts[index + 1] - starts[index], len(content)), 0)
        if place & _COMPRESSED:
            first, width, encoding = (place & ~_COMPRESSED) // 2, 1, "cp1252"
        else:
            first, width, encoding = place, 2, "utf-16-le"
        parts.append(content[first : first + width * characters].decode(encoding, "replace"))
        places.append(StoredText(first, width, before, characters))
        before += len(parts[-1])
    return "".join(parts), places


def _add_parts(text: str, runs: list[CharacterRun], content: bytes, assembly: TextAssembler) -> None:
    position = 0
    for label, length in zip(_PARTS, struct.unpack_from("<8I", content, _LENGTHS_AT), strict=True):
        part = shown(text, runs, position, min(position + length, len(text)))
        position += length
        _add(part, label, assembly)


def _add(part: str, label: str, assembly: TextAssembler) -> None:
    for _ in range(_DEEPEST_FIELD):
        part, replaced = _FIELD.subn(lambda match: match[1] or "", part)
        if not replaced:
            break
    separator = "\n\n"
    # A row ends with a mark of its own after the mark of its last cell.
    for paragraph in part.translate(_CHARACTERS).replace(_CELL * 2, "\x07\r").split("\r"):
        is_row = _CELL in paragraph
        cells = [one_line(_CONTROL.sub("", cell)) for cell in paragraph.split(_CELL)]
        line = " | ".join(cells).rstrip(" |") if is_row else _CONTROL.sub("", paragraph).strip()
        if line:
            assembly.add(label + line, separator if is_row else "\n\n")
        separator = "\n" if is_row else "\n\n"
