"""PowerPoint presentations (Office Open XML, ECMA-376 part 1): one page per slide, its title as section, its notes."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from chalicelib.knowledge.ingestion.extraction import ExtractionError
from chalicelib.knowledge.ingestion.extraction.archive import (
    attribute,
    core_title,
    descend,
    local_name,
    open_archive,
    parse_part,
    related,
)
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, one_line

_TITLES = ("title", "ctrTitle")
# Placeholders of the slide's frame, which are not content.
_FRAME = ("sldNum", "dt", "ftr", "hdr", "sldImg")
_UNSEEN = ("Fallback", "extLst")


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Read a presentation and return its title."""
    with open_archive(path, assembly.limits) as archive:
        slides = _slides(archive)
        most = assembly.limits.max_pages
        if len(slides) > most:
            raise ExtractionError(
                "too_large", f"The file has {len(slides):,} slides; at most {most:,} are read. Split it."
            )
        for number, part in enumerate(slides, 1):
            assembly.page(number)
            assembly.leave_sections()
            _add_slide(archive, part, assembly)
        return core_title(archive) or assembly.first_heading


def _slides(archive: zipfile.ZipFile) -> list[str]:
    """The names of the slides' parts in the order they are shown."""
    parts = related(archive, "").values()
    main = next((part for kind, part in parts if kind == "officeDocument"), "ppt/presentation.xml")
    root = parse_part(archive, main)
    if root is None:
        raise ExtractionError("corrupt", "The file is damaged: it holds no presentation.")
    targets = related(archive, main)
    slides_shown = [element for element in root.iter() if local_name(element) == "sldId"]
    identifiers = [value for element in slides_shown for key, value in element.attrib.items() if key.endswith("}id")]
    return [targets[identifier][1] for identifier in identifiers if identifier in targets]


def _add_slide(archive: zipfile.ZipFile, part: str, assembly: TextAssembler) -> None:
    root = parse_part(archive, part)
    shapes = list(_shapes(root)) if root is not None else []
    for shape in shapes:
        if _placeholder(shape) in _TITLES:
            assembly.heading(1, " ".join(_lines(shape)))
    for shape in shapes:
        _add_shape(shape, assembly)
    speaker_slide = next((name for kind, name in related(archive, part).values() if kind == "notesSlide"), None)
    root = parse_part(archive, speaker_slide) if speaker_slide else None
    for shape in _shapes(root) if root is not None else ():
        _add_shape(shape, assembly)


def _shapes(root: Element) -> Iterator[Element]:
    """The shapes that contain text, and the tables, in order, including those in groups."""
    for element in descend(root, _UNSEEN):
        if local_name(element) in ("sp", "tbl") and _placeholder(element) not in _FRAME:
            yield element


def _placeholder(shape: Element) -> str | None:
    """The kind of placeholder that a shape fills: ``body`` when it has no name, None when it fills none."""
    mark = next((element for element in shape.iter() if local_name(element) == "ph"), None)
    return None if mark is None else attribute(mark, "type") or "body"


def _add_shape(shape: Element, assembly: TextAssembler) -> None:
    if local_name(shape) == "sp":
        assembly.add("\n".join(_lines(shape)))
        return
    separator = "\n\n"
    for row in (element for element in shape if local_name(element) == "tr"):
        cells = [one_line(" ".join(_lines(cell))) for cell in row if local_name(cell) == "tc"]
        if any(cells):
            assembly.add(" | ".join(cells), separator)
            separator = "\n"


def _lines(container: Element) -> list[str]:
    """The text of each paragraph in `container`, without empty ones."""
    paragraphs = (element for element in descend(container, _UNSEEN) if local_name(element) == "p")
    return [text for paragraph in paragraphs if (text := _text(paragraph).strip())]


def _text(paragraph: Element) -> str:
    parts = {"br": "\n", "tab": "\t"}
    return "".join(
        (element.text or "") if local_name(element) == "t" else parts.get(local_name(element), "")
        for element in descend(paragraph, _UNSEEN)
    )
