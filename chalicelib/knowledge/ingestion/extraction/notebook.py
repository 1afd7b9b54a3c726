"""Notebooks of Jupyter (nbformat 3 and 4): cells of text as Markdown, code as code, and the text of what it printed."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from chalicelib.knowledge.ingestion.extraction import ExtractionError
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, clean
from chalicelib.knowledge.ingestion.extraction.html import add_markup
from chalicelib.knowledge.ingestion.extraction.markdown import add_markdown

_MOST_OUTPUT_CHARS = 100_000
_PICTURES = ("image/png", "image/jpeg")


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Read a notebook and return its title. Programs among the outputs are left out."""
    try:
        notebook = json.loads(assembly.decoded(path.read_bytes()))
    except (ValueError, RecursionError) as error:
        raise ExtractionError("corrupt", "The file is damaged: it is no notebook.", repr(error)[:200]) from error
    language = _language(notebook)
    for cell in _cells(notebook):
        source = clean(_joined(cell.get("source", cell.get("input"))))
        kind = cell.get("cell_type")
        if kind == "markdown":
            add_markdown(source, assembly)
        elif kind == "heading":
            assembly.heading(int(cell.get("level") or 1), source)
            assembly.add(source)
        elif kind == "code":
            if source.strip():
                assembly.add(f"```{language}\n{source}\n```")
            for output in _dicts(cell.get("outputs")):
                _add_output(output, assembly)
        else:
            assembly.add(source)
    return assembly.first_heading


def _cells(notebook: Any) -> Iterator[dict[str, Any]]:
    sheets = _dicts(notebook.get("worksheets")) if isinstance(notebook, dict) else iter(())
    yield from _dicts(notebook.get("cells") if isinstance(notebook, dict) else None)
    for sheet in sheets:
        yield from _dicts(sheet.get("cells"))


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    return (item for item in (value if isinstance(value, list) else ()) if isinstance(item, dict))


def _language(notebook: Any) -> str:
    metadata = notebook.get("metadata") if isinstance(notebook, dict) else None
    info = metadata.get("language_info") if isinstance(metadata, dict) else None
    name = info.get("name") if isinstance(info, dict) else None
    return name if isinstance(name, str) and name.isalnum() else ""


def _add_output(output: dict[str, Any], assembly: TextAssembler) -> None:
    """The best text of one output: of several forms of the same thing, the plain one."""
    data = output.get("data") if isinstance(output.get("data"), dict) else output
    forms = data if isinstance(data, dict) else {}
    if output.get("output_type") in ("error", "pyerr"):
        assembly.add(f"{_joined(output.get('ename'))}: {_joined(output.get('evalue'))}")
        return
    for kind in _PICTURES:
        if encoded := _joined(forms.get(kind)):
            assembly.picture(encoded, partial(b64decode, encoded))
    plain = _joined(forms.get("text/plain", forms.get("text")))
    html = _joined(forms.get("text/html", forms.get("html")))
    if "<table" in html:
        add_markup(clean(html[:_MOST_OUTPUT_CHARS]), assembly)
    elif markdown := _joined(forms.get("text/markdown")):
        assembly.add(markdown[:_MOST_OUTPUT_CHARS])
    else:
        assembly.add(plain[:_MOST_OUTPUT_CHARS])
    if max(len(plain), len(html)) > _MOST_OUTPUT_CHARS:
        assembly.warn("parts_left_out", f"Outputs of the notebook were cut after {_MOST_OUTPUT_CHARS:,} characters.")


def _joined(value: Any) -> str:
    """A text, or lines of it."""
    if isinstance(value, list):
        return "".join(item for item in value if isinstance(item, str))
    return value if isinstance(value, str) else ""
