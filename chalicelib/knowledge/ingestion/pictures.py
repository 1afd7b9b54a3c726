"""A document with pictures, some of its pages or inside it: the recognised text in its place, and what to say of it."""

from collections.abc import Mapping
from dataclasses import replace

from chalicelib.knowledge.documents.file_warnings import LONGEST_MESSAGE, MOST_WARNINGS, FileWarning
from chalicelib.knowledge.ingestion.extraction import Extraction, ExtractionError, RecognisedPage
from chalicelib.knowledge.ingestion.extraction.pdf import spans
from chalicelib.knowledge.text.segment import Segment

# More pages with doubtful words than these are named together.
_MOST_DOUBTFUL_PAGES = 8
_MOST_WORDS_NAMED = 8
# A page on which fewer of a hundred words are doubtful is as good as typed.
_DOUBTFUL_SHARE = 0.02


def with_recognised(extraction: Extraction, pages: Mapping[int, RecognisedPage | None], most: int) -> Extraction:
    """`extraction` with the text of its pictures, and with warnings.

    A page's text follows what the page says itself, that of a picture inside the document the paragraph or the table in
    which it stands. `pages` has the first `most` of its pictures; None stands for one that could not be recognised.
    Raises
    `ExtractionError` ``no_text_layer`` when there is no text even so.
    """
    texts = {number: page.text for number, page in pages.items() if page is not None and page.text.strip()}
    if not texts and not extraction.text.strip():
        what = "file holds pictures" if extraction.places else "pages are pictures"
        raise ExtractionError("no_text_layer", f"The {what}, and no text was recognised in them (OCR).")
    text, segments = _joined(extraction, texts)
    own = _warnings_inside if extraction.places else _warnings
    warnings = (*extraction.warnings, *own(extraction, pages, texts, most))
    return replace(extraction, text=text, segments=segments, warnings=warnings[:MOST_WARNINGS], pictures=(), places=())


def _spots(extraction: Extraction, texts: Mapping[int, str]) -> list[tuple[int, int, Segment]]:
    """Where in the text each picture's own belongs, its number, and its place; the last one first."""
    text, places = extraction.text, dict(zip(extraction.pictures, extraction.places, strict=False))
    spots = []
    for number in texts:
        if (place := places.get(number)) is None:
            place = Segment(0, 0, number, None)
            later = (s.start for s in extraction.segments if s.page is not None and s.page > number)
            at = next(later, len(text))
        else:
            end = next((s.end for s in extraction.segments if s.start <= place.start < s.end), len(text))
            at = text.find("\n\n", place.start, end)
            at = end if at < 0 else at
        spots.append((at, number, place))
    # Pages have ascending numbers; pictures inside have numbers without meaning, and stay in their order.
    order = {number: index for index, number in enumerate(extraction.pictures)}
    return sorted(spots, key=lambda spot: (spot[0], order[spot[1]]), reverse=True)


def _joined(extraction: Extraction, texts: Mapping[int, str]) -> tuple[str, tuple[Segment, ...]]:
    """The text with `texts` by page in between, and the segments of both."""
    parts: list[tuple[str, int | None, str | None]] = []
    waiting = _spots(extraction, texts)

    def add(start: int, end: int, segment: Segment) -> None:
        if part := extraction.text[start:end].strip("\n"):
            parts.append((part, segment.page, segment.section))

    def add_picture() -> None:
        _, number, place = waiting.pop()
        parts.append((texts[number].strip(), place.page, place.section))

    for segment in extraction.segments:
        start = segment.start
        while waiting and waiting[-1][0] < segment.end:
            add(start, waiting[-1][0], segment)
            start = waiting[-1][0]
            add_picture()
        add(start, segment.end, segment)
    while waiting:
        add_picture()
    text, segments, end = [], [], 0
    for index, (part, page, section) in enumerate(parts):
        whole = part + ("\n\n" if index < len(parts) - 1 else "")
        segments.append(Segment(end, end + len(whole), page, section))
        text.append(whole)
        end += len(whole)
    return "".join(text), tuple(segments)


