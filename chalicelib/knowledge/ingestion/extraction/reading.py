"""Reads one file in this process: detects its kind, and calls the module that reads this kind."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol, cast

from chalicelib.knowledge.ingestion.extraction import Extraction, ExtractionError, Limits
from chalicelib.knowledge.ingestion.extraction.assembly import Emit, TextAssembler
from chalicelib.knowledge.ingestion.extraction.kinds import KINDS, supported
from chalicelib.knowledge.ingestion.extraction.pictures_inside import Take
from chalicelib.knowledge.ingestion.extraction.sniffing import sniff


class Reader(Protocol):
    """A module that reads one kind of file."""

    def read(self, path: Path, assembly: TextAssembler) -> str | None:
        """Add the text of the file at `path` to `assembly`, and return its title.

        Raises `ExtractionError`; any other exception means a damaged file.
        """


def read(
    path: Path,
    filename: str,
    declared_type: str | None,
    limits: Limits,
    emit: Emit | None = None,
    *,
    recognises: bool = False,
    take_picture: Take | None = None,
) -> Extraction:
    """Read the file at `path` by its kind, and pass the files in it to `emit`, if given.

    With `recognises`, pages that are pictures and pictures inside the file are named in the result, for
    `recognition.recognise`. `take_picture` receives the latter.

    It has no limits on time and memory: `extraction.extract` sets them.
    """
    name = sniff(path, filename, declared_type, limits)
    kind = KINDS[name]
    if kind.module is None:
        advice = kind.advice or f"Supported kinds: {supported()}."
        raise ExtractionError("unsupported", f"This kind of file is not supported: {kind.label}. {advice}")
    assembly = TextAssembler(limits, name, emit, recognises=recognises, take_picture=take_picture)
    title = cast("Reader", importlib.import_module(f"{__package__}.{kind.module}")).read(path, assembly)
    return assembly.finish(kind.content_type, title)
