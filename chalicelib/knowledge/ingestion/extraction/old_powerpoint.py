"""Presentations of PowerPoint 97 to 2003 ([MS-PPT]): the text of each slide and of its notes, with its page.

A file is a list of edits. The last one says, through the directories of all of them, where the newest version of the
document and of each slide stands; what was deleted before is not read. A slide's placeholders have their text in the
document's outline, its other boxes in the slide. Boxes come in the order in which they are drawn.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.knowledge.ingestion.extraction import ExtractionError
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, one_line
from chalicelib.knowledge.ingestion.extraction.old_word import title_of
from chalicelib.knowledge.ingestion.extraction.sniffing import encrypted

if TYPE_CHECKING:
    from olefile import OleFileIO  # type: ignore[import-untyped]

# Types of records ([MS-PPT] 2.13.24), and of those of drawings ([MS-ODRAW]).
_DOCUMENT, _SLIDE, _REMARKS = 0x03E8, 0x03EE, 0x03F0
_LIST, _LISTED, _HEADER = 0x0FF0, 0x03F3, 0x0F9F
_WIDE, _NARROW, _OUTLINE = 0x0FA0, 0x0FA8, 0x0F9E
_EDIT, _DIRECTORY = 0x0FF5, 0x1772
_REMARK_INFO, _SHOW_INFO = 0x03F1, 0x03F9
_TEXTBOX = 0xF00D
# The kinds of text that are titles ([MS-PPT] 2.13.33).
_TITLES = (0, 6)
_HIDDEN, _FLAGS_AT = 0x04, 10
_MOST_EDITS, _DEEPEST = 10_000, 16
_CHARACTERS = str.maketrans({"\r": "\n", "\x0b": "\n"})


@dataclass(frozen=True, slots=True)
class _Record:
    """A record: its type, its instance, and where its content begins and ends."""

    type: int
    instance: int
    start: int
    end: int
    is_container: bool


@dataclass(slots=True)
class _Listed:
    """A slide, or its notes, in the outline: its number in the directory, its id, and the texts with their kinds."""

    place: int
    id: int
    texts: list[tuple[int, str]] = field(default_factory=list)


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Read a presentation and return its title."""
    from olefile import OleFileIO

    with OleFileIO(str(path)) as file:
        content = file.openstream("PowerPoint Document").read()
        places, document = _directory(content, _last_edit(file))
        lists = list(_lists(content, _at(content, places.get(document, -1), _DOCUMENT)))
        notes = {}
        for listed in _entries(content, lists, instance=2):
            record = _at(content, places.get(listed.place, -1), _REMARKS)
            info = next(_children(content, record, _REMARK_INFO), None)
            if info is not None:
                (of_slide,) = struct.unpack_from("<I", content, info.start)
                notes[of_slide] = [text for kind, text in _texts(content, record, listed) if kind not in _TITLES]
        for number, listed in enumerate(_entries(content, lists, instance=0), 1):
            assembly.page(number)
            _add_slide(content, _at(content, places.get(listed.place, -1), _SLIDE), listed, assembly)
            for note in notes.get(listed.id, ()):
                assembly.add(f"Note: {note}")
        return title_of(file)


def _last_edit(file: OleFileIO) -> int:
    user = file.openstream("Current User").read()
    header, place = struct.unpack_from("<I", user, 12)[0], struct.unpack_from("<I", user, 16)[0]
    if header == 0xF3D1C4DF:
        raise encrypted()
    return int(place)


