"""Outlook messages ([MS-OXMSG]): the same as of any e-mail, out of a Compound File's streams."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.knowledge.extraction import ExtractionError
from chalicelib.knowledge.extraction.assembly import Assembly, clean, one_line
from chalicelib.knowledge.extraction.decoding import decode
from chalicelib.knowledge.extraction.html import add_markup

if TYPE_CHECKING:
    from olefile import OleFileIO  # type: ignore[import-untyped]

# Property identifiers ([MS-OXPROPS]).
_SHOWN = (("Subject", "0037"), ("From", "0C1A"), ("To", "0E04"), ("Cc", "0E03"))
# Whole numbers in the fixed part: the code page of the message's strings, or of its text on the internet.
_CODE_PAGES = (0x3FFD, 0x3FDE)
_FIXED_HEADER_BYTES, _FIXED_ENTRY_BYTES, _INTEGER = 32, 16, 0x0003
_BODY, _HTML_BODY, _ATTACHED_NAME, _ATTACHED_SHORT_NAME = "1000", "1013", "3707", "3704"


def read(path: Path, assembly: Assembly) -> str | None:
    """Read a message and return its subject."""
    from olefile import OleFileIO

    with OleFileIO(str(path)) as file:
        header = {name: one_line(_property(file, "", identifier)) for name, identifier in _SHOWN}
        assembly.add("\n".join(f"{name}: {value}" for name, value in header.items() if value))
        body = _property(file, "", _BODY)
        if body.strip():
            assembly.add(body)
        elif html := _property(file, "", _HTML_BODY):
            add_markup(clean(html), assembly)
        names = _attachments(file)
        if names:
            assembly.add("Attachments: " + ", ".join(names))
        if assembly.is_empty:
            raise ExtractionError("empty", "The message holds no text.")
        return header["Subject"]


def _property(file: OleFileIO, storage: str, identifier: str) -> str:
    """A property of text: UTF-16 by its type, or else in the message's code page."""
    for kind in ("001F", "001E", "0102"):
        name = f"{storage}__substg1.0_{identifier}{kind}"
        if file.exists(name):
            data: bytes = file.openstream(name).read()
            return data.decode("utf-16-le", "replace") if kind == "001F" else decode(data, _code_page(file))
    return ""


def _code_page(file: OleFileIO) -> str | None:
    fixed: bytes = file.openstream("__properties_version1.0").read()[_FIXED_HEADER_BYTES:]
    entries = [fixed[at : at + _FIXED_ENTRY_BYTES] for at in range(0, len(fixed), _FIXED_ENTRY_BYTES)]
    numbers = {
        int.from_bytes(entry[2:4], "little"): int.from_bytes(entry[8:12], "little")
        for entry in entries
        if int.from_bytes(entry[0:2], "little") == _INTEGER
    }
    return next((f"cp{numbers[identifier]}" for identifier in _CODE_PAGES if numbers.get(identifier)), None)


def _attachments(file: OleFileIO) -> list[str]:
    storages = sorted(
        {entry[0] for entry in file.listdir(storages=True) if entry[0].startswith("__attach_version1.0_")}
    )
    names = (
        _property(file, f"{storage}/", _ATTACHED_NAME) or _property(file, f"{storage}/", _ATTACHED_SHORT_NAME)
        for storage in storages
    )
    return [clean_name for name in names if (clean_name := one_line(clean(name)).strip("\0"))]
