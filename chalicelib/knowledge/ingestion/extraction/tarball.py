"""TAR archives, compressed or not: listed like every archive, read in one pass and never unpacked to a disk."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

from chalicelib.knowledge.ingestion.extraction import ExtractionError
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler
from chalicelib.knowledge.ingestion.extraction.listing import File, list_and_unpack


def read(path: Path, assembly: TextAssembler) -> None:
    """Read an archive. It has no title."""
    try:
        with tarfile.open(path, "r|*", encoding="utf-8", errors="surrogateescape") as archive:
            list_and_unpack(_files(archive, assembly), path, assembly)
    except (tarfile.TarError, EOFError) as error:
        raise ExtractionError("corrupt", "The file is damaged: its archive cannot be read.", repr(error)) from error


def _files(archive: tarfile.TarFile, assembly: TextAssembler) -> Iterator[File]:
    """Plain files only: links, devices and other entries can refer to places outside the archive."""
    unpacked = 0
    for number, entry in enumerate(archive):
        unpacked += entry.size
        # Everything before a file must be unpacked to reach it, so everything counts.
        if unpacked > assembly.limits.max_unpacked_bytes or number >= assembly.limits.max_archive_entries:
            raise ExtractionError(
                "too_large", f"The file is an archive that unpacks to more than {unpacked / 1e6:,.0f} MB, or too many."
            )
        if entry.isreg():
            yield File(entry.name, entry.size, lambda entry=entry: _content(archive, entry))  # type: ignore[misc]


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(entry)
    return file.read() if file else b""
