"""A database that has only its master user gets both roles; their passwords and the signing key are exchanged later."""

import itertools
import json
import secrets
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from psycopg import sql

from app import app, migrate
from chalicelib.core import connection, process
from chalicelib.core.settings import settings
from chalicelib.ops import rotation
from infra.local import postgres
from tests.service import Database, Service

MASTER = {"username": "alcove_master", "password": "a master's password"}
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")


@pytest.fixture(scope="module")
def bare() -> Iterator[postgres.Server]:
    """A server as RDS makes it: its master user is no superuser, and none of our roles is there."""
    with tempfile.TemporaryDirectory(prefix="alcove-roles-") as directory:
        Path(directory).chmod(0o755)
        server = postgres.start(Path(directory) / "postgres", durable=False)
        with psycopg.connect(server.url("superuser", "postgres"), autocommit=True) as conn:
            conn.execute("drop role alcove_app; drop role alcove_owner")
            created = sql.SQL("create role {} login createrole createdb password {}")
            conn.execute(created.format(sql.Identifier(MASTER["username"]), sql.Literal(MASTER["password"])))
        yield server
        postgres.stop(Path(directory) / "postgres")


def _database(bare: postgres.Server) -> str:
    """The name of a new database that belongs to the master user."""
    name = f"only_{uuid.uuid4().hex}"
    created = sql.SQL("create database {} owner {}").format(sql.Identifier(name), sql.Identifier(MASTER["username"]))
    with psycopg.connect(bare.url("superuser", "postgres"), autocommit=True) as conn:
        conn.execute(created)
    return name


@pytest.fixture(scope="module")
def used(bare: postgres.Server) -> str:
    """A database that these tests share: each brings new secrets, and has them hold by migrating."""
    return _database(bare)


@pytest.fixture
def fresh(bare: postgres.Server) -> str:
    return _database(bare)


@pytest.fixture
def service(
    request: pytest.FixtureRequest, bare: postgres.Server, endpoint_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Service]:
    """A service with a master user's secret, on the database that the test names, or on the shared one."""
    name = request.getfixturevalue(getattr(request, "param", "used"))
    place = {"host": bare.host, "port": bare.port, "dbname": name}
    expected = Database(
        owner=place | {"username": "alcove_owner", "password": secrets.token_urlsafe(30)},
        app=place | {"username": "alcove_app", "password": secrets.token_urlsafe(30)},
    )
    created = Service.create(expected, monkeypatch)
    created.numbers = itertools.count(secrets.randbelow(10**9))  # its users share the database with other tests' users
    master = boto3.client("secretsmanager").create_secret(Name=f"{created.bucket}-m", SecretString=json.dumps(MASTER))
    monkeypatch.setenv("ALCOVE_MASTER_SECRET", master["ARN"])
    process.forget()
    yield created
    created.close()


def _call(event: dict[str, Any]) -> Any:
    assert app.app_name == "alcove"
    return migrate(event, None)


def _secret(arn: str, **which: str) -> Any:
    return json.loads(boto3.client("secretsmanager").get_secret_value(SecretId=arn, **which)["SecretString"])


def _exchange(arn: str, steps: tuple[str, ...] = STEPS) -> None:
    version = str(uuid.uuid4())
    for step in steps:
        _call({"Step": step, "SecretId": arn, "ClientRequestToken": version})


@pytest.mark.parametrize("service", ["fresh"], indirect=True)
def test_the_master_user_is_all_that_a_new_database_needs(service: Service) -> None:
    assert "0001_foundation" in _call({})["applied"]
    with service.database.connect("owner") as conn:
        rows = conn.execute(
            "select rolname, rolsuper, rolbypassrls, rolcreaterole from pg_roles where rolname ~ '^alcove_'"
            " and rolname <> %s order by 1",
            [MASTER["username"]],
        ).fetchall()
        assert rows == [("alcove_app", False, False, False), ("alcove_owner", False, False, True)]
        owners = conn.execute(
            "select distinct pg_get_userbyid(relowner) from pg_class where relnamespace = 'public'::regnamespace"
            " and relkind = 'r'"
        ).fetchall()
        assert owners == [("alcove_owner",)]
    assert service.request("GET", "/ready").status == 200
    assert _call({})["applied"] == []


