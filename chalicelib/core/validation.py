"""Validation of what a request brings: parts of the path, the query and the body, with pydantic's models."""

import functools
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from chalicelib.core import errors, request

if TYPE_CHECKING:
    from pydantic import TypeAdapter

MAX_BODY_BYTES = 2 * 1024 * 1024
_MAX_ERRORS = 20

# In place of those of pydantic's sentences that speak of Python.
_SENTENCES = {
    "dict_type": "must be a JSON object",
    "extra_forbidden": "is not a known field",
    "missing": "is required",
    "model_attributes_type": "must be a JSON object",
    "model_type": "must be a JSON object",
}
# What pydantic calls the kinds of values that have items; other values with a length are texts.
_COLLECTIONS = {"Dictionary", "Frozenset", "List", "Set", "Tuple"}


@functools.cache
def adapter(kind: Any) -> "TypeAdapter[Any]":
    """The validator of a part of the path, built on first use."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def path_part(kind: Any, text: str) -> Any:
    """A part of the path as its type. Raises NotFound."""
    try:
        return adapter(kind).validate_python(text)
    except ValidationError as error:
        raise errors.NotFound from error


def json_body() -> Any:
    """The current request's body. Raises UnsupportedMediaType, TooLarge, BadRequest."""
    kind = (request.header("content-type") or "application/json").split(";")[0].strip().lower()
    if kind != "application/json":
        raise errors.UnsupportedMediaType
    raw = request.raw_body()
    if len(raw) > MAX_BODY_BYTES:
        raise errors.TooLarge(f"A request body must have at most {MAX_BODY_BYTES} bytes (has {len(raw)}).")
    if not raw:
        raise errors.BadRequest("A JSON object is required as the body.")
    try:
        return from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise errors.BadRequest("The body is not valid JSON.") from error


def validate(model: type[BaseModel], value: Any) -> BaseModel:
    """`value` as a `model`. Raises Unprocessable, which names each wrong field."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        details = [
            {
                "field": ".".join(str(part) for part in detail["loc"]),
                "message": _sentence(detail["type"], detail["msg"], detail.get("ctx", {})),
            }
            for detail in error.errors(include_url=False, include_input=False)[:_MAX_ERRORS]
        ]
        raise errors.Unprocessable(errors=details) from error


def _sentence(kind: str, message: str, context: dict[str, Any]) -> str:
    if kind == "string_pattern_mismatch" and context["pattern"] == r"\S":
        return "must not be blank"
    if kind in {"too_long", "too_short"}:
        limit = f"most {context['max_length']}" if kind == "too_long" else f"least {context['min_length']}"
        unit = "items" if context["field_type"] in _COLLECTIONS else "characters"
        return f"must have at {limit} {unit} (has {context['actual_length']})"
    return _SENTENCES.get(kind) or message.removeprefix("Value error, ")
