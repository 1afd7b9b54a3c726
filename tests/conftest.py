"""Fixtures: a real Postgres with a migrated template, a database of its own for each test, users in it."""

import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chalicelib.ops import migrations
from infra.local import postgres

TEMPLATE = "alcove_template"


@dataclass(frozen=True)
class Database:
    """One test's database: the owner's and the application's secret, as Secrets Manager would hold them."""

    owner: dict[str, Any]
    app: dict[str, Any]

    def connect(self, role: str = "app") -> "psycopg.Connection[Any]":
        secret = self.owner if role == "owner" else self.app
        return psycopg.connect(
            host=secret["host"],
            port=secret["port"],
            dbname=secret["dbname"],
            user=secret["username"],
            password=secret["password"],
            autocommit=True,
        )


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    with tempfile.TemporaryDirectory(prefix="alcove-test-") as directory:
        Path(directory).chmod(0o755)  # the server runs as nobody when the tests run as root
        yield postgres.start(Path(directory) / "postgres", durable=False)
        postgres.stop(Path(directory) / "postgres")


def _database(server: postgres.Server, name: str) -> Database:
    place = {"host": server.host, "port": server.port, "dbname": name}
    return Database(
        owner=place | {"username": "alcove_owner", "password": server.owner_password},
        app=place | {"username": "alcove_app", "password": server.app_password},
    )


@pytest.fixture(scope="session")
def template(server: postgres.Server) -> str:
    postgres.create_database(server, TEMPLATE)
    migrations.apply(_database(server, TEMPLATE).owner)
    return TEMPLATE


@pytest.fixture
def database(server: postgres.Server, template: str) -> Iterator[Database]:
    name = f"test_{uuid.uuid4().hex}"
    postgres.create_database(server, name, template)
    yield _database(server, name)
    postgres.drop_database(server, name)
