"""The engine that recognises text in pictures (OCR): Tesseract with Leptonica, where this machine has them.

Both are shared libraries of the system (Debian's `tesseract-ocr`), called through their C interface: the Lambda package
holds nothing of them, and the worker that calls them is confined as every reader is. `available` says whether they are
here; only a worker loads them.

Sources: the headers tesseract/capi.h and leptonica/allheaders.h.
"""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chalicelib.knowledge.ingestion.extraction.pictures_inside import TIFF_ORDERS

# Where packages of systems put the data of languages: Debian, Fedora, a build of one's own, Homebrew.
DATA = tuple(
    map(
        Path,
        (
            "/usr/share/tesseract-ocr/5/tessdata",
            "/usr/share/tesseract-ocr/4.00/tessdata",
            "/usr/share/tesseract/tessdata",
            "/usr/share/tessdata",
            "/usr/local/share/tessdata",
            "/opt/homebrew/share/tessdata",
        ),
    )
)
_TESSERACT = ("libtesseract.so.5", "libtesseract.so.4", "libtesseract.5.dylib")
_LEPTONICA = ("liblept.so.5", "libleptonica.so.6", "libleptonica.6.dylib")
_WORD_LEVEL = "5"
# Modes of segmentation: pages in columns and blocks, turned upright first where the data for that is here.
_WITH_DIRECTION, _WITHOUT_DIRECTION = 1, 3
# A picture of more pixels is not decoded, and one of more than the second number is made smaller first.
MOST_PIXELS, ENOUGH_PIXELS = 60_000_000, 10_000_000
RESOLUTION = 300


class TooManyPixelsError(Exception):
    """A picture of more pixels than are decoded."""


@dataclass(frozen=True, slots=True)
class Word:
    """A recognised word, and how sure the engine is, in percent. `line` is the number of its line on the page.

    `paragraph` is true where a paragraph begins with the word.
    """

    text: str
    confidence: float
    line: int
    paragraph: bool


def available() -> bool:
    """Whether this machine has the engine with the data of any language."""
    return data_folder() is not None


@functools.cache
def data_folder() -> Path | None:
    """The folder with the data of languages, or None."""
    return next((folder for folder in DATA if any(folder.glob("*.traineddata"))), None)


def installed(languages: str) -> str:
    """Those of the languages in `eng+deu` whose data is here, in the same form; "" for none."""
    folder = data_folder()
    return "+".join(name for name in languages.split("+") if folder and (folder / f"{name}.traineddata").is_file())


