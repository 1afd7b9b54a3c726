"""Erasure (O7): a mark in every field that one can write, and afterwards nowhere: tables, every object version, logs.

Nothing here names routes or tables: a new field is marked because its route has an example (tests/isolation/
test_routes.py), and every table and object is searched.
"""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from chalicelib.core import repairs
from chalicelib.doors import waiting
from tests.isolation import scenario
from tests.isolation.scenario import Scenario
from tests.isolation.test_routes import CLOSED, EXAMPLES, NAMES, _body, _filled
from tests.service import Service

MARK = "zqxmarkwort"
# They end a session or another account, or need a provider that answers.
_LEFT_OUT = ("/auth/", "/me/password", "/me/session", "/me/provider-keys", "/openai/v1/embeddings")


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each text in a body."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _leaves(part, (*path, name))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _leaves(part, (*path, index))


def _marked(body: Any, path: tuple[Any, ...]) -> Any:
    """The body with the mark behind the text at `path`."""
    copy = json.loads(json.dumps(body))
    place = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = f"{place[path[-1]]} {MARK}"
    return copy


def _write_everywhere(world: Scenario) -> int:
    """Send every body once for each of its texts, with the mark in it; returns how many were accepted."""
    accepted = 0
    for path, method, operation in CLOSED:
        name = f"{method} {path}"
        if operation.admin or name not in EXAMPLES or path.startswith(_LEFT_OUT):
            continue
        body = _body(name, world.ids)
        for leaf in _leaves(body):
            answer = world.owner.request(method, _filled(path, NAMES | world.ids), _marked(body, leaf))
            accepted += answer.status < 300
    world.service.pump_ingest()
    world.service.pump_answer()
    return accepted


def _tables_with_the_mark(service: Service) -> set[str]:
    return {row.split(":", 1)[0] for row in scenario.snapshot(service) if MARK in row}


def _objects_with_the_mark(service: Service) -> list[str]:
    s3 = boto3.client("s3")
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=service.bucket)
    versions = [(entry["Key"], entry["VersionId"]) for page in pages for entry in page.get("Versions", [])]
    return [
        key
        for key, version in versions
        if MARK in key
        or MARK.encode() in s3.get_object(Bucket=service.bucket, Key=key, VersionId=version)["Body"].read()
    ]


def test_o7_no_word_of_an_erased_person_is_left_in_tables_objects_or_logs(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(waiting, "SECONDS", 0)
    service.create_master_key(monkeypatch)
    world = scenario.people(service)
    scenario.fill(world)
    world.owner = service.log_in(world.owner.email, world.owner.password)
    capsys.readouterr()
    assert _write_everywhere(world) > 20
    before = _tables_with_the_mark(service)
    assert {"documents", "document_chunks", "messages", "conversations", "memory_items", "tags", "users"} <= before
    assert _objects_with_the_mark(service) != []
    world.owner = service.log_in(world.owner.email, world.owner.password)
    assert world.owner.delete("/me").status == 204
    repairs.run("delete_objects")
    # A group's title stays with the group, whose members still use it. Nothing else of a group has the mark.
    assert service.rows("update groups set title = null where title like %s returning 1", f"%{MARK}") == [(1,)]
    assert _tables_with_the_mark(service) == set()
    assert _objects_with_the_mark(service) == []
    assert MARK not in capsys.readouterr().out
