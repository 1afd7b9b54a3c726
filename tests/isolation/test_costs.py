"""The caller is judged and charged before anything is done for them (invariant 5, A14): every operation, those of
tomorrow included.

Whatever a view does, it does after that: so it is enough that no view begins for a caller who is refused.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import psycopg
import pytest

from chalicelib.core import connection
from chalicelib.core.http import Operation
from tests.isolation.scenario import Scenario
from tests.isolation.test_routes import CLOSED, EXAMPLES, NAMES, OPERATIONS, _ask, _bearer, _each, outsiders
from tests.service import Service

__all__ = ["outsiders"]  # the fixture

# Modules whose functions hash, embed, ask a model or call another server.
COSTLY = ("argon2", "bcrypt", "onnxruntime", "tokenizers", "numpy", "urllib3", "openai", "anthropic", "httpx")
OPEN = [entry for entry in OPERATIONS if not entry[2].authenticated]


@contextmanager
def _calls() -> "Iterator[list[tuple[str, Any]]]":
    """Records every call of a Python function in this thread: its module, and its code."""
    calls: list[tuple[str, Any]] = []

    def record(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            calls.append((frame.f_globals.get("__name__", ""), frame.f_code))

    sys.setprofile(record)
    try:
        yield calls
    finally:
        sys.setprofile(None)


def _assert_nothing_started(calls: "list[tuple[str, Any]]", operation: Operation, why: str) -> None:
    assert operation.view.__code__ not in {code for _, code in calls}, f"the view began: {why}"
    done = {module for module, _ in calls if module.split(".")[0] in COSTLY}
    assert not done, f"{done}: {why}"


@_each(CLOSED)
def test_nothing_is_done_for_a_caller_who_may_not(
    world: Scenario, outsiders: dict[str, str], path: str, method: str, operation: Operation
) -> None:
    refused = {**outsiders, "a key of the right form": "Bearer alc_" + "b" * 43}
    if operation.admin:
        refused["no administrator"] = _bearer(world.owner)
    if operation.required_scope(method) != "read":
        refused["a key without the scope"] = f"Bearer {world.keys['reading']}"
    for why, token in refused.items():
        with _calls() as calls:
            status = _ask(world, path, method, token).status
        assert status in {401, 403}, why
        _assert_nothing_started(calls, operation, why)


@pytest.fixture
def spent(world: Scenario) -> Iterator[None]:
    """Every limit of the owner and of this address is used up."""
    world.service.rows(
        "insert into rate_limit_buckets (name, subject, full_at) "
        "select l.name, s.subject, now() + interval '10 days' "
        "from rate_limits l, unnest(%s::text[]) as s (subject) "
        "on conflict (name, subject) do update set full_at = excluded.full_at returning name",
        [str(world.owner.id), "127.0.0.1"],
    )
    yield
    world.service.rows("delete from rate_limit_buckets returning name")


@_each(CLOSED)
def test_nothing_is_done_beyond_the_limit(
    world: Scenario, spent: None, path: str, method: str, operation: Operation
) -> None:
    for token in (_bearer(world.owner), f"Bearer alc_{'b' * 43}"):
        with _calls() as calls:
            answer = _ask(world, path, method, token)
        assert (answer.status, answer.json["code"]) == (429, "rate_limited")
        assert int(answer.headers["Retry-After"]) > 0
        _assert_nothing_started(calls, operation, "beyond the limit")


@_each(OPEN)
def test_nothing_is_done_for_a_stranger_beyond_the_limit(
    world: Scenario, spent: None, path: str, method: str, operation: Operation
) -> None:
    with _calls() as calls:
        answer = _ask(world, path, method, None)
    if operation.charged_limit(method) is None:
        assert answer.status == 200
        assert not {module for module, _ in calls if module.split(".")[0] == "psycopg"}, "it wakes the database"
        return
    assert (answer.status, answer.json["code"]) == (429, "rate_limited")
    _assert_nothing_started(calls, operation, "beyond the limit")


@_each([entry for entry in OPEN if entry[2].optional])
def test_an_optional_credential_is_judged_first(
    world: Scenario, outsiders: dict[str, str], path: str, method: str, operation: Operation
) -> None:
    for why, token in outsiders.items():
        with _calls() as calls:
            assert _ask(world, path, method, token).status == 401, why
        _assert_nothing_started(calls, operation, why)


def test_no_route_that_knows_its_caller_is_without_a_limit() -> None:
    assert not [f"{method} {path}" for path, method, entry in CLOSED if entry.charged_limit(method) is None]


def test_no_transaction_waits_while_a_password_is_hashed_or_another_server_answers(service: Service) -> None:
    administrator = service.administrator()
    states: list[str] = []

    def look(frame: FrameType, event: str, _: object) -> None:
        module, name = frame.f_globals.get("__name__", ""), frame.f_code.co_name
        if event == "call" and (module, name) in {
            ("argon2._password_hasher", "hash"),
            ("argon2._password_hasher", "verify"),
            ("chalicelib.core.outbound", "pool_manager"),
        }:
            status = connection._warm.connection.info.transaction_status
            states.append(psycopg.pq.TransactionStatus(status).name)

    sys.setprofile(look)
    try:
        created = administrator.post("/users", EXAMPLES["POST /users"] | {"password": "a long enough password"})
        registered = service.request("POST", "/auth/register", EXAMPLES["POST /auth/register"])
        refused = service.request("POST", "/auth/login", EXAMPLES["POST /auth/login"] | {"password": "wrong password"})
        administrator.put(f"/me/provider-keys/{NAMES['provider']}", EXAMPLES["PUT /me/provider-keys/{provider}"])
    finally:
        sys.setprofile(None)
    assert (created.status, registered.status, refused.status) == (201, 201, 401)
    assert len(states) >= 3
    assert set(states) == {"IDLE"}


def test_a_stranger_who_tries_many_keys_is_told_to_wait(service: Service) -> None:
    service.rows("update rate_limits set burst = 2, every = '1 hour' where name = 'invalid' returning name")
    statuses = [
        service.request("GET", "/me", headers={"Authorization": f"Bearer alc_{letter * 43}"}).status
        for letter in "abcd"
    ]
    assert statuses == [401, 401, 429, 429]
    assert service.user().get("/me").status == 200
