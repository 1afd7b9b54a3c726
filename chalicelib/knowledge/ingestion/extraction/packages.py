"""What a ZIP file is: a document in one of the formats that are ZIP files, or an archive.

Only what is known as an archive is unpacked: by its name or its declared type, or because it has no name that says
otherwise. Packages of other programs are ZIP files too, and their parts are not documents of their users.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

from chalicelib.knowledge.ingestion.extraction import Limits
from chalicelib.knowledge.ingestion.extraction.archive import open_archive, read_part

_OPEN = b"application/vnd.oasis.opendocument."
_MIMETYPES = {
    _OPEN + b"text": "odt",
    _OPEN + b"text-template": "odt",
    _OPEN + b"text-master": "odt",
    _OPEN + b"spreadsheet": "ods",
    _OPEN + b"spreadsheet-template": "ods",
    _OPEN + b"presentation": "odp",
    _OPEN + b"presentation-template": "odp",
    _OPEN + b"graphics": "odg",
    _OPEN + b"graphics-template": "odg",
    b"application/epub+zip": "epub",
}
# Office Open XML: what the list of types says of the main part, then the folder that the parts are in.
_MAIN_PARTS = (
    (b"wordprocessingml.document.main+xml", "docx"),
    (b"wordprocessingml.template.main+xml", "docx"),
    (b"ms-word.document.macroenabled.main+xml", "docx"),
    (b"ms-word.template.macroenabledtemplate.main+xml", "docx"),
    (b"ms-visio.", "visio"),
    (b"presentationml.presentation.main+xml", "pptx"),
    (b"presentationml.slideshow.main+xml", "pptx"),
    (b"presentationml.template.main+xml", "pptx"),
    (b"ms-powerpoint.", "pptx"),
    (b"spreadsheetml.sheet.main+xml", "xlsx"),
    (b"spreadsheetml.template.main+xml", "xlsx"),
    (b"ms-excel.", "xlsx"),
    (b"ms-package.xps", "xps"),
)
_FOLDERS = (("word/", "docx"), ("ppt/", "pptx"), ("xl/", "xlsx"), ("visio/", "visio"), ("documents/1/", "xps"))
# iWork: the parts that only one of the three programs writes, today's and those before 2013.
_IWORK = (
    ("index/calculationengine", "numbers"),
    ("index/tables/", "pages"),
    ("index/slide", "keynote"),
    ("index/presentation", "keynote"),
    ("index.apxl", "keynote"),
    ("index/document.iwa", "pages"),
    ("index.zip", "pages"),
    ("index.xml", "pages"),
)
_IWORK_NAMES = {"pages": "pages", "numbers": "numbers", "key": "keynote"}
_TYPES = "[content_types].xml"
_CONTAINER, _MANIFEST = "meta-inf/container.xml", "meta-inf/manifest.xml"
_TYPES_BYTES = 1 << 20


def kind_of(path: Path, filename: str, claimed: str | None, limits: Limits) -> str:
    """The name in `kinds.KINDS` of the kind of the ZIP file at `path`, which is called `filename`.

    ``zip`` is an archive; ``package`` a package of a program that is not known. Raises `ExtractionError` as
    `open_archive` does.
    """
    with open_archive(path, limits) as archive:
        names = {name.replace("\\", "/").lstrip("/").lower() for name in archive.namelist()}
        kind = _by_parts(archive, names, filename)
    if kind is not None:
        return kind
    ending = filename.rpartition(".")[2].strip().lower() if "." in filename else ""
    return "zip" if claimed in ("zip", "archive") or not ending or not ending.isalnum() else "package"


def _by_parts(archive: zipfile.ZipFile, names: set[str], filename: str) -> str | None:
    if kind := _MIMETYPES.get(_first_bytes(archive, "mimetype", 100).strip()):
        return kind
    if _CONTAINER in names:
        return "epub"
    if _TYPES in names:
        types = _first_bytes(archive, "[Content_Types].xml", _TYPES_BYTES).lower()
        by_type = next((kind for mark, kind in _MAIN_PARTS if mark in types), None)
        return by_type or _starting(names, _FOLDERS) or "package"
    if "content.xml" in names and _MANIFEST in names:
        manifest = _first_bytes(archive, "META-INF/manifest.xml", _TYPES_BYTES)
        # The longest name first: "text" begins "text-template".
        types_of = sorted(_MIMETYPES, key=len, reverse=True)
        return next((_MIMETYPES[mark] for mark in types_of if b'"' + mark + b'"' in manifest), None)
    if any(name.endswith(".iwa") for name in names) or "index.apxl" in names or "buildversionhistory.plist" in names:
        named = _IWORK_NAMES.get(filename.rpartition(".")[2].lower())
        return named or _starting(names, _IWORK) or "package"
    return None


def _starting(names: Iterable[str], parts: tuple[tuple[str, str], ...]) -> str | None:
    listed = list(names)
    return next((kind for part, kind in parts if any(name.startswith(part) for name in listed)), None)


def _first_bytes(archive: zipfile.ZipFile, name: str, size: int) -> bytes:
    return (read_part(archive, name, size) or b"")[:size]
