"""The kinds of files: their names, their media types, and which of them are read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file. ``module`` is the module that reads it; without one, the kind is known and refused.

    ``advice`` is what to do with a refused file.
    """

    label: str
    content_type: str
    suffixes: tuple[str, ...]
    module: str | None = None
    advice: str | None = None


_OFFICE = "application/vnd.openxmlformats-officedocument"
_OPEN = "application/vnd.oasis.opendocument"

# Source code, by language; `languages` has the syntax of each.
_LANGUAGES: dict[str, Kind] = {
    name: Kind("source code", content_type, suffixes, "code")
    for name, content_type, suffixes in (
        ("python", "text/x-python", ("py", "pyi", "pyw")),
        ("javascript", "text/javascript", ("js", "jsx", "mjs", "cjs")),
        ("typescript", "text/x-typescript", ("ts", "tsx", "mts", "cts")),
        ("java", "text/x-java-source", ("java",)),
        ("go", "text/x-go", ("go",)),
        ("rust", "text/x-rust", ("rs",)),
        ("c", "text/x-c", ("c", "h")),
        ("cpp", "text/x-c++", ("cc", "cpp", "cxx", "hh", "hpp", "hxx", "ino")),
        ("csharp", "text/x-csharp", ("cs",)),
        ("ruby", "text/x-ruby", ("rb", "rake", "gemspec")),
        ("php", "application/x-php", ("php", "phtml")),
        ("shell", "application/x-sh", ("sh", "bash", "zsh", "ksh")),
        ("sql", "application/sql", ("sql", "psql", "ddl")),
    )
}

_PICTURES = ("png", "jpg", "jpeg", "gif", "bmp", "tif", "tiff", "webp")