def _directory(content: bytes, place: int) -> tuple[dict[int, int], int]:
    """Where each object stands, newer edits before older ones, and the number of the document."""
    places: dict[int, int] = {}
    document, seen = 0, set[int]()
    while place and place not in seen and len(seen) < _MOST_EDITS:
        seen.add(place)
        edit = _at(content, place, _EDIT)
        _, _, before, directory, number = struct.unpack_from("<5I", content, edit.start)
        if edit.end - edit.start >= 32:
            raise encrypted()
        document = document or number
        listed = _at(content, directory, _DIRECTORY)
        position = listed.start
        while position + 4 <= listed.end:
            (head,) = struct.unpack_from("<I", content, position)
            first, count = head & 0xFFFFF, head >> 20
            count = min(count, (listed.end - position - 4) // 4)
            for index, offset in enumerate(struct.unpack_from(f"<{count}I", content, position + 4)):
                places.setdefault(first + index, offset)
            position += 4 + 4 * count
        place = before
    return places, document


def _record(content: bytes, position: int, end: int) -> _Record | None:
    if position < 0 or position + 8 > end:
        return None
    head, kind, length = struct.unpack_from("<HHI", content, position)
    start = position + 8
    return _Record(kind, head >> 4, start, min(start + length, end), head & 0xF == 0xF)


def _at(content: bytes, position: int, kind: int) -> _Record:
    record = _record(content, position, len(content))
    if record is None or record.type != kind:
        raise ExtractionError("corrupt", "The file is damaged: a part of it is not where it should be.")
    return record


def _children(content: bytes, parent: _Record, kind: int | None = None) -> Iterator[_Record]:
    position = parent.start
    while (record := _record(content, position, parent.end)) is not None:
        if kind is None or record.type == kind:
            yield record
        position = max(record.end, position + 8)


def _lists(content: bytes, document: _Record) -> Iterator[_Record]:
    return _children(content, document, _LIST)


def _entries(content: bytes, lists: list[_Record], instance: int) -> list[_Listed]:
    """The slides (instance 0) or notes (2) in their order, with the texts of the outline."""
    entries: list[_Listed] = []
    for listing in lists:
        if listing.instance != instance:
            continue
        kind = -1
        for record in _children(content, listing):
            if record.type == _LISTED:
                place, _, _, number = struct.unpack_from("<4I", content, record.start)
                entries.append(_Listed(place, number))
            elif record.type == _HEADER:
                (kind,) = struct.unpack_from("<I", content, record.start)
                if entries:
                    entries[-1].texts.append((kind, ""))
            elif entries and entries[-1].texts and (text := _text(content, record)) is not None:
                entries[-1].texts[-1] = (kind, text)
    return entries


def _text(content: bytes, record: _Record) -> str | None:
    """The characters of a record of text, else None."""
    part = content[record.start : record.end]
    if record.type == _WIDE:
        return part.decode("utf-16-le", "replace").translate(_CHARACTERS).strip()
    if record.type == _NARROW:
        return part.decode("latin-1").translate(_CHARACTERS).strip()
    return None


def _texts(content: bytes, slide: _Record, listed: _Listed) -> list[tuple[int, str]]:
    """The texts of a slide's boxes in their order, each with its kind, then those of the outline that no box shows."""
    texts, shown = [], set[int]()
    for box in _boxes(content, slide, 0):
        kind, text = -1, None
        for record in _children(content, box):
            if record.type == _HEADER:
                (kind,) = struct.unpack_from("<I", content, record.start)
            elif record.type == _OUTLINE:
                (index,) = struct.unpack_from("<I", content, record.start)
                if index < len(listed.texts):
                    shown.add(index)
                    kind, text = listed.texts[index]
            else:
                text = text or _text(content, record)
        if text:
            texts.append((kind, text))
    texts += [entry for index, entry in enumerate(listed.texts) if index not in shown and entry[1]]
    return texts


def _boxes(content: bytes, parent: _Record, depth: int) -> Iterator[_Record]:
    if depth > _DEEPEST:
        return
    for record in _children(content, parent):
        if record.type == _TEXTBOX:
            yield record
        elif record.is_container:
            yield from _boxes(content, record, depth + 1)


def _add_slide(content: bytes, slide: _Record, listed: _Listed, assembly: TextAssembler) -> None:
    texts = _texts(content, slide, listed)
    title = next((one_line(text) for kind, text in texts if kind in _TITLES), None)
    assembly.leave_sections()
    if title:
        assembly.heading(1, title)
    if any(content[info.start + _FLAGS_AT] & _HIDDEN for info in _children(content, slide, _SHOW_INFO)):
        assembly.add("(hidden slide)")
    for _, text in texts:
        assembly.add(text)
