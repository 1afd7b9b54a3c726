"""The OpenAPI document describes everything that the routes take and give, from their code."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from chalicelib.core import errors, headers, http, openapi, openapi_words, reachable
from chalicelib.core.models import Request
from tests.service import Service

Schema = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Schema:
    loaded: Schema = json.loads(openapi.generated())
    return loaded


def _operations(document: Schema) -> Iterator[tuple[str, Schema]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def _schemas(part: Any, place: str) -> Iterator[tuple[str, Schema]]:
    """Every schema of a field, with its place."""
    if isinstance(part, dict):
        for name, field in part.get("properties", {}).items() if isinstance(part.get("properties"), dict) else ():
            yield f"{place}.{name}", field
        for key, value in part.items():
            if key not in {"examples", "properties"}:
                yield from _schemas(value, place)
    elif isinstance(part, list):
        for value in part:
            yield from _schemas(value, place)


def _fields(document: Schema) -> list[tuple[str, Schema]]:
    """Every field of every schema, and every parameter."""
    fields = [field for name, schema in document["components"]["schemas"].items() for field in _schemas(schema, name)]
    for where, operation in _operations(document):
        for parameter in operation.get("parameters", []):
            if "$ref" not in parameter:
                fields.append((f"{where} ?{parameter['name']}", {**parameter["schema"], **_without_schema(parameter)}))
    return fields


def _without_schema(parameter: Schema) -> Schema:
    return {key: value for key, value in parameter.items() if key == "description"}


def _names_a_schema(field: Schema) -> bool:
    kinds = [field, field.get("items", {}), *field.get("anyOf", [])]
    kinds += [kind.get("items", {}) for kind in field.get("anyOf", [])]
    return any("$ref" in kind for kind in kinds)


def _example_free(field: Schema) -> bool:
    """Whether the field's example stands in another schema, or in its own values."""
    return _names_a_schema(field) or field.get("type") == "null" or "const" in field


def test_the_document_is_valid(document: Schema) -> None:
    OpenAPIV31SpecValidator(document).validate()


def test_every_field_has_a_description_and_an_example(document: Schema) -> None:
    fields = _fields(document)
    assert len(fields) > 600
    undescribed = [place for place, field in fields if not field.get("description") and "JobEvent" not in place]
    assert not undescribed
    sentences = [field["description"] for _, field in fields if "description" in field]
    assert not [sentence for sentence in sentences if not sentence.endswith((".", "…`."))]
    assert not [place for place, field in fields if not field.get("examples") and not _example_free(field)]


def test_every_example_is_valid(document: Schema) -> None:
    components = {"components": document["components"]}
    wrong = []
    for place, field in _fields(document):
        for example in field.get("examples", []):
            try:
                jsonschema.Draft202012Validator({**field, **components}).validate(example)
            except jsonschema.ValidationError as error:
                wrong.append((place, error.message))
    assert not wrong


def test_every_word_describes_something_that_exists(document: Schema) -> None:
    known = {model.__name__ for model in _all_models()} | {
        "Problem",
        "FieldError",
        "shared",
        "api",
        "path",
        "tags",
        "enums",
    }
    assert not openapi_words.tables().keys() - known
    names = {name for path in document["paths"] for name in re.findall(r"\{(\w+)\}", path)}
    assert openapi_words.tables()["path"].keys() == names
    assert openapi_words.tables()["tags"].keys() == {tag["name"] for tag in document["tags"]}


def _all_models() -> Iterator[type[Any]]:
    from pydantic import BaseModel

    from chalicelib.core.openapi_schemas import _below

    yield from _below(BaseModel)


def test_every_component_is_used(document: Schema) -> None:
    text = json.dumps(document)
    unused = {
        f"#/components/{kind}/{name}"
        for kind, components in document["components"].items()
        if kind != "securitySchemes"
        for name in components
        if f'"#/components/{kind}/{name}"' not in text
    }

    assert unused == set()


def test_every_tag_is_declared_with_a_description(document: Schema) -> None:
    assert all(tag["description"].endswith(".") for tag in document["tags"])
    used = {tag for _, operation in _operations(document) for tag in operation["tags"]}
    assert used == {tag["name"] for tag in document["tags"]}


def test_every_enum_has_a_name(document: Schema) -> None:
    components = document["components"]["schemas"]
    named = {name for name, schema in components.items() if "enum" in schema}
    assert {"DocumentStatus", "JobStatus", "SearchMode", "ErrorCode"} <= named
    inline = [place for place, field in _fields(document) if len(field.get("enum", [])) > 1 and "$ref" not in field]
    # A part of the names of an enum: what can be rated, and what can be unlinked.
    assert [place.rpartition(" ")[2] for place in inline] == ["NewRating.kind", "?login_provider"]


def test_a_body_of_two_shapes_says_so(document: Schema) -> None:
    components = document["components"]["schemas"]
    shaped = [model for model in _all_models() if issubclass(model, Request) and model.shapes()]
    assert {model.__name__ for model in shaped} >= {"LoginRequest", "NewDocument", "AccountUpgrade", "NewFeedback"}
    for model in shaped:
        if model.__name__ in components:
            assert [kind["$ref"].rsplit("/", 1)[1] for kind in components[model.__name__]["oneOf"]] == list(
                model.shapes()
            )


