"""A database that pauses: its listener takes connections, and says nothing until it is awake (S1, S3)."""

import json
import secrets
import socket
import time
from collections.abc import Iterator
from typing import Any

import boto3
import psycopg
import pytest

from chalicelib.core import connection, errors, identity, process
from chalicelib.core.settings import settings
from chalicelib.ops import deployment, rotation
from tests.paused_database import PausedDatabase
from tests.service import Service


@pytest.fixture
def paused(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[PausedDatabase]:
    """The service's database, paused."""
    place = service.database.app
    listener = PausedDatabase(place["host"], place["port"])
    _point_at(listener.port)
    monkeypatch.setenv("ALCOVE_DATABASE_WAIT_SECONDS", "2")
    process.forget()
    yield listener
    process.forget()
    listener.close()


def _point_at(port: int) -> None:
    for arn in (settings().database_secret, settings().owner_secret):
        _change(arn, port=port)


def _change(arn: str, **fields: Any) -> None:
    manager = boto3.client("secretsmanager")
    document = json.loads(manager.get_secret_value(SecretId=arn)["SecretString"])
    manager.put_secret_value(SecretId=arn, SecretString=json.dumps(document | fields))


def test_s3_a_request_that_finds_the_database_paused_is_told_so(service: Service, paused: PausedDatabase) -> None:
    started_at = time.monotonic()
    answer = service.request("GET", "/ready")
    assert (answer.status, answer.json["code"], answer.headers["Retry-After"]) == (503, "waking", "10")
    assert time.monotonic() - started_at < 8
    paused.wake()
    assert service.request("GET", "/ready").status == 200


@pytest.mark.parametrize("path", ["/health", "/docs", "/openapi.json"])
def test_s2_what_describes_the_service_wakes_no_database(service: Service, paused: PausedDatabase, path: str) -> None:
    assert service.request("GET", path).status == 200
    assert paused.connections == 0
    service.request("GET", "/ready")
    assert paused.connections == 1, "and what asks for the database is counted"


def test_s3_a_function_waits_for_a_database_that_wakes_in_time(
    service: Service, paused: PausedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALCOVE_DATABASE_WAIT_SECONDS", "60")
    process.forget()
    paused.wake_after(3)
    with identity.as_nobody() as conn:
        assert conn.execute("select 1").fetchone() == (1,)


def test_s3_a_database_that_refuses_connections_is_not_waited_for(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    _point_at(port)
    monkeypatch.setenv("ALCOVE_DATABASE_WAIT_SECONDS", "60")
    process.forget()
    started_at = time.monotonic()
    answer = service.request("GET", "/ready")
    assert (answer.status, answer.json["code"]) == (503, "unavailable")
    assert time.monotonic() - started_at < 30


def test_s1_a_deploy_waits_for_a_paused_database(
    service: Service, paused: PausedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A time-out once was read as "the owner's role does not exist", and the master user was asked to make it."""
    monkeypatch.setenv("ALCOVE_MASTER_SECRET", "no secret has this name: whoever reads it fails")
    process.forget()
    paused.wake_after(3)
    assert deployment.migrate()["applied"] == []


def test_s1_a_database_that_does_not_wake_stops_the_deploy(
    service: Service, paused: PausedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment, "_DATABASE_SECONDS", 2)
    monkeypatch.setenv("ALCOVE_MASTER_SECRET", "no secret has this name: whoever reads it fails")
    process.forget()
    with pytest.raises(errors.Waking):
        deployment.migrate()


def test_s1_only_a_refusal_by_the_server_is_a_wrong_password(service: Service, paused: PausedDatabase) -> None:
    owner = json.loads(
        boto3.client("secretsmanager").get_secret_value(SecretId=settings().owner_secret)["SecretString"]
    )
    with pytest.raises(psycopg.OperationalError) as unreached:
        connection.connect(owner, seconds=2)
    assert not connection.is_refusal(unreached.value)
    paused.wake()
    with pytest.raises(psycopg.OperationalError) as refused:
        connection.connect(owner | {"password": "another"})
    assert connection.is_refusal(refused.value)


def test_s1_a_rotation_reads_no_timeout_as_a_refusal(service: Service, paused: PausedDatabase) -> None:
    """The owner's new password is tried only when the server has refused the former one."""
    arn, version = settings().owner_secret, secrets.token_hex(16)
    rotation.rotate("createSecret", arn, version)
    with pytest.raises(psycopg.errors.ConnectionTimeout):
        rotation.rotate("finishSecret", arn, version)
    assert paused.connections == 1
