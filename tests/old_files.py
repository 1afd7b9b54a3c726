"""Files of other programs, made by hand from their specifications.

They are Excel 2 to 95 and its binary form of today, Word and PowerPoint 97, and Outlook's wrappings.
"""

from __future__ import annotations

import io
import itertools
import struct
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime

from tests.knowledge.compound_file import compound_file
from tests.office_files import relations

_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
# The example of [MS-OXRTFCP] 3.1.1: "{\rtf1\ansi\ansicpg1252\pard hello world}".
COMPRESSED_RTF = bytes.fromhex(
    "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c09002062770" + "5b06c647d0a800fa0"
)


def _record(kind: int, content: bytes, *, head: str = "<HH") -> bytes:
    return struct.pack(head, kind, len(content)) + content


def excel_2() -> bytes:
    """A worksheet of Excel 2, which is no Compound File: a word and a whole number ([MS-XLS] of 1987: BIFF2)."""
    return b"".join(
        (
            _record(0x0009, struct.pack("<HH", 2, 0x10)),
            _record(0x0004, struct.pack("<HH3xB", 0, 0, 5) + b"Valve"),
            _record(0x0002, struct.pack("<HH3xH", 0, 1, 17)),
            _record(0x000A, b""),
        )
    )


def excel_95() -> bytes:
    """A workbook of Excel 95 (BIFF5): a hidden sheet with a word in cp1252 and a share that is shown in percent."""
    begin = struct.pack("<HHHH", 0x0500, 0x0005, 0x1234, 1995)
    font = _record(0x0031, struct.pack("<HHHHHBBBBB", 200, 0, 0x7FFF, 400, 0, 0, 0, 0, 0, 5) + b"Arial")
    styles = b"".join(_record(0x00E0, struct.pack("<HHH10x", 0, code, 1)) for code in (0, 10))
    start = _record(0x0809, begin) + _record(0x0042, struct.pack("<H", 1252)) + font + styles
    name = b"Stock"
    listing = 4 + 4 + 2 + 1 + len(name)
    sheets_at = len(start) + listing + 4
    sheet = b"".join(
        (
            _record(0x0809, struct.pack("<HHHH", 0x0500, 0x0010, 0x1234, 1995)),
            _record(0x0204, struct.pack("<HHHH", 0, 0, 0, 5) + "Größe".encode("cp1252")),
            _record(0x0203, struct.pack("<HHHd", 0, 1, 1, 0.153)),
            _record(0x000A, b""),
        )
    )
    listed = _record(0x0085, struct.pack("<IBBB", sheets_at, 1, 0, len(name)) + name)
    return compound_file({"Book": (start + listed + _record(0x000A, b"") + sheet).ljust(5000, b"\0")})


def _part(kind: int, content: bytes, *, instance: int = 0, container: bool = False) -> bytes:
    return struct.pack("<HHI", instance << 4 | (0xF if container else 0), kind, len(content)) + content


def _box(*records: bytes) -> bytes:
    return _part(
        0x040C, _part(0xF004, _part(0xF00D, b"".join(records), container=True), container=True), container=True
    )


def _kind(number: int) -> bytes:
    return _part(0x0F9F, struct.pack("<I", number))


def powerpoint_97(*, encrypted: bool = False) -> bytes:
    """Two slides ([MS-PPT]): a title in the outline, a box, a note; a hidden one. An older edit had another slide."""
    placed: dict[int, int] = {}
    stream = bytearray(b"")

    def place(number: int, record: bytes) -> None:
        placed[number] = len(stream)
        stream.extend(record)

    title = _part(0x0F9E, struct.pack("<I", 0))
    box = _kind(4) + _part(0x0FA0, "Größe\rneun".encode("utf-16-le"))
    stream.extend(_part(0x03EE, _box(_kind(4) + _part(0x0FA8, b"Deleted long ago")), container=True))
    place(2, _part(0x03EE, _box(title) + _box(box), container=True))
    hidden = _part(0x03F9, bytes(10) + struct.pack("<H", 0x04) + bytes(4))
    place(3, _part(0x03EE, hidden + _box(_kind(4) + _part(0x0FA8, b"Kestrel")), container=True))
    note = _part(0x03F1, struct.pack("<IHH", 256, 0, 0)) + _box(_kind(2) + _part(0x0FA8, b"Speak slowly."))
    place(4, _part(0x03F0, note, container=True))
    first = _part(0x03F3, struct.pack("<5I", 2, 0, 1, 256, 0)) + _kind(0) + _part(0x0FA8, b"Kilns")
    slides = _part(0x0FF0, first + _part(0x03F3, struct.pack("<5I", 3, 0, 0, 257, 0)), container=True)
    notes = _part(0x0FF0, _part(0x03F3, struct.pack("<5I", 4, 0, 0, 300, 0)), instance=2, container=True)
    place(1, _part(0x03E8, slides + notes, container=True))
    directory = len(stream)
    offsets = struct.pack("<4I", *(placed[number] for number in (1, 2, 3, 4)))
    stream.extend(_part(0x1772, struct.pack("<I", 4 << 20 | 1) + offsets))
    edit = len(stream)
    stream.extend(_part(0x0FF5, struct.pack("<7I", 257, 3 << 24, 0, directory, 1, 5, 0)))
    user = _part(0x0FF6, struct.pack("<III", 20, 0xF3D1C4DF if encrypted else 0xE391C05F, edit) + bytes(12))
    return compound_file({"PowerPoint Document": bytes(stream).ljust(5000, b"\0"), "Current User": user})


