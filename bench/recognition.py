"""Text recognition (OCR): the share of words that are recognised, and the seconds that a page takes.

    python -m bench recognition --pages 6

Pages of this repository's documentation are drawn at 200 dots per inch, then made worse as scanners do it: grey, with
noise, blurred, and turned by a degree. Each is recognised as an upload is, in a confined process. It requires Tesseract
on this machine.
"""

from __future__ import annotations

import re
import resource
import tempfile
import textwrap
from collections import Counter
from pathlib import Path

from bench.commands import Command, parser
from chalicelib.knowledge.ingestion.extraction import engine, recognition
from tests import make_files

COMMAND = Command(
    "Text recognition: words recognised, seconds a page",
    usual=None,
    smallest=(),
    costs="It requires Tesseract; tests/knowledge/test_recognition.py recognises pages where it is installed.",
)
_LINES, _COLUMNS = 44, 84
_WORD = re.compile(r"\w+")


def pages(most: int) -> list[list[str]]:
    """Lines of plain words from the documentation, a page each."""
    text = " ".join(path.read_text("utf-8") for path in sorted(Path("docs").glob("*.md")))
    prose = " ".join(re.findall(r"[A-Za-z][A-Za-z,.;:'-]* ?", re.sub(r"`[^`]*`|\|.*|\S*[/_<>{}\[\]]\S*", " ", text)))
    lines = textwrap.wrap(prose, _COLUMNS)
    return [lines[start : start + _LINES] for start in range(0, most * _LINES, _LINES)]


def scanned(lines: list[str], *, worse: bool) -> bytes:
    """One page as a PNG; with `worse` grey, noisy, blurred and turned by a degree."""
    import io

    import numpy as np
    from PIL import Image, ImageFilter

    content = make_files.scans(lines, form="PNG")
    if not worse:
        return content
    image = Image.open(io.BytesIO(content)).rotate(1, fillcolor=255).filter(ImageFilter.GaussianBlur(0.8))
    noise = np.random.default_rng(5).normal(0, 18, (image.height, image.width))
    grey = np.clip(np.asarray(image) * 0.75 + 30 + noise, 0, 255).astype("uint8")
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "PNG", dpi=(200, 200))
    return file.getvalue()


def recall(expected: str, text: str) -> float:
    """The share of the words of `expected` that are in `text` as often."""
    expected_words, words = Counter(_WORD.findall(expected.casefold())), Counter(_WORD.findall(text.casefold()))
    return sum((expected_words & words).values()) / expected_words.total()


def _children_seconds() -> float:
    """The processor time of the child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(arguments: list[str]) -> int:
    """Recognise pages and print how much of them was recognised, how fast."""
    options = parser("bench recognition", __doc__)
    options.add_argument("--pages", type=int, default=6)
    options.add_argument("--languages", default="eng")
    chosen = options.parse_args(arguments)
    if not engine.available():
        print("Tesseract is not installed: apt-get install tesseract-ocr")
        return 2
    for name, worse in (("clean", False), ("noisy, blurred, turned", True)):
        shares, sure = [], []
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "page"
            seconds = 0.0
            for lines in pages(chosen.pages):
                path.write_bytes(scanned(lines, worse=worse))
                before = _children_seconds()
                (page,) = recognition.recognise(path, [1], chosen.languages)
                seconds += _children_seconds() - before
                shares.append(recall(" ".join(lines), page.text))
                sure.append(page.confidence)
        print(
            f"{name:24} {sum(shares) / len(shares):.3f} of the words, {sum(sure) / len(sure):.0f} % sure, "
            f"{seconds / len(shares):.1f} s of processor time a page, with the start of a process"
        )
    return 0
