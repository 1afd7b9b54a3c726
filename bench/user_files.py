"""Files as their users have them: is every word that a person sees in the text?

    python -m bench user_files FOLDER

FOLDER holds small files, each of which shows one kind of fault; the table below says what is right about each. Every
file is read as an upload is: in a confined process, with its limits. A file in the folder that the table does not name
is only said to be read or refused. The status is 1 where something is missing.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.commands import Command, parser
from chalicelib.knowledge.ingestion.extraction import Extraction, ExtractionError, extract

COMMAND = Command(
    "Every word of files as their users have them",
    usual=None,
    smallest=(),
    costs="It requires a folder with the files; tests/knowledge/test_formats.py makes files of the same kinds.",
)


@dataclass(frozen=True)
class Expected:
    """What is right about a file.

    `present` and `absent` are parts of the text with single spaces, `once` stands in it exactly once, `refused` is one
    of these codes or a part of the sentence, `warned` a code of its warnings (of several, one), `children` are parts of
    the members' names.
    """

    present: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    once: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    kind: str = ""
    most_chars: int | None = None


_KESTREL = ("Kestrel Works | L1", "Kestrel Works | L2", "Kestrel Works | L3")
FILES: dict[str, Expected] = {
    "pdf-form-filled.pdf": Expected(("Silver Heron", "Berth 47", "Insured: \u2612")),
    "pdf-annotations.pdf": Expected(("Fee was lowered to 250 crowns", "Brannock", "ask the notary before signing")),
    "pdf-mixed-scan.pdf": Expected(warned=("pages_without_text", "text_recognised")),
    "pdf-attachment.pdf": Expected(children=(".",)),
    "pdf-ot1-accents.pdf": Expected(("G\u00f6del", "Poincar\u00e9", "K\u00f6nig")),
    "pdf-hyphens.pdf": Expected(("long-term", "well-known", "dual-purpose", "X-ray", "heat-treatment", "delivered")),
    "docx-header-footer.docx": Expected(
        once=("Contract no. KX-2291 \u2014 Tarn Valley Water", "Valid until 30 June 2031"),
    ),
    "docx-numbered-clauses.docx": Expected(
        ("1. Term", "1.1 The lease runs nine years.", "2.2 Late rent carries interest of four per cent."),
    ),
    "docx-details.docx": Expected(
        ("10^6", "m^2", "\u2612", "Depot: Aberdeen", "1/12", "\u6771\u4eac", *_KESTREL[1:]),
        ("Old price", "SECRET-HIDDEN-NOTE"),
    ),
    "docx-comment.docx": Expected(("Brannock",)),
    "xlsx-backslash.xlsx": Expected(kind="spreadsheetml"),
    "pptx-chart-order-hidden.pptx": Expected(("31200", "14800", "9900")),
    "xlsx-formats.xlsx": Expected(
        ("15.3%", "\u20ac1,250,000", "00042", "4539148803436467", "26:30"), ("4539148803436467.0",)
    ),
    "xlsx-merged-hidden.xlsx": Expected(("hidden",)),
    "xlsx-stray-cell.xlsx": Expected(("The pump list is on page two", "x"), most_chars=400),
    "export-tsv.xls": Expected((" | ",)),
    "export-2003.xls": Expected((" | ",)),
    "csv-semicolon-lists.csv": Expected(("id | ready | tags | codes | price | group",)),
    "csv-stray-quote.csv": Expected(('valve | "2 inch | 14', "clamp | 1 inch | 7")),
    "csv-sep-line.csv": Expected(("Ada Brook | Leeds",), ("sep=",)),
    "csv-turkish-cp1254.csv": Expected(("I\u015f\u0131l \u015eahin",)),
    "csv-dos-cp850.csv": Expected(("K\u00f6ln", "J\u00fcrgen Gro\u00df")),
    "txt-russian-cp866.txt": Expected(("\u0430",), warned=("encoding_guessed",)),
    "txt-utf8-one-bad.txt": Expected(
        ("M\u00fcller sah \u00fcber die Br\u00fccke. \ufffd Gr\u00f6\u00dfe ge\u00e4ndert.",)
    ),
    "log-ansi.log": Expected(("turbine", "overspeed"), ("[31m",)),
    "jsonl-escaped.jsonl": Expected(("\u00f6ffnet", "K\u00f6ln", "\u4ed3\u5e93"), ("\\u00f6",)),
    "notebook.ipynb": Expected(absent=("base64", "iVBOR")),
    "html-accordion.html": Expected(
        (
            "Who repairs the north lift?",
            "When is the pool cleaned?",
            "Every Tuesday at dawn",
            "parking costs nine crowns",
        )
    ),
    "html-sup-rowspan.html": Expected(
        ("10^6 N", "m^2", *_KESTREL[1:], "1. Open valve", "2. Wait", "40 m deep", "hall rent", "Wiring plan")
    ),
    "xhtml-selfclosing.xhtml": Expected(("Orchard rules", "The gate of the orchard closes at dusk.")),
    "epub-selfclosing-title.epub": Expected(),
    "epub-opf-doctype.epub": Expected(),
    "epub-no-mimetype.epub": Expected(kind="epub"),
    "eml-placeholder-plain.eml": Expected(("pump contract",)),
    "eml-apple-mail-attachment.eml": Expected(("Please answer by Friday noon.",), children=("minutes.csv",)),
    "eml-invite.eml": Expected(("North quarry, gate two", "east wall", "2026-05-19 12:30")),
    "eml-pgp-encrypted.eml": Expected(refused=("encrypted",)),
    "mail.mbox": Expected(children=(".eml", ".eml", ".eml")),
    "page.mhtml": Expected(absent=("function", "{")),
    "flat.fodt": Expected(kind="opendocument"),
    "letter.pages": Expected(refused=("Apple Pages", "PDF or Word")),
    "xlsx-two-header-rows.xlsx": Expected(("2025 Plan | 2025 Actual | 2026 Plan | 2026 Actual",)),
}


def main(arguments: list[str]) -> int:
    """Read every file of the folder and report what is not right."""
    options = parser("bench user_files", __doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--show", metavar="PART", help="print the text of the files with this in their names")
    chosen = options.parse_args(arguments)
    wrong = 0
    for path in sorted(file for file in chosen.folder.rglob("*") if file.is_file() and file.name != "README.md"):
        started = time.perf_counter()
        problems = list(_problems(path, chosen.show))
        wrong += bool(problems)
        print(
            f"{'ok ' if not problems else 'BAD'} {time.perf_counter() - started:5.2f} s  {path.name}",
            *problems,
            sep="\n      ",
        )
    print(f"{wrong} files are not read as they should be")
    return int(wrong > 0)


def _problems(path: Path, show: str | None) -> Iterator[str]:
    expected = FILES.get(path.name, Expected())
    with tempfile.TemporaryDirectory() as members:
        try:
            result = extract(path, path.name, None, members_into=Path(members))
        except ExtractionError as error:
            if show and show in path.name:
                print(error.code, error.message, error.detail)
            if not any(part in f"{error.code} {error.message}" for part in expected.refused):
                yield f"refused: {error.code}: {error.message} {error.detail or ''}"
            return
    if show and show in path.name:
        _print(result)
    if expected.refused:
        yield "read, and should be refused"
    yield from _compared(result, expected)


def _print(result: Extraction) -> None:
    print(f"--- {result.content_type} {result.title!r}")
    print(result.text[:6000])
    for segment in result.segments[:40]:
        print("   ", segment.start, segment.end, segment.page, segment.section)
    for warning in result.warnings:
        print("   ", warning)
    for member in result.members:
        print("   ", member.path, member.size)
    print("---")


def _compared(result: Extraction, expected: Expected) -> Iterator[str]:
    text = " ".join(result.text.split())
    yield from (f"lacks {part!r}" for part in expected.present if part not in text)
    yield from (f"has {part!r}" for part in expected.absent if part in text)
    yield from (f"has {part!r} {text.count(part)} times" for part in expected.once if text.count(part) != 1)
    codes = [warning.code for warning in result.warnings]
    if expected.warned and not set(codes) & set(expected.warned):
        yield f"warns of {codes or 'nothing'}"
    names = [member.path for member in result.members]
    if expected.children and (
        len(names) < len(expected.children)
        or any(not any(part in name for name in names) for part in expected.children)
    ):
        yield f"has the children {names}"
    if expected.kind not in result.content_type:
        yield f"is {result.content_type}"
    if expected.most_chars is not None and len(result.text) > expected.most_chars:
        yield f"has {len(result.text):,} characters"
