"""Formats that are ZIP archives of XML: opened only when their unpacked size is bounded, parsed without entities."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Collection, Iterator
from html.entities import entitydefs as html5
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

from chalicelib.knowledge.ingestion.extraction import ExtractionError, Limits

_ENCRYPTED_FLAG = 0x1
# Small archives may have any ratio: a sheet of equal rows packs a thousandfold.
_RATIO_FROM_BYTES = 32 << 20


def open_archive(path: Path, limits: Limits) -> zipfile.ZipFile:
    """The archive at `path`, after a check of its directory and before anything is unpacked.

    `zipfile` unpacks no more than the sizes in the directory, so these sizes are reliable limits. Raises
    `ExtractionError` ``corrupt``, ``encrypted`` or ``too_large``.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ExtractionError("corrupt", "The file is damaged: its archive cannot be opened.", repr(error)) from error
    try:
        _check(archive, path.stat().st_size, limits)
    except BaseException:
        archive.close()
        raise
    return archive


def _check(archive: zipfile.ZipFile, packed: int, limits: Limits) -> None:
    entries = archive.infolist()
    if len(entries) > limits.max_archive_entries:
        raise ExtractionError("too_large", f"The file is an archive of {len(entries):,} parts, more than are read.")
    unpacked = sum(entry.file_size for entry in entries)
    dense = unpacked > _RATIO_FROM_BYTES and unpacked > packed * limits.max_unpacked_ratio
    if unpacked > limits.max_unpacked_bytes or dense:
        raise ExtractionError(
            "too_large", f"The file unpacks to {unpacked / 1e6:,.0f} MB from {packed / 1e6:.1f} MB, more than is read."
        )
    if any(entry.flag_bits & _ENCRYPTED_FLAG for entry in entries):
        raise ExtractionError("encrypted", "The file is locked by a password. Remove the password and upload it again.")


def read_part(archive: zipfile.ZipFile, name: str, most: int = -1) -> bytes | None:
    """The bytes of one part, at most `most`, or None when it does not exist.

    Some programs write backslashes between folders, a slash before them, or names in other letters (ECMA-376 part 2,
    6.2.2.3: names are equal without regard to case).
    """
    stream = open_part(archive, name)
    if stream is None:
        return None
    with stream:
        return stream.read(most)


def open_part(archive: zipfile.ZipFile, name: str) -> IO[bytes] | None:
    """One part, opened, or None when it does not exist."""
    entry = archive.NameToInfo.get(name)
    if entry is None:
        plain_name = _plain(name)
        entry = next((other for other in archive.infolist() if _plain(other.filename) == plain_name), None)
    return None if entry is None else archive.open(entry)


def _plain(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()


def parse_part(archive: zipfile.ZipFile, name: str) -> ElementTree.Element | None:
    """One part as XML, or None when it does not exist. Raises `ExtractionError` ``corrupt`` for bad XML."""
    data = read_part(archive, name)
    return None if data is None else parse_xml(data)


def parse_xml(data: bytes) -> ElementTree.Element:
    """The root of an XML document. Declarations of entities are refused; a document type alone is never fetched."""
    if b"<!ENTITY" in data or b"<\x00!\x00E\x00N\x00T" in data or b"\x00<\x00!\x00E\x00N\x00T" in data:
        raise ExtractionError("corrupt", "The file declares entities in an XML document type, which is refused.")
    parser = ElementTree.XMLParser()  # noqa: S314 - entities, which attacks need, are refused
    # Names of HTML's characters, which old document types declare elsewhere.
    parser.entity.update(html5)
    try:
        parser.feed(data)
        root: ElementTree.Element = parser.close()
    except ElementTree.ParseError as error:
        raise ExtractionError("corrupt", "The file is damaged: a part of it is not well-formed.", str(error)) from error
    return root


def related(archive: zipfile.ZipFile, part: str) -> dict[str, tuple[str, str]]:
    """The parts of an Office Open XML package that `part` refers to: by id, the kind and the other part's name.

    The package itself is part ``""``. The kind is the last word of its type, such as "slide".
    """
    folder = posixpath.dirname(part)
    relations: dict[str, tuple[str, str]] = {}
    for relationship in _relationships(archive, part):
        target = attribute(relationship, "Target") or ""
        if attribute(relationship, "TargetMode") != "External":
            whole = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
            kind = (attribute(relationship, "Type") or "").rpartition("/")[2]
            relations[attribute(relationship, "Id") or ""] = (kind, whole)
    return relations


def external(archive: zipfile.ZipFile, part: str) -> dict[str, str]:
    """The addresses outside the package that `part` refers to, such as those of links, by id."""
    return {
        attribute(relationship, "Id") or "": attribute(relationship, "Target") or ""
        for relationship in _relationships(archive, part)
        if attribute(relationship, "TargetMode") == "External"
    }


def _relationships(archive: zipfile.ZipFile, part: str) -> Iterator[ElementTree.Element]:
    folder, name = posixpath.split(part)
    root = parse_part(archive, posixpath.join(folder, "_rels", f"{name}.rels"))
    yield from root if root is not None else ()


def core_title(archive: zipfile.ZipFile) -> str | None:
    """The title among the properties of an Office Open XML document."""
    root = parse_part(archive, "docProps/core.xml")
    return next((e.text for e in root if local_name(e) == "title" and e.text), None) if root is not None else None


def descend(element: ElementTree.Element, skip: Collection[str] = ()) -> Iterator[ElementTree.Element]:
    """Everything below `element` in document order, without elements named in `skip` and what is below them."""
    pending = list(reversed(element))
    while pending:
        below = pending.pop()
        if local_name(below) not in skip:
            yield below
            pending.extend(reversed(below))


def local_name(element: ElementTree.Element) -> str:
    """The element's name without its namespace, which differs between editions of one format."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: ElementTree.Element, name: str) -> str | None:
    """The value of the attribute `name` in any namespace."""
    for key, value in element.attrib.items():
        if key.rpartition("}")[2] == name:
            return value
    return None
