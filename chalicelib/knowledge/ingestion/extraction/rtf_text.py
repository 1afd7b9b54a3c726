"""The text of Rich Text Format (version 1.9.1), with marks for the cells of tables and for headings."""

from __future__ import annotations

import re

from chalicelib.knowledge.ingestion.extraction.assembly import clean, one_line
from chalicelib.knowledge.ingestion.extraction.drawing import raised

_TOKEN = re.compile(
    rb"\\([a-z]{1,32})(-?\d{1,10})?[ ]?|\\'([0-9a-fA-F]{2})|\\([^a-z])|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.IGNORECASE
)
# Groups that hold no text of the document.
_UNSEEN = frozenset(
    b"fonttbl colortbl stylesheet info pict object themedata colorschememapping datastore listtable listoverridetable"
    b" rsidtbl generator xmlnstbl latentstyles fldinst filetbl revtbl nonshppict private panose falt bkmkstart bkmkend"
    b" mmathPr wgrffmtfilter pntxta pntxtb objdata author operator title subject keywords htmltag sp shprslt".split()
)
# Groups that other programs may leave out, and that hold words of the document.
_WORDS = frozenset((b"shpinst", b"shptxt", b"nesttableprops", b"annotation", b"atnauthor"))
# What stands beside the text, with the word that says what it is.
_ASIDES = {b"footnote": "Footnote: ", b"header": "", b"headerf": "", b"headerl": "", b"headerr": "", b"footer": "",
           b"footerf": "", b"footerl": "", b"footerr": "", b"shptxt": "", b"annotation": "Comment: "}  # fmt: skip
MERGED, HEADING = "\x1e", "\x1d"
_LOWEST_LEVEL = 8
_STYLE = re.compile(rb"\\s(\d{1,5})\\[^{};]{0,1000}\bheading ([1-9]);", re.IGNORECASE)
_STYLES_WITHIN = 1 << 18
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
CELL = "\x1f"
_ROWS = frozenset((b"trowd", b"clvmrg", b"cellx"))
_RAISED = {b"super": "^", b"sub": "_", b"nosupersub": ""}


def text_of(data: bytes) -> str:
    """The text of an RTF document; cells of tables end with U+001F, and U+001E stands for the cell above.

    U+001D stands before the level of a heading, from 1, and the heading.
    """
    return _Rtf(data).text()


_PRIVATE = ((CELL, "\ue01f"), (MERGED, "\ue01e"), (HEADING, "\ue01d"))


