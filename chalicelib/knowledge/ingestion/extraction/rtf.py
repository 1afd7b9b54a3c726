"""Rich Text Format (version 1.9.1): its text, with tables as rows; and its packed form in e-mails ([MS-OXRTFCP])."""

from __future__ import annotations

import re
from pathlib import Path

from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, clean, one_line

_TOKEN = re.compile(
    rb"\\([a-z]{1,32})(-?\d{1,10})?[ ]?|\\'([0-9a-fA-F]{2})|\\([^a-z])|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.IGNORECASE
)
# Groups that hold no text of the document.
_UNSEEN = frozenset(
    b"fonttbl colortbl stylesheet info pict object themedata colorschememapping datastore listtable listoverridetable"
    b" rsidtbl generator xmlnstbl latentstyles fldinst filetbl revtbl nonshppict private panose falt bkmkstart bkmkend"
    b" mmathPr wgrffmtfilter pntext pntxta pntxtb objdata author operator title subject keywords htmltag".split()
)
_CHARACTERS = {
    b"par": "\n", b"line": "\n", b"row": "\n", b"nestrow": "\n", b"page": "\n", b"sect": "\n", b"tab": "\t",
    b"cell": "\x1f", b"nestcell": " ", b"emdash": "\u2014", b"endash": "\u2013", b"lquote": "\u2018",
    b"rquote": "\u2019", b"ldblquote": "\u201c", b"rdblquote": "\u201d", b"bullet": "\u2022", b"emspace": " ",
    b"enspace": " ", b"~": "\u00a0", b"_": "-", b"-": "",
}  # fmt: skip
_CHARSETS = {0: 1252, 77: 10000, 128: 932, 129: 949, 134: 936, 136: 950, 161: 1253, 162: 1254, 163: 1258, 177: 1255,
             178: 1256, 186: 1257, 204: 1251, 222: 874, 238: 1250, 255: 850}  # fmt: skip
_CODECS = {10000: "mac_roman", 65001: "utf-8"}
_DEEPEST = 2_000
_CELL = "\x1f"
_RAISED = {b"super": "^", b"sub": "_"}


def read(path: Path, assembly: TextAssembler) -> None:
    """Read an RTF file. It has no title."""
    add_rtf(path.read_bytes(), assembly)


def add_rtf(data: bytes, assembly: TextAssembler) -> None:
    """Add the text of an RTF document."""
    separator = "\n\n"
    in_table = False
    for line in text_of(data).split("\n"):
        is_row = _CELL in line
        cells = [one_line(cell) for cell in line.split(_CELL)]
        text = " | ".join(cells).rstrip(" |") if is_row else line.strip()
        if text:
            assembly.add(text, "\n" if is_row and in_table else separator)
        in_table = is_row


def text_of(data: bytes) -> str:
    """The text of an RTF document; cells of tables end with U+001F."""
    return _Rtf(data).text()


class _State:
    """The properties of a group, which its groups inherit."""

    __slots__ = ("codec", "is_unseen", "skip")

    def __init__(self, codec: str, skip: int, *, is_unseen: bool) -> None:
        self.codec, self.skip, self.is_unseen = codec, skip, is_unseen


class _Rtf:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._parts: list[str] = []
        self._bytes = bytearray()
        self._state = _State("cp1252", 1, is_unseen=False)
        self._stack: list[_State] = []
        self._fonts: dict[int, str] = {}
        self._font = 0
        self._in_fonts = False
        self._default = "cp1252"
        self._skipped = 0
        self._surrogate = 0
        self._starred = False

    def text(self) -> str:
        """The whole text."""
        for match in _TOKEN.finditer(self._data):
            word, number, code, sign, brace, plain = match.groups()
            if brace:
                self._brace(brace)
            elif code:
                self._byte(int(code, 16))
            elif sign:
                self._sign(sign)
            elif word:
                self._word(word, int(number) if number else None)
            elif plain:
                self._plain(plain)
        self._flush()
        return clean("".join(self._parts).replace(_CELL, "\ue01f")).replace("\ue01f", _CELL)

    def _plain(self, plain: bytes) -> None:
        self._starred = False
        if self._skipped:
            for byte in plain:
                self._byte(byte)
        elif not self._state.is_unseen:
            self._bytes += plain

    def _brace(self, brace: bytes) -> None:
        self._flush()
        self._skipped = 0
        if brace == b"{":
            if len(self._stack) < _DEEPEST:
                state = self._state
                self._stack.append(state)
                self._state = _State(state.codec, state.skip, is_unseen=state.is_unseen)
        elif self._stack:
            self._state = self._stack.pop()
            self._in_fonts = self._in_fonts and bool(self._stack)
        self._starred = False

    def _byte(self, byte: int) -> None:
        if self._skipped:
            self._skipped -= 1
        elif not self._state.is_unseen:
            self._bytes.append(byte)

    def _sign(self, sign: bytes) -> None:
        if sign == b"*":
            self._starred = True
        elif sign in (b"\\", b"{", b"}"):
            self._byte(sign[0])
        elif sign in (b"\n", b"\r"):
            self._put("\n")
        elif sign in _CHARACTERS:
            self._put(_CHARACTERS[sign])

    def _word(self, word: bytes, number: int | None) -> None:
        starred, self._starred = self._starred, False
        if word == b"fonttbl":
            self._in_fonts = True
        if word in _UNSEEN or (starred and word not in (b"shptxt", b"nesttableprops")):
            self._flush()
            self._state.is_unseen = True
        elif word in _CHARACTERS:
            self._put(_CHARACTERS[word])
        elif word == b"u":
            self._unicode(number or 0)
        elif word == b"uc":
            self._state.skip = min(max(number or 0, 0), 16)
        elif word == b"bin":
            self._skipped = 0
        elif word == b"v":
            self._flush()
            self._state.is_unseen = number != 0
        elif word in _RAISED and number != 0:
            self._put(_RAISED[word])
        else:
            self._font_word(word, number)

    def _font_word(self, word: bytes, number: int | None) -> None:
        if word == b"ansicpg" and number:
            self._default = self._state.codec = _codec(number)
        elif word == b"mac":
            self._default = self._state.codec = "mac_roman"
        elif word == b"f" and number is not None:
            self._flush()
            self._font = number
            if not self._in_fonts:
                self._state.codec = self._fonts.get(number, self._default)
        elif word == b"fcharset" and number in _CHARSETS:
            self._fonts[self._font] = _codec(_CHARSETS[number]) if number else self._default

    def _unicode(self, number: int) -> None:
        self._flush()
        self._skipped = self._state.skip
        number &= 0xFFFF
        if 0xD800 <= number < 0xDC00:
            self._surrogate = number
            return
        if 0xDC00 <= number < 0xE000 and self._surrogate:
            number = 0x10000 + ((self._surrogate - 0xD800) << 10) + (number - 0xDC00)
        self._surrogate = 0
        if not self._state.is_unseen:
            self._parts.append(chr(number))

    def _put(self, text: str) -> None:
        self._flush()
        self._skipped = 0
        if not self._state.is_unseen:
            self._parts.append(text)

    def _flush(self) -> None:
        if self._bytes:
            self._parts.append(self._bytes.decode(self._state.codec, "replace"))
            self._bytes.clear()


def _codec(page: int) -> str:
    import codecs

    name = _CODECS.get(page, f"cp{page}")
    try:
        codecs.lookup(name)
    except LookupError:
        return "cp1252"
    return name


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
