"""The console's build: `python -m infra.console build`, and `check`, which needs no Node.js.

The built files are committed, so that nobody who runs the service needs Node.js. The file `build.json` beside them
records which sources they were made of and what they are; `check`, a part of `make check`, compares both.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from infra.models import ROOT

SOURCES = ROOT / "console"
BUILT = ROOT / "chalicelib" / "ops" / "console"
_RECORD = "build.json"
_TYPES = SOURCES / "src" / "schema.d.ts"  # generated from the API's description, and no source
# Generated from the service's own models, and sources of the console.
CONNECTOR_TYPES = SOURCES / "src" / "connector-types.json"
WORDS = SOURCES / "src" / "api-words.json"
_SECRETS = ("token", "password", "secret", "service_account")
LONGEST_LINE = 10_000  # characters; a longer value gets more than one line


class ConsoleError(RuntimeError):
    """The console cannot be built, or its files do not belong to its sources; the text says what to do."""


def sources(folder: Path = SOURCES) -> list[Path]:
    """Every file that the build reads, sorted."""
    top = [path for path in folder.iterdir() if path.is_file() and path.name != ".gitignore"]
    inside = [path for path in (folder / "src").rglob("*") if path.is_file() and path.name != _TYPES.name]
    return sorted([*top, *inside])


def built(folder: Path = BUILT) -> list[Path]:
    """Every file of the build but the record, sorted."""
    return sorted(path for path in folder.iterdir() if path.name != _RECORD)


def digest(folder: Path, files: Iterable[Path]) -> str:
    """One SHA-256 of names and contents."""
    whole = hashlib.sha256()
    for path in files:
        part = hashlib.sha256(path.read_bytes()).hexdigest()
        whole.update(f"{path.relative_to(folder).as_posix()} {part}\n".encode())
    return whole.hexdigest()


def check(source_folder: Path = SOURCES, built_folder: Path = BUILT) -> None:
    """Raise ConsoleError unless the built files are those that were made of these sources."""
    record_path = built_folder / _RECORD
    record = json.loads(record_path.read_text("utf-8")) if record_path.is_file() else {}
    if record.get("sources") != digest(source_folder, sources(source_folder)):
        raise ConsoleError("The console's built files are older than its sources: run `make console`.")
    if record.get("files") != digest(built_folder, built(built_folder)):
        raise ConsoleError("The console's built files were changed by hand: run `make console`.")


def connector_types() -> str:
    """The fields of each type of connector, for the console's forms, as JSON."""
    from chalicelib.knowledge.connectors import types

    described = {}
    for name in types.TYPES:
        kind = types.source_type(name)
        described[name] = {
            "consent": kind.consent is not None,
            "settings": _fields(kind.settings.model_json_schema()),
            "credentials": _fields(kind.credentials.model_json_schema()),
        }
    return json.dumps(described, indent=1) + "\n"


def words() -> str:
    """What the API says in words of its own, for the console's texts and choices, as JSON.

    `values` has the values of every enum by the enum's name. `problems`, `failures` and
    `warnings` have a sentence for each code: of a refused request, of a document, job or sync run, and of a file.
    """
    from chalicelib.core import errors, openapi
    from chalicelib.knowledge.documents import file_warnings

    schemas = openapi.document()["components"]["schemas"]
    values = {name: schema["enum"] for name, schema in schemas.items() if "enum" in schema and name != "ErrorCode"}
    described = {
        "values": values,
        "problems": {code: text for code, (_, text) in errors.codes().items()},
        "failures": dict(errors.failures()),
        "warnings": file_warnings.ABOUT,
    }
    return json.dumps(described, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _fields(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The fields of a model, as the console's forms read them."""
    required = schema.get("required", [])
    return [
        {"name": name, "required": name in required, **_field(name, field)}
        for name, field in schema["properties"].items()
    ]


def _field(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    shape = next((part for part in schema.get("anyOf", []) if part["type"] != "null"), schema)
    described: dict[str, Any] = {"kind": "text"}
    if shape["type"] == "array":
        described["kind"] = "lines"
    elif shape["type"] == "boolean":
        described["kind"] = "toggle"
    elif shape["type"] == "integer":
        described |= {"kind": "number", "min": shape.get("minimum"), "max": shape.get("maximum")}
    elif "enum" in shape:
        described |= {"kind": "choice", "options": shape["enum"]}
    elif any(word in name for word in _SECRETS) and not name.endswith("_url"):
        described["kind"] = "long" if shape["maxLength"] > LONGEST_LINE else "secret"
    described |= {"max_length": shape.get("maxLength"), "default": schema.get("default")}
    return {key: value for key, value in described.items() if value is not None}


def build() -> None:
    """Build the console, with the types of the API as it is now. Raises ConsoleError when a step fails."""
    for path, make in ((CONNECTOR_TYPES, "connector_types"), (WORDS, "words")):
        code = f"import app; from infra import console; print(console.{make}(), end='')"
        path.write_text(_run([sys.executable, "-c", code], ROOT), "utf-8")
    with tempfile.NamedTemporaryFile("w", suffix=".json") as description:
        description.write(_run([sys.executable, "-c", _DESCRIBE], ROOT))
        description.flush()
        options = ["--default-non-nullable=false", "-o", str(_TYPES)]
        _run(["node_modules/.bin/openapi-typescript", description.name, *options], SOURCES)
    _run(["node_modules/.bin/tsc", "-p", "."], SOURCES)
    print(_run(["node_modules/.bin/vite", "build"], SOURCES))
    record = {"sources": digest(SOURCES, sources()), "files": digest(BUILT, built())}
    (BUILT / _RECORD).write_text(json.dumps(record, indent=1) + "\n", "utf-8")


_DESCRIBE = "import app; from chalicelib.core import openapi; print(openapi.generated())"


def _run(command: list[str], folder: Path) -> str:
    finished = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise ConsoleError(f"{command[0]} failed:\n{finished.stdout}{finished.stderr}")
    return finished.stdout


def main() -> None:
    """Build or check, as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["build", "check"])
    try:
        {"build": build, "check": check}[parser.parse_args().command]()
    except ConsoleError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