class Engine:
    """Tesseract with the data of some languages. Raises OSError without the libraries, ValueError without the data."""

    def __init__(self, languages: str) -> None:
        # Several threads of one page gain little, and wait for each other on a busy machine.
        os.environ["OMP_THREAD_LIMIT"] = "1"
        self._tesseract = _library(_TESSERACT, ("TessBaseAPICreate", "TessBaseAPIGetTsvText"))
        self._leptonica = _library(_LEPTONICA, ("pixReadMem", "pixReadMemTiff", "pixConvertTo8", "pixScale"))
        self._api = ctypes.c_void_p(self._tesseract.TessBaseAPICreate())
        folder, names = data_folder(), installed(languages)
        if (
            folder is None
            or not names
            or self._tesseract.TessBaseAPIInit3(self._api, os.fsencode(folder), names.encode())
        ):
            raise ValueError(f"No data of the languages {languages} is here.")
        has_directions = (folder / "osd.traineddata").is_file()
        self._tesseract.TessBaseAPISetPageSegMode(self._api, _WITH_DIRECTION if has_directions else _WITHOUT_DIRECTION)

    def words_of_pixels(self, grey: object, width: int, height: int, stride: int) -> list[Word]:
        """The words in a picture of one byte a pixel: `grey` is a ctypes array of `height` rows of `stride` bytes."""
        pointer = ctypes.cast(grey, ctypes.c_void_p)  # type: ignore[arg-type]
        self._tesseract.TessBaseAPISetImage(self._api, pointer, width, height, 1, stride)
        self._tesseract.TessBaseAPISetSourceResolution(self._api, RESOLUTION)
        return self._words()

    def words_of_file(self, content: bytes, frame: int) -> list[Word]:
        """The words in the picture number `frame` (from 0) of a file that Leptonica decodes.

        Raises ValueError for a damaged picture, `TooManyPixelsError` before a picture is decoded that is too big.
        """
        picture = self._decoded(content, frame)
        try:
            self._tesseract.TessBaseAPISetImage2(self._api, picture)
            if self._tesseract.TessBaseAPIGetSourceYResolution(self._api) < RESOLUTION // 4:
                self._tesseract.TessBaseAPISetSourceResolution(self._api, RESOLUTION)
            return self._words()
        finally:
            self._destroy(picture)

    def _decoded(self, content: bytes, frame: int) -> ctypes.c_void_p:
        size = ctypes.c_size_t(len(content))
        width, height, depth, samples, palette, format_ = (ctypes.c_int() for _ in range(6))
        fields = map(ctypes.byref, (width, height, depth, samples, palette))
        if _is_tiff(content):
            problem = self._leptonica.readHeaderMemTiff(content, size, frame, *fields, None, ctypes.byref(format_))
        else:
            format_out = ctypes.byref(format_)
            problem = self._leptonica.pixReadHeaderMem(content, size, format_out, *fields)
        if problem or width.value < 1 or height.value < 1:
            raise ValueError("The picture's header is damaged.")
        if width.value * height.value > MOST_PIXELS:
            raise TooManyPixelsError
        read = (
            self._leptonica.pixReadMemTiff(content, size, frame)
            if _is_tiff(content)
            else self._leptonica.pixReadMem(content, size)
        )
        if not read:
            raise ValueError("The picture is damaged.")
        picture = self._replaced(ctypes.c_void_p(read), "pixConvertTo8", ctypes.c_int(0))
        factor = (ENOUGH_PIXELS / (width.value * height.value)) ** 0.5
        if factor < 1:
            picture = self._replaced(picture, "pixScale", ctypes.c_float(factor), ctypes.c_float(factor))
        return picture

    def _replaced(self, picture: ctypes.c_void_p, change: str, *arguments: object) -> ctypes.c_void_p:
        """What a function of Leptonica makes of a picture, which is freed."""
        changed = getattr(self._leptonica, change)(picture, *arguments)
        self._destroy(picture)
        if not changed:
            raise ValueError("The picture cannot be converted.")
        return ctypes.c_void_p(changed)

    def _destroy(self, picture: ctypes.c_void_p) -> None:
        self._leptonica.pixDestroy(ctypes.byref(picture))

    def _words(self) -> list[Word]:
        if self._tesseract.TessBaseAPIRecognize(self._api, None):
            raise ValueError("The picture cannot be recognised.")
        table = self._tesseract.TessBaseAPIGetTsvText(self._api, 0)
        try:
            return list(words_of_table(ctypes.string_at(table).decode("utf-8", "replace")))
        finally:
            self._tesseract.TessDeleteText(ctypes.c_void_p(table))


def words_of_table(table: str) -> Iterator[Word]:
    """The words in Tesseract's table of tab-separated values: level, page, block, paragraph, line, …, words last."""
    numbers: dict[tuple[str, ...], int] = {}
    former: tuple[str, ...] = ()
    for row in table.splitlines():
        cells = row.split("\t", 11)
        if len(cells) == 12 and cells[0] == _WORD_LEVEL and cells[11].strip():
            paragraph = tuple(cells[2:4])
            line = numbers.setdefault(tuple(cells[2:5]), len(numbers))
            yield Word(cells[11].strip(), float(cells[10]), line, paragraph != former)
            former = paragraph


def _is_tiff(content: bytes) -> bool:
    return content[:4] in TIFF_ORDERS


def _library(names: tuple[str, ...], returning_pointers: tuple[str, ...]) -> ctypes.CDLL:
    for name in names:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        for function in returning_pointers:
            getattr(library, function).restype = ctypes.c_void_p
        return library
    raise OSError(f"None of {', '.join(names)} is here.")
