"""DrawingML (ECMA-376 part 1, 20 and 21): the words of shapes, charts and diagrams in Office files."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from functools import partial
from xml.etree.ElementTree import Element

from chalicelib.knowledge.ingestion.extraction import ExtractionError
from chalicelib.knowledge.ingestion.extraction.archive import attribute, descend, local_name, parse_part, read_part
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, one_line
from chalicelib.knowledge.ingestion.extraction.number_formats import GENERAL, shown
from chalicelib.knowledge.ingestion.extraction.word_numbering import formatted, whole_number

# The beginnings of the kinds of automatic numbers (20.1.10.61).
_NUMBERS = {
    "alphaLc": "lowerLetter",
    "alphaUc": "upperLetter",
    "romanLc": "lowerRoman",
    "romanUc": "upperRoman",
}
UNSEEN = ("Fallback", "extLst")
_MOST_POINTS = 1_000


def lines(container: Element) -> list[str]:
    """The text of each paragraph in `container` with its automatic number, without empty ones."""
    counts: dict[int, int] = {}
    paragraphs = (element for element in descend(container, UNSEEN) if local_name(element) == "p")
    return [
        _number(paragraph, counts) + text for paragraph in paragraphs if (text := paragraph_text(paragraph).strip())
    ]


def _number(paragraph: Element, counts: dict[int, int]) -> str:
    """The automatic number of a paragraph (21.1.2.4.1); `counts` has those before it, by level."""
    properties = _child(paragraph, "pPr")
    level = whole_number(attribute(properties, "lvl")) if properties is not None else 0
    for deeper in [each for each in counts if each > level]:
        del counts[deeper]
    numbered = _child(properties, "buAutoNum") if properties is not None else None
    if numbered is None:
        counts.pop(level, None)
        return ""
    counts[level] = counts.get(level, whole_number(attribute(numbered, "startAt"), 1) - 1) + 1
    kind = attribute(numbered, "type") or ""
    form = next((form for start, form in _NUMBERS.items() if kind.startswith(start)), "decimal")
    number = formatted(counts[level], form)
    return f"({number}) " if kind.endswith("ParenBoth") else f"{number}) " if kind.endswith("ParenR") else f"{number}. "


def paragraph_text(paragraph: Element) -> str:
    """The text of a paragraph; raised and lowered characters are marked as in "10^6" and "H2O"."""
    breaks = {"br": "\n", "tab": "\t"}
    parts: list[str] = []
    mark = ""
    for element in descend(paragraph, UNSEEN):
        name = local_name(element)
        if name == "r":
            mark = _mark(element)
        elif name == "t" and element.text:
            parts.append(raised(element.text, mark, "".join(parts[-1:])))
        elif name in breaks:
            parts.append(breaks[name])
    return "".join(parts)


def _mark(run: Element) -> str:
    properties = next((child for child in run if local_name(child) == "rPr"), None)
    baseline = attribute(properties, "baseline") if properties is not None else None
    try:
        height = int(float((baseline or "0").rstrip("%")))
    except ValueError:
        return ""
    return "^" if height > 0 else "_" if height < 0 else ""


def raised(text: str, mark: str, before: str) -> str:
    """A raised (``^``) or lowered (``_``) text after `before`: marked where a number or a letter carries it."""
    if not mark or not text.strip() or not before[-1:].isalnum() or _is_ending(text, before):
        return text
    return f"{mark}{text}" if text[:1].isalnum() or text[:1] in "-+\u2212" else text


def _is_ending(text: str, before: str) -> bool:
    """Whether a raised text ends a word: ``2nd``, ``1er``, a trade mark."""
    letters = text.strip()
    if letters in ("TM", "SM"):
        return True
    return before[-1:].isdigit() and letters.isalpha() and (1 < len(letters) < 4 or letters in "aeo\u00aa\u00ba")


def chart_lines(archive: zipfile.ZipFile, part: str) -> list[str]:
    """The title and the names of the axes of a chart, then its values: a line for each category."""
    root = optional_part(archive, part)
    if root is None:
        return []
    titles = [one_line(" ".join(lines(element))) for element in root.iter() if local_name(element) == "title"]
    series = [element for element in root.iter() if local_name(element) == "ser"]
    names = [_first(_points(_child(each, "tx"))) for each in series]
    values = [_points(_child(each, "val", "yVal", "bubbleSize")) for each in series]
    categories: dict[int, str] = {}
    for each in series:
        for index, text in _points(_child(each, "cat", "xVal")).items():
            categories.setdefault(index, text)
    indexes = sorted({*categories, *(index for points in values for index in points)})[:_MOST_POINTS]
    table = [" | ".join(["", *names])] if any(names) else []
    table += [
        " | ".join([categories.get(index, ""), *(points.get(index, "") for points in values)]) for index in indexes
    ]
    return [line for line in (*titles, *table) if line.strip(" |")]


def _child(element: Element, *names: str) -> Element | None:
    return next((child for child in element if local_name(child) in names), None)


def _first(points: dict[int, str]) -> str:
    return next(iter(points.values()), "")


def _points(container: Element | None) -> dict[int, str]:
    """The points of a series or of its categories, by their index, as they are shown."""
    points: dict[int, str] = {}
    if container is None:
        return points
    code = next((e.text for e in container.iter() if local_name(e) == "formatCode" and e.text), GENERAL)
    for element in container.iter():
        if local_name(element) == "pt":
            value = one_line(" ".join(v.text or "" for v in element if local_name(v) == "v"))
            index = attribute(element, "idx") or ""
            place = int(index) if index.isdecimal() else len(points)
            former = points.get(place)
            # Categories of several levels: the inner one first, as in "March, 2026".
            points[place] = f"{former}, {_shown(value, code)}" if former else _shown(value, code)
    if not points:
        points = {
            i: text for i, v in enumerate(v for v in container.iter() if local_name(v) == "v") if (text := v.text)
        }
    return points


def _shown(value: str, code: str) -> str:
    return shown(value, code) if value[:1].isdigit() or value[:1] in "-." else value


def diagram_lines(archive: zipfile.ZipFile, part: str) -> list[str]:
    """The texts of a diagram (SmartArt), in the order of its data."""
    root = optional_part(archive, part)
    points = (element for element in root.iter() if local_name(element) == "pt") if root is not None else ()
    return [text for point in points if attribute(point, "type") in (None, "node", "asst") for text in lines(point)]


def optional_part(archive: zipfile.ZipFile, part: str) -> Element | None:
    """A part that the document can be read without; None where it is missing or damaged."""
    try:
        return parse_part(archive, part)
    except (ExtractionError, zipfile.BadZipFile, OSError, ValueError):
        return None


def graphics(archive: zipfile.ZipFile, frame: Element, relations: dict[str, tuple[str, str]]) -> Iterator[str]:
    """The words of the charts and diagrams in `frame`, one text for each; `relations` are those of its part."""
    for element in descend(frame, UNSEEN):
        name = local_name(element)
        if name in ("chart", "relIds"):
            identifier = attribute(element, "id" if name == "chart" else "dm")
            part = relations.get(identifier or "", ("", ""))[1]
            words = chart_lines(archive, part) if name == "chart" else diagram_lines(archive, part)
            if part and words:
                yield "\n".join(words)


def note_pictures(
    archive: zipfile.ZipFile, container: Element, relations: dict[str, tuple[str, str]], assembly: TextAssembler
) -> None:
    """Tell `assembly` of the pictures in `container`, in DrawingML and in VML; `relations` are those of its part."""
    for element in descend(container, UNSEEN):
        if local_name(element) in ("blip", "imagedata"):
            identifier = attribute(element, "embed") or attribute(element, "id") or ""
            if part := relations.get(identifier, ("", ""))[1]:
                assembly.picture(part, partial(read_part, archive, part))
