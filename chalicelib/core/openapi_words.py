"""What people read in the OpenAPI document: the meaning and an example of every field, parameter, tag and enum.

They stand in files `models.toml`, each beside the `models.py` that it describes; nothing reads them but the document's
generation. A table has the name of a model, `shared` is for fields that mean the same in every model:

    [Document]
    chunks_done = ["The number of chunks that are embedded.", 12]
    warnings = "What the file holds and was not read."      # its example follows from its type

    [enums]
    DocumentStatus = ["Document.status", "How far a document is."]

`core/models.toml` also has the tables `tags` and `path`.
"""

import functools
import tomllib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from chalicelib.core import wings

# By the format, or else the type, of a schema.
_EXAMPLES: Mapping[str, Any] = {
    "uuid": "0198c2a4-7b1e-7c3d-9a52-4f6e8d1b2c3a",
    "date-time": "2026-01-31T12:00:00.000Z",
    "boolean": True,
}


@functools.cache
def tables() -> dict[str, dict[str, Any]]:
    """Every table of every file, by its name. ValueError for a model that is described twice."""
    matches: dict[str, dict[str, Any]] = {"enums": {}, "shared": {}}
    for module in wings.names("models"):
        spec = find_spec(module)
        path = Path(str(spec and spec.origin)).with_suffix(".toml")
        for name, table in (tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}).items():
            if name == "enums":
                matches["enums"] |= table
            elif name in matches and name != "shared":
                raise ValueError(f"{path} describes {name}, which another file describes")
            else:
                matches[name] = matches.get(name, {}) | table
    return matches


def of_field(model: type[BaseModel] | None, field: str) -> tuple[str, list[Any]] | None:
    """The description of a model's field, or of the same field of its bases, and its examples; None for no words."""
    described = [tables().get(kind.__name__, {}).get(field) for kind in (model.__mro__ if model else ())]
    return _words(next((entry for entry in described if entry is not None), tables()["shared"].get(field)))


def of_path(name: str) -> tuple[str, list[Any]] | None:
    """The description and the examples of a part of the path."""
    return _words(tables()["path"].get(name))


def example_of(schema: Mapping[str, Any]) -> list[Any]:
    """An example that follows from a field's type: [] when none does."""
    if "anyOf" in schema:
        kinds = [kind for kind in schema["anyOf"] if kind.get("type") != "null"]
        return next((example for kind in kinds if (example := example_of(kind))), [])
    if "enum" in schema:
        return [schema["enum"][0]]
    if "const" in schema:
        return [schema["const"]]
    if schema.get("type") == "array":
        return [example_of(schema["items"])] if example_of(schema["items"]) else []
    if schema.get("type") == "null":
        return [None]
    kind = schema.get("format") or schema.get("type")
    return [_EXAMPLES[str(kind)]] if kind in _EXAMPLES else []


def _words(entry: Any) -> tuple[str, list[Any]] | None:
    if entry is None:
        return None
    if isinstance(entry, str):
        return entry, []
    description, *examples = entry
    return description, examples
