"""RTF as Outlook packs it into e-mails ([MS-OXRTFCP])."""

from __future__ import annotations

_MAGIC_COMPRESSED, _MAGIC_PLAIN = b"LZFu", b"MELA"
_DICTIONARY = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor "
    b"MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n"
    b"\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
_WINDOW, _MOST_BYTES = 4096, 64 << 20


def decompressed(data: bytes) -> bytes:
    """The RTF in a property of an e-mail; what is damaged ends where the damage begins."""
    size = int.from_bytes(data[4:8], "little")
    if data[8:12] == _MAGIC_PLAIN:
        return data[16 : 16 + size]
    if data[8:12] != _MAGIC_COMPRESSED:
        return b""
    window = bytearray(_DICTIONARY.ljust(_WINDOW, b"\0"))
    write = len(_DICTIONARY)
    output = bytearray()
    position = 16
    while position < len(data) and len(output) < min(size, _MOST_BYTES):
        control = data[position]
        position += 1
        for bit in range(8):
            if control >> bit & 1:
                if position + 1 >= len(data):
                    return bytes(output)
                pair = int.from_bytes(data[position : position + 2], "big")
                position += 2
                read, length = pair >> 4, (pair & 0xF) + 2
                if read == write % _WINDOW:
                    return bytes(output)
                for _ in range(length):
                    byte = window[read % _WINDOW]
                    read += 1
                    output.append(byte)
                    window[write % _WINDOW] = byte
                    write += 1
            elif position < len(data):
                byte = data[position]
                position += 1
                output.append(byte)
                window[write % _WINDOW] = byte
                write += 1
    return bytes(output)
