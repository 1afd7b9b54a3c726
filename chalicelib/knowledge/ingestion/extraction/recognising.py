"""In the worker: the text in pictures, page by page (OCR): pages of a PDF, picture files, pictures inside files."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any

from chalicelib.knowledge.ingestion.extraction import ExtractionError, Limits
from chalicelib.knowledge.ingestion.extraction.assembly import clean
from chalicelib.knowledge.ingestion.extraction.engine import (
    ENOUGH_PIXELS,
    RESOLUTION,
    Engine,
    TooManyPixelsError,
    Word,
)
from chalicelib.knowledge.ingestion.extraction.reading import read
from chalicelib.knowledge.ingestion.extraction.sniffing import sniff

# A word below is doubtful; a line whose words are worse than the second number on average is a drawing, not text.
DOUBTFUL, DRAWING = 60.0, 30.0
_MOST_DOUBTFUL_WORDS = 20
_POINTS = 72


def recognise(output: IO[bytes], request: dict[str, Any], limits: Limits) -> None:
    """Write what each of the requested pages says, as it is recognised: a line of JSON and the text in UTF-8."""
    engine = Engine(request["languages"])
    path, filename, declared_type = Path(request["path"]), request["filename"], request["declared_type"]
    kind = sniff(path, filename, declared_type, limits)
    if kind == "pdf":
        recognised = _words_of_pdf(engine, path)
    elif kind == "image":
        recognised = _words_of_pictures(engine, path)
    else:
        pictures = _inside(path, filename, declared_type, limits, frozenset(request["pages"]))
        recognised = partial(_words_of_inside, engine, pictures)
    for page in request["pages"]:
        try:
            header, text = _page(recognised(page))
        except TooManyPixelsError:
            header, text = _page([])
        except ValueError as error:
            raise ExtractionError("corrupt", "The picture is damaged and cannot be read.", str(error)) from error
        content = text.encode()
        output.write(json.dumps({"page": page, "bytes": len(content), **header}).encode() + b"\n" + content)
        output.flush()


def _page(words: list[Word]) -> tuple[dict[str, Any], str]:
    """A page's text in its lines, and how sure it is."""
    words = _without_drawings(words)
    text: list[str] = []
    line = -1
    for word in words:
        separator = "\n\n" if word.paragraph else "\n" if word.line != line else " "
        text.append((separator if text else "") + word.text)
        line = word.line
    letters = sum(len(word.text) for word in words)
    sure = sum(word.confidence * len(word.text) for word in words) / letters if letters else 0
    doubtful = [clean(word.text) for word in words if word.confidence < DOUBTFUL]
    header = {
        "words": len(words),
        "confidence": round(sure),
        "doubtful_words": len(doubtful),
        "doubtful": doubtful[:_MOST_DOUBTFUL_WORDS],
    }
    return header, clean("".join(text))


def _without_drawings(words: list[Word]) -> list[Word]:
    """The words without lines that are no text: edges and shades in which the engine sees letters."""
    confidences: dict[int, list[float]] = {}
    for word in words:
        confidences.setdefault(word.line, []).append(word.confidence)
    drawings = {line for line, values in confidences.items() if sum(values) / len(values) < DRAWING}
    return [word for word in words if word.line not in drawings]


def _words_of_pdf(engine: Engine, path: Path) -> Callable[[int], list[Word]]:
    from pypdfium2 import PdfDocument  # type: ignore[import-untyped]

    document = PdfDocument(path)

    def recognised(number: int) -> list[Word]:
        page = document[number - 1]
        try:
            area = page.get_width() * page.get_height()
            scale = min(RESOLUTION / _POINTS, (ENOUGH_PIXELS / max(area, 1.0)) ** 0.5)
            bitmap = page.render(scale=scale, grayscale=True, may_draw_forms=False)
            return engine.words_of_pixels(bitmap.buffer, bitmap.width, bitmap.height, bitmap.stride)
        finally:
            page.close()

    return recognised


def _words_of_pictures(engine: Engine, path: Path) -> Callable[[int], list[Word]]:
    content = path.read_bytes()
    return lambda number: engine.words_of_file(content, number - 1)


def _inside(
    path: Path, filename: str, declared_type: str | None, limits: Limits, numbers: frozenset[int]
) -> dict[int, bytes]:
    """The pictures inside a file, by their numbers: the file is read once more, for them alone."""
    pictures: dict[int, bytes] = {}

    def take(number: int, content: bytes) -> None:
        if number in numbers:
            pictures[number] = content

    read(path, filename, declared_type, limits, recognises=True, take_picture=take)
    return pictures


def _words_of_inside(engine: Engine, pictures: dict[int, bytes], number: int) -> list[Word]:
    if number not in pictures:
        raise ValueError("The file has no such picture.")
    return engine.words_of_file(pictures[number], 0)
