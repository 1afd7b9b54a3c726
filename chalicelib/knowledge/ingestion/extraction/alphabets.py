"""Which single-byte encoding a text without marks is in: the one in which its letters are those of a language.

Each candidate decodes the text. Its letters beyond ASCII are weighed by how common they are in a language, the best
language counting; signs inside words, letters of other alphabets, capitals inside words and characters that no text
holds count against it. The lists are the letters of a language beyond A to Z, the most common first.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter
from functools import cache

# In the order of preference for equal plausibility.
CANDIDATES = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "cp874",
    "koi8_r", "koi8_u", "cp866", "cp850", "cp437", "mac_roman", "cp852", "cp857", "cp855", "cp737", "cp862", "cp775",
    "mac_latin2", "mac_cyrillic", "mac_greek", "mac_turkish",
    "iso8859_2", "iso8859_5", "iso8859_7", "iso8859_4", "iso8859_3", "iso8859_15",
)  # fmt: skip
_LATIN = {
    "German": "üäößéà",
    "French": "éèàêçôûâîùïëœæ",
    "Spanish": "óíáéñúü¿¡",
    "Portuguese": "ãçáéõíêóúâàôü",
    "Italian": "èàòùìéî",
    "Dutch": "ëéïèöüá",
    "Danish": "øåæéö",
    "Swedish": "äåöéü",
    "Finnish": "äöåšž",
    "Icelandic": "ðáíéþúóýöæ",
    "Polish": "łąężśćóńź",
    "Czech": "íáéěýřžčšůúďťňó",
    "Slovak": "áíéýčžšľúťňôäďóŕĺ",
    "Hungarian": "áéőóöüíűú",
    "Romanian": "ăîâșțşţ",
    "Croatian": "čšžćđ",
    "Albanian": "ëç",
    "Turkish": "ıişğüçöİâîû",
    "Lithuanian": "ėųįąšžūęč",
    "Latvian": "āīēšģķļņžčū",
    "Estonian": "äõüöšž",
    "Maltese": "ħżġċàèìòù",
    "Vietnamese": "đáàạảãấầậẩẫâăắằặẳẵêếềệểễôốồộổỗơớờợởỡưứừựửữíìịỉĩóòọỏõúùụủũéèẹẻẽýỳỵỷỹ",
    "Catalan": "àéèíóçòúïü·",
}
_OTHER = {
    "Russian": "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё",
    "Ukrainian": "оанивіетрслкудмпяьзгбйчхжюшцїєщфґ",
    "Bulgarian": "аоиетнрсвлкдпмузгябъчцжщхшйюфь",
    "Serbian": "аиоенрјстувкдлмпзгчцбшхжћљњђфџ",
    "Greek": "αοιετσνηυρπκμλςωδγάχίθφόέβήξύζώψϊΐϋΰ",
    "Hebrew": "יהולאמתרשבנםדעחקפכטגןצסזךףץ",
    "Arabic": "اليمنوتربعدهفسقكةحجأشصخضطىذثإزئءغظؤآ",
    "Persian": "ایندرهمتوسشبکگخزلفقعآجپحغصچطضذثظ",
    "Thai": "านรอกเงมลวยทสดตัปบคหแจพชขใไโผถธศซณฐฉภฟญฝฎฆฮฏฒฑๆะิีึืุูํา้่็์",
}
TYPOGRAPHIC = frozenset(
    "\u2018\u2019\u201c\u201d\u201e\u201a\u2013\u2014\u2026\u00ab\u00bb\u2039\u203a\u00a0\u20ac\u00a3\u00a7\u00a9\u00ae\u00b0\u00ba\u00aa\u2022\u00b7\u2122\u00bf\u00a1\u00bd\u00bc\u00be\u00d7\u00b1\u00b2\u00b3\u00b5"
)
_BOX = re.compile("[\u2500-\u259f]")
_FRAME = re.compile("([\u2500\u2550])\\1{2}")
_WORD = re.compile(r"[^\W\d_]+")
# A letter that counts for nothing, a sign inside a word, and a character that no text holds.
_FOREIGN, _SIGN_IN_WORD, _IMPOSSIBLE, _CASE = -0.7, -1.5, -3.0, -1.0
_LEAST, _LEAST_OTHER = 0.45, 0.6
_USUAL = 0.3
_ASCII = 0x7F
_SHORT = 3
_FINAL_INSIDE = re.compile("\u03c2(?=.)")
_HEBREW_FINAL_INSIDE = re.compile("[\u05da\u05dd\u05df\u05e3\u05e5](?=.)")
_ACCENTED = re.compile("[\u03ac-\u03af\u03cc-\u03ce\u0390\u03b0]")


def likely(sample: bytes, *, latin: bool) -> tuple[str, float] | None:
    """The most plausible encoding of `sample`, and its plausibility (at most 1); None where none is plausible.

    `latin` says whether its letters are those of a language that is written in Latin letters, or of another one.
    """
    rated = []
    for preference, encoding in enumerate(CANDIDATES):
        text = _decoded(sample, encoding)
        if text is not None:
            beyond = sum(1 for byte in sample if byte > _ASCII)
            # Few letters say little: then it is the most common encoding.
            bonus = _USUAL / beyond if preference == 0 and beyond else 0.0
            rated.append((round(plausibility(text, latin=latin) + bonus, 3), -preference, encoding))
    best = max(rated, default=None)
    return (best[2], best[0]) if best is not None and best[0] >= (_LEAST if latin else _LEAST_OTHER) else None


def _decoded(sample: bytes, encoding: str) -> str | None:
    try:
        return unicodedata.normalize("NFC", sample.decode(encoding, "replace"))
    except LookupError:
        return None


def plausibility(text: str, *, latin: bool) -> float:
    """How much the characters of `text` beyond ASCII look like a language: at most 1, below 0 for noise."""
    beyond = [character for character in text if character > "\x7f"]
    if not beyond:
        return 1.0
    letters = Counter(character for character in beyond if character.isalpha() or unicodedata.combining(character))
    fixed = sum(_IMPOSSIBLE for character in beyond if _is_impossible(character)) + _signs_in_words(text)
    fixed += _CASE * _odd_capitals(text)
    fixed += 0.6 * sum(1 for character in beyond if character in TYPOGRAPHIC)
    # Frames of tables come in runs; without one, a line or a shade is a letter that was read wrongly.
    fixed += len(_BOX.findall(text)) * (0.5 if _FRAME.search(text) else -1.0)
    return (fixed + max(_in_language(letters, weights) for weights in _weights(latin))) / len(beyond)


def _in_language(letters: Counter[str], weights: dict[str, float]) -> float:
    return sum(number * weights.get(letter, _FOREIGN) for letter, number in letters.items())


@cache
def _weights(latin: bool) -> tuple[dict[str, float], ...]:
    """For each language the weight of each letter, capitals as small ones; those of others are foreign."""
    languages = []
    for alphabet in (_LATIN if latin else _OTHER).values():
        size = len(alphabet)
        weights = {letter: 1 - 0.6 * rank / size for rank, letter in enumerate(alphabet)}
        # A capital is rarer than its small letter.
        weights |= {letter.upper(): weight * 0.9 for letter, weight in weights.items() if letter.upper() != letter}
        languages.append(weights)
    return tuple(languages)


def _is_impossible(character: str) -> bool:
    return character == "\ufffd" or unicodedata.category(character) in ("Cc", "Cn", "Co")


def _signs_in_words(text: str) -> float:
    """Signs and modifiers between two letters, as in ``Gr\u00a3n``, and letters of two alphabets in one word."""
    total = 0.0
    for before, sign, after in zip(text, text[1:], text[2:], strict=False):
        if sign > "\x7f" and before.isalpha() and after.isalpha() and not sign.isalpha():
            total += 0.0 if sign in "\u2019\u00b7\u2013\u2014" or unicodedata.combining(sign) else _SIGN_IN_WORD
    return total + sum(_oddity(word) for word in _WORD.findall(text))


def _oddity(word: str) -> float:
    """What speaks against a word: two alphabets, a lone capital, Greek without its accents or with a final inside."""
    odd = -1.0 * (len({_alphabet(letter) for letter in word}) - 1)
    if len(word) == 1:
        return odd - (1.0 if word > "\x7f" and word.isupper() else 0.0)
    if "\u03ac" <= word[0] <= "\u03ce":
        odd -= 1.0 * len(_FINAL_INSIDE.findall(word))
        if len(word) > _SHORT and not _ACCENTED.search(word):
            odd -= 0.15 * len(word)
    elif "\u05d0" <= word[0] <= "\u05ea":
        odd -= 0.5 * len(_HEBREW_FINAL_INSIDE.findall(word))
    return odd


def _alphabet(letter: str) -> str:
    return "LATIN" if letter < "\u0250" else unicodedata.name(letter, "NONE").partition(" ")[0]


def _odd_capitals(text: str) -> int:
    """Small letters before a capital inside a word, where one of the two is beyond ASCII."""
    return sum(
        1
        for before, letter in itertools.pairwise(text)
        if (before > "\x7f" or letter > "\x7f") and before.islower() and letter.isupper()
    )
