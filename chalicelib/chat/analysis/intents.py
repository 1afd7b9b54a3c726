"""Intents: questions that need another way than one search. They are recognised by their whole wording.

Questions about the collection itself are answered from the database. Comparisons are searched once for each side.
"""

from __future__ import annotations

import re

_MAX_CHARS = 300
# What stands around a side of a comparison and is no part of it.
_AROUND = " \"'“”„«»¿¡*.,:-"
_THINGS = (
    r"(?:documents?|files?|pdfs?|dokumente?|dateien|unterlagen|fichiers?|documentos?|archivos?"
    r"|dokumenty|dokument\u00f3w|pliki)"
)
# What may follow: that somebody has them, that there are some, where they are.
_HAVE = (
    r"(?: (?:do|can|could) (?:you|i|we) (?:have|see|use|know|read|search)(?: access to)?"
    r"| are (?:there|available|here)| have (?:you|i|we)(?: got| uploaded| read)?| exist| is there| did i upload"
    r"| (?:hast|habe|haben|kennst|siehst|gibt|sind|liegen|kannst) (?:du|ich|wir|es|sie|da|hier|vor)"
    r"(?: hochgeladen| sehen| lesen)?"
    r"| (?:avez-vous|as-tu|y a-t-il|ai-je|sont disponibles)| (?:tienes|hay|tengo|tiene)(?: disponibles)?"
    r"| (?:masz|mam|s\u0105|macie))"
)
_PLACE = (
    r"(?: (?:in|hier|here|there|now|available|da|dort|ici|aqu\u00ed|in total|insgesamt|altogether|tutaj))*"
    r"(?: (?:the|this|my|our|your|der|dem|deiner|la|cette)"
    r" (?:library|collection|system|repository|database|bibliothek|sammlung|biblioth\u00e8que|biblioteca))?"
)
_HERE = rf"(?:{_HAVE}{_PLACE})?"
_CHINESE = (
    r"(?:\u4f60|\u60a8|\u6211|\u8fd9\u91cc)?(?:\u73b0\u5728)?(?:\u6709|\u5171\u6709)"
    r"(?:\u54ea\u4e9b|\u591a\u5c11|\u51e0\u4e2a|\u4ec0\u4e48)(?:\u4efd|\u4e2a)?(?:\u6587\u4ef6|\u6587\u6863)"
)
_COLLECTION = re.compile(
    r"\W*(?:(?:so|and|please|also|und|et|y)\W+)?(?:"
    rf"(?:which|what|welche|quels|quelles|qu\u00e9|cu\u00e1les|jakie)(?: other| kinds? of| weiteren)? {_THINGS}{_HERE}"
    rf"|(?:how many|wie viele|combien de|cu\u00e1ntos|ile) {_THINGS}{_HERE}"
    r"|(?:list|show|name|zeige?|liste|nenne|montre|muestra)(?: me| mir| moi| us)?"
    rf"(?: all| the| my| your| our| alle| tous les| todos los| available)* {_THINGS}(?: auf| an)?"
    r"|what is in (?:the|this|my|your|our) (?:library|collection|repository)"
    rf"|{_CHINESE})\W*",
    re.IGNORECASE,
)
_FIRST, _SECOND = (rf"(?P<{name}>[^?!\n]{{1,120}}?)" for name in ("first", "second"))
_COMPARISONS = [
    re.compile(rf"\A{pattern}\W*$", re.IGNORECASE)
    for pattern in (
        rf".*?\b(?:differences?|distinctions?) between {_FIRST} and {_SECOND}",
        rf".*?\bcompare {_FIRST} (?:with|to|and|against) {_SECOND}",
        rf".*?how (?:does|do|is|are) {_FIRST} (?:differ|different) from {_SECOND}",
        rf".*?\bunterschiede? zwischen {_FIRST} und {_SECOND}",
        rf".*?\bvergleiche? {_FIRST} (?:mit|und) {_SECOND}",
        rf".*?\bdiff\u00e9rences? entre {_FIRST} et {_SECOND}",
        rf".*?\bdiferencias? entre {_FIRST} y {_SECOND}",
        rf"{_FIRST} (?:vs\.?|versus) {_SECOND}",
        rf"{_FIRST}[\u548c\u4e0e\u8ddf]{_SECOND}(?:\u7684|\u4e4b\u95f4|\u6709)+(?:\u4ec0\u4e48)?"
        r"(?:\u533a\u522b|\u4e0d\u540c|\u5dee\u522b|\u5dee\u5f02)",
    )
]


def asks_for_collection(question: str) -> bool:
    """Whether a question asks which documents there are, or how many, and nothing about what they say."""
    return len(question) <= _MAX_CHARS and _COLLECTION.fullmatch(" ".join(question.split())) is not None


def sides(question: str) -> tuple[str, str] | None:
    """The two things that a question compares; None for another question."""
    if len(question) > _MAX_CHARS:
        return None
    line = " ".join(question.split())
    for pattern in _COMPARISONS:
        if match := pattern.match(line):
            return match["first"].strip(_AROUND), match["second"].strip(_AROUND)
    return None
