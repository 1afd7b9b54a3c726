"""One file in this process: find out what it is, and give it to the module that reads its kind."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol, cast

from chalicelib.knowledge.extraction import Extraction, ExtractionError, Limits
from chalicelib.knowledge.extraction.assembly import Assembly
from chalicelib.knowledge.extraction.kinds import KINDS, supported
from chalicelib.knowledge.extraction.sniffing import sniff


class Reader(Protocol):
    """A module that reads one kind of file."""

    def read(self, path: Path, assembly: Assembly) -> str | None:
        """Add what the file at `path` says to `assembly`, and return its title.

        Raises `ExtractionError`; anything else that it raises means a damaged file.
        """


def read(path: Path, filename: str, declared_type: str | None, limits: Limits) -> Extraction:
    """Read the file at `path` by what it is. Runs without bounds of its own: `extraction.extract` sets them."""
    kind = KINDS[sniff(path, filename, declared_type, limits)]
    if kind.module is None:
        raise ExtractionError(
            "unsupported", f"The file is of a kind that is not read: {kind.label}. Read are {supported()}."
        )
    assembly = Assembly(limits)
    title = cast("Reader", importlib.import_module(f"{__package__}.{kind.module}")).read(path, assembly)
    return assembly.finish(kind.content_type, title)
