"""``winmail.dat``: the text and the files that Outlook wraps into one attachment ([MS-OXTNEF])."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, clean
from chalicelib.knowledge.ingestion.extraction.compressed_rtf import decompressed
from chalicelib.knowledge.ingestion.extraction.decoding import decode
from chalicelib.knowledge.ingestion.extraction.html import add_markup
from chalicelib.knowledge.ingestion.extraction.listing import add_file
from chalicelib.knowledge.ingestion.extraction.rtf import add_rtf

_SIGNATURE = 0x223E9F78
_TITLE, _DATA, _BEGINS, _MESSAGE, _ATTACHMENT, _BODY = 0x18010, 0x6800F, 0x69002, 0x69003, 0x69005, 0x2800C
_LONG_NAME, _PLAIN, _HTML, _RTF = 0x3707, 0x1000, 0x1013, 0x1009
_BINARY, _TEXTS, _NAMED_FROM, _MULTIPLE = 0x0102, (0x001E, 0x001F), 0x8000, 0x1000
_SIZES = {0x0002: 4, 0x0003: 4, 0x0004: 4, 0x0005: 8, 0x0006: 8, 0x0007: 8, 0x000A: 4, 0x000B: 4, 0x0014: 8, 0x0040: 8,
          0x0048: 16}  # fmt: skip
_MOST = 10_000


def add_tnef(data: bytes, assembly: TextAssembler) -> list[str]:
    """Add the text of the wrapped message and emit its files; returns their names. What is damaged is left out."""
    files: list[list[object]] = []
    try:
        for identifier, value in _attributes(data):
            if identifier == _BEGINS:
                files.append(["attachment", None])
            elif identifier == _TITLE and files:
                files[-1][0] = decode(value.strip(b"\0")) or files[-1][0]
            elif identifier == _DATA and files:
                files[-1][1] = value
            elif identifier == _ATTACHMENT and files:
                files[-1][0] = dict(_properties(value)).get(_LONG_NAME, b"").decode("utf-8", "replace") or files[-1][0]
            elif identifier == _BODY:
                assembly.add(clean(decode(value.rstrip(b"\0"))))
            elif identifier == _MESSAGE:
                _add_body(dict(_properties(value)), assembly)
    except (struct.error, IndexError):
        assembly.warn("parts_damaged", "The attachment winmail.dat is damaged, and was read in part.")
    names = []
    for name, content in files:
        names.append(add_file(assembly, str(name).replace("/", "-"), content if isinstance(content, bytes) else None))
    return names


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    if len(data) < 6 or struct.unpack_from("<I", data)[0] != _SIGNATURE:
        return
    position = 6
    while position + 9 <= len(data):
        _, identifier, length = struct.unpack_from("<BII", data, position)
        position += 9
        yield identifier, data[position : position + length]
        position += length + 2


def _properties(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Properties of MAPI by their ids; texts as UTF-8."""
    (count,) = struct.unpack_from("<I", data)
    position = 4
    for _ in range(min(count, _MOST)):
        kind, identifier = struct.unpack_from("<HH", data, position)
        position += 4
        if identifier >= _NAMED_FROM:
            position += 16
            (by_name,) = struct.unpack_from("<I", data, position)
            position += 4
            (length,) = struct.unpack_from("<I", data, position)
            position += 4 + ((length + 3) // 4 * 4 if by_name else 0)
        values = 1
        if kind & _MULTIPLE or (kind & 0xFFF) in (0x000D, 0x001E, 0x001F, 0x0102):
            (values,) = struct.unpack_from("<I", data, position)
            position += 4
        kind &= 0xFFF
        for _ in range(min(values, _MOST)):
            if kind in _SIZES:
                position += _SIZES[kind]
                continue
            (length,) = struct.unpack_from("<I", data, position)
            value = data[position + 4 : position + 4 + length]
            position += 4 + (length + 3) // 4 * 4
            if kind in _TEXTS:
                text = value.decode("utf-16-le", "replace") if kind == _TEXTS[1] else decode(value.rstrip(b"\0"))
                yield identifier, text.rstrip("\0").encode("utf-8", "replace")
            elif kind == _BINARY:
                yield identifier, value


def _add_body(properties: dict[int, bytes], assembly: TextAssembler) -> None:
    if plain := properties.get(_PLAIN):
        assembly.add(clean(plain.decode("utf-8", "replace")))
    elif html := properties.get(_HTML):
        add_markup(clean(decode(html)), assembly)
    elif packed := properties.get(_RTF):
        add_rtf(decompressed(packed), assembly)
