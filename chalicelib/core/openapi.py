"""The OpenAPI 3.1 document of the API, generated from its operations, their models and their code.

A deployed function serves the document that infra/package.py generated; elsewhere it is generated when it is requested.
"""

import functools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

import chalicelib
from chalicelib.core import errors, headers, http, openapi_words, reachable
from chalicelib.core.http import Operation
from chalicelib.core.openapi_schemas import REFERENCE, Schemas
from chalicelib.core.openapi_shared import IMPLIED, header_reference, key, problem_schemas, shared_components

NAME, VERSION = "Alcove", "0.1.0"
_PROOF = "With an access token, it requires a login of the last 15 minutes (403 `recent_login_required`)."
_SERVER = "."  # relative to the document: replaced by the address that it is requested at
_BODY_CODES = {"bad_request", "too_large", "unsupported_media_type", "validation_failed"}
_HEADERS_OF_STATUSES = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}
_SUCCESSES = {
    204: "Done; the response has no body.",
    302: "A redirect to `Location`.",
    304: "The client has this version; the response has no body.",
}


def text(address: str) -> str:
    """The document as JSON; `address` is the API's. It depends on the code alone, and requires no database."""
    before, _, after = _whole().partition(_json(_SERVER))
    return before + _json(address or _SERVER) + after


@functools.cache
def _whole() -> str:
    file = Path(chalicelib.__path__[0]).with_name("openapi.json")
    return file.read_text("utf-8") if file.is_file() else generated()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def generated() -> str:
    """The document as JSON, generated now."""
    return _json(document())


@functools.cache
def document() -> dict[str, Any]:
    """The document as plain data."""
    operations = [(path, method, operation) for path, method, operation in http.operations()]
    schemas = _schemas([operation for _, _, operation in operations])
    builder = _Operations(schemas)
    paths: dict[str, dict[str, Any]] = {}
    for path, method, operation in operations:
        paths.setdefault(path, {})[method.lower()] = builder.operation(path, method, operation)
    tags = {operation["tags"][0] for methods in paths.values() for operation in methods.values()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": NAME,
            "version": VERSION,
            "summary": "Private, cited answers over an organisation's own documents.",
            "description": openapi_words.tables()["api"]["description"],
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": _SERVER, "description": "This deployment."}],
        "security": [{"bearer": []}],
        "tags": [{"name": tag, "description": openapi_words.tables()["tags"].get(tag, "")} for tag in sorted(tags)],
        "paths": paths,
        "components": {
            "schemas": dict(sorted((schemas.components | problem_schemas()).items())),
            "responses": dict(sorted(builder.responses.items())),
            **shared_components(),
        },
    }


# Of fields of queries and bodies: core/cursors.py and core/http.py. Without a `limit`, what a response holds is
# bounded, or the view refuses it.
_FIELD_CODES = {"cursor": "bad_cursor", "limit": "response_too_large"}


def outcomes(operation: Operation) -> dict[int, set[str]]:
    """Every status that the operation's responses can have, with the error codes of each; none for a success."""
    reach = reachable.of(operation.view)
    statuses: dict[int, set[str]] = {status: set() for status in (operation.status, *operation.also, *reach.statuses)}
    codes = {"internal_error", "unavailable", "waking", "rate_limited", "timeout", *reach.codes}
    if operation.authenticated or operation.optional:
        codes |= {"unauthorized", "insufficient_scope"}
    if operation.admin:
        codes |= {"forbidden", "second_factor_required"}
    if operation.proof:
        codes.add("recent_login_required")
    if operation.path:
        codes.add("not_found")
    if operation.query is not None:
        codes.add("validation_failed")
    fields = {name for model in (operation.query, operation.body) if model is not None for name in model.model_fields}
    codes |= {code for name, code in _FIELD_CODES.items() if name in fields}
    if operation.body is not None:
        codes |= _BODY_CODES
    if operation.body is not None or operation.status == 202:
        codes |= _refusals(operation)
    for code in codes:
        statuses.setdefault(errors.codes()[code][0], set()).add(code)
    return statuses


def _refusals(operation: Operation) -> set[str]:
    """The codes of what the database refuses in the operation's wing (errors.register_refusal)."""
    wing = operation.view.__module__.rpartition(".")[0]
    builders = [build for build in errors.refusals() if build.__module__.rpartition(".")[0] == wing]
    return set().union(*(reachable.of(build).codes for build in builders))


def _result(operation: Operation) -> Any:
    """What a success returns: `Feedback` of `Feedback | None`, because a success without a result is a 204 or a 302."""
    kinds = [kind for kind in get_args(operation.result) if kind is not type(None)]
    return kinds[0] if len(kinds) == 1 and type(None) in get_args(operation.result) else operation.result


def _schemas(operations: list[Operation]) -> Schemas:
    bodies = [operation.body for operation in operations if operation.body is not None]
    results = [kind for kind in map(_result, operations) if hasattr(kind, "model_json_schema")]
    events = [payload for operation in operations for payloads in _events(operation).values() for payload in payloads]
    return Schemas(bodies, [*results, *events])


def _events(operation: Operation) -> Mapping[str, Iterable[Any]]:
    return operation.events() if operation.events is not None else {}


