"""The components of the OpenAPI document that all operations share: headers, problem documents, the credential."""

from typing import Any

from chalicelib.core import errors, headers, openapi_words
from chalicelib.core.openapi_schemas import REFERENCE

# Headers that OpenAPI describes in other ways.
IMPLIED = {"Authorization", "Content-Type"}


def shared_components() -> dict[str, Any]:
    """The headers of requests and responses, and the credential."""
    credential = "An access token from a login, or an API key. Roles name the scope that is required."
    bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": credential}
    return {
        "parameters": {key(name): _parameter(name) for name in headers.REQUEST if name not in IMPLIED},
        # Only a 405 has Allow, and no operation has a 405.
        "headers": {key(name): _header(name) for name in headers.RESPONSE if name != "Allow"},
        "securitySchemes": {"bearer": bearer},
    }


def key(name: str) -> str:
    """The name of a header's component."""
    return name.replace("-", "")


def header_reference(name: str) -> dict[str, str]:
    """A reference to the component of a response's header."""
    return {"$ref": f"#/components/headers/{key(name)}"}


def _header(name: str) -> dict[str, Any]:
    header = headers.RESPONSE[name]
    schema = {"type": "string", "examples": [header.example]} | ({"pattern": header.pattern} if header.pattern else {})
    return {"description": header.description, "schema": schema}


def _parameter(name: str) -> dict[str, Any]:
    header = headers.REQUEST[name]
    schema = {"type": "string", "examples": [header.example]} | ({"pattern": header.pattern} if header.pattern else {})
    return {"name": name, "in": "header", "required": False, "description": header.description, "schema": schema}


def problem_schemas() -> dict[str, Any]:
    """The schemas of problem documents."""
    fields = openapi_words.tables()["Problem"]
    kinds: dict[str, Any] = {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"$ref": REFERENCE.format(model="ErrorCode")},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {"type": "array", "items": {"$ref": REFERENCE.format(model="FieldError")}},
    }
    described = {name: {**kind, **_described(fields[name])} for name, kind in kinds.items()}
    field_words = openapi_words.tables()["FieldError"]
    return {
        "Problem": {
            "title": "Problem",
            "type": "object",
            "description": "A problem document (RFC 9457).",
            "required": ["type", "title", "code", "request_id"],
            "properties": described,
        },
        "FieldError": {
            "title": "FieldError",
            "type": "object",
            "description": "What is wrong with one field of the request.",
            "required": ["field", "message"],
            "properties": {name: {"type": "string", **_described(field_words[name])} for name in ("field", "message")},
        },
        "ErrorCode": {
            "title": "ErrorCode",
            "type": "string",
            "description": "What is wrong, for programs. docs/errors.md explains each code.",
            "enum": list(errors.codes()),
        },
    }


def _described(entry: Any) -> dict[str, Any]:
    description, *examples = entry if isinstance(entry, list) else [entry]
    return {"description": description} | ({"examples": examples} if examples else {})
