"""Fixtures: a real Postgres with a migrated template, a database of its own for each test, users in it."""

import compileall
import gc
import os
import shutil
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, settings

from chalicelib.auth.accounts import password_hashes
from chalicelib.ops import migrations
from infra.local import emulator, postgres
from tests import places
from tests.places import Places
from tests.service import Database, Service

# A busy machine makes an example slow to draw and to run; what costs too much is found by counting and in bench/.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

# So does a request, for which httpx waits five seconds. Tests of timeouts name their own.
for _wait in ("connect", "read", "write", "pool"):
    setattr(httpx._config.DEFAULT_TIMEOUT_CONFIG, _wait, 60.0)

TEMPLATE = "alcove_template"
_CHALICELIB = Path(__file__).parent.parent / "chalicelib"

# Copying the template makes 700 files: 0.07 s in memory, 0.5 s on an ext4 disk. A worker's server needs less than this.
_MEMORY, _MEMORY_BYTES = Path("/dev/shm"), 4 * 2**30


def _fast_place() -> Path | None:
    """Where the database's files are made and deleted fastest; None is the ordinary temporary folder."""
    return _MEMORY if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _MEMORY_BYTES else None


_ENVIRONMENT = os.environ


@pytest.fixture(autouse=True)
def own_environment() -> None:
    """Each test has the process's environment: Chalice's test client leaves a copy behind when threads use it at once.

    What is set in a copy does not reach libraries in C, such as OpenSSL.
    """
    os.environ = _ENVIRONMENT  # noqa: B003 — the object itself, not its contents


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """argon2id with its least parameters: thousands of hashes of 0.1 s each would say nothing more.

    What the application really uses is tested in a process of its own, in tests/auth/test_accounts.py.
    """
    with pytest.MonkeyPatch.context() as parameters:
        parameters.setattr(password_hashes, "_PROFILE", "CHEAPEST")
        yield


@pytest.fixture(scope="session", autouse=True)
def recorded_traffic() -> Iterator[None]:
    """What this process does to AWS is noted: so the next test can have what this one left alone."""
    with places.recorded():
        yield


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    with tempfile.TemporaryDirectory(prefix="alcove-test-", dir=_fast_place()) as directory:
        Path(directory).chmod(0o755)  # the server runs as nobody when the tests run as root
        yield postgres.start(Path(directory) / "postgres", durable=False)
        postgres.stop(Path(directory) / "postgres")


def _database(server: postgres.Server, name: str) -> Database:
    place = {"host": server.host, "port": server.port, "dbname": name}
    return Database(
        owner=place | {"username": "alcove_owner", "password": server.owner_password},
        app=place | {"username": "alcove_app", "password": server.app_password},
    )


@contextmanager
def service_of_a_module(server: postgres.Server, template: str) -> Iterator[tuple[Service, pytest.MonkeyPatch]]:
    """A service for all tests of a module, with the environment that leads to it: 0.1 s less for each of them."""
    name = f"test_{uuid.uuid4().hex}"
    postgres.create_database(server, name, template)
    with pytest.MonkeyPatch.context() as environment:
        service = Service.create(_database(server, name), environment)
        service.create_master_key(environment)
        yield service, environment
    service.close()
    postgres.drop_database(server, name)


@pytest.fixture(scope="session")
def template(server: postgres.Server) -> str:
    postgres.create_database(server, TEMPLATE)
    migrations.apply(_database(server, TEMPLATE).owner)
    with _database(server, TEMPLATE).connect("owner") as conn:  # as the environment of `service` says to migrate
        conn.execute("update static_config set registration_open = true")
        conn.execute("truncate config_audit")
    return TEMPLATE


@pytest.fixture(scope="session")
def superuser(server: postgres.Server) -> Iterator[postgres.Superuser]:
    """The connection that makes and drops every test's database."""
    with postgres.connect_superuser(server) as connection:
        yield connection


@pytest.fixture
def database(server: postgres.Server, superuser: postgres.Superuser, template: str) -> Iterator[Database]:
    """A copy of the template, under the same name for each test: so its secrets stay."""
    postgres.create_database(server, "test", template, superuser)
    yield _database(server, "test")
    postgres.drop_database(server, "test", superuser)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile the application once: each process that reads a document would compile its readers anew."""
    if not hasattr(session.config, "workerinput"):
        compileall.compile_dir(_CHALICELIB, quiet=2)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Workers begin with the files marked `long`, then those of many tests: a long file that begins last ends alone.

    By itself xdist goes by the number of tests, and a stack that is killed and restored ten times comes last.
    """
    if hasattr(config, "workerinput"):
        sizes = Counter(item.path for item in items)
        long = {item.path for item in items if item.get_closest_marker("long")}
        items.sort(key=lambda item: (item.path not in long, -sizes[item.path]))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Have the garbage collector leave alone what stays to the end: modules and the tests themselves."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def endpoint_url() -> Iterator[str]:
    """The AWS emulator: S3, SQS and Secrets Manager as the application meets them."""
    with tempfile.TemporaryDirectory(prefix="alcove-test-") as directory:
        started = emulator.start(Path(directory))
        with pytest.MonkeyPatch.context() as environment:
            for name, value in started.environment.items():
                environment.setenv(name, value)
            yield started.endpoint_url
        emulator.stop(Path(directory))


@pytest.fixture(scope="session")
def lent_places(endpoint_url: str) -> Places:
    """Buckets, queues and secrets, lent to one test after the other."""
    return Places()


@pytest.fixture
def service(database: Database, lent_places: Places, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """The whole application in this process, on a database of its own and a bucket, queues and secrets as new."""
    with lent_places.lend(database.app, database.owner) as place:
        created = Service.create(database, monkeypatch, place)
        yield created
        created.close()
