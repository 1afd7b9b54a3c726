"""Warnings: what a file holds that was not read, or was read with doubt, though the rest of it is searchable.

A code says the kind. The sentence of one warning is for the document's reader and may name parts of the file; `ABOUT`
has the fixed words for answers and prompts, which repeat nothing that a file says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# The most warnings of one document, and the longest sentence.
MOST_WARNINGS = 20
LONGEST_MESSAGE = 500

ABOUT: dict[str, str] = {
    "pages_without_text": "some of its pages carry no text",
    "pictures_not_read": "pictures in it were not read",
    "text_recognised": "text of it was recognised in pictures and may have wrong letters",
    "words_doubtful": "some recognised words are doubtful",
    "pages_damaged": "some of its pages are damaged",
    "parts_damaged": "parts of the file are damaged",
    "parts_left_out": "parts of it were left out",
    "not_calculated": "results of formulas are not stored in it",
    "files_not_read": "files inside it were not read",
    "too_deep": "what is packed into it lies too deep",
    "encrypted_part": "a part of it is encrypted",
    "dynamic_form": "its form is shown by its own application only",
    "encoding_guessed": "its encoding was guessed",
    "script_unknown": "the search finds its script by words alone",
}


# What limits the search, and leaves nothing of the document out.
SCRIPT_UNKNOWN = "script_unknown"
# Most pictures show no text, so answers do not call a document incomplete because of them; its own page says it.
_NOT_IN_ANSWERS = (SCRIPT_UNKNOWN, "pictures_not_read")


@dataclass(frozen=True, slots=True)
class FileWarning:
    """One warning: its code, a sentence, and the page (from 1) that it begins at, if it is about pages."""

    code: str
    message: str
    page: int | None = None


def about(codes: Iterable[str]) -> str:
    """The fixed words about a document with warnings of these codes; "" for none."""
    return "; ".join(words for code in dict.fromkeys(codes) if (words := ABOUT.get(code)))


def sentence(documents: Iterable[tuple[str, Iterable[str]]], most: int = 3) -> str:
    """What to tell a reader about documents, by title and codes of warnings: one sentence for each, or ""."""
    reported = {
        " ".join(title.split())[:200]: words
        for title, codes in documents
        if (words := about(code for code in codes if code not in _NOT_IN_ANSWERS))
    }
    return " ".join(
        f"\u201c{title}\u201d may be incomplete: {words}." for title, words in list(reported.items())[:most]
    )
