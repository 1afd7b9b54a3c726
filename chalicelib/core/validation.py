"""Validation of what a request brings: parts of the path, the query and the body, with pydantic's models."""

import functools
import re
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from chalicelib.core import errors, models, request

if TYPE_CHECKING:
    from pydantic import TypeAdapter

MAX_BODY_BYTES = 2 * 1024 * 1024
_MAX_ERRORS = 20

_OBJECT, _LIST, _TEXT = "must be a JSON object", "must be a list", "must be text"
_BOOLEAN, _NUMBER, _WHOLE = "must be true or false", "must be a number", "must be a whole number"
_UUID, _TIME = "must be a UUID", "must be a time such as 2026-01-31T12:00:00Z"
# In place of pydantic's sentences, by its types of errors: https://docs.pydantic.dev/latest/errors/validation_errors/
_SENTENCES = {
    "bool_parsing": _BOOLEAN,
    "bool_type": _BOOLEAN,
    "datetime_from_date_parsing": _TIME,
    "datetime_object_invalid": _TIME,
    "datetime_parsing": _TIME,
    "datetime_type": _TIME,
    "date_from_datetime_inexact": _TIME,
    "dict_type": _OBJECT,
    "extra_forbidden": "is not a known field",
    "finite_number": "must be a finite number",
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "frozen_set_type": _LIST,
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": "must be a smaller number",
    "int_type": _WHOLE,
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "list_type": _LIST,
    "missing": "is required",
    "model_attributes_type": _OBJECT,
    "model_type": _OBJECT,
    "multiple_of": "must be a multiple of {multiple_of}",
    "none_required": "must be null",
    "set_type": _LIST,
    "string_sub_type": _TEXT,
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "string_type": _TEXT,
    "string_unicode": "must be valid Unicode",
    "timezone_aware": _TIME,
    "uuid_parsing": _UUID,
    "uuid_type": _UUID,
    "uuid_version": _UUID,
}
_QUOTED = re.compile("'([^']*)'")
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


def json_body() -> bytes:
    """The current request's body, which is valid JSON. Raises UnsupportedMediaType, TooLarge, BadRequest."""
    kind = (request.header("content-type") or "application/json").split(";")[0].strip().lower()
    if kind != "application/json":
        raise errors.UnsupportedMediaType
    raw = request.raw_body()
    if len(raw) > MAX_BODY_BYTES:
        raise errors.TooLarge(f"A request body must have at most {MAX_BODY_BYTES} bytes (has {len(raw)}).")
    if not raw:
        raise errors.BadRequest("A JSON object is required as the body.")
    try:
        from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise errors.BadRequest("The body is not valid JSON.") from error
    return raw


def validate(model: type[BaseModel], value: Any) -> BaseModel:
    """`value` as a `model`: the bytes of a JSON body, whose types are exact, or a query, whose values are all text.

    Raises Unprocessable, which names each wrong field.
    """
    try:
        if isinstance(value, bytes):
            return model.model_validate_json(value, strict=True)
        return model.model_validate(value)
    except ValidationError as error:
        sentences: dict[str, dict[str, None]] = {}
        for place, sentence in _refusals(error, from_json(value) if isinstance(value, bytes) else value):
            sentences.setdefault(place, {})[sentence] = None
        # A field that may have values of several types has a sentence for each of them.
        details = [{"field": place, "message": ", or ".join(each)} for place, each in sentences.items()]
        raise errors.Unprocessable(errors=details[:_MAX_ERRORS]) from error


@contextmanager
def of_field(name: str) -> Iterator[None]:
    """Have what a model refuses that a view makes of a request's field `name` be refused as that field.

    Raises Unprocessable.
    """
    try:
        yield
    except ValidationError as error:
        raise errors.invalid_field(name, next(sentence for _, sentence in _refusals(error, None))) from error


def _refusals(error: ValidationError, value: Any) -> Iterator[tuple[str, str]]:
    """Of each error its field in `value`, a path with dots, and its sentence."""
    for detail in error.errors(include_url=False, include_input=False):
        sentence = _sentence(detail["type"], detail["msg"], detail.get("ctx", {}))
        yield ".".join(_path(detail["loc"], value, is_missing=detail["type"] == "missing")), sentence


def _path(location: Sequence[str | int], value: Any, *, is_missing: bool) -> Iterator[str]:
    """The parts of an error's location that lead through `value`: pydantic also names validators of its own there."""
    for part in location:
        # An index leads into a list, and never into a text.
        leads = part < len(value) if isinstance(part, int) and isinstance(value, list) else part in _keys(value)
        if leads:
            value = value[part]
        if leads or (is_missing and part == location[-1]):
            yield str(part)


def _keys(value: Any) -> Container[Any]:
    return value if isinstance(value, dict) else ()


def _sentence(kind: str, message: str, context: dict[str, Any]) -> str:
    """The public sentence for an error of pydantic: its type, its own sentence, and its context."""
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        return models.pattern_sentence(context["pattern"])
    if kind == "literal_error":
        return f"must be one of {', '.join(_QUOTED.findall(context['expected'])) or context['expected']}"
    if kind in {"string_too_short", "too_short"} and context["min_length"] == 1:
        return "must not be empty"
    if kind in {"too_long", "too_short"}:
        limit = f"most {context['max_length']}" if kind == "too_long" else f"least {context['min_length']}"
        unit = "items" if context["field_type"] in _COLLECTIONS else "characters"
        return f"must have at {limit} {unit} (has {context['actual_length']})"
    return _SENTENCES.get(kind, "is not valid").format_map(context)
