"""Write what the client derives: models and operations from the OpenAPI document, and sync from async code.

`make client` runs it after a change of the API. `tests/clients/test_generated.py` fails when it was forgotten.

| file | from |
|---|---|
| `alcove/models.py` | the document's schemas, by datamodel-code-generator |
| `alcove/_async_operations.py`, `alcove/_operations.py` | one method for each operation, named after its operationId |
| `alcove/_client.py` | `alcove/_async_client.py`, by unasync |
"""

from __future__ import annotations

import ast
import json
import keyword
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import unasync

HERE = Path(__file__).parent
PACKAGE = HERE / "alcove"
_MODELS_OPTIONS = (
    "--input-file-type=openapi",
    "--output-model-type=pydantic_v2.BaseModel",
    "--target-python-version=3.11",
    "--use-standard-collections",
    "--use-union-operator",
    "--use-schema-description",
    "--use-field-description",
    "--enum-field-as-literal=all",
    "--collapse-root-models",
    "--disable-timestamp",
    "--disable-future-imports",
    "--formatters=builtin",
)
_RULES = (
    ("AsyncAlcove", "Alcove"),
    ("AsyncOperations", "Operations"),
    ("_async_operations", "_operations"),
    ("AsyncAnswer", "Answer"),
    ("AsyncClient", "Client"),
    ("aconnect_sse", "connect_sse"),
    ("aiter_sse", "iter_sse"),
    ("aread", "read"),
    ("aclose", "close"),
    ("async_sleep", "sleep"),
    ("async_file_chunks", "file_chunks"),
    ("AsyncLock", "SyncLock"),
)
_STYLE = (
    "--quiet",
    "--isolated",
    "--line-length=120",
    "--target-version=py311",
    '--config=lint.isort.known-first-party=["alcove"]',
)
_LIMITS = (
    "additionalProperties",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxItems",
    "maxLength",
    "maximum",
    "maxProperties",
    "minItems",
    "minLength",
    "minimum",
    "minProperties",
    "pattern",
    "title",
    "uniqueItems",
)
_REFERENCE = "#/components/schemas/"
_HEADER = '"""{title}\n\nWritten by generate.py; do not edit.\n"""\n\n'


@dataclass(frozen=True)
class Parameter:
    """A parameter of a method: its name in Python and on the wire, its type, and whether it is required."""

    name: str
    wire: str
    annotation: str
    required: bool


@dataclass(frozen=True)
class Operation:
    """One operation as a method."""

    name: str
    method: str
    path: str
    words: str
    in_path: tuple[Parameter, ...]
    in_query: tuple[Parameter, ...]
    in_body: tuple[Parameter, ...]
    headers: tuple[Parameter, ...]
    result: str | None  # the model of the response
    can_be_empty: bool  # a response without content is possible too
    is_text: bool


def write(document: Mapping[str, Any], package: Path = PACKAGE) -> None:
    """Write every generated file into `package`, for the OpenAPI document."""
    document = _plain(document)
    models = _models(document)
    (package / "models.py").write_text(models, "utf-8")
    fields = _fields(models)
    operations = list(_operations(document, fields))
    for name, prefix in (("_async_operations.py", "async "), ("_operations.py", "")):
        (package / name).write_text(_module(operations, prefix, fields), "utf-8")
    _write_sync(package)
    for name in ("models.py", "_async_operations.py", "_operations.py", "_client.py"):
        for command in (["check", "--fix", "--select=I,F401"], ["format"]):
            subprocess.run([sys.executable, "-m", "ruff", *command, *_STYLE, str(package / name)], check=True)