def _warnings(
    extraction: Extraction, pages: Mapping[int, RecognisedPage | None], texts: Mapping[int, str], most: int
) -> list[FileWarning]:
    warnings = []
    if texts:
        read = [page for number in sorted(texts) if (page := pages[number]) is not None]
        sure = _sure(read)
        what = "a picture: its text was" if len(texts) == 1 else "pictures: their text was"
        message = f"{_pages(sorted(texts))} {what} recognised (OCR), {sure} % sure."
        warnings.append(FileWarning("text_recognised", message, min(texts)))
        warnings += _doubts(read)
    if nothing := [number for number in sorted(pages) if number not in texts]:
        warnings.append(
            FileWarning("pages_without_text", f"{_pages(nothing)} drawn; no text was recognised.", nothing[0])
        )
    if beyond := list(extraction.pictures[most:]):
        message = f"{_pages(beyond)} not recognised: at most {most:,} pages of a file are. Split it."
        warnings.append(FileWarning("pages_without_text", message, beyond[0]))
    return warnings


def _warnings_inside(
    extraction: Extraction, pages: Mapping[int, RecognisedPage | None], texts: Mapping[int, str], most: int
) -> list[FileWarning]:
    """Warnings about pictures inside a file. One without text is nothing to warn of: most are drawings and photos."""
    warnings = []
    places = dict(zip(extraction.pictures, extraction.places, strict=True))
    read = [page for number in places if number in texts and (page := pages[number]) is not None]
    if read:
        what = f"The text of {_count(len(read))} in the file was recognised (OCR), {_sure(read)} % sure."
        warnings.append(FileWarning("text_recognised", what, places[read[0].page].page))
    if doubtful := [page for page in read if page.doubtful_words > page.words * _DOUBTFUL_SHARE]:
        words = ", ".join([word for page in doubtful for word in page.doubtful][:_MOST_WORDS_NAMED])
        message = f"Words in {_count(len(doubtful))} may be wrong: {words}"
        first = places[doubtful[0].page].page
        warnings.append(FileWarning("words_doubtful", message[: LONGEST_MESSAGE - 1] + ".", first))
    if failed := sum(page is None for page in pages.values()):
        message = f"{_count(failed)} in the file could not be read: damaged, too big, or no machine did it."
        warnings.append(FileWarning("pictures_not_read", message))
    if (beyond := len(extraction.pictures) - most) > 0:
        were = "was" if beyond == 1 else "were"
        message = f"{_count(beyond)} in the file {were} not read: at most {most:,} of a file are. Split it."
        warnings.append(FileWarning("pictures_not_read", message))
    return warnings


def _sure(pages: list[RecognisedPage]) -> int:
    """How sure the engine is of the letters of `pages`, in percent."""
    letters = sum(len(page.text) for page in pages)
    return round(sum(page.confidence * len(page.text) for page in pages) / letters)


def _count(pictures: int) -> str:
    return "1 picture" if pictures == 1 else f"{pictures:,} pictures"


def _doubts(pages: list[RecognisedPage]) -> list[FileWarning]:
    """One warning for each page with doubtful words, and one for all beyond the first such pages."""
    doubtful = [page for page in pages if page.doubtful_words > page.words * _DOUBTFUL_SHARE]
    warnings = []
    for page in doubtful[:_MOST_DOUBTFUL_PAGES]:
        words = ", ".join(page.doubtful[:_MOST_WORDS_NAMED])
        message = f"On page {page.page:,}, {page.doubtful_words:,} of {page.words:,} words may be wrong: {words}"
        warnings.append(FileWarning("words_doubtful", message[: LONGEST_MESSAGE - 1] + ".", page.page))
    if more := [page.page for page in doubtful[_MOST_DOUBTFUL_PAGES:]]:
        warnings.append(FileWarning("words_doubtful", f"Words on pages {spans(more)} may be wrong too.", more[0]))
    return warnings


def _pages(numbers: list[int]) -> str:
    return f"Page {numbers[0]:,} is" if len(numbers) == 1 else f"Pages {spans(numbers)} are"