KINDS: dict[str, Kind] = {
    "pdf": Kind("PDF", "application/pdf", ("pdf",), "pdf"),
    "docx": Kind("Word (DOCX)", f"{_OFFICE}.wordprocessingml.document", ("docx", "docm", "dotx"), "docx"),
    "html": Kind("HTML", "text/html", ("html", "htm", "xhtml"), "html"),
    "markdown": Kind("Markdown", "text/markdown", ("md", "markdown", "mdown", "mkd"), "markdown"),
    "text": Kind("plain text", "text/plain", ("txt", "text", "log", "rst", "adoc"), "text"),
    "csv": Kind("CSV", "text/csv", ("csv", "tsv", "tab"), "csvtable"),
    "json": Kind("JSON", "application/json", ("json", "geojson", "jsonl", "ndjson"), "jsontext"),
    "notebook": Kind("Jupyter notebook", "application/x-ipynb+json", ("ipynb",), "notebook"),
    "pptx": Kind("PowerPoint (PPTX)", f"{_OFFICE}.presentationml.presentation", ("pptx", "pptm", "ppsx"), "pptx"),
    "xlsx": Kind("Excel (XLSX)", f"{_OFFICE}.spreadsheetml.sheet", ("xlsx", "xlsm", "xlsb"), "spreadsheet"),
    "odt": Kind("OpenDocument text (ODT)", f"{_OPEN}.text", ("odt", "ott"), "opendocument"),
    "ods": Kind("OpenDocument spreadsheet (ODS)", f"{_OPEN}.spreadsheet", ("ods",), "spreadsheet"),
    "odp": Kind("OpenDocument presentation (ODP)", f"{_OPEN}.presentation", ("odp",), "opendocument"),
    "epub": Kind("EPUB", "application/epub+zip", ("epub",), "epub"),
    "eml": Kind("e-mail (EML)", "message/rfc822", ("eml",), "mail"),
    "mhtml": Kind("saved web page (MHTML)", "multipart/related", ("mhtml", "mht"), "mail"),
    "mbox": Kind("mailbox (MBOX)", "application/mbox", ("mbox",), "mailbox"),
    "ics": Kind("calendar (ICS)", "text/calendar", ("ics",), "calendar"),
    "msg": Kind("Outlook e-mail (MSG)", "application/vnd.ms-outlook", ("msg",), "outlook"),
    "doc": Kind("old Word (DOC)", "application/msword", ("doc", "dot"), "old_word"),
    "xls": Kind("old Excel (XLS)", "application/vnd.ms-excel", ("xls",), "spreadsheet"),
    "ppt": Kind("old PowerPoint (PPT)", "application/vnd.ms-powerpoint", ("ppt", "pps", "pot"), "old_powerpoint"),
    "rtf": Kind("RTF", "application/rtf", ("rtf",), "rtf"),
    "pages": Kind("Apple Pages", "application/vnd.apple.pages", ("pages",), advice="Export it as PDF or Word."),
    "sheetxml": Kind("Excel (XML of 2003)", "application/vnd.ms-excel", (), "xml_spreadsheet"),
    "wordxml": Kind("Word (XML)", f"{_OFFICE}.wordprocessingml.document", (), "xml_word"),
    "fodt": Kind("OpenDocument text (FODT)", f"{_OPEN}.text-flat-xml", ("fodt",), "flat_opendocument"),
    "fods": Kind("OpenDocument spreadsheet (FODS)", f"{_OPEN}.spreadsheet-flat-xml", ("fods",), "flat_opendocument"),
    "fodp": Kind("OpenDocument presentation (FODP)", f"{_OPEN}.presentation-flat-xml", ("fodp",), "flat_opendocument"),
    "numbers": Kind(
        "Apple Numbers", "application/vnd.apple.numbers", ("numbers",), advice="Export it as Excel or CSV."
    ),
    "keynote": Kind(
        "Apple Keynote", "application/vnd.apple.keynote", ("key",), advice="Export it as PDF or PowerPoint."
    ),
    "visio": Kind("Visio drawing", "application/vnd.visio", ("vsdx", "vsd"), advice="Export it as PDF."),
    "xps": Kind("XPS", "application/oxps", ("xps", "oxps"), advice="Print it to PDF."),
    "odg": Kind("OpenDocument drawing (ODG)", f"{_OPEN}.graphics", ("odg", "otg"), "opendocument"),
    "package": Kind(
        "package of a program that is not known",
        "application/octet-stream",
        (),
        advice="If it is an archive, upload it with the ending .zip; otherwise export it as PDF.",
    ),
    **_LANGUAGES,
    "zip": Kind("ZIP archive", "application/zip", ("zip",), "packed"),
    "tar": Kind("TAR archive", "application/x-tar", ("tar", "tgz", "tbz2", "txz"), "tarball"),
    "archive": Kind("archive", "application/octet-stream", ("gz", "bz2", "xz", "7z", "rar", "zst")),
    "image": Kind("picture", "application/octet-stream", _PICTURES, "picture"),
    "media": Kind("sound or video", "application/octet-stream", ("mp3", "mp4", "wav", "ogg", "mkv", "avi", "flac")),
    "program": Kind("program", "application/octet-stream", ("exe", "dll", "so", "class", "wasm")),
    "database": Kind("database", "application/octet-stream", ("sqlite", "db")),
    "binary": Kind("unknown kind of binary file", "application/octet-stream", ("bin",)),
}

_BY_SUFFIX = {suffix: name for name, kind in KINDS.items() for suffix in kind.suffixes}
_BY_CONTENT_TYPE = {
    kind.content_type: name for name, kind in KINDS.items() if kind.content_type != "application/octet-stream"
}

LANGUAGES = frozenset(_LANGUAGES)
# Text files: their contents hardly differ, so name and declaration decide.
TEXTUAL = frozenset({"html", "markdown", "text", "csv", "json", "notebook", "eml", "mhtml", "mbox", "ics"}) | LANGUAGES
# Kinds without text of their own: in an archive or an e-mail they are named, and do not become documents.
WORDLESS = frozenset({"image", "media", "program", "database", "binary"})


def by_name(filename: str) -> str | None:
    """The kind that the ending of `filename` claims."""
    _, dot, suffix = filename.rpartition(".")
    return _BY_SUFFIX.get(suffix.strip().lower()) if dot else None


def by_content_type(content_type: str | None) -> str | None:
    """The kind of a media type, without its parameters."""
    return _BY_CONTENT_TYPE.get((content_type or "").partition(";")[0].strip().lower())


def content_type_of(filename: str, named: str | None) -> str | None:
    """The media type of a file: by its ending; else as its source names it, without parameters."""
    kind = by_name(filename)
    return KINDS[kind].content_type if kind else (named or "").partition(";")[0].strip() or None


def supported() -> str:
    """The kinds that are always read, as part of a sentence."""
    labels = list(dict.fromkeys(kind.label for name, kind in KINDS.items() if kind.module and name not in WORDLESS))
    return f"{', '.join(labels[:-1])} and {labels[-1]}"