def test_the_least_body_of_each_shape_is_accepted(document: Schema) -> None:
    """What the document calls enough is enough for the service, and what it calls too much is refused."""
    components = document["components"]["schemas"]
    for model in _all_models():
        for name in model.shapes() if issubclass(model, Request) and model.__name__ in components else ():
            shape = components[name]
            body = {key: _example(shape["properties"][key], components) for key in shape["required"]}
            model.model_validate_json(json.dumps(body), strict=True)


def _example(field: Schema, components: Schema) -> Any:
    if field.get("examples"):
        return field["examples"][0]
    schema = components[field["$ref"].rsplit("/", 1)[1]]
    if "enum" in schema:
        return schema["enum"][0]
    if "oneOf" in schema:
        return _example(schema["oneOf"][0], components)
    return {key: _example(schema["properties"][key], components) for key in schema["required"]}


def test_times_have_their_format(document: Schema) -> None:
    timed = [field for place, field in _fields(document) if place.endswith("_at")]
    assert len(timed) > 50
    for field in timed:
        kinds = [field, *field.get("anyOf", [])]
        assert "date-time" in {kind.get("format") for kind in kinds}


def test_public_routes_require_no_credential(document: Schema) -> None:
    operations = dict(_operations(document))
    assert operations["POST /auth/login"]["security"] == []
    assert operations["GET /auth/oidc/start"]["security"] == [{}, {"bearer": ["account"]}]
    assert operations["GET /users"]["security"] == [{"bearer": ["admin"]}]
    assert all("security" in operation for operation in operations.values())


def test_headers_are_declared_where_the_code_uses_them(document: Schema) -> None:
    def sent(where: str) -> set[str]:
        parameters = dict(_operations(document))[where].get("parameters", [])
        return {parameter["$ref"].rsplit("/", 1)[1] for parameter in parameters if "$ref" in parameter}

    assert sent("POST /documents") == {"IdempotencyKey", "XRequestId"}
    assert sent("PATCH /config/dynamic") == {"IfMatch", "XRequestId"}
    assert sent("GET /jobs/{job_id}/events") == {"LastEventID", "XRequestId"}
    assert sent("GET /auth/oidc/callback") >= {"XLoginSecret"}
    created = dict(_operations(document))["POST /conversations"]["responses"]["201"]
    assert created["headers"].keys() == {"Location", "X-Request-Id"}
    assert "ETag" in dict(_operations(document))["GET /config/dynamic"]["responses"]["200"]["headers"]
    throttled = [response for name, response in document["components"]["responses"].items() if "rate_limited" in name]
    assert throttled
    assert all("Retry-After" in response["headers"] for response in throttled)
    assert document["components"]["headers"].keys() == {name.replace("-", "") for name in headers.RESPONSE} - {"Allow"}


def test_statuses_come_from_the_code(document: Schema) -> None:
    def codes(where: str, status: int) -> str:
        reference: str = dict(_operations(document))[where]["responses"][str(status)]["$ref"]
        return document["components"]["responses"][reference.rsplit("/", 1)[1]]["description"]  # type: ignore[no-any-return]

    assert "`bad_cursor`" in codes("GET /documents", 400)
    assert "`bad_credentials`" in codes("POST /auth/login", 401)
    assert "`not_found`" in codes("POST /analytics/compare", 404)  # of ids in the body
    assert "`email_taken`" in codes("POST /users", 409)
    assert "`stale_update`" in codes("PATCH /config/dynamic", 412)
    assert "`model_failed`" in codes("POST /llms/{llm_id}/test", 502)
    assert "302" in dict(_operations(document))["GET /auth/oidc/start"]["responses"]
    assert {"200", "201"} <= dict(_operations(document))["POST /memories"]["responses"].keys()


def test_every_code_that_a_view_can_raise_is_found() -> None:
    """Every code of the service is found behind some route: the search loses none."""
    declared = set().union(
        *(set().union(*openapi.outcomes(operation).values()) for _, _, operation in http.operations())
    )
    assert errors.codes().keys() - declared <= {"method_not_allowed"}  # no route's own


def test_events_of_a_job_are_schemas(document: Schema) -> None:
    success = dict(_operations(document))["GET /jobs/{job_id}/events"]["responses"]["200"]["content"][
        "text/event-stream"
    ]
    assert success["schema"]["contentSchema"] == {"$ref": "#/components/schemas/JobEvent"}
    kinds = document["components"]["schemas"]["JobEvent"]["oneOf"]
    assert {kind["properties"]["event"]["const"] for kind in kinds} >= {"meta", "token", "done", "error"}


def test_operations_share_their_problem_responses(document: Schema) -> None:
    problems = [
        (where, status, response)
        for where, operation in _operations(document)
        for status, response in operation["responses"].items()
        if status >= "4"
    ]
    assert not [(where, status) for where, status, response in problems if response.keys() != {"$ref"}]
    shared = [json.dumps(response, sort_keys=True) for response in document["components"]["responses"].values()]
    assert len(shared) == len(set(shared)) < len(problems) / 4


def test_the_served_document_names_its_own_server(service: Service) -> None:
    served = service.gateway("GET", "/openapi.json").json
    assert served["servers"][0]["url"] == "https://answers.example.org/v1"
    assert served["info"]["title"] == "Alcove"


def test_the_search_for_codes_follows_closures_and_methods() -> None:
    views = {operation.view.__name__: operation.view for _, _, operation in http.operations()}
    assert "name_taken" in reachable.of(views["create_repository"]).codes  # in a lambda
    assert "bad_cursor" in reachable.of(views["list_documents"]).codes  # in a method of the query
    assert "model_active" in reachable.of(views["activate_embedding_model"]).codes  # made of two parts
