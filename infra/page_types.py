"""How the pages of `docs/` write the type of a field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def type_name(schema: Mapping[str, Any]) -> str:
    """The type of a field by its JSON schema, such as `integer (1 to 100) or null`, in Markdown."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(type_name(kind) for kind in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        most = f" (at most {schema['maxItems']})" if "maxItems" in schema else ""
        return f"list{most} of {type_name(schema['items'])}"
    return f"{schema.get('format') or schema.get('type', 'anything')}{_bounds(schema)}"


def _bounds(schema: Mapping[str, Any]) -> str:
    if "exclusiveMinimum" in schema:
        return f" (above {schema['exclusiveMinimum']}, at most {schema.get('maximum', 'any')})"
    pairs = (("minimum", "maximum", ""), ("minLength", "maxLength", " characters"))
    for low, high, unit in pairs:
        if low in schema or high in schema:
            return f" ({schema.get(low, 0)} to {schema.get(high, 'any')}{unit})"
    return ""