class _Operations:
    """Operations, and the responses that several of them share."""

    def __init__(self, schemas: Schemas) -> None:
        self.responses: dict[str, Any] = {}
        self._schemas = schemas

    def operation(self, path: str, method: str, operation: Operation) -> dict[str, Any]:
        """One operation of the document."""
        words = (operation.view.__doc__ or "").strip()
        summary, _, more = words.partition("\n\n")
        described: dict[str, Any] = {
            "operationId": operation.view.__name__,
            "summary": " ".join(summary.split()),
            "tags": [path.split("/")[1] or "service"],
        }
        if more:
            described["description"] = " ".join(more.split())
        if operation.proof:
            described["description"] = f"{described.get('description', '')} {_PROOF}".strip()
        described["security"] = self._security(method, operation)
        parameters = [*self._parameters(operation), *_header_parameters(operation)]
        if parameters:
            described["parameters"] = parameters
        if operation.body is not None:
            content = {"application/json": {"schema": self._schemas.reference(operation.body, "validation")}}
            described["requestBody"] = {"required": True, "content": content}
        described["responses"] = self._responses(operation)
        return described

    def _security(self, method: str, operation: Operation) -> list[dict[str, list[str]]]:
        if operation.authenticated:
            # OpenAPI 3.1 allows role names in every security scheme: here, the required scope.
            return [{"bearer": [operation.required_scope(method)]}]
        return [{}, {"bearer": [operation.required_scope(method)]}] if operation.optional else []

    def _parameters(self, operation: Operation) -> list[dict[str, Any]]:
        parts = [
            _moved_words({"name": name, "in": "path", "required": True, "schema": self._schemas.part(kind, name)})
            for name, kind in operation.path.items()
        ]
        query = self._schemas.parameters(operation.query) if operation.query is not None else ()
        return parts + [
            _moved_words({"name": name, "in": "query", "required": required, "schema": schema})
            for name, schema, required in query
        ]

    def _responses(self, operation: Operation) -> dict[str, Any]:
        responses: dict[str, Any] = {}
        for status, codes in sorted(outcomes(operation).items()):
            responses[str(status)] = self._problem(status, codes) if codes else self._success(status, operation)
        return responses

    def _success(self, status: int, operation: Operation) -> dict[str, Any]:
        sent = reachable.of(operation.view).response_headers & headers.RESPONSE.keys()
        success: dict[str, Any] = {
            "description": _SUCCESSES.get(status, "Success."),
            "headers": {name: header_reference(name) for name in sorted({*sent, "X-Request-Id"})},
        }
        if status in _SUCCESSES or operation.result is type(None):
            return success
        schema = self._schemas.reference(_result(operation), "serialization") or _text_schema(operation)
        if operation.events is not None:
            described = "Server-sent events, each as `contentSchema` describes it."
            event = {"$ref": REFERENCE.format(model=self._stream(operation))}
            schema |= {"description": described, "contentMediaType": operation.media_type, "contentSchema": event}
        success["content"] = {operation.media_type: {"schema": schema}}
        return success

    def _stream(self, operation: Operation) -> str:
        """The component of this operation's server-sent events: the number, the name, the payload of each name."""
        name = "".join(part.title() for part in operation.view.__name__.split("_")[1:]).removesuffix("s")
        kinds = []
        for event, payloads in _events(operation).items():
            references = [self._schemas.reference(payload, "serialization") for payload in payloads]
            data = references[0] if len(references) == 1 else {"anyOf": references}
            kinds.append(
                {
                    "type": "object",
                    "title": f"{name}: {event}",
                    "required": ["id", "event", "data"],
                    "properties": {
                        "id": {"type": "integer", "description": "The event's number, from 1.", "examples": [3]},
                        "event": {"const": event, "description": "The event's name.", "examples": [event]},
                        "data": {**data, "description": "The payload, as JSON on one line."}  # type: ignore[dict-item]
                        if len(references) > 1
                        else data,
                    },
                }
            )
        self._schemas.components[name] = {
            "title": name,
            "description": "One server-sent event of the stream: its `id`, its `event`, and its `data` as JSON.",
            "oneOf": kinds,
        }
        return name

    def _problem(self, status: int, codes: set[str]) -> dict[str, Any]:
        """A reference to the response that all operations with the same codes share."""
        name = "_or_".join(sorted(codes))
        if name not in self.responses:
            sentences = [f"`{code}`: {errors.codes()[code][1]}" for code in sorted(codes)]
            sent = {"X-Request-Id", _HEADERS_OF_STATUSES.get(status, "X-Request-Id")}
            schema = {"$ref": REFERENCE.format(model="Problem")}
            self.responses[name] = {
                "description": " ".join(sentences),
                "headers": {header: header_reference(header) for header in sorted(sent)},
                "content": {"application/problem+json": {"schema": schema}},
            }
        return {"$ref": f"#/components/responses/{name}"}


def _moved_words(parameter: dict[str, Any]) -> dict[str, Any]:
    """The parameter with its schema's description as its own."""
    schema = dict(parameter["schema"])
    description = schema.pop("description", None)
    return {**parameter, "schema": schema} | ({"description": description} if description else {})


def _text_schema(operation: Operation) -> dict[str, Any]:
    kinds = {"application/json": "object"}
    return {"type": kinds.get(operation.media_type, "string")}


def _header_parameters(operation: Operation) -> list[dict[str, str]]:
    read = reachable.of(operation.view).request_headers | {"x-request-id"}
    names = [name for name in headers.REQUEST if name.lower() in read and name not in IMPLIED]
    return [{"$ref": f"#/components/parameters/{key(name)}"} for name in names]
