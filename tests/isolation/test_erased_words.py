"""Erasure (O7): a mark in every field that one can write, and afterwards nowhere: tables, every object version, logs.

Nothing here names routes, tables or buckets: a new field is marked because its route has an example (tests/isolation/
test_routes.py), and every table is searched, and every bucket that the templates declare.
"""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from chalicelib.core import process, repairs
from chalicelib.doors import waiting
from infra import policies
from infra.local import resources
from infra.stages import APPLICATION
from tests import places
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


def _variables_of_buckets() -> dict[str, str]:
    """The variable of the environment that leads to each bucket, by the bucket's name in the templates."""
    templates = policies.templates()
    functions = [templates[APPLICATION]["Globals"]["Function"]]
    functions += [item.get("Properties", {}) for item in templates[APPLICATION]["Resources"].values()]
    variables = [
        (name, json.dumps(value))
        for function in functions
        for name, value in function.get("Environment", {}).get("Variables", {}).items()
    ]
    declared = [
        name
        for template in templates.values()
        for name, item in template["Resources"].items()
        if isinstance(item, dict) and item.get("Type") == "AWS::S3::Bucket"
    ]
    return {bucket: next(name for name, value in variables if f'{{"Ref": "{bucket}"}}' in value) for bucket in declared}


@pytest.fixture
def buckets(service: Service, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The service's bucket, and one for each other bucket of the templates, which the service uses."""
    names = []
    for declared, variable in _variables_of_buckets().items():
        if variable != "ALCOVE_BUCKET":
            name = f"{service.bucket}-{declared.lower()}"
            resources.create_bucket(places.client, name, visibility_seconds=1)
            monkeypatch.setenv(variable, name)
            names.append(name)
    process.forget()
    return [service.bucket, *names]


def _objects_with_the_mark(buckets: list[str]) -> list[tuple[str, str]]:
    """Bucket and key of every version of an object with the mark in its key or in its bytes."""
    s3 = boto3.client("s3")
    return [
        (bucket, entry["Key"])
        for bucket in buckets
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
        for entry in page.get("Versions", [])
        if MARK in entry["Key"]
        or MARK.encode() in s3.get_object(Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"])["Body"].read()
    ]


def test_the_search_reads_every_bucket_that_the_templates_declare(buckets: list[str]) -> None:
    s3 = boto3.client("s3")
    assert len(buckets) == len(_variables_of_buckets()) >= 2
    for bucket in buckets:
        s3.put_object(Bucket=bucket, Key="a", Body=f"some {MARK} words".encode())
        s3.put_object(Bucket=bucket, Key="a", Body=b"and none")
        s3.delete_object(Bucket=bucket, Key="a")
    assert _objects_with_the_mark(buckets) == [(bucket, "a") for bucket in buckets]


def test_o7_no_word_of_an_erased_person_is_left_in_tables_objects_or_logs(
    service: Service, buckets: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
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
    assert _objects_with_the_mark(buckets) != []
    world.owner = service.log_in(world.owner.email, world.owner.password)
    assert world.owner.delete("/me").status == 204
    repairs.run("delete_objects")
    # A group's title stays with the group, whose members still use it. Nothing else of a group has the mark.
    assert service.rows("update groups set title = null where title like %s returning 1", f"%{MARK}") == [(1,)]
    assert _tables_with_the_mark(service) == set()
    assert _objects_with_the_mark(buckets) == []
    assert MARK not in capsys.readouterr().out
