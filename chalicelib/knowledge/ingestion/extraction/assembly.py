"""Assembling a document: one clean text, and segments with the page and section of each part."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable

from chalicelib.knowledge.documents.file_warnings import ABOUT, LONGEST_MESSAGE, MOST_WARNINGS, FileWarning
from chalicelib.knowledge.ingestion.extraction import Extraction, ExtractionError, Limits
from chalicelib.knowledge.ingestion.extraction.decoding import decode_saying
from chalicelib.knowledge.ingestion.extraction.pictures_inside import TURN_IT_ON, PicturesInside, Take
from chalicelib.knowledge.text.segment import Segment

_LONGEST_HEADING = 200
_LONGEST_TITLE = 500
_LONGEST_MEMBER_PATH = 480
_MOST_NAMED = 10
_CARRIAGE_RETURN = re.compile(r"\r\n?|[\x0b\x0c]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
# Sequences of ECMA-48 (5.4, 8.3.89) that set colours, move the cursor or name the window.
_TERMINAL = re.compile(r"\x1b(?:\[[0-?]{0,99}[ -/]{0,9}[@-~]|\][^\x07\x1b\n]{0,999}(?:\x07|\x1b\\)|[@-Z\\-_])")
# A space without width ends a word where no spaces are written, as in Thai; elsewhere it only hides the word. So do
# joiners beside a Latin, Greek or Cyrillic letter; they form letters of Arabic and Indian scripts, and pictures.
_WIDTHLESS = re.compile(
    r"[\u2060\ufeff]|(?<![\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u9fff])\u200b|(?<=[0-9A-Za-z\u00c0-\u052f])[\u200c\u200d]"
)
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SPACE = re.compile(r"\s+")
_REPLACEMENT = "\ufffd".encode()

# Receives the path, the declared media type and the bytes of a packed file.
Emit = Callable[[str, str | None, bytes], None]


def clean(text: str) -> str:
    """`text` with ``\\n`` for every line and page end, and without characters that no database or reader can use.

    Control characters, the colours of terminals and characters without width inside words are removed, lone surrogates
    become U+FFFD; everything else stays as it is, unnormalised.
    """
    if text.isprintable():
        return text
    if "\x1b" in text:
        text = _TERMINAL.sub("", text)
    text = _CONTROL.sub("", _CARRIAGE_RETURN.sub("\n", text))
    if not text.isascii():
        text = _WIDTHLESS.sub("", text)
    if _SURROGATE.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def one_line(text: str) -> str:
    """`text` with every run of white space as one space, and none at its ends."""
    return _SPACE.sub(" ", text).strip()


def member_path(path: str) -> str:
    """A packed file's path for display and storage: one line, ``/`` between folders, and no ``..``."""
    path = unicodedata.normalize("NFC", path)
    parts = (one_line(clean(part)) for part in path.replace("\\", "/").split("/"))
    cleaned = "/".join(part for part in parts if part not in ("", ".", ".."))
    # A path that is too long keeps its end, which has the file's name and type.
    return cleaned[-_LONGEST_MEMBER_PATH:].lstrip("/") or "file"


def _unique(path: str, used_paths: Collection[str]) -> str:
    """`path`, with a number before its ending when another file already has that path."""
    if path not in used_paths:
        return path
    folder, slash, name = path.rpartition("/")
    stem, dot, suffix = name.rpartition(".") if "." in name[1:] else (name, "", "")
    numbered = (f"{folder}{slash}{stem} ({number}){dot}{suffix}" for number in itertools.count(2))
    return next(other for other in numbered if other not in used_paths)


