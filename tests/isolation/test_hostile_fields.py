"""A body that is valid but for one field: a clear problem, or a stored value, never a failure.

tests/core/test_http.py sends each field alone, which another field that is required often refuses first. What is sent
here lies within the limits of types and lengths.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.core import errors, http, validation
from chalicelib.core.http import Operation
from chalicelib.doors import waiting
from tests.core.test_http import EDGES
from tests.isolation.scenario import Scenario
from tests.isolation.test_routes import EXAMPLES, NAMES, _body, _filled
from tests.service import _session

NOBODYS = "00000000-0000-7000-8000-000000000000"
# What types and lengths let pass, and what stands behind them does not have: times, numbers, texts.
VALUES: list[Any] = [*EDGES, 10**400, {"a": 10**400}, "\x1c", "\u200b", "\u2028", "-0", "x" * 199, NOBODYS]
# Servers outside that a body names are not there.
UNREACHABLE = {"provider_unreachable", "reranking_failed", "embedding_failed", "answer_unfinished"}
BODIES = [
    pytest.param(path, method, operation, id=f"{method} {path}")
    for path, method, operation in http.operations()
    if f"{method} {path}" in EXAMPLES
]


def _bodies(example: dict[str, Any], operation: Operation) -> Iterator[bytes]:
    """The example with each value in the place of each field, also of the fields inside of a field."""
    assert operation.body is not None
    for name, info in operation.body.model_fields.items():
        field = info.alias or name
        present = example.get(field)
        for value in VALUES:
            changed: list[Any] = [value]
            if isinstance(present, list):
                changed.append([value])
                changed += [[entry | {key: value}] for entry in present if isinstance(entry, dict) for key in entry]
            if isinstance(present, dict):
                changed += [present | {key: value} for key in present]
            yield from (json.dumps(example | {field: each}).encode() for each in changed)


def _is_accepted(operation: Operation, body: bytes) -> bool:
    assert operation.body is not None
    try:
        validation.validate(operation.body, body)
    except errors.Unprocessable:
        return False
    return True


@pytest.mark.parametrize(("path", "method", "operation"), BODIES)
def test_a_valid_body_with_one_hostile_field_is_no_failure(
    world: Scenario, monkeypatch: pytest.MonkeyPatch, path: str, method: str, operation: Operation
) -> None:
    monkeypatch.setattr(waiting, "SECONDS", 0.0)  # no worker answers here
    user = world.administrator if operation.admin else world.owner
    # A test before this one may have changed the password, which ends sessions.
    user.access_token = _session(user.id, user.email).access_token
    where = _filled(path, NAMES | world.ids)
    for body in _bodies(_body(f"{method} {path}", world.ids), operation):
        if _is_accepted(operation, body):
            world.service.rows("delete from rate_limit_buckets returning name")
            world.service.rows("delete from llm_queue returning 1")
            answer = user.request(method, where, body)
            assert answer.status < 500 or answer.json["code"] in UNREACHABLE, (body[:200], answer.body)
            assert answer.status != 401 or not operation.authenticated, "the session has ended: nothing is tried"


LONG = "x" * 99_000


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": LONG}],
        [{"role": "user", "content": [{"type": "text", "text": "x" * 15_000}] * 2}],
        [{"role": "system", "content": LONG}, {"role": "user", "content": "What?"}],
        [
            {"role": "assistant", "content": [{"type": "text", "text": LONG}] * 2},
            {"role": "user", "content": "What?"},
        ],
    ],
    ids=["question", "parts of a question", "instructions", "parts of the history"],
)
def test_messages_that_are_too_long_are_refused_as_such(world: Scenario, messages: Any) -> None:
    """Clients repeat a request that failed, and not one that is refused."""
    answer = world.other_user.post("/openai/v1/chat/completions", {"model": "alcove", "messages": messages})
    assert (answer.status, answer.json["code"]) == (422, "validation_failed")
    (error,) = answer.json["errors"]
    assert error["field"].startswith("messages")
    assert error["message"].startswith("must have at most ")


@pytest.mark.parametrize("cursor", [5, {"a": 1}, "x" * 300, "x", "é", "\x00"])
def test_a_cursor_of_no_list_of_resources_is_a_wrong_parameter(world: Scenario, cursor: Any) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "resources/list", "params": {"cursor": cursor}}
    answer = world.other_user.post("/mcp", message)
    assert (answer.status, answer.json["error"]["code"]) == (200, -32602)
