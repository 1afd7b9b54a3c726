"""The schemas of the OpenAPI document, from the models of requests, responses and events.

pydantic makes them. Here they get what pydantic does not know: descriptions and examples (core/openapi_words.py), enums
with names of their own, and one schema for each shape of a body that has several.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from chalicelib.core import openapi_words
from chalicelib.core.models import Request, Shape

REFERENCE = "#/components/schemas/{model}"
Schema = dict[str, Any]


class _Names(GenerateJsonSchema):
    """pydantic's schemas, with names such as DocumentPage for a page of documents."""

    def normalize_name(self, name: str) -> str:
        return super().normalize_name(re.sub(r"^Page\[(\w+)\]", r"\1Page", name))


class Schemas:
    """The components of these models; `bodies` are validated, `results` serialised."""

    def __init__(self, bodies: Iterable[Any], results: Iterable[Any]) -> None:
        modes = [(kind, "validation") for kind in dict.fromkeys(bodies)]
        modes += [(kind, "serialization") for kind in dict.fromkeys(results)]
        self._references, definitions = models_json_schema(
            modes,  # type: ignore[arg-type]
            ref_template=REFERENCE,
            schema_generator=_Names,
        )
        self.components: dict[str, Schema] = definitions.get("$defs", {})
        self._models = {model.__name__: model for model in _below(BaseModel)}
        for name, schema in list(self.components.items()):
            model = self._model(name)
            _clean(schema)
            _describe(schema, model)
            if model is not None and issubclass(model, Request):
                self._split(name, schema, model.shapes())
        self._name_enums()
        self._name_objects()

    def reference(self, model: Any, mode: str) -> Schema | None:
        """The reference to a model's component, or None for what is not a model."""
        references: dict[Any, Schema] = {**self._references}
        return references.get((model, mode))

    def parameters(self, query: type[BaseModel]) -> Iterator[tuple[str, Schema, bool]]:
        """The parameters of a query: name, schema with description and example, and whether it is required."""
        schema = TypeAdapter(query).json_schema(ref_template=REFERENCE)
        _clean(schema)
        _describe(schema, query)
        for name, field in schema["properties"].items():
            self._replace(field)
            yield name, _without_null(field), name in schema.get("required", [])

    def part(self, kind: Any, name: str) -> Schema:
        """The schema of a part of the path."""
        schema = TypeAdapter(kind).json_schema()
        _add_words(schema, openapi_words.of_path(name))
        self._replace(schema)
        return schema

    def _model(self, name: str) -> type[BaseModel] | None:
        return self._models.get(name) or self._models.get("Page" if name.endswith("Page") else name)

    def _split(self, name: str, schema: Schema, shapes: Mapping[str, Shape]) -> None:
        """Make one component of each shape, and the component `name` one of them."""
        for shape_name, shape in shapes.items():
            properties = {key: dict(value) for key, value in schema["properties"].items() if key not in shape.without}
            for key in shape.required & properties.keys():
                properties[key] = _without_null(properties[key])
            for key, values in shape.values.items():
                words = {word: properties[key][word] for word in ("description",) if word in properties[key]}
                properties[key] = {"type": "string", "enum": list(values), "examples": [values[0]], **words}
            required = [key for key in properties if key in {*schema.get("required", []), *shape.required}]
            self.components[shape_name] = {
                **schema,
                "title": shape_name,
                "description": shape.description,
                "properties": properties,
                "required": required,
            }
        if shapes:
            references = [{"$ref": REFERENCE.format(model=shape_name)} for shape_name in shapes]
            self.components[name] = {"title": name, "description": schema["description"], "oneOf": references}

    def _name_enums(self) -> None:
        self._enums: dict[tuple[str, ...], str] = {}
        named = {}
        for name, (place, description) in openapi_words.tables()["enums"].items():
            model, _, field = place.partition(".")
            values = tuple(next(_enums_in(self._field(model, field))))
            if values in self._enums:
                raise ValueError(f"the enums {name} and {self._enums[values]} have the same values: keep one")
            self._enums[values] = name
            named[name] = {"title": name, "type": "string", "enum": list(values), "description": description}
        for schema in self.components.values():
            self._replace(schema)
        self.components |= named

    def _name_objects(self) -> None:
        """Name fields that are objects without a schema, where generated clients would name them as a component."""
        for name, schema in self.components.items():
            for field, kind in schema.get("properties", {}).items():
                title = f"{name}{field.title().replace('_', '')}"
                if kind.get("type") == "object" and title in self.components:
                    kind["title"] = f"{title}Values"

    def _field(self, model: str, field: str) -> Schema:
        if model in self.components and "properties" in self.components[model]:
            matches: Schema = self.components[model]["properties"][field]
            return matches
        schema = TypeAdapter(self._models[model]).json_schema(ref_template=REFERENCE)
        _clean(schema)
        return schema["properties"][field]  # type: ignore[no-any-return]

    def _replace(self, schema: Any) -> None:
        """Have every enum inside of the schema refer to its name."""
        if isinstance(schema, list):
            for item in schema:
                self._replace(item)
        elif isinstance(schema, dict):
            name = self._enums.get(tuple(schema["enum"])) if isinstance(schema.get("enum"), list) else None
            if name is not None:
                del schema["enum"]
                schema.pop("type", None)
                schema["$ref"] = REFERENCE.format(model=name)
            for key, value in schema.items():
                if key not in {"examples", "default"}:
                    self._replace(value)


def _below(kind: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in kind.__subclasses__():
        if model.__module__.startswith("chalicelib.") and model.__module__ in sys.modules:
            yield model
        yield from _below(model)


def _clean(schema: Schema) -> None:
    """Remove the titles of fields, which repeat their names, and the defaults of null."""
    for field in schema.get("properties", {}).values():
        field.pop("title", None)
        if field.get("default", ...) is None:
            del field["default"]
        if all("enum" in kind for kind in field.get("anyOf", [{}])):
            field |= {"type": "string", "enum": [value for kind in field.pop("anyOf") for value in kind["enum"]]}
        if field.get("uniqueItems") and "default" in field:
            field["default"] = sorted(field["default"])
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())
    for inner in schema.get("$defs", {}).values():
        _clean(inner)


def _describe(schema: Schema, model: type[BaseModel] | None) -> None:
    for name, field in schema.get("properties", {}).items():
        _add_words(field, openapi_words.of_field(model, name))


def _add_words(field: Schema, words: tuple[str, list[Any]] | None) -> None:
    description, examples = words or (None, [])
    if description is not None:
        field["description"] = description
    if examples or openapi_words.example_of(field):
        field["examples"] = examples or openapi_words.example_of(field)


def _enums_in(schema: Any) -> Iterator[list[str]]:
    if isinstance(schema, list):
        for item in schema:
            yield from _enums_in(item)
    elif isinstance(schema, dict):
        if isinstance(schema.get("enum"), list):
            yield schema["enum"]
        for key, value in schema.items():
            if key != "examples":
                yield from _enums_in(value)


def _without_null(field: Schema) -> Schema:
    kinds = [kind for kind in field.get("anyOf", []) if kind != {"type": "null"}]
    if not kinds:
        return field
    rest = {key: value for key, value in field.items() if key != "anyOf"}
    return {**kinds[0], **rest} if len(kinds) == 1 else {"anyOf": kinds, **rest}
