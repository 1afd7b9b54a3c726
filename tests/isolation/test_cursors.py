"""A cursor belongs to its list and its filters; elsewhere it is refused. Generated over every list that the app has."""

import base64
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, get_args
from uuid import UUID

import pytest
from pydantic import BaseModel

from chalicelib.core import cursors
from chalicelib.core.http import Operation
from chalicelib.core.models import Moment, Page
from tests.isolation.scenario import Scenario
from tests.isolation.test_routes import CLOSED, NAMES, _body, _filled
from tests.service import Answer

RAW = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()


def _model(operation: Operation) -> type[BaseModel] | None:
    """The model with the cursor."""
    models = [model for model in (operation.query, operation.body) if model and "cursor" in model.model_fields]
    return models[0] if models else None


LISTS = [entry for entry in CLOSED if _model(entry[2])]
IDS = [f"{method} {path}" for path, method, _ in LISTS]


def _request(world: Scenario, path: str, method: str, operation: Operation, cursor: str, **filters: Any) -> Answer:
    caller = world.administrator if operation.admin else world.owner
    where = _filled(path, NAMES | world.ids)
    if operation.query is None:
        return caller.request(method, where, _body(f"{method} {path}", world.ids) | {"cursor": cursor} | filters)
    query = "&".join(f"{name}={value}" for name, value in ({"cursor": cursor} | filters).items())
    return caller.request(method, f"{where}?{query}")


def _arguments(world: Scenario, path: str, method: str, operation: Operation) -> dict[str, Any]:
    parts = {name: _filled(f"{{{name}}}", NAMES | world.ids) for name in operation.path}
    body = {"body": operation.body.model_validate(_body(f"{method} {path}", world.ids))} if operation.body else {}
    return parts | body | ({"query": operation.query()} if operation.query else {})


def _marked(route: str, arguments: dict[str, Any]) -> str:
    cursor = cursors.mark(route, arguments, Page[Any](items=[], next_cursor=RAW)).next_cursor
    assert isinstance(cursor, str)
    return cursor


def _filters(model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    """An example of each filter of a list."""
    for name, field in model.model_fields.items():
        if name in {"cursor", "limit"} or field.is_required():
            continue
        kinds = set(_kinds(field.annotation))
        words = sorted(kind for kind in kinds if isinstance(kind, str))
        if bool in kinds:
            yield field.alias or name, str(field.default is not True).lower()
        elif words:
            yield field.alias or name, next(word for word in words if word != field.default)
        elif UUID in kinds:
            yield field.alias or name, str(uuid.uuid4())
        else:
            is_time = bool({datetime, Moment} & kinds)
            yield field.alias or name, "2026-01-01T00:00:00Z" if is_time else "x:y"


def _kinds(annotation: Any) -> Iterator[Any]:
    """The types and literal words in an annotation."""
    yield annotation
    for inner in get_args(annotation) if not isinstance(annotation, str) else ():
        with suppress(TypeError):  # what is not hashable is no type
            hash(inner)
            yield from _kinds(inner)


@pytest.mark.parametrize(("path", "method", "operation"), LISTS, ids=IDS)
def test_a_cursor_of_another_list_is_refused(world: Scenario, path: str, method: str, operation: Operation) -> None:
    other_path, other_method, other = next(entry for entry in LISTS if entry[0] != path and not entry[2].body)
    foreign = _marked(f"{other_method} {other_path}", _arguments(world, other_path, other_method, other))
    arguments = _arguments(world, path, method, operation)
    same_list_elsewhere = _marked(f"{method} {path}", arguments | {"document_id": str(uuid.uuid4())})
    for cursor in (foreign, same_list_elsewhere, RAW, "x"):
        refused = _request(world, path, method, operation, cursor)
        assert (refused.status, refused.json.get("code")) == (400, "bad_cursor"), cursor
    accepted = _request(world, path, method, operation, _marked(f"{method} {path}", arguments))
    assert accepted.status == 200 or accepted.json["code"] == "bad_cursor", "a list may make another kind of cursor"


WITH_FILTERS = [
    pytest.param(*entry, name, value, id=f"{entry[1]} {entry[0]} {name}")
    for entry in LISTS
    for name, value in _filters(_model(entry[2]) or BaseModel)
]


@pytest.mark.parametrize(("path", "method", "operation", "name", "value"), WITH_FILTERS)
def test_a_cursor_of_the_same_list_with_other_filters_is_refused(
    world: Scenario, path: str, method: str, operation: Operation, name: str, value: Any
) -> None:
    cursor = _marked(f"{method} {path}", _arguments(world, path, method, operation))
    if name == "conversation_id":
        value = world.ids["conversation_id"]
    if name == "metadata" and operation.query is None:
        value = {"x": "y"}
    refused = _request(world, path, method, operation, cursor, **{name: value})
    assert (refused.status, refused.json.get("code")) == (400, "bad_cursor"), refused.body


def test_every_list_that_gives_a_cursor_takes_it(world: Scenario) -> None:
    pages = 0
    for path, method, operation in LISTS:
        if operation.query is None:
            continue
        caller = world.administrator if operation.admin else world.owner
        where = f"{_filled(path, NAMES | world.ids)}?limit=1"
        first = caller.request(method, where)
        if first.status == 200 and (cursor := first.json["next_cursor"]):
            second = caller.request(method, f"{where}&cursor={cursor}")
            assert (second.status, second.json["items"] != first.json["items"]) == (200, True), path
            pages += 1
    assert pages >= 5
