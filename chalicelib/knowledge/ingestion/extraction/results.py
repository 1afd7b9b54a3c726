"""What reading a file comes to: text and its places, or an error; and the limits that it is read within."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from chalicelib.knowledge.documents.file_warnings import FileWarning
from chalicelib.knowledge.documents.sizes import MAX_UPLOAD_BYTES
from chalicelib.knowledge.text.segment import Segment

ErrorCode = Literal["encrypted", "no_text_layer", "corrupt", "empty", "too_large", "unsupported", "timed_out"]


@dataclass(frozen=True, slots=True)
class ArchiveMember:
    """A file from an archive or e-mail: its path there, unique and without ``..``, and where its bytes are now.

    ``content_type`` is the type that the packer declared, if any.
    """

    path: str
    content_type: str | None
    file: Path
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Extraction:
    """The result: text with ``\\n`` line ends and no control characters but tab and line end, and its segments.

    ``content_type`` is the media type by the content, which can differ from the declared one. ``warnings`` say what of
    the file is not in the text. ``pictures`` are numbers of pictures whose text is to be recognised: pages, from 1, or
    pictures inside the file, of which ``places`` then has as many places in the text. A file of pictures alone has no
    text.
    """

    text: str
    segments: tuple[Segment, ...]
    content_type: str
    title: str | None
    members: tuple[ArchiveMember, ...] = ()
    warnings: tuple[FileWarning, ...] = ()
    pictures: tuple[int, ...] = ()
    places: tuple[Segment, ...] = ()


@dataclass(frozen=True, slots=True)
class RecognisedPage:
    """What text recognition (OCR) saw on a page: its text, "" where there is none, and how sure it is.

    ``confidence`` is in percent. ``doubtful_words`` counts the words that are probably wrong, ``doubtful`` has the
    first of them.
    """

    page: int
    text: str
    words: int
    confidence: int
    doubtful_words: int
    doubtful: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one file. ``seconds`` is processor time; twice as much may pass, as on a busy machine."""

    seconds: float = 25.0
    memory_bytes: int = 1 << 30
    max_input_bytes: int = MAX_UPLOAD_BYTES
    max_text_chars: int = 20_000_000
    max_pages: int = 20_000
    max_archive_entries: int = 20_000
    max_members: int = 200
    max_unpacked_bytes: int = 256 << 20
    max_unpacked_ratio: int = 200

    @property
    def elapsed_seconds(self) -> float:
        """How long reading may last."""
        return 2 * self.seconds


class ExtractionError(Exception):
    """A file that cannot be read, with a stable ``code`` and a sentence for the user who uploaded it.

    ``detail`` is for logs: the reader's error, or how the reader ended.
    """

    def __init__(self, code: ErrorCode, message: str, detail: str | None = None) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.message = message
        self.detail = detail


class WorkerError(RuntimeError):
    """The worker did not start, or was killed. The file is not the cause, so a retry is appropriate."""
