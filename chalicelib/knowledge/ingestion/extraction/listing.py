"""Archives of all formats: the paths of their files as text, and those files that may contain text."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from chalicelib.knowledge.ingestion.extraction import ExtractionError
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, member_path
from chalicelib.knowledge.ingestion.extraction.kinds import supported
from chalicelib.knowledge.ingestion.extraction.pictures_inside import may_show_text
from chalicelib.knowledge.ingestion.extraction.sniffing import may_hold_text

_HEAD_BYTES = 1 << 12
# Folders and files of operating systems and version control.
_LEFTOVERS = frozenset({"__MACOSX", ".git", ".svn", ".hg", ".DS_Store", "Thumbs.db", "desktop.ini"})


@dataclass(frozen=True, slots=True)
class File:
    """A file in an archive; `read` unpacks it, once, and before the next file is read."""

    path: str
    size: int
    read: Callable[[], bytes]


def add_file(assembly: TextAssembler, path: str, content: bytes | None, content_type: str | None = None) -> str:
    """Emit a packed file that may contain text, or count it as left out; returns its path for display.

    `content` is None where it cannot be read.
    """
    if content and assembly.unpacks and may_hold_text(path, content_type, content[:_HEAD_BYTES]):
        return assembly.member(path, content_type, content)
    assembly.leave_out(path)
    return member_path(path)


def list_and_unpack(files: Iterable[File], path: Path, assembly: TextAssembler) -> None:
    """Add the paths of `files`, in order, and emit the files that may contain text. `path` is the archive's own.

    Raises `ExtractionError`: ``too_large`` when the archive is nested too deeply or contains itself; ``empty`` when no
    file has bytes; ``unsupported`` when no file is of a kind that is read.
    """
    if not assembly.unpacks:
        raise ExtractionError(
            "too_large", "The archive lies inside others, deeper than is unpacked. Upload it for itself."
        )
    with path.open("rb") as own:
        digest, size = hashlib.file_digest(own, "sha256").digest(), path.stat().st_size
    lines, used_chars = [], 0
    for file in files:
        if not file.size or not _LEFTOVERS.isdisjoint(file.path.replace("\\", "/").split("/")):
            continue
        content = file.read()
        if len(content) == size and hashlib.sha256(content).digest() == digest:
            raise ExtractionError("too_large", "The archive contains itself, and would unpack without end.")
        is_text = may_hold_text(file.path, None, content[:_HEAD_BYTES])
        is_text = is_text or (assembly.recognises and may_show_text(content))
        if not is_text:
            assembly.leave_out(file.path)
        lines.append(assembly.member(file.path, None, content) if is_text else member_path(file.path))
        used_chars += is_text
    if not lines:
        raise ExtractionError("empty", "The archive holds no file that has bytes.")
    if not used_chars:
        raise ExtractionError(
            "unsupported", f"The archive contains no file of a supported kind. Supported kinds: {supported()}."
        )
    assembly.add("\n".join(lines))
