"""ZIP archives: the paths of their files as text, and the files that may be documents."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from chalicelib.knowledge.ingestion.extraction.archive import open_archive
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler
from chalicelib.knowledge.ingestion.extraction.decoding import decode
from chalicelib.knowledge.ingestion.extraction.listing import File, list_and_unpack

_UTF8_FLAG = 0x800


def read(path: Path, assembly: TextAssembler) -> None:
    """Read an archive. It has no title."""
    with open_archive(path, assembly.limits) as archive:
        list_and_unpack(_files(archive), path, assembly)


def _files(archive: zipfile.ZipFile) -> Iterator[File]:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    for entry, name in zip(entries, _names(entries), strict=True):
        yield File(name, entry.file_size, lambda entry=entry: archive.read(entry))  # type: ignore[misc]


def _names(entries: list[zipfile.ZipInfo]) -> list[str]:
    """The files' names. Names not marked as UTF-8 share one unknown encoding, that of their packer."""
    raw = [entry.filename.encode("cp437", "replace") for entry in entries if not entry.flag_bits & _UTF8_FLAG]
    guessed = iter(decode(b"\n".join(name.replace(b"\n", b" ") for name in raw)).split("\n"))
    return [entry.filename if entry.flag_bits & _UTF8_FLAG else next(guessed, entry.filename) for entry in entries]
