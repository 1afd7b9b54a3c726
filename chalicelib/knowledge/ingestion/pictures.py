"""A document whose pages are partly pictures: the recognised text in its place, and what to say about it."""

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
    """`extraction` with the text of its pictures, each page's after what the page says itself, and with warnings.

    `pages` has the first `most` of its pictures; None stands for a page that could not be recognised. Raises
    `ExtractionError` ``no_text_layer`` when there is no text even so.
    """
    texts = {number: page.text for number, page in pages.items() if page is not None and page.text.strip()}
    if not texts and not extraction.text.strip():
        raise ExtractionError("no_text_layer", "The pages are pictures, and no text was recognised in them (OCR).")
    text, segments = _joined(extraction, texts)
    warnings = (*extraction.warnings, *_warnings(extraction.pictures, pages, texts, most))
    return replace(extraction, text=text, segments=segments, warnings=warnings[:MOST_WARNINGS], pictures=())


def _joined(extraction: Extraction, texts: Mapping[int, str]) -> tuple[str, tuple[Segment, ...]]:
    """The text with `texts` by page in between, and the segments of both."""
    parts: list[tuple[str, int | None, str | None]] = []
    waiting = sorted(texts.items(), reverse=True)
    for segment in extraction.segments:
        while waiting and segment.page is not None and segment.page > waiting[-1][0]:
            number, recognised = waiting.pop()
            parts.append((recognised.strip(), number, None))
        parts.append((extraction.text[segment.start : segment.end].strip("\n"), segment.page, segment.section))
    parts += [(recognised.strip(), number, None) for number, recognised in reversed(waiting)]
    text, segments, end = [], [], 0
    for index, (part, page, section) in enumerate(parts):
        whole = part + ("\n\n" if index < len(parts) - 1 else "")
        segments.append(Segment(end, end + len(whole), page, section))
        text.append(whole)
        end += len(whole)
    return "".join(text), tuple(segments)


def _warnings(
    pictures: tuple[int, ...], pages: Mapping[int, RecognisedPage | None], texts: Mapping[int, str], most: int
) -> list[FileWarning]:
    warnings = []
    if texts:
        read = [page for number in sorted(texts) if (page := pages[number]) is not None]
        letters = sum(len(page.text) for page in read)
        sure = round(sum(page.confidence * len(page.text) for page in read) / letters)
        what = "a picture: its text was" if len(texts) == 1 else "pictures: their text was"
        message = f"{_pages(sorted(texts))} {what} recognised (OCR), {sure} % sure."
        warnings.append(FileWarning("text_recognised", message, min(texts)))
        warnings += _doubts(read)
    if nothing := [number for number in sorted(pages) if number not in texts]:
        warnings.append(
            FileWarning("pages_without_text", f"{_pages(nothing)} drawn; no text was recognised.", nothing[0])
        )
    if beyond := list(pictures[most:]):
        message = f"{_pages(beyond)} not recognised: at most {most:,} pages of a file are. Split it."
        warnings.append(FileWarning("pages_without_text", message, beyond[0]))
    return warnings


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
