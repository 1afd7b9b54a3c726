"""Pictures inside other files: which may hold text, where they stand, and whether their text is left to recognition.

A picture is known by a number that follows from its bytes: a file that is read again, with or without the files packed
into it, has the same pictures under the same numbers, and a picture that a file shows often is recognised once.
"""

from __future__ import annotations

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Callable

from chalicelib.knowledge.text.segment import Segment

TURN_IT_ON = "Administrators turn on text recognition (OCR) with the setting ocr_languages."
# Smaller ones are icons, logos and lines: a line of readable text has about 20 pixels in height.
_LEAST_WIDTH, _LEAST_HEIGHT, _LEAST_PIXELS = 150, 40, 20_000
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_ALONE = frozenset((0x01, *range(0xD0, 0xDA)))
TIFF_ORDERS = {b"II*\x00": "<", b"MM\x00*": ">"}
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_SHORT = 256, 257, 3
_UNREADABLE = (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, NotImplementedError)

# Receives the number and the bytes of a picture.
Take = Callable[[int, bytes], None]


class PicturesInside:
    """The pictures of a file that is being read. `take`, if given, receives each."""

    def __init__(self, take: Take | None = None) -> None:
        self._take = take
        self._names: dict[str, bool] = {}
        self.places: dict[int, Segment] = {}

    def add(self, name: str, read: Callable[[], bytes | None], place: Segment) -> bool:
        """Count the picture `name`, whose bytes `read` returns, if it is of a size that may hold text.

        Returns whether it is. It is read once, however often it is shown.
        """
        if name not in self._names:
            self._names[name] = self._count(read, place)
        return self._names[name]

    def _count(self, read: Callable[[], bytes | None], place: Segment) -> bool:
        try:
            content = read() or b""
        except _UNREADABLE:
            return False
        if not may_show_text(content):
            return False
        number = int.from_bytes(hashlib.sha256(content).digest()[:4], "big") % 0x7FFFFFFF + 1
        if number not in self.places:
            self.places[number] = place
            if self._take:
                self._take(number, content)
        return True


def may_show_text(content: bytes) -> bool:
    """Whether `content` is a picture of a size in which text can be read."""
    width, height = size(content)
    return width >= _LEAST_WIDTH and height >= _LEAST_HEIGHT and width * height >= _LEAST_PIXELS


def size(content: bytes) -> tuple[int, int]:
    """Width and height in pixels of a PNG, JPEG, GIF, BMP, WebP or TIFF, by its header; zeros for anything else."""
    try:
        if content.startswith(b"\x89PNG\r\n\x1a\n"):
            width, height = struct.unpack_from(">II", content, 16)
        elif content.startswith((b"GIF87a", b"GIF89a")):
            width, height = struct.unpack_from("<HH", content, 6)
        elif content.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", content, 18)
        elif content.startswith(b"\xff\xd8"):
            width, height = _size_of_jpeg(content)
        elif content.startswith(b"RIFF") and content[8:12] == b"WEBP":
            width, height = _size_of_webp(content)
        elif order := TIFF_ORDERS.get(content[:4]):
            width, height = _size_of_tiff(content, order)
        else:
            return 0, 0
    except struct.error:
        return 0, 0
    return abs(width), abs(height)


def _size_of_jpeg(content: bytes) -> tuple[int, int]:
    """What the frame says (ITU T.81, B.2.2); the segments before it, such as a preview, are passed over."""
    at = 2
    while True:
        mark, kind = struct.unpack_from(">BB", content, at)
        if mark != 0xFF:
            return 0, 0
        if kind == 0xFF or kind in _JPEG_ALONE:
            at += 1 if kind == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", content, at + 2)
        if kind in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", content, at + 5)
            return width, height
        at += 2 + max(length, 2)


def _size_of_webp(content: bytes) -> tuple[int, int]:
    """What the first chunk says (RFC 9649, 2.5 to 2.7)."""
    kind = content[12:16]
    if kind == b"VP8X":
        return int.from_bytes(content[24:27], "little") + 1, int.from_bytes(content[27:30], "little") + 1
    if kind == b"VP8L":
        (packed,) = struct.unpack_from("<I", content, 21)
        return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", content, 26)
    return width & 0x3FFF, height & 0x3FFF


def _size_of_tiff(content: bytes, order: str) -> tuple[int, int]:
    """What the first directory says (TIFF 6.0, section 2)."""
    (offset,) = struct.unpack_from(f"{order}I", content, 4)
    (entries,) = struct.unpack_from(f"{order}H", content, offset)
    sizes = {}
    for number in range(entries):
        at = offset + 2 + 12 * number
        tag, kind = struct.unpack_from(f"{order}HH", content, at)
        if tag in (_TIFF_WIDTH, _TIFF_HEIGHT):
            (sizes[tag],) = struct.unpack_from(f"{order}{'H' if kind == _TIFF_SHORT else 'I'}", content, at + 8)
    return sizes.get(_TIFF_WIDTH, 0), sizes.get(_TIFF_HEIGHT, 0)
