"""Decoding bytes whose encoding is unknown or wrongly declared."""

from __future__ import annotations

import codecs
import re

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# In order of preference for equal scores. Statistics over all of Python's encodings prefer exotic ones for short texts.
_NON_LATIN = (
    ("cp1251", "koi8_r", "cp932", "euc_jp", "gb18030", "big5", "cp949", "cp1253", "cp1256", "cp1255", "cp874")
)  # fmt: skip
_WESTERN, _CENTRAL_EUROPEAN = "cp1252", "cp1250"
_SAMPLE_BYTES = 1 << 16
_TAG = re.compile(rb"<[^<>]{0,2000}>")
_HIGH = re.compile(rb"[\x80-\xff]")
_CONTROL = re.compile(rb"[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f]")
_WORD = re.compile(rb"[A-Za-z\x80-\xff]+")
_LETTER = re.compile(rb"[A-Za-z]")
# Polish and similar languages that were read as Western: signs inside words.
_SIGN_IN_WORD = re.compile(r"[a-z][³¹¿¼¾]|\b[³¿][a-z]")
_CASE_FLIP = re.compile(r"(?<=[^\W\d_])[а-яё](?=[А-ЯЁ])")


def decode(data: bytes, declared: str | None = None) -> str:
    """The text of `data`: by its byte-order mark, as UTF-8, as `declared`, or in the most likely encoding.

    Bytes that do not fit become U+FFFD; this never fails.
    """
    return decode_saying(data, declared)[0]


def decode_saying(data: bytes, declared: str | None = None) -> tuple[str, str | None]:
    """The text of `data`, and the encoding when it was guessed: neither marked nor declared, and not ASCII or UTF-8."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace"), None
    encoding, is_guess = _unmarked(data, declared)
    return data.decode(encoding, "replace"), encoding if is_guess else None


def looks_binary(head: bytes) -> bool:
    """Whether the first bytes of a file cannot be those of a text in any encoding."""
    if head.startswith(tuple(mark for mark, _ in _BOMS)):
        return False
    if b"\x00" in head and _wide(head):
        return False
    return len(_CONTROL.findall(head)) * 50 > len(head)


def _unmarked(data: bytes, declared: str | None) -> tuple[str, bool]:
    """The encoding, and whether it is a guess."""
    if b"\x00" in data[:_SAMPLE_BYTES] and (wide := _wide(data[:_SAMPLE_BYTES])):
        return wide, False
    if re.search(rb"\x1b(?:\$[@B]|\([BJ])", data) and _fits(data, "iso2022_jp_2"):
        return "iso2022_jp_2", False
    if _fits(data, "utf-8"):
        return "utf-8", False
    if declared and (codec := _codec_name(declared)) and _fits(data, codec):
        return codec, False
    return (_likely(data), True) if not _mostly(data, "utf-8") else ("utf-8", False)


def _fits(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True


def _mostly(data: bytes, encoding: str) -> bool:
    """Whether `data` is in `encoding`, apart from a few broken bytes, such as a character cut in two."""
    sample = data[: _SAMPLE_BYTES * 16]
    broken = sample.decode(encoding, "replace").count("\ufffd")
    return broken * 20 < len(_HIGH.findall(sample))


def _codec_name(declared: str) -> str | None:
    try:
        name = codecs.lookup(declared.strip()).name
    except (LookupError, ValueError):
        return None
    # Browsers also use the larger supersets for these labels (WHATWG Encoding).
    supersets = {
        "iso8859-1": "cp1252",
        "ascii": "cp1252",
        "shift_jis": "cp932",
        "gb2312": "gb18030",
        "gbk": "gb18030",
        "euc_kr": "cp949",
    }
    return supersets.get(name, name)


def _wide(sample: bytes) -> str | None:
    """UTF-16 or UTF-32 without a byte-order mark, recognised by the zero bytes of ASCII characters."""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    pairs = len(sample) // 2 or 1
    if len(sample) >= 8 and sample[0:8:4].count(0) + sample[1:8:4].count(0) + sample[2:8:4].count(0) == 6:
        return "utf-32-be"
    if len(sample) >= 8 and sample[1:8:4].count(0) + sample[2:8:4].count(0) + sample[3:8:4].count(0) == 6:
        return "utf-32-le"
    for zeros, others, encoding in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if zeros * 10 > pairs and others * 50 <= pairs and _fits(sample[: pairs // 2 * 4], encoding):
            return encoding
    return None


def _likely(data: bytes) -> str:
    sample = _TAG.sub(b" ", data[: _SAMPLE_BYTES * 4])[:_SAMPLE_BYTES]
    if not _latin(sample):
        return _non_latin(sample)
    # More than a tenth of signs exceeds the footnote marks of a Western text; more than three quarters is marks alone.
    signs, high = len(_SIGN_IN_WORD.findall(sample.decode(_WESTERN, "replace"))), len(_HIGH.findall(sample))
    return _CENTRAL_EUROPEAN if high < signs * 10 and signs * 4 < high * 3 else _WESTERN


def _latin(sample: bytes) -> bool:
    """Whether the bytes above ASCII are letters inside words of ASCII letters."""
    high, letters = len(_HIGH.findall(sample)), len(_LETTER.findall(sample))
    words = [word for word in _WORD.findall(sample) if _HIGH.search(word)]
    pure = sum(1 for word in words if not _LETTER.search(word))
    return high < 0.4 * (high + letters) and pure * 2 <= len(words)


def _non_latin(sample: bytes) -> str:
    from charset_normalizer import from_bytes

    matches = from_bytes(sample, cp_isolation=list(_NON_LATIN))
    ranked = sorted(
        (match.chaos, len(_CASE_FLIP.findall(str(match))), -match.coherence, _NON_LATIN.index(match.encoding))
        for match in matches
    )
    return _NON_LATIN[ranked[0][3]] if ranked else _WESTERN
