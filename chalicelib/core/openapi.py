"""The OpenAPI 3.1 document, generated from the endpoints, and a page that shows it."""

import html
import json
import re
from functools import cache
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from chalicelib.core import errors, http, validation
from chalicelib.core.http import Operation

NAME, VERSION = "Alcove", "0.1.0"
_REFERENCE = "#/components/schemas/{model}"
_BODY_PROBLEMS = {"400": "bad_request", "413": "too_large", "415": "unsupported_media_type", "422": "validation_failed"}
_PROOF = "With an access token, it requires a login of the last 15 minutes (403 `recent_login_required`)."


class _Names(GenerateJsonSchema):
    """pydantic's schemas, with names such as DocumentPage for a page of documents."""

    def normalize_name(self, name: str) -> str:
        return super().normalize_name(re.sub(r"^Page\[(\w+)\]", r"\1Page", name))


@cache
def document() -> dict[str, Any]:
    """The document as plain data. It depends on the code alone, so it is composed without the database."""
    operations = [(path, method.lower(), entry) for path, method, entry in http.operations()]
    schemas, definitions = _schemas(operation for _, _, operation in operations)
    paths: dict[str, dict[str, Any]] = {}
    for path, method, operation in operations:
        paths.setdefault(path, {})[method] = _operation(path, method, operation, schemas)
    components = definitions.get("$defs", {}) | {"Problem": _problem_schema()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": NAME,
            "version": VERSION,
            "summary": "Private, cited answers over an organisation's own documents.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


@cache
def document_json() -> str:
    """The document as JSON text."""
    return json.dumps(document(), ensure_ascii=False)


def _schemas(operations: Any) -> tuple[dict[Any, Any], dict[str, Any]]:
    inputs, outputs = [], []
    for operation in operations:
        inputs += [kind for kind in (operation.body,) if kind is not None]
        outputs += [operation.result] if hasattr(operation.result, "model_json_schema") else []
    model_modes = [(kind, "validation") for kind in dict.fromkeys(inputs)]
    model_modes += [(kind, "serialization") for kind in dict.fromkeys(outputs)]
    return models_json_schema(model_modes, ref_template=_REFERENCE, schema_generator=_Names)  # type: ignore[arg-type]


def _operation(path: str, method: str, operation: Operation, schemas: dict[Any, Any]) -> dict[str, Any]:
    words = (operation.view.__doc__ or "").strip()
    described: dict[str, Any] = {
        "operationId": operation.view.__name__,
        "summary": words.split("\n")[0],
        "tags": [path.split("/")[1] or "service"],
        "parameters": [*_path_parameters(operation), *_query_parameters(operation)],
        "responses": _responses(operation, schemas),
    }
    if "\n" in words:
        described["description"] = " ".join(line.strip() for line in words.split("\n")[1:]).strip()
    if operation.proof:
        described["description"] = f"{described.get('description', '')} {_PROOF}".strip()
    if operation.authenticated:
        # OpenAPI 3.1 allows role names in every security scheme: here, the required scope.
        described["security"] = [{"bearer": [operation.required_scope(method.upper())]}]
    if operation.body is not None:
        content = {"application/json": {"schema": schemas[operation.body, "validation"]}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": validation.adapter(kind).json_schema()}
        for name, kind in operation.path.items()
    ]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    schema = TypeAdapter(operation.query).json_schema(ref_template=_REFERENCE)
    return [
        {"name": name, "in": "query", "required": name in schema.get("required", []), "schema": field}
        for name, field in schema["properties"].items()
    ]


def _responses(operation: Operation, schemas: dict[Any, Any]) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Success"}
    if (operation.result, "serialization") in schemas:
        success["content"] = {operation.media_type: {"schema": schemas[operation.result, "serialization"]}}
    elif operation.status != 204:
        success["content"] = {operation.media_type: {"schema": {"type": "string"}}}
    problems = {"500": "internal_error", "503": "unavailable"}
    if operation.authenticated:
        problems |= {"401": "unauthorized", "403": "forbidden"}
    if operation.limit is not None:
        problems["429"] = "rate_limited"
    if operation.path:
        problems["404"] = "not_found"
    if operation.authenticated and operation.status in {201, 202}:
        problems["409"] = "idempotency_mismatch"
    if operation.body is not None:
        problems |= _BODY_PROBLEMS
    elif operation.query is not None:
        problems["422"] = "validation_failed"
    schema = {"$ref": _REFERENCE.format(model="Problem")}
    described = {
        status: {"description": errors.codes()[code][1], "content": {"application/problem+json": {"schema": schema}}}
        for status, code in problems.items()
    }
    without_body = {"description": "Success"}
    successes = {str(status): without_body if status in {204, 304} else success for status in operation.also}
    return dict(sorted({str(operation.status): success, **successes, **described}.items()))


def _problem_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "A problem document (RFC 9457).",
        "required": ["type", "title", "status", "code", "request_id"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"type": "string", "enum": list(errors.codes())},
            "detail": {"type": "string"},
            "request_id": {"type": "string"},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                },
            },
        },
    }


_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430}"
    "h2{margin-top:2.5rem;text-transform:capitalize}code,pre{font:14px/1.5 ui-monospace,monospace}"
    "section{border-top:1px solid #d8dee6;padding:.6rem 0}pre{background:#f4f6f8;padding:.8rem;overflow:auto}"
    ".method{display:inline-block;min-width:4.5rem;font-weight:700;color:#0b5cad}summary{cursor:pointer;color:#556}"
    "@media(prefers-color-scheme:dark){body{background:#12161c;color:#dde3ea}pre{background:#1c222b}"
    "section{border-color:#303845}.method{color:#6bb1ff}summary{color:#9aa7b5}}"
)


@cache
def page() -> str:
    """The document as one HTML page without scripts or outside resources."""
    described, title = document(), f"{NAME} API"
    parts: dict[str, list[str]] = {}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            parts.setdefault(operation["tags"][0], []).append(_section(path, method, operation))
    body = "".join(f"<h2>{html.escape(tag)}</h2>{''.join(sections)}" for tag, sections in sorted(parts.items()))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title} {VERSION}</h1>"
        '<p>Machine-readable: <a href="openapi.json">openapi.json</a>. Send '
        "<code>Authorization: Bearer &lt;access token&gt;</code> where 🔒 is shown.</p>"
        f"{body}<h2>Schemas</h2>{_details('all', described['components']['schemas'])}</body></html>"
    )


def _section(path: str, method: str, operation: dict[str, Any]) -> str:
    lock = " 🔒" if "security" in operation else ""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return (
        f'<section id="{html.escape(operation["operationId"])}"><span class="method">{method.upper()}</span> '
        f"<code>{html.escape(path)}</code>{lock}<p>{html.escape(operation['summary'])} "
        f"{html.escape(operation.get('description', ''))}</p>"
        f"{_details('parameters', operation['parameters'])}{_details('body', body)}"
        f"{_details('responses', operation['responses'])}</section>"
    )


def _details(title: str, details_html: Any) -> str:
    if not details_html:
        return ""
    text = html.escape(json.dumps(details_html, indent=2, ensure_ascii=False))
    return f"<details><summary>{html.escape(title)}</summary><pre>{text}</pre></details>"