class TextAssembler:
    """A document of kind `kind` (of `kinds.KINDS`) under construction. Added text is cleaned.

    `limits` bounds the text and the packed files that go to `emit`. With `recognises`, pages that are pictures and
    pictures inside the file may be left to text recognition. `take_picture` receives the latter.
    """

    def __init__(
        self,
        limits: Limits,
        kind: str = "text",
        emit: Emit | None = None,
        *,
        recognises: bool = False,
        take_picture: Take | None = None,
    ) -> None:
        self.limits = limits
        self.kind = kind
        self.recognises = recognises
        self._pictures: tuple[int, ...] = ()
        self._inside = PicturesInside(take_picture)
        self._emit = emit
        self._members: set[str] = set()
        self._unpacked = 0
        self._parts: list[str] = []
        self._length = 0
        self._headings: list[tuple[int, str]] = []
        self._page: int | None = None
        self._line: int | None = None
        self._starts: list[tuple[int, int | None, str | None, int | None]] = []
        self._left_out: list[str] = []
        self._warnings: dict[tuple[str, str], FileWarning] = {}
        self.first_heading: str | None = None

    def warn(self, code: str, message: str, page: int | None = None) -> None:
        """Say what of the file is not in the text: a code of `file_warnings.ABOUT` and a sentence; each once.

        Raises KeyError for another code.
        """
        ABOUT[code]
        message = one_line(clean(message))
        if len(message) > LONGEST_MESSAGE:
            message = f"{message[: LONGEST_MESSAGE - 1]}\u2026"
        if len(self._warnings) < MOST_WARNINGS:
            self._warnings.setdefault((code, message), FileWarning(code, message, page))

    def leave_to_recognition(self, pages: Iterable[int]) -> None:
        """Say which pages are pictures whose text is to be recognised: ascending numbers."""
        self._pictures = tuple(pages)

    def picture(self, name: str, read: Callable[[], bytes | None]) -> bool:
        """Note that the picture `name`, whose bytes `read` returns, stands here. Returns whether it may hold text.

        Its text is left to recognition, or a warning says that it was not read.
        """
        section = " > ".join(title for _, title in self._headings) or None
        return self._inside.add(name, read, Segment(self._length, self._length, self._page, section))

    def _warn_of_pictures(self) -> None:
        count = len(self._inside.places)
        if count and not self.recognises:
            what = (
                "1 picture in it that may show text was"
                if count == 1
                else (f"{count:,} pictures in it that may show text were")
            )
            pages = [place.page for place in self._inside.places.values() if place.page is not None]
            self.warn("pictures_not_read", f"{what} not read. {TURN_IT_ON}", min(pages, default=None))

    def leave_out(self, name: str) -> None:
        """Count a packed file whose content is in no document."""
        self._left_out.append(member_path(name))

    def _warn_of_left_out(self) -> None:
        if names := self._left_out:
            files = "1 file in it was" if len(names) == 1 else f"{len(names):,} files in it were"
            why = "" if self.unpacks else ", because it lies inside other files itself"
            more = ", \u2026" if len(names) > _MOST_NAMED else ""
            self.warn("files_not_read", f"{files} not read{why}: {', '.join(names[:_MOST_NAMED])}{more}.")

    def decoded(self, data: bytes, declared: str | None = None) -> str:
        """The clean text of `data` (`decoding.decode`), with a warning where its encoding had to be guessed."""
        text, guess = decode_saying(data, declared)
        if guess:
            self.warn(
                "encoding_guessed",
                f"The file does not say how its characters are encoded; it was read as {guess}. "
                "If letters are wrong, save it as UTF-8.",
            )
        if (missing := text.count("\ufffd") - data.count(_REPLACEMENT)) > 0:
            self.warn("parts_damaged", f"{missing:,} characters of the file are damaged, and are shown as \ufffd.")
        return clean(text)

    @property
    def warnings(self) -> tuple[FileWarning, ...]:
        """The warnings so far."""
        return tuple(self._warnings.values())

    def page(self, number: int) -> None:
        """Start page `number`, counted from 1."""
        self._page = number

    def heading(self, level: int, title: str) -> None:
        """Start a section under the heading `title` of `level`, 1 being the highest. Adds no text."""
        title = one_line(clean(title))[:_LONGEST_HEADING]
        if not title:
            return
        self.first_heading = self.first_heading or title
        self._headings = [*(h for h in self._headings if h[0] < level), (level, title)]

    def leave_sections(self) -> None:
        """Start a part of the text without a heading."""
        self._headings = []

    def definition(self, name: str | None, line: int) -> None:
        """Start a definition of source code, or the text between two definitions, at line `line`."""
        self._headings = [(1, name[:_LONGEST_HEADING])] if name else []
        self._line = line

    @property
    def unpacks(self) -> bool:
        """Whether the caller receives packed files."""
        return self._emit is not None

    def member(self, path: str, content_type: str | None, content: bytes) -> str:
        """Pass a packed file to `emit`, and return its path, cleaned and made unique. Requires `unpacks`.

        Raises `ExtractionError` ``too_large`` for too many files, or too many bytes.
        """
        if self._emit is None:
            raise RuntimeError("packed files are not wanted")
        self._unpacked += len(content)
        if len(self._members) >= self.limits.max_members:
            most = self.limits.max_members
            raise ExtractionError("too_large", f"More than {most:,} files are packed into this one. Split it.")
        if self._unpacked > self.limits.max_unpacked_bytes:
            most = self.limits.max_unpacked_bytes
            raise ExtractionError("too_large", f"The files in it have more than {most / 1e6:,.0f} MB. Split it.")
        path = _unique(member_path(path), self._members)
        self._members.add(path)
        self._emit(path, content_type, content)
        return path

    def add(self, text: str, separator: str = "\n\n") -> None:
        """Append `text` after `separator`. White space alone is ignored."""
        text = clean(text)
        if text and not text.isspace():
            self._append(text.strip("\n"), separator)

    def add_verbatim(self, text: str) -> None:
        """Append `text`, already clean, exactly as it is."""
        if text:
            self._append(text, "")

    def begin_part(self) -> None:
        """Start a part of the text that is added verbatim: apart from what is there already."""
        if self._parts:
            self._put("\n\n")

    def _append(self, text: str, separator: str) -> None:
        if self._parts and separator:
            self._put(separator)
        where = (self._page, " > ".join(title for _, title in self._headings) or None, self._line)
        if not self._starts or self._starts[-1][1:] != where:
            self._starts.append((self._length, *where))
        self._put(text)

    def _put(self, text: str) -> None:
        self._length += len(text)
        if self._length > self.limits.max_text_chars:
            most = self.limits.max_text_chars
            raise ExtractionError("too_large", f"The file holds more than {most:,} characters of text. Split it.")
        self._parts.append(text)

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._parts)

    @property
    def is_empty(self) -> bool:
        """Whether nothing but white space has been added."""
        return all(part.isspace() for part in self._parts)

    def finish(self, content_type: str, title: str | None) -> Extraction:
        """The complete document. Raises `ExtractionError` when it has no text, and none to recognise.

        ``no_text_layer`` says that it has pictures that were not read, ``empty`` that it has none.
        """
        inside = self._inside.places if self.recognises else {}
        if self.is_empty and not self._pictures and not inside:
            if self._inside.places:
                raise ExtractionError("no_text_layer", f"The file holds pictures and no text. {TURN_IT_ON}")
            raise ExtractionError("empty", "The file holds no text.")
        ends = [start for start, *_ in self._starts[1:]] + [self._length]
        segments = tuple(Segment(s[0], end, *s[1:]) for s, end in zip(self._starts, ends, strict=bool(self._starts)))
        self._warn_of_left_out()
        self._warn_of_pictures()
        clean_title = one_line(clean(title or ""))[:_LONGEST_TITLE]
        return Extraction(
            text="".join(self._parts),
            segments=segments,
            content_type=content_type,
            title=clean_title or None,
            warnings=self.warnings,
            pictures=self._pictures or tuple(inside),
            places=() if self._pictures else tuple(inside.values()),
        )
