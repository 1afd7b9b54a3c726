"""Decoding bytes whose encoding is unknown or wrongly declared."""

from __future__ import annotations

import codecs
import re
import unicodedata

from chalicelib.knowledge.ingestion.extraction import alphabets
from chalicelib.knowledge.ingestion.extraction.legibility import disorder

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Encodings of more than one byte a character, and the others that statistics tell apart from them.
_NON_LATIN = (
    ("cp1251", "koi8_r", "cp932", "euc_jp", "gb18030", "big5", "cp949", "cp1253", "cp1256", "cp1255", "cp874")
)  # fmt: skip
_FALLBACK = "cp1252"
_EBCDIC, _EBCDIC_SPACE = "cp037", b"@"
_SAMPLE_BYTES = 1 << 16
_TAG = re.compile(rb"<[^<>]{0,2000}>")
_HIGH = re.compile(rb"[\x80-\xff]")
_REPLACEMENT = "\ufffd".encode()
_CONTROL = re.compile(rb"[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f]")
_WORD = re.compile(rb"[A-Za-z\x80-\xff]+")
_LETTER = re.compile(rb"[A-Za-z]")
_CASE_FLIP = re.compile(r"(?<=[^\W\d_])[а-яё](?=[А-ЯЁ])")
# What the languages of a text are judged by.
_PLAUSIBLE_BYTES = 6_000
# So many characters of UTF-8 for each byte that is none: other encodings form them by chance only.
_VALID_PER_BROKEN = 3
_BLANK = "\t\n\v\f\r\x1b"
_SOME_DISORDER, _MUCH_DISORDER = 0.1, 0.3
# Unicode's categories of what no text is written with: controls, surrogates, private and unassigned code points.
_NO_TEXT = frozenset({"Cc", "Cs", "Co", "Cn"})


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
    text = data.decode(encoding, "replace")
    # This one writes the tones of Vietnamese as characters of their own.
    text = unicodedata.normalize("NFC", text) if encoding == "cp1258" else text
    text = text.replace("\x85", "\n") if encoding == _EBCDIC else text
    return text, encoding if is_guess else None


def is_strange(text: str) -> bool:
    """Whether more than a tenth of the characters are none of a text: controls, unassigned ones, or broken bytes."""
    strange = [c for c in text if c == "\ufffd" or (c not in _BLANK and unicodedata.category(c) in _NO_TEXT)]
    return len(strange) * 10 > len(text)


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
    if _is_ebcdic(data[:_SAMPLE_BYTES]):
        return _EBCDIC, True
    if declared and (codec := _codec_name(declared)) and _fits(data, codec):
        return codec, False
    return (_likely(data), True) if not _mostly(data, "utf-8") else ("utf-8", False)


def _is_ebcdic(sample: bytes) -> bool:
    """Whether this is a mainframe's text: it has its spaces and not those of ASCII, and is ASCII when decoded."""
    if sample.count(_EBCDIC_SPACE) * 20 < len(sample) or sample.count(b" ") * 50 > len(sample):
        return False
    text = sample.decode(_EBCDIC)
    usual = sum(1 for character in text if " " <= character <= "~" or character in "\n\x85")
    return usual * 50 >= len(text) * 49 and any(character.isalpha() for character in text)


def _fits(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True


def _mostly(data: bytes, encoding: str) -> bool:
    """Whether `data` is in `encoding`, apart from broken bytes, such as a character cut in two."""
    sample = data[: _SAMPLE_BYTES * 16]
    text = sample.decode(encoding, "replace")
    broken = text.count("\ufffd") - sample.count(_REPLACEMENT)
    valid = sum(1 for character in text if character > "\x7f") - text.count("\ufffd")
    return valid >= broken * _VALID_PER_BROKEN and valid > 0


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
        whole = sample[: pairs // 2 * 4]
        if zeros * 10 > pairs and others * 50 <= pairs and _fits(whole, encoding):
            # A few bytes of anything fit, too: 00 01 02 03 is two characters that no text has.
            text = whole.decode(encoding)
            return None if is_strange(text) or disorder(text) > _MUCH_DISORDER else encoding
    return None


def _likely(data: bytes) -> str:
    """The most likely encoding of a text that is not UTF-8."""
    sample = _TAG.sub(b" ", data[: _SAMPLE_BYTES * 4])[:_SAMPLE_BYTES]
    telling = b"\n".join(line[:1000] for line in re.split(rb"[\r\n]+", sample) if _HIGH.search(line))
    is_latin = _latin(sample)
    best = alphabets.likely(telling[:_PLAUSIBLE_BYTES], latin=is_latin)
    if is_latin:
        return best[0] if best else _FALLBACK
    wide = _wide_script(sample, is_whole=len(data) <= _SAMPLE_BYTES)
    if wide is not None:
        return wide
    if best is not None:
        return best[0]
    guessed = _non_latin(sample)
    # A short word of Latin letters may have more letters with accents than without: no word has letters of two scripts.
    if (odd := disorder(sample.decode(guessed, "replace"))) > _SOME_DISORDER:
        latin = alphabets.likely(telling[:_PLAUSIBLE_BYTES], latin=True)
        if latin is not None and disorder(sample.decode(latin[0], "replace")) < odd:
            return latin[0]
    return guessed


def _wide_script(sample: bytes, *, is_whole: bool) -> str | None:
    """An encoding of two bytes a character in which nearly all characters are kana, Hangul or common ideographs.

    Unless the sample is the whole text, its last character may be cut.
    """
    for encoding in ("cp932", "euc_jp", "euc_kr", "gb18030", "big5"):
        text = sample[: len(sample) // 2 * 2].decode(encoding, "ignore")
        beyond = [character for character in text if character > "\x7f"]
        if not beyond or not (_fits(sample, encoding) or (not is_whole and _fits(sample[:-3], encoding))):
            continue
        kana = sum(1 for c in beyond if "\u3040" <= c <= "\u30ff")
        hangul = sum(1 for c in beyond if "\uac00" <= c <= "\ud7a3")
        common = sum(1 for c in beyond if c in _COMMON)
        total = len(beyond)
        if encoding in ("cp932", "euc_jp") and kana * 5 > total:
            return encoding
        # The syllables in use; nearly every two bytes are some syllable of the extended encoding.
        if encoding == "euc_kr" and hangul * 5 > total * 4:
            return "cp949"
        if encoding in ("gb18030", "big5") and common * 12 > total:
            return encoding
    return None


# The most frequent ideographs, simplified and traditional.
_COMMON = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年這個們來為國說時會對與及等權权於"
)


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
    return _NON_LATIN[ranked[0][3]] if ranked else _FALLBACK