def test_without_a_master_user_a_missing_owner_is_an_error(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALCOVE_MASTER_SECRET", "")
    owner = service.database.owner | {"username": "nobody_made_this_one"}
    boto3.client("secretsmanager").put_secret_value(SecretId=settings().owner_secret, SecretString=json.dumps(owner))
    process.forget()
    with pytest.raises(psycopg.OperationalError):
        _call({})


@pytest.mark.parametrize("kind", ["app", "owner"])
def test_a_restored_database_takes_the_password_of_the_new_secret(service: Service, kind: str) -> None:
    """A snapshot brings its roles along, and the new stack has new secrets."""
    _call({})
    arn = settings().database_secret if kind == "app" else settings().owner_secret
    new = _secret(arn) | {"password": secrets.token_urlsafe(30)}
    boto3.client("secretsmanager").put_secret_value(SecretId=arn, SecretString=json.dumps(new))
    assert _call({})["applied"] == []
    connection.connect(new).close()


def test_rotating_the_applications_password_ends_no_connection_and_delays_no_request(service: Service) -> None:
    _call({})
    user = service.user()
    before = _secret(settings().database_secret)
    warm = connection.connect(before)
    _exchange(settings().database_secret)
    after = _secret(settings().database_secret)
    assert after["password"] != before["password"]
    assert {key: after[key] for key in before if key != "password"} == {
        key: before[key] for key in before if key != "password"
    }
    with warm:
        assert warm.execute("select 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError, match="password"):
        connection.connect(before)
    connection.close()  # a function that connects anew still remembers the former password
    assert user.get("/me").status == 200


def test_exchanging_the_owners_password_needs_no_master(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    _call({})
    monkeypatch.setenv("ALCOVE_MASTER_SECRET", "")
    process.forget()
    before = _secret(settings().owner_secret)
    _exchange(settings().owner_secret)
    assert _secret(settings().owner_secret)["password"] != before["password"]
    assert _call({})["applied"] == []


def test_rotating_the_signing_key_ends_no_session(service: Service) -> None:
    _call({})
    user = service.user()
    before = _secret(settings().signing_secret)
    _exchange(settings().signing_secret)
    assert len(_secret(settings().signing_secret)["k"]) == 64
    assert _secret(settings().signing_secret, VersionStage="AWSPREVIOUS") == before
    process.forget()
    assert user.get("/me").status == 200


@pytest.mark.parametrize("kind", ["app", "owner"])
def test_a_rotation_that_dies_anywhere_is_finished_by_the_next_try(service: Service, kind: str) -> None:
    """Each step runs twice; and the last one dies between the database and the secret."""
    _call({})
    arn = settings().database_secret if kind == "app" else settings().owner_secret
    for repeated in STEPS:
        version = str(uuid.uuid4())
        for step in STEPS:
            event = {"Step": step, "SecretId": arn, "ClientRequestToken": version}
            if step == repeated == "finishSecret":
                rotation._set_password(_secret(arn, VersionId=version))
            elif step == repeated:
                _call(event)
            _call(event)
        assert _secret(arn) == _secret(arn, VersionId=version)
        connection.connect(_secret(arn)).close()


def test_only_secrets_of_this_deployment_and_the_four_steps_are_known(service: Service) -> None:
    for step, arn in (("createSecret", settings().administrator_secret), ("dropSecret", settings().owner_secret)):
        with pytest.raises(rotation.UnknownSecretError):
            _call({"Step": step, "SecretId": arn, "ClientRequestToken": str(uuid.uuid4())})
