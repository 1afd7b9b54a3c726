"""EPUB books (EPUB 3.3): the chapters in reading order, each as HTML, in sections by their headings."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from chalicelib.knowledge.ingestion.extraction import ExtractionError
from chalicelib.knowledge.ingestion.extraction.archive import attribute, local_name, open_archive, parse_part, read_part
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler
from chalicelib.knowledge.ingestion.extraction.html import add_markup, declared_encoding
from chalicelib.knowledge.ingestion.extraction.sniffing import encrypted

# A book can have obfuscated fonts and still be readable.
_OBFUSCATION = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")


# A chapter is XHTML, whether it says so or not.
_XML = "<?xml version='1.0'?>"


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Read a book and return its title."""
    with open_archive(path, assembly.limits) as archive:
        _refuse_locked(archive)
        package_part = _package_part(archive)
        package = parse_part(archive, package_part)
        if package is None:
            raise ExtractionError("corrupt", "The file is damaged: the book has no table of its parts.")
        for part in _chapters(package, posixpath.dirname(package_part)):
            data = read_part(archive, part)
            if data is not None:
                assembly.leave_sections()
                markup = f"{_XML}{assembly.decoded(data, declared_encoding(data))}"
                add_markup(markup, assembly, partial(_beside, archive, posixpath.dirname(part)))
        return next((e.text for e in package.iter() if local_name(e) == "title" and e.text), assembly.first_heading)


def _beside(archive: zipfile.ZipFile, folder: str, address: str) -> tuple[str, Callable[[], bytes | None]]:
    """The name of the part that a chapter in `folder` shows, and what reads it."""
    part = posixpath.normpath(posixpath.join(folder, unquote(address.partition("#")[0])))
    return part, partial(read_part, archive, part)


def _refuse_locked(archive: zipfile.ZipFile) -> None:
    root = parse_part(archive, "META-INF/encryption.xml")
    for element in root.iter() if root is not None else ():
        if local_name(element) == "EncryptionMethod" and attribute(element, "Algorithm") not in _OBFUSCATION:
            raise encrypted()


def _package_part(archive: zipfile.ZipFile) -> str:
    root = parse_part(archive, "META-INF/container.xml")
    paths = [attribute(e, "full-path") for e in root.iter() if local_name(e) == "rootfile"] if root is not None else []
    return next((path for path in paths if path), "content.opf")


def _chapters(package: Element, folder: str) -> list[str]:
    """The names of the book's parts in reading order."""
    items = {attribute(e, "id"): attribute(e, "href") or "" for e in package.iter() if local_name(e) == "item"}
    spine = [attribute(e, "idref") for e in package.iter() if local_name(e) == "itemref"]
    return [posixpath.normpath(posixpath.join(folder, unquote(items[name]))) for name in spine if name in items]
