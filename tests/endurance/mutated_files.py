"""Mutated files of every format: each becomes a reason or harmless text, and the process that asked lives on.

    python -m tests.endurance mutated_files --files 2000

Good files of each format are changed at random: bytes flipped, cut or repeated; in packages the bytes of a part, or two
parts swapped. Each is read as an upload is: in a confined process, with limits. The same seed makes the same files. A
line for every hundred files says how far it is; a file with any other end is said at once, kept in the folder KEEP if
that is given, and makes the status 1.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import random
import tarfile
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.commands import Command, parser
from chalicelib.knowledge.ingestion.extraction import ExtractionError, Limits, WorkerError, extract
from tests import make_files, office_files, old_files

COMMAND = Command("Mutated files of every format", smallest=("--files 4",))
_MOST_MEMBERS = Limits().max_members
_FORMS = {"png": "PNG", "jpg": "JPEG", "tif": "TIFF", "webp": "WEBP", "gif": "GIF", "bmp": "BMP"}
_PACKINGS = ("", ".gz", ".bz2", ".xz")
_TABLE = (
    '<office:spreadsheet><table:table table:name="Stock"><table:table-row table:number-rows-repeated="2">'
    '<table:table-cell office:value-type="float" office:value="42" table:number-columns-repeated="3">'
    "<text:p>42</text:p></table:table-cell></table:table-row></table:table></office:spreadsheet>"
)
_SLIDE = (
    '<office:presentation><draw:page draw:name="One"><draw:frame><draw:text-box><text:p>Kiln.</text:p></draw:text-box>'
    "</draw:frame></draw:page></office:presentation>"
)


def good_files() -> dict[str, bytes]:
    """A good file of each format, by name."""
    word = office_files.docx(office_files.paragraph("Kiln nine."))
    picture = make_files.picture_header(300, 200)
    gif = "GIF89a,,,,"  # of a size that may show text, and text itself, as every part of docx_of
    return {
        "a.pdf": make_files.pdf([["One", "Two"], ["Three"]]),
        "form.pdf": office_files.pdf_form(),
        "notes.pdf": office_files.pdf_annotated(),
        "a.docx": make_files.docx(),
        "small.docx": word,
        "a.pptx": make_files.pptx(),
        "a.xlsx": make_files.xlsx(),
        "a.odt": make_files.odt("<text:h>Birds</text:h><text:p>The heron.</text:p>"),
        "a.epub": make_files.epub(),
        "a.eml": make_files.eml(),
        "a.html": make_files.HTML.format(encoding="utf-8").encode(),
        "a.md": make_files.MARKDOWN.encode(),
        "a.csv": b'day;seen\n"Monday";3\nTuesday;"4\n',
        "a.json": b'{"heron": ["grey", 1.10, {"a": null}]}',
        "a.ipynb": b'{"cells": [{"cell_type": "code", "source": "1", "outputs": []}]}',
        "a.rtf": rb"{\rtf1\ansi Gr\'f6\'dfe \u1078?\par\trowd A\cell B\cell\row}",
        "a.mbox": b"From a@b x\nSubject: One\n\nRed.\n\nFrom a@b x\nSubject: Two\n\nBlue.\n",
        "a.ics": b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Visit\nEND:VEVENT\nEND:VCALENDAR\n",
        "a.zip": make_files.archive({"a.txt": "Words.", "b.csv": "a,b\n1,2\n"}),
        "a.ppt": old_files.powerpoint_97(),
        "a.xls": old_files.excel_95(),
        "b.xls": old_files.excel_2(),
        "a.msg": old_files.outlook("Visit", {0x0060: datetime(2026, 5, 19, tzinfo=UTC)}, old_files.COMPRESSED_RTF),
        "tnef.eml": make_files.eml_with("winmail.dat", old_files.tnef({"a.txt": b"Words."})),
        "a.py": b"import os\n\n\nclass Kiln:\n    def fire(self):\n        return 9\n",
        "a.mhtml": b"MIME-Version: 1.0\nContent-Type: multipart/related; boundary=B\n\n--B\n"
        b"Content-Type: text/html\n\n<p>Kiln.</p>\n--B--\n",
        "a.fodt": b'<?xml version="1.0"?><office:document xmlns:office="o" xmlns:text="t" xmlns:d="d" office:mimetype='
        b'"application/vnd.oasis.opendocument.text"><office:body><office:text><text:p>Kiln.<d:image><office:binary-data>'
        + base64.b64encode(picture)
        + b"</office:binary-data></d:image></text:p></office:text></office:body></office:document>",
        "a.xml": b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet>'
        b"<Table><Row><Cell><Data>Valve</Data></Cell></Row></Table></Worksheet></Workbook>",
        "b.doc": b'<?xml version="1.0"?><w:wordDocument xmlns:w="http://schemas.microsoft.com/office/word/2003/wordml">'
        b"<w:body><w:p><w:r><w:t>Kiln.</w:t></w:r></w:p></w:body></w:wordDocument>",
        **{f"a.tar{packing}": _tar({"a.txt": b"Words.", "b.csv": b"a,b\n1,2\n"}, packing) for packing in _PACKINGS},
        "pictures.html": b'<html><body><p>Kiln.</p><img src="data:image/png;base64,%s">' % base64.b64encode(picture),
        "pictures.docx": make_files.docx_of(
            '<w:p><w:r><w:t>Kiln.</w:t><a:blip xmlns:a="a" xmlns:r="r" r:embed="p"/></w:r></w:p>',
            parts={
                "word/_rels/document.xml.rels": office_files.relations(p="image media/p.gif"),
                "word/media/p.gif": gif,
            },
        ),
        **{f"scan.{form}": make_files.scans(["Kiln."], form=_FORMS[form]) for form in _FORMS},
        "scans.pdf": make_files.scans(["Kiln."]),
        "a.doc": old_files.word_97("Gr\u00f6\u00dfe.\rPlant\x07Line\x07\x07", "Nine.\r"),
        "a.xlsb": old_files.xlsb("Valve", 17),
        **{f"a.{kind}": _opendocument(kind) for kind in ("ods", "odp", "odg")},
        "a.fods": _flat("spreadsheet", _TABLE),
        "a.fodp": _flat("presentation", _SLIDE),
        "a.jsonl": b'{"heron": "grey"}\n{"heron": "\\u00f6"}\n',
        "a.log": b"\x1b[31mturbine\x1b[0m over\xe2\x80\x8bspeed\n",
        "a.tsv": b"day\tseen\nMonday\t3\n",
        "utf16.txt": "Kiln nine.".encode("utf-16"),
        "nothing": b"Kiln nine.\n" * 9,
        "a.txt": "Größe und Übermut. ".encode("cp1252") * 5,
    }


def _opendocument(kind: str) -> bytes:
    name = {"ods": "spreadsheet", "odp": "presentation", "odg": "graphics"}[kind]
    body = _TABLE if kind == "ods" else _SLIDE
    return make_files.archive(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{name}",
            "content.xml": f"<office:document-content {make_files.ODF}><office:body>{body}</office:body>"
            "</office:document-content>",
            "META-INF/manifest.xml": "<m/>",
        }
    )


def _flat(name: str, body: str) -> bytes:
    return (
        f'<?xml version="1.0"?><office:document {make_files.ODF} office:mimetype='
        f'"application/vnd.oasis.opendocument.{name}"><office:body>{body}</office:body></office:document>'
    ).encode()


def _tar(files: dict[str, bytes], packing: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=f"w:{packing.removeprefix('.')}") as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def mutated(content: bytes, chance: random.Random) -> bytes:
    """`content` with one to a few changes."""
    if content.startswith(b"PK") and chance.random() < 0.7:
        return _repacked(content, chance)
    for _ in range(chance.choice((1, 1, 2, 5))):
        content = chance.choice(_CHANGES)(content, chance)
    return content


def _flipped(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice((1, 4, 32))):
        if changed:
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _without(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(content) + 1)
    return content[:start] + content[start + chance.randrange(200) :]


def _repeated(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(content) + 1)
    part = content[start : start + chance.randrange(1, 400)]
    return content[:start] + part * chance.choice((2, 20, 200)) + content[start:]


_CHANGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (_flipped, _cut, _without, _repeated)


def _repacked(content: bytes, chance: random.Random) -> bytes:
    """A package with a part changed, or two parts swapped, and its checksums right."""
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        parts = {name: source.read(name) for name in source.namelist()}
    names = list(parts)
    first, second = chance.choice(names), chance.choice(names)
    if chance.random() < 0.3:
        parts[first], parts[second] = parts[second], parts[first]
    else:
        parts[first] = chance.choice(_CHANGES)(parts[first], chance)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        for name, part in parts.items():
            target.writestr(name, part)
    return file.getvalue()


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the file number `number`: ``read``, the code of its refusal, ``crashed``, or ``wrong: …``.

    ``crashed`` is a refusal of a file at which the process that reads it ended, which its limits do by intention alone.
    """

    number: int
    name: str
    content: bytes
    code: str
    seconds: float
    children: int = 0

    @property
    def is_wrong(self) -> bool:
        """Whether it is neither a reason nor harmless text."""
        return self.code.startswith("wrong")


