"""What the runs of characters of Word 97 to 2003 look like ([MS-DOC]): hidden, deleted, raised or lowered ones."""

from __future__ import annotations

import bisect
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from chalicelib.knowledge.ingestion.extraction.drawing import raised

# Where the list of the pages of runs stands (2.5.6), and the size of such a page (2.9.33).
_LIST_AT, _PAGE = 0x00FA, 512
_PAGE_NUMBER = 0x3FFFFF
# The properties of characters that count here (2.6.1), and the sizes of all operands by the highest bits (2.2.5.1).
_DELETED, _HIDDEN, _POSITION = 0x0800, 0x083C, 0x2A48
_SIZES = (1, 1, 2, 4, 2, 2, 0, 3)
_ON = (0x01, 0x81)
_MOST_RUNS = 1_000_000
# The ends of paragraphs and cells, which stay: what they end does.
_ENDS = "\r\x07"

Look = Literal["", "hidden", "^", "_"]
_MARKS: dict[int, Look] = {1: "^", 2: "_"}


@dataclass(frozen=True, slots=True)
class StoredText:
    """A part of the text: where its bytes begin in the file, how many a character has, and its characters' numbers."""

    first: int
    width: int
    start: int
    characters: int


@dataclass(frozen=True, slots=True)
class CharacterRun:
    """Characters, by their numbers, that look alike."""

    start: int
    end: int
    look: Look


def runs_of(content: bytes, table: bytes, parts: Sequence[StoredText]) -> list[CharacterRun]:
    """The runs of the text that are hidden, deleted, raised or lowered, in order. Damaged lists give fewer."""
    try:
        matches = sorted(_in_bytes(content, table))
    except (struct.error, IndexError):
        return []
    begins = [start for start, _, _ in matches]
    runs: list[CharacterRun] = []
    for part in parts:
        last = part.first + part.characters * part.width
        for place in range(max(bisect.bisect_right(begins, part.first) - 1, 0), len(matches)):
            start, end, look = matches[place]
            if start >= last:
                break
            first, behind = max(start, part.first), min(end, last)
            if first < behind and len(runs) < _MOST_RUNS:
                runs.append(
                    CharacterRun(
                        part.start + (first - part.first) // part.width,
                        part.start + (behind - part.first) // part.width,
                        look,
                    )
                )
    return runs


def shown(text: str, runs: Sequence[CharacterRun], start: int, end: int) -> str:
    """The characters `start` to `end` of `text` as a person sees them."""
    parts: list[str] = []
    position = start
    for run in runs[max(bisect.bisect_right(runs, start, key=lambda run: run.start) - 1, 0) :]:
        first, behind = max(run.start, position), min(run.end, end)
        if run.start >= end:
            break
        if first >= behind:
            continue
        parts += [text[position:first]] if position < first else []
        inner = text[first:behind]
        if run.look == "hidden":
            parts += [character for character in inner if character in _ENDS]
        else:
            parts.append(raised(inner, run.look, "".join(parts[-1:])))
        position = behind
    return "".join([*parts, text[position:end]])


def _in_bytes(content: bytes, table: bytes) -> Iterator[tuple[int, int, Look]]:
    """The runs by the places of their bytes in the file (2.8.6, 2.9.33)."""
    start, size = struct.unpack_from("<II", content, _LIST_AT)
    count = max(min(size, len(table) - start) - 4, 0) // 8
    for (page,) in struct.iter_unpack("<I", table[start + 4 * (count + 1) : start + 4 * (count + 1) + 4 * count]):
        place = (page & _PAGE_NUMBER) * _PAGE
        if place + _PAGE > len(content):
            continue
        number = min(content[place + _PAGE - 1], (_PAGE - 5) // 5)
        places = struct.unpack_from(f"<{number + 1}I", content, place)
        for index, (first, behind) in enumerate(pairwise(places)):
            offset = content[place + 4 * (number + 1) + index] * 2
            look = _look(content[place + offset + 1 : place + offset + 1 + content[place + offset]]) if offset else ""
            if look and first < behind:
                yield first, behind, look


def _look(properties: bytes) -> Look:
    """How characters with these properties look."""
    look: Look = ""
    position = 0
    while position + 3 <= len(properties):
        (code,) = struct.unpack_from("<H", properties, position)
        size = _SIZES[code >> 13]
        operand = properties[position + 2]
        if code in (_DELETED, _HIDDEN) and operand in _ON:
            return "hidden"
        if code == _POSITION:
            look = _MARKS.get(operand, "")
        position += 2 + (size or 1 + operand)
    return look
