"""The content of a signed message (CMS, RFC 5652, 5; encoded by BER, X.690), without a look at its signature."""

from __future__ import annotations

from collections.abc import Iterator

_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_SEQUENCE, _OBJECT, _OCTETS, _OCTET_PARTS, _TAGGED = 0x30, 0x06, 0x04, 0x24, 0xA0
_MOST_LEVELS = 20


def signed_content(data: bytes) -> bytes | None:
    """What is signed in `data`; None where this is no signed data, or the content stands elsewhere."""
    try:
        return _content(data)
    except (IndexError, ValueError, StopIteration):
        return None


def _content(data: bytes) -> bytes | None:
    kind, tagged = list(_elements(_first(data, _SEQUENCE)))[:2]
    if kind != (_OBJECT, _SIGNED_DATA):
        return None
    signed = _first(tagged[1], _SEQUENCE)
    encapsulated = next(content for tag, content in _elements(signed) if tag == _SEQUENCE)
    content = next(content for tag, content in _elements(encapsulated) if tag == _TAGGED)
    return b"".join(_octets(content, 0))


def _first(data: bytes, tag: int) -> bytes:
    return next(content for each, content in _elements(data) if each == tag)


def _octets(data: bytes, level: int) -> Iterator[bytes]:
    """The strings of octets in `data`; one string may be in parts."""
    for tag, content in _elements(data):
        if tag == _OCTETS:
            yield content
        elif tag == _OCTET_PARTS and level < _MOST_LEVELS:
            yield from _octets(content, level + 1)


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The tag and the content of each element in `data`. Raises ValueError, IndexError for damaged ones."""
    position = 0
    while position < len(data) and data[position : position + 2] != b"\0\0":
        tag, start, end, after = _element(data, position, 0)
        yield tag, data[start:end]
        position = after


def _element(data: bytes, position: int, level: int) -> tuple[int, int, int, int]:
    """The tag of the element at `position`, where its content begins and ends, and where the next one begins."""
    tag, length = data[position], data[position + 1]
    start = position + 2
    if length == 0x80:
        # Without a length: its elements up to one of zeros.
        end = start
        if level > _MOST_LEVELS:
            raise ValueError("It is nested too deep.")
        while data[end] or data[end + 1]:
            end = _element(data, end, level + 1)[3]
        return tag, start, end, end + 2
    if length > 0x80:
        size = length & 0x7F
        length = int.from_bytes(data[start : start + size], "big")
        start += size
    if start + length > len(data):
        raise ValueError("It is cut.")
    return tag, start, start + length, start + length