def outcome(path: Path, name: str, *, recognises: bool = False) -> tuple[str, int]:
    """What became of a file, as in `Outcome`, and how many files in it were taken."""
    with tempfile.TemporaryDirectory() as members:
        try:
            result = extract(path, name, None, members_into=Path(members), recognises=recognises)
        except ExtractionError as error:
            if not error.message.endswith("."):
                return f"wrong: {error.message}", 0
            return ("crashed" if "status" in (error.detail or "") and error.code == "corrupt" else error.code), 0
        except WorkerError as error:
            return f"wrong: {error}", 0
        text = result.text
        harmless = (
            len(result.members) <= _MOST_MEMBERS
            and "\x00" not in text
            and all(0 <= part.start <= part.end <= len(text) for part in (*result.segments, *result.places))
        )
        return ("read" if harmless else "wrong: harmful text"), len(result.members)


def run(files: int, seed: int) -> Iterator[Outcome]:
    """Read `files` mutated files, a file of each format in turn."""
    chance = random.Random(seed)
    good = good_files()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        for number in range(files):
            name = list(good)[number % len(good)]
            content = mutated(good[name], chance)
            path.write_bytes(content)
            started = time.monotonic()
            code, children = outcome(path, name, recognises=chance.random() < 0.5)
            yield Outcome(number, name, content, code, time.monotonic() - started, children)


