"""Text recognition (OCR) of an untrusted file's pages: by the confined worker, page by page, each bounded in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from chalicelib.knowledge.ingestion.extraction import (
    ExtractionError,
    Limits,
    RecognisedPage,
    engine,
    raise_refusal,
    working,
)

# A full page of A4 at 300 dots per inch takes some seconds.
PAGE_SECONDS = 60.0
_START_SECONDS = 20.0


def available() -> bool:
    """Whether this machine recognises text."""
    return engine.available()


def recognise(
    path: Path,
    pages: Sequence[int],
    languages: str,
    limits: Limits = Limits(),  # noqa: B008 - it is frozen
    page_seconds: float = PAGE_SECONDS,
    *,
    filename: str = "",
    declared_type: str | None = None,
) -> Iterator[RecognisedPage]:
    """What is on the `pages` (from 1) of the PDF or picture at `path`, one after the other, as they are recognised.

    Of another file they are the numbers of pictures inside it; name and type are those with which it was read.
    `languages` are Tesseract's names, as in `eng+deu`. Raises `ExtractionError` for the first page that has not been
    returned: it is damaged, or requires more memory or time than is allowed; `WorkerError` when the worker fails for
    another reason, such as an engine without these languages.
    """
    bounded = replace(limits, seconds=_START_SECONDS + page_seconds * len(pages))
    request = {
        "path": str(path.resolve()),
        "filename": filename[-255:],
        "declared_type": declared_type and declared_type[:255],
        "pages": list(pages),
        "languages": languages,
    }
    with working(request, bounded) as answer:
        answer.allow(_START_SECONDS + page_seconds)
        for page in pages:
            header = answer.header()
            raise_refusal(header)
            if header["page"] != page or header["bytes"] > limits.max_text_chars * 4:
                raise ExtractionError("corrupt", "The page cannot be recognised.", f"output bound: {page}")
            yield RecognisedPage(
                page=page,
                text=answer.take(int(header["bytes"])).decode(),
                words=int(header["words"]),
                confidence=int(header["confidence"]),
                doubtful_words=int(header["doubtful_words"]),
                doubtful=tuple(map(str, header["doubtful"])),
            )
            answer.allow(page_seconds)
