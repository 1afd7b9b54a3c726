"""Mutated files of every format: each becomes a reason or harmless text, and the process that asked lives on.

    python -m tests.endurance mutated_files --files 2000

The good files of tests/make_files.py are changed at random: bytes flipped, cut or repeated; in packages the bytes of a
part, or two parts swapped. Each is read as an upload is: in a confined process, with limits. The seed is printed, and
the same seed makes the same files.
"""

from __future__ import annotations

import base64
import io
import random
import tarfile
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench.commands import Command, parser
from chalicelib.knowledge.ingestion.extraction import ExtractionError, Limits, extract
from tests import make_files, office_files, old_files

COMMAND = Command("Mutated files of every format", smallest=("--files 4",))
_MOST_MEMBERS = Limits().max_members


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
        "a.tar": _tar({"a.txt": b"Words.", "b.csv": b"a,b\n1,2\n"}),
        "pictures.html": b'<html><body><p>Kiln.</p><img src="data:image/png;base64,%s">' % base64.b64encode(picture),
        "pictures.docx": make_files.docx_of(
            '<w:p><w:r><w:t>Kiln.</w:t><a:blip xmlns:a="a" xmlns:r="r" r:embed="p"/></w:r></w:p>',
            parts={
                "word/_rels/document.xml.rels": office_files.relations(p="image media/p.gif"),
                "word/media/p.gif": gif,
            },
        ),
        "scan.png": picture,
        "a.txt": "Größe und Übermut. ".encode("cp1252") * 5,
    }


def _tar(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
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


def outcome(path: Path, name: str, *, recognises: bool = False) -> str:
    """What became of a file: ``read`` or the code of its refusal. AssertionError for anything else."""
    with tempfile.TemporaryDirectory() as members:
        try:
            result = extract(path, name, None, members_into=Path(members), recognises=recognises)
        except ExtractionError as error:
            assert error.message.endswith("."), error.message
            return error.code
        assert len(result.members) <= _MOST_MEMBERS
        assert "\x00" not in result.text
        assert all(0 <= s.start <= s.end <= len(result.text) for s in result.segments)
        return "read"


def run(files: int, seed: int) -> Counter[tuple[str, str]]:
    """Read `files` mutated files; how often which outcome, by format."""
    chance = random.Random(seed)
    good = good_files()
    outcomes: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        for number in range(files):
            name = list(good)[number % len(good)]
            path.write_bytes(mutated(good[name], chance))
            outcomes[name, outcome(path, name, recognises=chance.random() < 0.5)] += 1
    return outcomes


def main(arguments: list[str]) -> int:
    """Read mutated files and print what became of them."""
    options = parser("tests.endurance mutated_files", __doc__)
    options.add_argument("--files", type=int, default=2_000)
    options.add_argument("--seed", type=int, default=20260503)
    chosen = options.parse_args(arguments)
    started = time.monotonic()
    outcomes = run(chosen.files, chosen.seed)
    for (name, code), times in sorted(outcomes.items()):
        print(f"{name:12} {code:14} {times:6,}")
    print(f"{chosen.files:,} files with the seed {chosen.seed} in {time.monotonic() - started:.0f} s")
    return 0