def _plain(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with enums where they are used, and with one schema for a body of several shapes.

    A method takes the fields of every shape: those that all shapes require are required.
    """
    schemas = document["components"]["schemas"]
    enums = {_REFERENCE + name: schema for name, schema in schemas.items() if "enum" in schema}
    shaped = {
        name: [one.get("$ref") for one in schema["oneOf"]] for name, schema in schemas.items() if "oneOf" in schema
    }
    plain: dict[str, Any] = {}
    for name, schema in schemas.items():
        if name in shaped:
            shapes = [schemas[reference.removeprefix(_REFERENCE)] for reference in shaped[name] if reference]
            if shapes:
                plain[name] = _joined(schema, shapes)
        elif _REFERENCE + name not in {*enums, *(one for references in shaped.values() for one in references)}:
            plain[name] = schema
    whole = {**document, "components": {**document["components"], "schemas": plain}}
    inlined: dict[str, Any] = _inlined(whole, enums)
    return inlined


def _joined(schema: Mapping[str, Any], shapes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for shape in shapes:
        for name, field in shape["properties"].items():
            values = [*properties.get(name, {}).get("enum", []), *field.get("enum", [])]
            properties[name] = {**field, "enum": list(dict.fromkeys(values))} if values else field
    required = [name for name in properties if all(name in shape.get("required", []) for shape in shapes)]
    words = {"description": schema["description"]}
    return {"type": "object", **words, "properties": properties} | ({"required": required} if required else {})


def _inlined(part: Any, enums: Mapping[str, Any]) -> Any:
    if isinstance(part, list):
        return [_inlined(one, enums) for one in part]
    if not isinstance(part, dict):
        return part
    if (enum := enums.get(part.get("$ref", ""))) is not None:
        return {"type": "string", "enum": enum["enum"], **{key: value for key, value in part.items() if key != "$ref"}}
    # What the streams hold is no model: `events` of the client follows a stream.
    return {name: _inlined(value, enums) for name, value in part.items() if name not in {"contentSchema", "examples"}}


def _models(document: Mapping[str, Any]) -> str:
    with tempfile.TemporaryDirectory(prefix="alcove-client-") as directory:
        source, output = Path(directory, "openapi.json"), Path(directory, "models.py")
        source.write_text(json.dumps(_shapes(document)), "utf-8")
        command = [sys.executable, "-m", "datamodel_code_generator", f"--input={source}", f"--output={output}"]
        subprocess.run([*command, *_MODELS_OPTIONS], check=True)
        written = output.read_text("utf-8")
    return _HEADER.format(title="What the service takes and returns.") + re.sub(r"\A(#.*\n)+", "", written).lstrip()


def _shapes(found: Any) -> Any:
    """The schemas without what only the service judges (limits, patterns), and without titles, which become names."""
    if isinstance(found, list):
        return [_shapes(one) for one in found]
    if not isinstance(found, dict):
        return found
    limits = {name for name in _LIMITS if not isinstance(found.get(name), dict)}
    return {name: _shapes(value) for name, value in found.items() if name not in limits}


def _fields(models: str) -> dict[str, dict[str, tuple[str, bool]]]:
    """Of each model: the annotation of each field, by its name on the wire, and whether the field is required."""
    found: dict[str, dict[str, tuple[str, bool]]] = {}
    for node in ast.parse(models).body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = dict(_class_fields(node))
    return found


def _class_fields(node: ast.ClassDef) -> Iterator[tuple[str, tuple[str, bool]]]:
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            wire, required = line.target.id, line.value is None
            if isinstance(line.value, ast.Call):
                required = bool(line.value.args) and ast.unparse(line.value.args[0]) == "..."
                named = {keyword.arg: keyword.value for keyword in line.value.keywords}
                wire = ast.literal_eval(named["alias"]) if "alias" in named else wire
            yield wire, (ast.unparse(line.annotation), required)


def _operations(document: Mapping[str, Any], fields: Mapping[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            if method == "options" or "text/event-stream" in _successes(described):
                continue  # `events` of the client follows a stream
            yield _operation(document, path, method, described, fields)


def _operation(
    document: Mapping[str, Any], path: str, method: str, described: Mapping[str, Any], fields: Mapping[str, Any]
) -> Operation:
    parameters = [_resolve(document, parameter) for parameter in described.get("parameters", [])]
    successes = _successes(described)
    schema = successes.get("application/json", {}).get("schema", {})
    body = described.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    words = " ".join(filter(None, [described.get("summary", ""), described.get("description", "")]))
    return Operation(
        name=described["operationId"],
        method=method.upper(),
        path=path,
        words=words,
        in_path=tuple(_parameter(p) for p in parameters if p["in"] == "path"),
        in_query=tuple(_parameter(p) for p in parameters if p["in"] == "query"),
        in_body=tuple(_body(body, fields)),
        headers=tuple(_parameter(p) for p in parameters if p["in"] == "header" and p["name"] == "If-Match"),
        result=schema["$ref"].rpartition("/")[2] if "$ref" in schema else None,
        can_be_empty="204" in described["responses"],
        is_text=not schema and bool(successes),
    )


def _resolve(document: Mapping[str, Any], found: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in found:
        return found
    target: Any = document
    for step in found["$ref"].removeprefix("#/").split("/"):
        target = target[step]
    return target  # type: ignore[no-any-return]


def _successes(described: Mapping[str, Any]) -> dict[str, Any]:
    return {
        media_type: content
        for status, response in described["responses"].items()
        if status.startswith("2")
        for media_type, content in response.get("content", {}).items()
    }


def _parameter(parameter: Mapping[str, Any]) -> Parameter:
    required = bool(parameter.get("required"))
    return Parameter(_identifier(parameter["name"]), parameter["name"], _type(parameter["schema"]), required)


def _type(schema: Mapping[str, Any]) -> str:
    """The annotation of a parameter in a path, a query or a header."""
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(part) for part in schema["anyOf"]))
    if "enum" in schema:
        return f"Literal[{', '.join(map(repr, schema['enum']))}]"
    if "const" in schema:
        return f"Literal[{schema['const']!r}]"
    if "$ref" in schema:
        return f"models.{schema['$ref'].rpartition('/')[2]}"
    if schema.get("type") == "array":
        return f"list[{_type(schema['items'])}]"
    formats = {"uuid": "UUID | str", "date-time": "datetime"}
    return formats.get(
        schema.get("format", ""),
        {"integer": "int", "number": "float", "boolean": "bool", "null": "None"}.get(schema.get("type", ""), "str"),
    )


def _body(schema: Mapping[str, Any], fields: Mapping[str, Any]) -> Iterator[Parameter]:
    if "$ref" in schema:
        model = fields[schema["$ref"].rpartition("/")[2]]
        # Required ones first, each in the order of the model.
        for wire, (annotation, required) in sorted(model.items(), key=lambda item: not item[1][1]):
            yield Parameter(_identifier(wire), wire, re.sub(r"\bUUID\b", "UUID | str", annotation), required)


def _identifier(name: str) -> str:
    name = re.sub(r"\W", "_", name).lower()
    return f"{name}_" if keyword.iskeyword(name) or name == "self" else name


def _module(operations: Sequence[Operation], prefix: str, fields: Mapping[str, Any]) -> str:
    kind = "AsyncOperations" if prefix else "Operations"
    title = f"A method for each operation of the service{', for asyncio' if prefix else ''}."
    lines = [
        _HEADER.format(title=title),
        "from abc import ABC, abstractmethod\n"
        "from datetime import datetime\nfrom typing import Any, Literal, TypeVar, overload\nfrom uuid import UUID\n\n"
        "from pydantic import AnyUrl, AwareDatetime, BaseModel\n\n"
        "from alcove import models\nfrom alcove.transport import UNSET, Request, Unset, request\n\n"
        '_Result = TypeVar("_Result", bound=BaseModel)\n\n\n'
        f"class {kind}(ABC):\n"
        '    """Every operation by its operationId. docs/api.md of the service says what each takes and refuses."""\n\n'
        "    @abstractmethod\n"
        f"    {prefix}def call(self, request: Request, result: type[_Result]) -> _Result:\n"
        '        """Send a request; returns the response. Raises ApiError or UnreachableError."""\n\n'
        "    @abstractmethod\n"
        f"    {prefix}def call_optional(self, request: Request, result: type[_Result]) -> _Result | None:\n"
        '        """Like `call`; None for a response without content."""\n\n'
        "    @abstractmethod\n"
        f"    {prefix}def call_text(self, request: Request) -> str:\n"
        '        """Like `call`, for a response that is text; empty without content."""\n',
    ]
    return "".join(lines) + "\n".join(_method(operation, prefix, fields) for operation in operations)


def _method(operation: Operation, prefix: str, fields: Mapping[str, Any]) -> str:
    named = (*operation.in_query, *operation.in_body, *operation.headers)
    signature = ["self", *(f"{p.name}: {p.annotation}" for p in operation.in_path)]
    if named:
        signature.append("*")
    for p in sorted(named, key=lambda p: not p.required):
        annotation = _qualified(p.annotation, fields)
        signature.append(f"{p.name}: {annotation}" if p.required else f"{p.name}: {_optional(annotation)} = UNSET")
    if operation.result is not None:
        returned = f"models.{operation.result}" + (" | None" if operation.can_be_empty else "")
        call = "call_optional" if operation.can_be_empty else "call"
        sent = f", models.{operation.result}"
    else:
        returned, call, sent = ("str" if operation.is_text else "None"), "call_text", ""
    parts = [repr(operation.method), repr(operation.path)]
    parts += [f"path={{{', '.join(f'{p.wire!r}: {p.name}' for p in operation.in_path)}}}"] * bool(operation.in_path)
    for name, group in (("query", operation.in_query), ("body", operation.in_body), ("headers", operation.headers)):
        if group:
            parts.append(f"{name}={{{', '.join(f'{p.wire!r}: {p.name}' for p in group)}}}")
    made = f"request({', '.join(parts)})"
    awaited = "await " if prefix else ""
    words = textwrap.fill(operation.words or operation.name, 100, subsequent_indent="        ")
    ends = "\n        " if "\n" in words else ""
    statement = f"{awaited}self.{call}({made}{sent})"
    return (
        f"\n    {prefix}def {operation.name}({', '.join(signature)}) -> {returned}:\n"
        f'        """{words}{ends}"""\n'
        f"        {'return ' if returned != 'None' else ''}{statement}\n"
    )


def _optional(annotation: str) -> str:
    without_null = annotation.removesuffix(" | None")
    return f"{without_null} | Unset{annotation[len(without_null) :]}"


def _qualified(annotation: str, fields: Mapping[str, Any]) -> str:
    """The annotation with `models.` before the names of models."""
    return re.sub(r"(?<![\w.'])[A-Z]\w*", lambda m: f"models.{m[0]}" if m[0] in fields else m[0], annotation)


def _write_sync(package: Path) -> None:
    replaced = dict(_RULES)
    with tempfile.TemporaryDirectory(prefix="alcove-client-") as directory:
        source, target = Path(directory, "async"), Path(directory, "sync")
        source.mkdir()
        text = (package / "_async_client.py").read_text("utf-8")
        (source / "_client.py").write_text(text, "utf-8")
        rule = unasync.Rule(f"{source}/", f"{target}/", additional_replacements=replaced)
        unasync.unasync_files([str(source / "_client.py")], [rule])
        written = (target / "_client.py").read_text("utf-8")
    (package / "_client.py").write_text(
        _HEADER.format(title="A caller of the service.") + _after_docstring(written).lstrip(), "utf-8"
    )


def _after_docstring(module: str) -> str:
    (docstring, *_) = ast.parse(module).body
    return "\n".join(module.split("\n")[docstring.end_lineno :])


def main() -> int:
    """Read the OpenAPI document from the service's code and write the files."""
    sys.path.insert(0, str(HERE.parents[1]))
    import app  # noqa: F401 — registers the routes
    from chalicelib.core import openapi

    write(openapi.document())
    return 0


if __name__ == "__main__":
    sys.exit(main())
