"""One file in this process: find out what it is, and give it to the module that reads its kind."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol, cast

from chalicelib.knowledge.ingestion.extraction import Extraction, ExtractionError, Limits
from chalicelib.knowledge.ingestion.extraction.assembly import Emit, TextAssembler
from chalicelib.knowledge.ingestion.extraction.kinds import KINDS, supported
from chalicelib.knowledge.ingestion.extraction.sniffing import sniff


class Reader(Protocol):
    """A module that reads one kind of file."""

    def read(self, path: Path, assembly: TextAssembler) -> str | None:
        """Add what the file at `path` says to `assembly`, and return its title.

        Raises `ExtractionError`; anything else that it raises means a damaged file.
        """


def read(path: Path, filename: str, declared_type: str | None, limits: Limits, emit: Emit | None = None) -> Extraction:
    """Read the file at `path` by what it is, and give what is packed into it to `emit`, or leave it.

    Runs without bounds of its own: `extraction.extract` sets them.
    """
    name = sniff(path, filename, declared_type, limits)
    kind = KINDS[name]
    if kind.module is None:
        raise ExtractionError(
            "unsupported", f"The file is of a kind that is not read: {kind.label}. Read are {supported()}."
        )
    assembly = TextAssembler(limits, name, emit)
    title = cast("Reader", importlib.import_module(f"{__package__}.{kind.module}")).read(path, assembly)
    return assembly.finish(kind.content_type, title)
