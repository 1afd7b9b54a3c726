"""Time and memory of reading a big file of each format, as an upload is read: in a confined process, with limits.

    python -m bench formats --only xlsx

The files are made here: a workbook of 100,000 rows of ten cells, a PDF of 1,000 pages, and others of like size. Time is
the processor's, memory the peak of the process that reads.
"""

from __future__ import annotations

import io
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands import Command, parser
from chalicelib.knowledge.ingestion.extraction import ExtractionError, extract
from tests import make_files, office_files

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue

COMMAND = Command(
    "Time and memory of big files by format",
    usual=None,
    smallest=("--only csv --share 0.01",),
)
_SENTENCE = "The coolant pump of hall {0} is inspected every {1} days, and its seal is replaced when it leaks."


def _sentences(count: int) -> list[str]:
    return [_SENTENCE.format(number, number % 97 + 3) for number in range(count)]


def _xlsx(share: float) -> bytes:
    from xlsxwriter import Workbook  # type: ignore[import-untyped]

    file = io.BytesIO()
    with Workbook(file, {"constant_memory": True}) as book:
        sheet, percent = book.add_worksheet("Readings"), book.add_format({"num_format": "0.0%"})
        for row in range(int(100_000 * share)):
            for column in range(5):
                sheet.write_number(row, column, row / (column + 7), percent)
                sheet.write_string(row, column + 5, f"Valve {row % 500}-{column}")
    return file.getvalue()


def _docx(share: float) -> bytes:
    return office_files.docx("".join(map(office_files.paragraph, _sentences(int(20_000 * share)))))


def _pptx(share: float) -> bytes:
    shapes = "".join(office_files.shape(text, top=place) for place, text in enumerate(_sentences(int(20_000 * share))))
    return office_files.pptx(shapes)


FILES: dict[str, Callable[[float], bytes]] = {
    "xlsx": _xlsx,
    "pdf": lambda share: make_files.pdf([_sentences(44)] * int(1_000 * share)),
    "docx": _docx,
    "pptx": _pptx,
    "odt": lambda share: make_files.odt("".join(f"<text:p>{t}</text:p>" for t in _sentences(int(50_000 * share)))),
    "csv": lambda share: "\n".join(f"{n};Valve {n % 500};{n / 7:.3f}" for n in range(int(300_000 * share))).encode(),
    "html": lambda share: "".join(f"<p>{text}</p>" for text in _sentences(int(50_000 * share))).encode(),
    "txt": lambda share: "\n\n".join(_sentences(int(100_000 * share))).encode(),
    "eml": lambda share: make_files.eml_with("a.txt", b"Words.", "\n".join(_sentences(int(50_000 * share)))),
}


def _measure(name: str, content: bytes, results: SimpleQueue[tuple[str, float, float, int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "object"
        path.write_bytes(content)
        members = Path(folder) / "members"
        members.mkdir()
        started = time.perf_counter()
        try:
            result = extract(path, f"a.{name}", None, members_into=members)
            outcome, chars = "read", len(result.text)
        except ExtractionError as error:
            outcome, chars = error.code, 0
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = used.ru_utime + used.ru_stime
        results.put((outcome, time.perf_counter() - started, seconds, used.ru_maxrss // 1024, chars))


def main(arguments: list[str]) -> int:
    """Read one big file of each format and print what it took."""
    options = parser("bench formats", __doc__)
    options.add_argument("--only", choices=list(FILES))
    options.add_argument("--share", type=float, default=1.0, help="of the files' usual size")
    chosen = options.parse_args(arguments)
    spawn = multiprocessing.get_context("spawn")
    print(f"{'format':7} {'file, MB':>9} {'text, MB':>9} {'processor, s':>13} {'elapsed, s':>11} {'memory, MB':>11}")
    for name in [chosen.only] if chosen.only else FILES:
        content = FILES[name](chosen.share)
        results = spawn.SimpleQueue()
        process = spawn.Process(target=_measure, args=(name, content, results))
        process.start()
        outcome, elapsed, seconds, megabytes, chars = results.get()
        process.join()
        print(
            f"{name:7} {len(content) / 1e6:9.1f} {chars / 1e6:9.1f} {seconds:13.1f} {elapsed:11.1f} {megabytes:11,}"
            + ("" if outcome == "read" else f"  {outcome}")
        )
    return 0