class _State:
    """The properties of a group, which its groups inherit."""

    __slots__ = ("aside", "codec", "is_deleted", "is_unseen", "mark", "skip")

    def __init__(self, codec: str, skip: int, *, is_unseen: bool, is_deleted: bool = False) -> None:
        self.codec, self.skip, self.is_unseen, self.is_deleted = codec, skip, is_unseen, is_deleted
        self.mark = ""
        # Where the words of a group begin that stands beside the text.
        self.aside: int | None = None

    @property
    def is_silent(self) -> bool:
        """Whether nothing of it is shown."""
        return self.is_unseen or self.is_deleted


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
        # The levels of the styles of headings, by the styles' numbers.
        self._headings = {int(style): int(level) for style, level in _STYLE.findall(data[:_STYLES_WITHIN])}
        # What stands beside the paragraph that is being read.
        self._beside: list[str] = []
        self._author = ""
        # Whether each cell of the row is a part of the cell above it.
        self._columns: list[bool] = []
        self._is_merged = False
        self._column = 0

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
        self._end_paragraph()
        text = "".join(self._parts)
        for sign, private in _PRIVATE:
            text = text.replace(sign, private)
        text = clean(text)
        for sign, private in _PRIVATE:
            text = text.replace(private, sign)
        return text

    def _plain(self, plain: bytes) -> None:
        self._starred = False
        if self._skipped:
            for byte in plain:
                self._byte(byte)
        elif not self._state.is_silent:
            self._bytes += plain

    def _brace(self, brace: bytes) -> None:
        self._flush()
        self._skipped = 0
        if brace == b"{":
            if len(self._stack) < _DEEPEST:
                state = self._state
                self._stack.append(state)
                self._state = _State(state.codec, state.skip, is_unseen=state.is_unseen, is_deleted=state.is_deleted)
                self._state.mark = state.mark
        elif self._stack:
            self._end_aside(self._state)
            self._state = self._stack.pop()
            self._in_fonts = self._in_fonts and bool(self._stack)
        self._starred = False

    def _byte(self, byte: int) -> None:
        if self._skipped:
            self._skipped -= 1
        elif not self._state.is_silent:
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
        if word in _UNSEEN or (starred and word not in _WORDS):
            self._flush()
            self._state.is_unseen = True
        elif (word in _ASIDES or word == b"atnauthor") and not self._state.is_silent:
            self._begin_aside(word)
        elif word in _CHARACTERS:
            self._put(_CHARACTERS[word])
        elif word in _ROWS:
            self._row_word(word)
        elif word in _RAISED:
            self._flush()
            self._state.mark = _RAISED[word] if number != 0 else ""
        else:
            self._property(word, number)

    def _property(self, word: bytes, number: int | None) -> None:
        if word == b"u":
            self._unicode(number or 0)
        elif word == b"uc":
            self._state.skip = min(max(number or 0, 0), 16)
        elif word == b"bin":
            self._skipped = 0
        elif word in (b"v", b"deleted"):
            self._flush()
            self._state.is_deleted = number != 0
        elif word == b"s" and number in self._headings:
            self._put(f"{HEADING}{self._headings[number]}")
        elif word == b"outlinelevel" and number is not None and 0 <= number <= _LOWEST_LEVEL:
            self._put(f"{HEADING}{number + 1}")
        elif word == b"plain":
            self._flush()
            self._state.is_deleted, self._state.mark = False, ""
        else:
            self._font_word(word, number)

    def _begin_aside(self, word: bytes) -> None:
        self._flush()
        self._state.aside = len(self._parts)
        if word == b"annotation" and self._author:
            self._parts.append(f"Comment by {self._author}: ")
        else:
            self._parts.append(_ASIDES.get(word, "\0"))

    def _end_aside(self, state: _State) -> None:
        """Put the words of a group that stands beside the text behind its paragraph."""
        if state.aside is None:
            return
        words = "".join(self._parts[state.aside :]).replace(CELL, " ").replace(MERGED, " ")
        del self._parts[state.aside :]
        if words.startswith("\0"):
            self._author = one_line(words[1:])
        elif any(character.isalnum() for character in words.partition(": ")[2] or words):
            if not self._parts or self._parts[-1].endswith("\n"):
                self._parts += [words.strip(), "\n"]
            else:
                self._beside.append(words.strip())

    def _end_paragraph(self) -> None:
        if self._beside and not any(state.aside is not None for state in (*self._stack, self._state)):
            self._parts += [f"\n{words}" for words in self._beside] + ["\n"]
            self._beside.clear()

    def _row_word(self, word: bytes) -> None:
        """The definition of a row: which of its cells are parts of cells above them."""
        if word == b"trowd":
            self._columns, self._is_merged, self._column = [], False, 0
        elif word == b"clvmrg":
            self._is_merged = True
        else:
            self._columns.append(self._is_merged)
            self._is_merged = False

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
        if not self._state.is_silent:
            self._parts.append(chr(number))

    def _put(self, text: str) -> None:
        self._flush()
        self._skipped = 0
        if self._state.is_silent:
            return
        if text == CELL:
            is_merged = self._column < len(self._columns) and self._columns[self._column]
            text = MERGED + text if is_merged else text
            self._column += 1
        self._parts.append(text)
        if text == "\n":
            self._column = 0
            self._end_paragraph()

    def _flush(self) -> None:
        if self._bytes:
            text = self._bytes.decode(self._state.codec, "replace")
            self._parts.append(raised(text, self._state.mark, "".join(self._parts[-1:])))
            self._bytes.clear()


def _codec(page: int) -> str:
    import codecs

    name = _CODECS.get(page, f"cp{page}")
    try:
        codecs.lookup(name)
    except LookupError:
        return "cp1252"
    return name