def main(arguments: list[str]) -> int:
    """Read mutated files and print what became of them."""
    options = parser("tests.endurance mutated_files", __doc__)
    options.add_argument("--files", type=int, default=2_000)
    options.add_argument("--seed", type=int, default=20260503)
    options.add_argument("--keep", type=Path, help="a folder for the files with another end than a reason or text")
    chosen = options.parse_args(arguments)
    print(f"{chosen.files:,} files of {len(good_files())} kinds with the seed {chosen.seed}", flush=True)
    started = time.monotonic()
    outcomes: list[Outcome] = []
    for result in run(chosen.files, chosen.seed):
        outcomes.append(dataclasses.replace(result, content=b""))
        if result.is_wrong or result.code in ("crashed", "timed_out"):
            print(f"  {result.name}, number {result.number}: {result.code}", flush=True)
            if chosen.keep:
                chosen.keep.mkdir(parents=True, exist_ok=True)
                (chosen.keep / f"{result.number}-{result.name}").write_bytes(result.content)
        if len(outcomes) % 100 == 0:
            _progress(outcomes, time.monotonic() - started)
    table = Counter((result.name, result.code) for result in outcomes)
    for (name, code), times in sorted(table.items()):
        print(f"{name:14} {code:14} {times:6,}")
    _progress(outcomes, time.monotonic() - started)
    return int(any(result.is_wrong for result in outcomes))


def _progress(outcomes: list[Outcome], seconds: float) -> None:
    codes = Counter("wrong" if result.is_wrong else result.code for result in outcomes)
    slowest = max(outcomes, key=lambda result: result.seconds)
    print(
        f"{len(outcomes):,} files in {seconds:.0f} s: "
        + ", ".join(f"{times:,} {code}" for code, times in codes.most_common())
        + f"; at most {max(result.children for result in outcomes)} children, {slowest.seconds:.1f} s ({slowest.name})",
        flush=True,
    )