def tnef(files: Mapping[str, bytes], rtf: bytes = COMPRESSED_RTF) -> bytes:
    """A ``winmail.dat`` ([MS-OXTNEF]) with a body of compressed RTF and files."""

    def attribute(level: int, identifier: int, content: bytes) -> bytes:
        return struct.pack("<BII", level, identifier, len(content)) + content + struct.pack("<H", sum(content) & 0xFFFF)

    properties = struct.pack("<IHHII", 1, 0x0102, 0x1009, 1, len(rtf)) + rtf.ljust(-(-len(rtf) // 4) * 4, b"\0")
    parts = [struct.pack("<IH", 0x223E9F78, 1), attribute(1, 0x69003, properties)]
    for name, content in files.items():
        parts += [attribute(2, 0x69002, bytes(14)), attribute(2, 0x18010, name.encode() + b"\0")]
        parts.append(attribute(2, 0x6800F, content))
    return b"".join(parts)


def outlook(subject: str, moments: Mapping[int, datetime], rtf: bytes) -> bytes:
    """An Outlook message ([MS-OXMSG]) whose only body is compressed RTF, with moments by their properties."""
    fixed = bytearray(32)
    for identifier, moment in moments.items():
        ticks = int((moment - _EPOCH).total_seconds()) * 10_000_000
        fixed += struct.pack("<HHIQ", 0x0040, identifier, 6, ticks)
    return compound_file(
        {
            "__properties_version1.0": bytes(fixed),
            "__substg1.0_0037001F": subject.encode("utf-16-le"),
            "__substg1.0_10090102": rtf,
        }
    )


def word_97(
    main: str, footnote: str, flags: int = 0x0200, looks: Mapping[tuple[int, int], bytes] | None = None
) -> bytes:
    """A Word document of 1997 with two parts: the main text as UTF-16, a footnote in cp1252.

    `looks` has the properties of characters of the main text ([MS-DOC] 2.6.1), by the first one and the one after them.
    """
    first, second = main.encode("utf-16-le"), footnote.encode("cp1252")
    content = bytearray(0x400)
    struct.pack_into("<HH", content, 0, 0xA5EC, 0x00C1)
    struct.pack_into("<H", content, 0x0A, flags)
    struct.pack_into("<8I", content, 0x4C, len(main), len(footnote), *[0] * 6)
    parts = struct.pack("<3I", 0, len(main), len(main) + len(footnote))
    parts += struct.pack("<HIH", 0, 0x400, 0) + struct.pack("<HIH", 0, (0x400 + len(first)) * 2 | 1 << 30, 0)
    table = b"\x02" + struct.pack("<I", len(parts)) + parts
    struct.pack_into("<II", content, 0x1A2, 0, len(table))
    struct.pack_into("<II", content, 0xFA, len(table), 12)
    body = bytes(first + second).ljust(0x1000 - 0x400, b"\0")
    table += struct.pack("<III", 0x400, 0x400 + len(first), 0x1000 // 512)
    file = {"WordDocument": bytes(content) + body + _page_of_looks(looks or {}) + bytes(4096)}
    return compound_file({**file, "1Table": table + bytes(4096)})


def _page_of_looks(looks: Mapping[tuple[int, int], bytes]) -> bytes:
    """A page of the runs of characters ([MS-DOC] 2.9.33) of a text of two bytes a character from byte 1,024 on."""
    edges = sorted({edge for run in looks for edge in run})
    page = bytearray(512)
    struct.pack_into(f"<{len(edges)}I", page, 0, *(0x400 + 2 * edge for edge in edges))
    place = 400
    for index, run in enumerate(itertools.pairwise(edges)):
        if run in looks:
            page[4 * len(edges) + index] = place // 2
            page[place : place + 1 + len(looks[run])] = bytes([len(looks[run])]) + looks[run]
            place += 2 + len(looks[run]) // 2 * 2
    page[511] = max(len(edges) - 1, 0)
    return bytes(page)


def xlsb(text: str, number: float) -> bytes:
    """A binary workbook ([MS-XLSB]) of one sheet, whose first row has a text and a number."""

    def record(kind: int, content: bytes = b"") -> bytes:
        name = bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])
        return name + bytes([len(content)]) + content

    def string(value: str) -> bytes:
        return struct.pack("<I", len(value)) + value.encode("utf-16-le")

    sheet = record(156, struct.pack("<II", 0, 1) + string("rId1") + string("Stock"))
    cells = record(6, struct.pack("<II", 0, 0) + string(text)) + record(5, struct.pack("<IId", 1, 0, number))
    size = record(148, struct.pack("<IIII", 0, 0, 0, 1))
    row = record(0, struct.pack("<II", 0, 0) + bytes(9))
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": "<Types/>",
        "xl/_rels/workbook.bin.rels": relations(rId1="worksheet worksheets/sheet1.bin"),
        "xl/workbook.bin": record(131) + record(143) + sheet + record(144) + record(132),
        "xl/worksheets/sheet1.bin": record(129) + size + record(145) + row + cells + record(146) + record(130),
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in parts.items():
            target.writestr(name, content)
    return file.getvalue()
